//! What can be done with the units of a service, why, and what came of it.

use std::fmt;

use super::trouble::Trouble;

/// Something to do with the units of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    /// Their name without suffix.
    pub(super) unit: String,
    /// What.
    pub(super) step: Operation,
    /// What for.
    pub(super) why: Why,
}

/// What can be done, in the order in which it is: a port has to be free before another service
/// takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// The socket and the service are stopped; sessions end.
    Stop,
    /// The socket is closed and opened anew; sessions live on. Where the filter alone is another one and a
    /// server has the socket, it is the helper that makes room.
    Rebind,
    /// The socket is started.
    Start,
    /// The helper makes room for another one; sessions live on.
    Respawn,
    /// The helper takes its new spec.
    Reload,
    /// Nothing is touched, which is worth a word.
    Keep,
}

/// Why it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// There are no such units any more.
    Gone,
    /// It is switched off now.
    Disabled,
    /// It is switched on now.
    Enabled,
    /// There were no such units before.
    New,
    /// It should have listened before, and did not.
    Silent,
    /// The socket is another one now.
    Socket,
    /// systemd has closed it without saying so.
    Closed,
    /// The lists of the filter on the socket are others now.
    Lists,
    /// systemd has given up the start of the next helper without saying so.
    Stuck,
    /// The helper's unit is another one now.
    Service,
    /// The helper's program is another one now: the package was upgraded.
    Program,
    /// The settings are others now.
    Settings,
    /// Something has changed that the next helper has by itself.
    Idle,
    /// The administrator has stopped it, or has never started it.
    Stopped,
    /// The administrator has stopped all services.
    AllStopped,
    /// Real xinetd serves.
    Real,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Rebind => "rebind",
            Self::Start => "start",
            Self::Respawn => "respawn",
            Self::Reload => "reload",
            Self::Keep => "keep",
        })
    }
}

impl fmt::Display for Why {
    /// Words that follow on the name of the unit and what was done.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "no service that can be served has it any more",
            Self::Disabled => "it is switched off now",
            Self::Enabled => "it is switched on now",
            Self::New => "it is new",
            Self::Silent => "it did not listen",
            Self::Socket => "its socket has changed",
            Self::Closed => "systemd had closed its socket",
            Self::Lists => "who may connect has changed",
            Self::Stuck => "systemd did not start the next helper",
            Self::Service => "how its helper runs has changed",
            Self::Program => "the program of its helper was replaced",
            Self::Settings => "its settings, or the places of their lines, have changed",
            Self::Idle => "no helper runs: the next one goes by what the files say now",
            Self::Stopped => "its socket was stopped, or never started, with systemctl",
            Self::AllStopped => "xinetd.target is stopped",
            Self::Real => "real xinetd serves, and `xinetdctl migrate` was not run",
        })
    }
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What was to be done.
    pub(super) action: Action,
    /// Why it was not.
    pub(super) fault: Option<ActionError>,
}

/// Why an action was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ActionError {
    /// systemd says this.
    Told(String),
    /// The socket does not listen.
    Silent(Trouble),
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(error) => f.write_str(error),
            Self::Silent(trouble) => trouble.fmt(f),
        }
    }
}
