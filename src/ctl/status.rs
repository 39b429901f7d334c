//! `xinetdctl status`: what the services are doing now, and `xinetdctl kick`.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;

use clap::Args;
use serde::Serialize;
use xinetd_core::problem::printable;

use super::faulty;
use super::layout::{fold, head, width};
use super::listening::Listening;
use super::machine::not_running;
use super::manager;
use super::output::{BAD, DIM, Done, Failure, GOOD, HEAD, Output, WIDTH};
use super::real;
use super::time::span;
use crate::bus::client::{Failed, ServiceRow, SessionInfo, Sessions};
use crate::reconcile::Trouble;

/// Print what the services are doing: sessions, pauses, and what was counted since the machine was
/// started.
///
/// STATE is `serving` while a helper runs, `listening` while none is needed, `paused` after cps has
/// tripped, `down` for a service that is switched on and does not serve its clients, with the reason below,
/// `stopped` or `failed` for another one that does not, and `silent` where the helper does not answer.
///
/// Exit status: 0, 1 if the coordinator can't be asked, or xinetd where there is no systemd, 2 if there is no such
/// service.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The id or a unit of a service, whose sessions are printed too.
    id: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// End a session.
///
/// Its server gets SIGTERM; the connection of a service that has no server is closed.
///
/// Exit status: 0 if it was told to end, 1 if not, 2 if there is no such service.
#[derive(Debug, Args)]
pub(super) struct KickArgs {
    /// The id or a unit of the service.
    id: String,
    /// The server's process, or the client's address and port, as in 192.0.2.7:40000.
    #[arg(value_name = "PID|ADDRESS:PORT", value_parser = session)]
    whom: String,
}

/// The whole answer, as docs/xinetdctl.md has it.
#[derive(Serialize)]
struct StatusReport<'a> {
    format: u32,
    services: Vec<ServiceStatus<'a>>,
}

/// A service.
#[derive(Serialize)]
struct ServiceStatus<'a> {
    id: &'a str,
    unit: &'a str,
    source: &'a str,
    state: &'a str,
    running: u64,
    waiting: u64,
    /// Seconds, or null.
    pause: Option<u64>,
    served: u64,
    refused: &'a BTreeMap<String, u64>,
    /// Why it does not listen.
    reason: Option<String>,
    /// Of one service alone; null where the caller may not see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Option<&'a [SessionInfo]>>,
}

/// Runs `status`.
pub(super) fn run(arguments: &StatusArgs, out: &mut Output<'_>) -> Done {
    let manager = manager::of_this_machine();
    let (mut rows, bounds) = manager.list_services().map_err(Failure::undone)?;
    let Some(name) = &arguments.id else {
        let listening = faulty::complete(&mut rows, &bounds);
        match arguments.json {
            true => json(rows.iter().map(|row| (row, None)), &listening, out)?,
            false => {
                print(&rows, &listening, out)?;
                print_troubles(&rows, &listening, out)?;
                // A caller that may not see the bans is told of services alone.
                let problem = manager.list_bans().ok().and_then(|bans| bans.table_problem);
                for line in problem
                    .iter()
                    .flat_map(|text| fold(&printable(text), WIDTH))
                {
                    writeln!(out, "{}", out.paint(BAD, line))?;
                }
                real::print_here(out)?;
            }
        }
        return Ok(0);
    };
    let sessions = manager.list_sessions(name);
    let (unit, sessions) = sessions.map_err(|error| failure(name, error))?;
    let Some(row) = rows.iter().find(|row| row.unit == unit) else {
        return Err(Failure::undone(format!("{} is gone", printable(&unit))));
    };
    let listening = Listening::look_at_enabled([unit.as_str()]);
    match arguments.json {
        true => {
            let sessions = sessions.as_deref().ok();
            json(std::iter::once((row, Some(sessions))), &listening, out)?;
        }
        false => {
            let socket = format!("{unit}{}", manager.suffix());
            detail(row, &socket, &sessions, listening.trouble(&unit), out)?;
        }
    }
    Ok(0)
}

/// Runs `kick`.
pub(super) fn kick(arguments: &KickArgs) -> Done {
    let kicked = manager::of_this_machine().kick(&arguments.id, &arguments.whom);
    kicked.map_err(|error| failure(&arguments.id, error))?;
    Ok(0)
}

