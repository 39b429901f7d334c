//! Why a socket does not listen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::kernel::{Holder, Seen, Sockets};
use super::live::{Live, Socket, TARGET, addresses, is_stuck};
use super::real::Real;
use crate::bus::systemd::{Loaded, Property, Systemd};
use crate::status::TURNED_AWAY;
use crate::translate::SpecDirectory;

/// Why the socket of a unit does not listen; its words follow on the name of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is stopped, or was never started.
    Stopped {
        /// The unit without suffix.
        unit: String,
    },
    /// It is left to real xinetd, which runs.
    LeftToReal,
    /// A condition of the unit does not hold.
    Unmet {
        /// `ConditionFileIsExecutable` or another one.
        condition: String,
        /// What it is about.
        about: String,
    },
    /// Other processes have its address.
    Taken {
        /// The address that they have.
        address: String,
        /// Which processes, in words; none where they can't be seen.
        by: Option<String>,
        /// Whether it may be a process that systemd is only about to start: such a one has all of
        /// systemd's sockets for a moment.
        passes: bool,
    },
    /// The generator has not written it yet.
    Unapplied,
    /// systemd has closed it, and calls it active.
    Closed,
    /// systemd could not start it.
    Failed {
        /// The unit without suffix.
        unit: String,
    },
    /// It listens, and no helper comes that takes clients.
    Stuck,
    /// It listens, and its helper turns each client away.
    TurnedAway {
        /// What for.
        why: String,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { unit } => {
                write!(
                    f,
                    "its socket is stopped; `systemctl start {unit}.socket` starts it"
                )
            }
            Self::LeftToReal => {
                f.write_str("it is left to real xinetd, which runs; `xinetdctl migrate` goes over")
            }
            Self::Unmet { condition, about } if condition == EXECUTABLE => {
                write!(f, "its server {about} is not there, or not executable")
            }
            Self::Unmet { condition, about } => write!(f, "{condition}={about} does not hold"),
            Self::Taken {
                address,
                by: Some(by),
                ..
            } => write!(f, "{address} is taken by {by}"),
            Self::Taken {
                address, by: None, ..
            } => {
                write!(
                    f,
                    "{address} is taken by a process that this user can't see"
                )
            }
            Self::Unapplied => {
                f.write_str("its file is not applied yet; `xinetdctl reload` does it")
            }
            Self::Closed => {
                f.write_str("systemd has closed its socket; `xinetdctl reload` opens it")
            }
            Self::Failed { unit } => {
                write!(
                    f,
                    "systemd could not open its socket; `journalctl -u {unit}.socket` says why"
                )
            }
            Self::Stuck => f.write_str(
                "systemd does not start its helper, so that clients wait; `xinetdctl reload` starts it",
            ),
            Self::TurnedAway { why } => write!(f, "each client is reset, as {why}"),
        }
    }
}

/// What the generator writes for the server (systemd.unit(5)).
const EXECUTABLE: &str = "ConditionFileIsExecutable";

/// Which of these units, without suffix, do not listen, and why.
///
/// # Errors
/// In words, if systemd or the kernel does not tell.
pub fn troubles(units: &BTreeSet<&str>) -> Result<BTreeMap<String, Trouble>, String> {
    let systemd = Systemd::connect()?;
    let mut troubles = among(&systemd, units)?;
    let is_stopped = |trouble: &Trouble| matches!(trouble, Trouble::Stopped { .. });
    if troubles.values().any(is_stopped) && is_real_left_alone(&systemd)? {
        for trouble in troubles.values_mut().filter(|trouble| is_stopped(trouble)) {
            *trouble = Trouble::LeftToReal;
        }
    }
    troubles.extend(turned_away(&systemd, units)?);
    let loaded = systemd.units()?;
    for unit in units {
        if loaded.get(&format!("{unit}.service")).is_some_and(is_stuck) {
            troubles.entry((*unit).to_owned()).or_insert(Trouble::Stuck);
        }
    }
    Ok(troubles)
}

/// Whether real xinetd runs, and the bridge starts nothing beside it.
fn is_real_left_alone(systemd: &Systemd) -> Result<bool, String> {
    let units = systemd.units()?;
    let is_started = units
        .get(TARGET)
        .is_some_and(|target| target.active == "active");
    Ok(!is_started && Real::look().is_some())
}

/// Those of the units whose helpers run and have no account.
fn turned_away(
    systemd: &Systemd,
    units: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Trouble>, String> {
    let loaded = systemd.units()?;
    let running: Vec<(&str, &Loaded)> = units
        .iter()
        .filter_map(|unit| Some((*unit, loaded.get(&format!("{unit}.service"))?)))
        .filter(|(_, service)| service.active == "active")
        .collect();
    let wanted = running.iter().map(|(_, of)| Property {
        of,
        interface: "Service",
        name: "StatusText",
    });
    let texts = systemd.properties::<String>(&wanted.collect::<Vec<_>>());
    let told = running.iter().zip(texts).filter_map(|((unit, _), text)| {
        let why = text?.strip_prefix(TURNED_AWAY)?.to_owned();
        Some(((*unit).to_owned(), Trouble::TurnedAway { why }))
    });
    Ok(told.collect())
}

/// The same, by this connection.
///
/// # Errors
/// As [`troubles`].
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
            Some(socket) => of_one(systemd, &sockets, unit, socket),
            None if !SpecDirectory::usual().spec(unit).exists() => Trouble::Unapplied,
            None => Trouble::Stopped {
                unit: (*unit).to_owned(),
            },
        };
        ((*unit).to_owned(), trouble)
    };
    units.iter().map(why).collect()
}

fn of_one(systemd: &Systemd, sockets: &Sockets, unit: &str, socket: &Loaded) -> Trouble {
    if let Some(unmet) = unmet(systemd, socket) {
        return unmet;
    }
    let unit = unit.to_owned();
    if socket.active != "failed" {
        return Trouble::Stopped { unit };
    }
    let wanted = addresses(systemd, std::iter::once(socket));
    let mut wanted = wanted.into_iter().flatten().flatten();
    match wanted.find_map(|wanted| sockets.in_the_way(&wanted)) {
        None => Trouble::Failed { unit },
        Some((address, holders)) => Trouble::Taken {
            address: address.to_string(),
            passes: holders.iter().all(Holder::is_systemd),
            by: described(&holders),
        },
    }
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

/// The first condition that has kept it from being started.
fn unmet(systemd: &Systemd, socket: &Loaded) -> Option<Trouble> {
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
    let about = format!("{}{about}", if is_negated { "!" } else { "" });
    Some(Trouble::Unmet { condition, about })
}
