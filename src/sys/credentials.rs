//! What the helper may do: less than it was started with.

use std::io;

use nix::errno::Errno;
use nix::sys::prctl::set_dumpable;
use nix::unistd::{Gid, Uid, getegid, getgroups, setgid, setgroups, setuid};

use crate::service::Identity;

const CAP_SETGID: u32 = 6;
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Keeps other processes of the same user, the servers, from reading our memory and descriptors
/// (prctl(2), `PR_SET_DUMPABLE`). It ends with the execve of a server.
pub fn hide() -> io::Result<()> {
    Ok(set_dumpable(false)?)
}

/// Drops the supplementary groups, which systemd always sets, and the capability that it takes.
///
/// # Errors
/// If there are groups that can't be dropped: a server must not have them.
pub fn drop_groups() -> io::Result<()> {
    let own = getegid();
    match setgroups(&[]) {
        // In a user namespace without the right to it, or without the capability: fine as long
        // as there is nothing to drop.
        Err(Errno::EPERM) if only_own(&getgroups()?, own) => {}
        other => other?,
    }
    if Uid::effective().is_root() {
        Ok(())
    } else {
        drop_capability(CAP_SETGID)
    }
}

/// Becomes a user and a group by their numbers, without supplementary groups: for good, as the
/// capabilities go with root's uid (capabilities(7)).
///
/// # Errors
/// If the process lacks `CAP_SETGID` or `CAP_SETUID`.
pub fn become_user(identity: Identity) -> io::Result<()> {
    setgroups(&[])?;
    setgid(Gid::from_raw(identity.gid))?;
    setuid(Uid::from_raw(identity.uid))?;
    // The change made us readable again where fs.suid_dumpable says so.
    hide()
}

fn only_own(groups: &[Gid], own: Gid) -> bool {
    groups.iter().all(|&group| group == own)
}

/// As capget(2) and capset(2) have it.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Removes one capability (of the first 32) from all sets but the bounding one; others, which an
/// administrator's drop-in may grant to the server, stay.
fn drop_capability(capability: u32) -> io::Result<()> {
    let header = Header {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let mut sets = [Sets::default(); 2];
    // SAFETY: version 3 takes a header and an array of two; the kernel writes no more than those.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw const header, sets.as_mut_ptr()) };
    Errno::result(result)?;
    let mask = !(1 << capability);
    sets[0].effective &= mask;
    sets[0].permitted &= mask;
    sets[0].inheritable &= mask;
    // SAFETY: as above; the kernel only reads. What leaves the permitted set leaves the ambient
    // set with it (capabilities(7)).
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) };
    Errno::result(result)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn groups_other_than_the_own_one_are_not_overlooked() {
        let gid = Gid::from_raw;
        assert!(only_own(&[], gid(5)));
        assert!(only_own(&[gid(5)], gid(5)));
        assert!(!only_own(&[gid(5), gid(0)], gid(5)));
    }

    /// The sets that /proc/self/status shows, after `drop_groups` in a process that systemd would
    /// have started with `AmbientCapabilities=CAP_SETGID CAP_NET_BIND_SERVICE`.
    #[test]
    #[ignore = "needs root, to start a process of another user with ambient capabilities"]
    fn only_setgid_is_dropped() {
        let test = std::env::current_exe().unwrap();
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--groups=65534,4"])
            .args(["--inh-caps=+setgid,+net_bind_service"])
            .args(["--ambient-caps=+setgid,+net_bind_service"])
            .arg(test)
            .args([
                "--ignored",
                "--exact",
                "sys::credentials::tests::as_another_user",
            ])
            .args(["--nocapture", "--test-threads=1"])
            .env("DROP_GROUPS_HERE", "1")
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(
                text.contains(&format!("{set}:\t0000000000000400\n")),
                "{set} in {text}"
            );
        }
        assert!(text.contains("Groups:\t \n"), "{text}");
    }

    #[test]
    #[ignore = "is the process that only_setgid_is_dropped starts"]
    fn as_another_user() {
        if std::env::var_os("DROP_GROUPS_HERE").is_none() {
            return;
        }
        drop_groups().unwrap();
        print!(
            "{}",
            std::fs::read_to_string("/proc/thread-self/status").unwrap()
        );
    }
}
