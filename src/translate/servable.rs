//! Which services this version can't serve, and why.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::principal::Account;
use super::unit::Plain;
use crate::bans::Options;
use crate::config::Attribute;
use crate::problem::Place;
use crate::service::{Bind, Family, Mux, Port, Protocol, Reach, Service, Serving, SocketType};
use crate::spec::{Redirect, Sensor, Target, Task};

/// What the units of a service need, which only a service that can be served has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Servable {
    pub(super) port: Port,
    pub(super) family: Family,
    /// The address and zone of `bind`.
    pub(super) bind: Option<(IpAddr, Option<Plain>)>,
    pub(super) task: Task,
    pub(super) account: Account,
}

/// The parts for the units, or all that stands in the way.
///
/// `libwrap_rules` is a file with rules for hosts_access(5), if there is one, and `bans` what the
/// administrator says of bans.
pub(super) fn servable(
    service: &Service,
    libwrap_rules: Option<&Path>,
    bans: &Result<Options, String>,
) -> Result<Servable, Vec<Obstacle>> {
    let mut found = Obstacles {
        service,
        list: Vec::new(),
    };
    if service.socket_type != SocketType::Stream {
        found.add(
            Attribute::SocketType,
            Reason::SocketType(service.socket_type),
        );
    }
    match &service.protocol {
        Protocol::Tcp => {}
        // Said by the socket type already.
        Protocol::Udp if service.socket_type == SocketType::Dgram => {}
        Protocol::Udp => found.add(Attribute::Protocol, Reason::Protocol("udp".to_owned())),
        Protocol::Other(name, _) => {
            found.add(Attribute::Protocol, Reason::Protocol(name.to_text()));
        }
    }
    // An internal service takes its clients itself, whatever wait says.
    if service.wait && !matches!(service.serving, Serving::Internal(_)) {
        found.add(Attribute::Wait, Reason::Wait);
    }
    if service.flags.labeled {
        found.add(Attribute::Flags, Reason::Labeled);
    }
    if service.flags.intercept {
        found.add(Attribute::Flags, Reason::Intercept);
    }
    if let Some(file) = libwrap_rules
        && !service.flags.nolibwrap
    {
        let file = file.to_owned();
        found.add(Attribute::Libwrap, Reason::Libwrap { file });
    }
    let listen = match &service.reach {
        Reach::Listen(listen) => Some(listen),
        Reach::Rpc(..) => {
            found.add(Attribute::Type, Reason::Rpc);
            None
        }
        Reach::Mux(mux) => {
            found.add(Attribute::Type, Reason::Mux(*mux));
            None
        }
    };
    let bind = listen.and_then(|listen| found.bind(listen.bind.as_ref()));
    if listen.is_some_and(|listen| listen.port == Port(0)) {
        found.add(Attribute::Port, Reason::EphemeralPort);
    }
    let task = match &service.serving {
        Serving::Program(program) => Some(Task::Execute(program.clone())),
        Serving::Internal(internal) => {
            let builtin = internal.builtin();
            if builtin.is_none() {
                found.add(Attribute::Type, Reason::Tcpmux);
            }
            builtin.map(Task::Internal)
        }
        Serving::Redirect { host, port } => Some(Task::Redirect(Redirect {
            targets: vec![Target {
                host: host.to_text(),
                port: port.0,
            }],
            keepalive: service.flags.keepalive,
        })),
        Serving::Sensor(deny_time) => match bans {
            Ok(options) => Some(Task::Sensor(Sensor {
                deny_time: *deny_time,
                ipv6_prefix: options.ipv6_prefix(),
                allow: options.allow_list(),
            })),
            Err(why) => {
                found.add(Attribute::Flags, Reason::AllowList(why.clone()));
                None
            }
        },
    };
    let account = match &service.credentials {
        Some(credentials) => Account::new(credentials)
            .map_err(|(attribute, word)| found.add(attribute, Reason::Principal(word)))
            .ok(),
        // Only internal services lack them.
        None => Some(Account::nobody_at_all()),
    };
    match (listen, task, account) {
        (Some(listen), Some(task), Some(account)) if found.list.is_empty() => Ok(Servable {
            port: listen.port,
            family: listen.family,
            bind,
            task,
            account,
        }),
        _ => Err(found.list),
    }
}

