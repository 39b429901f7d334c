//! Running the generator and systemd-analyze on trees of files.
#![allow(dead_code, reason = "not every test uses everything")]
#![allow(clippy::print_stderr, reason = "it says what is skipped")]

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::Failed;

/// Where the generated units lie in the trees that systemd-analyze looks at: no other path fits
/// the StandardInput= lines of the golden trees.
pub(crate) const DIRECTORY: &str = "/run/systemd/generator.late";

/// A directory that goes away with the value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new one.
    pub(crate) fn new() -> Result<Self, Failed> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("xinetd-generator-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        // Without links, as the generator writes it into units.
        Ok(Self(path.canonicalize()?))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind lies in the temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("/"))
}

/// Runs the generator on the tree `root`, into `directory`.
pub(crate) fn generate(root: &Path, directory: &Path) -> Result<Output, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_xinetd-generator"))
        .env_clear()
        .env("XINETD_BRIDGE_ROOT", root)
        .args([&root.join("normal"), &root.join("early"), directory])
        .output()?;
    Ok(output)
}

/// Whether systemd-analyze is there and new enough to look below a root.
pub(crate) fn can_verify() -> bool {
    let Ok(output) = Command::new("systemd-analyze").arg("--version").output() else {
        eprintln!("skipped: units are not verified: systemd-analyze is not installed");
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    let is_enough = version.is_some_and(|version: u32| version >= 252);
    if !is_enough {
        eprintln!("skipped: units are not verified: systemd-analyze is older than 252");
    }
    is_enough
}

/// Lets systemd-analyze verify all units in `directory`, in a root where the helper and the
/// target are installed. It must say nothing: what it only warns about, systemd ignores.
pub(crate) fn verify(directory: &Path) -> Result<(), Failed> {
    let root = Scratch::new()?;
    let units = root.path().join("usr/lib/systemd/system");
    fs::create_dir_all(&units)?;
    for unit in [
        "xinetd.target",
        "xinetd-reconcile.path",
        "xinetd-reconcile.timer",
    ] {
        fs::copy(repository().join("units").join(unit), units.join(unit))?;
    }
    let service = "[Service]\nExecStart=/bin/true\n";
    fs::write(units.join("xinetd-reconcile.service"), service)?;
    for target in ["sockets", "paths", "timers", "sysinit", "basic", "shutdown"] {
        fs::write(
            units.join(format!("{target}.target")),
            "[Unit]\nDescription=stub\n",
        )?;
    }
    for program in [
        "usr/libexec/xinetd-bridge/xinetd-accept",
        "usr/bin/xinetdctl",
        "bin/true",
    ] {
        let program = root.path().join(program);
        fs::create_dir_all(program.parent().ok_or("a program has no directory")?)?;
        fs::write(&program, "#!/bin/sh\n")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }

    let installed = root.path().join("etc/systemd/system");
    copy(directory, &installed)?;
    let is_unit = |path: &PathBuf| {
        path.extension()
            .is_some_and(|end| end == "socket" || end == "service")
    };
    let files = list(&installed)?.into_iter().filter(is_unit);
    // In an argument a colon would begin an alias. What such a unit is wanted by is verified
    // instead, which loads it.
    let has_colon = |path: &PathBuf| path.as_os_str().as_encoded_bytes().contains(&b':');
    let (wanted, mut files): (Vec<PathBuf>, Vec<PathBuf>) = files.partition(has_colon);
    if !wanted.is_empty() {
        let names = wanted.iter().filter_map(|path| path.file_name()?.to_str());
        let text: String = names.map(|name| format!("Wants={name}\n")).collect();
        let target = installed.join("wanting.target");
        fs::write(&target, format!("[Unit]\n{text}"))?;
        files.push(target);
    }
    if files.is_empty() {
        return Ok(());
    }
    let mut root_option = std::ffi::OsString::from("--root=");
    root_option.push(root.path());
    let output = Command::new("systemd-analyze")
        .arg(root_option)
        .args(["--man=no", "verify", "--"])
        .args(&files)
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // The one remark that stays: it is about the user that the xinetd file names.
    let is_fault =
        |line: &&str| !line.ends_with("Special user nobody configured, this is not safe!");
    let faults: Vec<_> = said.lines().filter(is_fault).collect();
    if output.status.success() && faults.is_empty() {
        return Ok(());
    }
    Err(format!("{}: {}", output.status, faults.join("\n")).into())
}

/// The entries of a directory by name; one that is missing has none.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>, Failed> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: Result<Vec<_>, _> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let mut paths = paths?;
    paths.sort();
    Ok(paths)
}

/// Copies a tree, links as links.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failed> {
    fs::create_dir_all(to)?;
    for path in list(from)? {
        let target = to.join(path.file_name().ok_or("an entry has no name")?);
        let kind = path.symlink_metadata()?.file_type();
        if kind.is_symlink() {
            symlink(path.read_link()?, target)?;
        } else if kind.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, target)?;
        }
    }
    Ok(())
}
