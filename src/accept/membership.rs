//! To which unit of systemd a process belongs (cgroups(7)).

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use nix::unistd::getresuid;

use crate::journal::Journal;
use crate::sys::process::uids;

/// The file of a control group that has the numbers of its processes.
pub(super) const PROCESSES: &str = "cgroup.procs";

/// The groups of services in /proc/PID/cgroup, relative to a mount point: in the unified
/// hierarchy, and in systemd's own where there is one. A control process of a delegated unit is one
/// level below its group. The root group and others are never meant: they have processes of other
/// units in them.
pub(super) fn unit_groups(text: &str) -> impl Iterator<Item = &Path> {
    text.lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            matches!(controllers, "" | "name=systemd").then_some(path)
        })
        .map(|path| path.trim_start_matches('/'))
        .map(|path| Path::new(path.strip_suffix("/.control").unwrap_or(path)))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "service")
        })
}

/// The folder of the control group that systemd made for the unit of this process. A supervisor's helpers have none:
/// where it runs as a unit itself, that has the processes of all services in it.
pub(super) fn control_group() -> Option<PathBuf> {
    if Journal::is_supervisors() {
        return None;
    }
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    unit_groups(&text).find_map(folder)
}

/// The folder of a control group, by its path from the root group.
pub(crate) fn folder(path: &Path) -> Option<PathBuf> {
    const MOUNTS: [&str; 3] = [
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/unified",
        "/sys/fs/cgroup/systemd",
    ];
    let mut folders = MOUNTS.iter().map(|mount| Path::new(mount).join(path));
    folders.find(|group| group.join(PROCESSES).exists())
}

/// The numbers of the processes of a group and of those below it.
pub(super) fn members(group: &Path) -> Vec<i32> {
    let list = fs::read_to_string(group.join(PROCESSES)).unwrap_or_default();
    // 0 is a process outside of our pid namespace.
    let numbers = list.lines().filter_map(|line| line.parse().ok());
    let mut found: Vec<i32> = numbers.filter(|pid| *pid > 0).collect();
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(members(&entry.path()));
        }
    }
    found
}

/// The numbers of the processes of this one's unit; none where they can't be read.
pub(super) fn companions() -> HashSet<i32> {
    let group = control_group();
    group
        .map(|group| members(&group).into_iter().collect())
        .unwrap_or_default()
}

/// Whether the unit of this process, its main process, has other processes as well: those that its
/// servers have left in the background.
pub(super) fn has_others() -> bool {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    control_group().is_some_and(|group| members(&group).iter().any(|pid| *pid != own))
}

/// Whether a process that `uid` names as its effective user is one of a system service among
/// `units`, names without suffix.
///
/// Its number may have come to mean another process since it was told, so that its user has to be
/// the same still: no process but root's can be both. And it has to be the unit's helper: a command
/// that a rule of hosts.allow runs for the unit is none.
pub(super) fn is_of(pid: i32, uid: u32, units: &[String]) -> bool {
    let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}"));
    let (Ok(group), Ok(status)) = (read("cgroup"), read("status")) else {
        return false;
    };
    let Ok(own) = getresuid() else {
        return false;
    };
    let own = (own.real.as_raw(), own.effective.as_raw());
    is_helper(&status, uid, own)
        && unit_groups(&group).any(|group| units.iter().any(|unit| is_group_of(group, unit)))
}

/// Whether a process is a helper with this effective user, by its real, effective, saved and file
/// system's uid in /proc/PID/status. `own` is the real and the effective uid of this helper.
///
/// A helper has the helpers' own user as its real and saved one, which no command has that it runs.
/// Where a drop-in has `User=`, or the machine lacks the helpers' user, the two can't be told apart.
fn is_helper(status: &str, uid: u32, own: (u32, u32)) -> bool {
    const ROOT: u32 = 0;
    let Some([real, effective, saved, file_system]) = uids(status) else {
        return false;
    };
    let has_shape = match own {
        (helpers, effective) if helpers != effective => real == helpers,
        (_, ROOT) => real != effective || real == ROOT,
        _ => true,
    };
    has_shape && real == saved && effective == uid && file_system == uid
}

/// Whether it is the group that systemd makes for a service of the system. All above it are slices:
/// users may make groups of any name, but only below units of their own.
fn is_group_of(group: &Path, unit: &str) -> bool {
    let mut parts = group.components().rev();
    let name = match parts.next() {
        Some(Component::Normal(name)) => name.to_str(),
        _ => None,
    };
    // Names that mean something to the kernel are written with a `_` before them.
    let name = name.and_then(|name| name.strip_suffix(".service"));
    let is_it = name.is_some_and(|name| name == unit || name.strip_prefix('_') == Some(unit));
    is_it
        && parts.all(|part| {
            Path::new(&part)
                .extension()
                .is_some_and(|end| end == "slice")
        })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn only_the_group_of_a_service_is_one() {
        let units = |text| unit_groups(text).map(Path::to_path_buf).collect::<Vec<_>>();
        let expected = [Path::new("system.slice/telnet.service")];
        assert_eq!(units("0::/system.slice/telnet.service\n"), expected);
        assert_eq!(
            units("0::/system.slice/telnet.service/.control\n"),
            expected
        );
        let hybrid = "2:pids:/x.service\n1:name=systemd:/system.slice/telnet.service\n0::/\n";
        assert_eq!(units(hybrid), expected);
        for none in [
            "0::/\n",
            "0::/user.slice/session-1.scope\n",
            "0::/system.slice\n",
            "",
        ] {
            assert_eq!(units(none), [""; 0].map(PathBuf::from), "{none}");
        }
    }

    #[test]
    fn users_can_not_make_the_group_of_a_system_service() {
        let yes = |group: &str| assert!(is_group_of(Path::new(group), "tcpmux"), "{group}");
        yes("system.slice/tcpmux.service");
        yes("tcpmux.service");
        yes("a.slice/a-b.slice/_tcpmux.service");
        for no in [
            "user.slice/user-1000.slice/user@1000.service/app.slice/tcpmux.service",
            "system.slice/docker-1.scope/tcpmux.service",
            "system.slice/tcpmux.service/tcpmux.service",
            "system.slice/tcpmux.socket",
            "system.slice/my-tcpmux.service",
            "system.slice/tcpmux.service/..",
            "",
        ] {
            assert!(!is_group_of(Path::new(no), "tcpmux"), "{no}");
        }
    }

    #[test]
    fn a_process_that_was_another_users_is_another_one() {
        let status = "Name:\tx\nUid:\t17\t17\t17\t17\nGid:\t5\t5\t5\t5\n";
        let plain = (17, 17);
        assert!(is_helper(status, 17, plain));
        assert!(!is_helper(status, 5, plain));
        assert!(!is_helper("Uid:\t17\t0\t17\t17\n", 17, plain));
        assert!(
            !is_helper("Uid:\t0\t17\t17\t17\n", 17, plain),
            "a set-user-ID program"
        );
        assert!(!is_helper("Name:\tx\n", 17, plain));
        assert!(!is_helper("Uid:\n", 17, plain));
        let helper = "Uid:\t9\t17\t9\t17\n";
        for own in [(9, 33), (0, 0)] {
            assert!(is_helper(helper, 17, own));
            assert!(!is_helper(helper, 9, own));
            assert!(!is_helper(status, 17, own), "a command of the unit's rules");
        }
    }
}
