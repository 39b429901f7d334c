//! What is to be done, of what was, what is wanted and what is.

use std::fmt;

use super::live::{Live, Unit};
use super::record::{Applied, Record};

/// Something to do with the units of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    /// Their name without suffix.
    pub(super) unit: String,
    /// What.
    pub(super) step: Step,
    /// What for.
    pub(super) why: Why,
}

/// What can be done, in the order in which it is: a port has to be free before another service
/// takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The socket and the service are stopped; sessions end.
    Stop,
    /// The socket is closed and opened anew; sessions live on.
    Rebind,
    /// The socket is started.
    Start,
    /// The helper makes room for another one; sessions live on.
    Respawn,
    /// The helper takes its new spec.
    Reload,
}

/// Why it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There are no such units any more.
    Gone,
    /// It is switched off now.
    Disabled,
    /// It is switched on now.
    Enabled,
    /// There were no such units before.
    New,
    /// The socket is another one now.
    Socket,
    /// systemd has closed it without saying so.
    Closed,
    /// The helper's unit is another one now.
    Service,
    /// The settings are others now.
    Settings,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Rebind => "rebind",
            Self::Start => "start",
            Self::Respawn => "respawn",
            Self::Reload => "reload",
        })
    }
}

impl fmt::Display for Why {
    /// Words that follow on the name of the unit and what was done.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "no service of the files has it any more",
            Self::Disabled => "it is switched off now",
            Self::Enabled => "it is switched on now",
            Self::New => "it is new",
            Self::Socket => "its socket has changed",
            Self::Closed => "systemd had closed its socket",
            Self::Service => "how its helper runs has changed",
            Self::Settings => "its settings have changed",
        })
    }
}

/// All that is to be done, in the order in which it is to be done.
pub(super) fn plan(before: &Record, wanted: &Record, live: &Live) -> Vec<Action> {
    let names = before.names().chain(wanted.names());
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    let mut actions: Vec<Action> = names
        .into_iter()
        .filter_map(|unit| {
            let (step, why) = of(before.get(unit), wanted.get(unit), live.get(unit))?;
            let unit = unit.to_owned();
            Some(Action { unit, step, why })
        })
        .collect();
    actions.sort_by_key(|action| action.step);
    actions
}

