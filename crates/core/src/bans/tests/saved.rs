//! What is kept of bans beyond the coordinator and the boot.

use std::time::Duration;

use super::super::*;
use super::{at, boot, hit, ip, list, until};

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
