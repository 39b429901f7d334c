//! Names of peers, looked up beside the loop.
//!
//! A few threads ask the resolver, which may take its time; the loop hears of answers through an
//! eventfd. The threads are started when the first name is needed, which is never in a service
//! whose lists have none.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use dns_lookup::{LookupError, LookupErrorKind, lookup_addr, lookup_host};

use crate::policy::NameAnswer;

use super::clock::Moment;
use super::mailbox::Mailbox;

/// Look-ups at once.
const THREADS: usize = 4;
/// Addresses that wait for a thread.
const QUEUE: usize = 256;
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
    cache: Cache,
    threads: usize,
}

struct Shared {
    work: Mutex<Work>,
    arrived: Condvar,
    answered: Mailbox<(IpAddr, NameAnswer)>,
    resolve: fn(IpAddr) -> NameAnswer,
}

#[derive(Default)]
struct Work {
    queue: VecDeque<IpAddr>,
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

    fn with(resolve: fn(IpAddr) -> NameAnswer) -> io::Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                work: Mutex::default(),
                arrived: Condvar::new(),
                answered: Mailbox::new()?,
                resolve,
            }),
            cache: Cache::default(),
            threads: 0,
        })
    }

    /// Becomes readable when there are [`answers`](Self::answers).
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.shared.answered.descriptor()
    }

    /// Asks for the name of `address`, unless `asked` already; v4-mapped addresses are looked up
    /// as the IPv4 addresses that they are.
    ///
    /// Where too many wait, or no thread can be had, the look-up has failed.
    pub(super) fn ask(&mut self, address: IpAddr, asked: bool, now: Moment) -> Asked {
        let address = address.to_canonical();
        if let Some(answer) = self.cache.get(address, now) {
            return Asked::Known(answer.clone());
        }
        if asked {
            return Asked::Later;
        }
        let mut work = self.shared.lock();
        if work.queue.len() >= QUEUE {
            return Asked::Known(NameAnswer::Failed);
        }
        work.queue.push_back(address);
        let more = work.queue.len() > work.idle && self.threads < THREADS;
        drop(work);
        if more && self.start_thread().is_ok() {
            self.threads += 1;
        }
        if self.threads == 0 {
            self.shared.lock().queue.clear();
            return Asked::Known(NameAnswer::Failed);
        }
        self.shared.arrived.notify_one();
        Asked::Later
    }

    fn start_thread(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new()
            .name("names".into())
            .stack_size(256 * 1024)
            .spawn(move || shared.work())?;
        Ok(())
    }

    /// The answers since the last call, one for each question.
    pub(super) fn answers(&mut self, now: Moment) -> Vec<(IpAddr, NameAnswer)> {
        let answers = self.shared.answered.take();
        for (address, answer) in &answers {
            self.cache.put(*address, answer.clone(), now);
        }
        answers
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
            self.answered.put((address, answer));
        }
    }

    fn next(&self) -> IpAddr {
        let mut work = self.lock();
        loop {
            if let Some(address) = work.queue.pop_front() {
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

/// The name of an address, and whether that name has the address in turn.
pub(crate) fn resolve(address: IpAddr) -> NameAnswer {
    let name = match lookup_addr(&address) {
        Ok(name) => name,
        Err(error) if is_absent(&error) => return NameAnswer::NoName,
        Err(_) => return NameAnswer::Failed,
    };
    match lookup_host(&name) {
        Ok(mut addresses) => {
            if addresses.any(|found| found.to_canonical() == address) {
                NameAnswer::Confirmed(name)
            } else {
                NameAnswer::Unconfirmed(name)
            }
        }
        Err(error) if is_absent(&error) => NameAnswer::Unconfirmed(name),
        Err(_) => NameAnswer::Failed,
    }
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
            NameAnswer::Failed => LIFETIME_OF_FAILURE,
            _ => LIFETIME,
        };
        self.young.insert(address, (now.plus(lifetime), answer));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn wait(names: &Names) {
        let mut fds = [PollFd::new(names.descriptor(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::from(10_000_u16)), Ok(1));
    }

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    #[test]
    fn an_answer_comes_once_and_is_kept_for_a_while() {
        let mut names = Names::with(|ip| NameAnswer::Confirmed(ip.to_string())).unwrap();
        let mapped = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(names.ask(mapped, false, at(0)), Asked::Later);
        wait(&names);
        let answer = NameAnswer::Confirmed("192.0.2.7".into());
        let plain = "192.0.2.7".parse().unwrap();
        assert_eq!(names.answers(at(0)), [(plain, answer.clone())]);
        assert_eq!(names.answers(at(0)), []);
        assert_eq!(names.ask(mapped, false, at(59)), Asked::Known(answer));
        assert_eq!(names.ask(plain, false, at(60)), Asked::Later);
    }

    #[test]
    fn a_stuck_resolver_fails_those_who_find_no_room() {
        let mut names = Names::with(|_| {
            loop {
                thread::park();
            }
        })
        .unwrap();
        let address = |number| IpAddr::V4(Ipv4Addr::from_bits(number));
        let total = u32::try_from(QUEUE + THREADS).unwrap();
        let failed = (0..=total)
            .map(|number| names.ask(address(number), false, at(0)))
            .filter(|asked| *asked == Asked::Known(NameAnswer::Failed));
        assert!((1..=THREADS + 1).contains(&failed.count()));
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
