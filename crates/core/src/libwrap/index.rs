//! Which rules an address can match at all: lists of single addresses may have thousands of lines.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::list::{ClientPattern, List};
use super::pattern::{Host, Text};

/// The rules of a file by the addresses that they name. It leaves out only rules that can't match.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Rules whose clients are single addresses, in their order.
    by_address: HashMap<IpAddr, Vec<u32>>,
    /// All other rules, in their order.
    others: Vec<u32>,
}

impl Index {
    /// Adds the rule with the next number.
    pub(super) fn add(&mut self, number: u32, clients: &List<ClientPattern>) {
        // What EXCEPT takes away again can only match less.
        let addresses: Option<HashSet<_>> = clients
            .first_group()
            .iter()
            .map(|client| client.host.address())
            .collect();
        match addresses {
            Some(addresses) => {
                for address in addresses {
                    self.by_address.entry(address).or_default().push(number);
                }
            }
            None => self.others.push(number),
        }
    }

    /// The numbers of the rules that an address may match, in their order.
    pub(super) fn candidates(&self, address: Option<IpAddr>) -> impl Iterator<Item = u32> {
        let named = address.and_then(|address| self.by_address.get(&address));
        let mut named = named.into_iter().flatten().copied().peekable();
        let mut others = self.others.iter().copied().peekable();
        std::iter::from_fn(move || match (named.peek(), others.peek()) {
            (Some(one), Some(other)) if one < other => named.next(),
            (_, Some(_)) => others.next(),
            (_, None) => named.next(),
        })
    }
}

/// The patterns of a `/file`: single addresses apart from the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    addresses: HashSet<IpAddr>,
    /// The rest, in its order.
    pub(super) others: Vec<Host>,
}

impl Hosts {
    pub(super) fn new(hosts: impl IntoIterator<Item = Host>) -> Self {
        let mut result = Self::default();
        for host in hosts {
            match host.address() {
                Some(address) => {
                    result.addresses.insert(address);
                }
                None => result.others.push(host),
            }
        }
        result
    }

    /// Whether the address is one of those that stand there by themselves.
    pub(super) fn contains(&self, address: Option<IpAddr>) -> bool {
        address.is_some_and(|address| self.addresses.contains(&address))
    }
}

impl Host {
    /// The only address that matches; none where others do as well, or a name.
    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Text {
                text: Text::Exact(word),
                or_name: false,
            } => {
                let text = std::str::from_utf8(word).ok()?;
                let address: IpAddr = text.parse().ok()?;
                // It is compared as text, so `010.0.0.1` is no address.
                (address.to_string() == text).then_some(address)
            }
            Self::Text {
                text: Text::Bracketed(Some(address)),
                ..
            } => Some(IpAddr::V6(*address)),
            _ => None,
        }
    }
}
