//! The list of all bans.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::service::DenyTime;

use super::peer::{AllowList, Ipv6Prefix, Subject};

/// How many bans there can be.
pub const CAPACITY: usize = 16_384;

/// When a ban ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Until {
    /// When so much has passed since boot.
    At(Duration),
    /// Never.
    Forever,
}

impl Until {
    /// When a ban of this time ends that begins now; none where `deny_time` bans no client.
    pub fn after(time: DenyTime, now: Duration) -> Option<Self> {
        match time {
            DenyTime::Never | DenyTime::Minutes(0) => None,
            DenyTime::Minutes(minutes) => {
                let time = Duration::from_secs(u64::from(minutes) * 60);
                Some(Self::At(now.saturating_add(time)))
            }
            DenyTime::Forever => Some(Self::Forever),
        }
    }

    /// Whether it is over.
    pub fn is_past(self, now: Duration) -> bool {
        matches!(self, Self::At(end) if end <= now)
    }
}

/// Who wants a ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The sensor with this id; none where only the table was left of the ban.
    Sensor(Option<String>),
    /// An administrator.
    Administrator,
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Whom it is for.
    pub subject: Subject,
    /// When it ends.
    pub until: Until,
    /// Since when it is there; a hit that extends it changes nothing here.
    pub since: Duration,
    /// When it was made or last extended.
    pub last: Duration,
    /// Who wanted it first. What an administrator has said stays an administrator's.
    pub origin: Origin,
}

/// Bans as they are in the table, after something has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "the table has to follow"]
pub struct TableChange {
    /// The one that is new or has another end.
    pub set: Option<(Subject, Until)>,
    /// Those that are gone.
    pub removed: Vec<Subject>,
}

/// The list is full of what administrators have said, which makes no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// All bans: no more than 16384.
///
/// When it is full, a sensor's ban makes room for a new one: the one that ends first, and of
/// several that end never, the one that was hit longest ago. An administrator's never does.
#[derive(Debug, Default)]
pub struct BanList {
    prefix: Ipv6Prefix,
    allowed: AllowList,
    bans: HashMap<Subject, Ban>,
    /// Those of sensors, in the order in which they make room.
    sensors: BTreeSet<Rank>,
    /// Those of administrators.
    administrators: BTreeSet<Rank>,
}

type Rank = (Until, Duration, Subject);

impl BanList {
    /// An empty list.
    pub fn new(prefix: Ipv6Prefix, allowed: AllowList) -> Self {
        Self {
            prefix,
            allowed,
            ..Self::default()
        }
    }

    /// What counts of IPv6 addresses.
    pub fn prefix(&self) -> Ipv6Prefix {
        self.prefix
    }

    /// Whom a ban of this peer would be for; none if it can't be banned.
    pub fn subject(&self, peer: IpAddr) -> Option<Subject> {
        let subject = Subject::of(peer, self.prefix);
        (!self.allowed.protects(subject)).then_some(subject)
    }

    /// The ban of `subject`, be it over or not.
    pub fn get(&self, subject: Subject) -> Option<&Ban> {
        self.bans.get(&subject)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bans.is_empty()
    }

    /// The bans that hold now, in no order.
    pub fn bans(&self, now: Duration) -> impl Iterator<Item = &Ban> {
        self.bans
            .values()
            .filter(move |ban| !ban.until.is_past(now))
    }

    /// A peer has touched the sensor `id`: it is banned until then, or longer where it is already.
    ///
    /// # Errors
    /// If there is no room.
    pub fn hit(
        &mut self,
        subject: Subject,
        until: Until,
        id: &str,
        now: Duration,
    ) -> Result<TableChange, Full> {
        let mut change = self.expire(now);
        let mut ban = self.take(subject).unwrap_or_else(|| Ban {
            subject,
            until,
            since: now,
            last: now,
            origin: Origin::Sensor(Some(id.to_owned())),
        });
        ban.until = ban.until.max(until);
        ban.last = now;
        self.put(ban, &mut change).map(|()| change)
    }

