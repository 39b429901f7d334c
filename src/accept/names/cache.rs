//! Answers that are kept for a while.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use xinetd_core::policy::NameAnswer;

use super::super::clock::Moment;

/// How long an answer is believed.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a failure keeps us from asking again.
const LIFETIME_OF_FAILURE: Duration = Duration::from_secs(5);
/// Answers that are kept, twice: see [`Cache`].
const CACHE: usize = 1024;

/// Answers of the last minute. What is older, or too much, goes without a search: when the young
/// half is full it becomes the old one, and the old one goes.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<IpAddr, (Moment, NameAnswer)>,
    old: HashMap<IpAddr, (Moment, NameAnswer)>,
}

impl Cache {
    /// The answer for an address, if one is believed.
    pub(super) fn get(&self, address: IpAddr, now: Moment) -> Option<&NameAnswer> {
        let (until, answer) = self
            .young
            .get(&address)
            .or_else(|| self.old.get(&address))?;
        (now < *until).then_some(answer)
    }

    /// Keeps an answer.
    pub(super) fn put(&mut self, address: IpAddr, answer: NameAnswer, now: Moment) {
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
    use std::net::Ipv4Addr;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
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
}
