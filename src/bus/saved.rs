//! The files that outlive a boot: the bans, and the clock at the shutdown.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use xinetd_core::bans::{BootTime, SavedBans};

/// The bans that are kept at `path`, or the ones that were written before, where those can't be read.
///
/// What is none of ours is put aside, so that it can be looked at.
pub(super) fn read(path: &Path) -> Option<SavedBans> {
    match parse(path) {
        Ok(saved) => return Some(saved),
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            let aside = path.with_extension("broken");
            let (from, to) = (path.display(), aside.display());
            log::error!(
                "{from}: {error}; it is put aside as {to}, and the bans are those that were saved \
                 before it"
            );
            if let Err(error) = fs::rename(path, &aside) {
                log::error!("{to}: {error}");
            }
        }
    }
    let previous = previous(path);
    parse(&previous)
        .inspect_err(|error| log::error!("{}: {error}; no bans are left", previous.display()))
        .ok()
}

fn parse(path: &Path) -> io::Result<SavedBans> {
    SavedBans::parse(&fs::read(path)?).map_err(io::Error::other)
}

fn previous(path: &Path) -> PathBuf {
    path.with_extension("previous")
}

/// The reading that [`note_shutdown`] has written; none where there is none.
pub(super) fn shutdown(path: &Path) -> Option<BootTime> {
    toml::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Notes the clock, as the machine is about to be shut down.
///
/// # Errors
/// If it can't be written.
pub(super) fn note_shutdown(path: &Path, now: BootTime) -> io::Result<()> {
    replace(path, &toml::to_string(&now).map_err(io::Error::other)?)
}

/// Replaces the bans at `path`, of which those of before are kept beside them.
///
/// # Errors
/// If they can't be written: then those of before are still there.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let link = path.with_extension("link");
    let kept = fs::hard_link(path, &link).and_then(|()| fs::rename(&link, previous(path)));
    if let Err(error) = kept
        && error.kind() != ErrorKind::NotFound
    {
        // A link that an earlier coordinator was about to rename.
        let _ = fs::remove_file(&link);
    }
    replace(path, text)
}

/// Replaces a file whole or not at all, also where the power fails.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
