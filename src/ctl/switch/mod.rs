//! `xinetdctl enable` and `disable`: one word in a file, and a socket.

pub(super) mod edits;
pub(super) mod file;

use std::io::Write;
use std::path::Path;

use nix::unistd::Uid;
use serde::Serialize;
use xinetd_core::config::DiskTree;
use xinetd_core::problem::{Place, printable};
use xinetd_core::translate::{Native, Standing};

use super::eject::WayBack;
use super::machine::{Machine, is_here, is_own};
use super::manager;
use super::output::{Done, Failure, Output, next_step};
use super::reload;
use super::row::row;
use super::view::ServiceArgs;
use crate::bus::systemd::{Verb, apply};
use crate::installed;
use crate::standalone::client as supervisor;

use edits::Edits;

/// The whole answer, as docs/xinetdctl.md has it.
#[derive(Serialize)]
struct SwitchReport {
    format: u32,
    id: String,
    enabled: bool,
    files: Vec<String>,
    units: Vec<String>,
    applied: bool,
}

/// Switches the services with the id on, or off, in their files, and starts or stops their sockets.
pub(super) fn run(arguments: &ServiceArgs, enabled: bool, out: &mut Output<'_>) -> Done {
    let root = arguments.view.root.clone();
    let tree = DiskTree::new(root.clone());
    // From reading to writing.
    let lock = file::lock(root.as_deref());
    let machine = Machine::of(&tree)?;
    let base = root.as_deref().unwrap_or(Path::new("/"));
    refuse_ejected(&machine, &arguments.id, enabled, base)?;
    let places = places(&machine, &arguments.id, enabled)?;
    let edits = Edits::new(&tree, places, !enabled)?;
    let outcome = edits.outcome(&arguments.id, !enabled);
    // What was wrong before as well is said as it is: no more than a note.
    let outcome = outcome.or_else(|error| machine.find(&arguments.id).and(Err(error)))?;
    for (on_disk, edit) in &edits.files {
        file::replace(on_disk, &edit.old, &edit.new).map_err(|error| {
            let path = printable(&edit.path.to_string_lossy());
            let step = next_step(&error);
            Failure::undone(format!("{path} is as it was: {error}{step}"))
        })?;
    }
    drop(lock);
    let supervises = is_own(root.as_deref()) && manager::is_supervisor();
    let (units, unserved) = units(&outcome, &arguments.id, machine.suffix());
    let verb = if enabled { Verb::Start } else { Verb::Stop };
    let applied = if is_here(root.as_deref()) {
        Some(apply(verb, &units).inspect(|()| reload::settle()))
    } else if supervises {
        Some(supervisor::reload(false).map(drop))
    } else {
        None
    };
    let files = edits.files.values();
    let answer = SwitchReport {
        format: 1,
        id: arguments.id.clone(),
        enabled,
        files: files.map(|edit| edit.path.display().to_string()).collect(),
        units,
        applied: matches!(applied, Some(Ok(()))),
    };
    match arguments.view.json {
        true => out.json(&answer)?,
        false => {
            let absent = match machine.supervised {
                Some(_) => "xinetd does not run here",
                None => "systemd does not run these files",
            };
            print(&answer, applied.as_ref(), absent, out)?;
        }
    }
    if let Some(Err(why)) = applied {
        if installed::is_systemd() && !Uid::effective().is_root() {
            let why = "root alone may have systemd start and stop sockets; run the command as root";
            return Err(Failure::undone(why));
        }
        return Err(Failure::undone(why));
    }
    match unserved {
        Some(why) if enabled => Err(Failure::undone(why)),
        _ => Ok(0),
    }
}

/// # Errors
/// If all services with the id were ejected: their files do not switch them.
fn refuse_ejected(
    machine: &Machine,
    wanted: &str,
    enabled: bool,
    root: &Path,
) -> Result<(), Failure> {
    let found = machine.find(wanted).unwrap_or_default();
    let ejected = found.iter().filter_map(|found| match found.standing() {
        Standing::Native {
            unit,
            path,
            native: Native::Ejected,
        } => Some((found, unit, path)),
        _ => None,
    });
    let ejected: Vec<_> = ejected.collect();
    if ejected.is_empty() || ejected.len() < found.len() {
        return Ok(());
    }
    let (verb, state) = match enabled {
        true => ("enable", "on"),
        false => ("disable", "off"),
    };
    let told = ejected.iter().map(|(found, unit, path)| {
        let id = found.service.id.to_text();
        let what = format!(
            "{id} was ejected to {}, and its file has no effect; \
             `systemctl {verb} --now {unit}.socket` switches it {state}. To go back to the file:",
            path.display()
        );
        let lines = WayBack::find(root, unit).lines();
        format!("{}\n  {}", printable(&what), lines.join("\n  "))
    });
    Err(Failure::undone(told.collect::<Vec<_>>().join("\n")))
}

/// Where the services with the id stand that are not on, or off, as they should be.
fn places(machine: &Machine, wanted: &str, enabled: bool) -> Result<Vec<Place>, Failure> {
    let dropped = machine.configuration.dropped.iter();
    let dropped = dropped.filter(|dropped| {
        let id = dropped.id.as_bytes();
        id.eq_ignore_ascii_case(wanted.as_bytes())
    });
    let mut places: Vec<_> = dropped.map(|dropped| dropped.place.clone()).collect();
    match machine.find(wanted) {
        Ok(found) => {
            let found = found.iter().filter(|found| !found.is_ejected());
            let services = found.map(|found| found.service);
            let others = services.filter(|service| service.enabled != enabled);
            places.extend(others.map(|service| service.place.clone()));
        }
        Err(error) if places.is_empty() => return Err(error),
        Err(_) => {}
    }
    Ok(places)
}

/// The sockets of the services with the id, and why some have none; `suffix` stands behind the name of a unit.
fn units(machine: &Machine, wanted: &str, suffix: &str) -> (Vec<String>, Option<String>) {
    let found = machine.find(wanted).unwrap_or_default();
    let mut units = Vec::new();
    let mut unserved = None;
    for found in found {
        match found.standing() {
            Standing::Served { unit, .. } => units.push(format!("{unit}{suffix}")),
            Standing::Native {
                native: Native::Ejected,
                ..
            } => {}
            Standing::Native { .. } | Standing::NotServed(_) => {
                let id = printable(&found.service.id.to_text());
                let reason = row(&found).reason.unwrap_or_default();
                unserved = Some(format!("{id} is not served: {}", printable(&reason)));
            }
        }
    }
    (units, unserved)
}

/// `absent` is why the change is not applied, where nothing serves the files.
fn print(
    answer: &SwitchReport,
    applied: Option<&Result<(), String>>,
    absent: &str,
    out: &mut Output<'_>,
) -> std::io::Result<()> {
    let id = printable(&answer.id);
    let state = if answer.enabled { "on" } else { "off" };
    match answer.files.as_slice() {
        [] => writeln!(out, "{id} is {state} in its file already")?,
        files => {
            for file in files {
                writeln!(out, "{id} is {state} now in {}", printable(file))?;
            }
        }
    }
    let done = if answer.enabled { "started" } else { "stopped" };
    for unit in &answer.units {
        match applied {
            Some(Ok(())) => writeln!(out, "{unit} is {done}")?,
            // It is said as the reason of the failure.
            Some(Err(_)) => {}
            None => writeln!(out, "{unit} is not {done}: {absent}")?,
        }
    }
    Ok(())
}
