//! What survives a killed helper: a memfd that systemd keeps (its file descriptor store).
//!
//! It has a header and one record of fixed size for each place of the sessions' slab. The pid of a
//! record is written last, so that a helper that is killed in between leaves none half done.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;

use nix::unistd::{SysconfVar, sysconf};
use xinetd_core::policy::{MonotonicSeconds, RateSnapshot};

use crate::sys::memory_file::MemoryFile;

use super::clock::Moment;

const MAGIC: [u8; 8] = *b"XBstate1";
pub(super) const SIZE: usize = 64;
/// How many bytes of a record are its pid.
const PID_SIZE: usize = size_of::<i32>();
/// More sessions than a machine has processes are no state of ours.
const MAX_RECORDS: usize = 4 * 1024 * 1024;

/// The file.
#[derive(Debug)]
pub(super) struct StateFile {
    memory: MemoryFile,
}

/// What identifies the server of a session, and its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Its process.
    pub(super) pid: i32,
    /// Just before and just after it was started: where the two are, no other process with this
    /// pid started. So the start time need not be looked up for each session.
    pub(super) started: (Moment, Moment),
    /// Its peer.
    pub(super) peer: SocketAddr,
}

impl StateFile {
    /// A new one, empty.
    ///
    /// # Errors
    /// If there is no descriptor or memory for it.
    pub(super) fn create() -> io::Result<Self> {
        let memory = MemoryFile::create(c"xinetd-accept")?;
        let mut this = Self { memory };
        this.write_rate(RateSnapshot::default())?;
        Ok(this)
    }