    /// An administrator bans an address until then, shorter or longer than before.
    ///
    /// # Errors
    /// If there is no room.
    pub fn add(
        &mut self,
        subject: Subject,
        until: Until,
        now: Duration,
    ) -> Result<TableChange, Full> {
        let mut change = self.expire(now);
        let since = self.take(subject).map_or(now, |ban| ban.since);
        let ban = Ban {
            subject,
            until,
            since,
            last: now,
            origin: Origin::Administrator,
        };
        self.put(ban, &mut change).map(|()| change)
    }

    /// Takes a ban over that was kept; false if it is over, can't be, or finds no room. Of two for one
    /// subject the one that ends later stays.
    pub fn restore(&mut self, ban: Ban, now: Duration) -> bool {
        let fits = self.subject(ban.subject.network().addr()) == Some(ban.subject);
        let known = self.bans.get(&ban.subject).map(|known| known.until);
        let room = known.is_some() || self.bans.len() < CAPACITY;
        if !fits || ban.until.is_past(now) || !room {
            return false;
        }
        if known < Some(ban.until) {
            self.take(ban.subject);
            return self.put(ban, &mut TableChange::default()).is_ok();
        }
        true
    }

    /// Goes by other options; tells how many bans have ended by that: of peers that are allowed now,
    /// and of shorter prefixes than count now.
    pub fn follow(&mut self, prefix: Ipv6Prefix, allowed: AllowList, now: Duration) -> usize {
        let old = std::mem::replace(self, Self::new(prefix, allowed));
        let mut lost = 0;
        let bans = old.bans.into_values();
        for ban in bans.filter(|ban| !ban.until.is_past(now)) {
            let subject = match ban.subject.network() {
                IpNet::V6(net) if net.prefix_len() < prefix.bits() => None,
                net => Some(Subject::of(net.addr(), prefix)),
            };
            let kept = subject.is_some_and(|subject| self.restore(Ban { subject, ..ban }, now));
            lost += usize::from(!kept);
        }
        lost
    }

    /// Ends the ban of `subject`; the ban, if there was one.
    pub fn remove(&mut self, subject: Subject, now: Duration) -> (Option<Ban>, TableChange) {
        let mut change = self.expire(now);
        let ban = self.take(subject);
        change.removed.extend(ban.as_ref().map(|ban| ban.subject));
        (ban, change)
    }

    /// Ends all bans.
    pub fn flush(&mut self) -> TableChange {
        self.sensors.clear();
        self.administrators.clear();
        TableChange {
            set: None,
            removed: self.bans.drain().map(|(subject, _)| subject).collect(),
        }
    }

    /// Forgets bans that are over.
    pub fn expire(&mut self, now: Duration) -> TableChange {
        let mut removed = Vec::new();
        for order in [&self.sensors, &self.administrators] {
            let ended = order.iter().take_while(|rank| rank.0.is_past(now));
            removed.extend(ended.map(|rank| rank.2));
        }
        for subject in &removed {
            self.take(*subject);
        }
        TableChange { set: None, removed }
    }

    fn take(&mut self, subject: Subject) -> Option<Ban> {
        let ban = self.bans.remove(&subject)?;
        let rank = (ban.until, ban.last, ban.subject);
        self.order(&ban.origin).remove(&rank);
        Some(ban)
    }

    fn put(&mut self, ban: Ban, change: &mut TableChange) -> Result<(), Full> {
        if self.bans.len() >= CAPACITY {
            let &(.., first) = self.sensors.first().ok_or(Full)?;
            self.take(first);
            change.removed.push(first);
        }
        change.set = Some((ban.subject, ban.until));
        let rank = (ban.until, ban.last, ban.subject);
        self.order(&ban.origin).insert(rank);
        self.bans.insert(ban.subject, ban);
        Ok(())
    }

    fn order(&mut self, origin: &Origin) -> &mut BTreeSet<Rank> {
        match origin {
            Origin::Sensor(_) => &mut self.sensors,
            Origin::Administrator => &mut self.administrators,
        }
    }
}
