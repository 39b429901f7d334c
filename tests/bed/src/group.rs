//! A control group for each container.
//!
//! systemd-nspawn with --keep-unit makes the container's group in the one that it runs in, always
//! under the same name: two containers of one machine would share it, and each would end the
//! services of the other or remove their groups.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, context};

/// Makes the groups of a container, one in each hierarchy that systemd uses, and gives their
/// folders. A process is moved there by a write to `cgroup.procs`.
///
/// # Errors
/// If one can't be made.
pub(crate) fn make(machine: &str) -> Result<Vec<PathBuf>> {
    let groups = folders(machine);
    for group in &groups {
        context(fs::create_dir_all(group), group.display())?;
    }
    Ok(groups)
}

/// Removes them, with what the container has left in them.
pub(crate) fn remove(machine: &str) {
    for group in folders(machine) {
        remove_tree(&group);
    }
}

fn folders(machine: &str) -> Vec<PathBuf> {
    const UNIFIED: [&str; 2] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let lines = own.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    let mount = |controllers| match controllers {
        "" => UNIFIED
            .into_iter()
            .find(|mount| Path::new(mount).join("cgroup.subtree_control").exists()),
        "name=systemd" => Some("/sys/fs/cgroup/systemd"),
        _ => None,
    };
    lines
        .filter_map(|(controllers, path)| {
            let own = Path::new(mount(controllers)?).join(path.trim_start_matches('/'));
            Some(own.join(format!("xinetd-bridge-{machine}")))
        })
        .collect()
}

/// The files in a group go with it; what is below it has to go first.
fn remove_tree(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}
