//! What is to be done, of what was, what is wanted and what is.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::action::{Action, Operation, Why};
use super::kernel::Seen;
use super::live::{Halt, Live, ServiceState, Socket, Unit};
use super::record::{Applied, Record, Stand};

/// All that is to be done, in the order in which it is to be done.
///
/// `before` is none where nothing was ever applied: at boot, or where the bridge was just installed. There
/// systemd and the administrator start what is to be started.
pub(super) fn plan(before: Option<&Record>, wanted: &Record, live: &Live) -> Vec<Action> {
    let known = before.into_iter().flat_map(Record::names);
    let names: BTreeSet<&str> = known.chain(wanted.names()).collect();
    let mut actions: Vec<Action> = names
        .into_iter()
        .filter_map(|unit| {
            let was = match before {
                None => Was::Unknown,
                Some(before) => match before.get(unit) {
                    Some(applied) if applied.stand != Stand::Leaving => Was::Applied(applied),
                    _ => Was::Missing,
                },
            };
            let (step, why) = match wanted.get(unit) {
                None => gone(live.get(unit)),
                Some(wanted) => of(was, wanted, live.get(unit), live.halt),
            }?;
            let unit = unit.to_owned();
            Some(Action { unit, step, why })
        })
        .collect();
    actions.sort_by_key(|action| action.step);
    actions
}

/// What was applied of a service.
#[derive(Clone, Copy, Debug)]
enum Was<'a> {
    /// Nothing was ever applied, of any service.
    Unknown,
    /// It was not there.
    Missing,
    /// This.
    Applied(&'a Applied),
}

/// What is to be done with units that no service has any more.
fn gone(live: Unit) -> Option<(Operation, Why)> {
    let is_left =
        matches!(live.socket, Socket::On(_) | Socket::Failed) || live.service != ServiceState::Off;
    is_left.then_some((Operation::Stop, Why::Gone))
}

/// What is to be done with one service; `halt` is why nothing is started at all.
fn of(was: Was<'_>, wanted: &Applied, live: Unit, halt: Option<Halt>) -> Option<(Operation, Why)> {
    let Socket::On(seen) = live.socket else {
        return match was {
            Was::Applied(before) if before.enabled && !wanted.enabled => {
                (live.socket == Socket::Failed).then_some((Operation::Stop, Why::Disabled))
            }
            _ if !wanted.enabled && !is_down(was) => None,
            _ => Some(match halt {
                Some(Halt::Stopped) => (Operation::Keep, Why::AllStopped),
                Some(Halt::Real) => (Operation::Keep, Why::Real),
                None => off(was, live.socket),
            }),
        };
    };
    let before = match was {
        Was::Applied(before) => Some(before),
        Was::Unknown | Was::Missing => None,
    };
    if before.is_some_and(|before| before.enabled) && !wanted.enabled {
        return Some((Operation::Stop, Why::Disabled));
    }
    let differs =
        |part: fn(&Applied) -> u64| before.is_some_and(|before| part(before) != part(wanted));
    if differs(|applied| applied.socket) {
        return Some((Operation::Rebind, Why::Socket));
    }
    if seen == Seen::No {
        return Some((Operation::Rebind, Why::Closed));
    }
    if live.service == ServiceState::Stuck {
        return Some((Operation::Respawn, Why::Stuck));
    }
    // Before the others, as it brings another helper in any case.
    if differs(|applied| applied.filter) {
        return Some((Operation::Rebind, Why::Lists));
    }
    let (step, why) = if differs(|applied| applied.service) {
        (Operation::Respawn, Why::Service)
    } else if differs(|applied| applied.program) && live.service == ServiceState::On {
        (Operation::Respawn, Why::Program)
    } else if differs(|applied| applied.spec) {
        (Operation::Reload, Why::Settings)
    } else {
        return None;
    };
    Some(match live.service {
        ServiceState::On | ServiceState::Stuck => (step, why),
        ServiceState::Off | ServiceState::Failed => (Operation::Keep, Why::Idle),
    })
}

/// Whether it was left without the socket that it should have.
fn is_down(was: Was<'_>) -> bool {
    matches!(was, Was::Applied(before) if before.stand == Stand::Down)
}

/// What is to be done with a service that is switched on and whose socket is not active.
fn off(was: Was<'_>, socket: Socket) -> (Operation, Why) {
    let keep = (Operation::Keep, Why::Stopped);
    match (was, socket) {
        (Was::Missing, _) => (Operation::Start, Why::New),
        _ if is_down(was) => (Operation::Start, Why::Silent),
        (Was::Applied(before), _) if !before.enabled => (Operation::Start, Why::Enabled),
        (_, Socket::Failed | Socket::Unmet) => (Operation::Start, Why::Silent),
        // One that an administrator has stopped stays so.
        (Was::Unknown | Was::Applied(_), _) => keep,
    }
}
