//! What an administrator can set: `/etc/xinetd-bridge.toml`, for which xinetd's files have no word.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::peer::{AllowList, Ipv6Prefix};

/// The part `[bans]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Networks and addresses that can never be banned. Loopback can't be in any case.
    allow: Vec<Network>,
    /// How many bits of an IPv6 address count.
    ipv6_prefix: Ipv6Prefix,
}

/// A network, or an address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
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

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    bans: Options,
    /// What it says of services is the generator's.
    #[serde(rename = "service")]
    _service: IgnoredAny,
    #[serde(rename = "inetd")]
    _inetd: IgnoredAny,
}

impl Options {
    /// Where they stand.
    pub const FILE: &str = "/etc/xinetd-bridge.toml";

    /// What the file says.
    ///
    /// # Errors
    /// In words with the line, if it can't be understood: no part of it counts then.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let file: File = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.bytes().take(start);
            let line = before.filter(|&byte| byte == b'\n').count() + 1;
            format!("line {line}: {}", error.message())
        })?;
        Ok(file.bans)
    }

    /// Who can never be banned.
    pub fn allow_list(&self) -> AllowList {
        AllowList::new(self.allow.iter().map(|network| network.0).collect())
    }

    /// How many bits of an IPv6 address count.
    pub fn ipv6_prefix(&self) -> Ipv6Prefix {
        self.ipv6_prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_understood_is_refused() {
        let good = "[bans]\nallow = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']\nipv6_prefix = 56";
        assert_eq!(
            Options::parse(good.as_bytes())
                .unwrap()
                .ipv6_prefix()
                .bits(),
            56
        );
        assert_eq!(Options::parse(b"").unwrap(), Options::default());
        for wrong in [
            "[bans]\nallow = ['10.0.0']",
            "[bans]\nallow = ['10.0.0.0/33']",
            "[bans]\nipv6_prefix = 129",
            "[bans]\nipv6_prefix = 0",
            "[bans]\nalow = []",
            "[ban]",
        ] {
            assert!(Options::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
