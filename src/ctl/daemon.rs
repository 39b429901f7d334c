//! `xinetdctl daemon`: what xinetd.service does when it is started, reloaded and stopped.
//!
//! Where real xinetd has the name, its init script is called. A restart keeps all sessions, as Debian's init
//! script of xinetd does: systemd stops the unit first, which closes nothing then, and the start brings sockets
//! and helpers in line with the files.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;

use super::check;
use super::listening::Listening;
use super::machine::Reading;
use super::output::{Done, Failure, Output};
use super::reload::{self, ReloadArgs, print_problems};

use xinetd_core::config::{Databases, DiskTree};
use xinetd_core::translate::{Daemon, SCRIPT, SpecDirectory, Standing, Translation};

use crate::bus::systemd::{Job, JobVerb, Systemd};
use crate::installed;

/// The unit that calls this command.
const UNIT: &str = "xinetd.service";

/// What binds all sockets together.
const TARGET: &str = "xinetd.target";

/// What systemd wants of the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Call {
    /// All services that are switched on listen as their files say.
    Start,
    /// The files are read again.
    Reload,
    /// No service listens, and no session goes on; but in a restart nothing is done.
    Stop,
}

/// Does it.
///
/// Exits with 0 also where single services do not listen: they are named, and xinetd is up. A reload fails where
/// nothing was applied.
pub(super) fn run(call: Call, out: &mut Output<'_>) -> Done {
    if Daemon::read(&DiskTree::new(None)) == Daemon::Script {
        return script(call);
    }
    match call {
        Call::Start => start(out),
        Call::Reload => reload(out),
        Call::Stop => stop(),
    }
}

/// Has real xinetd do it.
fn script(call: Call) -> Done {
    let word = call.to_possible_value();
    let word = word.as_ref().map_or("", |value| value.get_name());
    let mut command = Command::new(SCRIPT);
    // Without it Debian's scripts call systemctl, and that this command again.
    command.arg(word).env("SYSTEMCTL_SKIP_REDIRECT", "1");
    let status = command.status();
    let status = status.map_err(|error| Failure::undone(format!("{SCRIPT}: {error}")))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(1))
}

fn start(out: &mut Output<'_>) -> Done {
    let checks = check::run(None, &[]);
    print_problems(&checks, out)?;
    let mut systemd = Systemd::connect().map_err(Failure::undone)?;
    reload::forget_last()?;
    // A boot is not held up by another run of all generators.
    if !is_current() {
        reload::make_anew(&systemd)?;
    }
    let started = systemd.run(&[(JobVerb::Start, TARGET.to_owned())]).pop();
    if let Some(Err(error)) = started {
        return Err(Failure::undone(format!("{TARGET}: {error}")));
    }
    reload::reconcile_again(&mut systemd)?;
    for done in reload::last()? {
        if done.error.is_none() && done.step != "keep" {
            reload::print_done(&done, out)?;
        }
    }
    let units = installed::units().unwrap_or_default();
    let listening = Listening::look_at_enabled(units.iter().map(String::as_str));
    for unit in &units {
        if let Some(trouble) = listening.trouble(unit) {
            // The level for the journal, see sd-daemon(3).
            writeln!(out, "<4>{unit} does not listen: {trouble}")?;
        }
    }
    Ok(0)
}

/// Whether systemd's generated units are what the files say now.
fn is_current() -> bool {
    let tree = DiskTree::new(None);
    let reading = Reading::of(&tree, None, &Databases::read(&tree), None);
    let specs = SpecDirectory::usual();
    let directory = specs.path().parent();
    directory.is_some_and(|directory| is_written(&reading.translation, directory))
}

/// Whether this directory holds a translation, and no other service.
fn is_written(translation: &Translation, directory: &Path) -> bool {
    let of_services = translation.services.iter().flat_map(|one| &one.files);
    let mut files = of_services.chain(&translation.files);
    let holds = |path: &Path, content: &[u8]| {
        let found = fs::read(directory.join(path));
        found.is_ok_and(|found| found == content)
    };
    let mut units = 0;
    let has_same_links = translation.services.iter().all(|service| {
        let Standing::Served { unit, enabled, .. } = &service.report.standing else {
            return true;
        };
        units += 1;
        installed::is_enabled(unit) == *enabled
    });
    has_same_links
        && installed::units().is_ok_and(|found| found.len() == units)
        && files.all(|file| holds(&file.path, &file.content))
}

/// What `xinetdctl reload` does; what it has applied is applied, also where a service does not listen.
fn reload(out: &mut Output<'_>) -> Done {
    let arguments = ReloadArgs::default();
    let status = reload::run(&arguments, out)?;
    Ok(if status == reload::REFUSED { status } else { 0 })
}

fn stop() -> Done {
    let mut systemd = Systemd::connect().map_err(Failure::undone)?;
    let job = systemd.job(UNIT).map_err(Failure::undone)?;
    let loaded = systemd.units().map_err(Failure::undone)?;
    let has_job = |name: &str| loaded.get(name).is_some_and(|unit| unit.has_job);
    // Where the target is stopped, and at a shutdown, systemd stops the sockets itself, after this unit.
    if job.as_deref() == Some("restart") || has_job(TARGET) {
        return Ok(0);
    }
    let units = installed::units().map_err(|error| Failure::undone(error.to_string()))?;
    let names = units
        .iter()
        .flat_map(|unit| [format!("{unit}.socket"), format!("{unit}.service")]);
    let jobs: Vec<Job> = names
        .filter(|name| loaded.contains_key(name) && !has_job(name))
        .map(|name| (JobVerb::Stop, name))
        .collect();
    let results = systemd.run(&jobs);
    // Its end waits for the end of this command.
    let stopped = systemd.begin_job(JobVerb::Stop, TARGET);
    let failed = results.into_iter().find_map(Result::err);
    match failed.map_or(stopped, Err) {
        Ok(()) => Ok(0),
        Err(error) => Err(Failure::undone(error)),
    }
}