/// What is to be done with one service.
fn of(before: Option<&Applied>, wanted: Option<&Applied>, live: Unit) -> Option<(Step, Why)> {
    let Some(wanted) = wanted else {
        let runs = live.socket || live.service;
        return runs.then_some((Step::Stop, Why::Gone));
    };
    let was_enabled = before.is_some_and(|before| before.enabled);
    if was_enabled && !wanted.enabled && live.socket {
        return Some((Step::Stop, Why::Disabled));
    }
    if !live.socket {
        // One that an administrator has stopped stays so.
        let why = match before {
            None => Why::New,
            Some(before) if !before.enabled => Why::Enabled,
            // It could not listen, and it is said where to now.
            Some(before) if live.failed && before.socket != wanted.socket => Why::Socket,
            Some(_) => return None,
        };
        return wanted.enabled.then_some((Step::Start, why));
    }
    if !live.listens {
        return Some((Step::Rebind, Why::Closed));
    }
    let before = before?;
    if before.socket != wanted.socket {
        return Some((Step::Rebind, Why::Socket));
    }
    if !live.service {
        return None;
    }
    if before.service != wanted.service {
        return Some((Step::Respawn, Why::Service));
    }
    (before.spec != wanted.spec).then_some((Step::Reload, Why::Settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Applied = Applied {
        socket: 1,
        service: 2,
        spec: 3,
        enabled: true,
    };
    const OFF: Applied = Applied {
        enabled: false,
        ..ON
    };
    const STOPPED: Unit = Unit {
        socket: false,
        failed: false,
        listens: false,
        service: false,
    };
    const LISTENS: Unit = Unit {
        socket: true,
        listens: true,
        ..STOPPED
    };
    const SERVES: Unit = Unit {
        service: true,
        ..LISTENS
    };

    #[test]
    fn the_matrix_of_reloads() {
        let socket = Applied { socket: 9, ..ON };
        let service = Applied { service: 9, ..ON };
        let spec = Applied { spec: 9, ..ON };
        let all = Applied {
            socket: 9,
            service: 9,
            spec: 9,
            enabled: true,
        };
        let zombie = Unit {
            listens: false,
            ..SERVES
        };
        let failed = Unit {
            failed: true,
            ..STOPPED
        };
        let left = Unit {
            service: true,
            ..STOPPED
        };
        let rows = [
            // Nothing has changed: nothing is touched.
            (Some(ON), Some(ON), SERVES, None),
            (Some(ON), Some(ON), LISTENS, None),
            (Some(ON), Some(ON), STOPPED, None),
            (Some(OFF), Some(OFF), LISTENS, None),
            (None, None, STOPPED, None),
            // New and gone, on and off.
            (None, Some(ON), STOPPED, Some((Step::Start, Why::New))),
            (None, Some(OFF), STOPPED, None),
            (
                Some(OFF),
                Some(ON),
                STOPPED,
                Some((Step::Start, Why::Enabled)),
            ),
            (Some(OFF), Some(ON), LISTENS, None),
            (
                Some(ON),
                Some(OFF),
                SERVES,
                Some((Step::Stop, Why::Disabled)),
            ),
            (Some(ON), Some(OFF), STOPPED, None),
            (Some(ON), None, SERVES, Some((Step::Stop, Why::Gone))),
            (Some(ON), None, left, Some((Step::Stop, Why::Gone))),
            (Some(ON), None, STOPPED, None),
            // Something has changed.
            (
                Some(ON),
                Some(socket),
                SERVES,
                Some((Step::Rebind, Why::Socket)),
            ),
            (
                Some(ON),
                Some(socket),
                LISTENS,
                Some((Step::Rebind, Why::Socket)),
            ),
            (Some(ON), Some(socket), STOPPED, None),
            (
                Some(ON),
                Some(socket),
                failed,
                Some((Step::Start, Why::Socket)),
            ),
            (Some(ON), Some(ON), failed, None),
            (
                Some(ON),
                Some(service),
                SERVES,
                Some((Step::Respawn, Why::Service)),
            ),
            (Some(ON), Some(service), LISTENS, None),
            (
                Some(ON),
                Some(spec),
                SERVES,
                Some((Step::Reload, Why::Settings)),
            ),
            (Some(ON), Some(spec), LISTENS, None),
            (
                Some(ON),
                Some(all),
                SERVES,
                Some((Step::Rebind, Why::Socket)),
            ),
            // systemd has closed it.
            (
                Some(ON),
                Some(ON),
                zombie,
                Some((Step::Rebind, Why::Closed)),
            ),
            (None, Some(ON), zombie, Some((Step::Rebind, Why::Closed))),
            (
                Some(OFF),
                Some(OFF),
                zombie,
                Some((Step::Rebind, Why::Closed)),
            ),
            (
                Some(ON),
                Some(OFF),
                zombie,
                Some((Step::Stop, Why::Disabled)),
            ),
        ];
        for (before, wanted, live, expected) in rows {
            let found = of(before.as_ref(), wanted.as_ref(), live);
            assert_eq!(found, expected, "{before:?} {wanted:?} {live:?}");
        }
    }

    #[test]
    fn ports_are_freed_before_they_are_taken() {
        let before = Record::of([("old", ON), ("moved", ON)]);
        let wanted = Record::of([("moved", Applied { socket: 9, ..ON }), ("new", ON)]);
        let live = Live::of([("old", SERVES), ("moved", SERVES)]);
        let steps: Vec<_> = plan(&before, &wanted, &live)
            .into_iter()
            .map(|action| (action.unit, action.step))
            .collect();
        let expected = [
            ("old".to_owned(), Step::Stop),
            ("moved".to_owned(), Step::Rebind),
            ("new".to_owned(), Step::Start),
        ];
        assert_eq!(steps, expected);
    }
}
