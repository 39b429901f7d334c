//! Connections that wait: for their peer's name, for a client to take a banner, or for a process.
//!
//! Their number and their time are bounded, and places are shared out by networks: see [`super::crowd`].
//! Each kind waits for a fixed time, so that a queue in the order of arrival is in the order of deadlines
//! too.

mod outbox;
mod wait;

use std::collections::HashMap;
use std::net::IpAddr;

use xinetd_core::admission::{Admitted, Candidate};

use super::clock::Moment;
use super::crowd::Network;
use super::ident::Query;
use super::peer::{Peer, Remote};
use super::room::Queue;
use super::slab::{Key, Slab};
use super::socket::Socket;

pub(super) use outbox::Outbox;
pub(super) use wait::{Vacancy, WaitsFor};

/// A client that has been accepted and has no server yet.
#[derive(Debug)]
pub(super) struct Connection {
    /// Its socket, or that of the service.
    pub(super) socket: Socket,
    /// Its address.
    pub(super) remote: Remote,
    /// What it is to be sent.
    pub(super) outbox: Outbox,
    /// Whether the socket is as the server is to get it: an AF_INET one, where the spec says so.
    pub(super) is_unmapped: bool,
}

impl Connection {
    /// A client that has just come, and to which nothing was sent.
    pub(super) fn new(socket: Socket, peer: Peer) -> Self {
        Self {
            socket,
            remote: Remote::new(peer),
            outbox: Outbox::default(),
            is_unmapped: false,
        }
    }
}

/// For what a connection waits, with what goes on then.
#[derive(Debug)]
pub(super) enum Awaiting {
    /// The name of this address, for a check; `blocks` says that no other datagram of the socket is read
    /// meanwhile.
    Name {
        candidate: Candidate,
        address: IpAddr,
        blocks: bool,
    },
    /// The answer of its ident server, before it is served.
    User(Candidate, Query),
    /// The same, for the log alone: it is refused.
    RefusedUser(Query),
    /// The client has to take its banner before it is served.
    Drain(Admitted),
    /// The client has to take what it was sent before it is closed.
    Farewell,
    /// Another attempt to make a process; so many have failed.
    Retry(Admitted, u32),
}

impl Awaiting {
    /// The queue in which it waits.
    pub(super) fn wait(&self) -> WaitsFor {
        match self {
            Self::Name { blocks: false, .. } => WaitsFor::Name,
            Self::Name { blocks: true, .. } => WaitsFor::Sender,
            Self::User(..) | Self::RefusedUser(_) => WaitsFor::Ident,
            Self::Drain(_) | Self::Farewell => WaitsFor::Drain,
            Self::Retry(..) => WaitsFor::Retry,
        }
    }

    /// The address whose name it waits for.
    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name { address, .. } => Some(*address),
            _ => None,
        }
    }

    /// The question to its ident server.
    pub(super) fn query(&mut self) -> Option<&mut Query> {
        match self {
            Self::User(_, query) | Self::RefusedUser(query) => Some(query),
            _ => None,
        }
    }
}

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct Pending {
    slab: Slab<PendingClient>,
    queues: [Queue; WaitsFor::COUNT],
    by_address: HashMap<IpAddr, Vec<Key>>,
}

#[derive(Debug)]
struct PendingClient {
    connection: Connection,
    awaiting: Awaiting,
    watched: bool,
}

/// A connection that waits no more.
#[derive(Debug)]
pub(super) struct Released {
    /// The connection.
    pub(super) connection: Connection,
    /// For what it waited.
    pub(super) awaiting: Awaiting,
    /// Whether its socket is watched by the loop.
    pub(super) watched: bool,
}

impl Pending {
    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// How many descriptors they take.
    pub(super) fn descriptors(&self) -> usize {
        // Each ident query has a socket of its own.
        self.slab.len() + self.queues[WaitsFor::Ident as usize].crowd().len()
    }

