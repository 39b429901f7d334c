//! hosts.allow and hosts.deny: hosts_access(5) and hosts_options(5), without the C library.
//!
//! The text of a file becomes [`Rules`] once; both files and the lists that they name become
//! [`Tables`]; [`Tables::decide`] says what is done with a client. Nothing here reads a file, a
//! clock or a resolver: [`Facts`] brings what is known, and [`Need`] tells what more has to be. The
//! reference is the C library of Debian (tcp-wrappers 7.6.q); docs/deviations.md has the differences.

mod expand;
mod index;
mod line;
mod list;
mod matching;
mod option;
mod pattern;
mod problem;
mod rules;
mod tables;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use crate::policy::NameAnswer;
use crate::problem::Place;
use crate::service::{Facility, Level};

pub use expand::{Stop, expand};
pub use option::OptionError;
pub use rules::Rules;
pub use tables::{File, ListFile, Tables};

/// Where the rules are, in the order in which they are asked.
pub const FILES: [&str; 2] = ["/etc/hosts.allow", "/etc/hosts.deny"];

/// What a name or address is called that is not known.
const UNKNOWN: &[u8] = b"unknown";

/// What a name is called that does not lead back to the address.
const PARANOID: &[u8] = b"paranoid";

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The daemon's name.
    pub daemon: &'a [u8],
    /// The process that asks: for `%p`.
    pub process: u32,
    /// The client.
    pub client: &'a Endpoint,
    /// The end that the client connected to.
    pub server: &'a Endpoint,
    /// The client's user.
    pub user: &'a User,
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    address: Option<Address>,
    port: u16,
    /// Its name.
    pub name: NameAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    ip: IpAddr,
    /// As text, with the zone if it has one.
    text: String,
}

impl Endpoint {
    /// The end at this address, which `host` is as text; its name was not asked for. A v4-mapped
    /// address is the IPv4 address that it is.
    pub fn new(address: SocketAddr, host: &str) -> Self {
        let ip = address.ip().to_canonical();
        let text = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(_) => host.to_owned(),
        };
        Self {
            address: Some(Address { ip, text }),
            port: address.port(),
            name: NameAnswer::NotAsked,
        }
    }

    /// An end of which no more is known than perhaps its name.
    pub fn unknown(name: NameAnswer) -> Self {
        Self {
            address: None,
            port: 0,
            name,
        }
    }

    fn ip(&self) -> Option<IpAddr> {
        self.address.as_ref().map(|address| address.ip)
    }

    fn address_text(&self) -> &[u8] {
        let text = self.address.as_ref();
        text.map_or(UNKNOWN, |address| address.text.as_bytes())
    }
}

/// What is known of a client's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// No one has asked yet.
    NotAsked,
    /// What the client's machine says.
    Known(String),
    /// The client's machine does not say.
    Unknown,
    /// It could not be asked: the client may be any user.
    Undetermined,
}

/// A lookup on which a decision depends: make it, and ask again with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The client's name: anything but [`NameAnswer::NotAsked`].
    ClientName,
    /// The server's name: the same.
    ServerName,
    /// The client's user: anything but [`User::NotAsked`].
    User,
}

/// What is done with a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may come in.
    pub outcome: Outcome,
    /// The rule that decided; none where no rule did.
    pub rule: Option<Place>,
    /// What is done besides, in this order, before the outcome.
    pub effects: Vec<Effect>,
    /// What is wrong with the files, or not known of the client, where that refuses: a sentence without
    /// a full stop.
    pub fault: Option<String>,
}

impl Verdict {
    /// As what the outcome is logged, where an option says it; the last one counts.
    pub(crate) fn severity(&self) -> Option<(Facility, Level)> {
        let mut effects = self.effects.iter().rev();
        effects.find_map(|effect| match effect {
            Effect::Severity(facility, level) => Some((*facility, *level)),
            _ => None,
        })
    }
}

/// Whether a client may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may.
    Allow,
    /// It may not.
    Deny,
    /// It gets this shell command in place of the server.
    Twist(Vec<u8>),
}

/// What an option does besides allowing and denying, after its expansion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A shell command is run.
    Spawn(Vec<u8>),
    /// The file with the daemon's name in this directory is sent to the client, [expanded](expand).
    Banners(Vec<u8>),
    /// A refusal is logged as this.
    Severity(Facility, Level),
    /// The server gets a variable.
    SetEnv {
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// The server's nice value is raised by so much.
    Nice(i32),
    /// The server's umask.
    Umask(u16),
    /// SO_KEEPALIVE is set on the connection.
    KeepAlive,
}

/// A fact that rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact<'a> {
    /// It is this.
    Is(&'a [u8]),
    /// It was asked for, and may be anything.
    Open,
}

fn name(host: &Endpoint, need: Need) -> Result<Fact<'_>, Need> {
    Ok(match &host.name {
        NameAnswer::NotAsked => return Err(need),
        NameAnswer::Confirmed(name) => Fact::Is(name.as_str().as_bytes()),
        NameAnswer::Unconfirmed(_) => Fact::Is(PARANOID),
        NameAnswer::NoName => Fact::Is(UNKNOWN),
        NameAnswer::Undetermined => Fact::Open,
    })
}

fn user<'a>(facts: &Facts<'a>) -> Result<Fact<'a>, Need> {
    Ok(match facts.user {
        User::NotAsked => return Err(Need::User),
        User::Known(user) => Fact::Is(user.as_bytes()),
        User::Unknown => Fact::Is(UNKNOWN),
        User::Undetermined => Fact::Open,
    })
}
