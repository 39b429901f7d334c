//! Connections that wait: for their peer's name, for a client to take a banner, or for a process.
//!
//! Their number and their time are bounded, and places are shared out by networks: see [`super::crowd`].
//! Each kind waits for a fixed time, so that a queue in the order of arrival is in the order of deadlines
//! too.

mod outbox;
mod wait;

use std::collections::HashMap;
use std::net::IpAddr;

use crate::policy::Slot;

use super::clock::Moment;
use super::crowd::Network;
use super::ident::Query;
use super::libwrap::{Changes, Known};
use super::peer::{Peer, Remote};
use super::room::Queue;
use super::slab::{Key, Slab};
use super::socket::Socket;

pub(super) use outbox::Outbox;
pub(super) use wait::{Place, Wait};

/// A client that has been accepted and has no server yet.
#[derive(Debug)]
pub(super) struct Connection {
    /// Its socket, or that of the service.
    pub(super) socket: Socket,
    /// Its address.
    pub(super) remote: Remote,
    /// What it is to be sent.
    pub(super) outbox: Outbox,
    /// What comes then.
    pub(super) next: Next,
    /// What was found out about it.
    pub(super) known: Known,
    /// What rules change about its server.
    pub(super) changes: Option<Box<Changes>>,
}

impl Connection {
    /// A client that has just come, of which nothing is known and to which nothing was sent.
    pub(super) fn new(socket: Socket, peer: Peer) -> Self {
        Self {
            socket,
            remote: Remote::new(peer),
            outbox: Outbox::default(),
            next: Next::Close,
            known: Known::default(),
            changes: None,
        }
    }
}

/// What is to be done with a connection.
#[derive(Debug)]
pub(super) enum Next {
    /// The access lists or rules need a name. It counts as a running server.
    Name(Slot),
    /// Its user is asked for before it gets a server. It counts as a running server.
    Ident(Slot, Query),
    /// It is refused, and closed when its user has been asked for.
    CloseIdentified(Query),
    /// It gets a server, for which it counts already; so many times no process could be made.
    Serve(Slot, u32),
    /// It is closed.
    Close,
}

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct Pending {
    slab: Slab<Entry>,
    queues: [Queue; Wait::COUNT],
    by_address: HashMap<IpAddr, Vec<Key>>,
}

#[derive(Debug)]
struct Entry {
    connection: Connection,
    wait: Wait,
    watched: bool,
}

/// A connection that waits no more.
#[derive(Debug)]
pub(super) struct Released {
    /// The connection.
    pub(super) connection: Connection,
    /// For what it waited.
    pub(super) wait: Wait,
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
        self.slab.len() + self.queues[Wait::Ident as usize].crowd().len()
    }

    /// Whether one more client from `address` may wait so, and which one makes room for it.
    pub(super) fn place(&mut self, wait: Wait, address: IpAddr) -> Place {
        let Self { slab, queues, .. } = self;
        let queue = &mut queues[wait as usize];
        if queue.crowd().len() < wait.room() {
            return Place::Free;
        }
        let network = Network::of(address);
        let gives_way = queue.crowd().gives_way(network);
        let one = match wait {
            // Those that came first are the next to be answered.
            Wait::Name | Wait::Sender if gives_way == network => None,
            Wait::Name | Wait::Sender => queue.crowd().last(gives_way),
            // The one that has not read, sent or been answered for the longest time.
            Wait::Ident | Wait::Drain | Wait::Retry => {
                let first = queue.crowd().first(gives_way);
                first.or_else(|| {
                    queue
                        .first(|key| slab.get_mut(key).is_some())
                        .map(|(_, key)| key)
                })
            }
        };
        one.map_or(Place::Taken, Place::Of)
    }

    /// Lets a connection wait from `now` on; the caller has looked whether there is room.
    ///
    /// # Errors
    /// Gives it back where there is no room, beyond all limits of the kernel.
    pub(super) fn insert(
        &mut self,
        connection: Connection,
        wait: Wait,
        now: Moment,
    ) -> Result<Key, Box<Connection>> {
        let network = Network::of(connection.remote.ip());
        let address = connection.address_in_question();
        let entry = Entry {
            connection,
            wait,
            watched: false,
        };
        let key = self
            .slab
            .insert(entry)
            .map_err(|entry| Box::new(entry.connection))?;
        let queue = &mut self.queues[wait as usize];
        queue.enter(network, key, now.plus(wait.time()));
        if wait.is_for_name() {
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
    pub(super) fn get_mut(&mut self, key: Key) -> Option<(&mut Connection, Wait)> {
        let entry = self.slab.get_mut(key)?;
        Some((&mut entry.connection, entry.wait))
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, key: Key) -> Option<Released> {
        let Entry {
            connection,
            wait,
            watched,
        } = self.slab.remove(key)?;
        let network = Network::of(connection.remote.ip());
        self.queues[wait as usize].leave(network, key);
        if wait.is_for_name() {
            let address = connection.address_in_question();
            if let Some(keys) = self.by_address.get_mut(&address) {
                keys.retain(|&other| other != key);
                if keys.is_empty() {
                    self.by_address.remove(&address);
                }
            }
        }
        Some(Released {
            connection,
            wait,
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
        Wait::ALL
            .iter()
            .flat_map(|&wait| self.queues[wait as usize].keys())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

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
        for wait in Wait::ALL {
            let mut pending = Pending::default();
            let mut keys = Vec::new();
            while keys.len() < wait.room() {
                assert_eq!(pending.place(wait, here), Place::Free);
                keys.push(pending.insert(from(flood), wait, at(0)).unwrap());
            }
            let sockets = if wait == Wait::Ident { 2 } else { 1 };
            assert_eq!(pending.descriptors(), sockets * wait.room());
            let (same, another) = (pending.place(wait, here), pending.place(wait, there));
            match wait {
                Wait::Name => {
                    let last = keys[keys.len() - 1];
                    assert_eq!((same, another), (Place::Taken, Place::Of(last)));
                }
                Wait::Sender => assert_eq!((same, another), (Place::Taken, Place::Taken)),
                _ => assert_eq!((same, another), (Place::Of(keys[0]), Place::Of(keys[0]))),
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
            pending.insert(connection, wait, at(second)).unwrap()
        };
        let slow = insert(&mut pending, Wait::Drain, 0);
        let gone = insert(&mut pending, Wait::Drain, 1);
        let late = insert(&mut pending, Wait::Name, 100);
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
