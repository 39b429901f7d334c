//! Why a client is refused.

use std::fmt;

use crate::problem::Place;
use crate::service::{Facility, Level};

/// What refuses a client, in xinetd's words (docs/xinetd-behaviour.md, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// `cps`.
    Rate,
    /// `max_load`.
    Load,
    /// `access_times`.
    Time,
    /// `instances`.
    ServiceLimit,
    /// `per_source`.
    PerSourceLimit,
    /// `-limit`, the option of xinetd(8).
    ProcessLimit,
    /// `only_from` and `no_access`.
    Address,
    /// hosts.allow and hosts.deny.
    Libwrap,
    /// No process could be made for the server.
    Fork,
}

impl Reason {
    /// The words in the log line.
    pub fn words(self) -> &'static str {
        match self {
            Self::Rate => "connections per second",
            Self::Load => "load",
            Self::Time => "time",
            Self::ServiceLimit => "service_limit",
            Self::PerSourceLimit => "per_source_limit",
            Self::ProcessLimit => "process_limit",
            Self::Address => "address",
            Self::Libwrap => "libwrap",
            Self::Fork => "fork",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What more there is to say of a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Note {
    /// Nothing.
    #[default]
    Nothing,
    /// Both lists match the address: xinetd says so in a message of its own.
    BothLists,
    /// A ban, which stands in no file (docs/xinetd-behaviour.md, section 4.9).
    Banned,
    /// A list has names, and the peer's could not be found out.
    NameUnknown,
    /// `severity` in the rule says as what it is logged.
    Severity(Facility, Level),
}

/// A refusal: what refuses, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What refuses.
    pub reason: Reason,
    /// The entry that refuses; where a list lets no one in, its first one. None for what has no
    /// place in the spec, and for an empty list.
    pub rule: Option<Place>,
    /// What more there is to say.
    pub note: Note,
}

impl Refusal {
    /// A refusal by a limit, which has no place of its own.
    pub fn by(reason: Reason) -> Self {
        Self::at(reason, None)
    }

    /// A refusal because of a ban, in xinetd's word for it.
    pub fn by_ban() -> Self {
        Self::by(Reason::Address).noting(Note::Banned)
    }

    /// A refusal by the rule at a place.
    pub(crate) fn at(reason: Reason, rule: Option<&Place>) -> Self {
        Self {
            reason,
            rule: rule.cloned(),
            note: Note::Nothing,
        }
    }

    /// The same with a note.
    #[must_use]
    pub(crate) fn noting(mut self, note: Note) -> Self {
        self.note = note;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs that read xinetd's log look for them.
    #[test]
    fn reasons_have_xinetds_words() {
        for (reason, words) in [
            (Reason::Rate, "connections per second"),
            (Reason::Load, "load"),
            (Reason::Time, "time"),
            (Reason::ServiceLimit, "service_limit"),
            (Reason::PerSourceLimit, "per_source_limit"),
            (Reason::ProcessLimit, "process_limit"),
            (Reason::Address, "address"),
            (Reason::Libwrap, "libwrap"),
            (Reason::Fork, "fork"),
        ] {
            assert_eq!(reason.to_string(), words);
        }
    }
}
