//! Who knocks: seen by the kernel and by the generator's own files, never believed.

use std::fs;
use std::os::fd::BorrowedFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::generated;
use crate::service::{DenyTime, LogTarget};
use crate::spec::Task;
use crate::sys::process::Process;
use crate::sys::socket::peer_process;

/// A process of one of our services.
#[derive(Debug)]
pub(super) struct Caller {
    /// The service's id.
    pub(super) id: String,
    /// Its unit, without suffix.
    pub(super) unit: String,
    /// The process itself: the helper, or a server that it runs.
    pub(super) process: Process,
    /// For how long it bans, if it is a sensor. A sensor runs no servers, so that nobody but its
    /// helper can be the process.
    pub(super) deny_time: Option<DenyTime>,
}

/// The process at the other end of `socket`.
///
/// It has to be in the control group of a service of the system manager for which the generator has
/// written the spec of a sensor, or of a service with a log file. Where a process is started
/// decides, and only root can move it.
///
/// # Errors
/// In words, if it is none.
pub(super) fn caller(socket: BorrowedFd<'_>) -> Result<Caller, String> {
    let process = peer_process(socket).map_err(|error| format!("the caller: {error}"))?;
    let pid = process.pid();
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup"))
        .map_err(|error| format!("process {pid}: {error}"))?;
    // What was read is that process's only if it still runs.
    is_running(&process)?;
    let unit = unit(&groups).ok_or_else(|| format!("process {pid} is no service's"))?;
    let spec = generated::spec(unit)?;
    let deny_time = match &spec.task {
        Task::Sensor(sensor) => Some(sensor.deny_time),
        _ => None,
    };
    let logs = matches!(spec.logging.target, LogTarget::File { .. });
    if deny_time.is_none() && !logs {
        return Err(format!("{unit} is no sensor, and has no log file"));
    }
    Ok(Caller {
        id: spec.id.to_text(),
        unit: unit.to_owned(),
        process,
        deny_time,
    })
}

/// # Errors
/// In words, if the process has ended: others may have its number by now.
pub(super) fn is_running(process: &Process) -> Result<(), String> {
    let mut ended = [PollFd::new(process.pidfd(), PollFlags::POLLIN)];
    match poll(&mut ended, PollTimeout::ZERO) {
        Ok(0) => Ok(()),
        _ => Err(format!("process {} has ended", process.pid())),
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
    fn a_stranger_is_no_caller() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(caller(one.as_fd()).is_err());
    }
}
