//! `xinetdctl reload`: what SIGHUP is for xinetd.

mod accounts;
mod applier;
mod endangered;
mod reconciled;
mod refusal;
mod words;

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use xinetd_core::problem::{Problem, printable};

use super::check;
use super::drop_ins::Newer;
use super::layout::fold;
use super::manager;
use super::output::{BAD, Done, Failure, Output, WIDTH};
use crate::reconcile;

use applier::{Applied, Unserved};
use endangered::{Served, left_out};
pub(super) use reconciled::{
    at_rest, follow, forget_last, last, make_anew, reconcile_again, settle,
};
use refusal::Refusal;
pub(super) use words::print_problems;
use words::{sessions, told};

/// Apply the files: start, stop and change what is not as they say.
///
/// Services that have not changed are not touched, sessions live on, and limits of running services
/// change at once. Services with errors are left out, and named. If one of them listens now, nothing is
/// applied: it is said which sockets would be closed, and how many sessions would end. Nor is it where a file
/// that was read can't be read any more and may have had restrictions, or where no service would be left. Lines of the files
/// that are ignored are told, too, drop-ins that a running helper does not have yet, and services that are
/// switched on and not served.
///
/// Exit status: 0 if all was done, 1 if something could not be done, a service that is switched on is not
/// served (other than by the administrator's own `systemctl stop`) or there are errors in the files, 2 if
/// nothing was applied for such reasons.
#[derive(Debug, Default, Args)]
pub(super) struct ReloadArgs {
    /// Apply the files although services that listen now have errors there, or are not there any more: their
    /// sockets are closed and their sessions end. So are they although restrictions may get lost by what can't
    /// be read.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The exit status where nothing was applied, for errors in the files.
pub(super) const REFUSED: u8 = 2;

/// The whole answer, as docs/xinetdctl.md has it.
#[derive(Serialize)]
struct ReloadReport {
    format: u32,
    applied: bool,
    /// Units that listen and would have to be stopped, for errors in the files.
    endangered: Vec<String>,
    /// What was read for the services that run and can't be read now: their restrictions may stand there.
    unread: Vec<Problem>,
    /// The units that listen, where no service would be left.
    last: Vec<String>,
    /// The ids of services that are not served, for errors in the files.
    left_out: Vec<String>,
    done: Vec<reconcile::Done>,
    /// Whether the xinetd that serves without systemd ends, as no service is left.
    ends: bool,
    /// Services that are switched on and not served, and that no step of `done` is about.
    unserved: Vec<Unserved>,
    /// What `check` says of errors, and of lines that are ignored.
    problems: Vec<Problem>,
    /// Drop-ins that are newer than what runs.
    drop_ins: Vec<Newer>,
}

/// Those of the services that no step has failed for.
fn unsaid(mut unserved: Vec<Unserved>, done: &[reconcile::Done]) -> Vec<Unserved> {
    unserved.retain(|service| {
        let mut done = done.iter().filter(|done| done.unit == service.unit);
        done.all(|done| done.error.is_none())
    });
    unserved
}

/// Runs it.
pub(super) fn run(arguments: &ReloadArgs, out: &mut Output<'_>) -> Done {
    let mut applier = applier::of_this_machine()?;
    let checks = check::run(None, &[]);
    let served = applier.listening()?;
    let refusal = Refusal::of(&checks, &served, &applier.unread());
    if !arguments.json {
        print_problems(&checks, out)?;
    }
    let units = |all: &[&Served]| all.iter().map(|one| one.unit.clone()).collect();
    if refusal.is_needed() && !arguments.force {
        match arguments.json {
            true => out.json(&ReloadReport {
                format: 1,
                applied: false,
                endangered: units(&refusal.endangered),
                unread: refusal.lost.into_iter().cloned().collect(),
                last: units(&refusal.last),
                left_out: left_out(&checks),
                done: Vec::new(),
                ends: false,
                unserved: Vec::new(),
                problems: told(&checks).cloned().collect(),
                drop_ins: Vec::new(),
            })?,
            false => {
                let suffix = manager::of_this_machine().suffix();
                refusal.print(suffix, &sessions(), out)?;
            }
        }
        return Ok(REFUSED);
    }
    let endangered: Vec<_> = units(&refusal.endangered);
    let Applied { done, ends } = applier.apply(arguments.force)?;
    let done = of_errors(done, &endangered);
    let left_out = left_out(&checks);
    let is_complete = done.iter().all(|done| done.error.is_none());
    let has_errors = check::Counts::of(&checks).errors > 0;
    let mut unserved = unsaid(applier.unserved(), &done);
    let listening = applier.listening().unwrap_or_default();
    unserved.extend(accounts::unknown(&listening, &unserved));
    let is_served = unserved.is_empty();
    let drop_ins = applier.drop_ins();
    let answer = ReloadReport {
        format: 1,
        applied: true,
        endangered,
        unread: refusal.lost.into_iter().cloned().collect(),
        last: units(&refusal.last),
        left_out,
        done,
        ends,
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
fn print_answer(answer: &ReloadReport, json: bool, out: &mut Output<'_>) -> Result<(), Failure> {
    match json {
        true => out.json(answer)?,
        false => {
            print(&answer.done, &answer.unserved, &answer.left_out, out)?;
            if answer.ends {
                writeln!(
                    out,
                    "{}",
                    out.paint(BAD, "No service is left, and xinetd ends.")
                )?;
            }
            for newer in &answer.drop_ins {
                for line in fold(&printable(&newer.to_string()), out.room(WIDTH)) {
                    writeln!(out, "{line}")?;
                }
            }
        }
    }
    Ok(out.flush()?)
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
    use super::*;
    use crate::ctl::output::Screen;

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
    #[test]
    fn what_is_stopped_for_errors_is_not_called_gone() {
        let done = |unit: &str| reconcile::Done {
            unit: unit.into(),
            step: "stop".into(),
            why: "no service that can be served has it any more".into(),
            error: None,
        };
        let told = of_errors(vec![done("a"), done("b")], &["a".to_owned()]);
        assert_eq!(told[0].why, "its file has errors now");
        assert_eq!(told[1], done("b"));
    }

    #[test]
    fn what_is_down_is_told_once() {
        let unserved = ["down", "tried", "kept"].map(|unit| Unserved {
            unit: unit.into(),
            reason: "why".into(),
        });
        let done = |unit: &str, error: Option<&str>| reconcile::Done {
            unit: unit.into(),
            step: "start".into(),
            why: String::new(),
            error: error.map(Into::into),
        };
        let done = [done("tried", Some("no")), done("kept", None)];
        let unsaid = unsaid(unserved.into(), &done).into_iter();
        let units: Vec<String> = unsaid.map(|one| one.unit).collect();
        assert_eq!(units, ["down", "kept"]);
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
