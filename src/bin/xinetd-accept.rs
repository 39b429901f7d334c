//! The helper: see [`xinetd_bridge::accept`].

use std::process::ExitCode;

fn main() -> ExitCode {
    xinetd_bridge::accept::main()
}
