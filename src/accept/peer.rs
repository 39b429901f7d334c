//! The client at the other end of a connection.

use std::cell::OnceCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use nix::net::if_::if_indextoname;

use crate::journal;

/// The address of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// As accept(2) gave it: v4-mapped on a dual-stack socket.
    Known(SocketAddr),
    /// It can't be known before the server accepts the client (`wait = yes`).
    Unknown,
}

/// What stands for an unknown address in the log, in the counts of `per_source` and in the state file.
const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    peer: Peer,
    /// Its address as text, once it is asked for: of most clients of a service without log lines it never is.
    host: OnceCell<String>,
}

impl Peer {
    /// The address, or 0.0.0.0 with port 0.
    pub(super) fn address(self) -> SocketAddr {
        match self {
            Self::Known(address) => address,
            Self::Unknown => UNKNOWN,
        }
    }

    /// What a predecessor has noted as an [address](Self::address).
    pub(super) fn recorded(address: SocketAddr) -> Self {
        match address == UNKNOWN {
            true => Self::Unknown,
            false => Self::Known(address),
        }
    }
}

impl Remote {
    /// This peer.
    pub(super) fn new(peer: Peer) -> Self {
        Self {
            peer,
            host: OnceCell::new(),
        }
    }

    /// The peer with this address.
    pub(super) fn at(address: SocketAddr) -> Self {
        Self::new(Peer::Known(address))
    }

    /// Whether its address is known.
    pub(super) fn is_known(&self) -> bool {
        self.peer != Peer::Unknown
    }

    /// As [`Peer::address`].
    pub(super) fn address(&self) -> SocketAddr {
        self.peer.address()
    }

    /// The IP address of [`Self::address`].
    pub(super) fn ip(&self) -> IpAddr {
        self.address().ip()
    }

    /// Its address as text, as xinetd writes it: with the zone of a link-local address.
    pub(super) fn host(&self) -> &str {
        self.host.get_or_init(|| match self.peer {
            // xinetd's words for the client of a server that accepts by itself.
            Peer::Unknown => "<no address>".to_owned(),
            Peer::Known(address) => host(address),
        })
    }

    /// For the log.
    pub(super) fn as_peer(&self) -> journal::Peer<'_> {
        journal::Peer {
            host: self.host(),
            address: self.ip(),
            port: self.address().port(),
        }
    }

    /// Whether it is an IPv4 peer on a dual-stack socket.
    pub(super) fn is_mapped(&self) -> bool {
        match self.ip() {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => address.to_ipv4_mapped().is_some(),
        }
    }
}

/// An address as text.
fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() != 0 => {
            // Where the interface is gone its number remains, as in getnameinfo(3).
            let zone = if_indextoname(v6.scope_id())
                .map(|name| name.to_string_lossy().into_owned())
                .ok()
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| v6.scope_id().to_string());
            format!("{}%{zone}", v6.ip())
        }
        _ => address.ip().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddrV6};

    use super::*;

    #[test]
    fn a_link_local_peer_has_its_zone() {
        let address = |scope| SocketAddrV6::new("fe80::7".parse().unwrap(), 9, 0, scope).into();
        assert_eq!(Remote::at(address(1)).host(), "fe80::7%lo");
        assert_eq!(
            Remote::at(address(u32::MAX)).host(),
            format!("fe80::7%{}", u32::MAX)
        );
        let global = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 9, 0, 1).into();
        assert_eq!(Remote::at(global).host(), "::1");
    }

    #[test]
    fn only_v4_mapped_peers_are_mapped() {
        assert!(Remote::at("[::ffff:192.0.2.7]:1".parse().unwrap()).is_mapped());
        assert!(!Remote::at("[2001:db8::7]:1".parse().unwrap()).is_mapped());
        assert!(!Remote::at("192.0.2.7:1".parse().unwrap()).is_mapped());
    }
}
