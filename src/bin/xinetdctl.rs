//! The administrator's tool: see [`xinetd_bridge::ctl`].

use std::io::{IsTerminal, stdout};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use xinetd_bridge::ctl::Screen;

fn main() -> ExitCode {
    let screen = Screen {
        // Those of a terminal, unless NO_COLOR and the like say otherwise.
        has_colours: AutoStream::choice(&stdout()) != ColorChoice::Never,
        is_terminal: stdout().is_terminal(),
    };
    xinetd_bridge::ctl::main(std::env::args_os(), &mut stdout().lock(), screen)
}