/// The obstacles of one service, as they are found.
struct Obstacles<'a> {
    service: &'a Service,
    list: Vec<Obstacle>,
}

impl Obstacles<'_> {
    /// Adds one, at the place of an attribute if the service has that.
    fn add(&mut self, attribute: Attribute, reason: Reason) {
        self.list
            .push(Obstacle::of(self.service, attribute, reason));
    }

    /// The numeric address of `bind`.
    fn bind(&mut self, bind: Option<&Bind>) -> Option<(IpAddr, Option<Plain>)> {
        match bind? {
            Bind::Name(_) => {
                self.add(Attribute::Bind, Reason::BindName);
                None
            }
            Bind::Address(address, None) => Some((*address, None)),
            Bind::Address(address, Some(zone)) => {
                // systemd looks the name up when it binds, and takes what if_nametoindex(3) takes.
                let is_name = |byte: &u8| byte.is_ascii_graphic() && !b"/:%".contains(byte);
                let valid = zone.as_bytes().len() < 16 && zone.as_bytes().iter().all(is_name);
                let zone = valid.then(|| Plain::new(zone.as_bytes())).flatten();
                if zone.is_none() {
                    self.add(Attribute::Bind, Reason::BindZone);
                }
                zone.map(|zone| (*address, Some(zone)))
            }
        }
    }
}

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
    /// The internal service tcpmux.
    Tcpmux,
    /// Who must not be banned can't be known, in words why.
    AllowList(String),
    /// `type = RPC`.
    Rpc,
    /// `type = TCPMUX` or `TCPMUXPLUS`.
    Mux(Mux),
    /// `flags = LABELED`.
    Labeled,
    /// `flags = INTERCEPT`.
    Intercept,
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
    /// The spec can't be written.
    Spec(String),
}

impl Obstacle {
    /// One at the place of an attribute, if the service has that.
    pub(super) fn of(service: &Service, attribute: Attribute, reason: Reason) -> Self {
        let mut lines = service.attributes.iter();
        Self {
            attribute: lines
                .any(|written| written.attribute == attribute)
                .then_some(attribute),
            place: place_of(service, attribute).clone(),
            reason,
        }
    }
}

/// Where an attribute stands, or the service if it has no such line.
pub(super) fn place_of(service: &Service, attribute: Attribute) -> &Place {
    let mut lines = service.attributes.iter();
    let written = lines.find(|written| written.attribute == attribute);
    written.map_or(&service.place, |written| &written.place)
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
            Self::Tcpmux => f.write_str("tcpmux is not served yet"),
            Self::AllowList(why) => write!(f, "{} can't be read: {why}", Options::FILE),
            Self::Rpc => f.write_str("RPC services are not served yet"),
            Self::Mux(_) => f.write_str("TCPMUX services are not served yet"),
            Self::Labeled => f.write_str("the flag LABELED is not served yet"),
            Self::Intercept => f.write_str("the flag INTERCEPT never worked in xinetd"),
            Self::BindName => f.write_str("a host name in bind is not served yet"),
            Self::BindZone => f.write_str("the zone in bind is no name of an interface"),
            Self::EphemeralPort => f.write_str("port 0 is not served yet"),
            Self::Libwrap { file } => {
                write!(f, "{} has rules, which are not applied yet", file.display())
            }
            Self::Principal(word) => write!(f, "systemd takes no user or group called {word}"),
            Self::Spec(error) => write!(f, "its settings can't be written down: {error}"),
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
            Self::Tcpmux => "give the services behind it ports of their own",
            Self::AllowList(_) => "mend the file: a sensor must know whom it must not ban",
            Self::Rpc => "start the server as a service of its own that registers itself",
            Self::Mux(_) => "give the service a port of its own and remove the type",
            Self::Labeled => {
                "use a socket unit of your own with SELinuxContextFromNet=yes, see systemd.socket(5)"
            }
            Self::Intercept => "remove the flag",
            Self::BindName => "write the address",
            Self::BindZone => "write the name of an interface after the `%`",
            Self::EphemeralPort => "write the port",
            Self::Libwrap { .. } => {
                "move the rules into only_from and no_access, then add flags = NOLIBWRAP"
            }
            Self::Principal(_) => "use the number of the user or group, or another name",
            Self::Spec(_) => "write smaller numbers",
            Self::NameTooLong => "write a shorter id",
        }
    }
}
