//! `xinetdctl reload`: what SIGHUP is for xinetd.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;
use nix::unistd::Uid;
use serde::Serialize;
use xinetd_core::bytes::ByteString;
use xinetd_core::config::Dropped;
use xinetd_core::problem::{Problem, Severity, printable};
use xinetd_core::translate::{SEEN, STAMP, SpecDirectory, Standing};

use super::check::{self, Check};
use super::drop_ins::{self, Newer};
use super::layout::fold;
use super::output::{BAD, Done, Failure, Output, WIDTH};
use super::reload_words::{print_problems, print_refusal, sessions, told};
use crate::bus::systemd::{JobVerb, Systemd};
use crate::generated;
use crate::reconcile::{self, LAST};

/// Apply the files: start, stop and change what is not as they say.
///
/// Services that have not changed are not touched, sessions live on, and limits of running services
/// change at once. Services with errors are left out, and named. If one of them listens now, nothing is
/// applied: it is said which sockets would be closed, and how many sessions would end. Lines of the files
/// that are ignored are told, too, drop-ins that a running helper does not have yet, and services whose
/// sockets listen and whose helpers or servers can't be started.
///
/// Exit status: 0 if all was done, 1 if something could not be done, a service that listens can't serve or
/// there are errors in the files, 2 if nothing was applied for such errors.
#[derive(Debug, Default, Args)]
pub(super) struct ReloadArgs {
    /// Apply the files although services that listen now have errors there: their sockets are closed and
    /// their sessions end.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What follows a reload.
const RECONCILE: &str = "xinetd-reconcile.service";

/// The exit status where nothing was applied, for errors in the files.
pub(super) const REFUSED: u8 = 2;

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
    /// Services whose sockets listen, and whose clients get nothing.
    unserved: Vec<Unserved>,
    /// What `check` says of errors, and of lines that are ignored.
    problems: Vec<Problem>,
    /// Drop-ins that are newer than what runs.
    drop_ins: Vec<Newer>,
}

/// A service whose socket listens in vain.
#[derive(Debug, Serialize)]
struct Unserved {
    unit: String,
    /// Why, in words.
    reason: String,
}

/// The services that are switched on, listen and do not serve; nothing where systemd does not tell.
fn unserved(systemd: &Systemd) -> Vec<Unserved> {
    let mut units = generated::units().unwrap_or_default();
    units.retain(|unit| generated::is_enabled(unit));
    let units = units.iter().map(String::as_str).collect();
    let troubles = reconcile::unserved(systemd, &units).unwrap_or_default();
    let unserved = troubles.into_iter().map(|(unit, trouble)| Unserved {
        unit,
        reason: trouble.to_string(),
    });
    unserved.collect()
}

/// Runs it.
pub(super) fn run(arguments: &ReloadArgs, out: &mut Output<'_>) -> Done {
    if !Uid::effective().is_root() {
        let why = "root alone may reload; run the command as root";
        return Err(Failure::undone(why));
    }
    let checks = check::run(None, &[]);
    let mut systemd = Systemd::connect().map_err(Failure::undone)?;
    let served = listening(&systemd)?;
    let endangered = endangered(&checks, &served);
    if !arguments.json {
        print_problems(&checks, out)?;
    }
    if !endangered.is_empty() && !arguments.force {
        match arguments.json {
            true => out.json(&Answer {
                format: 1,
                applied: false,
                endangered: endangered.iter().map(|one| one.unit.clone()).collect(),
                left_out: left_out(&checks),
                done: Vec::new(),
                unserved: Vec::new(),
                problems: told(&checks).cloned().collect(),
                drop_ins: Vec::new(),
            })?,
            false => print_refusal(&endangered, &sessions(), out)?,
        }
        return Ok(REFUSED);
    }
    let endangered: Vec<_> = endangered.iter().map(|one| one.unit.clone()).collect();
    forget_last()?;
    make_anew(&systemd)?;
    let complete = follow(&mut systemd);
    let done = of_errors(last()?, &endangered);
    if done.iter().all(|done| done.error.is_none()) {
        complete?;
    }
    let left_out = left_out(&checks);
    let is_complete = done.iter().all(|done| done.error.is_none());
    let has_errors = check::Counts::of(&checks).errors > 0;
    let unserved = unserved(&systemd);
    let is_served = unserved.is_empty();
    // A hint, without which all else has been done.
    let drop_ins = drop_ins::newer(&systemd).unwrap_or_default();
    let answer = Answer {
        format: 1,
        applied: true,
        endangered,
        left_out,
        done,
        unserved,
        problems: told(&checks).cloned().collect(),
        drop_ins,
    };
    print_answer(&answer, arguments.json, out).map_err(|failure| match failure {
        // Status 2 would say that nothing was applied.
        Failure::Print(error) if error.kind() != io::ErrorKind::BrokenPipe => Failure::undone(
            format!("the files were applied, and what was done can't be written: {error}"),
        ),
        failure => failure,
    })?;
    Ok(u8::from(!is_complete || !is_served || has_errors))
}

