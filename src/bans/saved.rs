//! Bans as a file keeps them.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::list::{Ban, Origin, Until};
use super::peer::{Ipv6Prefix, Subject};

/// Now, by both clocks: bans run by what has passed since boot, so that nobody can end them by
/// setting a clock; across a boot only the time of day can tell.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// What has passed since boot.
    pub boot: Duration,
    /// What has passed since 1970.
    pub wall: Duration,
}

impl Clocks {
    /// The time of day when so much has passed since boot, in seconds since 1970, rounded.
    pub fn wall_seconds(&self, boot: Duration) -> u64 {
        let moved = self.wall.saturating_add(boot).saturating_sub(self.boot);
        moved.saturating_add(Duration::from_millis(500)).as_secs()
    }

    /// The other way round; what is before the boot is the boot.
    fn boot_time(&self, wall: u64) -> Duration {
        let moved = Duration::from_secs(wall).saturating_add(self.boot);
        moved.saturating_sub(self.wall)
    }
}

/// The file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedBans {
    format: u32,
    #[serde(default, rename = "ban", skip_serializing_if = "Vec::is_empty")]
    bans: Vec<SavedBan>,
}

/// One ban; times are in seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedBan {
    peer: IpNet,
    since: u64,
    last: u64,
    /// None is for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sensor: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    administrator: bool,
}

impl SavedBans {
    /// The format that this build writes and reads.
    const FORMAT: u32 = 1;

    /// These bans.
    pub fn new<'a>(bans: impl Iterator<Item = &'a Ban>, clocks: Clocks) -> Self {
        let save = |ban: &Ban| SavedBan {
            peer: ban.subject.network(),
            since: clocks.wall_seconds(ban.since),
            last: clocks.wall_seconds(ban.last),
            until: match ban.until {
                Until::At(end) => Some(clocks.wall_seconds(end)),
                Until::Forever => None,
            },
            sensor: match &ban.origin {
                Origin::Sensor(id) => id.clone(),
                Origin::Administrator => None,
            },
            administrator: ban.origin == Origin::Administrator,
        };
        Self {
            format: Self::FORMAT,
            bans: bans.map(save).collect(),
        }
    }

    /// Its text.
    ///
    /// # Errors
    /// In words, which nothing that is kept can cause.
    pub fn to_text(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }

    /// What a text says.
    ///
    /// # Errors
    /// In words, if it is none of ours.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let saved: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        match saved.format {
            Self::FORMAT => Ok(saved),
            other => Err(format!("it has format {other}")),
        }
    }

    /// The bans in it; IPv6 prefixes that were longer are cut to `prefix`, and shorter ones are
    /// left out, as nobody meant them to hit less.
    pub fn bans(&self, prefix: Ipv6Prefix, clocks: Clocks) -> impl Iterator<Item = Ban> {
        let fits = move |saved: &&SavedBan| match saved.peer {
            IpNet::V4(net) => net.prefix_len() == 32,
            IpNet::V6(net) => net.prefix_len() >= prefix.bits(),
        };
        self.bans.iter().filter(fits).map(move |saved| Ban {
            subject: Subject::of(saved.peer.addr(), prefix),
            until: match saved.until {
                Some(end) => Until::At(clocks.boot_time(end)),
                None => Until::Forever,
            },
            since: clocks.boot_time(saved.since),
            last: clocks.boot_time(saved.last),
            origin: match saved.administrator {
                true => Origin::Administrator,
                false => Origin::Sensor(saved.sensor.clone()),
            },
        })
    }
}
