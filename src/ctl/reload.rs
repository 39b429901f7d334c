//! `xinetdctl reload`: what SIGHUP is for xinetd.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::check::{self, Check};
use super::machine::MAIN;
use super::output::{BAD, Done, Failure, Output};
use super::text;
use crate::bus::systemd::{JobVerb, Systemd};
use crate::bytes::ByteString;
use crate::generated;
use crate::problem::{Problem, Severity, printable};
use crate::reconcile::{self, LAST};
use crate::translate::{SEEN, STAMP, SpecDirectory, Standing};

/// Apply the files: start, stop and change what is not as they say.
///
/// Services that have not changed are not touched, sessions live on, and limits of running services
/// change at once. Services with errors are left out, and named. If one of them listens now, nothing is
/// applied, as it would be stopped: `--force` does that.
///
/// Exit status: 0 if all was done, 1 if something could not be done or there are errors in the files, 2 if
/// nothing was applied for such errors.
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    /// Stop services that listen now and have errors in their files.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What follows a reload.
const RECONCILE: &str = "xinetd-reconcile.service";

/// The whole answer, as docs/xinetdctl.md has it.
#[derive(Serialize)]
struct Answer {
    format: u32,
    applied: bool,
    /// Units that listen and would have to be stopped, for errors in the files.
    endangered: Vec<String>,
    /// The ids of services that are not served, for errors in the files.
    left_out: Vec<String>,
    done: Vec<reconcile::Done>,
}

/// Runs it.
pub(super) fn run(arguments: &ReloadArgs, out: &mut Output<'_>) -> Done {
    let checks = check::run(None, &[]);
    let mut systemd = Systemd::connect().map_err(Failure::undone)?;
    let endangered = endangered(&checks, &listening(&systemd)?);
    if !arguments.json {
        text::print_errors(&checks, out)?;
    }
    if !endangered.is_empty() && !arguments.force {
        match arguments.json {
            true => out.json(&Answer {
                format: 1,
                applied: false,
                endangered,
                left_out: left_out(&checks),
                done: Vec::new(),
            })?,
            false => writeln!(
                out,
                "Nothing was applied, as the errors would stop what listens now: {}.\n\
                 `xinetdctl reload --force` does it all the same.",
                endangered.join(", ")
            )?,
        }
        return Ok(2);
    }
    let last = Path::new(LAST);
    match fs::remove_file(last) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let why = format!("{LAST}: {error}; run it as root");
            return Err(Failure::undone(why));
        }
        _ => {}
    }
    let reloaded = systemd.reload();
    reloaded.map_err(|error| Failure::undone(format!("systemctl daemon-reload: {error}")))?;
    let complete = follow(&mut systemd);
    let done =
        reconcile::read_done(last).map_err(|error| Failure::undone(format!("{LAST}: {error}")))?;
    let done = once(done);
    if done.iter().all(|done| done.error.is_none()) {
        complete?;
    }
    let left_out = left_out(&checks);
    let is_complete = done.iter().all(|done| done.error.is_none());
    let has_errors = check::Counts::of(&checks).errors > 0;
    match arguments.json {
        true => out.json(&Answer {
            format: 1,
            applied: true,
            endangered,
            left_out,
            done,
        })?,
        false => print(&done, &left_out, out)?,
    }
    Ok(u8::from(!is_complete || has_errors))
}

/// What is served now, and where it stands in the files: unit, id and file.
fn listening(systemd: &Systemd) -> Result<Vec<Served>, Failure> {
    let units = systemd.units().map_err(Failure::undone)?;
    let is_active = |name: String| units.get(&name).is_some_and(|unit| unit.active == "active");
    let served = generated::units().unwrap_or_default().into_iter();
    let served = served.filter(|unit| is_active(format!("{unit}.socket")));
    let served = served.filter_map(|unit| {
        let spec = generated::spec(&unit).ok()?;
        Some(Served {
            unit,
            id: spec.id,
            file: spec.place.file,
        })
    });
    Ok(served.collect())
}

/// A service whose socket is active.
#[derive(Debug)]
struct Served {
    unit: String,
    id: ByteString,
    file: Arc<Path>,
}

/// The units that the files have no more, for what seems to be an error: in their file, or in the first
/// one, which may have included it.
fn endangered(checks: &[Check], served: &[Served]) -> Vec<String> {
    let problems = checks.iter().flat_map(|check| &check.problems);
    let errors: Vec<&Problem> = problems
        .filter(|problem| problem.severity == Severity::Error)
        .collect();
    let is_kept = |served: &Served| {
        let services = checks.iter().flat_map(|check| &check.services);
        services
            .filter_map(|service| match &service.standing {
                Standing::Served { unit, .. } | Standing::Native { unit, .. } => Some(unit),
                Standing::NotServed(_) => None,
            })
            .any(|unit| *unit == served.unit)
    };
    let is_dropped = |served: &Served| {
        let dropped = checks.iter().flat_map(|check| &check.dropped);
        let mut dropped = dropped.map(|dropped| dropped.id.as_bytes());
        dropped.any(|id| id.eq_ignore_ascii_case(served.id.as_bytes()))
    };
    let has_errors = |served: &Served| {
        let files = errors.iter().map(|error| &error.place.file);
        let mut files = files.filter(|file| **file == served.file || ***file == *Path::new(MAIN));
        files.next().is_some()
    };
    let lost = served
        .iter()
        .filter(|served| !is_kept(served) && (is_dropped(served) || has_errors(served)));
    lost.map(|served| served.unit.clone()).collect()
}