/// Prints what was done.
fn print_answer(answer: &Answer, json: bool, out: &mut Output<'_>) -> Result<(), Failure> {
    match json {
        true => out.json(answer)?,
        false => {
            print(&answer.done, &answer.unserved, &answer.left_out, out)?;
            for newer in &answer.drop_ins {
                for line in fold(&printable(&newer.to_string()), out.room(WIDTH)) {
                    writeln!(out, "{line}")?;
                }
            }
        }
    }
    Ok(out.flush()?)
}

/// Forgets what was done before.
pub(super) fn forget_last() -> Result<(), Failure> {
    match fs::remove_file(LAST) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let why = format!("{LAST}: {error}; run it as root");
            Err(Failure::undone(why))
        }
        _ => Ok(()),
    }
}

/// What was done since.
pub(super) fn last() -> Result<Vec<reconcile::Done>, Failure> {
    let done = reconcile::read_done(Path::new(LAST));
    let done = done.map_err(|error| Failure::undone(format!("{LAST}: {error}")))?;
    Ok(once(done))
}

/// Has systemd make all units anew.
pub(super) fn make_anew(systemd: &Systemd) -> Result<(), Failure> {
    let reloaded = systemd.reload();
    reloaded.map_err(|error| Failure::undone(format!("systemctl daemon-reload: {error}")))
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
pub(super) struct Served {
    pub(super) unit: String,
    pub(super) id: ByteString,
    pub(super) file: Arc<Path>,
}

/// The units that the files have no more, for what seems to be an error: in their file, or in the first
/// one, which may have included it.
fn endangered<'a>(checks: &[Check], served: &'a [Served]) -> Vec<&'a Served> {
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
        let mut dropped = with_errors(checks).map(|dropped| dropped.id.as_bytes());
        dropped.any(|id| id.eq_ignore_ascii_case(served.id.as_bytes()))
    };
    let is_main = |file: &Path| checks.iter().any(|check| check.main == file);
    let has_errors = |served: &Served| {
        let files = errors.iter().map(|error| &error.place.file);
        let mut files = files.filter(|file| **file == served.file || is_main(file));
        files.next().is_some()
    };
    let lost = served
        .iter()
        .filter(|served| !is_kept(served) && (is_dropped(served) || has_errors(served)));
    lost.collect()
}

/// The services that can't be understood and are switched on.
fn with_errors(checks: &[Check]) -> impl Iterator<Item = &Dropped> {
    let dropped = checks.iter().flat_map(|check| &check.dropped);
    dropped.filter(|dropped| dropped.note.is_none())
}

/// The ids of services that are not served, for errors.
fn left_out(checks: &[Check]) -> Vec<String> {
    let mut ids: Vec<_> = with_errors(checks)
        .map(|dropped| dropped.id.to_text())
        .collect();
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

/// The same with what stopped these units, which had errors in the files: what follows a reload sees no more
/// than that they have gone.
fn of_errors(mut done: Vec<reconcile::Done>, units: &[String]) -> Vec<reconcile::Done> {
    for done in &mut done {
        if done.step == "stop" && units.contains(&done.unit) {
            "its file has errors now".clone_into(&mut done.why);
        }
    }
    done
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
        let state = at_rest(systemd)?;
        // It is done once the stamp has its other name; without files there is neither.
        if !stamp.exists() {
            if state == "failed" {
                return Err(has_failed());
            }
            if seen.exists() || !specs.path().exists() {
                return Ok(());
            }
        }
        let started = systemd.run(&[(JobVerb::Start, RECONCILE.to_owned())]).pop();
        if let Some(Err(error)) = started
            && stamp.exists()
        {
            let next = match error.ends_with("is masked.") {
                true => format!("`systemctl unmask {RECONCILE}`, and reload again"),
                false => format!("`systemctl status {RECONCILE}` says more"),
            };
            return Err(Failure::undone(format!("{RECONCILE}: {error}; {next}")));
        }
    }
}

