//! `xinetdctl list`: all services, one line each.

use std::io::Write;

use serde::Serialize;
use xinetd_core::problem::printable;
use xinetd_core::service::{Internal, Reach, Serving};

use super::applied::{CHANGED, Left, Unapplied};
use super::boot::Boot;
use super::layout::{fold, head, tail, width};
use super::listening::{Listening, enabled_unit, served_unit};
use super::machine::{Found, Machine};
use super::manager;
use super::output::{BAD, DIM, Done, GOOD, HEAD, Output, WIDTH};
use super::real;
use super::row::{ListRow, dropped_row, row};
use super::view::View;

/// The whole answer, as docs/xinetdctl.md has it.
#[derive(Serialize)]
struct ListReport {
    format: u32,
    services: Vec<ListRow>,
    /// Units that are served and that no service of the files has.
    left: Vec<String>,
    /// Whether a boot starts the services that are switched on.
    starts_at_boot: bool,
}

/// Prints the list.
pub(super) fn run(view: &View, out: &mut Output<'_>) -> Done {
    let machine = Machine::read(view.root.as_deref())?;
    let found = || machine.services();
    let units = found().filter_map(|found| served_unit(found.standing()));
    let listening = Listening::look(view.root.as_deref(), units);
    let unapplied = Unapplied::look(view.root.as_deref(), &machine);
    let has_tcpmux = found().any(|found| is_tcpmux(&found));
    let served = found().map(|found| {
        let enabled = enabled_unit(found.standing());
        let row = row(&found);
        let reason = row.reason.or_else(|| unreached(&found, has_tcpmux));
        let row = with_listening(ListRow { reason, ..row }, enabled, &listening);
        let unit = row.unit.as_deref().filter(|_| row.standing == "served");
        let applied = unit.and_then(|unit| unapplied.is_applied(unit));
        ListRow { applied, ..row }
    });
    let dropped = machine.configuration.dropped.iter().map(dropped_row);
    let services: Vec<_> = served.chain(dropped).collect();
    if view.json {
        let left = unapplied.left().iter();
        out.json(&ListReport {
            format: 1,
            services,
            left: left.map(|left| left.unit.clone()).collect(),
            starts_at_boot: matches!(machine.boot, Boot::Starts | Boot::Supervised),
        })?;
    } else {
        print(&services, machine.suffix(), out)?;
        print_unapplied(&services, unapplied.left(), out)?;
        if let Some(problem) = machine.assumption() {
            let line = machine.configuration.sources.line(&problem.place);
            write!(out, "\n{}", problem.render(line))?;
        }
        if let Some(problem) = machine.unstarted() {
            writeln!(out, "\n{}", problem.render(None))?;
        }
        real::print(&machine, view.root.is_none(), out)?;
    }
    // Below the list, where it is seen.
    out.flush()?;
    Ok(machine.complain_of_unreadable())
}

/// What is served as the files were at the last reload.
fn print_unapplied(rows: &[ListRow], left: &[Left], out: &mut Output<'_>) -> std::io::Result<()> {
    let changed = rows.iter().filter(|row| row.applied == Some(false));
    let changed = changed.map(|row| printable(&format!("{}: {CHANGED}", row.id)));
    let left = left.iter();
    let left = left.map(|left| printable(&left.to_string()));
    for line in changed.chain(left) {
        let lines = fold(&line, out.room(WIDTH));
        writeln!(out, "{}", out.paint(BAD, lines.join("\n    ")))?;
    }
    Ok(())
}

/// The row with what is known of the socket, if it is to listen, or was started by hand.
fn with_listening(row: ListRow, enabled: Option<&str>, listening: &Listening) -> ListRow {
    let Some(unit) = enabled else {
        let unit = row.unit.as_deref().filter(|_| row.standing == "served");
        let listens = unit.and_then(|unit| listening.listens(unit));
        let Some((unit, listens)) = unit.zip(listens.filter(|listens| *listens)) else {
            return row;
        };
        return ListRow {
            listening: Some(listens),
            reason: Some(manager::of_this_machine().why_listening(unit)),
            ..row
        };
    };
    let trouble = listening.trouble(unit).map(ToString::to_string);
    ListRow {
        listening: listening.listens(unit),
        reason: match (trouble, row.reason) {
            (Some(trouble), Some(path)) if row.standing == "ejected" => {
                Some(format!("ejected to {path}: {trouble}"))
            }
            (trouble, reason) => trouble.or(reason),
        },
        ..row
    }
}

/// Why no client reaches a service, if it is one that tcpmux would have to lead to.
fn unreached(found: &Found<'_>, has_tcpmux: bool) -> Option<String> {
    let is_muxed = matches!(found.service.reach, Reach::Mux(_)) && found.service.enabled;
    let why = "no client reaches it: there is no tcpmux that is on";
    (is_muxed && !has_tcpmux).then(|| why.to_owned())
}

/// Whether a service is tcpmux itself, and on.
fn is_tcpmux(found: &Found<'_>) -> bool {
    found.service.enabled && matches!(found.service.serving, Serving::Internal(Internal::Tcpmux))
}