/// The ids of services that are not served, for errors.
fn left_out(checks: &[Check]) -> Vec<String> {
    let dropped = checks.iter().flat_map(|check| &check.dropped);
    let mut ids: Vec<_> = dropped.map(|dropped| dropped.id.to_text()).collect();
    for check in checks {
        let has_error = |file: &Arc<Path>| {
            let mut problems = check.problems.iter();
            problems.any(|one| one.severity == Severity::Error && one.place.file == *file)
        };
        let unserved = check.services.iter().filter(|service| {
            matches!(service.standing, Standing::NotServed(_)) && has_error(&service.place.file)
        });
        ids.extend(unserved.map(|service| service.id.to_text()));
    }
    ids.sort();
    ids.dedup();
    ids
}

/// Leaves out what two runs have said: the last one counts.
fn once(done: Vec<reconcile::Done>) -> Vec<reconcile::Done> {
    let mut kept: Vec<reconcile::Done> = Vec::with_capacity(done.len());
    for done in done {
        let is_same = |other: &reconcile::Done| {
            (&other.unit, &other.step, &other.why) == (&done.unit, &done.step, &done.why)
        };
        kept.retain(|other| !is_same(other));
        kept.push(done);
    }
    kept
}

/// Waits until xinetd-reconcile has done what the reload asks for. The path unit starts it as well, and
/// a run that has begun before the reload goes on for what that has brought.
pub(super) fn follow(systemd: &mut Systemd) -> Result<(), Failure> {
    let specs = SpecDirectory::usual();
    let (stamp, seen) = (specs.path().join(STAMP), specs.path().join(SEEN));
    loop {
        let units = systemd.units().map_err(Failure::undone)?;
        let state = units.get(RECONCILE).map_or("inactive", |unit| &unit.active);
        match state {
            "activating" | "deactivating" => thread::sleep(Duration::from_millis(10)),
            // It is done once the stamp has its other name.
            "failed" if !stamp.exists() => {
                let why = format!("{RECONCILE} has failed; `journalctl -u {RECONCILE}` says why");
                return Err(Failure::undone(why));
            }
            _ if !stamp.exists() && seen.exists() => return Ok(()),
            _ => {
                let started = systemd.run(&[(JobVerb::Start, RECONCILE.to_owned())]).pop();
                if let Some(Err(error)) = started
                    && stamp.exists()
                {
                    return Err(Failure::undone(format!("{RECONCILE}: {error}")));
                }
            }
        }
    }
}

fn print(done: &[reconcile::Done], left_out: &[String], out: &mut Output<'_>) -> io::Result<()> {
    for done in done {
        let (unit, step, why) = (&done.unit, past(&done.step), &done.why);
        match &done.error {
            None => writeln!(out, "{unit}: {step}, as {why}")?,
            Some(error) => {
                let failed = out.paint(BAD, "failed");
                writeln!(out, "{unit}: {} {failed}: {error}", done.step)?;
            }
        }
    }
    if !left_out.is_empty() {
        let ids = printable(&left_out.join(", "));
        writeln!(out, "{}: {ids}", out.paint(BAD, "Left out, for errors"))?;
    }
    if done.is_empty() && left_out.is_empty() {
        writeln!(out, "Nothing had to be done.")?;
    }
    Ok(())
}

/// What was done, in a word.
fn past(step: &str) -> &str {
    match step {
        "stop" => "stopped",
        "start" => "started",
        "rebind" => "rebound",
        "respawn" => "helper replaced",
        "reload" => "reloaded",
        "keep" => "left alone",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::tests::sample;
    use super::*;

    #[test]
    fn errors_endanger_what_listens_by_the_same_file_or_id() {
        let mut check = sample();
        let dropped = check.dropped[0].id.clone();
        let served = |unit: &str, id: ByteString, file: &str| Served {
            unit: unit.into(),
            id,
            file: Path::new(file).into(),
        };
        let all = [
            served("foo", "foo".into(), "/etc/xinetd.d/foo"),
            served("other", "other".into(), "/etc/xinetd.d/foo"),
            served("removed", "removed".into(), "/etc/xinetd.d/removed"),
            served("dropped", dropped, "/etc/xinetd.d/bar"),
        ];
        let mut lost = |severity| {
            check.problems[0].severity = severity;
            endangered(std::slice::from_ref(&check), &all)
        };
        assert_eq!(lost(Severity::Warning), ["dropped"]);
        assert_eq!(lost(Severity::Error), ["other", "dropped"]);
    }

    #[test]
    fn what_two_runs_have_tried_is_told_once() {
        let done = |error: &str| reconcile::Done {
            unit: "a".into(),
            step: "start".into(),
            why: "it is new".into(),
            error: Some(error.into()),
        };
        assert_eq!(once(vec![done("before"), done("now")]), [done("now")]);
    }

    #[test]
    fn what_was_done_is_told_with_its_reason() {
        let done = |unit: &str, step: &str, error: Option<&str>| reconcile::Done {
            unit: unit.into(),
            step: step.into(),
            why: "it is new".into(),
            error: error.map(Into::into),
        };
        let mut text = Vec::new();
        let mut out = Output::new(&mut text, false);
        let all = [done("a", "start", None), done("b", "start", Some("no"))];
        print(&all, &[], &mut out).unwrap();
        out.flush().unwrap();
        drop(out);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "a: started, as it is new\nb: start failed: no\n");
    }
}
