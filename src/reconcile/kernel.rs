//! The sockets that the kernel has, and which process has them.

mod lists;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr};

use super::real::PortNumber;

/// Where a socket takes clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Listener {
    Stream(SocketAddr),
    Datagram(SocketAddr),
    Unix(String),
}

/// The inodes of the sockets at each address.
type Inodes = HashMap<Listener, Vec<String>>;

/// All that listen, and those of systemd among them.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// The inodes of each: two may listen at one address (`SO_REUSEPORT`, and of UDP `SO_REUSEADDR`).
    all: Inodes,
    /// The inodes of TCP connections, and of UDP sockets that hear a single peer.
    connections: HashSet<String>,
    /// The inodes of systemd's descriptors; none where they are hidden.
    systemd: Option<HashSet<String>>,
}

/// Whether systemd listens where it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// At all addresses.
    Yes,
    /// Not at all of them.
    No,
    /// There are listeners at all of them, but whose they are is hidden.
    Hidden,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pid: i32,
    name: String,
}

impl Sockets {
    /// Looks at those of this network namespace.
    ///
    /// Without CAP_SYS_PTRACE, as in most containers, the descriptors of systemd can't be seen.
    ///
    /// # Errors
    /// If the kernel does not tell what listens.
    pub(super) fn look() -> io::Result<Self> {
        // Before the others: a socket that is opened in between is missing in both, and one that
        // is closed in between is in the first alone.
        let systemd = inodes("/proc/1/fd")?;
        let (all, connections) = lists::listening()?;
        Ok(Self {
            all,
            connections,
            systemd,
        })
    }

    /// Whether systemd has all of these.
    pub(super) fn has(&self, wanted: &[Listener]) -> Seen {
        let mut seen = Seen::Yes;
        for listener in wanted {
            let Some(inodes) = self.all.get(listener) else {
                return Seen::No;
            };
            match &self.systemd {
                Some(own) if inodes.iter().any(|inode| own.contains(inode)) => {}
                Some(_) => return Seen::No,
                None => seen = Seen::Hidden,
            }
        }
        seen
    }

    /// What keeps systemd from listening there, and the processes that have it, as far as they may be
    /// seen.
    pub(super) fn in_the_way(&self, wanted: &Listener) -> Option<(&Listener, Vec<Holder>)> {
        let (found, inodes) = self.all.iter().find(|(there, _)| clash(wanted, there))?;
        Some((found, holders(inodes)))
    }

    /// The UDP sockets of systemd that do not have their port for themselves, each with the processes that have
    /// the other ones; none where the descriptors of systemd are hidden.
    pub(super) fn shared(&self) -> HashMap<&Listener, Vec<Holder>> {
        let foreign = self.foreign();
        let with_holders = |(ours, inodes): (_, Vec<&String>)| {
            let inodes: Vec<String> = inodes.into_iter().cloned().collect();
            (ours, holders(&inodes))
        };
        foreign.into_iter().map(with_holders).collect()
    }

    /// The same with the inodes of the other sockets: each is bound although systemd's is, as both have
    /// `SO_REUSEADDR` (socket(7)).
    fn foreign(&self) -> HashMap<&Listener, Vec<&String>> {
        let Some(own) = &self.systemd else {
            return HashMap::new();
        };
        let is_datagram =
            |(there, _): &(&Listener, &Vec<String>)| matches!(there, Listener::Datagram(_));
        let datagram: Vec<_> = self.all.iter().filter(is_datagram).collect();
        let is_own = |inodes: &[String]| inodes.iter().any(|inode| own.contains(inode));
        let ours = datagram.iter().filter(|(_, inodes)| is_own(inodes));
        let others = |ours: &Listener| -> Vec<&String> {
            let there = datagram.iter().filter(|(there, _)| clash(ours, there));
            let inodes = there.flat_map(|(_, inodes)| inodes.iter());
            inodes
                .filter(|inode| !own.contains(*inode) && !self.connections.contains(*inode))
                .collect()
        };
        ours.map(|(ours, _)| (*ours, others(ours)))
            .filter(|(_, others)| !others.is_empty())
            .collect()
    }

    /// The sockets that a process has; none where its descriptors are hidden.
    pub(super) fn of_process(&self, pid: i32) -> Option<ProcessSockets> {
        let own = match inodes(&format!("/proc/{pid}/fd")) {
            Ok(own) => own?,
            // It has ended meanwhile.
            Err(_) => HashSet::new(),
        };
        let has = |(_, inodes): &(&Listener, &Vec<String>)| {
            inodes.iter().any(|inode| own.contains(inode))
        };
        let endpoint = |(listener, _): (&Listener, &Vec<String>)| match listener {
            Listener::Stream(address) => Some(PortNumber {
                port: address.port(),
                is_tcp: true,
            }),
            Listener::Datagram(address) => Some(PortNumber {
                port: address.port(),
                is_tcp: false,
            }),
            Listener::Unix(_) => None,
        };
        Some(ProcessSockets {
            ports: self.all.iter().filter(has).filter_map(endpoint).collect(),
            is_connected: own.iter().any(|inode| self.connections.contains(inode)),
        })
    }
}

