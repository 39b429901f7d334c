//! Names of peers, looked up beside the loop.
//!
//! A few threads ask the resolver, which may take its time; the loop hears of answers through an
//! eventfd. The threads are started when the first name is needed, which is never in a service
//! whose lists have none.
//!
//! Networks take turns, and none has all threads: one whose name server does not answer holds up its own
//! clients alone. A look-up that finds no place is not made, which is no statement about the name.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, getaddrinfo, lookup_addr};

use crate::policy::{HostName, NameAnswer};

use super::clock::Moment;
use super::crowd::{Crowd, Network};
use super::mailbox::Mailbox;

/// Look-ups at once.
const THREADS: usize = 8;
/// How many of them for one network.
const THREADS_OF_NETWORK: usize = THREADS / 2;
/// Addresses that wait for a thread: as many as connections may wait for names. When there are more,
/// those go that came last of the network that has the most: others are nearer to their answer.
const QUEUE: usize = 1024;
/// How long an answer is believed.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a failure keeps us from asking again.
const LIFETIME_OF_FAILURE: Duration = Duration::from_secs(5);
/// Answers that are kept, twice: see [`Cache`].
const CACHE: usize = 1024;

/// What a question for a name leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The answer is known already.
    Known(NameAnswer),
    /// It will be among [`Names::answers`].
    Later,
}

/// Asks for names.
pub(super) struct Names {
    shared: Arc<Shared>,
    /// Addresses that wait for a thread, or whose answer has not been taken yet.
    asked: HashSet<IpAddr>,
    cache: Cache,
    threads: usize,
}

struct Shared {
    work: Mutex<Work>,
    arrived: Condvar,
    /// Answers; none for an address that gave its place up and is not looked up.
    answered: Mailbox<(IpAddr, Option<NameAnswer>)>,
    resolve: fn(IpAddr) -> NameAnswer,
}

#[derive(Default)]
struct Work {
    queue: Crowd<IpAddr>,
    /// The networks that have addresses in the queue, the next one first.
    turns: VecDeque<Network>,
    /// How many threads work for a network, if any does.
    busy: HashMap<Network, usize>,
    /// Threads without work.
    idle: usize,
}

impl Names {
    /// With the resolver of the machine (nsswitch.conf).
    ///
    /// # Errors
    /// If there is no descriptor for the eventfd.
    pub(super) fn new() -> io::Result<Self> {
        Self::with(resolve)
    }

    /// With another resolver.
    ///
    /// # Errors
    /// The same.
    pub(super) fn with(resolve: fn(IpAddr) -> NameAnswer) -> io::Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                work: Mutex::default(),
                arrived: Condvar::new(),
                answered: Mailbox::new()?,
                resolve,
            }),
            asked: HashSet::new(),
            cache: Cache::default(),
            threads: 0,
        })
    }

    /// Becomes readable when there are [`answers`](Self::answers).
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.shared.answered.descriptor()
    }

    /// Asks for the name of `address`, unless that is being done already; v4-mapped addresses are
    /// looked up as the IPv4 addresses that they are.
    ///
    /// Where its network has the most of too many that wait, or no thread can be had, the name stays
    /// undetermined.
    pub(super) fn ask(&mut self, address: IpAddr, now: Moment) -> Asked {
        let address = address.to_canonical();
        if let Some(answer) = self.cache.get(address, now) {
            return Asked::Known(answer.clone());
        }
        if self.asked.contains(&address) {
            return Asked::Later;
        }
        if self.threads == 0 && self.start_thread().is_err() {
            return Asked::Known(NameAnswer::Undetermined);
        }
        let mut work = self.shared.lock();
        let displaced = match work.push(address) {
            Pushed::Added => None,
            Pushed::Displaced(other) => Some(other),
            Pushed::Refused => return Asked::Known(NameAnswer::Undetermined),
        };
        let more = work.queue.len() > work.idle && self.threads < THREADS;
        drop(work);
        self.asked.insert(address);
        if let Some(other) = displaced {
            self.shared.answered.put((other, None));
        }
        if more {
            // Those that there are do the work alone.
            let _ = self.start_thread();
        }
        self.shared.arrived.notify_one();
        Asked::Later
    }

    fn start_thread(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new()
            .name("names".into())
            .stack_size(256 * 1024)
            .spawn(move || shared.work())?;
        self.threads += 1;
        Ok(())
    }

    /// The answers since the last call, one for each question.
    pub(super) fn answers(&mut self, now: Moment) -> Vec<(IpAddr, NameAnswer)> {
        let answers = self.shared.answered.take().into_iter();
        let taken = answers.map(|(address, answer)| {
            self.asked.remove(&address);
            // Only what the resolver has said is kept.
            if let Some(answer) = &answer {
                self.cache.put(address, answer.clone(), now);
            }
            (address, answer.unwrap_or(NameAnswer::Undetermined))
        });
        taken.collect()
    }
}

