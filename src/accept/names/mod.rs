//! Names of peers, looked up beside the loop.
//!
//! A few threads ask the resolver, which may take its time; the loop hears of answers through an
//! eventfd. The threads are started when the first name is needed, which is never in a service
//! whose lists have none.
//!
//! Networks take turns, and none has all threads: one whose name server does not answer holds up its own
//! clients alone. A look-up that finds no place is not made, which is no statement about the name.

mod cache;
mod resolve;
mod work;

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use xinetd_core::policy::NameAnswer;

use super::clock::Moment;
use super::mailbox::Mailbox;

use cache::Cache;
pub(crate) use resolve::resolve;
use work::{Pushed, Work};

/// Look-ups at once.
const THREADS: usize = 8;

/// What a question for a name leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup {
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
    pub(super) fn ask(&mut self, address: IpAddr, now: Moment) -> Lookup {
        let address = address.to_canonical();
        if let Some(answer) = self.cache.get(address, now) {
            return Lookup::Known(answer.clone());
        }
        if self.asked.contains(&address) {
            return Lookup::Later;
        }
        if self.threads == 0 && self.start_thread().is_err() {
            return Lookup::Known(NameAnswer::Undetermined);
        }
        let mut work = self.shared.lock();
        let displaced = match work.push(address) {
            Pushed::Added => None,
            Pushed::Displaced(other) => Some(other),
            Pushed::Refused => return Lookup::Known(NameAnswer::Undetermined),
        };
        let more = work.len() > work.idle && self.threads < THREADS;
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
        Lookup::Later
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

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use std::time::Duration;

    use super::super::crowd::Network;
    use super::work::{QUEUE, THREADS_OF_NETWORK};
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
        assert_eq!(names.ask(mapped, at(0)), Lookup::Later);
        assert_eq!(names.ask(mapped, at(0)), Lookup::Later);
        wait(&names);
        let plain = "192.0.2.7".parse().unwrap();
        assert_eq!(names.answers(at(0)), [(plain, named(plain))]);
        assert_eq!(names.answers(at(0)), []);
        assert_eq!(names.ask(mapped, at(59)), Lookup::Known(named(plain)));
        assert_eq!(names.ask(plain, at(60)), Lookup::Later);
    }

    pub(super) fn flood(number: usize) -> IpAddr {
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
        let undetermined = Lookup::Known(NameAnswer::Undetermined);
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
        assert_eq!(names.ask(other, at(0)), Lookup::Later);
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
        assert_eq!(names.ask(answers[0].0, at(0)), Lookup::Later);
    }
}
