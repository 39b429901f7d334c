//! `xinetdctl metrics`: the counters in the OpenMetrics text format, for Prometheus and its like.

use std::io::{self, Write};

use super::faulty;
use super::manager;
use super::output::{Done, Failure, Output};
use crate::bus::client::ServiceRow;

/// A number of each service: its name, its kind, what it is, and how to get it.
type Simple = (
    &'static str,
    &'static str,
    &'static str,
    fn(&ServiceRow) -> u64,
);

/// Prints them.
pub(super) fn run(out: &mut Output<'_>) -> Done {
    let manager = manager::of_this_machine();
    let (mut rows, bounds) = manager.list_services().map_err(Failure::undone)?;
    let listening = faulty::complete(&mut rows, &bounds);
    let up =
        |row: &ServiceRow| match listening.is_faulty(&row.unit) || manager.is_enabled(&row.unit) {
            true => listening.listens(&row.unit),
            false => None,
        };
    print(&rows, up, &bounds, out)?;
    Ok(0)
}

/// `up` is whether a service that is switched on serves clients, as far as it is known.
fn print(
    rows: &[ServiceRow],
    up: impl Fn(&ServiceRow) -> Option<bool>,
    bounds: &[u64],
    out: &mut dyn Write,
) -> io::Result<()> {
    let help = "Whether a service that is switched on is up.";
    begin("up", "gauge", None, help, out)?;
    for row in rows {
        if let Some(up) = up(row) {
            writeln!(out, "xinetd_up{{{}}} {}", labels(row), u8::from(up))?;
        }
    }
    let simple: [Simple; 4] = [
        ("sessions", "gauge", "Sessions that are open.", |row| {
            row.running
        }),
        (
            "waiting",
            "gauge",
            "Clients that wait for something.",
            |row| row.waiting,
        ),
        (
            "paused",
            "gauge",
            "Whether cps pauses the service.",
            |row| (row.state == "paused").into(),
        ),
        ("served", "counter", "Clients that were let in.", |row| {
            row.served
        }),
    ];
    for (name, kind, help, value) in simple {
        begin(name, kind, None, help, out)?;
        let suffix = if kind == "counter" { "_total" } else { "" };
        for row in rows {
            writeln!(
                out,
                "xinetd_{name}{suffix}{{{}}} {}",
                labels(row),
                value(row)
            )?;
        }
    }
    begin(
        "refused",
        "counter",
        None,
        "Clients that were turned away.",
        out,
    )?;
    for row in rows {
        for (cause, count) in &row.refused {
            let cause = escape(cause);
            writeln!(
                out,
                "xinetd_refused_total{{{},reason=\"{cause}\"}} {count}",
                labels(row)
            )?;
        }
    }
    let name = "session_duration_seconds";
    begin(
        name,
        "histogram",
        Some("seconds"),
        "How long sessions took.",
        out,
    )?;
    for row in rows {
        let labels = labels(row);
        let mut sum = 0_u64;
        let ends = bounds.iter().map(|bound| seconds(*bound));
        for (end, count) in ends.chain(["+Inf".to_owned()]).zip(&row.durations) {
            sum = sum.saturating_add(*count);
            writeln!(out, "xinetd_{name}_bucket{{{labels},le=\"{end}\"}} {sum}")?;
        }
        writeln!(
            out,
            "xinetd_{name}_sum{{{labels}}} {}",
            seconds(row.duration_sum)
        )?;
        writeln!(out, "xinetd_{name}_count{{{labels}}} {sum}")?;
    }
    writeln!(out, "# EOF")
}

fn begin(
    name: &str,
    kind: &str,
    unit: Option<&str>,
    help: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "# TYPE xinetd_{name} {kind}")?;
    if let Some(unit) = unit {
        writeln!(out, "# UNIT xinetd_{name} {unit}")?;
    }
    writeln!(out, "# HELP xinetd_{name} {help}")
}

fn labels(row: &ServiceRow) -> String {
    format!(
        "service=\"{}\",unit=\"{}\"",
        escape(&row.id),
        escape(&row.unit)
    )
}

/// A label's value.
fn escape(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

/// Milliseconds as seconds, with as many digits as OpenMetrics' canonical numbers have: labels are
/// compared as texts.
fn seconds(milliseconds: u64) -> String {
    let text = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    let short = text.trim_end_matches('0');
    match short.ends_with('.') {
        true => format!("{short}0"),
        false => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn classes_are_added_up_and_names_escaped() {
        let row = ServiceRow {
            id: "a\"b".into(),
            unit: r"a\x22b".into(),
            state: "paused".into(),
            running: 2,
            served: 9,
            refused: BTreeMap::from([("ban".into(), 4)]),
            durations: vec![1, 0, 2],
            duration_sum: 12_345,
            ..ServiceRow::default()
        };
        let mut text = Vec::new();
        let off = ServiceRow {
            id: "off".into(),
            ..ServiceRow::default()
        };
        let up = |row: &ServiceRow| (row.id != "off").then_some(false);
        print(&[row, off], up, &[10, 1000], &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let labels = r#"service="a\"b",unit="a\\x22b""#;
        for line in [
            "# TYPE xinetd_served counter".to_owned(),
            format!("xinetd_up{{{labels}}} 0"),
            format!("xinetd_served_total{{{labels}}} 9"),
            format!("xinetd_paused{{{labels}}} 1"),
            format!("xinetd_refused_total{{{labels},reason=\"ban\"}} 4"),
            format!("xinetd_session_duration_seconds_bucket{{{labels},le=\"0.01\"}} 1"),
            format!("xinetd_session_duration_seconds_bucket{{{labels},le=\"1.0\"}} 1"),
            format!("xinetd_session_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 3"),
            format!("xinetd_session_duration_seconds_sum{{{labels}}} 12.345"),
            format!("xinetd_session_duration_seconds_count{{{labels}}} 3"),
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("\nxinetd_up{").count(), 1, "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
