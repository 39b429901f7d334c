//! The servers that run.

use std::cell::LazyCell;
use std::collections::HashSet;
use std::io;

use xinetd_core::policy::{RateSnapshot, Slot, State};

use crate::journal::Journal;
use crate::sys::process::{Process, is_session_leader, start_time};

use super::super::super::clock::Moment;
use super::super::super::membership::companions;
use super::super::super::peer::{Peer, Remote};
use super::super::super::slab::{Key, Slab};
use super::super::super::state::{Record, StateFile};

/// A server and its client.
#[derive(Debug)]
pub(super) struct Session {
    /// The server.
    pub(super) process: Process,
    /// Its client.
    pub(super) remote: Remote,
    /// Its place in the counts.
    pub(super) slot: Slot,
    /// When it was started.
    pub(super) started: Moment,
}

/// All sessions; each has a record in the state file, in the same place.
#[derive(Debug)]
pub(in crate::accept) struct Sessions {
    slab: Slab<Session>,
    file: StateFile,
    /// Whether a record could not be written, so that it is said once only.
    write_failed: bool,
}

impl Sessions {
    /// None yet.
    pub(in crate::accept) fn new(file: StateFile) -> Self {
        Self {
            slab: Slab::default(),
            file,
            write_failed: false,
        }
    }

    /// Takes over what a predecessor left: those of its sessions that live on count again.
    pub(super) fn adopt(&mut self, state: &mut State) -> Vec<Key> {
        let mut keys = Vec::new();
        let mut pids = HashSet::new();
        // Read for the first process that needs it, and then for all.
        let companions = LazyCell::new(companions);
        for record in self.file.records() {
            // First the pidfd, then the check: so it can't become another process in between.
            let Ok(process) = Process::open(record.pid) else {
                continue;
            };
            let is_it = match start_time(record.pid) {
                Ok(start) => record.is_of(start),
                // The machine has no /proc, or hides the server there: few others lead a session.
                Err(_) if Journal::is_supervisors() => is_session_leader(record.pid),
                // /proc hides other users' processes from a unit with a sandbox (ProtectProc=).
                Err(_) => companions.contains(&record.pid),
            };
            if !is_it || !pids.insert(record.pid) {
                continue;
            }
            let session = Session {
                process,
                slot: state.adopt(record.peer.ip()),
                remote: Remote::new(Peer::recorded(record.peer)),
                started: record.started.0,
            };
            keys.extend(self.insert(session, record.started.1).ok());
        }
        self.file
            .truncate(u32::try_from(keys.len()).unwrap_or(u32::MAX));
        keys
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Adds a session whose server was started between `session.started` and `running`.
    ///
    /// # Errors
    /// Gives it back where there is no room, beyond all limits of the kernel.
    pub(super) fn insert(
        &mut self,
        session: Session,
        running: Moment,
    ) -> Result<Key, Box<Session>> {
        let record = Record {
            pid: session.process.pid(),
            started: (session.started, running),
            peer: session.remote.address(),
        };
        let key = self.slab.insert(session)?;
        let written = self.file.write(key.index, &record);
        self.note(written);
        Ok(key)
    }

    /// All sessions, with their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Session)> {
        self.slab.iter()
    }

    /// The session of an event.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Session> {
        self.slab.get_mut(key)
    }

    /// Takes out a session that has ended.
    pub(super) fn remove(&mut self, key: Key) -> Option<Session> {
        let session = self.slab.remove(key)?;
        self.file.clear(key.index);
        Some(session)
    }

    /// What the predecessor knew of `cps`.
    pub(super) fn saved_rate(&self) -> RateSnapshot {
        self.file.read_rate()
    }

    /// Notes what is known of `cps`.
    pub(super) fn save_rate(&mut self, state: &State) {
        let written = self.file.write_rate(state.rate_snapshot());
        self.note(written);
    }

    fn note(&mut self, written: io::Result<()>) {
        match written {
            Ok(()) => self.write_failed = false,
            Err(error) if !self.write_failed => {
                self.write_failed = true;
                log::warn!("sessions will not be counted after a restart: {error}");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use crate::journal::heard;

    use super::*;

    fn session(state: &mut State, pid: u32, started: Moment) -> Session {
        let peer = "192.0.2.7:1".parse().unwrap();
        Session {
            process: Process::open(i32::try_from(pid).unwrap()).unwrap(),
            remote: Remote::at(peer),
            slot: state.adopt(peer.ip()),
            started,
        }
    }

    #[test]
    fn a_successor_adopts_the_living_only() {
        let mut state = State::default();
        let mut sessions = Sessions::new(StateFile::create().unwrap());
        let mut children: Vec<_> = (0..3)
            .map(|_| {
                let started = Moment::now().unwrap();
                let child = Command::new("sleep").arg("100").spawn().unwrap();
                let running = Moment::now().unwrap();
                let session = session(&mut state, child.id(), started);
                sessions.insert(session, running).unwrap();
                child
            })
            .collect();
        // The pid of a live process that started at another time.
        let own = session(
            &mut state,
            std::process::id(),
            Moment(Duration::from_secs(1)),
        );
        sessions
            .insert(own, Moment(Duration::from_secs(2)))
            .unwrap();
        children[0].kill().unwrap();
        children[0].wait().unwrap();

        let file = sessions.file.file().try_clone().unwrap().into();
        let mut successor = Sessions::new(StateFile::open(file).unwrap());
        let mut counts = State::default();
        let keys = successor.adopt(&mut counts);
        assert_eq!(counts.running(), 2);
        let pids: Vec<_> = keys
            .iter()
            .map(|&key| {
                successor
                    .get_mut(key)
                    .unwrap()
                    .process
                    .pid()
                    .cast_unsigned()
            })
            .collect();
        assert_eq!(pids, [children[1].id(), children[2].id()]);
        // And one more generation: the records have moved.
        let file = successor.file.file().try_clone().unwrap().into();
        let mut counts = State::default();
        Sessions::new(StateFile::open(file).unwrap()).adopt(&mut counts);
        assert_eq!(counts.running(), 2);
        for child in &mut children[1..] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    #[test]
    fn what_a_successor_will_not_know_is_said_once() {
        let mut sessions = Sessions::new(StateFile::create().unwrap());
        let mut said = |written: io::Result<()>| {
            heard();
            sessions.note(written);
            heard().len()
        };
        let failed = || Err(io::ErrorKind::StorageFull.into());
        assert_eq!([said(failed()), said(failed())], [1, 0]);
        assert_eq!([said(Ok(())), said(failed())], [0, 1]);
    }
}
