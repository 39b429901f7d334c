//! Why a socket does not listen.

use std::fmt;

use super::live::TARGET;
use crate::installed::is_ejected;
use crate::status::{TURNED_AWAY, UNEXECUTABLE};

/// What the generator writes for the server (systemd.unit(5)).
pub(super) const EXECUTABLE: &str = "ConditionFileIsExecutable";

/// Why the socket of a unit does not listen; its words follow on the name of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is stopped, or was never started.
    Stopped {
        /// The unit without suffix.
        unit: String,
    },
    /// All services are stopped, by their target.
    AllStopped,
    /// The same, and the target is masked.
    AllMasked,
    /// It is left to real xinetd, which runs.
    LeftToReal,
    /// A condition of the unit does not hold.
    Unmet {
        /// `ConditionFileIsExecutable` or another one.
        condition: String,
        /// What it is about.
        about: String,
        /// The unit without suffix that is to be started once it holds, where no reload starts it: that of an
        /// ejected service.
        start: Option<String>,
    },
    /// Other processes have its address.
    Taken {
        /// The address that they have.
        address: String,
        /// Which processes, in words; none where they can't be seen.
        by: Option<String>,
        /// Whether it may be a process that systemd is only about to start: such a one has all of
        /// systemd's sockets for a moment.
        passes: bool,
    },
    /// The generator has not written it yet.
    Unapplied,
    /// systemd has closed it, and calls it active.
    Closed,
    /// systemd could not start it.
    Failed {
        /// The unit without suffix.
        unit: String,
    },
    /// It listens, and others are bound to its UDP port too: the kernel lets them, and gives each datagram to one.
    Shared {
        /// The address of systemd's socket.
        address: String,
        /// Which processes have the others, in words; none where they can't be seen.
        by: Option<String>,
    },
    /// It listens, and no helper comes that takes clients.
    Stuck,
    /// It listens, and its helper turns each client away.
    TurnedAway {
        /// What for.
        why: String,
    },
    /// It listens, and its helper does not come up.
    Unstartable {
        /// The unit without suffix.
        unit: String,
        /// The last start's `Result`, as systemd.exec(5) has it, with the exit status where that is it.
        result: String,
    },
    /// It listens, and its server could not be executed for the last client.
    Unexecutable {
        /// Which server, and why.
        why: String,
    },
    /// It listens, and rpcbind does not know it.
    Unregistered,
    /// It has errors in the files, or can't be served as they have it.
    Faulty {
        /// Which.
        why: String,
    },
    /// The supervisor says so, where there is no systemd.
    Supervised {
        /// In its words.
        why: String,
        /// Whether the socket listens all the same.
        listens: bool,
    },
}

impl Trouble {
    /// Whether the administrator wants it so.
    pub(crate) fn is_intended(&self) -> bool {
        matches!(
            self,
            Self::Stopped { .. } | Self::AllStopped | Self::AllMasked | Self::LeftToReal
        )
    }

    /// Whether the socket listens all the same: then systemd can't tell, and no step of a reload mends it.
    pub(crate) fn listens(&self) -> bool {
        matches!(
            self,
            Self::TurnedAway { .. }
                | Self::Shared { .. }
                | Self::Unstartable { .. }
                | Self::Unexecutable { .. }
                | Self::Unregistered
                | Self::Supervised { listens: true, .. }
        )
    }

    /// What the status text of a helper that serves says of it.
    pub(crate) fn of_status(text: &str) -> Option<Self> {
        let after = |begin| text.strip_prefix(begin).map(str::to_owned);
        let turned_away = after(TURNED_AWAY).map(|why| Self::TurnedAway { why });
        turned_away.or_else(|| after(UNEXECUTABLE).map(|why| Self::Unexecutable { why }))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { unit } => {
                write!(
                    f,
                    "its socket is stopped; `systemctl start {unit}.socket` starts it"
                )
            }
            Self::AllStopped => f.write_str(
                "xinetd.target is stopped; `systemctl start xinetd.target` starts all services",
            ),
            Self::AllMasked => write!(
                f,
                "{TARGET} is masked; `systemctl unmask {TARGET}` and `systemctl start {TARGET}` \
                 start all services"
            ),
            Self::LeftToReal => {
                f.write_str("it is left to real xinetd, which runs; `xinetdctl migrate` goes over")
            }
            Self::Unmet {
                condition,
                about,
                start,
            } => {
                match condition.as_str() {
                    EXECUTABLE => write!(f, "its server {about} is not there, or not executable")?,
                    _ => write!(f, "{condition}={about} does not hold")?,
                }
                match start {
                    Some(unit) => write!(f, "; once it is, run `systemctl start {unit}.socket`"),
                    None => Ok(()),
                }
            }
            Self::Taken {
                address,
                by: Some(by),
                ..
            } => write!(f, "{address} is taken by {by}"),
            Self::Taken {
                address, by: None, ..
            } => {
                write!(
                    f,
                    "{address} is taken by a process that this user can't see"
                )
            }
            Self::Unapplied => {
                f.write_str(
                    "its file is not applied yet; `xinetdctl reload` does it, or says what it waits for",
                )
            }
            Self::Closed => {
                f.write_str("systemd has closed its socket; `xinetdctl reload` opens it")
            }
            Self::Failed { unit } => {
                write!(
                    f,
                    "systemd could not open its socket; `journalctl -u {unit}.socket` says why"
                )
            }
            Self::Shared { address, by } => {
                let by = by
                    .as_deref()
                    .unwrap_or("a process that this user can't see");
                write!(
                    f,
                    "{address} is bound by {by} too: one of the two gets no datagrams"
                )
            }
            Self::Stuck => f.write_str(
                "systemd does not start its helper, so that clients wait; `xinetdctl reload` starts it",
            ),
            Self::TurnedAway { why } => write!(f, "each client is reset, as {why}"),
            Self::Unstartable { unit, result } => write!(
                f,
                "its helper can't be started ({result}), and clients wait; \
                 `journalctl -u {unit}.service` says why"
            ),
            Self::Unexecutable { why } => write!(f, "the last client was turned away, as {why}"),
            Self::Unregistered => f.write_str(
                "rpcbind does not answer, so that its clients do not find it; \
                 `systemctl start rpcbind.socket` has it registered",
            ),
            Self::Faulty { why } | Self::Supervised { why, .. } => f.write_str(why),
        }
    }
}

impl Trouble {
    /// A condition of a unit that does not hold.
    pub(super) fn of_condition(unit: &str, condition: &str, about: String) -> Self {
        Self::Unmet {
            condition: condition.to_owned(),
            about,
            start: is_ejected(unit).then(|| unit.to_owned()),
        }
    }
}
