//! The model: a service as meant, after defaults, inference and validation.
//!
//! Mixtures that xinetd refuses can't be built. What the helper needs of it at run time goes into
//! the [`Spec`](crate::spec::Spec).

mod access;
mod attribute;
mod limits;
mod logging;
mod program;
mod socket;

pub use access::{AccessList, AccessRule, AccessRules, MinuteOfDay, Pattern, TimeWindow};
pub use attribute::Attribute;
pub use limits::{ConnectionRate, Limit, Limits};
pub use logging::{Facility, FailureFlags, Level, LogTarget, Logging, SizeLimits, SuccessFlags};
pub use program::{
    Banners, Builtin, Credentials, Environment, HELPER_USER, Internal, Principal, Program,
    ResourceLimits, Rlimit,
};
pub use socket::{Bind, Family, Listen, Mux, Port, Protocol, RpcProgram, RpcRange, SocketType};

use serde::{Deserialize, Serialize};

use crate::bytes::ByteString;
use crate::problem::Place;

/// A service of the configuration, valid and complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// `id`, or the name where no id was given.
    pub id: ByteString,
    /// The word after `service`: the port's name in /etc/services, and the name in messages
    /// about `cps`.
    pub name: ByteString,
    /// Where its `service` keyword stands.
    pub place: Place,
    /// Whether it starts at boot: not `disable = yes`, nor kept out by `enabled` or `disabled`.
    pub enabled: bool,
    /// `socket_type`.
    pub socket_type: SocketType,
    /// `protocol`.
    pub protocol: Protocol,
    /// `wait = yes`: the server gets the listening socket (docs/xinetd-behaviour.md, section 4.3, 4.4).
    pub wait: bool,
    /// How clients reach it.
    pub reach: Reach,
    /// What serves a connection.
    pub serving: Serving,
    /// `user`, `group` and `groups`; none only for an internal service without `user`.
    pub credentials: Option<Credentials>,
    /// `instances`, `per_source`, `cps`, `max_load`.
    pub limits: Limits,
    /// `only_from`, `no_access`.
    pub access: AccessRules,
    /// `access_times`; empty means always.
    pub access_times: Vec<TimeWindow>,
    /// `log_type`, `log_on_success`, `log_on_failure`.
    pub logging: Logging,
    /// `env`, `passenv`.
    pub environment: Environment,
    /// `banner`, `banner_success`, `banner_fail`.
    pub banners: Banners,
    /// `nice`.
    pub nice: Option<i32>,
    /// `umask`, 0 to 0o777.
    pub umask: Option<u16>,
    /// `rlimit_*`.
    pub resource_limits: ResourceLimits,
    /// `libwrap`: the daemon name for hosts.allow and hosts.deny.
    pub libwrap_name: Option<ByteString>,
    /// What `flags` says beyond what the other fields show.
    pub flags: Flags,
    /// Each attribute that had a say in this service, in the order of the files: for reports.
    pub attributes: Vec<WrittenAttribute>,
}

impl Service {
    /// The daemon's name in hosts.allow and hosts.deny (docs/xinetd-behaviour.md, section 4.7); none where
    /// xinetd does not ask them: NOLIBWRAP, or RPC over tcp.
    pub fn libwrap_daemon(&self) -> Option<ByteString> {
        let is_rpc = matches!(self.reach, Reach::Rpc(..)) && self.protocol == Protocol::Tcp;
        if self.flags.nolibwrap || is_rpc {
            return None;
        }
        if self.libwrap_name.is_some() {
            return self.libwrap_name.clone();
        }
        let Serving::Program(program) = &self.serving else {
            return Some(self.name.clone());
        };
        // Without NAMEINARGS that is the last part of `server` as well.
        let own = program
            .argv
            .first()
            .map(ByteString::as_bytes)
            .unwrap_or_default();
        let last = own.rsplit(|byte| *byte == b'/').next();
        Some(last.unwrap_or(own).into())
    }
}

/// How clients reach a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A port of its own.
    Listen(Listen),
    /// A port that the portmapper tells (`type = RPC`); 0 where the file gives none.
    Rpc(RpcProgram, Listen),
    /// By name through the tcpmux service (`type = TCPMUX` or `TCPMUXPLUS`).
    Mux(Mux),
}

/// What serves a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serving {
    /// `server`: a program that is executed.
    Program(Program),
    /// `type = INTERNAL`.
    Internal(Internal),
    /// `redirect`: bytes are passed on to this host and port.
    Redirect {
        /// The host, an address or a name.
        host: ByteString,
        /// The port there.
        port: Port,
    },
    /// `flags = SENSOR`: the peer is banned for `deny_time`.
    Sensor(DenyTime),
}

/// `deny_time`: how long a peer that touched a sensor stays out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenyTime {
    /// `NEVER` (or 0, or absent): it is logged alone.
    Never,
    /// A number of minutes.
    Minutes(u32),
    /// `FOREVER`.
    Forever,
}

/// `flags`, but for SENSOR, which is in [`Serving`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// REUSE: systemd sets SO_REUSEADDR in any case, as xinetd does.
    pub reuse: bool,
    /// NAMEINARGS: it is in the argv already.
    pub nameinargs: bool,
    /// IPv4 or IPv6: it is in the family already.
    pub family: bool,
    /// DISABLE: as `disable = yes`.
    pub disable: bool,
    /// NODELAY.
    pub nodelay: bool,
    /// KEEPALIVE.
    pub keepalive: bool,
    /// NORETRY: a failed fork is not tried again.
    pub noretry: bool,
    /// IDONLY: refuse peers whose ident server does not answer.
    pub idonly: bool,
    /// NOLIBWRAP: hosts.allow and hosts.deny do not apply.
    pub nolibwrap: bool,
    /// INTERCEPT.
    pub intercept: bool,
    /// LABELED: run the server in the peer's SELinux context.
    pub labeled: bool,
}

/// One attribute line that had a say in a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenAttribute {
    /// Which attribute.
    pub attribute: Attribute,
    /// Where the line stands: in the service, or in a defaults section.
    pub place: Place,
    /// Whether a defaults section said it.
    pub from_defaults: bool,
    /// The operator and values as written, such as `= 10 30`.
    pub text: ByteString,
}
