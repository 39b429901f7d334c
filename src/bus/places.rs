//! How many connections the socket for helpers keeps, and which one ends for another.
//!
//! The servers of a service may connect as well as its helper: they take neither a place of their helper
//! nor one of another service.

/// Connections of helpers at once: more sensors than a machine has, and the others stay for one answer.
/// One that comes then is turned away, and comes again. As many of servers have places of their own.
const ALL: usize = 1024;
/// Connections of one process at once: a helper needs two.
const OWN: usize = 2;
/// Connections of one service's servers at once, and of its helpers.
const CROWD: usize = 32;

/// The process that a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionOwner<'a> {
    /// Its unit, without suffix.
    pub(super) unit: &'a str,
    /// Its number.
    pub(super) pid: i32,
    /// Whether its uids show that it is a helper.
    pub(super) is_helper: bool,
}

/// Whether one more connection can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It can.
    Free,
    /// It can when the one at this index has been ended.
    After(usize),
    /// It can't.
    None,
}

/// The room for a connection of `new` beside those of `kept`, the oldest first.
pub(super) fn find<'a>(
    kept: impl Iterator<Item = ConnectionOwner<'a>>,
    new: &ConnectionOwner<'_>,
) -> Room {
    let same_kind = kept
        .enumerate()
        .filter(|(_, place)| place.is_helper == new.is_helper);
    let (mut all, mut crowd, mut own) = (0, 0, 0);
    let (mut first_of_unit, mut first_of_process) = (None, None);
    for (index, place) in same_kind {
        all += 1;
        if place.unit != new.unit {
            continue;
        }
        crowd += 1;
        first_of_unit.get_or_insert(index);
        if place.pid == new.pid {
            own += 1;
            first_of_process.get_or_insert(index);
        }
    }
    match (first_of_process, first_of_unit) {
        (Some(first), _) if own >= OWN => Room::After(first),
        (_, Some(first)) if crowd >= CROWD => Room::After(first),
        _ if all < ALL => Room::Free,
        _ => Room::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELPER: ConnectionOwner<'_> = ConnectionOwner {
        unit: "a",
        pid: 1,
        is_helper: true,
    };

    fn server(unit: &str, pid: i32) -> ConnectionOwner<'_> {
        ConnectionOwner {
            unit,
            pid,
            is_helper: false,
        }
    }

    #[test]
    fn servers_take_no_place_of_their_helper() {
        let mut kept = vec![HELPER];
        for pid in 2..200 {
            match find(kept.iter().copied(), &server("a", pid)) {
                Room::Free => {}
                Room::After(first) => drop(kept.remove(first)),
                Room::None => panic!("no room for {pid}"),
            }
            kept.push(server("a", pid));
        }
        assert_eq!(kept[0], HELPER);
        assert_eq!(kept.len(), 1 + CROWD);
        assert_eq!(find(kept.iter().copied(), &HELPER), Room::Free);
    }

    #[test]
    fn the_oldest_connection_of_a_process_makes_room() {
        let kept = [server("b", 1), HELPER, HELPER];
        assert_eq!(find(kept.into_iter(), &HELPER), Room::After(1));
    }

    #[test]
    fn servers_of_all_services_together_keep_no_helper_out() {
        let units: Vec<String> = (0..ALL / CROWD).map(|unit| unit.to_string()).collect();
        let kept: Vec<_> = units
            .iter()
            .flat_map(|unit| {
                (0..CROWD).map(|pid| server(unit, 2 + i32::try_from(pid).unwrap_or(0)))
            })
            .collect();
        assert_eq!(find(kept.iter().copied(), &server("new", 1)), Room::None);
        assert_eq!(find(kept.iter().copied(), &HELPER), Room::Free);
    }
}
