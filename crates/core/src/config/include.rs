//! `include` and `includedir` (docs/xinetd-behaviour.md, sections 1.2 and 1.6).

#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::configuration::{ASSUMED, ASSUMED_CODE, MAIN};
use super::lexer::Word;
use super::parser::Reader;
use super::report::{Spot, quoted};
use super::sources::EntryKind;
use super::unread::{EMPTY_CODE, MISSING_CODE};
use crate::bytes::ByteString;
use crate::problem::{NO_PERMISSION, Place, Severity};

/// How deep files may include each other.
const MAX_DEPTH: usize = 32;

/// How many files are read in all: two files that include each other's neighbours twice make
/// thousands of millions of them without ever going deep.
const MAX_FILES: usize = 20_000;

/// What to do where root alone may read, as the generator is root.
pub(super) const AS_ROOT: &str = "run the command as root";

/// The files that are being read, and how many were.
#[derive(Debug, Default)]
pub(super) struct Includes {
    open: Vec<PathBuf>,
    read: usize,
}

/// Why a file is not read.
enum Refused {
    /// It is being read already.
    Cycle,
    /// There are too many files open.
    Depth,
    /// There were too many files.
    Number,
    /// It can't be read.
    Unreadable(io::Error),
}

impl Reader<'_> {
    /// Reads the first file.
    pub(super) fn read_main(&mut self, path: &Path) {
        if let Err(refused) = self.read_file(path) {
            let spot = Spot {
                file: path.into(),
                line: 1,
            };
            self.report(spot.stretch(1, 0), path, &refused);
        }
    }

    /// Reads what the first file would say, if it were there.
    pub(super) fn read_assumed(&mut self, path: &Path) {
        self.read_text(path, ASSUMED.into());
        let spot = Spot {
            file: path.into(),
            line: 1,
        };
        self.complain(
            Severity::Warning,
            ASSUMED_CODE,
            spot.stretch(1, 0),
            format!(
                "{} is not there: it is read as if it said `{ASSUMED}`, and restrictions that it had for all \
                 services hold no more",
                path.display()
            ),
            "put the file back, or write one with this line",
        );
    }

    /// Says that the first file is not there, which need not be.
    pub(super) fn do_without_main(&mut self, path: &Path) {
        let spot = Spot {
            file: path.into(),
            line: 1,
        };
        self.complain(
            Severity::Note,
            MISSING_CODE,
            spot.stretch(1, 0),
            format!(
                "{} is not there: inetd.conf alone is served",
                path.display()
            ),
            "nothing has to be done, unless there has been such a file",
        );
    }

    /// A line with `include` or `includedir`.
    pub(super) fn include(
        &mut self,
        spot: &Spot,
        keyword: &Word<'_>,
        path: Option<Word<'_>>,
        directory: bool,
    ) {
        let Some(word) = path else {
            self.complain(
                Severity::Error,
                "missing-path",
                spot.word(keyword),
                format!("{} has no path", quoted(keyword.bytes)),
                "write the absolute path behind it",
            );
            return;
        };
        let place = spot.word(&word);
        let name = ByteString::from(word.bytes);
        if word.bytes.first() != Some(&b'/') {
            self.complain(
                Severity::Warning,
                "relative-path",
                place.clone(),
                format!("{} is looked for below /", quoted(word.bytes)),
                "write the absolute path",
            );
        }
        let path = Path::new("/").join(name.as_path());
        if directory {
            self.include_directory(&path, &place);
            return;
        }
        match self.read_file(&path) {
            Ok(length) => self.warn_of_nothing(length, &path, place),
            Err(refused) => self.report(place, &path, &refused),
        }
    }

    /// Says that a file which is named somewhere has nothing in it.
    fn warn_of_nothing(&mut self, length: usize, path: &Path, place: Place) {
        if length == 0 {
            self.complain(
                Severity::Warning,
                EMPTY_CODE,
                place,
                format!("{} is empty", path.display()),
                "write what it is to say; a comment will do",
            );
        }
    }

    /// Reads the files of a directory, in the order of their names' bytes.
    fn include_directory(&mut self, path: &Path, place: &Place) {
        let mut entries = match self.tree.list(path) {
            Ok(entries) => entries,
            Err(error) => {
                let (code, help) = match error.kind() {
                    io::ErrorKind::PermissionDenied => (NO_PERMISSION, AS_ROOT),
                    io::ErrorKind::NotADirectory => (
                        "includedir",
                        "make it a directory, or write `include` for a file",
                    ),
                    _ => ("includedir", "create the directory, or take the line away"),
                };
                let message = format!("the directory {} can't be read: {error}", path.display());
                self.complain(Severity::Error, code, place.clone(), message, help);
                return;
            }
        };
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_owned();
        entries.sort_by(|(a, _), (b, _)| name(a).as_bytes().cmp(name(b).as_bytes()));
        for (path, entry) in entries {
            let name = name(&path);
            let name = name.as_bytes();
            if name.contains(&b'.') || name.ends_with(b"~") {
                if !name.starts_with(b".") && entry == EntryKind::File {
                    self.complain(
                        Severity::Note,
                        "file-skipped",
                        place.clone(),
                        format!("{} is not read because of its name", path.display()),
                        "files of the directory must have no dot in their name and no ~ at its end",
                    );
                }
                continue;
            }
            match entry {
                EntryKind::File => {
                    if let Err(refused) = self.read_file(&path) {
                        self.report(place.clone(), &path, &refused);
                    }
                }
                EntryKind::Dangling => self.complain(
                    Severity::Error,
                    "not-a-file",
                    place.clone(),
                    format!("{} is a link that leads nowhere", path.display()),
                    "remove it, or put back what it leads to",
                ),
                EntryKind::Directory => self.complain(
                    Severity::Warning,
                    "not-a-file",
                    place.clone(),
                    format!("{} is a directory, so it is passed over", path.display()),
                    "move it elsewhere: directories are not searched further",
                ),
                EntryKind::Other => self.complain(
                    Severity::Error,
                    "not-a-file",
                    place.clone(),
                    format!(
                        "{} is not a regular file, so it is passed over",
                        path.display()
                    ),
                    "remove it, or put a regular file in its place",
                ),
            }
        }
    }

    /// Reads one file; its length in bytes.
    fn read_file(&mut self, path: &Path) -> Result<usize, Refused> {
        if self.includes.open.iter().any(|open| open == path) {
            return Err(Refused::Cycle);
        }
        if self.includes.open.len() >= MAX_DEPTH {
            return Err(Refused::Depth);
        }
        if self.includes.read >= MAX_FILES {
            return Err(Refused::Number);
        }
        self.includes.read += 1;
        let text = self.tree.read(path).map_err(Refused::Unreadable)?;
        let length = text.len();
        self.read_text(path, text);
        Ok(length)
    }

    /// Reads the text of a file.
    fn read_text(&mut self, path: &Path, text: Vec<u8>) {
        let file: Arc<Path> = path.into();
        let text = self.sources.insert(Arc::clone(&file), text);
        self.files.push(Arc::clone(&file));
        self.includes.open.push(path.to_owned());
        self.parse(&file, &text);
        self.includes.open.pop();
    }

    fn report(&mut self, place: Place, path: &Path, refused: &Refused) {
        let is_usual = path == Path::new(MAIN);
        let path = path.display();
        let (code, message, help) = match refused {
            Refused::Cycle => (
                "include-cycle",
                format!("{path} includes itself, here or through other files"),
                "take the line away".to_owned(),
            ),
            Refused::Depth => (
                "include-depth",
                format!("{path} is the file number {MAX_DEPTH} that is open at once"),
                "include it from a file further out".to_owned(),
            ),
            Refused::Number => (
                "include-number",
                format!("{path} is not read: {MAX_FILES} files were read before it"),
                "include each file once".to_owned(),
            ),
            Refused::Unreadable(error) if error.kind() == io::ErrorKind::PermissionDenied => (
                NO_PERMISSION,
                format!("{path} can't be read: {error}"),
                AS_ROOT.to_owned(),
            ),
            Refused::Unreadable(error) => {
                // The first file: no line asks for it.
                let is_first = self.includes.open.is_empty();
                let help = match (error.kind(), is_first) {
                    (io::ErrorKind::NotFound, true) if is_usual => {
                        "create it with the line `includedir /etc/xinetd.d`"
                    }
                    (io::ErrorKind::NotFound, true) => "write the path of a file that is there",
                    (io::ErrorKind::NotFound, false) => "create the file, or take the line away",
                    (io::ErrorKind::IsADirectory, false) => "write `includedir` for a directory",
                    (io::ErrorKind::FileTooLarge, _) => "write a shorter file",
                    _ => "make it a regular file",
                };
                (
                    if is_first { "main-file" } else { "include" },
                    format!("{path} can't be read: {error}"),
                    help.to_owned(),
                )
            }
        };
        self.complain(Severity::Error, code, place, message, help);
    }
}
