//! `--stop UNIT`: ends the servers of a unit that `systemctl stop` stops.
//!
//! The unit has `KillMode=process`, so that servers outlive their helper; here, and only here, they
//! are ended. The helper still lives meanwhile and logs how they ended.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::status::STOP;
use crate::sys::process::Process;

use super::membership::unit_groups;
use super::reload::{main_pid, request, runtime_directory};

/// How long servers may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// How often processes are looked for again that were made in the meantime.
const ROUNDS: usize = 20;

/// The processes of a unit whose servers are to end.
#[derive(Debug)]
pub(crate) struct Servers {
    /// The unit, without suffix.
    pub(crate) unit: String,
    /// The helper, which lives on.
    pub(crate) helper: i32,
    /// The folder of the unit's control group.
    pub(crate) group: PathBuf,
    /// The helper's RuntimeDirectory.
    pub(crate) runtime: PathBuf,
}

/// Ends all processes of the unit's control group but the helper and this one.
///
/// Where the helper has ended by itself there is nothing to do: what servers have left behind in
/// the background goes on, as under xinetd.
///
/// # Errors
/// In words, if the processes can't be found or do not end.
pub(super) fn stop(unit: &str) -> Result<(), String> {
    let Some(helper) = main_pid() else {
        return Ok(());
    };
    let servers = Servers {
        unit: unit.to_owned(),
        helper,
        group: control_group().ok_or("the control group of the unit can't be found")?,
        runtime: runtime_directory().unwrap_or_default(),
    };
    match end(&[servers]) {
        0 => Ok(()),
        count => Err(format!("{count} processes of {unit} do not end")),
    }
}

/// Ends the servers of several units at once; how many processes do not end.
pub(crate) fn end(units: &[Servers]) -> usize {
    for Servers {
        unit,
        helper,
        runtime,
        ..
    } in units
    {
        // Else it would go on to make servers. If it does not answer, it makes none either.
        if let Err(error) = request(runtime, *helper, STOP.as_bytes()) {
            log::info!("the helper of {unit} does not answer: {error}");
        }
    }
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let left = || {
        let of_unit = |servers: &Servers| processes(&servers.group, &[servers.helper, own]);
        units.iter().flat_map(of_unit).collect::<Vec<_>>()
    };
    let deadline = Instant::now() + GRACE;
    let mut told = HashSet::new();
    for _ in 0..ROUNDS {
        let processes = left();
        if processes.is_empty() {
            return 0;
        }
        let signal = match Instant::now() < deadline {
            true => Signal::SIGTERM,
            false => Signal::SIGKILL,
        };
        for process in &processes {
            if signal == Signal::SIGKILL || told.insert(process.pid()) {
                // It may have ended just now.
                let _ = process.kill(signal);
            }
        }
        let limit = match signal {
            Signal::SIGTERM => deadline,
            _ => Instant::now() + Duration::from_secs(1),
        };
        wait(&processes, limit);
    }
    left().len()
}

/// Waits until all have ended, at most until `deadline`.
fn wait(processes: &[Process], deadline: Instant) {
    for process in processes {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut descriptors = [PollFd::new(process.pidfd(), PollFlags::POLLIN)];
        let _ = poll(&mut descriptors, timeout);
    }
}

/// The processes of a group and of those below it.
fn processes(group: &Path, spare: &[i32]) -> Vec<Process> {
    let list = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let mut found: Vec<Process> = list
        .lines()
        .filter_map(|line| line.parse().ok())
        // 0 is a process outside of our pid namespace.
        .filter(|pid| *pid > 0 && !spare.contains(pid))
        .filter_map(|pid| Process::open(pid).ok())
        // Its number may have come to mean another process before it was opened.
        .filter(|process| {
            fs::read_to_string(group.join("cgroup.procs"))
                .is_ok_and(|list| list.lines().any(|line| line.parse() == Ok(process.pid())))
        })
        .collect();
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(processes(&entry.path(), spare));
        }
    }
    found
}

/// The folder of the control group that systemd made for this process's unit.
fn control_group() -> Option<PathBuf> {
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
    folders.find(|group| group.join("cgroup.procs").exists())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn all_but_the_spared_are_found_below_as_well() {
        let folder = std::env::temp_dir().join(format!("group-{}", std::process::id()));
        fs::create_dir_all(folder.join("below")).unwrap();
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        fs::write(folder.join("cgroup.procs"), format!("{own}\n1\n")).unwrap();
        fs::write(
            folder.join("below/cgroup.procs"),
            format!("{}\n0\n", child.id()),
        )
        .unwrap();
        let pids: Vec<_> = processes(&folder, &[1]).iter().map(Process::pid).collect();
        assert_eq!(pids, [own, i32::try_from(child.id()).unwrap()]);
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
}
