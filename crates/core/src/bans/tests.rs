//! The list against a plain model, the table against the list, and what is kept.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::service::DenyTime;

use super::table::{self, Header, Slot};
use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn until(seconds: u64) -> Until {
    Until::At(at(seconds))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn list(prefix: u8, allowed: &[&str]) -> BanList {
    let allowed = allowed.iter().map(|net| net.parse().unwrap()).collect();
    BanList::new(Ipv6Prefix::new(prefix).unwrap(), AllowList::new(allowed))
}

/// The nth IPv4 address that is not loopback.
fn nth(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

fn hit(list: &mut BanList, peer: IpAddr, until: Until, now: Duration) -> Result<TableChange, Full> {
    let subject = list.subject(peer).unwrap();
    list.hit(subject, until, "decoy", now)
}

/// Whether the list keeps a peer out.
fn is_banned(list: &BanList, peer: IpAddr, now: Duration) -> bool {
    let ban = list.subject(peer).and_then(|subject| list.get(subject));
    ban.is_some_and(|ban| !ban.until.is_past(now))
}

#[test]
fn a_ban_is_one_address_whatever_it_ends_in() {
    let mut list = list(64, &[]);
    let _ = hit(&mut list, ip("::ffff:192.0.2.0"), until(60), at(0)).unwrap();
    assert!(is_banned(&list, ip("192.0.2.0"), at(59)));
    assert!(!is_banned(&list, ip("192.0.2.1"), at(0)));
    assert!(!is_banned(&list, ip("192.0.2.0"), at(60)));
    let _ = hit(&mut list, ip("2001:db8:1:2::"), Until::Forever, at(0)).unwrap();
    assert!(is_banned(&list, ip("2001:db8:1:2:3:4:5:6"), at(9999)));
    assert!(!is_banned(&list, ip("2001:db8:1:3::"), at(0)));
}

#[test]
fn who_is_allowed_can_not_be_banned() {
    let list = list(
        64,
        &["10.0.0.0/8", "::ffff:192.0.2.7/128", "2001:db8:1:2::5/128"],
    );
    for spared in [
        "127.0.0.9",
        "::ffff:127.1.2.3",
        "::1",
        "10.1.2.3",
        "192.0.2.7",
        // Its /64 has one that is allowed.
        "2001:db8:1:2::9",
    ] {
        assert_eq!(list.subject(ip(spared)), None, "{spared}");
    }
    assert!(list.subject(ip("192.0.2.8")).is_some());
}

#[test]
fn deny_time_is_in_minutes() {
    let after = |time| Until::after(time, at(5));
    assert_eq!(after(DenyTime::Minutes(2)), Some(until(125)));
    assert_eq!(after(DenyTime::Forever), Some(Until::Forever));
    assert_eq!(after(DenyTime::Never), None);
}

#[test]
fn when_it_is_full_the_sensor_ban_that_ends_first_makes_room() {
    let mut list = list(64, &[]);
    let number = |index: usize| u32::try_from(index).unwrap();
    let kept = list.subject(nth(0)).unwrap();
    assert_eq!(list.add(kept, until(1000), at(0)).unwrap().removed, []);
    for index in 1..CAPACITY {
        let end = until(2000 + u64::from(number(index)));
        let _ = hit(&mut list, nth(number(index)), end, at(0)).unwrap();
    }
    let new = nth(number(CAPACITY));
    let change = hit(&mut list, new, until(5), at(1)).unwrap();
    assert_eq!(change.removed, [list.subject(nth(1)).unwrap()]);
    assert_eq!(list.bans(at(1)).count(), CAPACITY);
    assert!(is_banned(&list, new, at(1)) && is_banned(&list, nth(0), at(1)));
    // What has ended makes room first.
    assert_eq!(list.expire(at(6)).removed, [list.subject(new).unwrap()]);
}

#[test]
fn administrators_bans_make_no_room() {
    let mut list = list(64, &[]);
    for number in 0..u32::try_from(CAPACITY).unwrap() {
        let subject = list.subject(nth(number)).unwrap();
        let _ = list.add(subject, Until::Forever, at(0)).unwrap();
    }
    let other = ip("192.0.2.7");
    assert_eq!(hit(&mut list, other, Until::Forever, at(0)), Err(Full));
    assert!(!is_banned(&list, other, at(0)));
    // One that is there already can still be hit.
    assert!(hit(&mut list, nth(3), until(9), at(0)).is_ok());
}

fn boot(number: u8) -> BootId {
    BootId::from_bytes([number; 16])
}

fn clocks(boot_number: u8, seconds: u64, wall: u64) -> Clocks {
    Clocks {
        boot: BootTime {
            boot: boot(boot_number),
            at: at(seconds),
        },
        wall: at(wall),
    }
}

/// What a file has that was written at 110 s of the first boot: a sensor's ban until 700 s, one for
/// ever, and an administrator's until 150 s.
fn saved() -> SavedBans {
    let mut list = list(64, &[]);
    let _ = hit(&mut list, ip("192.0.2.7"), until(700), at(100)).unwrap();
    let _ = hit(&mut list, ip("2001:db8::9"), Until::Forever, at(100)).unwrap();
    let administrators = list.subject(ip("192.0.2.8")).unwrap();
    let _ = list.add(administrators, until(150), at(100)).unwrap();
    let now = clocks(1, 110, 0).boot;
    let saved = SavedBans::new(list.bans(at(110)), BanOptions::default(), now);
    let text = saved.to_text().unwrap();
    SavedBans::parse(text.as_bytes()).unwrap()
}

/// Peers and ends, in order.
fn ends(saved: &SavedBans, shutdown: Option<BootTime>, now: Clocks) -> Vec<(String, Until)> {
    let bans = saved.bans(Ipv6Prefix::default(), shutdown, now);
    let bans = bans.iter().map(|ban| (ban.subject.to_string(), ban.until));
    let mut bans: Vec<_> = bans.collect();
    bans.sort();
    bans
}

#[test]
fn what_was_saved_comes_back_with_what_was_left() {
    let saved = saved();
    let forever = ("2001:db8::/64".to_owned(), Until::Forever);
    let four = |end| ("192.0.2.7".to_owned(), until(end));
    // Shut down at 160 s, so that 540 s are left whatever the clock on the wall says: none, one that is
    // a year behind or ahead.
    let shutdown = Some(clocks(1, 160, 0).boot);
    for wall in [0, 1_000_000, u64::MAX / 2] {
        let now = clocks(2, 3, wall);
        assert_eq!(ends(&saved, shutdown, now), [four(543), forever.clone()]);
    }
    // The power has failed: all that was left is left.
    let now = clocks(2, 3, 0);
    let eight = ("192.0.2.8".to_owned(), until(43));
    assert_eq!(ends(&saved, None, now), [four(593), eight, forever.clone()]);
    // The coordinator was started again.
    let now = clocks(1, 150, 0);
    assert_eq!(ends(&saved, None, now), [four(700), forever]);
    let bans = saved.bans(Ipv6Prefix::default(), None, now);
    assert!(
        bans.iter()
            .all(|ban| ban.since == at(100) && ban.last == at(100))
    );
}

#[test]
fn the_first_format_is_read_and_no_ban_gets_longer_by_it() {
    let text = b"format = 1\n\
        [[ban]]\npeer = '192.0.2.7/32'\nsince = 1000\nlast = 2000\nuntil = 2600\nsensor = 'decoy'\n\
        [[ban]]\npeer = '192.0.2.8/32'\nsince = 1000\nlast = 1000\nadministrator = true\n";
    let saved = SavedBans::parse(text).unwrap();
    let left = |wall| {
        let bans = ends(&saved, None, clocks(1, 5000, wall));
        assert_eq!(
            bans.last().unwrap(),
            &("192.0.2.8".to_owned(), Until::Forever)
        );
        bans.first()
            .map(|ban| ban.1)
            .filter(|end| *end != Until::Forever)
    };
    assert_eq!(left(2100), Some(until(5500)));
    assert_eq!(left(2600), None);
    // The clock was set back by much more than a ban is long.
    assert_eq!(left(3), Some(until(5600)));
    assert_eq!(saved.options(), None);
}

#[test]
fn a_foreign_file_is_told_from_ours() {
    assert!(SavedBans::parse(b"format = 1\n").is_ok());
    let foreign = [
        &b"format = 2\n"[..],
        b"format = 3\n",
        b"",
        b"\xff",
        b"format = 1\nx = 1\n",
    ];
    for foreign in foreign {
        assert!(SavedBans::parse(foreign).is_err(), "{foreign:?}");
    }
}

#[test]
fn a_longer_prefix_is_cut_and_a_shorter_one_left_out() {
    let text = b"format = 1\n\
        [[ban]]\npeer = '2001:db8::7/128'\nsince = 0\nlast = 0\n\
        [[ban]]\npeer = '2001:db9::/48'\nsince = 0\nlast = 0\n\
        [[ban]]\npeer = '192.0.2.0/24'\nsince = 0\nlast = 0\n";
    let saved = SavedBans::parse(text).unwrap();
    let ends = ends(&saved, None, clocks(1, 0, 0));
    assert_eq!(ends, [("2001:db8::/64".to_owned(), Until::Forever)]);
}

#[test]
fn other_options_spare_peers_and_join_networks() {
    let mut list = list(64, &[]);
    for (peer, end) in [
        ("192.0.2.7", 100),
        ("198.51.100.7", 100),
        ("2001:db8:0:1::", 300),
        ("2001:db8:0:2::", 200),
    ] {
        let _ = hit(&mut list, ip(peer), until(end), at(0)).unwrap();
    }
    let allowed = AllowList::new(vec!["192.0.2.0/24".parse().unwrap()]);
    let lost = list.follow(Ipv6Prefix::new(48).unwrap(), allowed, at(1));
    assert_eq!((lost, list.bans(at(1)).count()), (1, 2));
    assert!(is_banned(&list, ip("198.51.100.7"), at(1)));
    // Of two the later end.
    assert!(is_banned(&list, ip("2001:db8:0:9::"), at(299)));
    let lost = list.follow(Ipv6Prefix::new(64).unwrap(), AllowList::default(), at(1));
    assert_eq!(
        (lost, list.bans(at(1)).count()),
        (1, 1),
        "a /48 says nothing of a /64"
    );
}

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

/// Whom a ban is for, said in another way: text.
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
fn neighbours_on_a_link_are_banned_one_by_one() {
    let mut list = list(64, &["::ffff:192.0.2.7/64"]);
    assert_eq!(list.prefix().bits(), 64);
    let _ = hit(&mut list, ip("fe80::1"), until(60), at(0)).unwrap();
    assert!(is_banned(&list, ip("fe80::1"), at(0)));
    assert!(!is_banned(&list, ip("fe80::2"), at(0)));
    // A prefix that is shorter than that of all mapped addresses is none of IPv4.
    assert!(list.subject(ip("192.0.2.7")).is_some());
}

/// A ban that ends then.
fn ban(list: &BanList, peer: IpAddr, until: Until, origin: Origin) -> Ban {
    Ban {
        subject: list.subject(peer).unwrap(),
        until,
        since: at(0),
        last: at(0),
        origin,
    }
}

#[test]
fn a_ban_that_was_kept_takes_nothing_from_those_that_are_there() {
    let mut list = list(48, &[]);
    assert_eq!(list.prefix().bits(), 48);
    let sensor = || Origin::Sensor(Some("decoy".to_owned()));
    let first = ban(&list, nth(0), until(60), sensor());
    assert!(list.restore(first.clone(), at(0)));
    let same = ban(&list, nth(0), until(60), Origin::Administrator);
    assert!(list.restore(same, at(0)), "it is banned");
    assert_eq!(list.get(first.subject), Some(&first));
    for number in 1..u32::try_from(CAPACITY).unwrap() {
        let ban = ban(&list, nth(number), until(60), sensor());
        assert!(list.restore(ban, at(0)));
    }
    let last = ban(&list, ip("192.0.2.7"), Until::Forever, sensor());
    assert!(!list.restore(last, at(0)));
    assert_eq!(list.bans(at(0)).count(), CAPACITY);
    assert!(!is_banned(&list, ip("192.0.2.7"), at(0)));
}

#[test]
fn options_of_the_same_prefix_end_no_ban() {
    let mut list = list(64, &[]);
    let peer = ip("2001:db8:1:2::9");
    let _ = hit(&mut list, peer, until(60), at(0)).unwrap();
    let prefix = list.prefix();
    assert_eq!(list.follow(prefix, AllowList::default(), at(0)), 0);
    assert!(is_banned(&list, peer, at(0)));
}

#[test]
fn a_file_says_when_it_was_written_and_by_which_options() {
    let text = "allow = [\"192.0.2.0/24\", \"2001:db8::1\"]\nipv6_prefix = 56\n";
    let options: BanOptions = toml::from_str(text).unwrap();
    let noted = clocks(3, 7, 0).boot;
    let saved = SavedBans::new([].iter(), options.clone(), noted);
    let saved = SavedBans::parse(saved.to_text().unwrap().as_bytes()).unwrap();
    assert_eq!(saved.noted(), Some(noted));
    assert_eq!(saved.options(), Some(&options));
}

#[test]
fn times_of_the_day_are_rounded_to_seconds() {
    let clocks = Clocks {
        wall: Duration::from_millis(1_000_600),
        ..clocks(1, 100, 0)
    };
    assert_eq!(clocks.wall_seconds(at(40)), 941);
    assert_eq!(clocks.wall_seconds(Duration::from_millis(39_899)), 940);
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
