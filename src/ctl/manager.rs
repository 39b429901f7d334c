//! The service manager of this machine: systemd with the coordinator on the bus, or the supervisor where there is no
//! systemd. The commands are the same over both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use xinetd_core::config::{DiskTree, FileTree};
use xinetd_core::translate::helper;

use super::output::Failure;
use crate::bus::client::{self as coordinator, Bans, Failed, ServiceRow, Sessions};
use crate::installed::{self, is_systemd};
use crate::reconcile::{Trouble, troubles};
use crate::standalone::client as supervisor;

/// What commands ask a service manager for, and have it do.
///
/// Errors are in words, with the next step where there is one.
pub(super) trait ServiceManager {
    /// All services with what each is doing, and the upper bounds of the classes of durations, in milliseconds.
    fn list_services(&self) -> Result<(Vec<ServiceRow>, Vec<u64>), String>;

    /// The unit without suffix of the service with this id or unit, and its sessions.
    fn list_sessions(&self, name: &str) -> Result<(String, Sessions), Failed>;

    /// Ends a session of the service with this id or unit, by the server's process, or by the client's address and
    /// port.
    fn kick(&self, name: &str, whom: &str) -> Result<(), Failed>;

    /// Has all services that run open their log files anew.
    fn reopen_logs(&self) -> Result<(), String>;

    /// All bans.
    fn list_bans(&self) -> Result<Bans, String>;

    /// Bans a peer for so many seconds, 0 for ever; what the ban hits.
    fn add_ban(&self, peer: &str, seconds: u64) -> Result<String, String>;

    /// Ends the ban of a peer.
    fn remove_ban(&self, peer: &str) -> Result<(), String>;

    /// Ends all bans; how many there were.
    fn flush_bans(&self) -> Result<u32, String>;

    /// Which of these units without suffix do not serve, though they are switched on, and why.
    fn troubles(&self, units: &BTreeSet<&str>) -> Result<BTreeMap<String, Trouble>, String>;

    /// Whether a service that it has is switched on, by its unit without suffix.
    fn is_enabled(&self, unit: &str) -> bool;

    /// Why a service listens that is switched off in the files, by its unit without suffix.
    fn why_listening(&self, unit: &str) -> String;

    /// What stands behind the name of a unit where its socket is meant.
    fn suffix(&self) -> &'static str;
}

/// Whether a supervisor runs in the place of systemd.
pub(super) fn is_supervisor() -> bool {
    !is_systemd() && supervisor::is_there()
}

/// Whether a tree has the program that serves without systemd: the helper, and no generator.
pub(super) fn is_without_systemd(tree: &dyn FileTree) -> bool {
    const GENERATORS: [&str; 2] = [
        "/usr/lib/systemd/system-generators/xinetd-generator",
        "/usr/local/lib/systemd/system-generators/xinetd-generator",
    ];
    let is_there = |path: &Path| {
        let entries = path.parent().map(|directory| tree.list(directory));
        let entries = entries.and_then(Result::ok).unwrap_or_default();
        let mut names = entries.iter().map(|(entry, _)| entry.file_name());
        names.any(|name| name == path.file_name())
    };
    is_there(&helper()) && !GENERATORS.iter().any(|path| is_there(Path::new(path)))
}

/// # Errors
/// If the files below this root are those of a machine without systemd, for which a command does not exist: it is
/// said what it is for.
pub(super) fn refuse_without_systemd(root: Option<&Path>, what: &str) -> Result<(), Failure> {
    let tree = DiskTree::new(root.map(Path::to_owned));
    match is_without_systemd(&tree) && !is_systemd() {
        true => Err(Failure::undone(format!(
            "{what}, and there is no systemd here: xinetd itself serves these files"
        ))),
        false => Ok(()),
    }
}

/// The service manager of this machine.
pub(super) fn of_this_machine() -> &'static dyn ServiceManager {
    match is_systemd() {
        true => &SystemdManager,
        false => &SupervisorManager,
    }
}

/// systemd, and the coordinator on the bus.
struct SystemdManager;

impl ServiceManager for SystemdManager {
    fn list_services(&self) -> Result<(Vec<ServiceRow>, Vec<u64>), String> {
        coordinator::list_services()
    }

    fn list_sessions(&self, name: &str) -> Result<(String, Sessions), Failed> {
        coordinator::list_sessions(name)
    }

    fn kick(&self, name: &str, whom: &str) -> Result<(), Failed> {
        coordinator::kick(name, whom)
    }

    fn reopen_logs(&self) -> Result<(), String> {
        coordinator::reopen_logs()
    }

    fn list_bans(&self) -> Result<Bans, String> {
        coordinator::list_bans()
    }

    fn add_ban(&self, peer: &str, seconds: u64) -> Result<String, String> {
        coordinator::add_ban(peer, seconds)
    }

    fn remove_ban(&self, peer: &str) -> Result<(), String> {
        coordinator::remove_ban(peer)
    }

    fn flush_bans(&self) -> Result<u32, String> {
        coordinator::flush_bans()
    }

    fn troubles(&self, units: &BTreeSet<&str>) -> Result<BTreeMap<String, Trouble>, String> {
        troubles(units)
    }

    fn is_enabled(&self, unit: &str) -> bool {
        installed::is_enabled(unit)
    }

    fn why_listening(&self, unit: &str) -> String {
        format!("its socket was started by hand; `systemctl stop {unit}.socket` closes it")
    }

    fn suffix(&self) -> &'static str {
        ".socket"
    }
}

/// The supervisor, over its socket.
struct SupervisorManager;

impl ServiceManager for SupervisorManager {
    fn list_services(&self) -> Result<(Vec<ServiceRow>, Vec<u64>), String> {
        supervisor::list_services()
    }

    fn list_sessions(&self, name: &str) -> Result<(String, Sessions), Failed> {
        supervisor::list_sessions(name)
    }

    fn kick(&self, name: &str, whom: &str) -> Result<(), Failed> {
        supervisor::kick(name, whom)
    }

    fn reopen_logs(&self) -> Result<(), String> {
        supervisor::reopen_logs()
    }

    fn list_bans(&self) -> Result<Bans, String> {
        supervisor::list_bans()
    }

    fn add_ban(&self, peer: &str, seconds: u64) -> Result<String, String> {
        supervisor::add_ban(peer, seconds)
    }

    fn remove_ban(&self, peer: &str) -> Result<(), String> {
        supervisor::remove_ban(peer)
    }

    fn flush_bans(&self) -> Result<u32, String> {
        supervisor::flush_bans()
    }

    fn troubles(&self, units: &BTreeSet<&str>) -> Result<BTreeMap<String, Trouble>, String> {
        let services = supervisor::supervised()?.services;
        let mut known: BTreeMap<String, Option<Trouble>> = services
            .into_iter()
            .map(|service| {
                let listens = service.listens;
                let trouble = service.trouble;
                let trouble = trouble.map(|why| Trouble::Supervised { why, listens });
                (service.unit, trouble)
            })
            .collect();
        let trouble = |unit: &&str| {
            let trouble = known.remove(*unit).unwrap_or(Some(Trouble::Unapplied))?;
            Some(((*unit).to_owned(), trouble))
        };
        Ok(units.iter().filter_map(trouble).collect())
    }

    fn is_enabled(&self, _unit: &str) -> bool {
        // It has no others.
        true
    }

    fn why_listening(&self, _unit: &str) -> String {
        "it was switched off after the last reload; `xinetdctl reload` closes its socket".to_owned()
    }

    fn suffix(&self) -> &'static str {
        ""
    }
}
