//! Processes that servers have left in the background.
//!
//! Under systemd the control group of the unit holds them. A supervisor's helper is their subreaper (prctl(2)): what a
//! server leaves behind becomes a child of the helper, so that the supervisor finds it below the helper when the service
//! ends. Such a helper has to take note of their ends.

use std::collections::HashSet;

use nix::sys::prctl::set_child_subreaper;

use super::membership::has_others;
use crate::journal::Journal;
use crate::sys::process::{Children, reap_child};

/// Makes this process the parent of what its servers leave behind, where it is a supervisor's; to be called before the
/// first server is started.
pub(super) fn adopt() {
    if Journal::is_supervisors()
        && let Err(errno) = set_child_subreaper(true)
    {
        log::warn!(
            "what servers leave behind does not end with the service: PR_SET_CHILD_SUBREAPER: {errno}"
        );
    }
}

/// Whether there are such processes; to be asked where no server runs.
pub(super) fn is_any() -> bool {
    match Journal::is_supervisors() {
        true => reap(&HashSet::new()),
        false => has_others(),
    }
}

/// Takes note of the ends of those that have ended, where servers and commands with the numbers `known` run, whose
/// ends are for others to hear of.
pub(super) fn tidy(known: impl FnOnce() -> HashSet<i32>) {
    if Journal::is_supervisors() && matches!(Children::now(), Children::Ended(_)) {
        reap(&known());
    }
}

/// Takes note of the ends of children that are not `known`; whether there are others. Stops at a known one that has
/// ended too, which another part takes note of first.
fn reap(known: &HashSet<i32>) -> bool {
    loop {
        match Children::now() {
            Children::Ended(pid) if !known.contains(&pid) => reap_child(pid),
            Children::Ended(_) | Children::Running => return true,
            Children::Absent => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// In a process of its own: all children of this one are looked at.
    #[test]
    fn those_that_are_known_are_left_to_others() {
        let name = "accept::left_behind::tests::in_a_process_of_its_own";
        let program = std::env::current_exe().unwrap();
        let arguments = [name, "--exact", "--ignored", "--test-threads=1"];
        let run = Command::new(program).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
    }

    #[test]
    #[ignore = "it is run by another one"]
    fn in_a_process_of_its_own() {
        assert!(!reap(&HashSet::new()), "no child");
        let mut stranger = Command::new("true").spawn().unwrap();
        while reap(&HashSet::new()) {
            std::thread::yield_now();
        }
        assert!(stranger.wait().is_err(), "it was taken note of");
        let mut own = Command::new("true").spawn().unwrap();
        let pid = i32::try_from(own.id()).unwrap();
        for _ in 0..1000 {
            assert!(reap(&HashSet::from([pid])));
        }
        assert!(own.wait().unwrap().success());
    }
}
