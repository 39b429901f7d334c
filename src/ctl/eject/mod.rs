//! `xinetdctl eject`: services leave xinetd's files for units of their own.

mod placing;
mod subjects;
mod way_back;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use xinetd_core::config::DiskTree;
use xinetd_core::problem::{printable, wrap};
use xinetd_core::translate::{Ejection, Form};

use super::machine::is_here;
use super::manager;
use super::output::{BAD, Done, Failure, HEAD, Output, next_step};
use super::reload;
use super::switch::edits::{Edit, Edits};
use super::switch::file::{lock, replace};
use crate::bus::systemd::{JobVerb, Systemd};
use crate::reconcile::troubles;

use placing::Placing;
use subjects::Subjects;
pub(super) use way_back::WayBack;

/// Move services out of xinetd's files, into units that live on without them.
///
/// The units are written to /etc/systemd/system and enabled, with the names of the generated ones: sockets
/// stay open, and sessions live on. What the helper has to know goes to /etc/xinetd-bridge. In its own
/// file the service is switched off. With `--plain` systemd serves it alone, and nothing of xinetd-bridge
/// is needed; its sessions end, and what is lost is printed before.
///
/// Exit status: 0 if all was done, 1 if nothing was done, a socket does not listen or a service can't be
/// ejected so, 2 if there is no such service.
#[derive(Debug, Args)]
pub(super) struct EjectArgs {
    /// The ids of the services, or to tell apart several with one id, their socket units.
    #[arg(
        value_name = "ID",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    ids: Vec<String>,
    /// All services that are served.
    #[arg(long)]
    all: bool,
    /// Have systemd serve them alone.
    #[arg(long)]
    plain: bool,
    /// Do it also where that changes which clients get in.
    #[arg(long, requires = "plain")]
    force: bool,
    /// Print what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// The directory that stands for / when files are read and written.
    #[arg(long, value_name = "DIR", env = "XINETD_BRIDGE_ROOT")]
    root: Option<PathBuf>,
}

/// Runs it.
pub(super) fn run(arguments: &EjectArgs, out: &mut Output<'_>) -> Done {
    let what = "services are ejected to units of systemd";
    manager::refuse_without_systemd(arguments.root.as_deref(), what)?;
    let tree = DiskTree::new(arguments.root.clone());
    // From reading to writing.
    let lock = lock(arguments.root.as_deref());
    let subjects = Subjects::find(&tree, &arguments.ids)?;
    let form = match arguments.plain {
        true => Form::Plain(subjects.machine()),
        false => Form::Helper,
    };
    let (ejections, unfit) = subjects.eject(form);
    let unfit = match unfit.as_slice() {
        [] => Ok(0),
        unfit => Err(Failure::undone(unfit.join("\n"))),
    };
    if !arguments.dry_run {
        unfit?;
        return eject(arguments, &tree, &subjects, &ejections, lock, out);
    }
    print_losses(&ejections, out)?;
    print_files(&ejections, &subjects.edits(&tree, &ejections)?, out)?;
    out.flush()?;
    unfit
}

/// Does it.
fn eject(
    arguments: &EjectArgs,
    tree: &DiskTree,
    subjects: &Subjects,
    ejections: &[Ejection],
    lock: Option<File>,
    out: &mut Output<'_>,
) -> Done {
    let edits = subjects.edits(tree, ejections)?;
    print_losses(ejections, out)?;
    let is_weighty = |ejection: &Ejection| ejection.losses.iter().any(|loss| loss.changes_access);
    if ejections.iter().any(is_weighty) && !arguments.force {
        return Err(Failure::undone(
            "nothing was done, as other clients would get in than before; leave out --plain, or write \
             --force",
        ));
    }
    let base = arguments.root.clone();
    let base = base.unwrap_or_else(|| PathBuf::from("/"));
    in_the_way(&base, ejections)?;
    let is_here = is_here(Some(&base));
    place(base, ejections, &edits)?;
    drop(lock);
    for ejection in ejections {
        let (id, unit) = (ejection.id.to_text(), &ejection.unit);
        let units = xinetd_core::installed::ejected::UNITS;
        writeln!(out, "{}: ejected to {units}/{unit}.socket", printable(&id))?;
    }
    for line in subjects.lines_that_stay() {
        writeln!(out, "{line} stays as it is, and has no effect any more")?;
    }
    print_way_back(ejections, arguments.plain, out)?;
    if is_here {
        out.flush()?;
        follow(ejections, arguments.plain)?;
    }
    Ok(0)
}

/// # Errors
/// If something is already where the files would be; each is named.
fn in_the_way(root: &Path, ejections: &[Ejection]) -> Result<(), Failure> {
    let all = ejections.iter();
    let there: Vec<String> = all
        .flat_map(paths)
        .filter(|path| root.join(path).symlink_metadata().is_ok())
        .map(|path| printable(&Path::new("/").join(path).to_string_lossy()))
        .collect();
    match there.as_slice() {
        [] => Ok(()),
        there => Err(Failure::undone(format!(
            "nothing was done, as this is there already: {}; move it away first",
            there.join(", ")
        ))),
    }
}

fn paths(ejection: &Ejection) -> impl Iterator<Item = &Path> {
    let files = ejection.files.iter().map(|file| file.path.as_path());
    files.chain(ejection.links.iter().map(|link| link.path.as_path()))
}

