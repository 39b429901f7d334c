//! Trees of files: a container's before it boots, or any other root.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::{Result, context};

/// Runs a target of the Makefile, such as `install`, with the tree as DESTDIR.
///
/// # Errors
/// What make said.
pub fn make(target: &str, tree: &Path) -> Result<()> {
    let output = Command::new("make")
        .args(["--silent", target])
        .arg(format!("DESTDIR={}", tree.display()))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        // Cargo's own variables of this test run would make it build everything anew.
        .env_remove("CARGO_MANIFEST_DIR")
        .output();
    let output = context(output, format_args!("make {target}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("make {target} failed:\n{said}"))
}

/// Compiles a C source into a program or library, with these options of gcc.
///
/// # Errors
/// What gcc said.
pub fn compile(source: &Path, options: &[&str], into: &Path) -> Result<()> {
    run(Command::new("gcc")
        .args(options)
        .arg("-o")
        .args([into, source]))
}

/// Runs a command.
///
/// # Errors
/// What it said, or that it is not there.
pub fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{program}: {error}; tests/setup installs it"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{program} failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// Puts the program that serves without systemd in the place of real xinetd, with the user of its helpers.
///
/// # Errors
/// What make or useradd said.
pub(crate) fn make_standalone(tree: &Path) -> Result<()> {
    // Debian's packages have files of these names, which would stay.
    for theirs in ["etc/xinetd.conf", "etc/init.d/xinetd", "etc/default/xinetd"] {
        let _ = fs::remove_file(tree.join(theirs));
    }
    let _ = fs::remove_dir_all(tree.join("etc/xinetd.d"));
    make("install-standalone", tree)?;
    let user = ["useradd", "--system", "xinetd-bridge"];
    run(Command::new("chroot").arg(tree).args(user))
}

/// Makes the system user of the helpers, as a package does when it is installed.
///
/// # Errors
/// What systemd-sysusers said.
pub(crate) fn make_user(tree: &Path) -> Result<()> {
    let output = Command::new("chroot")
        .arg(tree)
        .args(["systemd-sysusers", "xinetd-bridge.conf"])
        .output();
    let output = context(output, "systemd-sysusers")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("systemd-sysusers failed:\n{said}"))
}

/// Has the services started at boot, as a package does when it is installed: unless something else is called
/// xinetd there.
///
/// # Errors
/// If the tree can't be written.
pub(crate) fn enable(tree: &Path) -> Result<()> {
    let is_there = |path: &str| tree.join(path).symlink_metadata().is_ok();
    if is_there("etc/systemd/system/xinetd.service") || !is_there(&UNIT[1..]) {
        return Ok(());
    }
    let wants = tree.join("etc/systemd/system/multi-user.target.wants");
    context(fs::create_dir_all(&wants), wants.display())?;
    let link = wants.join("xinetd.service");
    match symlink(UNIT, &link) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(format!("{}: {error}", link.display()))
        }
        _ => Ok(()),
    }
}

/// The unit by which all services together are started and stopped.
const UNIT: &str = "/usr/lib/systemd/system/xinetd.service";

/// Writes a file of a tree, its folders included.
///
/// # Errors
/// What kept it from being written.
pub fn write(tree: &Path, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    let file = tree.join(path.trim_start_matches('/'));
    if let Some(folder) = file.parent() {
        context(fs::create_dir_all(folder), path)?;
    }
    context(fs::write(&file, content), path)?;
    context(
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)),
        path,
    )
}

/// Has daemon-reloads change nothing of what runs: for a bed that makes each of its machines anew, and
/// starts itself what it wants.
///
/// # Errors
/// If the tree can't be written.
pub fn without_reconcile(tree: &Path) -> Result<()> {
    let mask = tree.join("etc/systemd/system/xinetd-reconcile.path");
    context(symlink("/dev/null", &mask), mask.display())
}

/// Masks real xinetd, which would take the ports at boot, and empties the folder of services: what
/// Debian's package puts there is not part of any test.
pub(crate) fn without_xinetd(tree: &Path) -> Result<()> {
    let mask = tree.join("etc/systemd/system/xinetd.service");
    context(symlink("/dev/null", &mask), mask.display())?;
    let services = tree.join("etc/xinetd.d");
    context(fs::remove_dir_all(&services), services.display())?;
    context(fs::create_dir(&services), services.display())
}
