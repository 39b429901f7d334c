//! What follows a daemon-reload: see [`xinetd_bridge::reconcile`].

use std::process::ExitCode;

fn main() -> ExitCode {
    xinetd_bridge::reconcile::main()
}
