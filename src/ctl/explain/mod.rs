//! `xinetdctl explain`: what a service would do with a client, check by check.
//!
//! The checks are the helper's own; what the helper knows of its own state is given by options.

mod asked;
mod client;
mod options;
mod rules;
mod verdict;
mod walk;

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;

use clap::{Args, value_parser};
use serde::Serialize;
use xinetd_core::config::DiskTree;
use xinetd_core::policy::HostName;
use xinetd_core::problem::printable;
use xinetd_core::service::MinuteOfDay;
use xinetd_core::translate::{Native, Standing};

use super::applied::{CHANGED, Unapplied};
use super::arguments::View;
use super::layout::fold;
use super::listening::{Listening, enabled_unit};
use super::machine::{Found, Machine};
use super::output::{BAD, DIM, Done, Failure, GOOD, Output, WIDTH};
use super::pauses::Pauses;
use super::show::heading;
use super::time::span;

use client::Client;
use verdict::{Outcome, Rule, Step, Verdict};
use walk::walk;

/// Tell whether a service lets a client in: each check in its order, with the rule that decides.
///
/// The checks are those that the helper makes, with the files as they are now. What changes while a
/// service runs is given by options: without them the machine has the time and the load that it has,
/// and no server runs. The name of the client is looked up where a rule asks for it.
///
/// Exit status: 0 if the client gets its server, 1 if it does not, 2 if there is no such service, if
/// it is not served, or if it can't be told: root alone may see the bans.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The id of the service, or to tell apart several with one id, its socket unit.
    id: String,
    /// The address of the client.
    address: IpAddr,
    /// The local time of the day; now without it.
    #[arg(long, value_name = "HH:MM", value_parser = minute)]
    at: Option<MinuteOfDay>,
    /// The name of the client's address, in place of a look-up.
    #[arg(long, value_name = "HOST")]
    name: Option<HostName>,
    /// Look no names up: rules that need one are decided as when the look-up fails.
    #[arg(long, conflicts_with = "name")]
    offline: bool,
    /// What the ident server of the client says; nothing without it.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The port of the client.
    #[arg(long, default_value_t = 49152)]
    port: u16,
    /// How many servers run already.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u32).range(..=1_000_000))]
    running: u32,
    /// How many of them run for this client.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u32).range(..=1_000_000))]
    from_source: u32,
    /// The load average of one minute; that of the machine without it.
    #[arg(long, value_name = "LOAD")]
    load: Option<f64>,
    #[command(flatten)]
    view: View,
}

fn minute(text: &str) -> Result<MinuteOfDay, String> {
    let wrong = || format!("`{text}` is no time of the day; write it as in 17:05");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |part: &str| part.parse().map_err(|_| wrong());
    MinuteOfDay::new(number(hour)?, number(minute)?).ok_or_else(wrong)
}

/// The whole answer, as docs/xinetdctl.md has it.
#[derive(Serialize)]
struct Answer {
    format: u32,
    services: Vec<Explained>,
}

#[derive(Serialize)]
struct Explained {
    id: String,
    unit: Option<String>,
    enabled: bool,
    address: String,
    name: Option<String>,
    /// None where that is not known.
    admitted: Option<bool>,
    reason: Option<&'static str>,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    check: &'static str,
    result: &'static str,
    detail: String,
    rule: Option<Line>,
}

#[derive(Serialize)]
struct Line {
    file: String,
    line: u32,
    column: u32,
    text: Option<String>,
}

