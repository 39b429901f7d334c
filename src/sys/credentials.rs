//! What the helper may do, and what others may do to it.
//!
//! kill(2) compares the sender's uids with the target's real and saved uid; ptrace(2) and
//! prlimit(2) want all of the target's uids to be the caller's. So the helper keeps a user of its
//! own as its real and saved uid, and has the service's user as its effective uid alone: it opens
//! files as that user and may signal its servers, and no server can stop, trace or limit it.
//! A child of it becomes that user wholly without any privilege (setresuid(2)).

use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl::{set_dumpable, set_keepcaps};
use nix::unistd::{Gid, Uid, getresuid, setgroups, setresgid, setresuid};

/// The user and the groups that a service's servers have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// The user.
    pub(crate) uid: Uid,
    /// The primary group.
    pub(crate) gid: Gid,
    /// The supplementary groups.
    pub(crate) groups: Vec<Gid>,
}

/// Keeps other processes of the same user, the servers, from reading our memory and descriptors
/// (prctl(2), `PR_SET_DUMPABLE`). It ends with the execve of a server.
///
/// # Errors
/// As prctl(2); never on Linux.
pub(crate) fn hide() -> io::Result<()> {
    Ok(set_dumpable(false)?)
}

/// Takes an account for good, with `own` as the real and saved uid: the change takes root's
/// capabilities. Capabilities that the unit grants the server (`AmbientCapabilities=` of a drop-in)
/// stay, as they would with `User=`, but for those over uids and gids, which would undo the change.
///
/// To be called before there is another thread, and as root. For root's own services only the
/// groups change.
///
/// # Errors
/// If the process lacks `CAP_SETGID` or `CAP_SETUID`, or if its user namespace does not have one
/// of the ids.
pub(crate) fn assume(account: &Account, own: Uid) -> io::Result<()> {
    let Account { uid, gid, groups } = account;
    setgroups(groups)?;
    setresgid(*gid, *gid, *gid)?;
    if uid.is_root() {
        return Ok(());
    }
    let granted = granted()?;
    set_keepcaps(!granted.is_empty())?;
    setresuid(own, *uid, own)?;
    if !granted.is_empty() {
        keep(&granted)?;
    }
    // The change made us readable again where fs.suid_dumpable says so.
    hide()
}

/// The user that a child has to become before it executes a server; none if it has no other.
///
/// # Errors
/// As getresuid(2); never on Linux.
pub(crate) fn servers_user() -> io::Result<Option<Uid>> {
    let own = getresuid()?;
    Ok((own.real != own.effective).then_some(own.effective))
}

/// What the unit grants servers. Ambient capabilities are inheritable too (capabilities(7)), and
/// usually there is none of either: one question instead of forty.
fn granted() -> io::Result<CapsHashSet> {
    let over_ids = [Capability::CAP_SETUID, Capability::CAP_SETGID];
    let read = |set| caps::read(None, set).map_err(io::Error::other);
    if read(CapSet::Inheritable)?.is_empty() {
        return Ok(CapsHashSet::new());
    }
    let mut granted = read(CapSet::Ambient)?;
    granted.retain(|capability| !over_ids.contains(capability));
    Ok(granted)
}

/// Has these capabilities alone, and passes them on to servers.
fn keep(granted: &CapsHashSet) -> io::Result<()> {
    // The order that capabilities(7) asks for: no set may hold what the one before lacks.
    [
        CapSet::Effective,
        CapSet::Permitted,
        CapSet::Inheritable,
        CapSet::Ambient,
    ]
    .into_iter()
    .try_for_each(|set| caps::set(None, set, granted))
    .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// What /proc/self/status says after `assume`, in a process with these ambient capabilities: this
    /// program started anew for the test `name`, where the answer is told in place of the rest of it.
    fn status(name: &str, capabilities: &str) -> String {
        const HERE: &str = "ASSUME_HERE";
        if std::env::var_os(HERE).is_some() {
            print!("{}", status_as_another_user());
            std::process::exit(0);
        }
        let test = std::env::current_exe().unwrap();
        let output = Command::new("setpriv")
            .args([
                format!("--inh-caps={capabilities}"),
                format!("--ambient-caps={capabilities}"),
            ])
            .arg(test)
            .args(["--ignored", "--exact"])
            .arg(format!("sys::credentials::tests::{name}"))
            .args(["--nocapture", "--test-threads=1"])
            .env(HERE, "1")
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn status_as_another_user() -> String {
        let account = Account {
            uid: Uid::from_raw(4343),
            gid: Gid::from_raw(4444),
            groups: vec![Gid::from_raw(4), Gid::from_raw(5)],
        };
        assume(&account, Uid::from_raw(4242)).unwrap();
        assert_eq!(servers_user().unwrap(), Some(account.uid));
        std::fs::read_to_string("/proc/thread-self/status").unwrap()
    }

    #[test]
    #[ignore = "needs root, to take an account"]
    fn an_account_is_taken_with_all_privileges_dropped() {
        let text = status("an_account_is_taken_with_all_privileges_dropped", "-all");
        assert!(text.contains("Uid:\t4242\t4343\t4242\t4343\n"), "{text}");
        assert!(text.contains("Gid:\t4444\t4444\t4444\t4444\n"), "{text}");
        assert!(text.contains("Groups:\t4 5 \n"), "{text}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(
                text.contains(&format!("{set}:\t0000000000000000\n")),
                "{set} in {text}"
            );
        }
    }

    #[test]
    #[ignore = "needs root, to take an account"]
    fn what_a_drop_in_grants_the_server_stays_but_for_the_ids() {
        let text = status(
            "what_a_drop_in_grants_the_server_stays_but_for_the_ids",
            "+setuid,+setgid,+net_bind_service",
        );
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(
                text.contains(&format!("{set}:\t0000000000000400\n")),
                "{set} in {text}"
            );
        }
    }
}
