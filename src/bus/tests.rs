//! What a coordinator leaves, and what its successor makes of it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::bans::{CAPACITY, Origin, Until};
use crate::service::DenyTime;

use super::keeper::{Keeper, Paths, Refused};

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("xinetd-coordinator-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn paths(&self) -> Paths {
        Paths {
            table: self.0.join("bans"),
            saved: self.0.join("bans.toml"),
            options: self.0.join("options.toml"),
        }
    }

    fn keeper(&self) -> Keeper {
        Keeper::open(&self.paths()).unwrap()
    }

    /// What the saver would write now.
    fn save(&self, keeper: &mut Keeper) {
        fs::write(self.paths().saved, keeper.take_text().unwrap()).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn peers(keeper: &mut Keeper) -> Vec<String> {
    let (bans, _) = keeper.bans().unwrap();
    let mut peers: Vec<_> = bans.iter().map(|ban| ban.subject.to_string()).collect();
    peers.sort();
    peers
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_table_outlives_a_kill_to_the_microsecond() {
    let scratch = Scratch::new("kill");
    let mut keeper = scratch.keeper();
    keeper
        .hit(ip("192.0.2.7"), DenyTime::Minutes(5), "decoy")
        .unwrap();
    scratch.save(&mut keeper);
    keeper.add(ip("192.0.2.8"), None).unwrap();
    let before = keeper.bans().unwrap().0;
    // Killed: the file has only the first.
    drop(keeper);
    let after = scratch.keeper().bans().unwrap().0;
    let find = |bans: &[crate::bans::Ban], peer: &str| {
        let ban = bans.iter().find(|ban| ban.subject.to_string() == peer);
        ban.cloned().unwrap()
    };
    let (old, new) = (find(&before, "192.0.2.7"), find(&after, "192.0.2.7"));
    let (Until::At(old_end), Until::At(new_end)) = (old.until, new.until) else {
        panic!("{old:?} {new:?}");
    };
    assert_eq!(old_end.as_micros(), new_end.as_micros());
    assert_eq!(new.origin, Origin::Sensor(Some("decoy".into())));
    let administrators = find(&after, "192.0.2.8");
    assert_eq!(administrators.origin, Origin::Administrator);
    assert_eq!(administrators.until, Until::Forever);
}

#[test]
fn what_was_removed_before_a_kill_stays_removed() {
    let scratch = Scratch::new("removed");
    let mut keeper = scratch.keeper();
    keeper.add(ip("192.0.2.7"), None).unwrap();
    keeper.add(ip("2001:db8::7"), None).unwrap();
    scratch.save(&mut keeper);
    assert!(keeper.remove(ip("::ffff:192.0.2.7")).unwrap());
    drop(keeper);
    assert_eq!(peers(&mut scratch.keeper()), ["2001:db8::/64"]);
}

#[test]
fn a_boot_leaves_the_file_and_a_broken_one_is_put_aside() {
    let scratch = Scratch::new("boot");
    let mut keeper = scratch.keeper();
    keeper
        .add(ip("192.0.2.7"), Some(Duration::from_secs(1000)))
        .unwrap();
    scratch.save(&mut keeper);
    drop(keeper);
    fs::remove_file(scratch.paths().table).unwrap();
    assert_eq!(peers(&mut scratch.keeper()), ["192.0.2.7"]);
    // A table that is none, and a file that is none.
    fs::write(scratch.paths().table, "rubbish").unwrap();
    fs::write(scratch.paths().saved, "rubbish").unwrap();
    assert_eq!(peers(&mut scratch.keeper()), [""; 0]);
    let aside = fs::read_to_string(scratch.0.join("bans.broken")).unwrap();
    assert_eq!(aside, "rubbish");
}

#[test]
fn whom_the_options_spare_is_let_in_again_and_broken_options_ban_nobody() {
    let scratch = Scratch::new("options");
    let mut keeper = scratch.keeper();
    keeper.add(ip("192.0.2.7"), None).unwrap();
    drop(keeper);
    fs::write(
        scratch.paths().options,
        "[bans]\nallow = ['192.0.2.0/24']\n",
    )
    .unwrap();
    let mut keeper = scratch.keeper();
    assert_eq!(peers(&mut keeper), [""; 0]);
    let refused = keeper.hit(ip("192.0.2.8"), DenyTime::Forever, "decoy");
    assert!(matches!(refused, Err(Refused::Allowed)));
    keeper.add(ip("198.51.100.7"), None).unwrap();
    drop(keeper);
    fs::write(scratch.paths().options, "[bans]\nallow = ['192.0.2']\n").unwrap();
    let mut keeper = scratch.keeper();
    assert_eq!(peers(&mut keeper), ["198.51.100.7"]);
    let refused = keeper.add(ip("198.51.100.8"), None);
    assert!(matches!(refused, Err(Refused::Options(_))));
}

#[test]
fn a_flood_of_hits_fills_the_list_and_no_more() {
    let scratch = Scratch::new("flood");
    let mut keeper = scratch.keeper();
    keeper.add(ip("192.0.2.7"), None).unwrap();
    for number in 0..100_000 {
        let peer = Ipv4Addr::from_bits(0x0a00_0000 + number).into();
        keeper.hit(peer, DenyTime::Forever, "decoy").unwrap();
    }
    let (bans, _) = keeper.bans().unwrap();
    assert_eq!(bans.len(), CAPACITY);
    assert_eq!(bans[0].subject.to_string(), "10.1.134.159");
    assert!(bans.iter().any(|ban| ban.origin == Origin::Administrator));
    drop(keeper);
    assert_eq!(scratch.keeper().bans().unwrap().0.len(), CAPACITY);
}

#[test]
fn a_time_beyond_all_clocks_is_for_ever() {
    let scratch = Scratch::new("longest");
    let mut keeper = scratch.keeper();
    let time = Some(Duration::from_secs(u64::MAX));
    keeper.add(ip("192.0.2.7"), time).unwrap();
    scratch.save(&mut keeper);
    assert_eq!(keeper.bans().unwrap().0[0].until, Until::Forever);
}
