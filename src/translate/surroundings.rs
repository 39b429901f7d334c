//! What a translation has to know besides the configuration.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::bans::Options;

use super::name::{ExistingUnits, UnitName, simple};
use super::unit::{Plain, Value};
use crate::config::{Databases, FileTree};

/// The files of hosts_access(5).
const LIBWRAP: [&str; 2] = ["/etc/hosts.allow", "/etc/hosts.deny"];

/// What a translation has to know besides the configuration.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// The users and groups of the machine.
    pub databases: &'a Databases,
    /// Where the specs will lie.
    pub specs: SpecDirectory,
    /// The units of others.
    pub existing: ExistingUnits,
    /// The first of hosts.allow and hosts.deny that has a rule.
    pub libwrap_rules: Option<PathBuf>,
    /// What the administrator says of bans, or why that can't be known.
    pub bans: Result<Options, String>,
}

impl<'a> Surroundings<'a> {
    /// Looks at a tree.
    pub fn read(tree: &dyn FileTree, databases: &'a Databases, specs: SpecDirectory) -> Self {
        let has_rules = |path: &&&str| match tree.read(Path::new(path)) {
            Ok(text) => is_rule_file(&text),
            // What can't be read may have rules.
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        Self {
            databases,
            specs,
            existing: ExistingUnits::read(tree),
            libwrap_rules: LIBWRAP.iter().find(has_rules).map(PathBuf::from),
            bans: options(tree),
        }
    }
}

/// What stands in [`Options::FILE`].
fn options(tree: &dyn FileTree) -> Result<Options, String> {
    match tree.read(Path::new(Options::FILE)) {
        Ok(text) => Options::parse(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Options::default()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a text in the format of hosts_access(5) has more than comments and blank lines.
fn is_rule_file(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// The directory of the specs at run time, by a path that units can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecDirectory {
    path: PathBuf,
    plain: Plain,
}

impl SpecDirectory {
    /// Its name inside the directory of the generated units.
    pub const NAME: &str = "xinetd-bridge";

    /// The one inside `units`, the directory of the generated units; none if that is not
    /// absolute, or if no unit can hold its name.
    pub fn inside(units: &Path) -> Option<Self> {
        let path = units.join(Self::NAME);
        let plain = Plain::path(&path)?;
        Some(Self { path, plain })
    }

    /// The one where systemd has generated units: for those who only report.
    pub fn usual() -> Self {
        const PATH: &str = "/run/systemd/generator.late/xinetd-bridge";
        Self {
            path: PATH.into(),
            plain: Plain::literal(PATH),
        }
    }

    /// Where the spec of a unit that systemd runs lies, by the unit's name without suffix.
    pub fn usual_spec(unit: &str) -> PathBuf {
        Self::usual().path.join(format!("{}.toml", simple(unit)))
    }

    /// The spec of a unit, for an argument.
    pub(super) fn path_of(&self, unit: &UnitName) -> Vec<u8> {
        let path = self.path.join(format!("{}.toml", unit.simple()));
        path.as_os_str().as_bytes().to_vec()
    }

    /// The spec of a unit, for LoadCredential=.
    pub(super) fn credential(&self, unit: &UnitName) -> Value {
        Value::Spec(self.plain.clone(), unit.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Entry, MemoryTree};

    #[test]
    fn comments_are_no_rules() {
        assert!(!is_rule_file(b"# ALL: ALL\n\n  \n\t# x\n"));
        assert!(is_rule_file(b"# x\nALL: ALL"));
    }

    #[test]
    fn an_unreadable_file_may_have_rules() {
        let units = Path::new("/run/systemd/generator.late");
        let read = |tree: MemoryTree| {
            let specs = SpecDirectory::inside(units).unwrap();
            Surroundings::read(&tree, &Databases::default(), specs).libwrap_rules
        };
        assert_eq!(read(MemoryTree::default()), None);
        assert_eq!(
            read(MemoryTree::default().entry("/etc/hosts.deny", Entry::Other)),
            Some("/etc/hosts.deny".into())
        );
        let both = MemoryTree::default()
            .file("/etc/hosts.allow", "sshd: ALL\n")
            .file("/etc/hosts.deny", "ALL: ALL\n");
        assert_eq!(read(both), Some("/etc/hosts.allow".into()));
    }

    #[test]
    fn the_directory_must_fit_into_a_unit() {
        assert!(SpecDirectory::inside(Path::new("/tmp/50% off")).is_some());
        assert!(SpecDirectory::inside(Path::new("tmp")).is_none());
        assert!(SpecDirectory::inside(Path::new("/tmp/a\nb")).is_none());
    }
}
