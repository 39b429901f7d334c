//! Who connected.

use std::net::{IpAddr, SocketAddr};

use nix::net::if_::if_indextoname;

use crate::journal::Peer;

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    /// Its address as accept(2) gave it: v4-mapped on a dual-stack socket.
    pub(super) address: SocketAddr,
    /// The same as text, as xinetd writes it: with the zone of a link-local address.
    pub(super) host: String,
}

impl Remote {
    /// The peer with this address.
    pub(super) fn new(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() != 0 => {
                // Where the interface is gone its number remains, as in getnameinfo(3).
                let zone = if_indextoname(v6.scope_id())
                    .map(|name| name.to_string_lossy().into_owned())
                    .ok()
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| v6.scope_id().to_string());
                format!("{}%{zone}", v6.ip())
            }
            // xinetd's words for the client of a server that accepts by itself.
            _ if address.ip().is_unspecified() => "<no address>".to_owned(),
            _ => address.ip().to_string(),
        };
        Self { address, host }
    }

    /// For the log.
    pub(super) fn as_peer(&self) -> Peer<'_> {
        Peer {
            host: &self.host,
            address: self.address.ip(),
            port: self.address.port(),
        }
    }

    /// Whether it is an IPv4 peer on a dual-stack socket.
    pub(super) fn is_mapped(&self) -> bool {
        match self.address.ip() {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => address.to_ipv4_mapped().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddrV6};

    use super::*;

    #[test]
    fn a_link_local_peer_has_its_zone() {
        let address = |scope| SocketAddrV6::new("fe80::7".parse().unwrap(), 9, 0, scope).into();
        assert_eq!(Remote::new(address(1)).host, "fe80::7%lo");
        assert_eq!(
            Remote::new(address(u32::MAX)).host,
            format!("fe80::7%{}", u32::MAX)
        );
        let global = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 9, 0, 1).into();
        assert_eq!(Remote::new(global).host, "::1");
    }

    #[test]
    fn only_v4_mapped_peers_are_mapped() {
        assert!(Remote::new("[::ffff:192.0.2.7]:1".parse().unwrap()).is_mapped());
        assert!(!Remote::new("[2001:db8::7]:1".parse().unwrap()).is_mapped());
        assert!(!Remote::new("192.0.2.7:1".parse().unwrap()).is_mapped());
    }
}
