//! Why a socket does not listen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use xinetd_core::translate::SpecDirectory;

use super::kernel::{Holder, Listener, Seen, Sockets};
use super::live::{Live, Socket, TARGET, addresses, is_stuck};
use super::real::Real;
use super::unserved::unserved;
use crate::bus::systemd::{Loaded, Property, Systemd};
use crate::generated::{self, is_ejected};

/// Why the socket of a unit does not listen; its words follow on the name of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is stopped, or was never started.
    Stopped {
        /// The unit without suffix.
        unit: String,
    },
    /// All services are stopped, by their target.
    AllStopped,
    /// The same, and the target is masked.
    AllMasked,
    /// It is left to real xinetd, which runs.
    LeftToReal,
    /// A condition of the unit does not hold.
    Unmet {
        /// `ConditionFileIsExecutable` or another one.
        condition: String,
        /// What it is about.
        about: String,
        /// The unit without suffix that is to be started once it holds, where no reload starts it: that of an
        /// ejected service.
        start: Option<String>,
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
    /// It listens, and others are bound to its UDP port too: the kernel lets them, and gives each datagram to one.
    Shared {
        /// The address of systemd's socket.
        address: String,
        /// Which processes have the others, in words; none where they can't be seen.
        by: Option<String>,
    },
    /// It listens, and no helper comes that takes clients.
    Stuck,
    /// It listens, and its helper turns each client away.
    TurnedAway {
        /// What for.
        why: String,
    },
    /// It listens, and its helper does not come up.
    Unstartable {
        /// The unit without suffix.
        unit: String,
        /// The last start's `Result`, as systemd.exec(5) has it, with the exit status where that is it.
        result: String,
    },
    /// It listens, and its server could not be executed for the last client.
    Unexecutable {
        /// Which server, and why.
        why: String,
    },
    /// It listens, and rpcbind does not know it.
    Unregistered,
}

impl Trouble {
    /// Whether the socket listens all the same: then systemd can't tell, and no step of a reload mends it.
    pub(crate) fn listens(&self) -> bool {
        matches!(
            self,
            Self::TurnedAway { .. }
                | Self::Shared { .. }
                | Self::Unstartable { .. }
                | Self::Unexecutable { .. }
                | Self::Unregistered
        )
    }
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
            Self::AllStopped => f.write_str(
                "xinetd.target is stopped; `systemctl start xinetd.target` starts all services",
            ),
            Self::AllMasked => write!(
                f,
                "{TARGET} is masked; `systemctl unmask {TARGET}` and `systemctl start {TARGET}` \
                 start all services"
            ),
            Self::LeftToReal => {
                f.write_str("it is left to real xinetd, which runs; `xinetdctl migrate` goes over")
            }
            Self::Unmet {
                condition,
                about,
                start,
            } => {
                match condition.as_str() {
                    EXECUTABLE => write!(f, "its server {about} is not there, or not executable")?,
                    _ => write!(f, "{condition}={about} does not hold")?,
                }
                match start {
                    Some(unit) => write!(f, "; once it is, run `systemctl start {unit}.socket`"),
                    None => Ok(()),
                }
            }
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
                f.write_str(
                    "its file is not applied yet; `xinetdctl reload` does it, or says what it waits for",
                )
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
            Self::Shared { address, by } => {
                let by = by
                    .as_deref()
                    .unwrap_or("a process that this user can't see");
                write!(
                    f,
                    "{address} is bound by {by} too: one of the two gets no datagrams"
                )
            }
            Self::Stuck => f.write_str(
                "systemd does not start its helper, so that clients wait; `xinetdctl reload` starts it",
            ),
            Self::TurnedAway { why } => write!(f, "each client is reset, as {why}"),
            Self::Unstartable { unit, result } => write!(
                f,
                "its helper can't be started ({result}), and clients wait; \
                 `journalctl -u {unit}.service` says why"
            ),
            Self::Unexecutable { why } => write!(f, "the last client was reset, as {why}"),
            Self::Unregistered => f.write_str(
                "rpcbind does not answer, so that its clients do not find it; \
                 `systemctl start rpcbind.socket` has it registered",
            ),
        }
    }
}