/// Waits until xinetd-reconcile is done with a change that a command has made, so that what the administrator
/// does next is not taken for a part of it. What it could not do is in its journal, and may be about other
/// services.
pub(super) fn settle() {
    if Uid::effective().is_root()
        && let Ok(mut systemd) = Systemd::connect()
    {
        let _ = follow(&mut systemd);
    }
}

/// Has xinetd-reconcile look once more, after what was done until now. What came of an earlier run says nothing of
/// this one, and that a single service does not listen is no failure of it.
pub(super) fn reconcile(systemd: &mut Systemd) -> Result<(), Failure> {
    // One that runs has looked already, maybe too early.
    at_rest(systemd)?;
    // Without files there is nothing to look at.
    if !SpecDirectory::usual().path().exists() {
        return Ok(());
    }
    let started = systemd.run(&[(JobVerb::Start, RECONCILE.to_owned())]).pop();
    match started {
        Some(Err(_)) if last()?.is_empty() => Err(has_failed()),
        _ => Ok(()),
    }
}

/// The state of xinetd-reconcile when it does not run.
pub(super) fn at_rest(systemd: &Systemd) -> Result<String, Failure> {
    loop {
        let units = systemd.units().map_err(Failure::undone)?;
        match units.get(RECONCILE).map(|unit| unit.active.as_str()) {
            Some("activating" | "deactivating") => thread::sleep(Duration::from_millis(10)),
            state => return Ok(state.unwrap_or("inactive").to_owned()),
        }
    }
}

fn has_failed() -> Failure {
    let why = format!("{RECONCILE} has failed; `journalctl -u {RECONCILE}` says why");
    Failure::undone(why)
}

fn print(
    done: &[reconcile::Done],
    unserved: &[Unserved],
    left_out: &[String],
    out: &mut Output<'_>,
) -> io::Result<()> {
    for done in done {
        print_done(done, out)?;
    }
    for Unserved { unit, reason } in unserved {
        let down = out.paint(BAD, "is down");
        writeln!(out, "{unit} {down}: {}", printable(reason))?;
    }
    if !left_out.is_empty() {
        let ids = printable(&left_out.join(", "));
        writeln!(out, "{}: {ids}", out.paint(BAD, "Left out, for errors"))?;
    }
    if done.is_empty() && unserved.is_empty() && left_out.is_empty() {
        writeln!(out, "Nothing had to be done.")?;
    }
    Ok(())
}

/// Prints what was done with a unit.
pub(super) fn print_done(done: &reconcile::Done, out: &mut Output<'_>) -> io::Result<()> {
    let (unit, step, why) = (&done.unit, past(&done.step), &done.why);
    match &done.error {
        None => writeln!(out, "{unit}: {step}, as {why}"),
        Some(error) => {
            let failed = out.paint(BAD, "failed");
            writeln!(out, "{unit}: {} {failed}: {error}", done.step)
        }
    }
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
    fn what_was_done_without_an_error_says_so_to_programs() {
        let done = reconcile::Done {
            unit: "telnet".to_owned(),
            step: "reload".to_owned(),
            why: "its socket has changed".to_owned(),
            error: None,
        };
        let json = serde_json::to_value(&done).unwrap();
        assert_eq!(json.get("error"), Some(&serde_json::Value::Null));
        // The file in which it comes has no word for that.
        let text = toml::to_string(&done).unwrap();
        assert_eq!(toml::from_str::<reconcile::Done>(&text).unwrap(), done);
    }
    use crate::ctl::output::Screen;

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
            let lost = endangered(std::slice::from_ref(&check), &all);
            lost.iter().map(|one| one.unit.clone()).collect::<Vec<_>>()
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
    fn what_is_stopped_for_errors_is_not_called_gone() {
        let done = |unit: &str| reconcile::Done {
            unit: unit.into(),
            step: "stop".into(),
            why: "no service of the files has it any more".into(),
            error: None,
        };
        let told = of_errors(vec![done("a"), done("b")], &["a".to_owned()]);
        assert_eq!(told[0].why, "its file has errors now");
        assert_eq!(told[1], done("b"));
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
        let mut out = Output::new(&mut text, Screen::default());
        let all = [done("a", "start", None), done("b", "start", Some("no"))];
        let unserved = [Unserved {
            unit: "c".into(),
            reason: "why".into(),
        }];
        print(&all, &unserved, &[], &mut out).unwrap();
        out.flush().unwrap();
        drop(out);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "a: started, as it is new\nb: start failed: no\nc is down: why\n"
        );
    }
}
