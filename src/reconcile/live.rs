//! What is: the state of units, and whether systemd really listens.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use crate::systemctl::systemctl;

/// What a service's units are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// The socket is active.
    pub(super) socket: bool,
    /// The socket has failed.
    pub(super) failed: bool,
    /// systemd has the sockets that it should have.
    pub(super) listens: bool,
    /// A helper runs.
    pub(super) service: bool,
}

/// The units of all services.
#[derive(Debug, Default)]
pub(super) struct Live(BTreeMap<String, Unit>);

/// A socket that listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Listener {
    Stream(SocketAddr),
    Datagram(SocketAddr),
    Unix(String),
}

/// A socket without its descriptors may be one that was just started or stopped: then it is looked
/// at again after this time.
const DOUBT: Duration = Duration::from_millis(200);

impl Live {
    /// Looks at the units with these names without suffix.
    ///
    /// # Errors
    /// In words, if systemd or the kernel does not tell.
    pub(super) fn look(units: &BTreeSet<&str>) -> Result<Self, String> {
        let first = Self::look_once(units)?;
        let is_doubtful = |unit: &Unit| unit.socket && !unit.listens;
        if !first.0.values().any(is_doubtful) {
            return Ok(first);
        }
        thread::sleep(DOUBT);
        let mut second = Self::look_once(units)?;
        for (name, unit) in &mut second.0 {
            unit.listens |= !is_doubtful(&first.get(name));
        }
        Ok(second)
    }

    fn look_once(units: &BTreeSet<&str>) -> Result<Self, String> {
        let units: Vec<_> = units.iter().copied().collect();
        let mut paragraphs = String::new();
        // A command line has room for some thousand names.
        for units in units.chunks(500) {
            let names = units
                .iter()
                .flat_map(|unit| [format!("{unit}.socket"), format!("{unit}.service")]);
            let options = ["show", "--property=Id,ActiveState,Listen", "--"];
            let said = systemctl(options.map(str::to_owned).into_iter().chain(names))?;
            paragraphs.push_str(&said);
            paragraphs.push_str("\n\n");
        }
        let listeners = listeners().map_err(|error| format!("/proc/1/fd: {error}"))?;
        Ok(Self(take(&paragraphs, &listeners)))
    }

    /// What a service's units are doing.
    pub(super) fn get(&self, unit: &str) -> Unit {
        self.0.get(unit).copied().unwrap_or_default()
    }
}

#[cfg(test)]
impl Live {
    /// These units.
    pub(super) fn of<const N: usize>(units: [(&str, Unit); N]) -> Self {
        Self(units.map(|(unit, live)| (unit.to_owned(), live)).into())
    }
}

/// What the answer of `systemctl show` says, which has a paragraph for each unit.
fn take(said: &str, listeners: &HashSet<Listener>) -> BTreeMap<String, Unit> {
    let mut live: BTreeMap<String, Unit> = BTreeMap::new();
    for paragraph in said.split("\n\n") {
        let value = |key: &str| {
            let mut lines = paragraph.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        };
        let (Some(id), Some(state)) = (value("Id"), value("ActiveState")) else {
            continue;
        };
        let runs = matches!(state, "active" | "activating" | "reloading");
        if let Some(name) = id.strip_suffix(".socket") {
            let unit = live.entry(name.to_owned()).or_default();
            unit.socket = state == "active";
            unit.failed = state == "failed";
            let wanted = paragraph
                .lines()
                .filter_map(|line| line.strip_prefix("Listen="));
            // What is none of ours may be of any kind.
            let mut known = wanted.filter_map(listener);
            unit.listens = known.all(|one| listeners.contains(&one));
        } else if let Some(name) = id.strip_suffix(".service") {
            live.entry(name.to_owned()).or_default().service = runs || state == "deactivating";
        }
    }
    live
}

/// A listener as systemctl shows it: `[::]:23 (Stream)`.
fn listener(text: &str) -> Option<Listener> {
    let (address, kind) = text.rsplit_once(' ')?;
    if address.starts_with('/') {
        return Some(Listener::Unix(address.to_owned()));
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
        "(Stream)" => Some(Listener::Stream(address)),
        "(Datagram)" => Some(Listener::Datagram(address)),
        _ => None,
    }
}

