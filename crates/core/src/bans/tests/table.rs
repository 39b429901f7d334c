//! The list against a plain model, and the table against the list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::table::{self, Header, Slot};
use super::super::*;
use super::{at, boot, hit, is_banned, list, nth, until};

/// A table in memory.
struct Table {
    header: Header,
    bytes: Vec<u8>,
}

impl Table {
    fn new(prefix: Ipv6Prefix) -> Self {
        let header = Header {
            boot: boot(1),
            key: [1, 2],
            prefix,
        };
        let size = usize::try_from(table::SIZE).unwrap();
        Self {
            header,
            bytes: vec![0; size],
        }
    }

    fn bucket(&mut self, subject: Subject) -> &mut [u8; table::BUCKET] {
        let start = usize::try_from(self.header.bucket(subject)).unwrap();
        self.bytes[start..].first_chunk_mut().unwrap()
    }

    fn apply(&mut self, change: TableChange) {
        for subject in change.removed {
            let bucket = self.bucket(subject);
            let slot = table::find(bucket, subject).unwrap();
            bucket[slot * table::SLOT..][..table::SLOT].fill(0);
        }
        if let Some((subject, until)) = change.set {
            let slot = Slot {
                address: subject.to_bits(),
                until,
                administrator: false,
            };
            let bucket = self.bucket(subject);
            let place = table::place(bucket, subject);
            bucket[place * table::SLOT..][..table::SLOT].copy_from_slice(&slot.encode());
        }
    }

    fn is_banned(&mut self, peer: IpAddr, now: Duration) -> bool {
        let subject = Subject::of(peer, self.header.prefix);
        table::until(self.bucket(subject), subject, now).is_some()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Hit(IpAddr, Option<u64>),
    Add(IpAddr, Option<u64>),
    Remove(IpAddr),
    Flush,
    Wait(u64),
}

/// Few addresses, so that they meet; of each two that differ only where it must not count.
fn peer() -> impl Strategy<Value = IpAddr> {
    (0..4_u32, 0..3_u8).prop_map(|(number, form)| match form {
        0 => Ipv4Addr::from_bits(0xc000_0200 + number).into(),
        1 => Ipv4Addr::from_bits(0xc000_0200 + number)
            .to_ipv6_mapped()
            .into(),
        _ => Ipv6Addr::from_bits(
            0x2001_0db8 << 96 | u128::from(number / 2) << 64 | u128::from(number),
        )
        .into(),
    })
}

fn step() -> impl Strategy<Value = Step> {
    let time = || proptest::option::weighted(0.9, 0..40_u64);
    prop_oneof![
        5 => (peer(), time()).prop_map(|(peer, time)| Step::Hit(peer, time)),
        2 => (peer(), time()).prop_map(|(peer, time)| Step::Add(peer, time)),
        1 => peer().prop_map(Step::Remove),
        1 => Just(Step::Flush),
        5 => (0..30_u64).prop_map(Step::Wait),
    ]
}

/// The subject of a peer's ban, found in another way: as text.
fn name(peer: IpAddr) -> String {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x?}", &address.segments()[..4]),
    }
}