/// The sockets of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProcessSockets {
    /// Where it listens.
    pub(super) ports: BTreeSet<PortNumber>,
    /// Whether it has a connection.
    pub(super) is_connected: bool,
}

#[cfg(test)]
impl Sockets {
    /// These, of which systemd has those that are marked; its descriptors may be hidden.
    pub(super) fn of(all: &[(Listener, bool)], hidden: bool) -> Self {
        let inode = |number: usize| number.to_string();
        let own = (0..all.len()).filter(|number| all[*number].1).map(inode);
        Self {
            systemd: (!hidden).then(|| own.collect()),
            all: (0..all.len())
                .map(|number| (all[number].0.clone(), vec![inode(number)]))
                .collect(),
            connections: HashSet::new(),
        }
    }
}

#[cfg(test)]
impl Holder {
    /// One with this number and name.
    pub(super) fn of(pid: i32, name: &str) -> Self {
        let name = name.to_owned();
        Self { pid, name }
    }
}

impl Holder {
    /// Whether it is systemd, or what it has made and is not another program yet.
    pub(super) fn is_systemd(&self) -> bool {
        self.pid == 1 || self.name.starts_with('(')
    }
}

impl Listener {
    /// One as systemd's property `Listen` has it: `Stream` and `[::]:23`.
    pub(super) fn parse(kind: &str, address: &str) -> Option<Self> {
        if address.starts_with('/') {
            return Some(Self::Unix(address.to_owned()));
        }
        // The zone of a link-local address: the kernel's list has none.
        let address = match address.split_once('%') {
            Some((before, zone)) => match zone.split_once("]:") {
                Some((_, port)) => format!("{before}]:{port}"),
                None => before.to_owned(),
            },
            None => address.to_owned(),
        };
        let address = address.parse().ok()?;
        match kind {
            "Stream" => Some(Self::Stream(address)),
            "Datagram" => Some(Self::Datagram(address)),
            _ => None,
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(address) => write!(f, "{address}/tcp"),
            Self::Datagram(address) => write!(f, "{address}/udp"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// Whether the kernel refuses the first while the second is there. Which IPv6 wildcards leave IPv4 alone
/// is not to be seen, so that all are taken to have both.
fn clash(wanted: &Listener, there: &Listener) -> bool {
    match (wanted, there) {
        (Listener::Stream(one), Listener::Stream(other))
        | (Listener::Datagram(one), Listener::Datagram(other)) => {
            let is_dual = |address: &SocketAddr| address.ip() == Ipv6Addr::UNSPECIFIED;
            let of_one_family = one.is_ipv4() == other.is_ipv4();
            let is_any = |address: &SocketAddr| address.ip().is_unspecified();
            one.port() == other.port()
                && (one.ip() == other.ip()
                    || is_dual(one)
                    || is_dual(other)
                    || of_one_family && (is_any(one) || is_any(other)))
        }
        _ => wanted == there,
    }
}

/// The processes that have one of these sockets open, but for those that only wait for the client.
fn holders(inodes: &[String]) -> Vec<Holder> {
    let mut holders = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let path = entry.path();
        let Ok(Some(own)) = inodes_of(path.join("fd").as_path()) else {
            continue;
        };
        if inodes.iter().any(|inode| own.contains(inode)) {
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            let name = name.trim_end().to_owned();
            holders.push(Holder { pid, name });
        }
    }
    holders.sort_by_key(|holder| holder.pid);
    holders
}

fn inodes(directory: &str) -> io::Result<Option<HashSet<String>>> {
    inodes_of(directory.as_ref())
}

/// The inodes of the sockets among the descriptors in a directory of /proc; none where they are hidden.
fn inodes_of(directory: &std::path::Path) -> io::Result<Option<HashSet<String>>> {
    let Some(entries) = visible(fs::read_dir(directory))? else {
        return Ok(None);
    };
    let mut inodes = HashSet::new();
    for entry in entries {
        match visible(fs::read_link(entry?.path())) {
            Ok(Some(target)) => {
                let inode = target
                    .to_str()
                    .and_then(|text| text.strip_prefix("socket:["));
                inodes.extend(inode.map(|inode| inode.trim_end_matches(']').to_owned()));
            }
            Ok(None) => return Ok(None),
            // It was closed meanwhile.
            Err(_) => {}
        }
    }
    Ok(Some(inodes))
}

/// None in the place of what is hidden from this process.
fn visible<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(None),
        found => found.map(Some),
    }
}
