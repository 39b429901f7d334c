//! `xinetdctl reopen-logs`: what is run after log files were put aside.

use super::manager;
use super::output::{Done, Failure};

/// Runs the command.
pub(super) fn run() -> Done {
    manager::of_this_machine()
        .reopen_logs()
        .map_err(Failure::undone)?;
    Ok(0)
}
