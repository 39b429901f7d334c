//! What there is to log of a service.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::bytes::ByteString;
use crate::policy::{Note, Reason, Refusal};
use crate::service::{DenyTime, Facility, Level};

use super::kind::Kind;

/// Something that happened to a service.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A server was started.
    Start {
        /// Its process.
        pid: i32,
        /// Its client.
        peer: Peer<'a>,
    },
    /// A server has ended.
    Exit {
        /// Its process.
        pid: i32,
        /// Its client.
        peer: Peer<'a>,
        /// How it ended; none where that can't be known: an earlier helper had started it.
        ending: Option<Ending>,
        /// How long it ran.
        duration: Duration,
    },
    /// What was passed on between a client and its backend.
    Traffic {
        /// The client.
        peer: Peer<'a>,
        /// Bytes from the client to the backend.
        up: u64,
        /// Bytes from the backend to the client.
        down: u64,
    },
    /// A backend could not be reached.
    Unreachable {
        /// Its client.
        peer: Peer<'a>,
        /// The backend's address, or its name where it has none.
        host: &'a str,
        /// Why, in words.
        failure: &'a str,
    },
    /// A client was refused. See [`Event::companion`].
    Fail {
        /// Why.
        refusal: &'a Refusal,
        /// The client.
        peer: Peer<'a>,
    },
    /// A client was refused because of `max_load`: goes before its [`Event::Fail`].
    ExcessiveLoad {
        /// The client.
        peer: Peer<'a>,
    },
    /// A client is in both lists: goes before its [`Event::Fail`].
    BothListsMatch {
        /// The client.
        peer: Peer<'a>,
    },
    /// A client was refused because its name could not be found out: goes before its
    /// [`Event::Fail`].
    NameUnknown {
        /// The client.
        peer: Peer<'a>,
    },
    /// A client was refused by hosts.allow or hosts.deny: goes before its [`Event::Fail`].
    LibwrapRefused {
        /// The client.
        peer: Peer<'a>,
        /// What the rule's `severity` says.
        severity: Option<(Facility, Level)>,
    },
    /// A client gets a command in place of the server (`twist` in hosts_options(5)).
    LibwrapTwist {
        /// The client.
        peer: Peer<'a>,
        /// The command.
        command: &'a ByteString,
        /// What the rule's `severity` says.
        severity: Option<(Facility, Level)>,
    },
    /// A client was identified.
    UserId {
        /// The client.
        peer: Peer<'a>,
        /// Its system and user, in its own machine's words.
        user: &'a str,
    },
    /// A client was refused because nobody identified it (IDONLY).
    NoId {
        /// The client.
        peer: Peer<'a>,
        /// Why, in xinetd's words (docs/xinetd-behaviour.md, section 5.6).
        failure: &'a str,
    },
    /// The ident server of a client gave no answer that can be used.
    IdentFailed {
        /// The client.
        peer: Peer<'a>,
        /// Why, in xinetd's words (docs/xinetd-behaviour.md, section 5.6).
        failure: &'a str,
    },
    /// Refusals were not logged one by one.
    RefusalsWithheld {
        /// How many.
        count: NonZeroU64,
    },
    /// Other lines that clients had caused were not logged one by one.
    RemarksWithheld {
        /// How many.
        count: NonZeroU64,
    },
    /// The service pauses.
    Deactivating {
        /// Why.
        cause: PauseCause,
        /// For how many seconds.
        seconds: u32,
    },
    /// The pause is over.
    Activating,
    /// How many connections were reset in the pause.
    TurnedAway {
        /// How many.
        count: NonZeroU64,
    },
    /// The server could not be executed.
    ExecFailed {
        /// Its file.
        server: &'a ByteString,
        /// Why, as in errno(3).
        errno: i32,
    },
    /// No process could be made for a server.
    ForkFailed {
        /// Why, as in errno(3).
        errno: i32,
    },
    /// The file of a banner could not be read.
    BannerUnreadable {
        /// The file.
        file: &'a ByteString,
        /// Why, as in errno(3).
        errno: i32,
    },
    /// A new helper found servers that an earlier one had started.
    Adopted {
        /// How many.
        sessions: u32,
    },
    /// A client of a sensor is banned: goes before its [`Event::Fail`].
    Banned {
        /// The client.
        peer: Peer<'a>,
        /// For how long.
        time: DenyTime,
    },
    /// The service has new settings.
    Readjusted,
}

impl<'a> Event<'a> {
    /// What xinetd says besides, and before, the FAIL line of a refusal.
    pub fn companion(refusal: &Refusal, peer: Peer<'a>) -> Option<Self> {
        match (refusal.reason, refusal.note) {
            (Reason::Load, _) => Some(Self::ExcessiveLoad { peer }),
            (Reason::Libwrap, note) => Some(Self::LibwrapRefused {
                peer,
                severity: match note {
                    Note::Severity(facility, level) => Some((facility, level)),
                    Note::Nothing | Note::BothLists | Note::NameUnknown | Note::Banned => None,
                },
            }),
            (_, Note::BothLists) => Some(Self::BothListsMatch { peer }),
            (_, Note::NameUnknown) => Some(Self::NameUnknown { peer }),
            (_, Note::Nothing | Note::Banned | Note::Severity(..)) => None,
        }
    }

    /// The facility and level that a rule has for it.
    pub(super) fn severity(&self) -> Option<(Facility, Level)> {
        match self {
            Self::LibwrapRefused { severity, .. } | Self::LibwrapTwist { severity, .. } => {
                *severity
            }
            _ => None,
        }
    }

    /// Which kind of event it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Start { .. } => Kind::Start,
            Self::Exit { .. } => Kind::Exit,
            Self::Traffic { .. } => Kind::Traffic,
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::Fail { .. } => Kind::Fail,
            Self::ExcessiveLoad { .. } => Kind::ExcessiveLoad,
            Self::BothListsMatch { .. } => Kind::BothListsMatch,
            Self::NameUnknown { .. } => Kind::NameUnknown,
            Self::LibwrapRefused { .. } => Kind::LibwrapRefused,
            Self::LibwrapTwist { .. } => Kind::LibwrapTwist,
            Self::UserId { .. } => Kind::UserId,
            Self::NoId { .. } => Kind::NoId,
            Self::IdentFailed { .. } => Kind::IdentFailed,
            Self::RefusalsWithheld { .. } => Kind::RefusalsWithheld,
            Self::RemarksWithheld { .. } => Kind::RemarksWithheld,
            Self::Deactivating { .. } => Kind::Deactivating,
            Self::Activating => Kind::Activating,
            Self::TurnedAway { .. } => Kind::TurnedAway,
            Self::ExecFailed { .. } => Kind::ExecFailed,
            Self::ForkFailed { .. } => Kind::ForkFailed,
            Self::BannerUnreadable { .. } => Kind::BannerUnreadable,
            Self::Adopted { .. } => Kind::Adopted,
            Self::Banned { .. } => Kind::Banned,
            Self::Readjusted => Kind::Readjusted,
        }
    }
}

/// A client.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// Its address as in REMOTE_HOST: v4-mapped on a dual-stack socket, with the zone of a
    /// link-local one.
    pub host: &'a str,
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

/// Why a service pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// `cps`.
    Rate,
    /// accept(2) found no free descriptor.
    Descriptors,
}

impl fmt::Display for PauseCause {
    /// xinetd's words (docs/xinetd-behaviour.md, sections 4.2 and 4.6).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rate => "excessive incoming connections",
            Self::Descriptors => "no available descriptors",
        })
    }
}
