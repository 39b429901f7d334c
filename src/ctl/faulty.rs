//! Services that are switched on and not served, for errors in the files: no service manager knows them.

use std::collections::BTreeMap;

use xinetd_core::problem::{Place, Problem, Severity};
use xinetd_core::translate::Standing;

use super::listening::Listening;
use super::machine::Machine;
use crate::bus::client::ServiceRow;
use crate::reconcile::Trouble;

/// A service that is switched on and not served.
#[derive(Debug, PartialEq, Eq)]
struct Faulty {
    id: String,
    place: Place,
    why: String,
}

/// Those of the files of this machine; none where they can't be read, or are being written.
fn of_this_machine() -> Vec<Faulty> {
    Machine::read(None).map_or_else(|_| Vec::new(), |machine| of(&machine))
}

fn of(machine: &Machine) -> Vec<Faulty> {
    let configuration = &machine.configuration;
    let dropped = configuration.dropped.iter();
    let dropped = dropped.filter(|dropped| dropped.note.is_none());
    let dropped = dropped.map(|dropped| (dropped.id.to_text(), &dropped.place, None));
    let hindered = machine.services().filter_map(|found| {
        let Standing::NotServed(obstacles) = found.standing() else {
            return None;
        };
        let reason = obstacles.first().map(|first| first.reason.to_string());
        let service = found.service;
        service
            .enabled
            .then(|| (service.id.to_text(), &service.place, reason))
    });
    let services = configuration.services.iter().map(|service| &service.place);
    let places = services.chain(configuration.dropped.iter().map(|dropped| &dropped.place));
    let places: Vec<&Place> = places.collect();
    let faulty = dropped.chain(hindered).map(|(id, place, reason)| Faulty {
        id,
        place: place.clone(),
        why: reason
            .or_else(|| error_in(place, &places, &configuration.problems))
            .unwrap_or_else(|| "its file has errors; `xinetdctl check` shows them".to_owned()),
    });
    faulty.collect()
}

/// The first error that stands in the block of the service at `place`: up to the next one of `places`.
fn error_in(place: &Place, places: &[&Place], problems: &[Problem]) -> Option<String> {
    let is_in_file = |other: &&&Place| other.file == place.file && other.line > place.line;
    let next = places.iter().filter(is_in_file).map(|other| other.line);
    let next = next.min().unwrap_or(u32::MAX);
    let error = problems.iter().find(|problem| {
        problem.severity == Severity::Error
            && problem.place.file == place.file
            && (place.line..next).contains(&problem.place.line)
    })?;
    let Problem { place, message, .. } = error;
    Some(format!("{place}: {message}"))
}

/// Adds those of the files of this machine to the rows of the service manager, which has durations by these `bounds`;
/// which of all do not listen.
pub(super) fn complete(rows: &mut Vec<ServiceRow>, bounds: &[u64]) -> Listening {
    let listening = Listening::look_at_enabled(rows.iter().map(|row| row.unit.as_str()));
    listening.with_faulty(add_rows(of_this_machine(), bounds.len() + 1, rows))
}

/// Adds a row for each that has none, with as many classes of durations; what keeps each of these from being served, by
/// the unit that stands for it.
fn add_rows(
    faulty: Vec<Faulty>,
    classes: usize,
    rows: &mut Vec<ServiceRow>,
) -> BTreeMap<String, Trouble> {
    let mut troubles = BTreeMap::new();
    for Faulty { id, place, why } in faulty {
        let is_known = |row: &ServiceRow| row.id.eq_ignore_ascii_case(&id) || row.unit == id;
        if rows.iter().any(is_known) {
            continue;
        }
        rows.push(ServiceRow {
            unit: id.clone(),
            source: place.to_string(),
            state: "stopped".to_owned(),
            durations: vec![0; classes],
            id: id.clone(),
            ..ServiceRow::default()
        });
        troubles.insert(id, Trouble::Faulty { why });
    }
    troubles
}

#[cfg(test)]
mod tests {
    use xinetd_core::config::MemoryTree;

    use super::*;

    fn service(id: &str, more: &str) -> String {
        format!(
            "service {id}\n{{\n type = UNLISTED\n socket_type = stream\n protocol = tcp\n wait = no\n user = root\n \
             server = /bin/cat\n port = {}\n {more}\n}}\n",
            7000 + id.len()
        )
    }

    #[test]
    fn what_is_on_and_has_an_error_is_down_with_the_reason() {
        let files = [
            service("good", ""),
            service("mul", "per_source = x"),
            service("raw", "").replace("stream", "raw"),
            service("off", "disable = yes\n per_source = x"),
            service("old", "per_source = x"),
        ];
        let tree = MemoryTree::default().file("/etc/xinetd.conf", files.concat());
        let faulty = of(&Machine::of(&tree).unwrap());
        // One that goes on as it was before its file had the error has a row of its own.
        let mut rows = vec![ServiceRow {
            id: "OLD".into(),
            unit: "old".into(),
            ..ServiceRow::default()
        }];
        let troubles = add_rows(faulty, 3, &mut rows);
        let shown: Vec<_> = rows[1..]
            .iter()
            .map(|row| format!("{}: {}", row.id, troubles[&row.unit]))
            .collect();
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(
            shown[0].starts_with("mul: /etc/xinetd.conf:21:15: "),
            "{shown:?}"
        );
        assert!(
            shown[1].starts_with("raw: systemd has no internet sockets"),
            "{shown:?}"
        );
    }
}
