//! What the generator has written, as those see it who work with what systemd runs.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::spec::{MAX_SPEC, Spec};
use crate::translate::{LOG_FILES, SpecDirectory};

/// The units of all services, without suffix and in their order; none where there is nothing.
///
/// # Errors
/// If the directory can't be read.
pub fn units() -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(SpecDirectory::usual().path()) {
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

/// The spec of a unit, by the unit's name without suffix.
///
/// # Errors
/// In words, if there is none that can be read.
pub fn spec(unit: &str) -> Result<Spec, String> {
    let path = SpecDirectory::usual().spec(unit);
    let read = || match fs::metadata(&path)?.len() {
        0..=MAX_SPEC => fs::read_to_string(&path),
        _ => Err(io::Error::other("it is too large")),
    };
    let text = read().map_err(|error| format!("{unit}: {error}"))?;
    toml::from_str(&text).map_err(|error| format!("{unit}: {}", error.message()))
}

/// Whether xinetd.target starts the socket of a unit, by the unit's name without suffix.
pub fn is_enabled(unit: &str) -> bool {
    let specs = SpecDirectory::usual();
    let link = format!("xinetd.target.wants/{unit}.socket");
    let generated = specs.path().parent();
    generated.is_some_and(|directory| fs::symlink_metadata(directory.join(link)).is_ok())
}

/// What the coordinator may write (`ReadWritePaths=`), if there are log files: the drop-in as it is
/// now.
pub fn log_directories() -> Option<Vec<u8>> {
    let generated = SpecDirectory::usual().path().parent()?.join(LOG_FILES);
    fs::read(generated).ok()
}
