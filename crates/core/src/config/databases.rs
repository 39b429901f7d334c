//! /etc/services and its like: what names mean, read from text without any lookup.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::sources::FileTree;
use crate::bytes::ByteString;

/// Protocols that are known without /etc/protocols (a minimal Debian has no netbase).
const PROTOCOLS: [(&[u8], u16); 8] = [
    (b"ip", 0),
    (b"icmp", 1),
    (b"tcp", 6),
    (b"udp", 17),
    (b"ipv6-icmp", 58),
    (b"sctp", 132),
    (b"udplite", 136),
    (b"mptcp", 262),
];

/// The databases of the machine that is configured, from the files below its /etc.
///
/// Where a name stands twice the first line counts, as it does for the C library.
#[derive(Debug, Default)]
pub struct Databases {
    /// By name and alias: the protocols and ports.
    services: HashMap<Vec<u8>, Vec<(Vec<u8>, u16)>>,
    protocols: HashMap<Vec<u8>, u16>,
    rpc: HashMap<Vec<u8>, u32>,
    users: HashMap<Vec<u8>, PasswdEntry>,
    user_names: HashMap<u32, Vec<u8>>,
    groups: HashMap<Vec<u8>, u32>,
    networks: HashMap<Vec<u8>, Ipv4Addr>,
    /// By name and alias in lower case, in the order of the lines.
    hosts: HashMap<Vec<u8>, Vec<IpAddr>>,
}

/// A line of /etc/passwd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswdEntry {
    /// The login name.
    pub name: ByteString,
    /// The user's number.
    pub uid: u32,
    /// The user's own group.
    pub gid: u32,
}

impl Databases {
    /// Reads the databases of a tree; a file that can't be read counts as empty.
    pub fn read(tree: &dyn FileTree) -> Self {
        let text = |path: &str| tree.read(Path::new(path)).unwrap_or_default();
        let mut databases = Self::default();
        databases.add_services(&text("/etc/services"));
        databases.add_protocols(&text("/etc/protocols"));
        databases.add_rpc(&text("/etc/rpc"));
        databases.add_users(&text("/etc/passwd"));
        databases.add_groups(&text("/etc/group"));
        databases.add_networks(&text("/etc/networks"));
        databases.add_hosts(&text("/etc/hosts"));
        databases
    }

    /// The port of a service, by its name or an alias, for a protocol by its name.
    pub(crate) fn port(&self, service: &[u8], protocol: &[u8]) -> Option<u16> {
        let ports = self.services.get(service)?;
        let (_, port) = ports.iter().find(|(name, _)| name == protocol)?;
        Some(*port)
    }

    /// The protocols that /etc/services has a service with, in the order of its lines: empty
    /// where it does not know the name at all.
    pub(super) fn protocols_of(&self, service: &[u8]) -> impl Iterator<Item = &[u8]> {
        let ports = self.services.get(service).map_or(&[][..], Vec::as_slice);
        ports.iter().map(|(protocol, _)| protocol.as_slice())
    }

    /// The number of a protocol, by its name or an alias.
    pub(crate) fn protocol(&self, name: &[u8]) -> Option<u16> {
        let built_in = || PROTOCOLS.iter().find(|(known, _)| *known == name);
        let listed = self.protocols.get(name).copied();
        listed.or_else(|| built_in().map(|(_, number)| *number))
    }

    /// The number of an RPC program, by its name or an alias.
    pub(crate) fn rpc(&self, name: &[u8]) -> Option<u32> {
        self.rpc.get(name).copied()
    }

    /// A user by name.
    pub fn user(&self, name: &[u8]) -> Option<&PasswdEntry> {
        self.users.get(name)
    }

    /// A user by number.
    pub(super) fn user_of(&self, uid: u32) -> Option<&PasswdEntry> {
        self.users.get(self.user_names.get(&uid)?)
    }

