//! The spec: what the generator tells the helper of one service.
//!
//! It is TOML, mode 0600, and reaches the helper as its standard input. The unit holds what
//! systemd does; the spec holds what the helper enforces and what the server gets.
//! Sections are those of docs/xinetd-behaviour.md.

mod mux_secret;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::bans::{AllowList, Ipv6Prefix};
use crate::bytes::ByteString;
use crate::problem::Place;
use crate::service::{
    AccessRules, Banners, Builtin, Credentials, DenyTime, Environment, Limits, Logging, Program,
    ResourceLimits, TimeWindow,
};

pub use mux_secret::MuxSecret;

/// How many services tcpmux there can be. Each of them is told of each service that it leads to,
/// and each of those is told of all that may lead to it: without a limit the files that are written
/// would grow with the product of both numbers.
pub(crate) const MAX_TCPMUX: usize = 16;

/// The size of a spec at most, in bytes.
pub const MAX_SPEC: u64 = 4 * 1024 * 1024;

/// Where the sockets are on which tcpmux hands connections on.
pub(crate) const MUX_DIRECTORY: &str = "/run/xinetd-bridge-mux";

/// One service, as the helper serves it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// [`Spec::FORMAT`] of the generator that wrote it.
    pub format: u32,
    /// The service's id: in the log lines.
    pub id: ByteString,
    /// The service's name: in messages about `cps`.
    pub name: ByteString,
    /// Where the service stands in the configuration.
    pub place: Place,
    /// The account of the helper and its servers.
    pub credentials: Credentials,
    /// Peers with a v4-mapped address reach the server over an AF_INET socket (section 4.2).
    pub unmap: bool,
    /// NORETRY: a failed fork is not tried again (section 4.8).
    #[serde(default)]
    pub noretry: bool,
    /// IDONLY: a client whose user is not known is refused, where `log_on_success` has USERID (section 5.6).
    #[serde(default)]
    pub idonly: bool,
    /// The daemon's name for hosts.allow and hosts.deny (section 4.7); none where they do not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub libwrap: Option<ByteString>,
    /// `access_times`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_times: Vec<TimeWindow>,
    /// What is done with a connection.
    pub task: Task,
    /// Of an internal service for datagrams: the ports of all such services of the machine. An answer to
    /// one of them could be answered in turn, without end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answering: Vec<u16>,
    /// Who hands the connections over, if the service does not accept them itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mux: Option<MuxClient>,
    /// `instances` and the like.
    pub limits: Limits,
    /// `only_from` and `no_access`.
    pub access: AccessRules,
    /// What is logged.
    pub logging: Logging,
    /// `env` and `passenv`.
    pub environment: Environment,
    /// `banner` and the like.
    pub banners: Banners,
    /// `rlimit_*`.
    pub resource_limits: ResourceLimits,
}

/// What is done with a connection that is let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// `wait = no`: a server of its own gets it (section 4.2).
    Execute(Program),
    /// `wait = yes`: one server at a time gets the service's own socket (sections 4.3 and 4.4).
    Wait(Program),
    /// `type = INTERNAL`: the helper itself serves it (section 4.10).
    Internal(Builtin),
    /// The internal service tcpmux: the first of these that has the name which the client sends
    /// gets it (section 4.13).
    Tcpmux(Vec<MuxTarget>),
    /// `redirect`: the helper passes its bytes on (section 4.12).
    Redirect(Redirect),
    /// `flags = SENSOR`: the peer is banned (section 4.9).
    Sensor(Sensor),
}

/// What a sensor does with its peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensor {
    /// How long they are banned.
    pub deny_time: DenyTime,
    /// How many bits of an IPv6 address count.
    pub ipv6_prefix: Ipv6Prefix,
    /// Who can't be banned.
    pub allow: AllowList,
}

/// A service that tcpmux leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuxTarget {
    /// The name that clients send, in any case.
    pub name: ByteString,
    /// Where its helper takes connections: a stream socket of unix(7).
    pub socket: PathBuf,
    /// What that helper knows tcpmux by, where there is no systemd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<MuxSecret>,
}

/// What a service of type TCPMUX or TCPMUXPLUS needs to take connections (section 4.13).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuxClient {
    /// TCPMUXPLUS: the client is told `+Go`.
    pub plus: bool,
    /// NODELAY: there is no socket unit that could set it.
    pub nodelay: bool,
    /// KEEPALIVE, as well.
    pub keepalive: bool,
    /// Which helpers may hand connections over.
    pub from: MuxSender,
}

/// By what a helper of tcpmux is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MuxSender {
    /// By its control group: it is that of one of these units, without suffix.
    Units(Vec<String>),
    /// By what it sends with each connection.
    Secret(MuxSecret),
}

/// Where the bytes of a connection are passed on to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The backends, the preferred one first; at least one.
    pub targets: Vec<Target>,
    /// KEEPALIVE: the kernel asks a silent backend whether it is there.
    #[serde(default)]
    pub keepalive: bool,
    /// How a backend is told who its client is, before the client's own bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
}

/// A version of HAProxy's PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// The line of text.
    V1,
    /// The binary header.
    V2,
}

/// A backend.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its address or name.
    pub host: String,
    /// Its port, not 0.
    pub port: u16,
}

impl Task {
    /// The program that it runs, if it runs one.
    pub fn program(&self) -> Option<&Program> {
        match self {
            Self::Execute(program) | Self::Wait(program) => Some(program),
            Self::Internal(_) | Self::Tcpmux(_) | Self::Redirect(_) | Self::Sensor(_) => None,
        }
    }
}

impl Spec {
    /// The format that this build writes and reads.
    pub const FORMAT: u32 = 3;
}

#[cfg(any(test, fuzzing, feature = "testing"))]
impl Spec {
    /// A service that asks for nothing; for tests.
    pub fn example() -> Self {
        Self {
            format: Self::FORMAT,
            id: "telnet".into(),
            name: "telnet-port".into(),
            place: Place {
                file: std::path::Path::new("/etc/xinetd.d/telnet").into(),
                line: 1,
                column: 1,
                length: 0,
            },
            credentials: Credentials {
                user: crate::service::Principal::Name("telnetd".into()),
                group: None,
                supplementary: false,
            },
            unmap: true,
            noretry: false,
            idonly: false,
            libwrap: Some("in.telnetd".into()),
            access_times: Vec::new(),
            task: Task::Execute(Program {
                path: "/bin/true".into(),
                argv: vec!["true".into()],
            }),
            answering: Vec::new(),
            mux: None,
            limits: Limits::default(),
            access: AccessRules::default(),
            logging: Logging::default(),
            environment: Environment::default(),
            banners: Banners::default(),
            resource_limits: ResourceLimits::default(),
        }
    }
}
