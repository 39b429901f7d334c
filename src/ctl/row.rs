//! A service in one line: where clients find it, and what becomes of it.

use serde::Serialize;
use xinetd_core::config::Dropped;
use xinetd_core::service::{
    Bind, Builtin, Family, Internal, Limit, Listen, Mux, Port, Protocol, Reach, RpcProgram,
    Service, Serving,
};
use xinetd_core::spec::{Target, Task};
use xinetd_core::translate::{Native, Standing};

use super::machine::Found;

/// One service.
#[derive(Debug, Serialize)]
pub(super) struct ListRow {
    pub(super) id: String,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) listens: Option<String>,
    pub(super) standing: &'static str,
    /// None where the files can't be understood.
    pub(super) enabled: Option<bool>,
    pub(super) listening: Option<bool>,
    /// Whether systemd has these units; none where it does not run these files, and where there are none.
    pub(super) applied: Option<bool>,
    pub(super) reason: Option<String>,
    pub(super) server: Option<String>,
    pub(super) unit: Option<String>,
}

/// The row of a service.
pub(super) fn row(found: &Found<'_>) -> ListRow {
    let service = found.service;
    let chosen = match found.standing() {
        Standing::Served { port, .. } => *port,
        Standing::Native { .. } | Standing::NotServed(_) => None,
    };
    let (standing, reason) = match found.standing() {
        Standing::Served { .. } => {
            let refuses = |why| format!("every client is refused: {why}");
            ("served", refuses_all(service).map(refuses))
        }
        Standing::Native {
            unit,
            path,
            native: Native::Copy,
        } => {
            let path = path.display();
            let why = format!("{path} has its name, and there is no {unit}.socket");
            ("not_served", Some(why))
        }
        Standing::Native { path, native, .. } => (native.word(), Some(path.display().to_string())),
        Standing::NotServed(obstacles) => {
            let reasons: Vec<_> = obstacles.iter().map(|one| one.reason.to_string()).collect();
            ("not_served", Some(reasons.join("; ")))
        }
    };
    ListRow {
        id: service.id.to_text(),
        file: service.place.file.display().to_string(),
        line: service.place.line,
        listens: Some(listens(service, chosen)),
        standing,
        enabled: Some(service.enabled),
        listening: None,
        applied: None,
        reason,
        server: Some(server(found)),
        unit: found.unit().map(str::to_owned),
    }
}

/// Why a service refuses every client, if it does.
fn refuses_all(service: &Service) -> Option<&'static str> {
    let (access, limits) = (&service.access, &service.limits);
    match access.only_from.as_deref() {
        Some([]) => Some("only_from lets none in"),
        _ if limits.instances == Limit::AtMost(0) => Some("instances is 0"),
        _ if limits.per_source == Limit::AtMost(0) => Some("per_source is 0"),
        _ => None,
    }
}

/// The row of a service that has no units, as its lines have errors.
pub(super) fn dropped_row(dropped: &Dropped) -> ListRow {
    ListRow {
        id: dropped.id.to_text(),
        file: dropped.place.file.display().to_string(),
        line: dropped.place.line,
        listens: None,
        standing: "dropped",
        enabled: None,
        listening: None,
        applied: None,
        reason: Some(match &dropped.note {
            Some(note) => note.clone(),
            None => "it has errors, see `xinetdctl check`".to_owned(),
        }),
        server: None,
        unit: None,
    }
}

/// Where clients find a service: `23/tcp`, `192.0.2.1:23/tcp`, `61013/udp rpc 100001 v1-3`,
/// `tcpmux`.
///
/// An RPC service without `port` has the one that was chosen for it.
fn listens(service: &Service, chosen: Option<Port>) -> String {
    let protocol = match &service.protocol {
        Protocol::Tcp => "tcp".to_owned(),
        Protocol::Udp => "udp".to_owned(),
        Protocol::Other(name, _) => name.to_text(),
    };
    match &service.reach {
        Reach::Listen(listen) => format!("{}/{protocol}", address(listen, listen.port)),
        Reach::Rpc(program, listen) => {
            let program = format!("rpc {} v{}", program.number, versions(program));
            match (listen.port, chosen) {
                (Port(0), None) => format!("{program}/{protocol}"),
                (Port(0), Some(port)) | (port, _) => {
                    format!("{}/{protocol} {program}", address(listen, port))
                }
            }
        }
        Reach::Mux(Mux::Server | Mux::Plus) => "tcpmux".to_owned(),
    }
}

fn versions(program: &RpcProgram) -> String {
    let range = program.versions;
    match range.first == range.last {
        true => range.first.to_string(),
        false => format!("{}-{}", range.first, range.last),
    }
}

fn address(listen: &Listen, port: Port) -> String {
    match (&listen.bind, listen.family) {
        (Some(Bind::Address(address, zone)), _) => {
            let zone = zone.as_ref().map(|zone| format!("%{}", zone.to_text()));
            let zone = zone.unwrap_or_default();
            match address.is_ipv6() {
                true => format!("[{address}{zone}]:{port}"),
                false => format!("{address}:{port}"),
            }
        }
        (Some(Bind::Name(name)), _) => format!("{}:{port}", name.to_text()),
        (None, Family::Any) => port.to_string(),
        (None, Family::V4) => format!("0.0.0.0:{port}"),
        (None, Family::V6 | Family::V6Only) => format!("[::]:{port}"),
    }
}

/// Where the helper of a redirect goes, which /etc/xinetd-bridge.toml may say; none if it has no helper.
pub(super) fn backends(found: &Found<'_>) -> Option<String> {
    let Task::Redirect(redirect) = found.spec().ok()?.task else {
        return None;
    };
    let backend = |target: &Target| match target.host.contains(':') {
        true => format!("[{}]:{}", target.host, target.port),
        false => format!("{}:{}", target.host, target.port),
    };
    let backends: Vec<_> = redirect.targets.iter().map(backend).collect();
    Some(backends.join(", "))
}

/// Who serves: a path, or what the bridge does itself.
fn server(found: &Found<'_>) -> String {
    match &found.service.serving {
        Serving::Program(program) => program.path.to_text(),
        Serving::Internal(internal) => {
            let name = match internal {
                Internal::Builtin(Builtin::Echo) => "echo",
                Internal::Builtin(Builtin::Discard) => "discard",
                Internal::Builtin(Builtin::Time) => "time",
                Internal::Builtin(Builtin::Daytime) => "daytime",
                Internal::Builtin(Builtin::Chargen) => "chargen",
                Internal::Tcpmux => "tcpmux",
            };
            format!("internal {name}")
        }
        Serving::Redirect { host, port } => {
            let written = || format!("{}:{port}", host.to_text());
            format!("redirect {}", backends(found).unwrap_or_else(written))
        }
        Serving::Sensor(_) => "sensor".to_owned(),
    }
}

impl ListRow {
    /// The word for people.
    pub(super) fn state(&self) -> &'static str {
        match (self.standing, self.enabled) {
            ("served" | "ejected", _) if self.listening == Some(false) => "down",
            ("served", Some(true)) => "on",
            ("served", _) => "off",
            ("native" | "masked" | "ejected", _) => self.standing,
            _ => "not served",
        }
    }
}
