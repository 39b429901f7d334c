//! A client on its way through the checks.

use std::net::{IpAddr, Ipv4Addr};

use crate::libwrap;
use crate::policy::{NameAnswer, Slot, State};

use super::rules::{Changes, Ruling};
use super::user::{self, UserAnswer};

/// Where a client is before it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It has been accepted, or has sent a datagram that its server is to read; with its address as
    /// accept(2) gives it.
    Peer(IpAddr),
    /// It has sent a datagram that the helper answers: it counts only while it is answered.
    Datagram(IpAddr),
    /// It is in the queue of a listening socket whose server accepts by itself: its address is not
    /// known. Its packets have passed the lists (accept/packet_filter.rs).
    Backlog,
}

impl Source {
    /// The client's address; an unspecified one if it is not known.
    pub fn peer(self) -> IpAddr {
        match self {
            Self::Peer(peer) | Self::Datagram(peer) => peer,
            Self::Backlog => Ipv4Addr::UNSPECIFIED.into(),
        }
    }
}

/// A client that is neither admitted nor refused yet.
#[derive(Debug)]
#[must_use = "a candidate ends by a step of its admission, or by `abandon`"]
pub struct Candidate {
    pub(super) source: Source,
    pub(super) stage: Stage,
    pub(super) findings: Findings,
}

/// The check that comes next.
#[derive(Debug)]
pub(super) enum Stage {
    /// None has been made.
    Arrived,
    /// The limits.
    Limits,
    /// Bans and the access lists.
    Lists(Seat),
    /// hosts.allow and hosts.deny.
    Rules(Seat),
    /// Their ruling is known, and its effects are done.
    Ruled(Seat, Ruling),
    /// Its user, where it is asked for.
    User(Seat, Option<Box<Changes>>),
}

/// How a client that has passed the limits counts.
#[derive(Debug)]
pub(super) enum Seat {
    /// As a running server.
    Counted(Slot),
    /// Not yet.
    Uncounted,
}

impl Seat {
    /// The client is not served.
    pub(super) fn leave(self, state: &mut State) {
        match self {
            Self::Counted(slot) => state.leave(slot),
            Self::Uncounted => {}
        }
    }
}

/// What has been found out about a client, and what is being found out. Of most clients nothing is, so
/// that it is kept elsewhere: a candidate moves from check to check.
#[derive(Debug, Default)]
pub(super) struct Findings(Option<Box<Known>>);

/// What has been found out about a client.
#[derive(Debug)]
pub(super) struct Known {
    /// Its name.
    pub(super) client: NameAnswer,
    /// The name of the address that it has connected to.
    pub(super) server: NameAnswer,
    /// Its user, for rules.
    pub(super) user: libwrap::User,
    /// Its user, for the log and for IDONLY.
    pub(super) answer: Option<UserAnswer>,
    /// What is being found out.
    pub(super) asked: Inquiry,
}

impl Known {
    const NOTHING: Self = Self {
        client: NameAnswer::NotAsked,
        server: NameAnswer::NotAsked,
        user: libwrap::User::NotAsked,
        answer: None,
        asked: Inquiry::Client,
    };
}

impl Findings {
    /// What has been found out.
    pub(super) fn get(&self) -> &Known {
        static NOTHING: Known = Known::NOTHING;
        self.0.as_deref().unwrap_or(&NOTHING)
    }

    /// The same, for what is found out now.
    pub(super) fn get_mut(&mut self) -> &mut Known {
        self.0.get_or_insert_with(|| Box::new(Known::NOTHING))
    }

    /// The client's user, if it was asked for.
    pub(super) fn take_answer(&mut self) -> Option<UserAnswer> {
        self.0.as_mut()?.answer.take()
    }
}

/// What is being found out about a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inquiry {
    /// Its name.
    Client,
    /// The name of the address that it has connected to.
    Server,
    /// Its user, for a rule.
    UserOfRule,
    /// Its user, for the log and for IDONLY.
    User,
}

impl Candidate {
    /// A client of which no more is known than where it is.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            stage: Stage::Arrived,
            findings: Findings::default(),
        }
    }

    /// The name that a [`Step::Ask`](super::Step::Ask) was for.
    pub fn named(&mut self, name: NameAnswer) {
        let known = self.findings.get_mut();
        match known.asked {
            Inquiry::Server => known.server = name,
            Inquiry::Client | Inquiry::UserOfRule | Inquiry::User => known.client = name,
        }
    }

    /// The user that a [`Step::Ask`](super::Step::Ask) was for.
    pub fn identified(&mut self, user: UserAnswer) {
        let known = self.findings.get_mut();
        if known.asked == Inquiry::UserOfRule {
            known.user = user::for_rules(&user);
        }
        known.answer = Some(user);
    }

    /// Nothing more is found out about this client: what was not asked for stays undetermined, and rules
    /// that look at it refuse.
    pub fn give_up(&mut self) {
        let known = self.findings.get_mut();
        for name in [&mut known.client, &mut known.server] {
            if *name == NameAnswer::NotAsked {
                *name = NameAnswer::Undetermined;
            }
        }
        if known.user == libwrap::User::NotAsked {
            known.user = libwrap::User::Undetermined;
        }
    }

    /// The client is not waited for any more: it has gone, or the service stops.
    pub fn abandon(self, state: &mut State) {
        match self.stage {
            Stage::Lists(seat)
            | Stage::Rules(seat)
            | Stage::Ruled(seat, _)
            | Stage::User(seat, _) => seat.leave(state),
            Stage::Arrived | Stage::Limits => {}
        }
    }
}

/// A client that is to be served: no check keeps it out.
#[derive(Debug)]
#[must_use = "it counts as a running server until its slot is given back"]
pub struct Admitted {
    slot: Slot,
    changes: Option<Box<Changes>>,
    user: Option<UserAnswer>,
}

impl Admitted {
    pub(super) fn new(
        seat: Seat,
        source: Source,
        changes: Option<Box<Changes>>,
        user: Option<UserAnswer>,
        state: &mut State,
    ) -> Self {
        let slot = match seat {
            Seat::Counted(slot) => slot,
            Seat::Uncounted => state.enter(source.peer()),
        };
        Self {
            slot,
            changes,
            user,
        }
    }

    /// What rules change about its server.
    pub fn changes(&self) -> Option<&Changes> {
        self.changes.as_deref()
    }

    /// Its place in the counts, and its user, if it was asked for.
    pub fn into_parts(self) -> (Slot, Option<UserAnswer>) {
        (self.slot, self.user)
    }

    /// Its place in the counts, where it is not served after all.
    pub fn into_slot(self) -> Slot {
        self.slot
    }
}
