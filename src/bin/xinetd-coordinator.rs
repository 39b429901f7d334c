//! The coordinator: see [`xinetd_bridge::bus`].

use std::process::ExitCode;

fn main() -> ExitCode {
    xinetd_bridge::bus::main()
}