    /// Whether one more client from `address` may wait so, and which one makes room for it.
    pub(super) fn place(&mut self, wait: WaitsFor, address: IpAddr) -> Vacancy {
        let Self { slab, queues, .. } = self;
        let queue = &mut queues[wait as usize];
        if queue.crowd().len() < wait.room() {
            return Vacancy::Free;
        }
        let network = Network::of(address);
        let gives_way = queue.crowd().gives_way(network);
        let one = match wait {
            // Those that came first are the next to be answered.
            WaitsFor::Name | WaitsFor::Sender if gives_way == network => None,
            WaitsFor::Name | WaitsFor::Sender => queue.crowd().last(gives_way),
            // The one that has not read, sent or been answered for the longest time.
            WaitsFor::Ident | WaitsFor::Drain | WaitsFor::Retry => {
                let first = queue.crowd().first(gives_way);
                first.or_else(|| {
                    queue
                        .first(|key| slab.get_mut(key).is_some())
                        .map(|(_, key)| key)
                })
            }
        };
        one.map_or(Vacancy::Taken, Vacancy::Of)
    }

    /// Lets a connection wait from `now` on; the caller has looked whether there is room.
    ///
    /// # Errors
    /// Gives it back where there is no room, beyond all limits of the kernel.
    pub(super) fn insert(
        &mut self,
        connection: Connection,
        awaiting: Awaiting,
        now: Moment,
    ) -> Result<Key, Box<(Connection, Awaiting)>> {
        let network = Network::of(connection.remote.ip());
        let (wait, address) = (awaiting.wait(), awaiting.address());
        let entry = PendingClient {
            connection,
            awaiting,
            watched: false,
        };
        let key = self
            .slab
            .insert(entry)
            .map_err(|entry| Box::new((entry.connection, entry.awaiting)))?;
        let queue = &mut self.queues[wait as usize];
        queue.enter(network, key, now.plus(wait.time()));
        if let Some(address) = address {
            self.by_address.entry(address).or_default().push(key);
        }
        Ok(key)
    }

    /// Notes that the loop watches the socket from now on.
    pub(super) fn set_watched(&mut self, key: Key, watched: bool) {
        if let Some(entry) = self.slab.get_mut(key) {
            entry.watched = watched;
        }
    }

