//! What bans a list takes and keeps.

mod saved;
mod table;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::service::DenyTime;

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
fn an_allowed_peer_can_not_be_banned() {
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

fn boot(number: u8) -> BootId {
    BootId::from_bytes([number; 16])
}
