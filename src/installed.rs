//! What the generator and `xinetdctl eject` have written, for programs that work with what systemd runs.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use xinetd_core::config::Unread;
use xinetd_core::installed::UNREAD;
use xinetd_core::installed::ejected::{self, UNITS, has_mark};
use xinetd_core::spec::{MAX_SPEC, Spec};
use xinetd_core::translate::{LOG_FILES, SpecDirectory};

/// Whether systemd runs this machine (sd_booted(3)).
pub(crate) fn is_systemd() -> bool {
    Path::new("/run/systemd/system").exists()
}

/// The units that the generator has written, without suffix and in their order; none where there is
/// nothing.
///
/// # Errors
/// If the directory can't be read.
pub(crate) fn units() -> io::Result<Vec<String>> {
    units_in(&SpecDirectory::usual())
}

/// The same of the ejected services that have helpers.
///
/// # Errors
/// As [`units`].
pub(crate) fn ejected_units() -> io::Result<Vec<String>> {
    let mut units = units_in(&SpecDirectory::ejected())?;
    units.retain(|unit| is_ejected(unit));
    Ok(units)
}

/// Whether the service of a unit, by the unit's name without suffix, was ejected.
pub(crate) fn is_ejected(unit: &str) -> bool {
    let socket = Path::new(UNITS).join(format!("{unit}.socket"));
    fs::read(socket).is_ok_and(|text| has_mark(&text))
}

/// Whether the generator or `xinetdctl eject` has written units of this name without suffix.
pub(crate) fn is_written(unit: &str) -> bool {
    SpecDirectory::usual().spec(unit).exists() || is_ejected(unit)
}

/// What the generator could not read of the configuration that the units are of.
pub(crate) fn unread() -> Unread {
    let text = fs::read_to_string(SpecDirectory::usual().path().join(UNREAD));
    text.map(|text| Unread::parse(&text)).unwrap_or_default()
}

fn units_in(specs: &SpecDirectory) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(specs.path()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    let mut units: Vec<_> = paths
        .iter()
        .filter_map(|path| SpecDirectory::unit(path))
        .collect();
    units.sort();
    Ok(units)
}

/// The spec of a unit, generated or ejected, by the unit's name without suffix.
///
/// # Errors
/// In words, if there is none that can be read.
pub(crate) fn spec(unit: &str) -> Result<Spec, String> {
    let read = |specs: SpecDirectory| {
        let path = specs.spec(unit);
        match fs::metadata(&path)?.len() {
            0..=MAX_SPEC => fs::read_to_string(&path),
            _ => Err(io::Error::other("it is too large")),
        }
    };
    let text = match read(SpecDirectory::usual()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_ejected(unit) => {
            read(SpecDirectory::ejected())
        }
        text => text,
    };
    let text = text.map_err(|error| format!("{unit}: {error}"))?;
    toml::from_str(&text).map_err(|error| format!("{unit}: {}", error.message()))
}

/// Whether xinetd.target starts the socket of a unit, by the unit's name without suffix, or sockets.target that
/// of an ejected service.
pub(crate) fn is_enabled(unit: &str) -> bool {
    let is_there = |path: PathBuf| fs::symlink_metadata(path).is_ok();
    let specs = SpecDirectory::usual();
    let link = format!("xinetd.target.wants/{unit}.socket");
    let generated = specs.path().parent();
    let ejected = format!("{UNITS}/sockets.target.wants/{unit}.socket");
    generated.is_some_and(|directory| is_there(directory.join(link)))
        || is_there(ejected.into()) && is_ejected(unit)
}

/// The text of the socket of a unit, generated or ejected, by the unit's name without suffix.
///
/// # Errors
/// If there is none that can be read.
pub(crate) fn socket(unit: &str) -> io::Result<String> {
    let name = format!("{unit}.socket");
    let specs = SpecDirectory::usual();
    let generated = specs.path().parent().unwrap_or(Path::new("/"));
    let ejected = Path::new(UNITS).join(&name);
    fs::read_to_string(ejected).or_else(|_| fs::read_to_string(generated.join(&name)))
}

/// What the coordinator may write (`ReadWritePaths=`): the drop-ins for log files as they are now.
pub(crate) fn log_directories() -> Vec<Vec<u8>> {
    let specs = SpecDirectory::usual();
    let generated = specs.path().parent().map(|units| units.join(LOG_FILES));
    let units = Path::new(UNITS).join(LOG_FILES);
    let beside = units
        .parent()
        .and_then(|directory| fs::read_dir(directory).ok());
    let ejected = beside.into_iter().flatten().flatten();
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.as_bytes().starts_with(ejected::LOG_FILES.as_bytes())
    };
    let mut ejected: Vec<_> = ejected.map(|entry| entry.path()).filter(is_ours).collect();
    ejected.sort();
    let paths = generated.into_iter().chain(ejected);
    paths.filter_map(|path| fs::read(path).ok()).collect()
}