    /// The connection of an event, and for what it waits.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<(&mut Connection, &mut Awaiting)> {
        let entry = self.slab.get_mut(key)?;
        Some((&mut entry.connection, &mut entry.awaiting))
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, key: Key) -> Option<Released> {
        let PendingClient {
            connection,
            awaiting,
            watched,
        } = self.slab.remove(key)?;
        let network = Network::of(connection.remote.ip());
        self.queues[awaiting.wait() as usize].leave(network, key);
        if let Some(address) = awaiting.address()
            && let Some(keys) = self.by_address.get_mut(&address)
        {
            keys.retain(|&other| other != key);
            if keys.is_empty() {
                self.by_address.remove(&address);
            }
        }
        Some(Released {
            connection,
            awaiting,
            watched,
        })
    }

    /// Those that wait for the name of `address`, which is not v4-mapped.
    pub(super) fn named(&mut self, address: IpAddr) -> Vec<Key> {
        self.by_address.get(&address).cloned().unwrap_or_default()
    }

    /// When the next one has waited long enough.
    pub(super) fn due(&mut self) -> Option<Moment> {
        let Self { slab, queues, .. } = self;
        queues
            .iter_mut()
            .filter_map(|queue| queue.first(|key| slab.get_mut(key).is_some()))
            .map(|(due, _)| due)
            .min()
    }

    /// The next one that has waited long enough.
    pub(super) fn expired(&mut self, now: Moment) -> Option<Key> {
        let Self { slab, queues, .. } = self;
        queues
            .iter_mut()
            .filter_map(|queue| queue.first(|key| slab.get_mut(key).is_some()))
            .find(|(due, _)| now >= *due)
            .map(|(_, key)| key)
    }

    /// All of them.
    pub(super) fn keys(&self) -> Vec<Key> {
        WaitsFor::ALL
            .iter()
            .flat_map(|&wait| self.queues[wait as usize].keys())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use xinetd_core::admission::{Source, admitted};
    use xinetd_core::policy::State;

    use super::*;

    fn pair() -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().unwrap();
        let connection = Connection::new(stream.into(), Peer::Known(address));
        (client, connection)
    }

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    /// What waits so.
    fn awaiting(wait: WaitsFor) -> Awaiting {
        let address = "127.0.0.1".parse().unwrap();
        let candidate = Candidate::new(Source::Peer(address));
        match wait {
            WaitsFor::Name | WaitsFor::Sender => Awaiting::Name {
                candidate,
                address,
                blocks: wait == WaitsFor::Sender,
            },
            WaitsFor::Ident => Awaiting::User(candidate, Query::new(&pair().1.socket).unwrap()),
            WaitsFor::Drain => Awaiting::Farewell,
            WaitsFor::Retry => Awaiting::Retry(admitted(&mut State::default(), address), 1),
        }
    }

    /// A connection from this address, as far as sharing goes.
    fn from(address: &str) -> Connection {
        let (_, mut connection) = pair();
        connection.remote = Remote::at((address.parse::<IpAddr>().unwrap(), 1).into());
        connection
    }

    #[test]
    fn where_all_places_are_taken_the_network_with_the_most_gives_one_up() {
        let (flood, other) = ("192.0.2.1", "198.51.100.1");
        let [here, there] = [flood, other].map(|address| address.parse().unwrap());
        let limit = nix::sys::resource::Resource::RLIMIT_NOFILE;
        nix::sys::resource::setrlimit(limit, 8192, 8192).unwrap();
        for wait in WaitsFor::ALL {
            let mut pending = Pending::default();
            let mut keys = Vec::new();
            while keys.len() < wait.room() {
                assert_eq!(pending.place(wait, here), Vacancy::Free);
                keys.push(pending.insert(from(flood), awaiting(wait), at(0)).unwrap());
            }
            let sockets = if wait == WaitsFor::Ident { 2 } else { 1 };
            assert_eq!(pending.descriptors(), sockets * wait.room());
            let (same, another) = (pending.place(wait, here), pending.place(wait, there));
            match wait {
                WaitsFor::Name => {
                    let last = keys[keys.len() - 1];
                    assert_eq!((same, another), (Vacancy::Taken, Vacancy::Of(last)));
                }
                WaitsFor::Sender => assert_eq!((same, another), (Vacancy::Taken, Vacancy::Taken)),
                _ => assert_eq!(
                    (same, another),
                    (Vacancy::Of(keys[0]), Vacancy::Of(keys[0]))
                ),
            }
        }
    }

    #[test]
    fn those_who_wait_too_long_are_found_in_order() {
        let mut pending = Pending::default();
        let mut clients = Vec::new();
        let mut insert = |pending: &mut Pending, wait, second| {
            let (client, connection) = pair();
            clients.push(client);
            pending
                .insert(connection, awaiting(wait), at(second))
                .unwrap()
        };
        let slow = insert(&mut pending, WaitsFor::Drain, 0);
        let gone = insert(&mut pending, WaitsFor::Drain, 1);
        let late = insert(&mut pending, WaitsFor::Name, 100);
        assert!(pending.remove(gone).is_some());
        assert_eq!(pending.due(), Some(at(30)));
        assert_eq!(pending.expired(at(29)), None);
        assert_eq!(pending.expired(at(30)), Some(slow));
        assert!(pending.remove(slow).is_some());
        assert_eq!(pending.due(), Some(at(120)));
        assert_eq!(pending.named("127.0.0.1".parse().unwrap()), [late]);
        assert!(pending.remove(late).is_some());
        assert_eq!(pending.named("127.0.0.1".parse().unwrap()), []);
        assert_eq!((pending.due(), pending.is_empty()), (None, true));
    }
}
