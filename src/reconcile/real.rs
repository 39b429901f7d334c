//! Real xinetd, as it runs beside the bridge.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use xinetd_core::problem::{Place, Problem, Severity};
use xinetd_core::service::{Protocol, Reach, Service};
use xinetd_core::startup::{REAL_CODE, XINETD};

use super::kernel::{ProcessSockets, Sockets};

/// How many ports are named one by one.
const MOST: usize = 12;

/// Real xinetd, as it runs in this network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Real {
    daemon: i32,
    options: Vec<String>,
    ports: Option<BTreeSet<PortNumber>>,
}

/// A port of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PortNumber {
    /// Its number.
    pub(crate) port: u16,
    /// `tcp`, else `udp`.
    pub(crate) is_tcp: bool,
}

impl PortNumber {
    /// Where a service listens; none for one without a port of its own, and for one whose port is chosen.
    pub(crate) fn of(service: &Service) -> Option<Self> {
        let (Reach::Listen(listen) | Reach::Rpc(_, listen)) = &service.reach else {
            return None;
        };
        (listen.port.0 != 0).then(|| Self {
            port: listen.port.0,
            is_tcp: service.protocol == Protocol::Tcp,
        })
    }
}

impl fmt::Display for PortNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            self.port,
            if self.is_tcp { "tcp" } else { "udp" }
        )
    }
}

impl Real {
    /// Looks for it; none where it does not run. A process that serves a client by itself, as for `echo`, has its
    /// name and its program too, and outlives it: such a one is not real xinetd.
    pub(crate) fn look() -> Option<Self> {
        let own = namespaces("self");
        let processes: Vec<i32> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| is_xinetd(*pid, &own))
            .collect();
        if processes.is_empty() {
            return None;
        }
        let sockets = Sockets::look().ok();
        let process = |pid: i32| XinetdProcess {
            pid,
            parent: parent(pid),
            is_titled: command_line(pid).starts_with(TITLE),
            open: sockets.as_ref().and_then(|sockets| sockets.of_process(pid)),
        };
        let all: Vec<XinetdProcess> = processes.into_iter().map(process).collect();
        let daemons = daemons(&all);
        let daemon = daemons.first()?.pid;
        let mut ports = Some(BTreeSet::new());
        for process in &daemons {
            let open = process.open.as_ref();
            ports = ports.zip(open).map(|(mut all, open)| {
                all.extend(&open.ports);
                all
            });
        }
        let command_line = command_line(daemon);
        let words = command_line.split(|&byte| byte == 0).skip(1);
        let words = words.map(|word| String::from_utf8_lossy(word).into_owned());
        let options = words.filter(|word| !word.is_empty()).collect();
        Some(Self {
            daemon,
            options,
            ports,
        })
    }

    /// Its process.
    pub(crate) fn daemon(&self) -> i32 {
        self.daemon
    }

    /// The options that it was started with.
    pub(crate) fn options(&self) -> &[String] {
        &self.options
    }

    /// Where it listens; none where that can't be seen, as by anybody but root.
    pub(crate) fn ports(&self) -> Option<&BTreeSet<PortNumber>> {
        self.ports.as_ref()
    }

    /// What there is to say of it to the administrator whose services these are.
    pub(crate) fn problem(&self, services: &[Service]) -> Problem {
        let has = match &self.ports {
            None => "which of the ports of these files it has can't be seen".to_owned(),
            Some(ports) => {
                let wanted = services.iter().filter(|service| service.enabled);
                let wanted: BTreeSet<_> = wanted.filter_map(PortNumber::of).collect();
                let both: Vec<_> = wanted.intersection(ports).collect();
                match both.as_slice() {
                    [] => "it has none of the ports of these files".to_owned(),
                    both => format!("it has {} of these files", listed(both)),
                }
            }
        };
        Problem {
            severity: Severity::Warning,
            code: REAL_CODE,
            place: Place {
                file: Path::new(XINETD).into(),
                line: 1,
                column: 1,
                length: 0,
            },
            message: format!("real xinetd runs (process {}); {has}", self.daemon),
            help: "`xinetdctl migrate --dry-run` says what would change, and `xinetdctl migrate` goes over"
                .to_owned(),
        }
    }
}

/// A process with the name of xinetd.
#[derive(Clone, Debug)]
struct XinetdProcess {
    pid: i32,
    /// None for one that has ended meanwhile.
    parent: Option<i32>,
    /// Whether it calls itself one that serves a client.
    is_titled: bool,
    /// Its sockets; none where they are hidden.
    open: Option<ProcessSockets>,
}

/// What real xinetd writes over its arguments in a process that serves a client of an internal service.
const TITLE: &[u8] = b"(xinetd service)";

/// The arguments of a process, a zero byte behind each.
fn command_line(pid: i32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Those of the processes that are daemons, those that listen first: not the ones that a daemon has made to serve a
/// client, and not the ones that such a daemon has left behind, which have a connection and listen nowhere.
fn daemons(all: &[XinetdProcess]) -> Vec<&XinetdProcess> {
    let is_daemon = |process: &&XinetdProcess| {
        let parent = process.parent;
        let is_child = parent.is_none_or(|parent| all.iter().any(|one| one.pid == parent));
        let has_child = all.iter().any(|one| one.parent == Some(process.pid));
        let is_session = |open: &ProcessSockets| open.ports.is_empty() && open.is_connected;
        let is_session = process.is_titled || process.open.as_ref().is_some_and(is_session);
        !is_child && (has_child || !is_session)
    };
    let mut daemons: Vec<&XinetdProcess> = all.iter().filter(is_daemon).collect();
    let is_silent = |process: &XinetdProcess| {
        let open = process.open.as_ref();
        open.is_none_or(|open| open.ports.is_empty())
    };
    daemons.sort_by_key(|process| (is_silent(process), process.pid));
    daemons
}

/// Some of them in words.
pub(crate) fn listed(ports: &[&PortNumber]) -> String {
    let shown: Vec<_> = ports.iter().take(MOST).map(ToString::to_string).collect();
    match ports.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Whether a process is real xinetd, and not in a container or in a tree of its own.
fn is_xinetd(pid: i32, own: &[Option<PathBuf>; 2]) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.trim_end() != "xinetd" {
        return false;
    }
    // They can't be read by everybody.
    let its = namespaces(&pid.to_string());
    let is_same = |(one, other): (&Option<_>, &Option<_>)| one.is_none() || one == other;
    its.iter().zip(own).all(is_same) && has_own_root(pid)
}

/// Whether a process has the root directory of this one, as far as that can be seen: an image is built in a tree of its
/// own, beside what runs on the machine.
fn has_own_root(pid: i32) -> bool {
    let place = |path: &str| fs::metadata(path).ok().map(|root| (root.dev(), root.ino()));
    let its = place(&format!("/proc/{pid}/root"));
    its.is_none() || its == place("/")
}

/// The parent of a process, by the line `PPid` of its status (proc(5)).
fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

/// The namespaces of processes and of the network that a process is in.
fn namespaces(pid: &str) -> [Option<PathBuf>; 2] {
    ["pid", "net"].map(|kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok())
}

#[cfg(test)]
mod tests;
