//! hosts.allow and hosts.deny as they are on disk, the commands that rules run, and what rules change
//! about a server (docs/xinetd-behaviour.md, section 4.7 of docs/xinetd-behaviour.md).

mod commands;
mod files;

use std::collections::HashMap;

use super::banner::Banner;

pub(super) use commands::{Commands, shell};
pub(super) use files::Files;

/// What the helper has of hosts.allow and hosts.deny.
#[derive(Default)]
pub(super) struct Wrap {
    pub(super) files: Files,
    pub(super) commands: Commands,
    /// The files that `banners` names, by their paths.
    pub(super) banners: HashMap<Vec<u8>, Banner>,
}
