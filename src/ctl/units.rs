//! `xinetdctl units`: what the generator writes for a service.

use std::io::Write;
use std::path::Path;

use nix::unistd::Uid;
use serde::Serialize;
use xinetd_core::problem::printable;
use xinetd_core::translate::GeneratedFile;

use super::machine::{Found, Machine};
use super::output::{DIM, Done, Failure, HEAD, Output};
use super::view::ServiceArgs;

/// Where systemd keeps generated units.
const DIRECTORY: &str = "/run/systemd/generator.late";

/// The whole answer, as docs/xinetdctl.md has it.
#[derive(Serialize)]
struct UnitsReport {
    format: u32,
    services: Vec<Units>,
}

#[derive(Serialize)]
struct Units {
    id: String,
    unit: Option<String>,
    files: Vec<UnitReport>,
    links: Vec<LinkReport>,
}

#[derive(Serialize)]
struct UnitReport {
    path: String,
    private: bool,
    /// None for a private file where root does not ask.
    content: Option<String>,
}

#[derive(Serialize)]
struct LinkReport {
    path: String,
    target: String,
}

/// Prints the units of each service with the id, and to root the spec as well.
pub(super) fn run(arguments: &ServiceArgs, out: &mut Output<'_>) -> Done {
    let machine = Machine::read(arguments.view.root.as_deref())?;
    let found = machine.find(&arguments.id)?;
    let private = Uid::effective().is_root();
    if arguments.view.json {
        let services = found.iter().map(|found| units(found, private)).collect();
        out.json(&UnitsReport {
            format: 1,
            services,
        })?;
        return Ok(0);
    }
    if found.iter().all(|found| found.translated.files.is_empty()) {
        let id = printable(&arguments.id);
        return Err(Failure::unanswered(format!(
            "the generator writes no units for {id}; `xinetdctl show {id}` says why"
        )));
    }
    let files = found.iter().flat_map(|found| &found.translated.files);
    for (number, file) in files.rev().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        print(Path::new(DIRECTORY), file, private, out)?;
    }
    Ok(0)
}

/// Prints a file of this directory; private ones to root alone.
pub(super) fn print_file(
    directory: &Path,
    file: &GeneratedFile,
    out: &mut Output<'_>,
) -> std::io::Result<()> {
    print(directory, file, Uid::effective().is_root(), out)
}

fn print(
    directory: &Path,
    file: &GeneratedFile,
    private: bool,
    out: &mut Output<'_>,
) -> std::io::Result<()> {
    let path = directory.join(&file.path);
    let heading = format!("# {}", printable(&path.to_string_lossy()));
    writeln!(out, "{}", out.paint(HEAD, heading))?;
    if file.private && !private {
        let text = "# It may hold passwords, and is shown to root alone.";
        return writeln!(out, "{}", out.paint(DIM, text));
    }
    let text = String::from_utf8_lossy(&file.content);
    for line in text.lines() {
        writeln!(out, "{}", printable(line))?;
    }
    Ok(())
}

fn units(found: &Found<'_>, private: bool) -> Units {
    let absolute = |path: &Path| Path::new(DIRECTORY).join(path).display().to_string();
    let files = found.translated.files.iter().map(|file| UnitReport {
        path: absolute(&file.path),
        private: file.private,
        content: (private || !file.private)
            .then(|| String::from_utf8_lossy(&file.content).into_owned()),
    });
    let links = found.translated.links.iter().map(|link| LinkReport {
        path: absolute(&link.path),
        target: link.target.display().to_string(),
    });
    Units {
        id: found.service.id.to_text(),
        unit: found.unit().map(str::to_owned),
        files: files.collect(),
        links: links.collect(),
    }
}
