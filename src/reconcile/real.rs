//! Real xinetd, as it runs beside the bridge.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::kernel::Sockets;
use crate::problem::{Place, Problem, Severity};
use crate::service::{Protocol, Reach, Service};
use crate::startup::XINETD;

/// How many ports are named one by one.
const MOST: usize = 12;

/// The processes of real xinetd in this network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Real {
    processes: Vec<i32>,
    options: Vec<String>,
    ports: Option<BTreeSet<Endpoint>>,
}

/// A port of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its number.
    pub port: u16,
    /// `tcp`, else `udp`.
    pub is_tcp: bool,
}

impl Endpoint {
    /// Where a service listens; none for one without a port of its own, and for one whose port is chosen.
    pub fn of(service: &Service) -> Option<Self> {
        let (Reach::Listen(listen) | Reach::Rpc(_, listen)) = &service.reach else {
            return None;
        };
        (listen.port.0 != 0).then(|| Self {
            port: listen.port.0,
            is_tcp: service.protocol == Protocol::Tcp,
        })
    }
}

impl fmt::Display for Endpoint {
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
    /// Looks for it; none where it does not run.
    pub fn look() -> Option<Self> {
        let own = namespaces("self");
        let processes: Vec<i32> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| is_xinetd(*pid, &own))
            .collect();
        // The daemon is no child of another one; one whose parent is not known has ended meanwhile.
        let children: Vec<bool> = processes
            .iter()
            .map(|pid| parent(*pid).is_none_or(|parent| processes.contains(&parent)))
            .collect();
        let mut ordered: Vec<_> = children.into_iter().zip(processes).collect();
        ordered.sort_unstable();
        let processes: Vec<i32> = ordered.into_iter().map(|(_, pid)| pid).collect();
        let first = processes.first()?;
        let command_line = fs::read(format!("/proc/{first}/cmdline")).unwrap_or_default();
        let words = command_line.split(|&byte| byte == 0).skip(1);
        let words = words.map(|word| String::from_utf8_lossy(word).into_owned());
        let options = words.filter(|word| !word.is_empty()).collect();
        let sockets = Sockets::look().ok();
        let ports = sockets.and_then(|sockets| sockets.ports_of(&processes));
        Some(Self {
            processes,
            options,
            ports,
        })
    }

    /// Its processes: the daemon first, then those that serve clients by themselves.
    pub fn processes(&self) -> &[i32] {
        &self.processes
    }

    /// The options that it was started with.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    /// Where it listens; none where that can't be seen, as by anybody but root.
    pub fn ports(&self) -> Option<&BTreeSet<Endpoint>> {
        self.ports.as_ref()
    }

    /// What there is to say of it to the administrator whose services these are.
    pub fn problem(&self, services: &[Service]) -> Problem {
        let daemon = self.processes.first().copied().unwrap_or_default();
        let has = match &self.ports {
            None => "which of the ports of these files it has can't be seen".to_owned(),
            Some(ports) => {
                let wanted = services.iter().filter(|service| service.enabled);
                let wanted: BTreeSet<_> = wanted.filter_map(Endpoint::of).collect();
                let both: Vec<_> = wanted.intersection(ports).collect();
                match both.as_slice() {
                    [] => "it has none of the ports of these files".to_owned(),
                    both => format!("it has {} of these files", listed(both)),
                }
            }
        };
        Problem {
            severity: Severity::Warning,
            code: "real-xinetd",
            place: Place {
                file: Path::new(XINETD).into(),
                line: 1,
                column: 1,
                length: 0,
            },
            message: format!("real xinetd runs (process {daemon}); {has}"),
            help: "`xinetdctl migrate --dry-run` says what would change, and `xinetdctl migrate` goes over"
                .to_owned(),
        }
    }
}

/// Some of them in words.
pub(crate) fn listed(ports: &[&Endpoint]) -> String {
    let shown: Vec<_> = ports.iter().take(MOST).map(ToString::to_string).collect();
    match ports.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Whether a process is real xinetd, and not in a container.
fn is_xinetd(pid: i32, own: &[Option<PathBuf>; 2]) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.trim_end() != "xinetd" {
        return false;
    }
    // They can't be read by everybody.
    let its = namespaces(&pid.to_string());
    let is_same = |(one, other): (&Option<_>, &Option<_>)| one.is_none() || one == other;
    its.iter().zip(own).all(is_same)
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
