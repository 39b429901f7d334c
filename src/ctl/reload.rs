//! `xinetdctl reload`: what SIGHUP is for xinetd.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::check;
use super::output::{BAD, Done, Failure, Output};
use super::text;
use crate::bus::systemd::{JobVerb, Systemd};
use crate::reconcile::{self, LAST};
use crate::translate::{SEEN, STAMP, SpecDirectory};

/// Apply the files: start, stop and change what is not as they say.
///
/// Services that have not changed are not touched, sessions live on, and limits of running services
/// change at once. Files with errors are not applied: the errors are printed, and everything stays as
/// it is.
///
/// Exit status: 0 if all was done, 1 if something could not be done, 2 if there are errors in the files.
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    /// Apply the files in spite of errors: services with errors are stopped.
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
    done: Vec<reconcile::Done>,
}

/// Runs it.
pub(super) fn run(arguments: &ReloadArgs, out: &mut Output<'_>) -> Done {
    let checks = check::run(None, &[]);
    let errors = check::Counts::of(&checks).exit_status() == 2;
    if errors && !arguments.force {
        if arguments.json {
            out.json(&Answer {
                format: 1,
                applied: false,
                done: Vec::new(),
            })?;
        } else {
            text::print_errors(&checks, out)?;
            writeln!(
                out,
                "Nothing was applied; `xinetdctl reload --force` does it all the same."
            )?;
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
    let mut systemd = Systemd::connect().map_err(Failure::undone)?;
    let reloaded = systemd.reload();
    reloaded.map_err(|error| Failure::undone(format!("systemctl daemon-reload: {error}")))?;
    let complete = follow(&mut systemd);
    let done =
        reconcile::read_done(last).map_err(|error| Failure::undone(format!("{LAST}: {error}")))?;
    if done.iter().all(|done| done.error.is_none()) {
        complete?;
    }
    let status = u8::from(done.iter().any(|done| done.error.is_some()));
    if arguments.json {
        out.json(&Answer {
            format: 1,
            applied: true,
            done,
        })?;
    } else {
        print(&done, out)?;
    }
    Ok(status)
}

/// Waits until xinetd-reconcile has done what the reload asks for. The path unit starts it as well, and
/// a run that has begun before the reload goes on for what that has brought.
fn follow(systemd: &mut Systemd) -> Result<(), Failure> {
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

fn print(done: &[reconcile::Done], out: &mut Output<'_>) -> io::Result<()> {
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
    if done.is_empty() {
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
    use super::*;

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
        print(&all, &mut out).unwrap();
        out.flush().unwrap();
        drop(out);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "a: started, as it is new\nb: start failed: no\n");
    }
}