proptest! {
    #[test]
    fn list_and_table_do_what_a_plain_model_does(steps in vec(step(), 0..60), probes in vec(peer(), 8)) {
        let mut list = list(64, &[]);
        let mut table = Table::new(list.prefix());
        let mut model: Vec<(String, u64)> = Vec::new();
        let mut now = 0;
        for step in steps {
            let end = |time: Option<u64>| match time {
                Some(time) => (until(now + time), now + time),
                None => (Until::Forever, u64::MAX),
            };
            let old = |model: &mut Vec<(String, u64)>, peer| {
                let old = model.iter().find(|(known, _)| *known == name(peer)).map_or(0, |ban| ban.1);
                model.retain(|(known, _)| *known != name(peer));
                old
            };
            match step {
                Step::Hit(peer, time) => {
                    table.apply(hit(&mut list, peer, end(time).0, at(now)).unwrap());
                    let end = end(time).1.max(old(&mut model, peer));
                    model.push((name(peer), end));
                }
                Step::Add(peer, time) => {
                    let subject = list.subject(peer).unwrap();
                    table.apply(list.add(subject, end(time).0, at(now)).unwrap());
                    old(&mut model, peer);
                    model.push((name(peer), end(time).1));
                }
                Step::Remove(peer) => {
                    let subject = list.subject(peer).unwrap();
                    let (ban, change) = list.remove(subject, at(now));
                    table.apply(change);
                    prop_assert_eq!(ban.is_some(), old(&mut model, peer) > now);
                }
                Step::Flush => {
                    table.apply(list.flush());
                    model.clear();
                }
                Step::Wait(seconds) => now += seconds,
            }
            for &peer in &probes {
                let banned = model.iter().any(|(known, end)| *known == name(peer) && *end > now);
                prop_assert_eq!(is_banned(&list, peer, at(now)), banned);
                prop_assert_eq!(table.is_banned(peer, at(now)), banned);
            }
            prop_assert_eq!(list.bans(at(now)).count(), model.iter().filter(|ban| ban.1 > now).count());
        }
    }

    #[test]
    fn slots_and_headers_survive_their_way_through_the_file(
        address: u128,
        end in proptest::option::of(0..u64::MAX),
        administrator: bool,
        key: [u64; 2],
        prefix in 32..=128_u8,
    ) {
        let until = end.map_or(Until::Forever, |end| Until::At(Duration::from_micros(end)));
        let slot = Slot { address, until, administrator };
        prop_assert_eq!(Slot::decode(&slot.encode()), Some(slot));
        let prefix = Ipv6Prefix::new(prefix).unwrap();
        let header = Header { boot: boot(9), key, prefix };
        prop_assert_eq!(Header::decode(&header.encode()), Some(header));
    }
}

#[test]
fn a_full_list_fills_no_bucket() {
    let header = Header {
        boot: boot(1),
        key: [3, 4],
        prefix: Ipv6Prefix::default(),
    };
    let mut counts = std::collections::HashMap::new();
    for number in 0..u32::try_from(CAPACITY).unwrap() {
        let subject = Subject::of(nth(number), header.prefix);
        *counts.entry(header.bucket(subject)).or_insert(0_usize) += 1;
    }
    assert!(counts.values().all(|count| *count <= table::SLOTS));
}

#[test]
fn in_a_full_bucket_the_ban_that_ends_first_makes_room() {
    let mut bucket = [0; table::BUCKET];
    for (index, bytes) in (0..).zip(bucket.chunks_exact_mut(table::SLOT)) {
        let slot = Slot {
            address: index,
            until: Until::Forever,
            administrator: false,
        };
        let slot = if index == 9 {
            Slot {
                until: until(1),
                ..slot
            }
        } else {
            slot
        };
        bytes.copy_from_slice(&slot.encode());
    }
    assert_eq!(
        table::place(&bucket, Subject::of(nth(0), Ipv6Prefix::default())),
        9
    );
}

#[test]
fn a_table_without_bans_that_hold_is_told() {
    let has_bans = |slot: &[u8], now| {
        let mut table = vec![0; usize::try_from(Header::nth_bucket(2)).unwrap()];
        let last = table.len() - slot.len();
        table[last..].copy_from_slice(slot);
        table::has_bans(&table, at(now))
    };
    let slot = Slot {
        address: 7,
        until: until(60),
        administrator: false,
    };
    assert!(has_bans(&slot.encode(), 59));
    assert!(!has_bans(&slot.encode(), 60));
    assert!(!has_bans(&[0; table::SLOT], 0));
    assert!(!table::has_bans(&[], at(0)));
    assert_eq!(Slot::decode(&[0; table::SLOT]), None);
}

#[test]
fn buckets_lie_one_behind_the_other() {
    let bucket = u64::try_from(table::BUCKET).unwrap();
    assert_eq!(Header::nth_bucket(3), Header::nth_bucket(0) + 3 * bucket);
}
