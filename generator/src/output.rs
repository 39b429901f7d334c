//! Writing units: each file whole or not at all, and nothing outside the output directory.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use xinetd_core::installed::STAMP;
use xinetd_core::parallel::in_halves;
use xinetd_core::translate::{
    GeneratedFile, GeneratedLink, SpecDirectory, TranslatedService, Translation,
};

use crate::Incomplete;

/// The directory that the units go to.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    /// The name under which files are written that are there already: systemd takes no unit by
    /// it, and two generators that run at once do not meet. A number for each writer follows.
    temporary: String,
    writers: AtomicU32,
}

impl Output {
    /// Makes the directory if it is missing, as systemd does.
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self {
            path: directory.canonicalize()?,
            temporary: format!(".xinetd-generator.{}", process::id()),
            writers: AtomicU32::new(0),
        })
    }

    /// The directory, without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all that can be written, and says what can't.
    pub(crate) fn write(&self, translation: &Translation) -> Result<(), Incomplete> {
        let services = in_halves(&translation.services, |half| self.services(half));
        let mut complete = services.into_iter().collect();
        let mut writer = Writer::new(self);
        for file in &translation.files {
            if let Err(error) = writer.file(file) {
                log::error!("{}: {error}", file.path.display());
                complete = Err(Incomplete);
            }
        }
        for link in &translation.links {
            if let Err(error) = writer.link(link) {
                log::error!("{}: {error}", link.path.display());
                complete = Err(Incomplete);
            }
        }
        // Last of all: a program that sees it finds everything.
        let stamp = GeneratedFile {
            path: Path::new(SpecDirectory::NAME).join(STAMP),
            content: Vec::new(),
            private: false,
        };
        if let Err(error) = writer.file(&stamp) {
            log::error!("{}: {error}", stamp.path.display());
            complete = Err(Incomplete);
        }
        complete
    }

    fn services(&self, services: &[TranslatedService]) -> Result<(), Incomplete> {
        let mut writer = Writer::new(self);
        let mut complete = Ok(());
        for service in services {
            if let Err((path, error)) = writer.service(service) {
                let report = &service.report;
                log::error!("{}: {}: {error}", report.place, path.display());
                complete = Err(Incomplete);
            }
        }
        complete
    }
}

/// A run of writing.
struct Writer<'a> {
    output: &'a Path,
    temporary: String,
    /// The few directories that are known to be there.
    directories: Vec<PathBuf>,
}

impl<'a> Writer<'a> {
    fn new(output: &'a Output) -> Self {
        let number = output.writers.fetch_add(1, Ordering::Relaxed);
        Self {
            output: &output.path,
            temporary: format!("{}.{number}", output.temporary),
            directories: Vec::new(),
        }
    }

    /// All of a service, in order: a link is there only if what it points to is.
    fn service(&mut self, service: &TranslatedService) -> Result<(), (PathBuf, io::Error)> {
        for file in &service.files {
            self.file(file)
                .map_err(|error| (file.path.clone(), error))?;
        }
        for link in &service.links {
            self.link(link)
                .map_err(|error| (link.path.clone(), error))?;
        }
        Ok(())
    }

    /// systemd empties the directory before and reads it after: a new file needs no other name
    /// first. One that is there already, of a run by hand, is replaced at once.
    fn file(&mut self, file: &GeneratedFile) -> io::Result<()> {
        let directory = self.directory_of(&file.path)?;
        let path = self.output.join(&file.path);
        match write_new(&path, file) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            written => return written,
        }
        let temporary = directory.join(&self.temporary);
        let mut written = write_new(&temporary, file);
        if matches!(&written, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
            // Left by one that was killed; a new file, since that one may be a link to a file elsewhere.
            fs::remove_file(&temporary)?;
            written = write_new(&temporary, file);
        }
        let renamed = written.and_then(|()| fs::rename(&temporary, &path));
        if renamed.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&temporary);
        }
        renamed
    }

    fn link(&mut self, link: &GeneratedLink) -> io::Result<()> {
        let directory = self.directory_of(&link.path)?;
        let path = self.output.join(&link.path);
        match symlink(&link.target, &path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let temporary = directory.join(&self.temporary);
                symlink(&link.target, &temporary)?;
                fs::rename(&temporary, &path)
            }
            made => made,
        }
    }

    fn is_known(&self, directory: &Path) -> bool {
        let mut known = self.directories.iter();
        known.any(|known| known.as_os_str() == directory.as_os_str())
    }

    /// The directory of a path, which is made if it is missing and must not be a link.
    fn directory_of(&mut self, path: &Path) -> io::Result<PathBuf> {
        let relative = path.parent().unwrap_or(Path::new(""));
        let directory = self.output.join(relative);
        if !relative.as_os_str().is_empty() && !self.is_known(relative) {
            let made = DirBuilder::new().mode(0o755).create(&directory);
            made.or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?;
            // Other generators make such directories too.
            if !fs::symlink_metadata(&directory)?.is_dir() {
                return Err(ErrorKind::NotADirectory.into());
            }
            self.directories.push(relative.to_owned());
        }
        Ok(directory)
    }
}

/// Writes a file that is not there yet: whole or not at all.
fn write_new(path: &Path, file: &GeneratedFile) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options.mode(if file.private { 0o600 } else { 0o644 });
    let mut handle = options.open(path)?;
    // Nothing is synced: the directory lies in memory.
    handle.write_all(&file.content).inspect_err(|_| {
        // The first error is the one to tell.
        let _ = fs::remove_file(path);
    })
}