/// Writes all of it, or nothing.
fn place(root: PathBuf, ejections: &[Ejection], edits: &Edits<'_>) -> Result<(), Failure> {
    let undone = |path: &Path, error: io::Error| {
        let path = printable(&path.to_string_lossy());
        let step = next_step(&error);
        Failure::undone(format!("nothing was done: {path}: {error}{step}"))
    };
    let mut placing = Placing::below(root);
    for ejection in ejections {
        for file in &ejection.files {
            let placed = placing.file(file);
            placed.map_err(|error| undone(&Path::new("/").join(&file.path), error))?;
        }
        for link in &ejection.links {
            let placed = placing.link(link);
            placed.map_err(|error| undone(&Path::new("/").join(&link.path), error))?;
        }
    }
    let mut done: Vec<(&PathBuf, &Edit)> = Vec::new();
    for (on_disk, edit) in &edits.files {
        if let Err(error) = replace(on_disk, &edit.old, &edit.new) {
            for (on_disk, edit) in done {
                // The first error is the one to tell.
                let _ = replace(on_disk, &edit.new, &edit.old);
            }
            return Err(undone(&edit.path, error));
        }
        done.push((on_disk, edit));
    }
    placing.keep();
    Ok(())
}

/// Has systemd take the new units; what listens goes on.
///
/// # Errors
/// In words, with what to do.
fn follow(ejections: &[Ejection], plain: bool) -> Result<(), Failure> {
    let told = |error: String| {
        Failure::undone(format!(
            "systemd can't be told: {error}; run `systemctl daemon-reload`"
        ))
    };
    let mut systemd = Systemd::connect().map_err(told)?;
    let of = |suffix: &str| {
        let names = ejections.iter().map(|one| format!("{}{suffix}", one.unit));
        names.collect::<Vec<_>>()
    };
    let loaded = systemd.units().map_err(told)?;
    let is_active = |name: &String| loaded.get(name).is_some_and(|unit| unit.active == "active");
    let listening: Vec<String> = of(".socket").into_iter().filter(is_active).collect();
    let jobs = |verb: JobVerb, names: &[String]| {
        let jobs = names.iter().map(|name| (verb, name.clone()));
        jobs.collect::<Vec<_>>()
    };
    if plain {
        // The helpers end while systemd still knows how, and sessions are logged.
        let running: Vec<String> = of(".service").into_iter().filter(is_active).collect();
        systemd.run(&jobs(JobVerb::Stop, &running));
    }
    systemd.reload().map_err(told)?;
    // What other services lack is no failure of this one.
    reload::settle();
    if plain {
        // A client may have come meanwhile.
        let loaded = systemd.units().map_err(told)?;
        let is_left = |name: &String| loaded.get(name).is_some_and(|unit| unit.active == "active");
        let left: Vec<String> = of(".service").into_iter().filter(is_left).collect();
        systemd.run(&jobs(JobVerb::Stop, &left));
        let filters = |ejection: &&Ejection| {
            let mut files = ejection.files.iter();
            let part = b"\nIPAddressDeny=";
            files.any(|file| file.content.windows(part.len()).any(|text| text == part))
        };
        // systemd has to make such a socket in the group that it filters.
        let filtered: Vec<String> = ejections
            .iter()
            .filter(filters)
            .map(|ejection| format!("{}.socket", ejection.unit))
            .filter(|name| listening.contains(name))
            .collect();
        systemd.run(&jobs(JobVerb::Restart, &filtered));
    }
    // Why a socket could not be started is among the troubles.
    systemd.run(&jobs(JobVerb::Start, &listening));
    let units = ejections.iter().map(|ejection| ejection.unit.as_str());
    let troubles = troubles(&units.collect()).map_err(told)?;
    let silent = troubles.iter();
    let silent = silent.map(|(unit, trouble)| format!("{unit}.socket does not listen: {trouble}"));
    match silent.collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        silent => Err(Failure::undone(silent.join("\n"))),
    }
}

fn print_losses(ejections: &[Ejection], out: &mut Output<'_>) -> io::Result<()> {
    let width = super::output::WIDTH - 4;
    for ejection in ejections.iter().filter(|one| !one.losses.is_empty()) {
        let id = printable(&ejection.id.to_text());
        let heading = out.paint(HEAD, format_args!("{id} loses"));
        writeln!(out, "{heading}")?;
        for loss in &ejection.losses {
            let lines = wrap(&printable(&loss.what), width);
            let text = lines.join("\n    ");
            match loss.changes_access {
                true => writeln!(out, "  {} {text}", out.paint(BAD, "!"))?,
                false => writeln!(out, "  - {text}")?,
            }
        }
    }
    Ok(())
}

fn print_files(ejections: &[Ejection], edits: &Edits<'_>, out: &mut Output<'_>) -> io::Result<()> {
    for edit in edits.files.values() {
        let path = printable(&edit.path.to_string_lossy());
        writeln!(out, "{path}: disable = yes would be written")?;
    }
    for ejection in ejections {
        for file in &ejection.files {
            super::units::print_file(Path::new("/"), file, out)?;
            writeln!(out)?;
        }
        for link in &ejection.links {
            let path = Path::new("/").join(&link.path);
            writeln!(out, "{} -> {}", path.display(), link.target.display())?;
        }
    }
    Ok(())
}

/// What undoes it.
fn print_way_back(ejections: &[Ejection], plain: bool, out: &mut Output<'_>) -> io::Result<()> {
    writeln!(out, "To go back:")?;
    for ejection in ejections {
        for line in WayBack::of(ejection, plain).lines() {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}
