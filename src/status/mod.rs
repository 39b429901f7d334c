//! What a service's helper tells of itself: the coordinator and `xinetdctl` read it.
#![forbid(unsafe_code)]

mod counters;
mod request;
mod session;

pub(crate) use counters::{BOUNDS, Cause, Counters};
pub(crate) use request::{
    KICK, OK, RELOAD, REOPEN, STATUS, STOP, control_socket, counters_file, short_control_socket,
};
pub(crate) use session::SessionRow;

use serde::{Deserialize, Serialize};

/// How the status text (sd_notify(3)) of a helper begins that has no account and turns each client away; the
/// reason follows.
pub(crate) const TURNED_AWAY: &str = "clients are turned away: ";

/// How the status text of a helper begins whose server could not be executed for the last client; the server
/// and the reason follow.
pub(crate) const UNEXECUTABLE: &str = "the server of the last client failed: ";

/// Sessions that are told of one by one; of more only the number is told.
pub(crate) const MOST_SESSIONS: usize = 4096;

/// The size of a status at most, in bytes.
pub(crate) const MAX_STATUS: u64 = 512 * 1024;

/// What a service is doing now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The sessions that are open.
    pub(crate) running: u64,
    /// Clients that wait: for a look-up, for their banner, for a server.
    pub(crate) waiting: u64,
    /// Seconds that the pause of `cps` lasts on; none while the service takes clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused_for: Option<u64>,
    /// The sessions, [`MOST_SESSIONS`] at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sessions: Vec<SessionRow>,
    /// What has happened since the machine was started.
    pub(crate) counters: Counters,
}

impl Status {
    /// Reads the text of [`to_text`](Self::to_text), of which nothing is believed.
    ///
    /// # Errors
    /// In words, if it is no status.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    /// The status as text.
    ///
    /// # Errors
    /// In words, if a number is larger than TOML's.
    pub(crate) fn to_text(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_status_survives_its_way() {
        let mut status = Status {
            running: 2,
            waiting: 1,
            paused_for: Some(7),
            sessions: vec![
                SessionRow {
                    pid: 4711,
                    peer: "192.0.2.7:4000".parse().unwrap(),
                    age: 12,
                },
                SessionRow {
                    pid: 0,
                    peer: "[fe80::1%2]:4000".parse().unwrap(),
                    age: 0,
                },
            ],
            counters: Counters::default(),
        };
        status.counters.serve();
        status.counters.refuse(Cause::Ban, 3);
        status.counters.end(Duration::from_millis(1500));
        let text = status.to_text().unwrap();
        assert_eq!(Status::parse(&text).unwrap(), status, "{text}");
        let silent = Status::default();
        let text = silent.to_text().unwrap();
        assert_eq!(Status::parse(&text).unwrap(), silent, "{text}");
    }

    #[test]
    fn rubbish_is_no_status() {
        for rubbish in [
            "",
            "running = -1",
            "running = 1\nwaiting = 0\n[counters]\nserved = \"x\"\n",
        ] {
            assert!(Status::parse(rubbish).is_err(), "{rubbish}");
        }
    }
}