    /// A group's number by name.
    pub fn group(&self, name: &[u8]) -> Option<u32> {
        self.groups.get(name).copied()
    }

    /// The address of a network of /etc/networks, by its name or an alias.
    pub(crate) fn network(&self, name: &[u8]) -> Option<Ipv4Addr> {
        self.networks.get(name).copied()
    }

    /// The addresses of a host of /etc/hosts, by its name or an alias in any case, in the order of
    /// the lines.
    pub(crate) fn host(&self, name: &[u8]) -> &[IpAddr] {
        let addresses = self.hosts.get(&name.to_ascii_lowercase());
        addresses.map_or(&[], Vec::as_slice)
    }

    /// Adds the lines of a text in the format of services(5).
    fn add_services(&mut self, text: &[u8]) {
        for (name, value, aliases) in table(text) {
            let mut parts = value.splitn(2, |byte| *byte == b'/');
            let (Some(port), Some(protocol)) = (parts.next().and_then(number), parts.next()) else {
                continue;
            };
            for name in std::iter::once(name).chain(aliases) {
                let ports = self.services.entry(name.to_vec()).or_default();
                if !ports.iter().any(|(known, _)| known == protocol) {
                    ports.push((protocol.to_vec(), port));
                }
            }
        }
    }

    /// Adds the lines of a text in the format of protocols(5).
    fn add_protocols(&mut self, text: &[u8]) {
        add_numbers(&mut self.protocols, text, number);
    }

    /// Adds the lines of a text in the format of rpc(5).
    fn add_rpc(&mut self, text: &[u8]) {
        add_numbers(&mut self.rpc, text, number);
    }

    /// Adds the lines of a text in the format of networks(5).
    pub(super) fn add_networks(&mut self, text: &[u8]) {
        add_numbers(&mut self.networks, text, |word| {
            let word = str::from_utf8(word).ok()?;
            // The C library fills up what is missing on the right: `10.1` is 10.1.0.0.
            let missing = 3_usize.checked_sub(word.matches('.').count())?;
            format!("{word}{}", ".0".repeat(missing)).parse().ok()
        });
    }

    /// Adds the lines of a text in the format of hosts(5).
    fn add_hosts(&mut self, text: &[u8]) {
        for (address, name, aliases) in table(text) {
            let address = str::from_utf8(address).ok();
            let Some(address) = address.and_then(|word| word.parse().ok()) else {
                continue;
            };
            for name in std::iter::once(name).chain(aliases) {
                let addresses = self.hosts.entry(name.to_ascii_lowercase()).or_default();
                addresses.push(address);
            }
        }
    }

    /// Adds the lines of a text in the format of passwd(5).
    fn add_users(&mut self, text: &[u8]) {
        for (name, mut fields) in colons(text) {
            let _password = fields.next();
            if let (Some(uid), Some(gid)) = (
                fields.next().and_then(number),
                fields.next().and_then(number),
            ) {
                let user = PasswdEntry {
                    name: name.into(),
                    uid,
                    gid,
                };
                self.user_names.entry(uid).or_insert(name.to_vec());
                self.users.entry(name.to_vec()).or_insert(user);
            }
        }
    }

    /// Adds the lines of a text in the format of group(5).
    fn add_groups(&mut self, text: &[u8]) {
        for (name, mut fields) in colons(text) {
            let _password = fields.next();
            if let Some(gid) = fields.next().and_then(number) {
                self.groups.entry(name.to_vec()).or_insert(gid);
            }
        }
    }
}

/// Adds the names and aliases of a table to `map`.
fn add_numbers<T: Copy>(
    map: &mut HashMap<Vec<u8>, T>,
    text: &[u8],
    value: impl Fn(&[u8]) -> Option<T>,
) {
    for (name, word, aliases) in table(text) {
        if let Some(value) = value(word) {
            for name in std::iter::once(name).chain(aliases) {
                map.entry(name.to_vec()).or_insert(value);
            }
        }
    }
}

