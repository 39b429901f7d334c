//! Whom a ban is for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// How much of an IPv6 address tells machines apart: 64 bits unless it is set otherwise, as one
/// machine has all addresses of its /64 to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Ipv6Prefix(u8);

impl Ipv6Prefix {
    /// So many bits: from 32, the network of a provider, to 128, one address.
    pub(crate) fn new(bits: u8) -> Option<Self> {
        (32..=128).contains(&bits).then_some(Self(bits))
    }

    /// How many bits count.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }
}

impl Ipv6Prefix {
    /// 64 bits.
    pub const DEFAULT: Self = Self(64);
}

impl Default for Ipv6Prefix {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl From<Ipv6Prefix> for u8 {
    fn from(prefix: Ipv6Prefix) -> Self {
        prefix.0
    }
}

impl TryFrom<u8> for Ipv6Prefix {
    type Error = &'static str;

    fn try_from(bits: u8) -> Result<Self, Self::Error> {
        Self::new(bits).ok_or("an IPv6 prefix has 32 to 128 bits here")
    }
}

/// Whom a ban is for: one IPv4 or link-local address, or the IPv6 addresses with one prefix.
///
/// An IPv4 peer is the same on an IPv4 and on a dual-stack socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// v4-mapped for IPv4; the bits behind the prefix are 0.
    address: Ipv6Addr,
    bits: u8,
}

impl Subject {
    /// The one that the peer with this address belongs to.
    pub fn of(peer: IpAddr, prefix: Ipv6Prefix) -> Self {
        match peer.to_canonical() {
            IpAddr::V4(address) => Self {
                address: address.to_ipv6_mapped(),
                bits: 128,
            },
            // All neighbours share this prefix, whatever it is.
            IpAddr::V6(address) if address.is_unicast_link_local() => Self { address, bits: 128 },
            IpAddr::V6(address) => Self {
                address: Ipv6Net::new_assert(address, prefix.0).network(),
                bits: prefix.0,
            },
        }
    }

    /// The 128 bits that stand for it.
    pub fn to_bits(self) -> u128 {
        self.address.to_bits()
    }

    /// As a network.
    pub fn network(self) -> IpNet {
        match self.address.to_ipv4_mapped() {
            Some(address) => IpNet::from(IpAddr::V4(address)),
            None => Ipv6Net::new_assert(self.address, self.bits).into(),
        }
    }
}

impl fmt::Display for Subject {
    /// The address alone where it is one address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network() {
            IpNet::V6(net) if self.bits < 128 => net.fmt(f),
            net => net.addr().fmt(f),
        }
    }
}

/// Who can never be banned: this machine, and the networks that the administrator names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowList(Vec<IpNet>);

impl AllowList {
    /// These networks, and loopback.
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether a ban of `subject` would hit anyone on the list.
    pub fn protects(&self, subject: Subject) -> bool {
        const LOOPBACK: [IpNet; 2] = [
            IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
            IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
        ];
        let network = subject.network();
        let meets = |other: &IpNet| other.contains(&network) || network.contains(other);
        LOOPBACK.iter().any(meets) || self.0.iter().any(|other| meets(&unmapped(*other)))
    }
}

/// A v4-mapped network as the IPv4 network that it is.
fn unmapped(network: IpNet) -> IpNet {
    match network {
        IpNet::V6(net) if net.prefix_len() >= 96 => net
            .addr()
            .to_ipv4_mapped()
            .and_then(|address| IpNet::new(address.into(), net.prefix_len() - 96).ok())
            .unwrap_or(network),
        _ => network,
    }
}
