//! The names of units, and the units of others that have them already.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::escape;
use super::unit_name::UnitName;
use crate::config::FileTree;
use crate::installed::ejected::{UNITS, has_mark};
use crate::service::Port;

/// Where administrators keep units, the strongest directory first.
const ADMINISTRATOR: [&str; 2] = [UNITS, "/run/systemd/system"];

/// Where packages put units.
const VENDOR: [&str; 3] = [
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Where scripts lie that systemd-sysv-generator, up to systemd 259, turns into services in the
/// very directory that our units are written to.
const SCRIPTS: &str = "/etc/init.d";

/// The sockets and services that others brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExistingUnits {
    /// By name without suffix.
    owners: HashMap<String, UnitOwner>,
}

/// What a unit of the administrator is for the service that has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// A unit of its own.
    Own,
    /// A copy of the generated service unit, as `systemctl edit --full` makes it, without a socket unit: no
    /// socket listens.
    Copy,
    /// The link to /dev/null that `systemctl mask` makes.
    Mask,
    /// The socket that `xinetdctl eject` has made of the service.
    Ejected,
}

impl Native {
    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Own | Self::Copy => "native",
            Self::Mask => "masked",
            Self::Ejected => "ejected",
        }
    }
}

/// Who brought a unit, and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum UnitOwner {
    /// The administrator: a file, or a link that masks the name or leads out of the packages'
    /// directories.
    Administrator(PathBuf, Native),
    /// A package: a file or script of its own, or an alias for one.
    Vendor(PathBuf),
}

impl ExistingUnits {
    /// Looks into the directories of a tree; one that can't be read counts as empty.
    pub(crate) fn read(tree: &dyn FileTree) -> Self {
        let mut units = Self::default();
        let list = |directory| tree.list(Path::new(directory)).unwrap_or_default();
        for directory in ADMINISTRATOR {
            for (path, _) in list(directory) {
                let target = unit_of(&path).and_then(|_| tree.read_link(&path).ok());
                let is_socket = path.extension() == Some(OsStr::new("socket"));
                let native = match &target {
                    Some(target) if target == Path::new("/dev/null") => Native::Mask,
                    None if is_socket && tree.read(&path).is_ok_and(|text| has_mark(&text)) => {
                        Native::Ejected
                    }
                    None if is_lone_copy(tree, &path) => Native::Copy,
                    _ => Native::Own,
                };
                units.add(path, target.as_deref(), native);
            }
        }
        for directory in VENDOR {
            for (path, _) in list(directory) {
                units.add(path, None, Native::Own);
            }
        }
        for (path, _) in list(SCRIPTS) {
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                let name = escape::unit_name(name.trim_end_matches(".sh").as_bytes());
                units.owners.entry(name).or_insert(UnitOwner::Vendor(path));
            }
        }
        units
    }

    /// Adds the file `path`, which may be a link to `target`; what was added earlier is stronger, but for
    /// the service of an ejected socket.
    fn add(&mut self, path: PathBuf, target: Option<&Path>, native: Native) {
        let Some(name) = unit_of(&path).map(str::to_owned) else {
            return;
        };
        let directory = path.parent().unwrap_or(Path::new("/"));
        let is_vendor = |file: &Path| VENDOR.iter().any(|vendor| file.starts_with(vendor));
        let alias = target.is_some_and(|target| is_vendor(&normal(&directory.join(target))));
        let owner = if alias || is_vendor(directory) {
            UnitOwner::Vendor(path)
        } else {
            UnitOwner::Administrator(path, native)
        };
        // An alias for the service does not make the administrator's own socket any weaker.
        match self.owners.get(&name) {
            Some(UnitOwner::Administrator(_, Native::Own)) if native == Native::Ejected => {
                self.owners.insert(name, owner);
            }
            Some(UnitOwner::Administrator(..)) => {}
            Some(UnitOwner::Vendor(_)) if matches!(owner, UnitOwner::Vendor(_)) => {}
            _ => {
                self.owners.insert(name, owner);
            }
        }
    }
}

/// Whether a file is a copy of a generated service unit, and the administrator has no socket unit of that name.
fn is_lone_copy(tree: &dyn FileTree, path: &Path) -> bool {
    const HELPER: &[u8] = b"/xinetd-accept";
    let socket = path.with_extension("socket");
    let socket = socket.file_name().unwrap_or_default();
    let has_socket = || {
        let mut directories = ADMINISTRATOR.iter();
        directories.any(|directory| tree.read(&Path::new(directory).join(socket)).is_ok())
    };
    let is_copy = |text: Vec<u8>| text.windows(HELPER.len()).any(|part| part == HELPER);
    path.extension() == Some(OsStr::new("service"))
        && tree.read(path).is_ok_and(is_copy)
        && !has_socket()
}

/// The name without suffix of a socket or service, by its file.
fn unit_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(".socket")
        .or_else(|| name.strip_suffix(".service"))
}

/// The path without `.` and `..`, as text.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

/// Gives each service a name of its own.
#[derive(Debug)]
pub(super) struct Names<'a> {
    existing: &'a ExistingUnits,
    taken: HashSet<UnitName>,
}

