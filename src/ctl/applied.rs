//! Where what runs is not what the files say: systemd goes by the units of the last reload.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use xinetd_core::problem::{Place, Problem, Severity, printable};
use xinetd_core::translate::{
    GeneratedFile, PlannedService, ServiceReport, SpecDirectory, Standing, TranslatedService,
};

use super::machine::{Machine, is_here, unit_of};
use super::output::Failure;
use crate::installed;
use crate::protocol::administration::{Supervised, digest};

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
    /// Whether a supervisor has it, and not systemd.
    pub(super) is_supervised: bool,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (socket, reload) = match self.is_supervised {
            true => ("", "reload"),
            false => (".socket", "daemon-reload"),
        };
        write!(
            f,
            "{}{socket} stays until the next {reload}, as the files were at the last one; now they do not have it, or \
             have errors in it",
            self.unit
        )
    }
}

impl Unapplied {
    /// Compares the files below a root, or the machine's own, with the units of the last reload.
    pub(super) fn look(root: Option<&Path>, machine: &Machine) -> Self {
        let is_complete = machine.unreadable().next().is_none();
        match &machine.supervised {
            Some(told) => {
                Self::of_supervisor(&machine.translated, &machine.planned, told, is_complete)
            }
            None if is_here(root) => Self::of(&machine.translated, is_complete),
            None => Self::default(),
        }
    }

    /// Compares what a supervisor would serve of these services, which are all that the files have if they are
    /// `complete`, with what it serves.
    pub(super) fn of_supervisor(
        services: &[TranslatedService],
        planned: &[PlannedService],
        supervised: &Supervised,
        complete: bool,
    ) -> Self {
        let units = services
            .iter()
            .filter_map(|service| match &service.report.standing {
                Standing::Served { unit, .. } => Some(unit.as_str()),
                Standing::Native { .. } | Standing::NotServed(_) => None,
            });
        let units: BTreeSet<&str> = units.collect();
        let planned = planned.iter().map(|one| (one.unit.as_str(), digest(one)));
        let planned: HashMap<&str, u64> = planned.collect();
        let mut this = Self::default();
        for service in &supervised.services {
            let unit = service.unit.clone();
            if planned.get(unit.as_str()) == Some(&service.digest) {
                this.same.insert(unit);
            } else if units.contains(unit.as_str()) {
                this.changed.insert(unit);
            } else if complete {
                this.left.push(Left {
                    source: service.file.clone().into(),
                    is_supervised: true,
                    unit,
                });
            }
        }
        this
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
            is_supervised: false,
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
                let left = printable(&left.to_string());
                Failure::Said(status, format!("{why}\n{left}"))
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
            note(place, left.to_string())
        });
        changed.chain(left).collect()
    }
}

/// What is said of a service that is another one now.
pub(super) const CHANGED: &str =
    "it has changed since the last reload, and until the next one it is served as it was before";

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
    use xinetd_core::config::{Databases, MemoryTree};

    use super::super::machine::Reading;
    use super::*;
    use crate::protocol::administration::SupervisedService;

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

    #[test]
    fn what_a_supervisor_serves_otherwise_than_the_files_say_is_told() {
        let service = |id: &str, more: &str| {
            format!(
                "service {id}\n{{\ntype = UNLISTED\nport = {}\nsocket_type = stream\nwait = no\nuser = 0\n\
                 server = /bin/true\n{more}\n}}\n",
                7000 + id.len()
            )
        };
        let read = |text: String, told: &Supervised| {
            let tree = MemoryTree::default().file("/etc/xinetd.conf", text);
            Reading::of(&tree, None, &Databases::default(), Some(told))
        };
        let mut told = Supervised {
            has_coordinator: true,
            ..Supervised::default()
        };
        let before = ["a", "bb", "ccc", "dddd"].map(|id| service(id, ""));
        let served = read(before.concat(), &told).planned;
        told.services = served.iter().map(supervised).collect();
        let after = [
            service("a", ""),
            service("bb", "nice = 3"),
            service("ccc", "disable = yes"),
            service("eeeee", ""),
        ];
        // What stands first is in the same line as before.
        let now = read(after.concat(), &told);
        let unapplied =
            Unapplied::of_supervisor(&now.translation.services, &now.planned, &told, true);
        let applied = ["a", "bb", "ccc", "eeeee"].map(|unit| unapplied.is_applied(unit));
        assert_eq!(applied, [Some(true), Some(false), Some(false), None]);
        let left: Vec<_> = unapplied.left().iter().map(|left| &left.unit).collect();
        assert_eq!(left, ["dddd"]);
    }

    fn supervised(planned: &PlannedService) -> SupervisedService {
        SupervisedService {
            id: planned.id().to_text(),
            unit: planned.unit.clone(),
            file: planned.place().file.display().to_string(),
            source: planned.place().to_string(),
            runtime: PathBuf::new(),
            runs: false,
            listens: true,
            trouble: None,
            digest: digest(planned),
        }
    }
}
