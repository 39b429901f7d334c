//! hosts.allow and hosts.deny as they are on disk, the commands that rules run, and what rules change
//! about a server (docs/xinetd-behaviour.md, section 4.7 of docs/xinetd-behaviour.md).

mod commands;
mod files;

use std::collections::HashMap;

use xinetd_core::admission::Changes;
use xinetd_core::service::Environment;

use crate::sys::spawn::{Change, Launcher};

use super::banner::Banner;
use super::environment;
use super::helper::Helper;
use super::settings::{Work, limits};

use commands::{Commands, shell};
pub(super) use files::Files;

/// What the helper has of hosts.allow and hosts.deny.
#[derive(Default)]
pub(super) struct Wrap {
    pub(super) files: Files,
    pub(super) commands: Commands,
    /// The files that `banners` names, by their paths.
    pub(super) banners: HashMap<Vec<u8>, Banner>,
}

impl Helper {
    /// Runs what the service runs, or a command, with these changes.
    pub(super) fn launcher(&self, changes: &Changes) -> Option<Launcher> {
        let spec = &self.settings.spec;
        let mut rules: Environment = spec.environment.clone();
        rules.set.extend(changes.set.iter().cloned());
        let environment = environment::common(self.inherited.environment.iter().cloned(), &rules);
        let command = changes.command.clone().map(shell);
        let change = Change {
            umask: changes.umask,
            nice: changes.nice,
        };
        match (&self.settings.work, command) {
            (Work::Execute(own) | Work::Wait(own), Some((path, argv))) => {
                Some(own.another(path, argv, environment, change))
            }
            (Work::Execute(own) | Work::Wait(own), None) => Some(own.with(environment, change)),
            // In place of what the helper would do itself.
            (_, Some((path, argv))) => {
                let limits = limits(&spec.resource_limits, self.inherited.files);
                let plain = Launcher::new(path, argv, Vec::new(), limits, self.inherited.user);
                Some(plain.with(environment, change))
            }
            (_, None) => None,
        }
    }
}