/// The lines `name value alias... # comment` of a text.
fn table(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], impl Iterator<Item = &[u8]>)> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.split(|byte| *byte == b'#').next()?;
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        Some((words.next()?, words.next()?, words))
    })
}

/// The lines `name:field:field...` of a text, without comments and the lines for NIS.
fn colons(text: &[u8]) -> impl Iterator<Item = (&[u8], impl Iterator<Item = &[u8]>)> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next()?;
        let skipped = matches!(name.first(), None | Some(b'#' | b'+' | b'-'));
        (!skipped).then_some((name, fields))
    })
}

/// A decimal number that is all of a word.
fn number<T: std::str::FromStr>(word: &[u8]) -> Option<T> {
    let digits = word.iter().all(u8::is_ascii_digit);
    digits.then(|| str::from_utf8(word).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MemoryTree;

    fn databases() -> Databases {
        let tree = MemoryTree::default()
            .file(
                "/etc/services",
                "# comment\nsmtp\t25/tcp mail # not an alias\ndomain 53/tcp\ndomain 53/udp\n\
                 smtp 26/tcp\nbroken x/tcp\nhuge 70000/tcp\nmail 99/udp",
            )
            .file("/etc/rpc", "nfs 100003 nfsprog\r\n")
            .file(
                "/etc/passwd",
                "#x:x:7:7::/:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n+nis::1:1\ntoor:x:0:0::/:\nbad:x:y:0",
            )
            .file("/etc/group", "adm:x:4:syslog,me\n\nadm:x:5:\n")
            .file("/etc/networks", "loopback 127.0.0.0\nlab 10.1 laboratory\n");
        Databases::read(&tree)
    }

    #[test]
    fn services_by_name_alias_and_protocol() {
        let databases = databases();
        assert_eq!(databases.port(b"smtp", b"tcp"), Some(25), "the first wins");
        assert_eq!(databases.port(b"mail", b"tcp"), Some(25));
        assert_eq!(databases.port(b"mail", b"udp"), Some(99));
        assert_eq!(databases.port(b"not", b"tcp"), None, "a comment");
        assert_eq!(databases.port(b"broken", b"tcp"), None);
        assert_eq!(databases.port(b"huge", b"tcp"), None);
        let protocols: Vec<_> = databases.protocols_of(b"domain").collect();
        assert_eq!(protocols, [b"tcp", b"udp"]);
        assert_eq!(databases.protocols_of(b"none").count(), 0);
    }

    #[test]
    fn protocols_are_known_without_their_file() {
        let mut databases = databases();
        assert_eq!(databases.protocol(b"udp"), Some(17));
        assert_eq!(databases.protocol(b"ospf"), None);
        databases.add_protocols(b"ospf 89 OSPFIGP\n");
        assert_eq!(databases.protocol(b"OSPFIGP"), Some(89));
    }

    #[test]
    fn users_and_groups() {
        let databases = databases();
        let root = databases.user(b"root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(databases.user_of(0).unwrap().name, "root".into());
        assert_eq!(databases.user(b"+nis"), None);
        assert_eq!(databases.user(b"#x"), None);
        assert_eq!(databases.user(b"bad"), None);
        assert_eq!(databases.group(b"adm"), Some(4));
    }

    #[test]
    fn programs_and_networks() {
        let databases = databases();
        assert_eq!(databases.rpc(b"nfsprog"), Some(100_003));
        assert_eq!(
            databases.network(b"loopback"),
            Some(Ipv4Addr::new(127, 0, 0, 0))
        );
        assert_eq!(
            databases.network(b"laboratory"),
            Some(Ipv4Addr::new(10, 1, 0, 0))
        );
    }

    #[test]
    fn absent_files_are_empty() {
        let databases = Databases::read(&MemoryTree::default());
        assert_eq!(databases.port(b"smtp", b"tcp"), None);
        assert_eq!(databases.protocol(b"tcp"), Some(6));
    }
}
