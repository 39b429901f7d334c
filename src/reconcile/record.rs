//! What was applied the last time, and what is wanted now.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::hash::Hasher;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fnv::FnvHasher;
use serde::{Deserialize, Serialize};
use xinetd_core::translate::{PACKET_LISTS, SpecDirectory, helper};

use super::action::{Operation, Outcome, Why};
use super::live::{Live, Socket};
use super::unregister;
use crate::installed;

/// The units of all services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What was wrong with the files ([`Problems::print`](super::problems::Problems::print)).
    #[serde(default, with = "hexadecimal")]
    pub(super) problems: u64,
    units: BTreeMap<String, Applied>,
    /// What rpcbind is told of a unit's service.
    #[serde(default)]
    rpc: BTreeMap<String, String>,
}

/// The units of a service, by what tells them from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Applied {
    /// The section of the socket unit that systemd reads when it starts it, without the lists.
    #[serde(with = "hexadecimal")]
    pub(super) socket: u64,
    /// The lists in that section, of which a helper makes the filter on the socket.
    #[serde(default, with = "hexadecimal")]
    pub(super) filter: u64,
    /// The section of the service unit.
    #[serde(with = "hexadecimal")]
    pub(super) service: u64,
    /// The program of the helper; nothing where a version without this number has written the record.
    #[serde(default, with = "hexadecimal")]
    pub(super) program: u64,
    /// The spec.
    #[serde(with = "hexadecimal")]
    pub(super) spec: u64,
    /// Whether xinetd.target starts it.
    pub(super) enabled: bool,
    /// How it was left.
    #[serde(default)]
    pub(super) stand: Stand,
}

/// How a service was left: what it does now may have other reasons then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stand {
    /// Its socket was active: if it is stopped now, the administrator has stopped it.
    #[default]
    Up,
    /// The administrator had stopped its socket, or it is switched off.
    Stopped,
    /// It should listen, and does not.
    Down,
    /// It has gone, but its units could not be stopped.
    Leaving,
}

impl Record {
    /// What the generator has written.
    ///
    /// # Errors
    /// If it can't be read.
    pub(super) fn wanted() -> io::Result<Self> {
        let specs = SpecDirectory::usual();
        let Some(directory) = specs.path().parent() else {
            return Ok(Self::default());
        };
        let program = installed(&helper());
        let (mut units, mut rpc) = (BTreeMap::new(), BTreeMap::new());
        for unit in installed::units()? {
            let read = |suffix: &str| fs::read(directory.join(format!("{unit}{suffix}")));
            let socket = read(".socket")?;
            let text = String::from_utf8_lossy(&socket);
            if let Some(words) = unregister::words(&text) {
                rpc.insert(unit.clone(), words.to_owned());
            }
            let (lists, socket) = lists_apart(section(&socket, b"[Socket]"));
            let applied = Applied {
                socket: hash(&socket),
                filter: hash(&lists),
                service: hash(section(&read(".service")?, b"[Service]")),
                program,
                spec: hash(&fs::read(specs.spec(&unit))?),
                enabled: installed::is_enabled(&unit),
                stand: Stand::default(),
            };
            units.insert(unit, applied);
        }
        Ok(Self {
            problems: 0,
            units,
            rpc,
        })
    }

    /// What a predecessor has written; none if there is nothing that can be read.
    pub(super) fn read(path: &Path) -> Option<Self> {
        toml::from_str(&fs::read_to_string(path).ok()?).ok()
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// In words.
    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        write(path, self)
    }

    /// The units, without suffix.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.units.keys().map(String::as_str)
    }

    /// Those of them that were left with an active socket.
    pub(super) fn listening(&self) -> impl Iterator<Item = &str> {
        let up = self.units.iter();
        let up = up.filter(|(_, applied)| applied.stand == Stand::Up);
        up.map(|(unit, _)| unit.as_str())
    }

    /// Takes out what was ejected and is not `wanted` any more: what such units do is no longer the files'
    /// business.
    pub(super) fn forget_ejected(&mut self, wanted: &Self, is_ejected: impl Fn(&str) -> bool) {
        let is_kept = |unit: &str| wanted.get(unit).is_some() || !is_ejected(unit);
        self.units.retain(|unit, _| is_kept(unit));
        self.rpc.retain(|unit, _| is_kept(unit));
    }

    /// Whether other problems than `before` are to be said: once, and not at each reload.
    pub(super) fn has_other_problems(&self, before: Option<&Self>) -> bool {
        before.is_none_or(|before| before.problems != self.problems)
    }

    /// What rpcbind is told of these services, each with its unit.
    pub(super) fn rpc(&self) -> impl Iterator<Item = (&str, &str)> {
        let rpc = self.rpc.iter();
        rpc.map(|(unit, words)| (unit.as_str(), words.as_str()))
    }

    pub(super) fn get(&self, unit: &str) -> Option<&Applied> {
        self.units.get(unit)
    }
}

