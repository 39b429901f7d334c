//! What an administrator can set of bans, for which xinetd's files have no word.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::peer::{AllowList, Ipv6Prefix};

/// The part `[bans]` of [`options::FILE`](crate::options::FILE).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BanOptions {
    /// Networks and addresses that can never be banned. Loopback can't be in any case.
    allow: Vec<Network>,
    /// How many bits of an IPv6 address count.
    ipv6_prefix: Ipv6Prefix,
}

/// A network, or an address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse::<IpNet>().ok().or_else(|| address().ok());
        let network = network.ok_or_else(|| format!("`{text}` is no address and no network"))?;
        Ok(Self(network.trunc()))
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

impl BanOptions {
    /// Who can never be banned.
    pub fn allow_list(&self) -> AllowList {
        AllowList::new(self.allow.iter().map(|network| network.0).collect())
    }

    /// How many bits of an IPv6 address count.
    pub fn ipv6_prefix(&self) -> Ipv6Prefix {
        self.ipv6_prefix
    }
}
