//! Where backends are: names are looked up beside the loop, and again when a backend fails.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use xinetd_core::spec::Target;

use super::super::super::clock::Moment;
use super::super::super::mailbox::Mailbox;
use super::super::super::slab::Key;

/// How long an answer is believed.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a failure keeps us from asking again.
const LIFETIME_OF_FAILURE: Duration = Duration::from_secs(5);
/// How long a backend that failed comes after all others.
const AVOIDED: Duration = Duration::from_secs(30);

/// Bytes of the stack of a thread that looks a name up.
const STACK: usize = 262_144;

/// What a question for a backend's addresses leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// They are known; at least one.
    Known(Vec<SocketAddr>),
    /// The key will be among [`Hosts::answers`].
    Later,
    /// There are none, in words.
    Failed(String),
}

type Resolved = (Target, Result<Vec<SocketAddr>, String>);

/// What is known of backends: no more of them than the specs had.
pub(super) struct Hosts {
    shared: Arc<Resolving>,
    known: HashMap<Target, KnownBackend>,
}

struct Resolving {
    answered: Mailbox<Resolved>,
    resolve: fn(&Target) -> Result<Vec<SocketAddr>, String>,
}

#[derive(Debug, Default)]
struct KnownBackend {
    /// The last good answer.
    addresses: Vec<SocketAddr>,
    /// Why there was none at last.
    failure: Option<String>,
    /// Until when the resolver is not asked again.
    until: Moment,
    asked: bool,
    waiting: Vec<Key>,
    /// Up to when it comes after others.
    avoided: Moment,
}

impl Hosts {
    /// With the resolver of the machine (nsswitch.conf).
    ///
    /// # Errors
    /// If there is no descriptor for the eventfd.
    pub(super) fn new() -> io::Result<Self> {
        Self::with(resolve)
    }

    fn with(resolve: fn(&Target) -> Result<Vec<SocketAddr>, String>) -> io::Result<Self> {
        let shared = Resolving {
            answered: Mailbox::new()?,
            resolve,
        };
        Ok(Self {
            shared: Arc::new(shared),
            known: HashMap::new(),
        })
    }

    /// Becomes readable when there are [`answers`](Self::answers).
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.shared.answered.descriptor()
    }

    /// The addresses of a backend, for the session `key`.
    pub(super) fn find(&mut self, target: &Target, key: Key, now: Moment) -> Lookup {
        if let Ok(address) = target.host.parse::<IpAddr>() {
            return Lookup::Known(vec![(address, target.port).into()]);
        }
        let known = self.known.entry(target.clone()).or_default();
        if !known.asked {
            if now < known.until {
                return match &known.failure {
                    Some(failure) if known.addresses.is_empty() => Lookup::Failed(failure.clone()),
                    _ => Lookup::Known(known.addresses.clone()),
                };
            }
            if let Err(error) = ask(&self.shared, target) {
                return Lookup::Failed(error.to_string());
            }
            known.asked = true;
        }
        known.waiting.push(key);
        Lookup::Later
    }

    /// Takes the answers that have come; the sessions that waited for them.
    pub(super) fn answers(&mut self, now: Moment) -> Vec<Key> {
        let mut keys = Vec::new();
        for (target, answer) in self.shared.answered.take() {
            let known = self.known.entry(target).or_default();
            known.asked = false;
            keys.append(&mut known.waiting);
            match answer {
                Ok(addresses) => {
                    known.addresses = addresses;
                    known.failure = None;
                    known.until = now.plus(LIFETIME);
                }
                // What was right a minute ago is the best guess.
                Err(failure) => {
                    known.failure = Some(failure);
                    known.until = now.plus(LIFETIME_OF_FAILURE);
                }
            }
        }
        keys
    }

    /// No address of a backend took a connection: it comes last for a while, and its name is looked
    /// up again.
    pub(super) fn failed(&mut self, target: &Target, now: Moment) {
        let known = self.known.entry(target.clone()).or_default();
        known.avoided = now.plus(AVOIDED);
        if known.failure.is_none() {
            known.until = Moment::default();
        }
    }

    /// A backend took a connection.
    pub(super) fn works(&mut self, target: &Target) {
        if let Some(known) = self.known.get_mut(target) {
            known.avoided = Moment::default();
        }
    }

    /// The numbers of `targets` in the order in which they are tried.
    pub(super) fn order(&self, targets: &[Target], now: Moment) -> Vec<usize> {
        let avoided = |index: &usize| {
            let known = targets
                .get(*index)
                .and_then(|target| self.known.get(target));
            known.is_some_and(|known| now < known.avoided)
        };
        let mut order: Vec<_> = (0..targets.len()).collect();
        order.sort_by_key(avoided);
        order
    }
}