impl Trouble {
    /// A condition of a unit that does not hold.
    fn of_condition(unit: &str, condition: &str, about: String) -> Self {
        Self::Unmet {
            condition: condition.to_owned(),
            about,
            start: is_ejected(unit).then(|| unit.to_owned()),
        }
    }
}

/// What the generator writes for the server (systemd.unit(5)).
const EXECUTABLE: &str = "ConditionFileIsExecutable";

/// Which of these units, without suffix, do not listen, and why.
///
/// # Errors
/// In words, if systemd or the kernel does not tell.
pub(crate) fn troubles(units: &BTreeSet<&str>) -> Result<BTreeMap<String, Trouble>, String> {
    let systemd = Systemd::connect()?;
    let mut troubles = among(&systemd, units)?;
    let is_left = |(unit, trouble): (&String, &Trouble)| {
        matches!(trouble, Trouble::Stopped { .. }) && !is_ejected(unit)
    };
    if troubles.iter().any(is_left)
        && let Some(all) = all_stopped(&systemd)?
    {
        for (unit, trouble) in &mut troubles {
            if is_left((unit, &*trouble)) {
                *trouble = all.clone();
            }
        }
    }
    // Of two reasons the first has to be dealt with first.
    for (unit, trouble) in unserved(&systemd, units)? {
        troubles.entry(unit).or_insert(trouble);
    }
    let loaded = systemd.units()?;
    for unit in units {
        if loaded.get(&format!("{unit}.service")).is_some_and(is_stuck) {
            troubles.entry((*unit).to_owned()).or_insert(Trouble::Stuck);
        }
    }
    Ok(troubles)
}

/// Those of the units whose sockets get datagrams only as far as another process leaves them some.
pub(super) fn shared(
    systemd: &Systemd,
    units: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Trouble>, String> {
    let sockets = Sockets::look().map_err(|error| format!("/proc/net: {error}"))?;
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

/// Whether a unit is masked by the administrator, for good or until the next boot (systemctl(1)).
fn is_masked(unit: &str) -> bool {
    let directories = ["/etc/systemd/system", "/run/systemd/system"];
    directories.iter().any(|directory| {
        let target = fs::read_link(Path::new(directory).join(unit));
        target.is_ok_and(|target| target == Path::new("/dev/null"))
    })
}

/// Why no service is started, if that is so: real xinetd serves, or the target was stopped or masked.
fn all_stopped(systemd: &Systemd) -> Result<Option<Trouble>, String> {
    let units = systemd.units()?;
    let is_started = units
        .get(TARGET)
        .is_some_and(|target| target.active == "active");
    Ok(match Real::look() {
        _ if is_started => None,
        _ if is_masked(TARGET) => Some(Trouble::AllMasked),
        Some(_) => Some(Trouble::LeftToReal),
        None => Some(Trouble::AllStopped),
    })
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
            Some(socket) => of_one(systemd, &loaded, &sockets, unit, socket),
            None if !SpecDirectory::usual().spec(unit).exists() && !is_ejected(unit) => {
                Trouble::Unapplied
            }
            None => stopped(unit),
        };
        ((*unit).to_owned(), trouble)
    };
    units.iter().map(why).collect()
}

/// Why a socket is down that was stopped, or never started: where its server is missing, a start does not help.
fn stopped(unit: &str) -> Trouble {
    let missing = server(unit).filter(|server| is_executable(Path::new(server)) == Some(false));
    match missing {
        Some(server) => Trouble::of_condition(unit, EXECUTABLE, server),
        None => Trouble::Stopped {
            unit: unit.to_owned(),
        },
    }
}

/// What the socket of a unit asks for before it is started.
fn server(unit: &str) -> Option<String> {
    let text = generated::socket(unit).ok()?;
    let mut lines = text.lines();
    let path = lines.find_map(|line| line.strip_prefix(EXECUTABLE)?.strip_prefix('='))?;
    Some(path.replace("%%", "%"))
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
