//! The packages: two versions of the same programs, and packages that only depend on something.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use testbed::{Result, make, run};

/// The packages' files, below the folder in which they are built.
pub(crate) struct Debs {
    folder: PathBuf,
}

/// The version that is installed first.
pub(crate) const OLD: &str = "0.0.1-1";
/// The version after it.
pub(crate) const NEW: &str = "0.0.2-1";

/// Packages of others: the name and what they depend on.
const DEPENDENTS: [(&str, &str); 2] = [
    ("like-tang-xinetd", "xinetd"),
    ("like-rstatd", "openbsd-inetd | inet-superserver"),
];

/// The folder of a machine that has them.
pub(crate) const FOLDER: &str = "/root/debs";

/// The file of xinetd-bridge in a version.
pub(crate) fn bridge(version: &str) -> String {
    format!("{FOLDER}/xinetd-bridge_{version}.deb")
}

/// The file of the package that is called xinetd, in a version.
pub(crate) fn transitional(version: &str) -> String {
    format!("{FOLDER}/xinetd_{version}.deb")
}

/// The file of a package that depends on xinetd, or on any inetd.
pub(crate) fn dependent(name: &str) -> String {
    format!("{FOLDER}/{name}.deb")
}

impl Debs {
    /// Those of this run; built by the first scenario that asks.
    pub(crate) fn get() -> Result<&'static Self> {
        static DEBS: OnceLock<Result<Debs>> = OnceLock::new();
        DEBS.get_or_init(Self::build).as_ref().map_err(Clone::clone)
    }

    fn build() -> Result<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = repository.join("target/packages/tests");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        make("build", Path::new("/"))?;
        let mut build = Command::new(repository.join("packaging/debian-build"));
        build
            .arg(&folder)
            .env("PREBUILT", "yes")
            .env("VERSION", OLD);
        run(&mut build)?;
        let debs = Self { folder };
        debs.repack()?;
        for (name, depends) in DEPENDENTS {
            debs.make_dependent(name, depends)?;
        }
        Ok(debs)
    }

    /// Gives the files their short names, and makes the second version of the first one.
    fn repack(&self) -> Result<()> {
        let script = format!(
            "set -e; cd \"$1\"; mv xinetd-bridge_*_*.deb xinetd-bridge_{OLD}.deb; mv xinetd_*_all.deb xinetd_{OLD}.deb; \
             for name in xinetd-bridge xinetd; do \
             dpkg-deb -R \"$name\"_{OLD}.deb tree; sed -i 's/{OLD}/{NEW}/' tree/DEBIAN/control; \
             dpkg-deb --root-owner-group -Zgzip -b tree \"$name\"_{NEW}.deb; rm -r tree; done"
        );
        run(Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(&self.folder))
    }

    fn make_dependent(&self, name: &str, depends: &str) -> Result<()> {
        let control = format!(
            "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: Nemo <nemo@example.org>\n\
             Depends: {depends}\nDescription: depends on {depends}\n"
        );
        let tree = self.folder.join("tree");
        testbed::write(&tree, "DEBIAN/control", control, 0o644)?;
        let deb = self.folder.join(format!("{name}.deb"));
        run(Command::new("dpkg-deb").arg("-b").args([&tree, &deb]))?;
        fs::remove_dir_all(&tree).map_err(|error| format!("{}: {error}", tree.display()))
    }

    /// Puts them all into the tree of a machine.
    pub(crate) fn put_into(&self, tree: &Path) -> Result<()> {
        let into = tree.join(&FOLDER[1..]);
        run(Command::new("cp").arg("-R").args([&self.folder, &into]))
    }
}
