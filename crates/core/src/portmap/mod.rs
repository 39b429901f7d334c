//! The portmapper rpcbind(8): messages of its protocol, version 3 (RFC 1833).
//!
//! Nothing here does any I/O. [`message`] encodes calls and decodes replies; [`Registration`] says
//! what is registered.

pub mod message;
mod xdr;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::service::{Family, SocketType};

/// A transport, by its name in rpcbind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are their names")]
pub enum Netid {
    Tcp,
    Tcp6,
    Udp,
    Udp6,
}

impl Netid {
    /// The transport of a type of socket and of one family of addresses; none for other types.
    fn new(socket_type: SocketType, v6: bool) -> Option<Self> {
        match (socket_type, v6) {
            (SocketType::Stream, false) => Some(Self::Tcp),
            (SocketType::Stream, true) => Some(Self::Tcp6),
            (SocketType::Dgram, false) => Some(Self::Udp),
            (SocketType::Dgram, true) => Some(Self::Udp6),
            (SocketType::Raw | SocketType::Seqpacket, _) => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tcp6 => "tcp6",
            Self::Udp => "udp",
            Self::Udp6 => "udp6",
        }
    }
}

impl fmt::Display for Netid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a program listens: a transport, and its universal address (RFC 5665).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The transport.
    pub netid: Netid,
    /// The address, with the two bytes of the port behind it.
    pub address: String,
}

impl Endpoint {
    fn new(netid: Netid, address: IpAddr, port: u16) -> Self {
        let [high, low] = port.to_be_bytes();
        Self {
            netid,
            address: format!("{address}.{high}.{low}"),
        }
    }

    /// The endpoints of a socket on `bind`, or on all addresses.
    pub(crate) fn of(
        socket_type: SocketType,
        family: Family,
        bind: Option<IpAddr>,
        port: u16,
    ) -> Vec<Self> {
        let bind = bind.filter(|address| !address.is_unspecified());
        let (v4, v6) = match (bind, family) {
            (Some(IpAddr::V4(_)), _) | (None, Family::V4) => (true, false),
            (Some(IpAddr::V6(_)), _) | (None, Family::V6Only) => (false, true),
            (None, Family::Any | Family::V6) => (true, true),
        };
        let endpoint = |v6: bool, any: IpAddr| {
            let netid = Netid::new(socket_type, v6)?;
            Some(Self::new(netid, bind.unwrap_or(any), port))
        };
        let v4 = v4.then(|| endpoint(false, Ipv4Addr::UNSPECIFIED.into()));
        let v6 = v6.then(|| endpoint(true, Ipv6Addr::UNSPECIFIED.into()));
        v4.into_iter().chain(v6).flatten().collect()
    }
}

impl fmt::Display for Endpoint {
    /// As [`Endpoint::from_str`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.netid, self.address)
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Netid::Tcp, Netid::Tcp6, Netid::Udp, Netid::Udp6];
        let parts = text.split_once('=');
        let found = parts.and_then(|(name, address)| {
            let netid = all.into_iter().find(|netid| netid.name() == name)?;
            let address = address.to_owned();
            Some(Self { netid, address })
        });
        found.ok_or_else(|| format!("{text:?} is no endpoint"))
    }
}

/// A version of a program at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The program's number.
    pub program: u32,
    /// Its version.
    pub version: u32,
    /// The transport, one of [`Netid`] or another.
    pub netid: String,
    /// The universal address.
    pub address: String,
}

impl Registration {
    /// All versions of a program at all of its endpoints.
    pub fn all(program: u32, first: u32, last: u32, endpoints: &[Endpoint]) -> Vec<Self> {
        let versions = first..=last;
        let all = versions.flat_map(|version| {
            endpoints.iter().map(move |endpoint| Self {
                program,
                version,
                netid: endpoint.netid.to_string(),
                address: endpoint.address.clone(),
            })
        });
        all.collect()
    }

    /// Whether there can be only one of the two.
    pub fn clashes(&self, other: &Self) -> bool {
        (self.program, self.version, &self.netid) == (other.program, other.version, &other.netid)
    }
}

/// An RPC service, as the portmapper is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcService {
    /// The id of the service.
    pub id: String,
    /// The program's number.
    pub program: u32,
    /// Its first and its last version.
    pub versions: (u32, u32),
    /// Where it listens.
    pub endpoints: Vec<Endpoint>,
}

impl RpcService {
    /// All that is registered of it.
    pub fn registrations(&self) -> Vec<Registration> {
        let (first, last) = self.versions;
        Registration::all(self.program, first, last, &self.endpoints)
    }

    /// The words by which the helper's program is told of it.
    pub fn words(&self) -> Vec<String> {
        let (first, last) = self.versions;
        let numbers = [self.program, first, last].map(|number| number.to_string());
        let endpoints = self.endpoints.iter().map(Endpoint::to_string);
        let id = std::iter::once(self.id.clone());
        id.chain(numbers).chain(endpoints).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(kind: SocketType, family: Family, bind: Option<&str>) -> Vec<String> {
        let bind = bind.map(|bind| bind.parse().unwrap());
        let endpoints = Endpoint::of(kind, family, bind, 61_001);
        endpoints.iter().map(Endpoint::to_string).collect()
    }

    #[test]
    fn endpoints_are_those_that_the_socket_has() {
        use SocketType::{Dgram, Raw, Stream};
        assert_eq!(
            endpoints(Dgram, Family::Any, None),
            ["udp=0.0.0.0.238.73", "udp6=::.238.73"]
        );
        assert_eq!(endpoints(Stream, Family::V4, None), ["tcp=0.0.0.0.238.73"]);
        assert_eq!(endpoints(Stream, Family::V6Only, None), ["tcp6=::.238.73"]);
        assert_eq!(
            endpoints(Stream, Family::V4, Some("127.0.0.1")),
            ["tcp=127.0.0.1.238.73"]
        );
        assert_eq!(
            endpoints(Dgram, Family::V6, Some("::1")),
            ["udp6=::1.238.73"]
        );
        assert_eq!(endpoints(Raw, Family::Any, None), [""; 0]);
    }

    #[test]
    fn endpoints_are_read_as_they_are_written() {
        for text in ["udp=0.0.0.0.1.2", "tcp6=::1.0.7"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for wrong in ["", "udp", "sctp=1.2.3.4.5.6"] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_version_is_registered() {
        let endpoints = Endpoint::of(SocketType::Dgram, Family::Any, None, 1);
        let all = Registration::all(100_001, 2, 4, &endpoints);
        assert_eq!(all.len(), 6);
        assert!(!all[0].clashes(&all[1]) && !all[0].clashes(&all[2]));
    }
}
