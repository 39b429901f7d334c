//! What is counted of a service.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The upper bounds of the classes of [`Durations`], in milliseconds.
pub(crate) const BOUNDS: [u64; 7] = [10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000];

/// What a client was turned away for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// `cps` tripped.
    Rate,
    /// It came while the service paused.
    Pause,
    /// `max_load`.
    Load,
    /// `access_times`.
    Time,
    /// `instances`.
    ServiceLimit,
    /// `per_source`.
    PerSourceLimit,
    /// `-limit` of xinetd(8).
    ProcessLimit,
    /// `only_from` and `no_access`, and the clients of a sensor.
    Address,
    /// A ban.
    Ban,
    /// hosts.allow and hosts.deny.
    Libwrap,
    /// Nobody identifies it (IDONLY).
    Ident,
    /// No process could be made for the server.
    Fork,
    /// The server could not be executed.
    Exec,
}

impl Cause {
    /// Its name for people and programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Pause => "pause",
            Self::Load => "load",
            Self::Time => "time",
            Self::ServiceLimit => "service_limit",
            Self::PerSourceLimit => "per_source_limit",
            Self::ProcessLimit => "process_limit",
            Self::Address => "address",
            Self::Ban => "ban",
            Self::Libwrap => "libwrap",
            Self::Ident => "ident",
            Self::Fork => "fork",
            Self::Exec => "exec",
        }
    }
}

/// What has happened to a service's clients since the machine was started. Nothing here ever gets
/// less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Clients that were let in.
    pub(crate) served: u64,
    /// Clients that were turned away, by what for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) refused: BTreeMap<Cause, u64>,
    /// How long the sessions took that have ended.
    #[serde(default)]
    pub(crate) durations: Durations,
}

impl Counters {
    /// A client was let in.
    pub(crate) fn serve(&mut self) {
        self.served = self.served.saturating_add(1);
    }

    /// So many clients were turned away.
    pub(crate) fn refuse(&mut self, cause: Cause, count: u64) {
        let refused = self.refused.entry(cause).or_default();
        *refused = refused.saturating_add(count);
    }

    /// A session has ended.
    pub(crate) fn end(&mut self, duration: Duration) {
        self.durations.add(duration);
    }

    /// All that were turned away.
    pub(crate) fn all_refused(&self) -> u64 {
        self.refused
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// How long sessions took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Durations {
    /// Sessions by class: up to each of [`BOUNDS`], the last one for longer ones.
    pub(crate) classes: [u64; BOUNDS.len() + 1],
    /// All of them together, in milliseconds.
    pub(crate) sum: u64,
}

impl Durations {
    fn add(&mut self, duration: Duration) {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let class = BOUNDS.iter().position(|bound| milliseconds <= *bound);
        if let Some(count) = self.classes.get_mut(class.unwrap_or(BOUNDS.len())) {
            *count = count.saturating_add(1);
        }
        self.sum = self.sum.saturating_add(milliseconds);
    }

    /// How many sessions there were.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSES: [Cause; 13] = [
        Cause::Rate,
        Cause::Pause,
        Cause::Load,
        Cause::Time,
        Cause::ServiceLimit,
        Cause::PerSourceLimit,
        Cause::ProcessLimit,
        Cause::Address,
        Cause::Ban,
        Cause::Libwrap,
        Cause::Ident,
        Cause::Fork,
        Cause::Exec,
    ];

    #[test]
    fn a_duration_belongs_to_the_first_class_that_holds_it() {
        let mut durations = Durations::default();
        for milliseconds in [0, 10, 11, 3_600_000, 3_600_001] {
            durations.add(Duration::from_millis(milliseconds));
        }
        assert_eq!(durations.classes, [2, 1, 0, 0, 0, 0, 1, 1]);
        assert_eq!((durations.count(), durations.sum), (5, 7_200_022));
    }

    #[test]
    fn the_word_of_a_cause_is_its_name_in_files() {
        for cause in CAUSES {
            let mut counters = Counters::default();
            counters.refuse(cause, 2);
            let text = toml::to_string(&counters).unwrap();
            assert!(text.contains(&format!("{} = 2\n", cause.word())), "{text}");
            assert_eq!(toml::from_str(&text), Ok(counters));
        }
    }
}
