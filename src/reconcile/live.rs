//! What is: the state of units, and whether systemd really listens.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use xinetd_core::config::DiskTree;
use xinetd_core::translate::Daemon;

use super::kernel::{Listener, Seen, Sockets};
use crate::bus::systemd::{Loaded, Property, Systemd};

/// What a service's units are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) socket: Socket,
    pub(super) service: ServiceState,
}

/// What a socket is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Socket {
    /// It is stopped, or was never started.
    #[default]
    Off,
    /// A condition of the unit kept it from being started.
    Unmet,
    /// It could not be started, or has broken down.
    Failed,
    /// systemd calls it active; whether it listens.
    On(Seen),
}

/// What a service is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ServiceState {
    #[default]
    Off,
    /// Its last helper has failed.
    Failed,
    /// The next helper was to be started, and systemd has given that up.
    Stuck,
    /// A helper runs, or is about to.
    On,
}

/// The units of all services.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    units: BTreeMap<String, Unit>,
    /// Why nothing is started for now.
    pub(super) halt: Option<Halt>,
    /// Whether xinetd.target is active.
    pub(super) is_started: bool,
}

/// Why what is new is not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// xinetd.target has been stopped, or is not to be started at boot.
    Stopped,
    /// xinetd.target is not active, and real xinetd serves.
    Real,
}

/// A socket without its descriptors may be one that was just started or stopped: then it is looked
/// at again after this time.
const DOUBT: Duration = Duration::from_millis(200);

/// How long jobs of others are waited for: what they are about to change is not judged.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether they have ended.
const PAUSE: Duration = Duration::from_millis(20);

impl Live {
    /// Looks at the units with these names without suffix. Whether a condition has kept a socket from being
    /// started is asked for those alone that are `known`, as it takes a call each.
    ///
    /// # Errors
    /// In words, if systemd or the kernel does not tell.
    pub(super) fn look(
        systemd: &Systemd,
        units: &BTreeSet<&str>,
        known: &BTreeSet<&str>,
    ) -> Result<Self, String> {
        let first = Self::look_once(systemd, units, known)?;
        let is_doubtful = |unit: &Unit| unit.socket == Socket::On(Seen::No);
        if !first.units.values().any(is_doubtful) {
            return Ok(first);
        }
        thread::sleep(DOUBT);
        let mut second = Self::look_once(systemd, units, known)?;
        for (name, unit) in &mut second.units {
            if is_doubtful(unit) && !is_doubtful(&first.get(name)) {
                unit.socket = Socket::On(Seen::Hidden);
            }
        }
        Ok(second)
    }

    fn look_once(
        systemd: &Systemd,
        units: &BTreeSet<&str>,
        known: &BTreeSet<&str>,
    ) -> Result<Self, String> {
        let loaded = at_rest(systemd, units)?;
        let sockets = Sockets::look().map_err(|error| format!("/proc/net: {error}"))?;
        let socket = |unit: &str| loaded.get(&format!("{unit}.socket"));
        let active: Vec<(&str, &Loaded)> = units
            .iter()
            .filter_map(|unit| Some((*unit, socket(unit)?)))
            .filter(|(_, loaded)| runs(loaded))
            .collect();
        let wanted = addresses(systemd, active.iter().map(|(_, loaded)| *loaded));
        let seen = active.iter().zip(&wanted);
        let seen = seen.map(|((unit, loaded), wanted)| {
            let seen = match wanted {
                // A daemon-reload that has found no file of it has closed it.
                _ if !loaded.has_file => Seen::No,
                Some(wanted) => sockets.has(wanted),
                None => Seen::Hidden,
            };
            (*unit, seen)
        });
        let seen: HashMap<&str, Seen> = seen.collect();
        let idle: Vec<(&str, &Loaded)> = units
            .iter()
            .filter(|unit| !seen.contains_key(*unit) && known.contains(*unit))
            .filter_map(|unit| Some((*unit, socket(unit)?)))
            .collect();
        let unmet = unmet(systemd, idle.iter().map(|(_, loaded)| *loaded));
        let unmet = idle.iter().zip(unmet).filter(|(_, unmet)| *unmet);
        let unmet: HashSet<&str> = unmet.map(|((unit, _), _)| *unit).collect();
        let state = |unit: &&str| {
            let active = |name: &str| loaded.get(name).map(|loaded| loaded.active.as_str());
            let name = format!("{unit}.service");
            let service = match active(&name) {
                Some("failed") => ServiceState::Failed,
                Some("inactive") | None => ServiceState::Off,
                Some(_) if loaded.get(&name).is_some_and(is_stuck) => ServiceState::Stuck,
                Some(_) => ServiceState::On,
            };
            let socket = match (seen.get(unit), active(&format!("{unit}.socket"))) {
                (Some(seen), _) => Socket::On(*seen),
                (None, Some("failed")) => Socket::Failed,
                (None, _) if unmet.contains(unit) => Socket::Unmet,
                (None, _) => Socket::Off,
            };
            ((*unit).to_owned(), Unit { socket, service })
        };
        let target = loaded.get(TARGET);
        let starts_at_boot = || Daemon::read(&DiskTree::new(None)).starts_at_boot();
        let is_stopped = is_stopped(systemd, target, starts_at_boot);
        Ok(Self {
            units: units.iter().map(state).collect(),
            halt: is_stopped.then_some(Halt::Stopped),
            is_started: target.is_some_and(|target| target.active == "active"),
        })
    }

