//! Which services this version can't serve, and why.

use std::fmt;
use std::path::PathBuf;

use crate::config::Attribute;
use crate::problem::Place;
use crate::service::{Mux, SocketType};

/// One thing that keeps a service from being served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The attribute that asks for it; none where none of its own does.
    pub attribute: Option<Attribute>,
    /// That attribute's place, or the service's.
    pub place: Place,
    /// What it is.
    pub reason: Reason,
}

/// What can't be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A socket type other than stream.
    SocketType(SocketType),
    /// A protocol other than tcp.
    Protocol(String),
    /// `wait = yes`.
    Wait,
    /// `type = INTERNAL`.
    Internal,
    /// `redirect`.
    Redirect,
    /// `flags = SENSOR`.
    Sensor,
    /// `type = RPC`.
    Rpc,
    /// `type = TCPMUX` or `TCPMUXPLUS`.
    Mux(Mux),
    /// `flags = LABELED`.
    Labeled,
    /// `flags = INTERCEPT`.
    Intercept,
    /// `flags = IDONLY` with `log_on_success += USERID`: the peer must be identified.
    IdentRequired,
    /// A host name in `bind`.
    BindName,
    /// A zone in `bind` that a unit can't hold.
    BindZone,
    /// `port = 0`.
    EphemeralPort,
    /// hosts.allow or hosts.deny has rules, and the service does not say NOLIBWRAP.
    Libwrap {
        /// The file with the rules.
        file: PathBuf,
    },
    /// A user or group name, or number, that systemd does not take.
    Principal(String),
    /// An id that is too long for the name of a unit.
    NameTooLong,
}

impl fmt::Display for Reason {
    /// A sentence without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SocketType(kind) => {
                let kind = match kind {
                    SocketType::Stream => "stream",
                    SocketType::Dgram => "dgram",
                    SocketType::Raw => "raw",
                    SocketType::Seqpacket => "seqpacket",
                };
                write!(f, "sockets of type {kind} are not served yet")
            }
            Self::Protocol(name) => write!(f, "the protocol {name} is not served yet"),
            Self::Wait => f.write_str("wait = yes is not served yet"),
            Self::Internal => f.write_str("internal services are not served yet"),
            Self::Redirect => f.write_str("redirect is not served yet"),
            Self::Sensor => f.write_str("sensors are not served yet"),
            Self::Rpc => f.write_str("RPC services are not served yet"),
            Self::Mux(_) => f.write_str("TCPMUX services are not served yet"),
            Self::Labeled => f.write_str("the flag LABELED is not served yet"),
            Self::Intercept => f.write_str("the flag INTERCEPT never worked in xinetd"),
            Self::IdentRequired => {
                f.write_str("the flag IDONLY with USERID is not served yet: nobody is identified")
            }
            Self::BindName => f.write_str("a host name in bind is not served yet"),
            Self::BindZone => f.write_str("the zone in bind is no name of an interface"),
            Self::EphemeralPort => f.write_str("port 0 is not served yet"),
            Self::Libwrap { file } => {
                write!(f, "{} has rules, which are not applied yet", file.display())
            }
            Self::Principal(word) => write!(f, "systemd takes no user or group called {word}"),
            Self::NameTooLong => f.write_str("the id is too long for the name of a unit"),
        }
    }
}

impl Reason {
    /// The way out: what to write or do meanwhile, a sentence without a full stop.
    pub fn help(&self) -> &'static str {
        match self {
            Self::SocketType(_) | Self::Protocol(_) | Self::Wait => {
                "write a socket unit and a service unit of your own for it, see systemd.socket(5)"
            }
            Self::Internal => "such services have no use beyond tests: leave it off",
            Self::Redirect => "use systemd-socket-proxyd(8) with a socket unit of your own",
            Self::Sensor => "leave the service off, or ban peers by fail2ban meanwhile",
            Self::Rpc => "start the server as a service of its own that registers itself",
            Self::Mux(_) => "give the service a port of its own and remove the type",
            Self::Labeled => {
                "use a socket unit of your own with SELinuxContextFromNet=yes, see systemd.socket(5)"
            }
            Self::Intercept => "remove the flag",
            Self::IdentRequired => "remove the flag, or USERID from log_on_success",
            Self::BindName => "write the address",
            Self::BindZone => "write the name of an interface after the `%`",
            Self::EphemeralPort => "write the port",
            Self::Libwrap { .. } => {
                "move the rules into only_from and no_access, then add flags = NOLIBWRAP"
            }
            Self::Principal(_) => "use the number of the user or group, or another name",
            Self::NameTooLong => "write a shorter id",
        }
    }
}
