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

/// A version before both, whose specs have another format: see [`put_other_format_into`].
pub(crate) const OTHER_FORMAT: &str = "0.0.0-1";

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

/// Fails unless the same programs give the same packages, whatever the folder, the time and the umask.
pub(crate) fn are_reproducible() -> Result<()> {
    Debs::get()?;
    run(Command::new("sh")
        .args(["-c", BUILD_TWICE])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")))
}

/// Packs the programs of target/release twice, and compares the packages.
const BUILD_TWICE: &str = r#"
    set -e
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    PREBUILT=yes packaging/debian-build "$work/one"
    umask 027
    TZ=Asia/Tokyo SOURCE_DATE_EPOCH=1 PREBUILT=yes packaging/debian-build "$work/two"
    cd "$work/one"
    for deb in *.deb; do cmp "$deb" "../two/$deb"; done
"#;

/// Puts the version whose specs have another format into the tree of a machine: built of the same sources, with the
/// number of the format changed, by the first scenario that asks.
pub(crate) fn put_other_format_into(tree: &Path) -> Result<()> {
    static BUILT: OnceLock<Result<()>> = OnceLock::new();
    // Outside the repository, as the libraries take a minute, and are the same the next time.
    let folder = testbed::cache().join("other-format");
    let build = || {
        run(Command::new("flock")
            .arg(testbed::cache().join("other-format.lock"))
            .args(["sh", "-c", BUILD_OTHER_FORMAT, "sh"])
            .arg(&folder)
            .arg(OTHER_FORMAT)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .env_remove("CARGO_MANIFEST_DIR"))
    };
    BUILT.get_or_init(build).clone()?;
    let built = folder.join(format!("xinetd-bridge_{OTHER_FORMAT}.deb"));
    let into = tree.join(&FOLDER[1..]);
    run(Command::new("cp").args([&built, &into]))
}

/// Builds xinetd-bridge of the sources here with another format of specs: in the folder $1, in the version $2. How fast
/// its programs are does not matter.
const BUILD_OTHER_FORMAT: &str = r#"
    set -e
    rm -rf "$1/source" "$1/packages"
    mkdir -p "$1/source" "$1/target"
    tar --create --exclude-vcs --exclude=./target . | tar --extract --directory "$1/source"
    ln -s ../target "$1/source/target"
    cd "$1/source"
    spec=crates/core/src/spec.rs
    format=$(sed -n 's/.* FORMAT: u32 = \([0-9]*\);$/\1/p' "$spec")
    sed -i "s/ FORMAT: u32 = $format;/ FORMAT: u32 = $((format - 1));/" "$spec"
    export CARGO_TARGET_DIR="$1/target" CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 CARGO_INCREMENTAL=1
    make --silent build
    PREBUILT=yes VERSION="$2" packaging/debian-build "$1/packages"
    mv "$1"/packages/xinetd-bridge_"$2"_*.deb "$1/xinetd-bridge_$2.deb"
"#;

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
