//! Format 1 of the file of bans, which had times of day alone: read once, after an upgrade.

use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::list::{Ban, Origin, Until};
use super::peer::{Ipv6Prefix, Subject};
use super::saved::Clocks;

pub(super) const FORMAT: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Format1 {
    #[serde(rename = "format")]
    _format: u32,
    #[serde(default, rename = "ban")]
    bans: Vec<SavedBan>,
}

/// One ban; times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedBan {
    pub(super) peer: IpNet,
    since: u64,
    last: u64,
    /// None is for ever.
    until: Option<u64>,
    sensor: Option<String>,
    #[serde(default)]
    administrator: bool,
}

/// What a text of this format says.
pub(super) fn parse(text: &str) -> Result<Vec<SavedBan>, toml::de::Error> {
    toml::from_str(text).map(|file: Format1| file.bans)
}

impl SavedBan {
    /// The ban, of which no more is left than it had when it was last made or extended, whatever the
    /// clock says.
    pub(super) fn ban(&self, prefix: Ipv6Prefix, now: Clocks) -> Ban {
        let wall = now.wall.as_secs();
        let left = |until: u64| {
            let left = until.saturating_sub(wall);
            Duration::from_secs(left.min(until.saturating_sub(self.last)))
        };
        let ago = |then: u64| {
            let age = Duration::from_secs(wall.saturating_sub(then));
            now.boot.at.saturating_sub(age)
        };
        Ban {
            subject: Subject::of(self.peer.addr(), prefix),
            until: self.until.map_or(Until::Forever, |until| {
                Until::At(now.boot.at.saturating_add(left(until)))
            }),
            since: ago(self.since),
            last: ago(self.last),
            origin: match self.administrator {
                true => Origin::Administrator,
                false => Origin::Sensor(self.sensor.clone()),
            },
        }
    }
}
