//! Connections that wait: for their peer's name, for a client to take a banner, or for a process.
//!
//! Their number and their time are bounded. Each kind waits for a fixed time, so that a queue in
//! the order of arrival is in the order of deadlines too.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use crate::policy::Slot;
use crate::sys::socket::send_now;

use super::clock::Moment;
use super::ident::Query;
use super::libwrap::{Changes, Known};
use super::peer::Remote;
use super::slab::{Key, Slab};
use super::tcpmux::Line;

/// A client that has been accepted and has no server yet.
#[derive(Debug)]
pub(super) struct Connection {
    /// Its socket.
    pub(super) stream: TcpStream,
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
    /// It is to name a service, and counts as a running server since then.
    Line(Slot, Line, Moment),
    /// It is closed.
    Close,
}

/// For what a connection waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The name of its peer.
    Name,
    /// The answer of its ident server.
    Ident,
    /// The client has to take what it is sent.
    Drain,
    /// Another attempt to make a process.
    Retry,
    /// The client has to name a service.
    Line,
}

impl Wait {
    const ALL: [Self; 5] = [
        Self::Name,
        Self::Ident,
        Self::Drain,
        Self::Retry,
        Self::Line,
    ];

    /// How long it lasts at most.
    pub(super) fn time(self) -> Duration {
        match self {
            // As long as a resolver's own usual limits: two servers, two attempts of 5 seconds.
            Self::Name => Duration::from_secs(20),
            // Semantics, section 4.2.
            Self::Ident | Self::Drain | Self::Line => Duration::from_secs(30),
            // Semantics, section 4.8.
            Self::Retry => Duration::from_secs(5),
        }
    }

    /// How many may wait so at once.
    fn room(self) -> usize {
        match self {
            Self::Name | Self::Line => 1024,
            Self::Ident | Self::Drain | Self::Retry => 256,
        }
    }
}

/// Bytes on their way to a client.
#[derive(Debug, Default)]
pub(super) struct Outbox(VecDeque<(Arc<[u8]>, usize)>);

impl Outbox {
    /// Adds bytes.
    pub(super) fn push(&mut self, bytes: Arc<[u8]>) {
        self.0.push_back((bytes, 0));
    }

    /// Sends what the client takes now; true when nothing is left. What can't be sent because the
    /// client is gone is dropped: xinetd goes on as well.
    pub(super) fn flush(&mut self, stream: &TcpStream) -> bool {
        while let Some((bytes, sent)) = self.0.front_mut() {
            if *sent >= bytes.len() {
                self.0.pop_front();
                continue;
            }
            match send_now(stream.as_fd(), &bytes[*sent..]) {
                Ok(count) => *sent += count,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return false,
                    io::ErrorKind::Interrupted => {}
                    _ => self.0.clear(),
                },
            }
        }
        true
    }
}

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct Pending {
    slab: Slab<Entry>,
    queues: [Queue; 5],
    by_address: HashMap<IpAddr, Vec<Key>>,
}

#[derive(Debug)]
struct Entry {
    connection: Connection,
    wait: Wait,
    watched: bool,
}

#[derive(Debug, Default)]
struct Queue {
    /// In the order of deadlines; those that wait no more are skipped.
    order: VecDeque<(Moment, Key)>,
    waiting: usize,
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

    /// Whether one more may wait so.
    pub(super) fn has_room(&self, wait: Wait) -> bool {
        self.queues[wait as usize].waiting < wait.room()
    }

    /// Whether someone waits for the name of `address` already.
    pub(super) fn awaits(&self, address: IpAddr) -> bool {
        self.by_address.contains_key(&address.to_canonical())
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
        queue.waiting += 1;
        queue.order.push_back((now.plus(wait.time()), key));
        if wait == Wait::Name {
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
        self.queues[wait as usize].waiting -= 1;
        if wait == Wait::Name {
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
            .filter_map(|queue| queue.first(slab))
            .map(|(due, _)| due)
            .min()
    }

    /// The next one that has waited long enough.
    pub(super) fn expired(&mut self, now: Moment) -> Option<Key> {
        let Self { slab, queues, .. } = self;
        queues
            .iter_mut()
            .filter_map(|queue| queue.first(slab))
            .find(|(due, _)| now >= *due)
            .map(|(_, key)| key)
    }

    /// The one that waits so for the longest time.
    pub(super) fn oldest(&mut self, wait: Wait) -> Option<Key> {
        self.queues[wait as usize]
            .first(&mut self.slab)
            .map(|(_, key)| key)
    }

    /// All of them.
    pub(super) fn keys(&self) -> Vec<Key> {
        Wait::ALL
            .iter()
            .flat_map(|&wait| self.queues[wait as usize].order.iter().map(|&(_, key)| key))
            .collect()
    }
}

impl Queue {
    fn first(&mut self, slab: &mut Slab<Entry>) -> Option<(Moment, Key)> {
        loop {
            let &(due, key) = self.order.front()?;
            if slab.get_mut(key).is_some() {
                return Some((due, key));
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().unwrap();
        let connection = Connection {
            stream,
            remote: Remote::new(address),
            outbox: Outbox::default(),
            next: Next::Close,
            known: Known::default(),
            changes: None,
        };
        (client, connection)
    }

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    #[test]
    fn a_banner_of_any_size_arrives_whole_without_blocking() {
        let (mut client, mut connection) = pair();
        let banner: Arc<[u8]> = (0..20_000_000_u32).map(|i| (i % 251) as u8).collect();
        connection.outbox.push(Arc::clone(&banner));
        connection.outbox.push(Arc::from(*b"end"));
        assert!(
            !connection.outbox.flush(&connection.stream),
            "it does not fit into a buffer"
        );
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            client.read_to_end(&mut text).unwrap();
            text
        });
        while !connection.outbox.flush(&connection.stream) {
            std::thread::yield_now();
        }
        drop(connection);
        let text = reader.join().unwrap();
        assert_eq!(text.len(), banner.len() + 3);
        assert!(text.starts_with(&banner) && text.ends_with(b"end"));
    }

    #[test]
    fn a_client_that_is_gone_stops_nothing() {
        let (client, mut connection) = pair();
        drop(client);
        connection.outbox.push(vec![0; 20_000_000].into());
        while !connection.outbox.flush(&connection.stream) {
            std::thread::yield_now();
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
        assert!(!pending.awaits("127.0.0.1".parse().unwrap()));
        assert_eq!((pending.due(), pending.is_empty()), (None, true));
    }
}
