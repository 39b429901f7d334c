//! Where what runs is not what the files say: systemd goes by the units of the last reload.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use xinetd_core::problem::{Place, Problem, Severity, printable};
use xinetd_core::translate::{
    GeneratedFile, ServiceReport, SpecDirectory, Standing, TranslatedService,
};

use super::machine::{Machine, is_here, unit_of};
use super::output::Failure;
use crate::installed;

/// How the units of the last reload differ from what the files say now; nothing where systemd does not
/// run these files.
#[derive(Debug, Default)]
pub(super) struct Unapplied {
    /// Units of services that are as the files say, without suffix.
    same: BTreeSet<String>,
    /// Units of services that are others now.
    changed: BTreeSet<String>,
    /// Units that no service of the files has.
    left: Vec<Left>,
}

/// A unit that is left of files that have gone, or have errors now.
#[derive(Debug)]
pub(super) struct Left {
    /// Its name without suffix.
    pub(super) unit: String,
    /// The file that it was made of.
    pub(super) source: PathBuf,
}

impl Unapplied {
    /// Compares the files below a root, or the machine's own, with the units of the last reload.
    pub(super) fn look(root: Option<&Path>, machine: &Machine) -> Self {
        match is_here(root) {
            true => Self::of(&machine.translated, machine.unreadable().next().is_none()),
            false => Self::default(),
        }
    }

    /// The same of these services, which are all that the files have if they are `complete`.
    pub(super) fn of(services: &[TranslatedService], complete: bool) -> Self {
        let specs = SpecDirectory::usual();
        let Some(directory) = specs.path().parent() else {
            return Self::default();
        };
        let read = |file: &GeneratedFile| fs::read(directory.join(&file.path));
        let unit = |service: &TranslatedService| match &service.report.standing {
            Standing::Served { unit, .. } => Some(unit.clone()),
            Standing::Native { .. } | Standing::NotServed(_) => None,
        };
        let served = services
            .iter()
            .filter_map(|service| Some((unit(service)?, service)));
        let generated = installed::units().unwrap_or_default();
        let mut this = Self::default();
        let mut absent = BTreeSet::new();
        for (unit, service) in served {
            let is_other =
                || is_other(service, &read) || installed::is_enabled(&unit) != is_enabled(service);
            let units = match generated.binary_search(&unit).is_ok() {
                true if is_other() => &mut this.changed,
                true => &mut this.same,
                false => &mut absent,
            };
            units.insert(unit);
        }
        let is_left = |unit: &String| !this.same.contains(unit) && !this.changed.contains(unit);
        let left = generated
            .into_iter()
            .filter(|unit| complete && is_left(unit));
        let left = left.map(|unit| Left {
            source: source(&directory.join(format!("{unit}.socket"))).unwrap_or_default(),
            unit,
        });
        this.left = left.collect();
        this
    }

    /// Whether the service of a unit is served as its files say; none where it has no units yet.
    pub(super) fn is_applied(&self, unit: &str) -> Option<bool> {
        match self.changed.contains(unit) {
            true => Some(false),
            false => self.same.contains(unit).then_some(true),
        }
    }

    /// The units that no service of the files has.
    pub(super) fn left(&self) -> &[Left] {
        &self.left
    }

    /// The failure to find a service, with what is served in its name all the same.
    pub(super) fn with_hint(&self, wanted: &str, failure: Failure) -> Failure {
        let wanted = unit_of(wanted).unwrap_or(wanted);
        let mut left = self.left.iter();
        let left =
            left.find(|left| left.unit.strip_prefix("xinetd-").unwrap_or(&left.unit) == wanted);
        match (failure, left) {
            (Failure::Said(status, why), Some(left)) => {
                let unit = printable(&left.unit);
                Failure::Said(status, format!("{why}\n{unit}.socket {LEFT}"))
            }
            (failure, _) => failure,
        }
    }

    /// Notes for `xinetdctl check`.
    pub(super) fn problems(&self, services: &[ServiceReport]) -> Vec<Problem> {
        let help = "`xinetdctl reload` applies the files";
        let note = |place, message| Problem {
            severity: Severity::Note,
            code: "not-applied",
            place,
            message,
            help: help.to_owned(),
        };
        let changed = services
            .iter()
            .filter_map(|service| match &service.standing {
                Standing::Served { unit, .. } if self.is_applied(unit) == Some(false) => {
                    Some(note(
                        service.place.clone(),
                        format!("{}: {CHANGED}", service.id.to_text()),
                    ))
                }
                _ => None,
            });
        let left = self.left.iter().map(|left| {
            let place = Place {
                file: left.source.as_path().into(),
                line: 1,
                column: 1,
                length: 0,
            };
            note(place, format!("{}.socket {LEFT}", left.unit))
        });
        changed.chain(left).collect()
    }
}

/// What is said of a service that is another one now.
pub(super) const CHANGED: &str =
    "it has changed since the last reload, and until the next one it is served as it was before";

/// What is said of a unit that no service of the files has.
pub(super) const LEFT: &str = "stays until the next daemon-reload, as the files were at the last one; now they do not have \
     it, or have errors in it";

/// Whether the units of a service that there are differ from those of its files. What can't be read,
/// such as a spec by another user than root, is taken for the same.
fn is_other(
    service: &TranslatedService,
    read: &impl Fn(&GeneratedFile) -> io::Result<Vec<u8>>,
) -> bool {
    service.files.iter().any(|file| match read(file) {
        Ok(content) => !is_same(file, &content),
        // A service without units is told as one that is down.
        Err(_) => false,
    })
}

/// Whether a file says the same as what there is. Of the service unit those lines count alone that
/// depend on the files of xinetd: a sandbox depends on the machine.
fn is_same(file: &GeneratedFile, content: &[u8]) -> bool {
    const OF_FILES: [&[u8]; 3] = [b"X-Account=", b"Nice=", b"UMask="];
    if file
        .path
        .extension()
        .is_none_or(|suffix| suffix != "service")
    {
        return file.content == content;
    }
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        let lines = text.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| OF_FILES.iter().any(|name| line.starts_with(name)));
        lines.map(<[u8]>::to_vec).collect()
    };
    lines(&file.content) == lines(content)
}

fn is_enabled(service: &TranslatedService) -> bool {
    let standing = &service.report.standing;
    matches!(standing, Standing::Served { enabled: true, .. })
}

/// `SourcePath=` of a unit.
fn source(unit: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(unit).ok()?;
    let path = text
        .lines()
        .find_map(|line| line.strip_prefix("SourcePath="))?;
    Some(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_of_a_service_unit_depends_on_the_machine_makes_no_difference() {
        let file = |path: &str| GeneratedFile {
            path: path.into(),
            content: b"[Service]\nUMask=0022\nPrivateTmp=yes\n".to_vec(),
            private: false,
        };
        let unit = file("foo.service");
        assert!(is_same(&unit, b"[Service]\nUMask=0022\n"));
        assert!(!is_same(&unit, b"[Service]\nUMask=0077\nPrivateTmp=yes\n"));
        assert!(!is_same(&file("foo.socket"), b"[Service]\nUMask=0022\n"));
    }
}
