//! What is counted, and the file that keeps it for the next helper.
//!
//! The file lies in the RuntimeDirectory, which stays when the helper goes. Where there is none it
//! is counted all the same, from zero.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use xinetd_core::policy::{Note, Reason, Refusal};

use crate::status::{Cause, Counters, MAX_STATUS, counters_file};

/// The counters of a service.
#[derive(Debug, Default)]
pub(in crate::accept) struct StoredCounters {
    counters: Counters,
    file: Option<File>,
    /// What the file has.
    saved: Counters,
}

impl StoredCounters {
    /// The counters that a predecessor left in `directory`, and the file to keep them in: to be
    /// opened while the directory can still be written.
    pub(in crate::accept) fn open(directory: &Path) -> Self {
        let path = counters_file(directory);
        let opened = open(&path).or_else(|_| {
            // A server, which has the helper's user, may have put anything there.
            fs::remove_file(&path)?;
            open(&path)
        });
        let file = match opened {
            Ok(file) => file,
            Err(error) => {
                log::warn!("{}: {error}; what is counted will be lost", path.display());
                return Self::default();
            }
        };
        let mut text = String::new();
        let read = Read::take(&file, MAX_STATUS).read_to_string(&mut text);
        let counters: Counters = read
            .ok()
            .and_then(|_| toml::from_str(&text).ok())
            .unwrap_or_default();
        Self {
            saved: counters.clone(),
            counters,
            file: Some(file),
        }
    }

    /// What was counted so far.
    pub(super) fn get(&self) -> &Counters {
        &self.counters
    }

    /// Counts a client that was let in.
    pub(super) fn serve(&mut self) {
        self.counters.serve();
    }

    /// Counts a session that has ended.
    pub(super) fn end(&mut self, duration: Duration) {
        self.counters.end(duration);
    }

    /// Counts clients that were turned away.
    pub(super) fn refuse(&mut self, cause: Cause, count: u64) {
        self.counters.refuse(cause, count);
    }

    /// Counts a refusal.
    pub(super) fn refuse_by(&mut self, refusal: &Refusal) {
        self.refuse(cause(refusal), 1);
    }

    /// Writes down what is not in the file yet. A full disk is none of ours: /run is memory, and
    /// what can't be written now will be the next time.
    pub(super) fn save(&mut self) {
        if self.saved == self.counters {
            return;
        }
        let Some(file) = &self.file else {
            return;
        };
        // It never gets shorter: no number does.
        if let Ok(text) = toml::to_string(&self.counters)
            && file.write_all_at(text.as_bytes(), 0).is_ok()
        {
            self.saved.clone_from(&self.counters);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // The coordinator reads it, which has no rights over the files of others.
    file.set_permissions(Permissions::from_mode(0o644))?;
    Ok(file)
}

/// What a refusal counts as.
fn cause(refusal: &Refusal) -> Cause {
    match refusal.reason {
        Reason::Rate => Cause::Rate,
        Reason::Load => Cause::Load,
        Reason::Time => Cause::Time,
        Reason::ServiceLimit => Cause::ServiceLimit,
        Reason::PerSourceLimit => Cause::PerSourceLimit,
        Reason::ProcessLimit => Cause::ProcessLimit,
        Reason::Address if refusal.note == Note::Banned => Cause::Ban,
        Reason::Address => Cause::Address,
        Reason::Libwrap => Cause::Libwrap,
        Reason::Fork => Cause::Fork,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("counters-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_successor_goes_on_counting() {
        let folder = scratch("successor");
        let mut counters = StoredCounters::open(&folder);
        counters.serve();
        counters.refuse_by(&Refusal::by_ban());
        counters.save();
        counters.serve();
        let mut next = StoredCounters::open(&folder);
        assert_eq!((next.counters.served, next.counters.all_refused()), (1, 1));
        next.serve();
        next.save();
        assert_eq!(StoredCounters::open(&folder).counters.served, 2);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_a_server_has_put_there_is_not_followed() {
        let folder = scratch("hostile");
        let victim = folder.join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, counters_file(&folder)).unwrap();
        let mut counters = StoredCounters::open(&folder);
        counters.serve();
        counters.save();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        fs::write(counters_file(&folder), "served = \"rubbish\"").unwrap();
        assert_eq!(StoredCounters::open(&folder).counters, Counters::default());
        fs::remove_dir_all(folder).unwrap();
    }
}
