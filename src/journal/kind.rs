//! What the table says of a kind of event, and what follows from an event itself.

use xinetd_core::policy::{Note, Reason, Refusal};
use xinetd_core::service::{Facility, Level};

use super::event::Peer;
use super::table::{CATALOG, Description, Event, Kind, TABLE};

impl Kind {
    fn description(self) -> &'static Description {
        &TABLE[self as usize]
    }

    /// Its word in the field `XINETD_EVENT`.
    pub(crate) fn name(self) -> &'static str {
        self.description().name
    }

    /// Its `MESSAGE_ID`, by which the journal's catalog explains it. These never change.
    pub(crate) fn message_id(self) -> &'static str {
        self.description().id
    }

    /// The level of xinetd's own messages (docs/xinetd-behaviour.md, section 5.7); none for the lines of the
    /// service, whose level `log_type` tells.
    pub(crate) fn level(self) -> Option<Level> {
        self.description().level
    }

    /// What has happened, with the entry's fields between `@`: a heading in the catalog.
    pub(crate) fn subject(self) -> &'static str {
        CATALOG[self as usize].subject
    }

    /// The manual page that says more, such as `xinetd.conf(5)`.
    pub(crate) fn manual(self) -> &'static str {
        CATALOG[self as usize].manual
    }

    /// What it means and what to do: paragraphs of one line each, and lists, whose lines begin with blanks.
    /// The entry's fields stand between `@`.
    pub(crate) fn explanation(self) -> &'static str {
        CATALOG[self as usize].text
    }
}

impl<'a> Event<'a> {
    /// What xinetd says besides, and before, the FAIL line of a refusal.
    pub(crate) fn companion(refusal: &Refusal, peer: Peer<'a>) -> Option<Self> {
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
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::journal::examples;

    use super::*;

    #[test]
    fn every_kind_has_a_word_and_a_number_of_its_own() {
        let words: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let ids: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.message_id()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
        assert_eq!(ids.len(), Kind::ALL.len());
        let is_id = |id: &&str| id.len() == 32 && u128::from_str_radix(id, 16).is_ok();
        assert!(ids.iter().all(is_id), "{ids:?}");
    }

    #[test]
    fn an_explanation_refers_to_fields_that_the_entry_has() {
        for example in examples() {
            let text = [example.kind.subject(), example.kind.explanation()].join(" ");
            for name in text.split('@').skip(1).step_by(2) {
                let own = example.fields.iter().any(|(field, _)| field == name);
                assert!(own || name == "XINETD_SERVICE", "{name}: {text}");
            }
            assert_eq!(text.matches('@').count() % 2, 0, "{text}");
        }
    }
}
