//! Which of the programs that the bridge takes the place of start at boot, by the files of a tree.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::config::{EntryKind, FileTree};

/// Where units lie, the strongest directory first (systemd.unit(5)).
const UNITS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The directories of links in the runlevels that systemd-sysv-generator takes for multi-user.target.
const RUNLEVELS: [&str; 4] = ["/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d"];

/// What turns init scripts into units; systemd 260 and later are without it.
const SCRIPTS: [&str; 2] = [
    "/usr/lib/systemd/system-generators/systemd-sysv-generator",
    "/lib/systemd/system-generators/systemd-sysv-generator",
];

/// What the bridge's own unit calls: where an init script of real xinetd is there, that one is called in turn.
const OURS: &str = "/xinetdctl daemon start";

/// What has `program` started at boot as the service `name`: the link of a unit, or of an init script.
///
/// A unit of that name that runs something else counts as little as a masked one.
pub(super) fn starts(tree: &dyn FileTree, program: &str, name: &str) -> Option<PathBuf> {
    if !exists(tree, Path::new(program)) {
        return None;
    }
    let unit = format!("{name}.service");
    let script = tree.read(&Path::new("/etc/init.d").join(name));
    let files = UNITS
        .iter()
        .map(|directory| Path::new(directory).join(&unit));
    match files.into_iter().find(|file| exists(tree, file)) {
        // /dev/null of a masked one can't be read.
        Some(file) => {
            let text = tree.read(&file).unwrap_or_default();
            let calls_script = contains(&text, OURS) && script.is_ok();
            let runs = contains(&text, program) || calls_script;
            runs.then(|| wanted(tree, &unit)).flatten()
        }
        None => {
            let scripts = SCRIPTS.iter().any(|path| exists(tree, Path::new(path)));
            let runs = scripts && script.is_ok();
            runs.then(|| in_runlevels(tree, name)).flatten()
        }
    }
}

/// Whether there is something of this name; a link that leads nowhere is.
pub(super) fn exists(tree: &dyn FileTree, path: &Path) -> bool {
    let is_missing = |error: io::Error| error.kind() == ErrorKind::NotFound;
    tree.read_link(path).is_ok() || !tree.read(path).is_err_and(is_missing)
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len())
        .any(|window| window == part.as_bytes())
}

/// The link by which another unit pulls this one in.
fn wanted(tree: &dyn FileTree, unit: &str) -> Option<PathBuf> {
    let pulls = |(path, entry): &(PathBuf, EntryKind)| {
        let end = path.extension().and_then(OsStr::to_str);
        *entry == EntryKind::Directory && matches!(end, Some("wants" | "requires" | "upholds"))
    };
    UNITS.iter().find_map(|directory| {
        let mut all = tree.list(Path::new(directory)).unwrap_or_default();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        let links = all.iter().filter(|entry| pulls(entry));
        let mut links = links.map(|(path, _)| path.join(unit));
        links.find(|link| exists(tree, link))
    })
}

/// The link that starts an init script.
fn in_runlevels(tree: &dyn FileTree, name: &str) -> Option<PathBuf> {
    let is_start = |path: &PathBuf| {
        let link = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let rest = link.strip_prefix('S');
        rest.is_some_and(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()) == name)
    };
    RUNLEVELS.iter().find_map(|directory| {
        let links = tree.list(Path::new(directory)).unwrap_or_default();
        links.into_iter().map(|(path, _)| path).find(is_start)
    })
}
