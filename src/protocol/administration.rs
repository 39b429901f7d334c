//! What `xinetdctl` and the supervisor say to each other where there is no systemd.
//!
//! A connection is for one request, which is one packet of JSON (the socket is of the type SEQPACKET). The answer is
//! JSON too, in a file in memory whose descriptor is passed with [`ANSWER`]: however long it is, the supervisor waits
//! for no reader. A packet without a descriptor is a refusal in words.

use std::hash::Hasher;
use std::path::PathBuf;

use fnv::FnvHasher;
use serde::{Deserialize, Serialize};
use xinetd_core::config::Unread;
use xinetd_core::translate::PlannedService;

use crate::bus::client::Bans;
use crate::reconcile::Done;

/// The size of a request at most, in bytes.
pub(crate) const REQUEST: usize = 4096;

/// The byte that comes with the descriptor of an answer.
pub(crate) const ANSWER: &[u8] = b"a";

/// What is wanted of the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AdminCommand {
    /// What it serves: [`Answer::Serves`].
    Services,
    /// The files are to be read again, as at SIGHUP: [`Answer::Reloaded`].
    Reload {
        /// Whether that is to be done although restrictions may get lost by what can't be read any more.
        is_forced: bool,
    },
    /// A line in the log, that the session of a client or a process with a service was ended: [`Answer::Noted`].
    Kicked {
        /// The service's id.
        id: String,
        /// The process, or the client's address and port.
        whom: String,
    },
    /// The log file of the supervisor is to be opened anew, as it was put aside: [`Answer::Noted`].
    ReopenLog,
    /// The bans that hold: [`Answer::Bans`].
    ListBans,
    /// A ban, of so many seconds or for ever (0): [`Answer::Banned`].
    AddBan {
        /// The address that is to be banned.
        peer: String,
        /// How long.
        seconds: u64,
    },
    /// The end of the ban that hits this address: [`Answer::Removed`].
    RemoveBan {
        /// The address.
        peer: String,
    },
    /// The end of all bans: [`Answer::Removed`].
    FlushBans,
}

/// What the supervisor answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// What it serves.
    Serves(Supervised),
    /// What the reload has brought about.
    Reloaded {
        /// What was done.
        done: Vec<Done>,
        /// Whether the supervisor ends, as no service is left.
        ends: bool,
    },
    /// It is in the log, or the log is another file.
    Noted,
    /// The bans that hold.
    Bans(Bans),
    /// What the ban hits: an address, or an IPv6 network.
    Banned(String),
    /// How many bans were removed.
    Removed(u32),
    /// It was not done, for this reason.
    Refused(String),
}

/// What a supervisor serves, and by what files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Supervised {
    /// The main file, where it was told another one than the usual.
    pub(crate) main: Option<PathBuf>,
    /// Whether /etc/inetd.conf is served too.
    pub(crate) has_inetd: bool,
    /// Whether log files can be opened for services, and bans kept.
    pub(crate) has_coordinator: bool,
    /// The directory in which tcpmux and the services that it leads to meet.
    pub(crate) mux: PathBuf,
    /// What could not be read, and may have had restrictions.
    pub(crate) unread: Unread,
    /// The services that are switched on, in the order of the files at the last reload.
    pub(crate) services: Vec<SupervisedService>,
}

/// A service of the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SupervisedService {
    /// Its id.
    pub(crate) id: String,
    /// The name that its unit would have.
    pub(crate) unit: String,
    /// The file that it stands in.
    pub(crate) file: String,
    /// The place in it, with line and column.
    pub(crate) source: String,
    /// The RuntimeDirectory of its helper.
    pub(crate) runtime: PathBuf,
    /// Whether its helper runs.
    pub(crate) runs: bool,
    /// Whether its socket listens.
    pub(crate) listens: bool,
    /// Why its clients get nothing, in words, if that is so.
    pub(crate) trouble: Option<String>,
    /// The [`digest`] of what it is made of.
    pub(crate) digest: u64,
}

/// What differs where services differ, for two programs of the same version. Secrets make no difference: none of them
/// is shown for debugging.
pub(crate) fn digest(planned: &PlannedService) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(format!("{planned:?}").as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::client::{BanRow, FOREVER};

    #[test]
    fn a_ban_that_never_ends_survives_its_way() {
        let ban = BanRow {
            peer: "192.0.2.7".into(),
            since: 1,
            last: 2,
            until: FOREVER,
            origin: "administrator".into(),
            sensor: String::new(),
        };
        let answer = Answer::Bans(Bans {
            problem: None,
            table_problem: None,
            rows: vec![ban],
        });
        let text = serde_json::to_vec(&answer).unwrap();
        assert_eq!(serde_json::from_slice::<Answer>(&text).unwrap(), answer);
    }
}