/// Explains each service with the id.
pub(super) fn run(arguments: &ExplainArgs, out: &mut Output<'_>) -> Done {
    let root = arguments.view.root.clone();
    let machine = Machine::read(root.clone())?;
    let unapplied = Unapplied::look(root.as_deref(), &machine);
    let found = machine.find(&arguments.id);
    let found = found.map_err(|failure| unapplied.with_hint(&arguments.id, failure))?;
    if let Some(found) = found
        .iter()
        .find(|found| !matches!(found.standing(), Standing::Served { .. }))
    {
        let id = printable(&found.service.id.to_text());
        let message = match found.standing() {
            Standing::Native {
                path,
                native: Native::Ejected,
                ..
            } => format!(
                "{id} was ejected to {}: xinetd's files do not decide about its clients any more",
                path.display()
            ),
            _ => format!("the bridge does not serve {id}; `xinetdctl show {id}` says why"),
        };
        return Err(Failure::unanswered(message));
    }
    let run = root.as_deref().unwrap_or(Path::new("/"));
    let bans = run.join(xinetd_core::bans::TABLE.trim_start_matches('/'));
    let mut client = Client::new(arguments, bans)?;
    let tree = DiskTree::new(root.clone());
    let mut verdicts = Vec::new();
    let units = found.iter();
    let units = units.filter_map(|found| enabled_unit(found.standing()));
    let listening = Listening::look(root.as_deref(), units);
    let pauses = Pauses::look(root.as_deref());
    for found in &found {
        let unit = found.unit().unwrap_or_default();
        let mut verdict = match (listening.trouble(unit), pauses.of(unit)) {
            (Some(trouble), _) => unreached(trouble.to_string()),
            (None, Some(seconds)) => unreached(format!(
                "cps has paused the service for {} more: each connection is reset",
                span(seconds)
            )),
            (None, None) => walk(found, &machine, &tree, &mut client)?,
        };
        if unapplied.is_applied(unit) == Some(false) {
            let detail = format!("{CHANGED}; the checks below are those of the files");
            verdict.begin_with("files", detail);
        }
        verdicts.push(verdict);
    }
    if arguments.view.json {
        let services = found.iter().zip(&verdicts);
        let services = services.map(|(found, verdict)| explained(found, verdict, &client));
        out.json(&Answer {
            format: 1,
            services: services.collect(),
        })?;
    } else {
        for (number, (found, verdict)) in found.iter().zip(&verdicts).enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            print(found, verdict, &client, out)?;
        }
    }
    if !verdicts.iter().all(Verdict::admits) {
        return Ok(1);
    }
    match verdicts.iter().find_map(|verdict| verdict.open) {
        Some(why) => Err(Failure::unanswered(why)),
        None => Ok(0),
    }
}

/// What becomes of a client that gets no connection, or none that lasts.
fn unreached(why: String) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.note("listener", Outcome::Refused, why, None);
    verdict.refused = Some("no connection");
    verdict
}

fn explained(found: &Found<'_>, verdict: &Verdict, client: &Client) -> Explained {
    let rule = |rule: &Rule| Line {
        file: rule.place.file.display().to_string(),
        line: rule.place.line,
        column: rule.place.column,
        text: rule.text.clone(),
    };
    let check = |step: &Step| Check {
        check: step.check,
        result: step.result.key(),
        detail: step.detail.clone(),
        rule: step.rule.as_ref().map(rule),
    };
    Explained {
        id: found.service.id.to_text(),
        unit: found.unit().map(str::to_owned),
        enabled: found.service.enabled,
        address: client.address.to_string(),
        name: client.known_name().map(str::to_owned),
        admitted: verdict.answer(),
        reason: verdict.refused,
        checks: verdict.steps.iter().map(check).collect(),
    }
}

/// Where the details begin.
const DETAIL: usize = 26;

fn print(
    found: &Found<'_>,
    verdict: &Verdict,
    client: &Client,
    out: &mut Output<'_>,
) -> io::Result<()> {
    heading(found, out)?;
    let name = client.known_name().map(|name| format!(" ({name})"));
    let name = printable(&name.unwrap_or_default());
    writeln!(out, "  a client at {}{name}:", client.address)?;
    for step in &verdict.steps {
        let style = match step.result {
            Outcome::Passed => GOOD,
            Outcome::Refused => BAD,
            Outcome::NoRule | Outcome::Found | Outcome::Unknown => DIM,
        };
        let word = out.paint(style, format_args!("{:8}", step.result.word()));
        let mut lines = fold(&printable(&step.detail), WIDTH - DETAIL);
        if let Some(Rule { place, text }) = &step.rule {
            let text = text.as_deref().unwrap_or_default();
            let line = format!("{}:{}: {text}", place.file.display(), place.line);
            let line = printable(line.trim_end_matches(": "));
            lines.extend(
                fold(&line, WIDTH - DETAIL)
                    .into_iter()
                    .map(|line| out.paint(DIM, line)),
            );
        }
        let indent = format!("\n{:DETAIL$}", "");
        writeln!(out, "  {:14}  {word}{}", step.check, lines.join(&indent))?;
    }
    let (style, verdict) = match (verdict.refused, verdict.open) {
        (None, None) => (GOOD, "admitted".to_owned()),
        (None, Some(why)) => (BAD, format!("not known: {why}")),
        (Some(reason), _) => (BAD, format!("refused: {reason}")),
    };
    writeln!(out, "  {}", out.paint(style, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_day_are_hours_and_minutes() {
        assert_eq!(minute("7:05"), Ok(MinuteOfDay::new(7, 5).unwrap()));
        for wrong in ["", "7", "24:00", "7:60", "-1:00", "7:05:00"] {
            assert!(minute(wrong).is_err(), "{wrong}");
        }
    }
}