/// The process or the client of a session, in the words of the caller.
fn session(text: &str) -> Result<String, String> {
    let is_process = text.parse::<i32>().is_ok_and(|pid| pid > 0);
    match is_process || text.parse::<SocketAddr>().is_ok() {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{text}` is neither a process nor an address with a port; `xinetdctl status ID` has both"
        )),
    }
}

/// The failure of a command that asks of the service `name`.
fn failure(name: &str, failed: Failed) -> Failure {
    match failed {
        Failed::NoService => not_running(name),
        Failed::Said(why) => Failure::undone(why),
    }
}

fn json<'a>(
    rows: impl Iterator<Item = (&'a ServiceRow, Option<Option<&'a [SessionInfo]>>)>,
    listening: &Listening,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let services = rows.map(|(row, sessions)| ServiceStatus {
        id: &row.id,
        unit: &row.unit,
        source: &row.source,
        state: &row.state,
        running: row.running,
        waiting: row.waiting,
        pause: (row.state == "paused").then_some(row.pause),
        served: row.served,
        refused: &row.refused,
        reason: listening.trouble(&row.unit).map(ToString::to_string),
        sessions,
    });
    out.json(&StatusReport {
        format: 1,
        services: services.collect(),
    })
}

/// The services, one line each.
pub(super) fn print(
    rows: &[ServiceRow],
    listening: &Listening,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    // The other columns take 44.
    let ids = rows.iter().map(|row| row.id.as_str());
    let ids = width(ids, out.room(WIDTH - 44)).max(7);
    let title = format!(
        "{:ids$}  {:<9} {:>7} {:>7} {:>7} {:>8}",
        "SERVICE", "STATE", "RUNNING", "WAITING", "SERVED", "REFUSED"
    );
    writeln!(out, "{}", out.paint(HEAD, title))?;
    for row in rows {
        let state = state(row, listening.trouble(&row.unit));
        let state = out.paint(style(state), format_args!("{state:<9}"));
        let id = head(&printable(&row.id), ids);
        writeln!(
            out,
            "{id:ids$}  {state} {:>7} {:>7} {:>7} {:>8}",
            row.running,
            row.waiting,
            row.served,
            row.all_refused()
        )?;
    }
    Ok(())
}

/// Those that should listen and do not, with the reason.
fn print_troubles(
    rows: &[ServiceRow],
    listening: &Listening,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    for row in rows {
        if let Some(trouble) = listening.trouble(&row.unit) {
            let id = printable(&row.id);
            let text = printable(&format!("{id} is down: {trouble}"));
            for line in fold(&text, WIDTH) {
                writeln!(out, "{}", out.paint(BAD, line))?;
            }
        }
    }
    Ok(())
}

/// The state in a word: a service that should listen and does not is neither stopped nor idle.
fn state<'a>(row: &'a ServiceRow, trouble: Option<&Trouble>) -> &'a str {
    match row.state.as_str() {
        "stopped" | "failed" | "listening" | "silent" if trouble.is_some() => "down",
        "serving" if trouble.is_some_and(Trouble::listens) => "down",
        state => state,
    }
}

fn style(state: &str) -> anstyle::Style {
    match state {
        "serving" => GOOD,
        "listening" | "stopped" => DIM,
        _ => BAD,
    }
}

/// One service with its sessions; `socket` is the name of its socket.
fn detail(
    row: &ServiceRow,
    socket: &str,
    sessions: &Sessions,
    trouble: Option<&Trouble>,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let title = format!("{} ({})", printable(&row.id), printable(&row.source));
    writeln!(out, "{}", out.paint(HEAD, title))?;
    let state = state(row, trouble);
    let state = out.paint(style(state), state);
    let pause = match row.pause {
        0 => String::new(),
        left => format!(", for {} more", span(left)),
    };
    writeln!(out, "  {}: {state}{pause}", printable(socket))?;
    if let Some(trouble) = trouble {
        let text = printable(&format!("it is down: {trouble}"));
        for line in fold(&text, WIDTH - 2) {
            writeln!(out, "  {}", out.paint(BAD, line))?;
        }
    }
    writeln!(
        out,
        "  {} running, {} waiting, {} served",
        row.running, row.waiting, row.served
    )?;
    for (cause, count) in &row.refused {
        writeln!(out, "  {count} refused: {}", printable(cause))?;
    }
    let sessions = match sessions {
        Ok(sessions) => sessions,
        Err(why) => {
            writeln!(out, "  the sessions are not shown: {}", printable(why))?;
            return Ok(());
        }
    };
    if !sessions.is_empty() {
        writeln!(
            out,
            "  {}",
            out.paint(HEAD, format!("{:>8}  {:>9}  CLIENT", "PID", "AGE"))
        )?;
    }
    for session in sessions {
        let pid = match session.pid {
            0 => "-".to_owned(),
            pid => pid.to_string(),
        };
        let client = match session.peer.starts_with("0.0.0.0:") {
            true => "unknown",
            false => session.peer.as_str(),
        };
        writeln!(
            out,
            "  {pid:>8}  {:>9}  {}",
            span(session.age),
            printable(client)
        )?;
    }
    let shown = sessions.len() as u64;
    if shown < row.running {
        writeln!(out, "  and {} more", row.running - shown)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::output::Screen;

    fn row() -> ServiceRow {
        ServiceRow {
            id: "telnet".into(),
            unit: "telnet".into(),
            source: "/etc/xinetd.d/telnet:1:9".into(),
            state: "paused".into(),
            running: 3,
            waiting: 1,
            pause: 7,
            served: 12,
            refused: BTreeMap::from([("address".into(), 5), ("ban".into(), 2)]),
            ..ServiceRow::default()
        }
    }

    fn printed(print: impl FnOnce(&mut Output<'_>) -> Result<(), Failure>) -> String {
        let mut text = Vec::new();
        let terminal = Screen {
            is_terminal: true,
            ..Screen::default()
        };
        let mut out = Output::new(&mut text, terminal);
        let done = print(&mut out).map(|()| 0);
        assert_eq!(out.finish(done), 0);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_list_fits_and_adds_up() {
        let long = ServiceRow {
            id: "a-service-with-a-name-that-is-much-too-long-for-it".into(),
            state: "listening".into(),
            ..ServiceRow::default()
        };
        let text = printed(|out| print(&[row(), long], &Listening::default(), out));
        assert!(text.lines().all(|line| line.chars().count() < 80), "{text}");
        let line = text.lines().nth(1).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words, ["telnet", "paused", "3", "1", "12", "7"]);
    }

    #[test]
    fn a_service_that_should_listen_and_does_not_is_down() {
        let trouble = Trouble::Stopped {
            unit: "telnet".into(),
        };
        let mut row = row();
        for (word, shown) in [
            ("stopped", "down"),
            ("failed", "down"),
            ("serving", "serving"),
        ] {
            row.state = word.into();
            assert_eq!(state(&row, Some(&trouble)), shown);
            assert_eq!(state(&row, None), word);
        }
        let why = "/x can't be executed: no".to_owned();
        let trouble = Trouble::Unexecutable { why };
        assert_eq!(state(&row, Some(&trouble)), "down");
    }

    #[test]
    fn a_service_is_shown_with_its_sessions() {
        let session = |pid, peer: &str| SessionInfo {
            pid,
            peer: peer.into(),
            age: 61,
        };
        let sessions = vec![session(4711, "192.0.2.7:40000"), session(0, "0.0.0.0:0")];
        let text = printed(|out| detail(&row(), "telnet.socket", &Ok(sessions), None, out));
        let wanted = "\
telnet (/etc/xinetd.d/telnet:1:9)
  telnet.socket: paused, for 7s more
  3 running, 1 waiting, 12 served
  5 refused: address
  2 refused: ban
       PID        AGE  CLIENT
      4711      1m 1s  192.0.2.7:40000
         -      1m 1s  unknown
  and 1 more
";
        assert_eq!(text, wanted);
        let denied = Err("only root may see them".to_owned());
        let text = printed(|out| detail(&row(), "telnet.socket", &denied, None, out));
        assert!(
            text.ends_with("  the sessions are not shown: only root may see them\n"),
            "{text}"
        );
    }
}
