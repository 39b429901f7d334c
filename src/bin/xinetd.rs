//! xinetd without systemd: see [`xinetd_bridge::standalone`].

use std::process::ExitCode;

fn main() -> ExitCode {
    xinetd_bridge::standalone::main(std::env::args_os().skip(1))
}
