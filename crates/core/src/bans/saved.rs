//! Bans as a file keeps them across a boot, and the options that were in force.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::boot::{BootTime, milliseconds};
use super::format1;
use super::list::{Ban, Origin, Until};
use super::options::BanOptions;
use super::peer::{Ipv6Prefix, Subject};

/// Now, by both clocks: bans run by the one that can't be set, and administrators are told the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// What has passed since boot, and which boot that is.
    pub boot: BootTime,
    /// What has passed since 1970.
    pub wall: Duration,
}

impl Clocks {
    /// The time of day when so much has passed since boot, in seconds since 1970, rounded.
    pub fn wall_seconds(&self, boot: Duration) -> u64 {
        let moved = self.wall.saturating_add(boot).saturating_sub(self.boot.at);
        moved.saturating_add(Duration::from_millis(500)).as_secs()
    }
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedBans {
    /// None in a file of format 1, which knows the time of day alone.
    noted: Option<BootTime>,
    options: Option<BanOptions>,
    bans: Kept,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    Now(Vec<SavedBan>),
    Format1(Vec<format1::SavedBan>),
}

/// The file of format 2 as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BansFile {
    format: u32,
    /// When it was written.
    noted: BootTime,
    /// What was in force then.
    options: BanOptions,
    #[serde(default, rename = "ban", skip_serializing_if = "Vec::is_empty")]
    bans: Vec<SavedBan>,
}

/// One ban; times are in milliseconds, as they were when the file was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedBan {
    peer: IpNet,
    /// How long it was there.
    #[serde(with = "milliseconds")]
    age: Duration,
    /// How long ago it was made or extended.
    #[serde(with = "milliseconds")]
    last: Duration,
    /// What was left of it; none is for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<Milliseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sensor: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    administrator: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Milliseconds(#[serde(with = "milliseconds")] Duration);

/// What tells the formats apart.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl SavedBans {
    /// The format that is written; 1 is read, too.
    const FORMAT: u32 = 2;

    /// These bans, as they are now, and the options in force.
    pub fn new<'a>(
        bans: impl Iterator<Item = &'a Ban>,
        options: BanOptions,
        now: BootTime,
    ) -> Self {
        let save = |ban: &Ban| SavedBan {
            peer: ban.subject.network(),
            age: now.at.saturating_sub(ban.since),
            last: now.at.saturating_sub(ban.last),
            left: match ban.until {
                Until::At(end) => Some(Milliseconds(end.saturating_sub(now.at))),
                Until::Forever => None,
            },
            sensor: match &ban.origin {
                Origin::Sensor(id) => id.clone(),
                Origin::Administrator => None,
            },
            administrator: ban.origin == Origin::Administrator,
        };
        Self {
            noted: Some(now),
            options: Some(options),
            bans: Kept::Now(bans.map(save).collect()),
        }
    }

    /// Its text.
    ///
    /// # Errors
    /// In words, which nothing that is kept can cause.
    pub fn to_text(self) -> Result<String, String> {
        let (Some(noted), Some(options), Kept::Now(bans)) = (self.noted, self.options, self.bans)
        else {
            return Err("it is of format 1".to_owned());
        };
        let file = BansFile {
            format: Self::FORMAT,
            noted,
            options,
            bans,
        };
        toml::to_string(&file).map_err(|error| error.to_string())
    }

    /// What a text says.
    ///
    /// # Errors
    /// In words, if it is none of ours.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let said = |error: toml::de::Error| error.message().to_owned();
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let head: Head = toml::from_str(text).map_err(said)?;
        match head.format {
            Self::FORMAT => {
                let file: BansFile = toml::from_str(text).map_err(said)?;
                Ok(Self {
                    noted: Some(file.noted),
                    options: Some(file.options),
                    bans: Kept::Now(file.bans),
                })
            }
            format1::FORMAT => Ok(Self {
                noted: None,
                options: None,
                bans: Kept::Format1(format1::parse(text).map_err(said)?),
            }),
            other => Err(format!("it has format {other}")),
        }
    }

    /// When it was written; none of format 1.
    pub fn noted(&self) -> Option<BootTime> {
        self.noted
    }

    /// What was in force; none of format 1.
    pub fn options(&self) -> Option<&BanOptions> {
        self.options.as_ref()
    }

    /// The bans in it that are not over; IPv6 prefixes that were longer are cut to `prefix`, and shorter
    /// ones are left out, as no administrator meant them to hit less. `shutdown` is the last reading that was
    /// noted when the machine was shut down (`BootTime::passed`).
    pub fn bans(&self, prefix: Ipv6Prefix, shutdown: Option<BootTime>, now: Clocks) -> Vec<Ban> {
        let bans = match &self.bans {
            Kept::Now(bans) => {
                let noted = self.noted.unwrap_or(now.boot);
                let passed = noted.passed(shutdown, now.boot);
                let bans = bans.iter().filter(|saved| fits(saved.peer, prefix));
                bans.map(|saved| saved.ban(prefix, passed, now.boot.at))
                    .collect()
            }
            Kept::Format1(bans) => {
                let bans = bans.iter().filter(|saved| fits(saved.peer, prefix));
                bans.map(|saved| saved.ban(prefix, now)).collect::<Vec<_>>()
            }
        };
        let over = |ban: &Ban| ban.until.is_past(now.boot.at);
        bans.into_iter().filter(|ban| !over(ban)).collect()
    }
}

impl SavedBan {
    fn ban(&self, prefix: Ipv6Prefix, passed: Duration, now: Duration) -> Ban {
        let ago = |time: Duration| now.saturating_sub(time.saturating_add(passed));
        Ban {
            subject: Subject::of(self.peer.addr(), prefix),
            until: match self.left {
                Some(Milliseconds(left)) => {
                    Until::At(now.saturating_add(left.saturating_sub(passed)))
                }
                None => Until::Forever,
            },
            since: ago(self.age),
            last: ago(self.last),
            origin: match self.administrator {
                true => Origin::Administrator,
                false => Origin::Sensor(self.sensor.clone()),
            },
        }
    }
}

fn fits(peer: IpNet, prefix: Ipv6Prefix) -> bool {
    match peer {
        IpNet::V4(net) => net.prefix_len() == 32,
        IpNet::V6(net) => net.prefix_len() >= prefix.bits(),
    }
}
