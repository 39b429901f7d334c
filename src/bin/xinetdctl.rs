//! The administrator's tool: see [`xinetd_bridge::ctl`].

use std::io::stdout;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};

fn main() -> ExitCode {
    // A terminal, unless NO_COLOR and the like say otherwise.
    let colour = AutoStream::choice(&stdout()) != ColorChoice::Never;
    xinetd_bridge::ctl::main(std::env::args_os(), &mut stdout().lock(), colour)
}