/// The listening sockets of systemd.
fn listeners() -> std::io::Result<HashSet<Listener>> {
    let mut inodes = HashSet::new();
    for entry in fs::read_dir("/proc/1/fd")? {
        // Some may be closed meanwhile.
        if let Ok(target) = fs::read_link(entry?.path())
            && let Some(text) = target.to_str()
            && let Some(inode) = text.strip_prefix("socket:[")
        {
            inodes.insert(inode.trim_end_matches(']').to_owned());
        }
    }
    let mut listeners = HashSet::new();
    for (file, kind) in [
        ("tcp", Listener::Stream as fn(SocketAddr) -> Listener),
        ("tcp6", Listener::Stream),
        ("udp", Listener::Datagram),
        ("udp6", Listener::Datagram),
    ] {
        let text = fs::read_to_string(format!("/proc/net/{file}")).unwrap_or_default();
        let rows = text
            .lines()
            .filter_map(inet)
            .filter(|(inode, _)| inodes.contains(*inode));
        listeners.extend(rows.map(|(_, address)| kind(address)));
    }
    let text = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let rows = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[.., inode, path] = words.as_slice() else {
            return None;
        };
        inodes
            .contains(inode)
            .then(|| Listener::Unix(path.to_owned()))
    });
    listeners.extend(rows);
    Ok(listeners)
}

/// The inode and the local address of a line of /proc/net/tcp and its like (proc_net_tcp.txt).
fn inet(line: &str) -> Option<(&str, SocketAddr)> {
    let mut words = line.split_ascii_whitespace();
    let (address, port) = words.nth(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let inode = words.nth(7)?;
    // Words of 32 bits, each in the order of the machine.
    let word = |index: usize| {
        let text = address.get(index * 8..index * 8 + 8)?;
        u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes)
    };
    let address: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let mut bytes = [0; 16];
            for (place, byte) in bytes.iter_mut().zip(words.into_iter().flatten()) {
                *place = byte;
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some((inode, SocketAddr::new(address, port)))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn units_are_read_as_systemctl_shows_them() {
        let said = "Listen=[::]:23 (Stream)\nId=a.socket\nActiveState=active\n\n\
                    Id=a.service\nActiveState=deactivating\n\n\
                    Listen=127.0.0.1:37 (Datagram)\nListen=/run/x (Stream)\nId=b.socket\nActiveState=active\n\n\
                    Id=b.service\nActiveState=inactive\n\nId=c.socket\nActiveState=failed\n";
        let there = |text: &str| listener(text).unwrap();
        let listeners =
            HashSet::from([there("[::]:23 (Stream)"), there("127.0.0.1:37 (Datagram)")]);
        let live = take(said, &listeners);
        let unit = |socket, failed, listens, service| Unit {
            socket,
            failed,
            listens,
            service,
        };
        assert_eq!(live["a"], unit(true, false, true, true));
        assert_eq!(live["b"], unit(true, false, false, false));
        assert_eq!(live["c"], unit(false, true, true, false));
    }

    #[test]
    fn a_zone_is_left_out() {
        let plain = listener("[fe80::1]:23 (Stream)");
        assert!(plain.is_some());
        assert_eq!(listener("[fe80::1%eth0]:23 (Stream)"), plain);
        assert_eq!(listener("[fe80::1]:23%eth0 (Stream)"), plain);
        assert_eq!(listener("fifo (FIFO)"), None);
    }

    #[test]
    fn the_kernels_list_has_what_listens() {
        let inodes = |file: &str| {
            let text = fs::read_to_string(format!("/proc/net/{file}")).unwrap();
            let rows = text
                .lines()
                .filter_map(|line| inet(line).map(|(_, address)| address));
            rows.collect::<Vec<_>>()
        };
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let six = UdpSocket::bind("[::1]:0").unwrap();
        assert!(inodes("tcp").contains(&four.local_addr().unwrap()));
        assert!(inodes("udp6").contains(&six.local_addr().unwrap()));
    }
}