/// What became of an address that was to wait.
enum Pushed {
    Added,
    /// It waits, and this one does not any more.
    Displaced(IpAddr),
    /// There is no place for it.
    Refused,
}

impl Work {
    fn push(&mut self, address: IpAddr) -> Pushed {
        let network = Network::of(address);
        let mut pushed = Pushed::Added;
        if self.queue.len() >= QUEUE {
            let gives_way = self.queue.gives_way(network);
            match self.queue.last(gives_way) {
                Some(other) if gives_way != network => {
                    self.queue.leave(gives_way, other);
                    pushed = Pushed::Displaced(other);
                }
                _ => return Pushed::Refused,
            }
        }
        if self.queue.of(network) == 0 {
            self.turns.push_back(network);
        }
        self.queue.enter(network, address);
        pushed
    }

    /// The next address, of the first network whose turn it is and that does not keep its part of the
    /// threads busy already.
    fn take(&mut self) -> Option<IpAddr> {
        let free =
            |network: &Network| self.busy.get(network).copied().unwrap_or(0) < THREADS_OF_NETWORK;
        let network = self.turns.remove(self.turns.iter().position(free)?)?;
        let address = self.queue.take_first(network)?;
        if self.queue.of(network) > 0 {
            self.turns.push_back(network);
        }
        *self.busy.entry(network).or_default() += 1;
        Some(address)
    }

    fn done(&mut self, address: IpAddr) {
        let network = Network::of(address);
        if let Some(busy) = self.busy.get_mut(&network) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(&network);
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let address = self.next();
            let answer = (self.resolve)(address);
            self.lock().done(address);
            self.answered.put((address, Some(answer)));
        }
    }

    fn next(&self) -> IpAddr {
        let mut work = self.lock();
        loop {
            if let Some(address) = work.take() {
                return address;
            }
            work.idle += 1;
            work = self
                .arrived
                .wait(work)
                .unwrap_or_else(PoisonError::into_inner);
            work.idle -= 1;
        }
    }
}

/// The name of an address, and whether that name has the address in turn, as the C library of
/// hosts.allow asks it: the name must be one that a host can have, and be no alias.
pub(crate) fn resolve(address: IpAddr) -> NameAnswer {
    let claimed = match lookup_addr(&address) {
        Ok(claimed) => claimed,
        Err(error) if is_absent(&error) => return NameAnswer::NoName,
        Err(_) => return NameAnswer::Undetermined,
    };
    let Ok(name) = claimed.parse::<HostName>() else {
        return NameAnswer::Unconfirmed(claimed);
    };
    match addresses(&name, address) {
        Ok((canonical, addresses)) => {
            let is_alias = canonical.is_some_and(|own| !own.eq_ignore_ascii_case(name.as_str()));
            match addresses.contains(&address) && !is_alias {
                true => NameAnswer::Confirmed(name),
                false => NameAnswer::Unconfirmed(claimed),
            }
        }
        Err(error) if is_absent(&error) => NameAnswer::Unconfirmed(claimed),
        Err(_) => NameAnswer::Undetermined,
    }
}

/// What a name is an alias of, or itself, and its addresses in the family of `like`.
fn addresses(name: &HostName, like: IpAddr) -> Result<(Option<String>, Vec<IpAddr>), LookupError> {
    let hints = AddrInfoHints {
        flags: libc::AI_CANONNAME,
        address: match like {
            IpAddr::V4(_) => libc::AF_INET,
            IpAddr::V6(_) => libc::AF_INET6,
        },
        socktype: libc::SOCK_STREAM,
        protocol: 0,
    };
    let found = getaddrinfo(Some(name.as_str()), None, Some(hints))?;
    let found = found.collect::<io::Result<Vec<_>>>()?;
    let canonical = found.iter().find_map(|entry| entry.canonname.clone());
    let addresses = found.iter().map(|entry| entry.sockaddr.ip());
    Ok((canonical, addresses.collect()))
}

fn is_absent(error: &LookupError) -> bool {
    matches!(
        error.kind(),
        LookupErrorKind::NoName | LookupErrorKind::NoData
    )
}

/// Answers of the last minute. What is older, or too much, goes without a search: when the young
/// half is full it becomes the old one, and the old one goes.
#[derive(Debug, Default)]
struct Cache {
    young: HashMap<IpAddr, (Moment, NameAnswer)>,
    old: HashMap<IpAddr, (Moment, NameAnswer)>,
}

