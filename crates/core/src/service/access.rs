//! Which clients may connect, and when (docs/xinetd-behaviour.md, section 3; `access_times` in section 2).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::problem::Place;

/// `only_from` and `no_access` of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRules {
    /// `only_from`: absent lets all clients in, an empty list none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_from: Option<AccessList>,
    /// `no_access`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_access: AccessList,
}

/// The entries of one list, in the order in which they are scanned.
pub type AccessList = Vec<AccessRule>;

/// One entry of a list, with its place for explanations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRule {
    /// Which peers it means.
    pub pattern: Pattern,
    /// Where it is written.
    pub place: Place,
}

/// Which peers an entry means.
///
/// IPv4 prefixes match IPv4 peers and v4-mapped ones. A prefix inside `::ffff:0:0/96`, or one that
/// covers it, such as `::/0`, is IPv6 here and matches IPv4 peers on dual-stack sockets as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pattern {
    /// All addresses of a prefix; a single address is a prefix of full length.
    Net(IpNet),
    /// A host by its whole name, compared without case.
    Host(String),
    /// All hosts whose name ends in this text, which begins with a dot.
    Domain(String),
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) => write!(f, "{net}"),
            Self::Host(name) => write!(f, "host {name}"),
            Self::Domain(suffix) => write!(f, "domain {suffix}"),
        }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("host ") {
            Ok(Self::Host(name.to_owned()))
        } else if let Some(suffix) = text.strip_prefix("domain ") {
            Ok(Self::Domain(suffix.to_owned()))
        } else {
            IpNet::from_str(&text)
                .map(Self::Net)
                .map_err(|error| format!("{text}: {error}"))
        }
    }
}

impl From<IpAddr> for Pattern {
    fn from(address: IpAddr) -> Self {
        Self::Net(address.into())
    }
}

/// A minute of the local day: 0 is 00:00, 1439 is 23:59.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct MinuteOfDay(u16);

impl MinuteOfDay {
    /// 00:00.
    pub const MIDNIGHT: Self = Self(0);

    /// The minute `hour`:`minute`, none if there is no such time.
    pub fn new(hour: u16, minute: u16) -> Option<Self> {
        (hour < 24 && minute < 60).then(|| Self(hour * 60 + minute))
    }
}

impl From<MinuteOfDay> for u16 {
    fn from(minute: MinuteOfDay) -> Self {
        minute.0
    }
}

impl TryFrom<u16> for MinuteOfDay {
    type Error = String;

    fn try_from(minute: u16) -> Result<Self, String> {
        Self::new(minute / 60, minute % 60).ok_or(format!("{minute} is not a minute of a day"))
    }
}

impl fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// One interval of `access_times`, both end minutes included.
///
/// Where `from` is later than `to` it runs over midnight: an extension, see docs/deviations.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeWindow {
    /// The first minute.
    pub from: MinuteOfDay,
    /// The last minute.
    pub to: MinuteOfDay,
    /// Where it is written.
    pub place: Place,
}