/// What a service is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Its own name; `instead_of` is the file of a package that has the name it would have had.
    Ours {
        /// The name.
        unit: UnitName,
        /// The other's file.
        instead_of: Option<PathBuf>,
    },
    /// A unit of the administrator has its name.
    Native {
        /// The name.
        unit: UnitName,
        /// The other's file.
        path: PathBuf,
        /// What that is.
        native: Native,
    },
    /// The name would be too long.
    TooLong,
}

impl<'a> Names<'a> {
    /// No name is taken yet but those of others.
    pub(super) fn new(existing: &'a ExistingUnits) -> Self {
        Self {
            existing,
            taken: HashSet::new(),
        }
    }

    /// The name for a service: its id, or where an earlier service has that, its id and port.
    pub(super) fn choose(&mut self, id: &[u8], port: Option<Port>) -> Choice {
        let id = escape::unit_name(id);
        let with_port = port.map_or_else(|| id.clone(), |port| format!("{id}-{port}"));
        let numbered = (2_u32..).map(|number| format!("{with_port}-{number}"));
        let candidates = [id, with_port.clone()].into_iter().chain(numbered);
        for mut candidate in candidates {
            let mut instead_of = None;
            while let Some(UnitOwner::Vendor(path)) = self.existing.owners.get(&candidate) {
                instead_of.get_or_insert_with(|| path.clone());
                candidate.insert_str(0, "xinetd-");
            }
            let native = self.existing.owners.get(&candidate);
            let Some(unit) = UnitName::new(candidate) else {
                return Choice::TooLong;
            };
            if !self.taken.insert(unit.clone()) {
                continue;
            }
            return match native {
                Some(UnitOwner::Administrator(path, native)) => Choice::Native {
                    unit,
                    path: path.clone(),
                    native: *native,
                },
                _ => Choice::Ours { unit, instead_of },
            };
        }
        Choice::TooLong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> UnitName {
        UnitName::new(name.to_owned()).unwrap()
    }

    fn ours(name: &str) -> Choice {
        Choice::Ours {
            unit: unit(name),
            instead_of: None,
        }
    }

    fn existing(files: &[(&str, Option<&str>)]) -> ExistingUnits {
        let mut units = ExistingUnits::default();
        for (path, target) in files {
            units.add(path.into(), target.map(Path::new), Native::Own);
        }
        units
    }

    #[test]
    fn later_services_with_one_id_are_called_by_their_port() {
        let none = ExistingUnits::default();
        let mut names = Names::new(&none);
        let mut choose = |id: &str, port| names.choose(id.as_bytes(), Some(Port(port)));
        assert_eq!(choose("time", 37), ours("time"));
        assert_eq!(choose("time", 3700), ours("time-3700"));
        assert_eq!(choose("time", 3700), ours("time-3700-2"));
        assert_eq!(choose("time-3700", 1), ours("time-3700-1"));
    }

    #[test]
    fn the_administrators_units_win() {
        for (path, target) in [
            ("/etc/systemd/system/foo.socket", None),
            ("/run/systemd/system/foo.service", None),
            ("/etc/systemd/system/foo.socket", Some("/dev/null")),
            (
                "/etc/systemd/system/foo.service",
                Some("/opt/foo/foo.service"),
            ),
        ] {
            let units = existing(&[
                (path, target),
                (
                    "/etc/systemd/system/foo.service",
                    Some("/lib/systemd/system/bar.service"),
                ),
                ("/usr/lib/systemd/system/foo.socket", None),
            ]);
            let native = Choice::Native {
                unit: unit("foo"),
                path: path.into(),
                native: Native::Own,
            };
            assert_eq!(Names::new(&units).choose(b"foo", None), native);
        }
    }

    #[test]
    fn next_to_a_packages_unit_ours_has_a_prefix() {
        for (path, target) in [
            ("/usr/lib/systemd/system/foo.socket", None),
            ("/lib/systemd/system/foo.service", None),
            (
                "/etc/systemd/system/foo.service",
                Some("/lib/systemd/system/bar.service"),
            ),
            (
                "/etc/systemd/system/foo.socket",
                Some("../../../usr/lib/systemd/system/bar.socket"),
            ),
        ] {
            let units = existing(&[(path, target)]);
            let renamed = Choice::Ours {
                unit: unit("xinetd-foo"),
                instead_of: Some(path.into()),
            };
            assert_eq!(Names::new(&units).choose(b"foo", None), renamed);
        }
        let masked = existing(&[
            ("/lib/systemd/system/foo.service", None),
            ("/etc/systemd/system/xinetd-foo.socket", Some("/dev/null")),
        ]);
        let choice = Names::new(&masked).choose(b"foo", None);
        assert!(matches!(choice, Choice::Native { .. }), "{choice:?}");
    }

    #[test]
    fn other_kinds_of_files_do_not_count() {
        let units = existing(&[
            ("/etc/systemd/system/foo.timer", None),
            ("/etc/systemd/system/foo.socket.d", None),
            ("/etc/systemd/system/foo@.service", None),
        ]);
        assert_eq!(Names::new(&units).choose(b"foo", None), ours("foo"));
    }

    #[test]
    fn too_long_a_name_is_told() {
        let none = ExistingUnits::default();
        let mut names = Names::new(&none);
        assert_eq!(names.choose(&[b'a'; 248], None), Choice::TooLong);
        assert_eq!(names.choose(&[0xff; 62], None), Choice::TooLong);
        assert_eq!(names.choose(&[b'a'; 247], None), ours(&"a".repeat(247)));
    }
}