impl Cache {
    fn get(&self, address: IpAddr, now: Moment) -> Option<&NameAnswer> {
        let (until, answer) = self
            .young
            .get(&address)
            .or_else(|| self.old.get(&address))?;
        (now < *until).then_some(answer)
    }

    fn put(&mut self, address: IpAddr, answer: NameAnswer, now: Moment) {
        if self.young.len() >= CACHE {
            self.old = std::mem::take(&mut self.young);
        }
        let lifetime = match answer {
            NameAnswer::Undetermined => LIFETIME_OF_FAILURE,
            _ => LIFETIME,
        };
        self.young.insert(address, (now.plus(lifetime), answer));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn wait(names: &Names) {
        let mut fds = [PollFd::new(names.descriptor(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::from(10_000_u16)), Ok(1));
    }

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn named(ip: IpAddr) -> NameAnswer {
        let name = format!("h-{ip}.example").replace(':', "-");
        NameAnswer::Confirmed(name.parse().unwrap())
    }

    #[test]
    fn an_answer_comes_once_and_is_kept_for_a_while() {
        let mut names = Names::with(named).unwrap();
        let mapped = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(names.ask(mapped, at(0)), Asked::Later);
        assert_eq!(names.ask(mapped, at(0)), Asked::Later);
        wait(&names);
        let plain = "192.0.2.7".parse().unwrap();
        assert_eq!(names.answers(at(0)), [(plain, named(plain))]);
        assert_eq!(names.answers(at(0)), []);
        assert_eq!(names.ask(mapped, at(59)), Asked::Known(named(plain)));
        assert_eq!(names.ask(plain, at(60)), Asked::Later);
    }

    fn flood(number: usize) -> IpAddr {
        let number = u16::try_from(number).unwrap();
        Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, number).into()
    }

    #[test]
    fn an_address_without_a_place_stays_undetermined_and_a_flood_makes_room_for_others() {
        let mut names = Names::with(|_| {
            loop {
                thread::park();
            }
        })
        .unwrap();
        let undetermined = Asked::Known(NameAnswer::Undetermined);
        let mut refused = 0;
        for number in 0..QUEUE + THREADS_OF_NETWORK + 10 {
            refused += usize::from(names.ask(flood(number), at(0)) == undetermined);
        }
        assert!(
            (10..=10 + THREADS_OF_NETWORK).contains(&refused),
            "{refused}"
        );
        // A network gives its last one up for another network. All threads but those of the flood are
        // free for that one.
        let other: IpAddr = "192.0.2.7".parse().unwrap();
        assert_eq!(names.ask(other, at(0)), Asked::Later);
        wait(&names);
        let answers = names.answers(at(0));
        assert!(
            matches!(answers[..], [(displaced, NameAnswer::Undetermined)] if displaced != other),
            "{answers:?}"
        );
        let begin = std::time::Instant::now();
        while names.shared.lock().busy.get(&Network::of(other)) != Some(&1) {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "it has no thread"
            );
            thread::yield_now();
        }
        // Nothing is known of one that was displaced. There is room for it now.
        assert_eq!(names.ask(answers[0].0, at(0)), Asked::Later);
    }

    #[test]
    fn networks_take_turns() {
        let mut work = Work::default();
        for number in 0..20 {
            work.push(flood(number));
        }
        work.push("192.0.2.7".parse().unwrap());
        work.push("198.51.100.7".parse().unwrap());
        let taken: Vec<_> = std::iter::from_fn(|| work.take()).collect();
        let expected = [
            flood(0),
            "192.0.2.7".parse().unwrap(),
            "198.51.100.7".parse().unwrap(),
        ];
        assert_eq!(taken[..3], expected);
        // No more than its part works for the flood.
        assert_eq!(taken.len(), 2 + THREADS_OF_NETWORK);
        work.done(flood(0));
        assert_eq!(work.take(), Some(flood(THREADS_OF_NETWORK)));
        assert_eq!(work.take(), None);
    }

    #[test]
    fn the_cache_is_bounded_and_forgets_the_oldest() {
        let mut cache = Cache::default();
        let address = |number| IpAddr::V4(Ipv4Addr::from_bits(number));
        for number in 0..10_000 {
            cache.put(address(number), NameAnswer::NoName, at(0));
        }
        assert!(cache.young.len() + cache.old.len() <= 2 * CACHE);
        assert_eq!(cache.get(address(0), at(0)), None);
        assert_eq!(cache.get(address(9_999), at(0)), Some(&NameAnswer::NoName));
    }

    #[test]
    fn the_own_machine_has_a_name() {
        assert!(matches!(
            resolve(Ipv4Addr::LOCALHOST.into()),
            NameAnswer::Confirmed(_)
        ));
    }
}