/// `suffix` stands behind the name of a unit.
fn print(rows: &[ListRow], suffix: &str, out: &mut Output<'_>) -> std::io::Result<()> {
    const TITLES: [&str; 4] = ["ID", "LISTENS", "STATE", "UNIT"];
    let cells: Vec<[String; 4]> = rows
        .iter()
        .map(|row| {
            let listens = row.listens.as_deref().unwrap_or("-");
            let unit = row.unit.as_ref().map(|unit| format!("{unit}{suffix}"));
            [
                printable(&row.id),
                printable(listens),
                row.state().to_owned(),
                unit.unwrap_or_default(),
            ]
        })
        .collect();
    let limits = [18, 20, 10, 16].map(|limit| out.room(limit));
    let widths: [usize; 4] = std::array::from_fn(|column| {
        let texts = cells.iter().map(|row| row[column].as_str());
        width(texts.chain([TITLES[column]]), limits[column])
    });
    let [id, listens, state, unit] = widths;
    let title = format!(
        "{:id$}  {:listens$}  {:state$}  {:unit$}  SERVER",
        TITLES[0], TITLES[1], TITLES[2], TITLES[3]
    );
    writeln!(out, "{}", out.paint(HEAD, title))?;
    for (row, cells) in rows.iter().zip(&cells) {
        let name = head(&cells[0], id);
        let place = head(&cells[1], listens);
        let style = match row.state() {
            "on" | "native" | "ejected" => GOOD,
            "off" | "masked" => DIM,
            _ => BAD,
        };
        let word = out.paint(style, format_args!("{:state$}", cells[2]));
        let begin = format!("{name:id$}  {place:listens$}  {word}");
        let before = id + listens + state + 6;
        match (&row.reason, row.standing) {
            // A path, which is to be found in one piece.
            (Some(path), "masked" | "ejected") if row.state() == row.standing => {
                let word = out.paint(style, &cells[2]);
                let path = fold(&printable(path), WIDTH - 2).join("\n  ");
                writeln!(out, "{name:id$}  {place:listens$}  {word}\n  {path}")?;
            }
            (Some(reason), "not_served" | "dropped" | "served" | "ejected") => {
                let reason = fold(&printable(reason), out.room(WIDTH.saturating_sub(before)));
                let indent = format!("\n{:before$}", "");
                writeln!(out, "{begin}  {}", reason.join(&indent))?;
            }
            _ => {
                let unit_name = head(&cells[3], unit);
                let server = printable(row.server.as_deref().unwrap_or_default());
                let server = tail(&server, out.room(WIDTH.saturating_sub(before + unit + 2)));
                writeln!(out, "{begin}  {unit_name:unit$}  {server}")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::output::Screen;

    fn printed(is_terminal: bool) -> String {
        let row = ListRow {
            id: "a-service-with-a-long-name".into(),
            file: "/etc/xinetd.d/a".into(),
            line: 1,
            listens: Some("192.0.2.1:65000/tcp rpc 100011 v1-2".into()),
            standing: "served",
            enabled: Some(true),
            listening: Some(true),
            applied: Some(false),
            reason: None,
            server: Some("/usr/local/sbin/a-server-with-a-long-name".into()),
            unit: Some("a-service-with-a-long-name".into()),
        };
        let down = ListRow {
            id: "down".into(),
            listening: Some(false),
            applied: Some(true),
            reason: Some(
                "0.0.0.0:25/tcp is taken by master (process 812), which has it since the boot"
                    .into(),
            ),
            listens: None,
            server: None,
            unit: None,
            file: String::new(),
            line: 1,
            standing: "served",
            enabled: Some(true),
        };
        let rows = [row, down];
        let left = [Left {
            unit: "gone".into(),
            source: "/etc/xinetd.d/gone".into(),
            is_supervised: false,
        }];
        let mut text = Vec::new();
        let screen = Screen {
            is_terminal,
            ..Screen::default()
        };
        let mut out = Output::new(&mut text, screen);
        print(&rows, ".socket", &mut out).unwrap();
        print_unapplied(&rows, &left, &mut out).unwrap();
        assert_eq!(out.finish(Ok(0)), 0);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_terminal_gets_columns_and_a_program_whole_words() {
        let terminal = printed(true);
        assert!(
            terminal.lines().all(|line| line.chars().count() < 80),
            "{terminal}"
        );
        let piped = printed(false);
        let lines: Vec<_> = piped.lines().collect();
        assert_eq!(lines.len(), 5, "{piped}");
        assert!(
            lines[1]
                .starts_with("a-service-with-a-long-name  192.0.2.1:65000/tcp rpc 100011 v1-2  on")
        );
        assert!(lines[1].ends_with("/usr/local/sbin/a-server-with-a-long-name"));
        assert!(
            lines[2].contains("  down") && lines[2].ends_with("since the boot"),
            "{piped}"
        );
    }

    #[test]
    fn what_runs_otherwise_than_the_files_say_stands_below() {
        let piped = printed(false);
        let expected =
            format!("a-service-with-a-long-name: {CHANGED}\ngone.socket stays until the next ");
        assert!(piped.contains(&expected), "{piped}");
    }
}
