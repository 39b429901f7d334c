//! `xinetdctl explain`: what a service would do with a client, check by check.
//!
//! The checks are the helper's own; what the helper knows of its own state is given by options.

mod arguments;
mod asked;
mod client;
mod options;
mod rules;
mod verdict;
mod walk;

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde::Serialize;
use xinetd_core::config::DiskTree;
use xinetd_core::problem::printable;
use xinetd_core::translate::{Native, Standing};

use super::applied::{CHANGED, Unapplied};
use super::layout::fold;
use super::listening::{Listening, enabled_unit};
use super::machine::{Found, Machine, is_own};
use super::manager;
use super::output::{BAD, DIM, Done, Failure, GOOD, Output, WIDTH};
use super::pauses::Pauses;
use super::show::heading;
use super::time::span;

pub(super) use arguments::ExplainArgs;
use client::Client;
use verdict::{CheckOutcome, CheckResult, Rule, Verdict};
use walk::walk;

/// The whole answer, as docs/xinetdctl.md has it.
#[derive(Serialize)]
struct ExplainReport {
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
    checks: Vec<CheckReport>,
}

#[derive(Serialize)]
struct CheckReport {
    check: &'static str,
    result: &'static str,
    detail: String,
    rule: Option<RuleReport>,
}

#[derive(Serialize)]
struct RuleReport {
    file: String,
    line: u32,
    column: u32,
    text: Option<String>,
}

/// Explains each service with the id.
pub(super) fn run(arguments: &ExplainArgs, out: &mut Output<'_>) -> Done {
    let root = arguments.view.root.clone();
    let machine = Machine::read(root.as_deref())?;
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
            (None, None) => {
                client.meets(|| clients_of(unit, root.as_deref()));
                walk(found, &machine, &tree, &mut client)?
            }
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
        out.json(&ExplainReport {
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

/// The clients that a service serves now; none below another root than the machine's, and where they are not known.
fn clients_of(unit: &str, root: Option<&Path>) -> Vec<IpAddr> {
    let asked = is_own(root).then(|| manager::of_this_machine().list_sessions(unit));
    let sessions = match asked {
        Some(Ok((_, Ok(sessions)))) => sessions,
        _ => Vec::new(),
    };
    let peers = sessions.iter().map(|session| session.peer.parse());
    peers.flatten().map(|peer: SocketAddr| peer.ip()).collect()
}

/// What becomes of a client that gets no connection, or none that lasts.
fn unreached(why: String) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.note("listener", CheckOutcome::Refused, why, None);
    verdict.refused = Some("no connection");
    verdict
}

fn explained(found: &Found<'_>, verdict: &Verdict, client: &Client) -> Explained {
    let rule = |rule: &Rule| RuleReport {
        file: rule.place.file.display().to_string(),
        line: rule.place.line,
        column: rule.place.column,
        text: rule.text.clone(),
    };
    let check = |step: &CheckResult| CheckReport {
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
            CheckOutcome::Passed => GOOD,
            CheckOutcome::Refused => BAD,
            CheckOutcome::NoRule | CheckOutcome::Found | CheckOutcome::Unknown => DIM,
        };
        let word = out.paint(style, format_args!("{:8}", step.result.word()));
        let mut lines = fold(&printable(&step.detail), WIDTH - DETAIL);
        if let Some(Rule { place, text }) = &step.rule {
            // Tabs would be spelled out.
            let text = text.as_deref().unwrap_or_default().replace('\t', " ");
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
