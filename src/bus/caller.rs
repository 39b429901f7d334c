//! The process at the other end of a helper's connection: seen by the kernel and by the files of the
//! generator and of `xinetdctl eject`, never believed.

use std::fs;
use std::os::fd::BorrowedFd;

use xinetd_core::service::DenyTime;
use xinetd_core::spec::Task;

use crate::installed;
use crate::sys::process::{Process, uids};
use crate::sys::socket::{peer, peer_process};

/// A process of one of our services.
#[derive(Debug)]
pub(super) struct Caller {
    /// The service's id.
    pub(super) id: String,
    /// Its unit, without suffix.
    pub(super) unit: String,
    /// The process itself: the helper, or a server that it runs.
    pub(super) process: Process,
    /// For how long it bans, if it is a sensor.
    pub(super) deny_time: Option<DenyTime>,
    /// Whether its uids alone show that it is a helper, and no process that servers have left in the
    /// group before the service became a sensor: a helper's real and saved uid is the helpers' own, and
    /// root's processes may do anything.
    pub(super) is_helper: bool,
}

/// The process at the other end of `socket`.
///
/// It has to be in the control group of a service of the system manager for which there is a spec, of the
/// generator or of `xinetdctl eject`. Where a process is started decides, and only root can move it.
///
/// The kernel passes a pidfd of the process that connected (`SO_PEERPIDFD`, Linux 6.5). Before that it
/// is a number, which another process may have by now: that one counts only if it has the effective
/// uid that the caller had when it connected. A helper's real and saved uid may differ from that one.
///
/// # Errors
/// In words, if it is none.
pub(super) fn caller(socket: BorrowedFd<'_>) -> Result<Caller, String> {
    let unknown = |error: std::io::Error| format!("the caller: {error}");
    let (_, uid) = peer(socket).map_err(unknown)?;
    let process = peer_process(socket).map_err(unknown)?;
    let (unit, is_helper) = unit_of(&process, uid)?;
    let spec = installed::spec(&unit)?;
    Ok(Caller {
        id: spec.id.to_text(),
        unit,
        process,
        deny_time: match &spec.task {
            Task::Sensor(sensor) => Some(sensor.deny_time),
            _ => None,
        },
        is_helper,
    })
}

/// The unit, without suffix, whose control group has `process`, which has the effective uid `uid`; and
/// whether its other uids are those of a helper.
///
/// # Errors
/// In words, if that can't be seen, the process has ended or has another uid, or there is none.
fn unit_of(process: &Process, uid: u32) -> Result<(String, bool), String> {
    let pid = process.pid();
    let read = |file| {
        fs::read_to_string(format!("/proc/{pid}/{file}"))
            .map_err(|error| format!("process {pid}: {error}"))
    };
    let (status, groups) = (read("status")?, read("cgroup")?);
    // What was read is that process's only if it still runs.
    is_running(process)?;
    let [real, effective, saved, _] = uids(&status).ok_or("it has no uids")?;
    if effective != uid {
        return Err(format!("process {pid} is not the one that has connected"));
    }
    let unit = unit(&groups).ok_or_else(|| format!("process {pid} is no service's"))?;
    let is_helper = real == saved && (real != effective || effective == 0);
    Ok((unit.to_owned(), is_helper))
}

/// Whether `process` is one of this unit, whatever its user is.
///
/// # Errors
/// In words, if it has ended.
pub(super) fn is_of(process: &Process, of: &str) -> Result<bool, String> {
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", process.pid()));
    is_running(process)?;
    Ok(groups.is_ok_and(|groups| unit(&groups) == Some(of)))
}

/// # Errors
/// In words, if the process has ended: others may have its number by now.
pub(super) fn is_running(process: &Process) -> Result<(), String> {
    match process.has_ended() {
        Ok(false) => Ok(()),
        Ok(true) | Err(_) => Err(format!("process {} has ended", process.pid())),
    }
}

/// The system service, without suffix, that a process belongs to whose /proc/PID/cgroup this is.
///
/// Users have managers of their own, whose services may have any name; those are inside of
/// user@UID.service.
fn unit(groups: &str) -> Option<&str> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let (slices, service) = path.rsplit_once('/')?;
    let in_slices = slices.split('/').all(|part| part.ends_with(".slice"));
    let name = service.strip_suffix(".service")?;
    // systemd marks names so that could be taken for files of the control group.
    in_slices.then(|| name.strip_prefix('_').unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn only_services_of_the_system_count() {
        assert_eq!(unit("0::/system.slice/decoy.service\n"), Some("decoy"));
        assert_eq!(unit("0::/a.slice/a-b.slice/x.service\n"), Some("x"));
        let foreign = [
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/decoy.service\n",
            "0::/user.slice/user-1000.slice/session-1.scope\n",
            "0::/system.slice/decoy.service/inner\n",
            "0::/init.scope\n",
            "0::/decoy.service\n",
            "1:name=systemd:/system.slice/decoy.service\n",
            "",
        ];
        for groups in foreign {
            assert_eq!(unit(groups), None, "{groups}");
        }
    }

    #[test]
    fn the_uids_are_those_of_the_process() {
        let status = |uids: &str| format!("Name:\tx\nUid:\t{uids}\nGid:\t5\t5\t5\t5\n");
        // A helper with an identity of its own behind the service's, and one without.
        assert_eq!(uids(&status("990\t17\t990\t17")), Some([990, 17, 990, 17]));
        assert_eq!(uids("Name:\tx\n"), None);
        assert_eq!(uids("Uid:\t17\n"), None);
    }

    /// As on kernels that tell a number alone: the process that has it now is another user's.
    #[test]
    fn a_process_that_has_the_number_of_another_one_is_told_from_it() {
        let own = Process::open(i32::try_from(std::process::id()).unwrap()).unwrap();
        let uid = nix::unistd::geteuid().as_raw();
        let error = unit_of(&own, uid + 1).unwrap_err();
        assert!(
            error.contains("is not the one that has connected"),
            "{error}"
        );
        let error = unit_of(&own, uid).unwrap_err();
        assert!(error.contains("is no service's"), "{error}");
    }

    #[test]
    fn a_stranger_is_no_caller() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(caller(one.as_fd()).is_err());
    }
}