    /// The one that systemd kept for us.
    ///
    /// # Errors
    /// If it is no such file, or one of another version.
    pub(super) fn open(kept: OwnedFd) -> io::Result<Self> {
        let memory = MemoryFile::open(kept)?;
        match memory.bytes().starts_with(&MAGIC) {
            true => Ok(Self { memory }),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// For the file descriptor store.
    pub(super) fn file(&self) -> &File {
        self.memory.file()
    }

    /// Replaces what is known of `cps`.
    pub(super) fn write_rate(&mut self, rate: RateSnapshot) -> io::Result<()> {
        let mut bytes = StateWriter::default();
        bytes.put(&MAGIC);
        bytes.put(&rate.count.to_ne_bytes());
        bytes.put(&rate.start.0.to_ne_bytes());
        bytes.put(
            &rate
                .paused_until
                .map_or(u64::MAX, |until| until.0)
                .to_ne_bytes(),
        );
        bytes.put(&rate.turned_away.to_ne_bytes());
        self.memory.write(0, &bytes.bytes, SIZE)
    }

    /// What the predecessor knew of `cps`.
    pub(super) fn read_rate(&self) -> RateSnapshot {
        let mut reader = StateReader(&self.memory.bytes()[MAGIC.len()..]);
        RateSnapshot {
            count: u64::from_ne_bytes(reader.take()),
            start: MonotonicSeconds(u64::from_ne_bytes(reader.take())),
            paused_until: match u64::from_ne_bytes(reader.take()) {
                u64::MAX => None,
                until => Some(MonotonicSeconds(until)),
            },
            turned_away: u64::from_ne_bytes(reader.take()),
        }
    }

    /// Notes the session in place `index`.
    ///
    /// # Errors
    /// If there is no memory for one more.
    pub(super) fn write(&mut self, index: u32, record: &Record) -> io::Result<()> {
        self.memory.write(offset(index), &record.encode(), PID_SIZE)
    }

    /// The session in place `index` has ended.
    pub(super) fn clear(&mut self, index: u32) {
        self.memory.clear(offset(index), PID_SIZE);
    }

    /// All sessions that are noted, those included that have ended meanwhile. One that was being
    /// moved when its helper was killed is there twice.
    pub(super) fn records(&self) -> Vec<Record> {
        let (places, _) = self.memory.bytes().as_chunks();
        let places = places.iter().skip(1).take(MAX_RECORDS);
        places.filter_map(Record::decode).collect()
    }

    /// Forgets all places from `index` on.
    pub(super) fn truncate(&mut self, index: u32) {
        self.memory.clear(offset(index), usize::MAX);
    }
}

fn offset(index: u32) -> usize {
    (index as usize + 1) * SIZE
}

impl Record {
    pub(super) fn encode(&self) -> [u8; SIZE] {
        let (ip, scope) = match self.peer {
            SocketAddr::V4(peer) => (peer.ip().to_ipv6_mapped(), 0),
            SocketAddr::V6(peer) => (*peer.ip(), peer.scope_id()),
        };
        let mut bytes = StateWriter::default();
        bytes.put(&self.pid.to_ne_bytes());
        bytes.put(&self.peer.port().to_ne_bytes());
        bytes.put(&[u8::from(self.peer.is_ipv4()), 0]);
        bytes.put(&ip.octets());
        bytes.put(&scope.to_ne_bytes());
        bytes.put(&nanoseconds(self.started.0).to_ne_bytes());
        bytes.put(&nanoseconds(self.started.1).to_ne_bytes());
        bytes.bytes
    }

    /// None for a place without a session.
    pub(super) fn decode(bytes: &[u8; SIZE]) -> Option<Self> {
        let mut reader = StateReader(bytes);
        let pid = i32::from_ne_bytes(reader.take());
        let port = u16::from_ne_bytes(reader.take());
        let [is_v4, _] = reader.take();
        let ip = Ipv6Addr::from(reader.take::<16>());
        let scope = u32::from_ne_bytes(reader.take());
        let mut moment = || {
            Moment(std::time::Duration::from_nanos(u64::from_ne_bytes(
                reader.take(),
            )))
        };
        let started = (moment(), moment());
        let peer = if is_v4 == 1 {
            SocketAddr::new(IpAddr::V4(ip.to_ipv4_mapped()?), port)
        } else {
            SocketAddrV6::new(ip, port, 0, scope).into()
        };
        (pid > 0).then_some(Self { pid, started, peer })
    }

    /// Whether a process with this pid that started `start` clock ticks after boot is the one.
    pub(super) fn is_of(&self, start: u64) -> bool {
        let rate = sysconf(SysconfVar::CLK_TCK)
            .ok()
            .flatten()
            .and_then(|rate| u64::try_from(rate).ok());
        let ticks = |moment: Moment| {
            nanoseconds(moment) / (1_000_000_000 / rate.filter(|&rate| rate > 0).unwrap_or(100))
        };
        // The kernel rounds down, as we do.
        (ticks(self.started.0)..=ticks(self.started.1)).contains(&start)
    }
}

fn nanoseconds(moment: Moment) -> u64 {
    u64::try_from(moment.0.as_nanos()).unwrap_or(u64::MAX)
}

struct StateWriter {
    bytes: [u8; SIZE],
    length: usize,
}

impl Default for StateWriter {
    fn default() -> Self {
        Self {
            bytes: [0; SIZE],
            length: 0,
        }
    }
}

impl StateWriter {
    fn put(&mut self, part: &[u8]) {
        self.bytes[self.length..][..part.len()].copy_from_slice(part);
        self.length += part.len();
    }
}

struct StateReader<'a>(&'a [u8]);

impl StateReader<'_> {
    /// Zeros where nothing is left, which the fixed layout excludes.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((part, rest)) => {
                self.0 = rest;
                *part
            }
            None => [0; N],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn record(pid: i32, peer: &str) -> Record {
        Record {
            pid,
            started: (
                Moment(Duration::from_millis(4_990)),
                Moment(Duration::from_millis(5_011)),
            ),
            peer: peer.parse().unwrap(),
        }
    }

    fn successor(file: &StateFile) -> StateFile {
        StateFile::open(file.file().try_clone().unwrap().into()).unwrap()
    }

    #[test]
    fn a_successor_finds_live_sessions_and_the_rate() {
        let mut file = StateFile::create().unwrap();
        let rate = RateSnapshot {
            count: 7,
            start: MonotonicSeconds(100),
            paused_until: Some(MonotonicSeconds(110)),
            turned_away: 3,
        };
        file.write_rate(rate).unwrap();
        file.write(0, &record(10, "192.0.2.7:1")).unwrap();
        file.write(1, &record(11, "192.0.2.8:1")).unwrap();
        file.write(5, &record(12, "[::ffff:192.0.2.7]:65535"))
            .unwrap();
        file.clear(1);
        let mut successor = successor(&file);
        assert_eq!(successor.read_rate(), rate);
        let expected = [
            record(10, "192.0.2.7:1"),
            record(12, "[::ffff:192.0.2.7]:65535"),
        ];
        assert_eq!(successor.records(), expected);
        successor.truncate(1);
        assert_eq!(successor.records(), expected[..1]);
        assert_eq!(successor.read_rate(), rate);
    }

    #[test]
    fn a_foreign_file_is_refused() {
        let file = MemoryFile::create(c"x").unwrap();
        let kept = file.file().try_clone().unwrap();
        assert!(StateFile::open(kept.into()).is_err());
    }

    #[test]
    fn a_later_process_with_the_same_pid_is_another_one() {
        let record = record(10, "192.0.2.7:1");
        assert!([499, 500, 501].into_iter().all(|start| record.is_of(start)));
        assert!(!record.is_of(498) && !record.is_of(502));
    }

    proptest! {
        #[test]
        fn records_survive(pid in 1..i32::MAX, ip: [u8; 16], port: u16, scope: u32, v4: bool, at: u32) {
            let peer = if v4 {
                SocketAddr::new(IpAddr::from([ip[0], ip[1], ip[2], ip[3]]), port)
            } else {
                SocketAddrV6::new(ip.into(), port, 0, scope).into()
            };
            let started = (Moment(Duration::from_micros(at.into())), Moment(Duration::from_secs(at.into())));
            let record = Record { pid, started, peer };
            prop_assert_eq!(Record::decode(&record.encode()), Some(record));
        }
    }
}