    /// Nothing is started, as real xinetd serves, unless the services have been started beside it.
    pub(super) fn leave_to_real(&mut self) {
        if !self.is_started {
            self.halt = Some(Halt::Real);
        }
    }

    /// What a service's units are doing.
    pub(super) fn get(&self, unit: &str) -> Unit {
        self.units.get(unit).copied().unwrap_or_default()
    }
}

#[cfg(test)]
impl Live {
    /// These units.
    pub(super) fn of(units: impl IntoIterator<Item = (String, Unit)>) -> Self {
        Self {
            units: units.into_iter().collect(),
            halt: None,
            is_started: true,
        }
    }

    /// A unit as it is from now on.
    pub(super) fn put(&mut self, unit: &str, now: Unit) {
        self.units.insert(unit.to_owned(), now);
    }
}

/// What binds all sockets together.
pub(super) const TARGET: &str = "xinetd.target";

/// All that systemd has in memory, once it has nothing more to do with these units.
fn at_rest(systemd: &Systemd, units: &BTreeSet<&str>) -> Result<HashMap<String, Loaded>, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let loaded = systemd.units()?;
        let is_busy = |unit: &&str| {
            let socket = loaded.get(&format!("{unit}.socket"));
            socket.is_some_and(|socket| socket.has_job || socket.active.ends_with("activating"))
        };
        if !units.iter().any(is_busy) || Instant::now() >= deadline {
            return Ok(loaded);
        }
        thread::sleep(PAUSE);
    }
}

/// Whether systemd waits to start the next helper: by its timer, or by a job.
pub(super) fn waits(service: &Loaded) -> bool {
    matches!(service.sub.as_str(), "auto-restart" | "auto-restart-queued")
}

/// Whether the next helper never comes. systemd starts it by a job when its pause is over, and the job fails
/// where the socket is closed and can't be opened. There is no second one, and to the socket, once it is
/// open, the service seems to be about to start. Before systemd 254 the service ends instead.
pub(super) fn is_stuck(service: &Loaded) -> bool {
    service.sub == "auto-restart-queued" && !service.has_job
}

/// Whether systemd takes it for one that listens.
fn runs(socket: &Loaded) -> bool {
    matches!(
        socket.active.as_str(),
        "active" | "activating" | "reloading"
    )
}

/// Where these sockets should listen; none for one that is gone meanwhile.
pub(super) fn addresses<'a>(
    systemd: &Systemd,
    sockets: impl Iterator<Item = &'a Loaded>,
) -> Vec<Option<Vec<Listener>>> {
    let property = |of| Property {
        of,
        interface: "Socket",
        name: "Listen",
    };
    let wanted: Vec<_> = sockets.map(property).collect();
    let values = systemd.properties::<Vec<(String, String)>>(&wanted);
    // What is none of ours may be of any kind.
    let known = |rows: Vec<(String, String)>| {
        let known = rows.iter();
        let known = known.filter_map(|(kind, address)| Listener::parse(kind, address));
        known.collect()
    };
    values.into_iter().map(|rows| rows.map(known)).collect()
}

/// Whether a condition has kept these from being started.
fn unmet<'a>(systemd: &Systemd, units: impl Iterator<Item = &'a Loaded>) -> Vec<bool> {
    let units: Vec<_> = units.collect();
    let property = |name| move |of: &&'a Loaded| unit_property(of, name);
    let asked: Vec<_> = units
        .iter()
        .map(property("ConditionTimestampMonotonic"))
        .collect();
    let asked = systemd.properties::<u64>(&asked);
    let met: Vec<_> = units.iter().map(property("ConditionResult")).collect();
    let met = systemd.properties::<bool>(&met);
    let unmet = |(asked, met): (Option<u64>, Option<bool>)| {
        asked.is_some_and(|time| time > 0) && met == Some(false)
    };
    asked.into_iter().zip(met).map(unmet).collect()
}

fn unit_property<'a>(of: &'a Loaded, name: &'static str) -> Property<'a> {
    Property {
        of,
        interface: "Unit",
        name,
    }
}

/// Whether the target was stopped, or is not to be started: where xinetd is switched off, no start at boot was to
/// be waited for.
fn is_stopped(
    systemd: &Systemd,
    target: Option<&Loaded>,
    starts_at_boot: impl FnOnce() -> bool,
) -> bool {
    match target {
        Some(target) if target.active != "inactive" || target.has_job => false,
        Some(target) if has_been_stopped(systemd, target) => true,
        _ => !starts_at_boot(),
    }
}

/// Whether a unit that is inactive was active once.
fn has_been_stopped(systemd: &Systemd, unit: &Loaded) -> bool {
    let ended = [unit_property(unit, "InactiveEnterTimestampMonotonic")];
    let ended = systemd.properties::<u64>(&ended).pop().flatten();
    ended.is_some_and(|time| time > 0)
}

#[cfg(test)]
mod tests;
