//! Jobs: what systemd is to do with a unit, and what came of it.

use std::fmt;

/// What systemd is to do with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It is started.
    Start,
    /// It is stopped.
    Stop,
    /// It is stopped, and no unit that depends on it.
    StopAlone,
    /// It is stopped and started.
    Restart,
    /// It takes its configuration anew.
    Reload,
}

impl Verb {
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Start => "StartUnit",
            Self::Stop | Self::StopAlone => "StopUnit",
            Self::Restart => "RestartUnit",
            Self::Reload => "ReloadUnit",
        }
    }

    pub(super) fn mode(self) -> &'static str {
        match self {
            Self::StopAlone => "ignore-dependencies",
            _ => "replace",
        }
    }
}

/// A job for systemd: a verb, and a unit with its suffix.
pub(crate) type Job = (Verb, String);

/// Why a job did not do what it was to do.
#[derive(Debug)]
pub(super) enum JobError {
    /// It ended with another result than `done`, see JobRemoved in org.freedesktop.systemd1(5).
    Ended(String),
    /// It did not begin, or its end is not known.
    Said(String),
}

impl JobError {
    /// Whether there is a contrary job in its place, of another caller.
    pub(super) fn is_replaced(&self) -> bool {
        matches!(self, Self::Ended(result) if result == "canceled")
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(result) => write!(f, "systemd's job ended as {result}"),
            Self::Said(text) => f.write_str(text),
        }
    }
}