/// Each look-up has a thread: a backend has one at a time, and a service has few backends.
fn ask(shared: &Arc<Resolving>, target: &Target) -> io::Result<()> {
    let (shared, target) = (Arc::clone(shared), target.clone());
    thread::Builder::new()
        .name("hosts".into())
        .stack_size(STACK)
        .spawn(move || {
            let answer = (shared.resolve)(&target);
            shared.answered.put((target, answer));
        })
        .map(drop)
}

fn resolve(target: &Target) -> Result<Vec<SocketAddr>, String> {
    let found = (target.host.as_str(), target.port).to_socket_addrs();
    let addresses: Vec<_> = found.map_err(|error| error.to_string())?.collect();
    match addresses.is_empty() {
        true => Err("it has no address".to_owned()),
        false => Ok(addresses),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    const KEY: Key = Key {
        index: 1,
        generation: 2,
    };

    fn target(host: &str) -> Target {
        Target {
            host: host.to_owned(),
            port: 80,
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn wait(hosts: &Hosts) {
        let mut fds = [PollFd::new(hosts.descriptor(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::from(10_000_u16)), Ok(1));
    }

    fn canned(target: &Target) -> Result<Vec<SocketAddr>, String> {
        match target.host.as_str() {
            "good" => Ok(vec!["192.0.2.1:80".parse().unwrap()]),
            _ => Err("no such host".to_owned()),
        }
    }

    #[test]
    fn a_name_is_asked_for_once_and_again_when_it_is_old_or_has_failed() {
        let mut hosts = Hosts::with(canned).unwrap();
        let good = target("good");
        assert_eq!(hosts.find(&good, KEY, at(100)), Lookup::Later);
        assert_eq!(hosts.find(&good, KEY, at(100)), Lookup::Later);
        wait(&hosts);
        assert_eq!(hosts.answers(at(100)), [KEY, KEY]);
        let known = Lookup::Known(vec!["192.0.2.1:80".parse().unwrap()]);
        assert_eq!(hosts.find(&good, KEY, at(159)), known);
        hosts.failed(&good, at(159));
        assert_eq!(hosts.find(&good, KEY, at(159)), Lookup::Later);
        wait(&hosts);
        hosts.answers(at(159));
        assert_eq!(hosts.find(&good, KEY, at(160)), known);
        assert_eq!(hosts.find(&good, KEY, at(160 + 60)), Lookup::Later);
    }

    #[test]
    fn a_name_that_is_not_found_is_asked_for_again_after_a_while() {
        let mut hosts = Hosts::with(canned).unwrap();
        let bad = target("bad");
        assert_eq!(hosts.find(&bad, KEY, at(100)), Lookup::Later);
        wait(&hosts);
        assert_eq!(hosts.answers(at(100)), [KEY]);
        let failed = Lookup::Failed("no such host".to_owned());
        hosts.failed(&bad, at(100));
        assert_eq!(hosts.find(&bad, KEY, at(104)), failed);
        assert_eq!(hosts.find(&bad, KEY, at(105)), Lookup::Later);
    }

    #[test]
    fn the_last_good_answer_holds_while_the_resolver_fails() {
        static ASKED: AtomicBool = AtomicBool::new(false);
        let mut hosts = Hosts::with(|target| match ASKED.swap(true, Ordering::Relaxed) {
            false => canned(target),
            true => Err("no resolver".to_owned()),
        })
        .unwrap();
        let good = target("good");
        for now in [100, 200] {
            assert_eq!(hosts.find(&good, KEY, at(now)), Lookup::Later);
            wait(&hosts);
            hosts.answers(at(now));
            let known = Lookup::Known(vec!["192.0.2.1:80".parse().unwrap()]);
            assert_eq!(hosts.find(&good, KEY, at(now + 1)), known);
        }
    }

    #[test]
    fn addresses_need_no_resolver_and_failures_change_the_order() {
        let mut hosts = Hosts::with(|_| unreachable!()).unwrap();
        let targets = ["192.0.2.1", "::1", "192.0.2.3"].map(target);
        let address = "[::1]:80".parse().unwrap();
        let found = hosts.find(&targets[1], KEY, at(0));
        assert_eq!(found, Lookup::Known(vec![address]));
        hosts.failed(&targets[0], at(100));
        hosts.failed(&targets[1], at(110));
        assert_eq!(hosts.order(&targets, at(110)), [2, 0, 1]);
        hosts.works(&targets[1]);
        assert_eq!(hosts.order(&targets, at(110)), [1, 2, 0]);
        assert_eq!(hosts.order(&targets, at(130)), [0, 1, 2]);
    }

    #[test]
    fn the_own_machine_has_addresses() {
        let addresses = resolve(&target("localhost")).unwrap();
        assert!(
            addresses
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 80)
        );
    }
}
