//! What keeps a service from being served, and the way out.

use std::fmt;

use crate::config::Attribute;
use crate::problem::Place;
use crate::service::{HELPER_USER, Service, SocketType};
use crate::spec::MAX_TCPMUX;

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
    /// A server for each datagram.
    DatagramNowait,
    /// Lists of addresses, where the server accepts by itself, that no filter of packets can hold.
    LongList,
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
    /// The number that stands for no user or group.
    NoId,
    /// The user of the helpers themselves.
    HelperUser,
    /// An id that is too long for the name of a unit.
    NameTooLong,
    /// The spec can't be written.
    Spec(String),
    /// A tcpmux service beyond the last one that is served.
    TooManyTcpmux,
    /// A fault of this program.
    Internal,
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

    /// A fault of this program.
    pub(super) fn internal(service: &Service) -> Self {
        Self {
            attribute: None,
            place: service.place.clone(),
            reason: Reason::Internal,
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
                write!(f, "systemd has no internet sockets of type {kind}")
            }
            Self::Protocol(name) => write!(f, "only tcp and udp are served, not {name}"),
            Self::DatagramNowait => f.write_str(
                "wait = no with datagrams gives each server the same socket, on which xinetd breaks",
            ),
            Self::LongList => f.write_str(
                "with wait = yes a filter of packets keeps clients out, and its lists have more addresses \
                 than that can hold",
            ),
            Self::Labeled => f.write_str("SELinux contexts are not changed for the flag LABELED"),
            Self::Intercept => f.write_str("the flag INTERCEPT never worked in xinetd"),
            Self::BindName => f.write_str(
                "/etc/hosts does not have the name in bind, and no name server can be asked at boot",
            ),
            Self::BindZone => f.write_str("the zone in bind is no name of an interface"),
            Self::EphemeralPort => f.write_str("port 0 is another port at each start, which no client could know"),
            Self::NoId => write!(f, "{} is the number that stands for no user or group", u32::MAX),
            Self::HelperUser => write!(
                f,
                "{HELPER_USER} is the user of the helpers, and a server of it could stop each of them"
            ),
            Self::Spec(error) => write!(f, "its settings can't be written down: {error}"),
            Self::TooManyTcpmux => {
                write!(f, "{MAX_TCPMUX} services tcpmux come before it, and no more are served")
            }
            Self::Internal => f.write_str("xinetd-bridge itself fails here"),
            Self::NameTooLong => f.write_str("the id is too long for the name of a unit"),
        }
    }
}

impl Reason {
    /// The way out: what to write or do meanwhile, a sentence without a full stop.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::DatagramNowait => {
                "write wait = yes: the server then reads the datagrams from its standard input"
            }
            Self::LongList => "write fewer and wider networks",
            Self::SocketType(_) | Self::Protocol(_) => {
                "run the server as a service of its own that opens its socket, see systemd.service(5)"
            }
            Self::Labeled => {
                "write a socket unit of your own with Accept=yes and SELinuxContextFromNet=yes, see \
                 systemd.socket(5)"
            }
            Self::Intercept => "remove the flag: lists and limits hold without it",
            Self::BindName => "write the address, or add the name to /etc/hosts",
            Self::BindZone => "write the name of an interface after the `%`",
            Self::EphemeralPort => "write the port",
            Self::NoId => "write another number, or a name",
            Self::HelperUser => "write another user: one that owns only what the server needs",
            Self::Spec(_) => "write smaller numbers",
            Self::TooManyTcpmux => {
                "remove it: each tcpmux leads to the same services; bind = :: listens on all addresses"
            }
            Self::Internal => "report it, with the service",
            Self::NameTooLong => "write a shorter id",
        }
    }
}
