//! The client that is explained, and what is known of it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;

use xinetd_core::admission::Source;
use xinetd_core::libwrap::User;
use xinetd_core::policy::{HostName, NameAnswer, State};
use xinetd_core::service::MinuteOfDay;

use super::super::output::Failure;
use super::arguments::ExplainArgs;
use super::verdict::CheckOutcome;
use crate::accept::ban_table::Bans;
use crate::accept::clock::{LocalClock, Moment};
use crate::accept::load::LoadAverage;
use crate::accept::names::resolve;

/// The servers that run already.
enum Servers {
    /// Those with these clients, as the service manager tells.
    Live(Vec<IpAddr>),
    /// So many, and so many of them for this client.
    Given(u32, u32),
}

/// Who connects, and when.
pub(super) struct Client {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// Its name, once it was asked for.
    pub(super) name: NameAnswer,
    pub(super) user: User,
    pub(super) bans: Bans,
    pub(super) now: Moment,
    pub(super) minute: MinuteOfDay,
    pub(super) load: Option<f64>,
    servers: Servers,
    given: Option<HostName>,
    offline: bool,
}

impl Client {
    /// What the arguments say, and for the rest what holds now.
    pub(super) fn new(arguments: &ExplainArgs, bans: PathBuf) -> Result<Self, Failure> {
        let now = Moment::now().map_err(|error| Failure::unanswered(error.to_string()))?;
        let load = || LoadAverage::default().get(now.seconds());
        Ok(Self {
            address: arguments.address.to_canonical(),
            port: arguments.port,
            name: NameAnswer::NotAsked,
            user: match &arguments.user {
                Some(user) => User::Known(user.clone()),
                None => User::NotAsked,
            },
            bans: Bans::at(bans),
            now,
            minute: arguments
                .at
                .unwrap_or_else(|| LocalClock::default().minute()),
            load: arguments.load.or_else(load),
            servers: match (arguments.running, arguments.from_source) {
                (None, None) => Servers::Live(Vec::new()),
                (running, from_source) => {
                    let from_source = from_source.unwrap_or(0);
                    Servers::Given(running.unwrap_or(0).max(from_source), from_source)
                }
            },
            given: arguments.name.clone(),
            offline: arguments.offline,
        })
    }

    /// The servers of the service that is asked about have these clients, unless the arguments say how many there are.
    pub(super) fn meets(&mut self, clients: impl FnOnce() -> Vec<IpAddr>) {
        if let Servers::Live(live) = &mut self.servers {
            *live = clients();
        }
    }

    /// The service's state, where it has met the client from `source`.
    pub(super) fn state(&self, source: Source) -> State {
        let peer = source.peer();
        let mut state = State::default();
        let (running, from_source) = match &self.servers {
            Servers::Live(clients) => {
                // The slots are never given back: the state goes with the walk.
                clients.iter().for_each(|client| drop(state.adopt(*client)));
                return state;
            }
            Servers::Given(running, from_source) => (*running, *from_source),
        };
        // Any other address: who the others are makes no difference.
        let other = match peer.to_canonical().is_loopback() {
            true => IpAddr::from([192, 0, 2, 1]),
            false => IpAddr::from([127, 0, 0, 1]),
        };
        for number in 0..running {
            let source = if number < from_source { peer } else { other };
            // As above.
            drop(state.adopt(source));
        }
        state
    }

    /// Finds its name out, as the helper does.
    pub(super) fn find_name(&mut self) {
        if self.name == NameAnswer::NotAsked {
            self.name = match &self.given {
                Some(name) => NameAnswer::Confirmed(name.clone()),
                None => self.look_up(self.address),
            };
        }
    }

    /// The name of an address.
    pub(super) fn look_up(&self, address: IpAddr) -> NameAnswer {
        match self.offline || address.is_unspecified() {
            true => NameAnswer::Undetermined,
            false => resolve(address.to_canonical()),
        }
    }

    /// Its name, if it is known.
    pub(super) fn known_name(&self) -> Option<&str> {
        match &self.name {
            NameAnswer::Confirmed(name) => Some(name.as_str()),
            NameAnswer::Unconfirmed(name) => Some(name),
            NameAnswer::NotAsked | NameAnswer::NoName | NameAnswer::Undetermined => None,
        }
    }

    /// Whether it has a name.
    pub(super) fn name_found(&self) -> CheckOutcome {
        match self.known_name() {
            Some(_) => CheckOutcome::Found,
            None => CheckOutcome::Unknown,
        }
    }

    /// What was found out, in words.
    pub(super) fn about_name(&self) -> String {
        let address = self.address;
        match &self.name {
            NameAnswer::NotAsked => "it was not asked for".to_owned(),
            NameAnswer::Confirmed(name) if self.given.is_some() => {
                format!("{address} is taken for {name}")
            }
            NameAnswer::Confirmed(name) => format!("{address} is {name}, which leads back to it"),
            NameAnswer::Unconfirmed(name) => {
                format!("{address} claims to be {name}, which does not lead back to it")
            }
            NameAnswer::NoName => format!("{address} has no name"),
            NameAnswer::Undetermined if self.offline => "it is not looked up".to_owned(),
            NameAnswer::Undetermined => format!("the name of {address} can't be found out"),
        }
    }

    /// The address of this machine that it would have connected to; nothing is sent.
    pub(super) fn local(&self, port: u16) -> SocketAddr {
        let any: SocketAddr = match self.address {
            IpAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            IpAddr::V6(_) => ([0_u16; 8], 0).into(),
        };
        let route = || -> std::io::Result<SocketAddr> {
            let socket = UdpSocket::bind(any)?;
            socket.connect((self.address, self.port.max(1)))?;
            socket.local_addr()
        };
        let ip = route().map_or(any.ip(), |local| local.ip());
        (ip, port).into()
    }
}
