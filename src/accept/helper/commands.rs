//! What hosts.allow and hosts.deny have run: commands, and servers with other settings than the service's.

use nix::sys::prctl::get_no_new_privs;
use xinetd_core::admission::Changes;
use xinetd_core::service::Environment;

use crate::journal::Journal;
use crate::sys::spawn::{Change, Launcher};

use super::super::clock::Moment;
use super::super::environment;
use super::super::libwrap::shell;
use super::super::settings::{Work, limits};
use super::super::slab::Key;
use super::Helper;

impl Helper {
    /// Runs a shell command as the service's user, with nothing to read or write, and does not wait
    /// for it.
    pub(super) fn run_command(&mut self, changes: &Changes, now: Moment) {
        let Some(mut launcher) = self.launcher(changes) else {
            return;
        };
        if let Err(why) = self.wrap.commands.run(&mut launcher, &self.reactor) {
            self.command_failed(&why, now);
        }
    }

    /// Says that a command is bound by the sandbox of a helper that runs no server: the generator
    /// leaves it away where it sees rules with commands, so that this one has come later.
    pub(super) fn remark_sandbox(&mut self, now: Moment) {
        // A container that allows no new privileges is meant to be like that.
        let has_sandbox = !Journal::is_supervisors()
            && !matches!(self.settings.work, Work::Execute(_) | Work::Wait(_));
        if has_sandbox && get_no_new_privs() == Ok(true) && self.report.admits_remark(now) {
            let id = self.settings.spec.id.to_text();
            log::warn!(
                "{id}: a command of hosts.allow or hosts.deny runs in the unit's sandbox, since it is newer \
                 than the unit; run systemctl daemon-reload"
            );
        }
    }

    fn command_failed(&mut self, why: &str, now: Moment) {
        if self.report.admits_remark(now) {
            let id = self.settings.spec.id.to_text();
            log::warn!("{id}: a command of hosts.allow or hosts.deny is not run: {why}");
        }
    }

    /// A command has ended, perhaps.
    pub(super) fn command_ended(&mut self, key: Key) {
        self.wrap.commands.ended(key);
    }

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
