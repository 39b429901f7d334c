//! `--stop UNIT`: ends the servers of a unit that `systemctl stop` stops.
//!
//! The unit has `KillMode=process`, so that servers outlive their helper; here, and only here, they
//! are ended: first by SIGTERM, and what is left after a while by the kernel, all at once. The
//! helper still lives meanwhile and logs how they ended.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::status::STOP;
use crate::sys::process::{Process, is_stopped};

use super::membership::{PROCESSES, control_group, members};
use super::reload::{PATIENCE, main_pid, request, runtime_directory};

/// How long servers may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// How long processes may take to end that were killed.
const LAST: Duration = Duration::from_secs(3);

/// How long a helper may take to stop for the moment in which the others are killed.
const HALT: Duration = Duration::from_millis(100);

/// How often processes are looked for that were made in the meantime.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
/// A helper that ended by itself has left no process behind: it stays as long as there are some.
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
        if let Err(error) = request(runtime, *helper, STOP.as_bytes(), PATIENCE) {
            log::info!("the helper of {unit} does not answer: {error}");
        }
    }
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let mut told = HashSet::new();
    let terminate = |process: &Process| match told.insert(process.pid()) {
        true => process.kill(Signal::SIGTERM),
        false => Ok(()),
    };
    if rounds(units, own, GRACE, terminate) == 0 {
        return 0;
    }
    for servers in units {
        // For as long as it is in another group: journald would take its lines for those of that unit.
        let _halted = Halted::halt(servers.helper);
        if let Err(error) = kill(&servers.group, [servers.helper, own]) {
            let unit = &servers.unit;
            log::info!("{unit}: the processes are killed one by one: {error}");
        }
    }
    rounds(units, own, LAST, |process| process.kill(Signal::SIGKILL))
}

/// How many processes of the units are left, without the helpers and the process `own`.
///
/// One that makes another and ends can be missed by a look at the list, and hardly by several.
fn left(units: &[Servers], own: i32) -> usize {
    const LOOKS: usize = 4;
    let of_unit = |servers: &Servers| {
        let members = members(&servers.group).into_iter();
        members
            .filter(|pid| ![servers.helper, own].contains(pid))
            .count()
    };
    let look = || units.iter().map(of_unit).sum();
    std::iter::repeat_with(look)
        .take(LOOKS)
        .find(|&count: &usize| count > 0)
        .unwrap_or_default()
}

/// Signals the processes of the units again and again, until there are none or the time is over; how
/// many there are then. The helpers and the process `own` are spared.
fn rounds(
    units: &[Servers],
    own: i32,
    time: Duration,
    mut signal: impl FnMut(&Process) -> io::Result<()>,
) -> usize {
    let deadline = Instant::now() + time;
    loop {
        let of_unit = |servers: &Servers| processes(&servers.group, &[servers.helper, own]);
        let processes: Vec<Process> = units.iter().flat_map(of_unit).collect();
        // None that could be opened does not mean none: each may have made the next one meanwhile.
        let count = left(units, own);
        if count == 0 || Instant::now() >= deadline {
            return count;
        }
        for process in &processes {
            // It may have ended just now.
            let _ = signal(process);
        }
        let next = Instant::now() + LOOK_AGAIN;
        wait(&processes, next.min(deadline));
        // Processes that make others and end would have us look for them without a pause.
        if processes.len() != 1 {
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
}

/// Kills a group and those below it as a whole: no process gets away by making another one in the
/// meantime.
///
/// The helper and this process are not to be killed. For that moment they are in the group of the
/// unit's socket, in which no other process ever is.
///
/// # Errors
/// If the kernel has no such order (before 5.14, or in control groups version 1), or if the group of
/// the socket can't be used.
fn kill(group: &Path, spare: [i32; 2]) -> io::Result<()> {
    let order = group.join("cgroup.kill");
    if !order.exists() {
        return Err(io::Error::other("there is no cgroup.kill"));
    }
    let inside = members(group).into_iter().filter(|pid| spare.contains(pid));
    let _aside = Aside::step(group, inside.collect())?;
    fs::write(order, "1")
}

/// A process that is stopped (SIGSTOP) until this is dropped.
struct Halted(Process);

impl Halted {
    /// Stops a process, and waits until it has; none where it can't be stopped.
    fn halt(pid: i32) -> Option<Self> {
        let halted = Self(Process::open(pid).ok()?);
        halted.0.kill(Signal::SIGSTOP).ok()?;
        let deadline = Instant::now() + HALT;
        // One that has ended, or can't be seen, is not waited for.
        while is_stopped(pid).is_ok_and(|stopped| !stopped)
            && !halted.0.has_ended().unwrap_or(true)
            && Instant::now() < deadline
        {
            thread::sleep(Duration::from_micros(100));
        }
        Some(halted)
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        // One that has ended needs none.
        let _ = self.0.kill(Signal::SIGCONT);
    }
}

/// Processes that are out of their group until this is dropped.
struct Aside<'a> {
    group: &'a Path,
    other: PathBuf,
    is_made: bool,
    processes: Vec<i32>,
}

impl<'a> Aside<'a> {
    fn step(group: &'a Path, processes: Vec<i32>) -> io::Result<Self> {
        let other = group.with_extension("socket");
        // systemd makes it only where it has something to enforce for the socket.
        let is_made = fs::create_dir(&other).is_ok();
        let aside = Self {
            group,
            other,
            is_made,
            processes,
        };
        for process in &aside.processes {
            match fs::write(aside.other.join(PROCESSES), process.to_string()) {
                // The helper has ended.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                moved => moved?,
            }
        }
        Ok(aside)
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        // What fails here does no harm: systemd knows both processes by their numbers, and takes
        // the other group as its own.
        for process in &self.processes {
            let _ = fs::write(self.group.join(PROCESSES), process.to_string());
        }
        if self.is_made {
            let _ = fs::remove_dir(&self.other);
        }
    }
}

/// Waits until all have ended, at most until `deadline`.
fn wait(processes: &[Process], deadline: Instant) {
    for process in processes {
        let _ = process.await_end(deadline.saturating_duration_since(Instant::now()));
    }
}

/// The processes of a group and of those below it.
fn processes(group: &Path, spare: &[i32]) -> Vec<Process> {
    let opened: Vec<Process> = members(group)
        .into_iter()
        .filter(|pid| !spare.contains(pid))
        .filter_map(|pid| Process::open(pid).ok())
        .collect();
    if opened.is_empty() {
        return opened;
    }
    // A number may have come to mean another process before it was opened.
    let still: HashSet<i32> = members(group).into_iter().collect();
    let is_still = |process: &Process| still.contains(&process.pid());
    opened.into_iter().filter(is_still).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_halted_process_goes_on_when_that_is_over() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let halted = Halted::halt(pid).unwrap();
        assert!(is_stopped(pid).unwrap());
        drop(halted);
        let deadline = Instant::now() + Duration::from_secs(10);
        while is_stopped(pid).unwrap() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(!is_stopped(pid).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Halted::halt(pid).is_none(), "it has ended");
    }

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