#[cfg(test)]
impl Record {
    /// These units.
    pub(super) fn of(units: impl IntoIterator<Item = (String, Applied)>) -> Self {
        Self {
            problems: 0,
            units: units.into_iter().collect(),
            rpc: BTreeMap::new(),
        }
    }

    /// The same, and what rpcbind is told.
    pub(super) fn with_rpc(self, unit: &str, words: &str) -> Self {
        let rpc = BTreeMap::from([(unit.to_owned(), words.to_owned())]);
        Self { rpc, ..self }
    }
}

/// What is applied when all that was planned has been tried; `live` is what was before.
///
/// What has failed stands as it was, so that it is tried again the next time.
pub(super) fn settle(
    before: Option<&Record>,
    wanted: &Record,
    live: &Live,
    outcomes: &[Outcome],
) -> Record {
    let was = |unit: &str| before.and_then(|before| before.get(unit)).copied();
    let mut units: BTreeMap<String, Applied> = BTreeMap::new();
    for (unit, applied) in &wanted.units {
        let stand = match live.get(unit).socket {
            Socket::On(_) => Stand::Up,
            Socket::Off | Socket::Unmet | Socket::Failed => Stand::Stopped,
        };
        units.insert(unit.clone(), Applied { stand, ..*applied });
    }
    for Outcome { action, fault } in outcomes {
        let has_failed = fault.is_some();
        let applied = wanted.get(&action.unit).copied();
        let is_left = |stand| applied.map(|applied| Applied { stand, ..applied });
        let left = match (action.step, action.why) {
            // The filter may still be the old one.
            (Operation::Rebind, Why::Lists) if has_failed => was(&action.unit).map(|was| Applied {
                stand: Stand::Down,
                ..was
            }),
            (Operation::Start | Operation::Rebind, _) if has_failed => is_left(Stand::Down),
            (Operation::Start | Operation::Rebind, _) => is_left(Stand::Up),
            (Operation::Stop, Why::Gone) if has_failed => {
                let leaving = |applied| Applied {
                    stand: Stand::Leaving,
                    ..applied
                };
                was(&action.unit).map(leaving)
            }
            (_, Why::AllStopped | Why::Real) => is_left(Stand::Down),
            (_, _) if has_failed => was(&action.unit),
            (Operation::Stop, _) => is_left(Stand::Stopped),
            (Operation::Respawn | Operation::Reload | Operation::Keep, _) => continue,
        };
        if let Some(left) = left {
            units.insert(action.unit.clone(), left);
        }
    }
    Record {
        problems: 0,
        units,
        rpc: wanted.rpc.clone(),
    }
}

/// Writes a value to a file, whole or not at all.
///
/// # Errors
/// In words.
pub(super) fn write(path: &Path, value: &impl Serialize) -> Result<(), String> {
    let text = toml::to_string(value).map_err(|error| error.to_string())?;
    let written = || {
        let temporary: PathBuf = path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&temporary, path)
    };
    written().map_err(|error| format!("{}: {error}", path.display()))
}

/// A section of a unit, from its heading to the next one: what stands in the others counts without
/// a start.
fn section<'a>(unit: &'a [u8], heading: &[u8]) -> &'a [u8] {
    let begin = unit.windows(heading.len()).position(|part| part == heading);
    let rest = begin.map_or(unit, |begin| &unit[begin..]);
    let end = rest.windows(2).position(|part| part == b"\n[");
    end.map_or(rest, |end| &rest[..end])
}

/// The lines of a section that are lists, and all others.
fn lists_apart(section: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let is_list = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b'=').next();
        PACKET_LISTS
            .iter()
            .any(|list| name == Some(list.as_bytes()))
    };
    let lines = section.split_inclusive(|byte| *byte == b'\n');
    let (lists, others): (Vec<&[u8]>, Vec<&[u8]>) = lines.partition(is_list);
    (lists.concat(), others.concat())
}

/// What tells the file of a program from one that takes its place; nothing where there is none.
fn installed(program: &Path) -> u64 {
    let found = fs::metadata(program).map(|found| {
        let numbers = [
            found.dev(),
            found.ino(),
            found.size(),
            found.ctime().cast_unsigned(),
        ];
        hash(&numbers.map(u64::to_ne_bytes).concat())
    });
    found.unwrap_or_default()
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

/// TOML has no numbers of 64 bits without sign.
mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
