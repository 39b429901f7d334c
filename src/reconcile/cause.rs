//! Why a socket does not listen, or gets less than comes in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::kernel::{Holder, Listener, Seen, Sockets};
use super::live::{Live, Socket, addresses};
use super::trouble::{EXECUTABLE, Trouble};
use crate::bus::systemd::{Loaded, Property, Systemd};
use crate::installed;

/// Those of the units whose sockets get datagrams only as far as another process leaves them some.
pub(super) fn shared(
    systemd: &Systemd,
    units: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Trouble>, String> {
    let sockets = Sockets::look().map_err(|error| format!("/proc/net: {error}"))?;
    shared_of(&sockets, systemd, units)
}

fn shared_of(
    sockets: &Sockets,
    systemd: &Systemd,
    units: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Trouble>, String> {
    let shared = sockets.shared();
    if shared.is_empty() {
        return Ok(BTreeMap::new());
    }
    let loaded = systemd.units()?;
    let active: Vec<(&str, &Loaded)> = units
        .iter()
        .filter_map(|unit| Some((*unit, loaded.get(&format!("{unit}.socket"))?)))
        .filter(|(_, socket)| socket.active == "active")
        .collect();
    let wanted = addresses(systemd, active.iter().map(|(_, socket)| *socket));
    let told = active.iter().zip(wanted).filter_map(|((unit, _), wanted)| {
        let mut wanted = wanted.into_iter().flatten();
        let (address, holders) = wanted.find_map(|one| shared.get_key_value(&one))?;
        let trouble = Trouble::Shared {
            address: address.to_string(),
            by: described(holders),
        };
        Some(((*unit).to_owned(), trouble))
    });
    Ok(told.collect())
}

/// Which of these units, without suffix, do not listen, and why.
///
/// # Errors
/// In words, if systemd or the kernel does not tell.
pub(super) fn among(
    systemd: &Systemd,
    units: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Trouble>, String> {
    let live = Live::look(systemd, units, &BTreeSet::new())?;
    let mut silent = Vec::new();
    let mut closed = BTreeMap::new();
    for unit in units {
        match live.get(unit).socket {
            Socket::On(Seen::No) => drop(closed.insert((*unit).to_owned(), Trouble::Closed)),
            Socket::On(Seen::Yes | Seen::Hidden) => {}
            Socket::Off | Socket::Unmet | Socket::Failed => silent.push(*unit),
        }
    }
    closed.extend(of(systemd, &silent));
    Ok(closed)
}

/// Why these units, without suffix, do not listen, whose sockets are not active.
fn of(systemd: &Systemd, units: &[&str]) -> BTreeMap<String, Trouble> {
    if units.is_empty() {
        return BTreeMap::new();
    }
    let loaded = systemd.units().unwrap_or_default();
    let sockets = Sockets::look().unwrap_or_default();
    let why = |unit: &&str| {
        let name = format!("{unit}.socket");
        let trouble = match loaded.get(&name) {
            Some(socket) => of_one(systemd, &loaded, &sockets, unit, socket),
            None => match installed::is_written(unit) {
                true => stopped(unit),
                false => Trouble::Unapplied,
            },
        };
        ((*unit).to_owned(), trouble)
    };
    units.iter().map(why).collect()
}

fn stopped(unit: &str) -> Trouble {
    stopped_of(unit, &installed::socket(unit).unwrap_or_default())
}

/// Why a socket is down that was stopped, or never started, by the text of its unit: where its server is missing, a
/// start does not help.
fn stopped_of(unit: &str, text: &str) -> Trouble {
    let mut lines = text.lines();
    let server = lines.find_map(|line| line.strip_prefix(EXECUTABLE)?.strip_prefix('='));
    let server = server.map(|path| path.replace("%%", "%"));
    match server.filter(|server| is_executable(Path::new(server)) == Some(false)) {
        Some(server) => Trouble::of_condition(unit, EXECUTABLE, server),
        None => Trouble::Stopped {
            unit: unit.to_owned(),
        },
    }
}

/// Whether this is a file that may be executed; none where this user can't tell.
pub(crate) fn is_executable(path: &Path) -> Option<bool> {
    match fs::metadata(path) {
        Ok(file) => Some(file.is_file() && file.permissions().mode() & 0o111 != 0),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
        Err(_) => Some(false),
    }
}

fn of_one(
    systemd: &Systemd,
    loaded: &HashMap<String, Loaded>,
    sockets: &Sockets,
    unit: &str,
    socket: &Loaded,
) -> Trouble {
    if let Some(unmet) = unmet(systemd, unit, socket) {
        return unmet;
    }
    if socket.active != "failed" {
        return stopped(unit);
    }
    let unit = unit.to_owned();
    let wanted = addresses(systemd, std::iter::once(socket));
    let mut wanted = wanted.into_iter().flatten().flatten();
    match wanted.find_map(|wanted| sockets.in_the_way(&wanted)) {
        None => Trouble::Failed { unit },
        Some((address, holders)) => Trouble::Taken {
            address: address.to_string(),
            passes: holders.iter().all(Holder::is_systemd),
            by: match holders.iter().any(Holder::is_systemd) {
                true => socket_at(systemd, loaded, address).or_else(|| described(&holders)),
                false => described(&holders),
            },
        },
    }
}

/// The socket unit that listens there.
fn socket_at(
    systemd: &Systemd,
    loaded: &HashMap<String, Loaded>,
    address: &Listener,
) -> Option<String> {
    let is_socket =
        |name: &str, unit: &Loaded| name.ends_with(".socket") && unit.active == "active";
    let active: Vec<_> = loaded
        .iter()
        .filter(|(name, unit)| is_socket(name, unit))
        .collect();
    let listen = addresses(systemd, active.iter().map(|(_, unit)| *unit));
    let mut pairs = active.iter().zip(listen);
    let found = pairs.find(|(_, listen)| listen.as_ref().is_some_and(|all| all.contains(address)));
    found.map(|((name, _), _)| (*name).clone())
}

/// The processes in words.
fn described(holders: &[Holder]) -> Option<String> {
    match holders {
        [] => None,
        [only] if only.is_systemd() => {
            Some("another unit of systemd; `systemctl list-sockets` shows it".to_owned())
        }
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some(format!("{first}{more}"))
        }
    }
}

/// The first condition that has kept it from being started, but for a server that is there by now.
fn unmet(systemd: &Systemd, unit: &str, socket: &Loaded) -> Option<Trouble> {
    /// Name, whether one of several is enough, whether it is negated, what it is about, and how it was:
    /// negative if it did not hold, 0 if it was never looked at.
    type Condition = (String, bool, bool, String, i32);
    let conditions = [Property {
        of: socket,
        interface: "Unit",
        name: "Conditions",
    }];
    let conditions = systemd.properties::<Vec<Condition>>(&conditions);
    let conditions = conditions.into_iter().flatten().flatten();
    let mut unmet = conditions.filter(|condition| condition.4 < 0);
    let (condition, _, is_negated, about, _) = unmet.next()?;
    if condition == EXECUTABLE && is_executable(Path::new(&about)) == Some(true) {
        return None;
    }
    let about = format!("{}{about}", if is_negated { "!" } else { "" });
    Some(Trouble::of_condition(unit, &condition, about))
}

#[cfg(test)]
mod tests;
