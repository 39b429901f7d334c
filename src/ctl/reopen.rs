//! `xinetdctl reopen-logs`: what is run after log files were put aside.

use super::output::{Done, Failure};
use crate::bus::client;

/// Runs the command.
pub(super) fn run() -> Done {
    client::reopen_logs().map_err(Failure::undone)?;
    Ok(0)
}
