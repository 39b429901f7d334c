//! What a translation has to know besides the configuration.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::daemon::Daemon;
use super::mux::MuxPlace;
use super::name::ExistingUnits;
use super::sandbox::Confinement;
use super::unit::{Plain, Value};
use super::unit_name::{UnitName, from_simple, simple};
use crate::bans;
use crate::config::FileTree;
use crate::installed::ejected::SPECS;
use crate::startup::Startup;

/// What a translation has to know besides the configuration.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where the specs will lie.
    pub specs: SpecDirectory,
    /// The units of others.
    pub existing: ExistingUnits,
    /// Which program has the name `xinetd`.
    pub daemon: Daemon,
    /// What else than xinetd's files says what is served.
    pub startup: Startup,
    /// What sandboxes may take away.
    pub confinement: Confinement,
    /// Where services that tcpmux leads to listen.
    pub mux: MuxPlace,
    /// What the administrator says of bans; nothing where that can't be understood, as the coordinator
    /// knows whom it must not ban.
    pub bans: bans::BanOptions,
}

impl Surroundings {
    /// Looks at a tree, of which `startup` is read already.
    pub fn read(tree: &dyn FileTree, specs: SpecDirectory, startup: Startup) -> Self {
        Self {
            specs,
            existing: ExistingUnits::read(tree),
            daemon: Daemon::read(tree),
            confinement: Confinement::read(tree),
            mux: MuxPlace::units(),
            bans: startup.options().bans().unwrap_or_default(),
            startup,
        }
    }

    /// A machine without systemd: no unit of others has the name of a service.
    pub fn without_systemd(startup: Startup, mux: MuxPlace) -> Self {
        Self {
            specs: SpecDirectory::usual(),
            existing: ExistingUnits::default(),
            daemon: Daemon::Other,
            confinement: Confinement {
                restricted: true,
                commands: false,
            },
            mux,
            bans: startup.options().bans().unwrap_or_default(),
            startup,
        }
    }
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

    /// The one of ejected services.
    pub fn ejected() -> Self {
        Self {
            path: SPECS.into(),
            plain: Plain::literal(SPECS),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the spec of a unit lies, by the unit's name without suffix.
    pub fn spec(&self, unit: &str) -> PathBuf {
        self.path.join(format!("{}.toml", simple(unit)))
    }

    /// The unit without suffix whose spec this file is; none if it is no spec.
    pub fn unit(file: &Path) -> Option<String> {
        let is_spec = file.extension() == Some(OsStr::new("toml"));
        let simple = file.file_stem()?.to_str()?;
        is_spec.then(|| from_simple(simple))
    }

    /// The spec of a unit, for an argument.
    pub(super) fn path_of(&self, unit: &UnitName) -> Vec<u8> {
        self.spec(unit.as_str()).as_os_str().as_bytes().to_vec()
    }

    /// The spec of a unit, for StandardInput=.
    pub(super) fn input(&self, unit: &UnitName) -> Value {
        Value::Spec(self.plain.clone(), unit.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_must_fit_into_a_unit() {
        assert!(SpecDirectory::inside(Path::new("/tmp/50% off")).is_some());
        assert!(SpecDirectory::inside(Path::new("tmp")).is_none());
        assert!(SpecDirectory::inside(Path::new("/tmp/a\nb")).is_none());
    }

    #[test]
    fn a_spec_leads_to_its_unit() {
        for unit in ["telnet", r"a\x20b:c"] {
            let spec = SpecDirectory::usual().spec(unit);
            assert_eq!(SpecDirectory::unit(&spec).as_deref(), Some(unit));
        }
        assert_eq!(SpecDirectory::unit(Path::new("/x/changed")), None);
    }
}
