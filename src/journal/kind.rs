//! The kinds of events, each with its number in the journal's catalog.

use crate::service::Level;

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A server was started.
    Start,
    /// A server has ended.
    Exit,
    /// What was passed on between a client and its backend.
    Traffic,
    /// A backend could not be reached.
    Unreachable,
    /// A client was refused.
    Fail,
    /// A client was refused because of `max_load`.
    ExcessiveLoad,
    /// A client is in `only_from` and in `no_access`.
    BothListsMatch,
    /// A client's name could not be found out, and `only_from` or `no_access` depends on it.
    NameUnknown,
    /// A client was refused by hosts.allow or hosts.deny.
    LibwrapRefused,
    /// A client gets a command in place of the server.
    LibwrapTwist,
    /// A client was identified.
    UserId,
    /// A client was refused because nobody identified it.
    NoId,
    /// The ident server of a client gave no answer that can be used.
    IdentFailed,
    /// Refusals were not logged one by one.
    RefusalsWithheld,
    /// Other lines that clients had caused were not logged one by one.
    RemarksWithheld,
    /// The service pauses.
    Deactivating,
    /// The pause is over.
    Activating,
    /// How many connections were reset in the pause.
    TurnedAway,
    /// The server could not be executed.
    ExecFailed,
    /// No process could be made for a server.
    ForkFailed,
    /// The file of a banner could not be read.
    BannerUnreadable,
    /// A new helper found servers that an earlier one had started.
    Adopted,
    /// The service has new settings.
    Readjusted,
    /// A client of a sensor is banned.
    Banned,
    /// The journal did not take entries in time.
    LinesLost,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Start,
        Self::Exit,
        Self::Traffic,
        Self::Unreachable,
        Self::Fail,
        Self::ExcessiveLoad,
        Self::BothListsMatch,
        Self::NameUnknown,
        Self::LibwrapRefused,
        Self::LibwrapTwist,
        Self::UserId,
        Self::NoId,
        Self::IdentFailed,
        Self::RefusalsWithheld,
        Self::RemarksWithheld,
        Self::Deactivating,
        Self::Activating,
        Self::TurnedAway,
        Self::ExecFailed,
        Self::ForkFailed,
        Self::BannerUnreadable,
        Self::Adopted,
        Self::Readjusted,
        Self::Banned,
        Self::LinesLost,
    ];

    /// Its word in the field `XINETD_EVENT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Exit => "EXIT",
            Self::Traffic => "TRAFFIC",
            Self::Unreachable => "UNREACHABLE",
            Self::Fail => "FAIL",
            Self::ExcessiveLoad => "LOAD",
            Self::BothListsMatch => "BOTH_LISTS",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::LibwrapRefused => "LIBWRAP",
            Self::LibwrapTwist => "TWIST",
            Self::UserId => "USERID",
            Self::NoId => "NOID",
            Self::IdentFailed => "IDENT_FAILED",
            Self::RefusalsWithheld => "REFUSALS_WITHHELD",
            Self::RemarksWithheld => "REMARKS_WITHHELD",
            Self::Deactivating => "DEACTIVATING",
            Self::Activating => "ACTIVATING",
            Self::TurnedAway => "TURNED_AWAY",
            Self::ExecFailed => "EXEC_FAILED",
            Self::ForkFailed => "FORK_FAILED",
            Self::BannerUnreadable => "BANNER_UNREADABLE",
            Self::Adopted => "ADOPTED",
            Self::Readjusted => "READJUSTED",
            Self::Banned => "BANNED",
            Self::LinesLost => "LINES_LOST",
        }
    }

    /// Its `MESSAGE_ID`, by which units/xinetd-bridge.catalog explains it. These never change.
    pub fn message_id(self) -> &'static str {
        match self {
            Self::Start => "e7292512edb546d58bc4cf10926d7ea2",
            Self::Exit => "8636611d46714974bbf197ccc779cba6",
            Self::Traffic => "c57e267955694c8ebbf1967019a0abf0",
            Self::Unreachable => "7b1aa4eb72e0428c9af9f2a016d9d42d",
            Self::Fail => "0c22afc9d8ab4c3790063685743ab448",
            Self::ExcessiveLoad => "dddf54824d6042e09d470e280f5b7db3",
            Self::BothListsMatch => "c2d7f9b71af943899c6839daf98ea642",
            Self::NameUnknown => "63ce8638571244379d6541b54ffcc5f4",
            Self::LibwrapRefused => "851269bf05ea4e53a469c6c7b4175232",
            Self::LibwrapTwist => "a13a8f73c6f642019471f0bf85ca2591",
            Self::UserId => "9c523edd6c2b497e875d1b5de59847eb",
            Self::NoId => "7a887e7a84fe41d19503007369d77b0e",
            Self::IdentFailed => "b3f229b1dde248209fbcb924356dcc0b",
            Self::RefusalsWithheld => "615b826788de4a53823841c110c53ca1",
            Self::RemarksWithheld => "62c0365127134889b779e88f194571d2",
            Self::Deactivating => "3f53a0816c3a4e75bcd224eb1b7b4313",
            Self::Activating => "8dd9248acaa2425d8a58ec70c9510a9f",
            Self::TurnedAway => "c54e3a8f3e0e4e7896d7fd4f4c7209bf",
            Self::ExecFailed => "3826054388404a04970a7532e9414982",
            Self::ForkFailed => "a75dcd47ec79459dbb857061282d1fcd",
            Self::BannerUnreadable => "e5e091cbc7ad40d48b246d487e1c4468",
            Self::Adopted => "541ec2c692dc4727bc04d41c38cba106",
            Self::Readjusted => "9d5c1a00ddfd4e4ba32d2bffe6e32372",
            Self::Banned => "5cf17f5b1943496b96f481a8c76e529c",
            Self::LinesLost => "12faccf2d5fe4a2aa41dfd00bed7d423",
        }
    }

    /// The level of xinetd's own messages (docs/xinetd-behaviour.md, section 5.7); none for the lines of the
    /// service, whose level `log_type` tells.
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Start | Self::Exit | Self::Traffic | Self::Fail | Self::UserId | Self::NoId => {
                None
            }
            Self::ExcessiveLoad
            | Self::BothListsMatch
            | Self::Deactivating
            | Self::Activating
            | Self::ExecFailed
            | Self::ForkFailed
            | Self::IdentFailed
            | Self::Unreachable
            | Self::BannerUnreadable => Some(Level::Err),
            Self::Banned => Some(Level::Crit),
            // xinetd's own usual level for both.
            Self::LibwrapRefused | Self::LibwrapTwist => Some(Level::Info),
            Self::NameUnknown | Self::LinesLost => Some(Level::Warning),
            Self::RefusalsWithheld
            | Self::RemarksWithheld
            | Self::TurnedAway
            | Self::Adopted
            | Self::Readjusted => Some(Level::Notice),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_catalog_explains_each_kind_and_nothing_else() {
        let catalog = include_str!("../../units/xinetd-bridge.catalog");
        let explained: Vec<_> = catalog
            .lines()
            .filter_map(|l| l.strip_prefix("-- "))
            .collect();
        let kinds: BTreeSet<_> = Kind::ALL.map(Kind::message_id).into();
        assert_eq!(explained.len(), kinds.len());
        assert_eq!(BTreeSet::from_iter(explained), kinds);
    }
}
