//! inetd.conf, as xinetd reads it with `-inetd_compat` (docs/xinetd-behaviour.md, section 6.6), and what the
//! inetds of BSD and GNU write in it besides.
//!
//! ```text
//! entry = name type protocol wait user server { argument } LF
//! ```
//! Each field of an entry says what attributes of an xinetd service say, so an entry becomes the
//! attribute lines of one, with the places of the fields. All that follows is the same for both.

mod attributes;
mod convert;
mod draft;
mod entry;
mod lines;
mod name;
mod protocol;
mod remarks;
mod user;
mod wait;

pub use convert::{Conversion, Converted, convert};

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::configuration::Dropped;
use super::databases::Databases;
use super::entry::ServiceEntry;
use super::include::AS_ROOT;
use super::lexer::{self, Lines};
use super::parser::Reader;
use super::report::Spot;
use super::section::{Context, Section, copied_alone};
use crate::catch::{TranslationStep, contained, fault};
use crate::problem::{NO_PERMISSION, Problem, Severity};
use draft::Draft;
use entry::Drafts;
use lines::{Field, Item, Items};
use remarks::Unfit;

impl Reader<'_> {
    /// Reads an inetd.conf, behind all files of xinetd.
    pub(super) fn read_inetd(&mut self, path: &Path) {
        let file: Arc<Path> = path.into();
        let text = match self.tree.read(path) {
            Ok(text) => self.sources.insert(Arc::clone(&file), text),
            Err(error) => {
                const CREATE: &str = "create it, or take [inetd] out of /etc/xinetd-bridge.toml";
                let (severity, code, help) = match error.kind() {
                    ErrorKind::NotFound => (Severity::Warning, "inetd-file", CREATE),
                    ErrorKind::PermissionDenied => (Severity::Error, NO_PERMISSION, AS_ROOT),
                    _ => (Severity::Error, "inetd-file", "make it a regular file"),
                };
                let place = Spot { file, line: 1 }.stretch(1, 0);
                let message = format!("{} can't be read: {error}", path.display());
                self.complain(severity, code, place, message, help);
                return;
            }
        };
        self.files.push(Arc::clone(&file));
        self.warn_of_carriage_returns(&file, &text);
        let first = self.entries.len();
        let mut drafts = Drafts::new(&file, self.databases);
        for item in Items::new(Lines::new(&text)) {
            match item {
                Item::Blank | Item::Comment(_) => {}
                Item::Policy(line) => self.problems.push(lines::policy(&file, &line)),
                Item::Overlong(line) => {
                    let spot = Spot {
                        file: Arc::clone(&file),
                        line: line.number,
                    };
                    self.problems.push(lexer::overlong(&spot, &line));
                }
                Item::Entry(fields) => {
                    let Some(name) = fields.first() else {
                        continue;
                    };
                    let read = contained(TranslationStep::Read, name.bytes(), || {
                        let found = drafts.read(&fields, &mut self.problems);
                        self.take(found, &file, name);
                    });
                    if read.is_none() {
                        let problem = fault(name.place(&file), "the service");
                        self.take(Err(Unfit(problem)), &file, name);
                    }
                }
            }
        }
        self.warn_of_unapplied_defaults(first, path);
    }

    /// Takes up what was found in an entry.
    fn take(&mut self, found: Result<Vec<Draft<'_>>, Unfit>, file: &Arc<Path>, name: &Field<'_>) {
        let drafts = match found {
            Ok(drafts) => drafts,
            Err(Unfit(problem)) => {
                self.problems.push(problem);
                let (id, place) = (name.bytes().into(), name.place(file));
                let ordinal = self.next_ordinal();
                self.dropped.push((
                    ordinal,
                    Dropped {
                        id,
                        place,
                        note: None,
                    },
                ));
                return;
            }
        };
        for draft in drafts {
            let ordinal = self.next_ordinal();
            let section = section(&draft, file, self.databases, &mut self.problems);
            self.entries.push(ServiceEntry {
                ordinal,
                name: draft.name.bytes().into(),
                place: draft.name.place(file),
                section,
            });
        }
    }

    /// Says what of `defaults` does not reach the services of this file, which don't copy it.
    fn warn_of_unapplied_defaults(&mut self, first: usize, path: &Path) {
        if self.entries.len() == first {
            return;
        }
        for attribute in copied_alone() {
            if let Some(place) = self.defaults.place(attribute).cloned() {
                self.complain(
                    Severity::Warning,
                    "defaults-inetd",
                    place,
                    format!(
                        "{} does not apply to the services of {}",
                        attribute.name(),
                        path.display()
                    ),
                    format!(
                        "turn them into services of xinetd: xinetdctl convert --inetd {}",
                        path.display()
                    ),
                );
            }
        }
    }
}

/// The attributes of a draft; it has nothing of `defaults` yet.
fn section(
    draft: &Draft<'_>,
    file: &Arc<Path>,
    databases: &Databases,
    problems: &mut Vec<Problem>,
) -> Section {
    let mut section = Section::service(&Section::defaults());
    for line in draft.lines() {
        let mut context = Context {
            databases,
            problems: &mut *problems,
        };
        line.assign(&mut section, file, &mut context);
    }
    section
}

#[cfg(test)]
mod tests;
