//! What a coordinator leaves, and what its successor makes of it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use xinetd_core::bans::{BootId, BootTime, CAPACITY, Origin, Until};
use xinetd_core::service::DenyTime;

use super::ban_store::{self, BanStore, Paths, Refused};
use super::saved;

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
            shutdown: self.0.join("shutdown.toml"),
            options: self.0.join("options.toml"),
        }
    }

    fn store(&self) -> BanStore {
        self.keeper_after_boot(1)
    }

    fn keeper_after_boot(&self, number: u8) -> BanStore {
        BanStore::open(&self.paths(), boot(number)).unwrap()
    }

    fn options(&self, text: &str) {
        fs::write(self.paths().options, text).unwrap();
    }

    /// What the saver would write now.
    fn save(&self, store: &mut BanStore) {
        saved::write(&self.paths().saved, &store.take_text().unwrap()).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn boot(number: u8) -> BootId {
    BootId::from_bytes([number; 16])
}

fn peers(store: &mut BanStore) -> Vec<String> {
    let (bans, _) = store.bans().unwrap();
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
    let mut store = scratch.store();
    store
        .hit(ip("192.0.2.7"), DenyTime::Minutes(5), "decoy")
        .unwrap();
    scratch.save(&mut store);
    store.add(ip("192.0.2.8"), None).unwrap();
    let before = store.bans().unwrap().0;
    // Killed: the file has only the first.
    drop(store);
    let mut store = scratch.store();
    assert!(store.is_unsaved(), "the file has the first alone");
    let after = store.bans().unwrap().0;
    let find = |bans: &[xinetd_core::bans::Ban], peer: &str| {
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
    let mut store = scratch.store();
    store.add(ip("192.0.2.7"), None).unwrap();
    store.add(ip("2001:db8::7"), None).unwrap();
    scratch.save(&mut store);
    assert!(store.remove(ip("::ffff:192.0.2.7")).unwrap());
    drop(store);
    assert_eq!(peers(&mut scratch.store()), ["2001:db8::/64"]);
}

#[test]
fn a_boot_leaves_the_file_and_a_broken_one_leaves_the_one_before() {
    let scratch = Scratch::new("boot");
    let mut store = scratch.store();
    store
        .add(ip("192.0.2.7"), Some(Duration::from_secs(1000)))
        .unwrap();
    scratch.save(&mut store);
    store.add(ip("192.0.2.8"), None).unwrap();
    scratch.save(&mut store);
    drop(store);
    // The table is of another boot, though nothing has emptied its directory.
    let both = ["192.0.2.7", "192.0.2.8"];
    assert_eq!(peers(&mut scratch.keeper_after_boot(2)), both);
    fs::remove_file(scratch.paths().table).unwrap();
    assert_eq!(peers(&mut scratch.store()), both);
    // A table that is none, and a file that is none: the one before has the first.
    fs::write(scratch.paths().table, "rubbish").unwrap();
    fs::write(scratch.paths().saved, "rubbish").unwrap();
    assert_eq!(peers(&mut scratch.store()), ["192.0.2.7"]);
    let aside = fs::read_to_string(scratch.0.join("bans.broken")).unwrap();
    assert_eq!(aside, "rubbish");
}

#[test]
fn a_ban_keeps_over_a_boot_what_was_left_when_the_machine_was_shut_down() {
    let scratch = Scratch::new("shutdown");
    let mut store = scratch.store();
    let minute = Duration::from_secs(60);
    store.add(ip("192.0.2.7"), Some(minute)).unwrap();
    store.add(ip("192.0.2.8"), Some(minute * 10)).unwrap();
    scratch.save(&mut store);
    drop(store);
    let now = ban_store::now(boot(1)).unwrap();
    let later = BootTime {
        at: now.at + minute * 5,
        ..now
    };
    saved::note_shutdown(&scratch.paths().shutdown, later).unwrap();
    let mut store = scratch.keeper_after_boot(2);
    assert_eq!(peers(&mut store), ["192.0.2.8"]);
    let (bans, clocks) = store.bans().unwrap();
    let Until::At(end) = bans[0].until else {
        panic!("for ever");
    };
    let left = (end - clocks.boot.at).as_secs_f64();
    assert!((295.0..=300.0).contains(&left), "{left}");
}

#[test]
fn without_a_ban_there_is_no_table() {
    let scratch = Scratch::new("none");
    let mut store = scratch.store();
    assert!(!scratch.paths().table.exists());
    store.add(ip("192.0.2.7"), None).unwrap();
    scratch.save(&mut store);
    let mode = fs::metadata(scratch.paths().table).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A successor goes on with the very file that helpers have open.
    let inode = || fs::metadata(scratch.paths().table).unwrap().ino();
    let before = inode();
    drop(store);
    let mut store = scratch.store();
    assert_eq!(inode(), before);
    store.flush().unwrap();
    // Until the file says so, too, it keeps the ban from coming back.
    for _ in 0..2 {
        drop(store);
        store = scratch.store();
        assert!(store.is_unsaved() && scratch.paths().table.exists());
    }
    scratch.save(&mut store);
    store.tidy();
    assert!(!scratch.paths().table.exists());
    // The next one makes another table; it goes when its time is over.
    let soon = Duration::from_millis(1);
    store.add(ip("192.0.2.7"), Some(soon)).unwrap();
    scratch.save(&mut store);
    std::thread::sleep(soon);
    store.tidy();
    assert!(store.is_unsaved() && scratch.paths().table.exists());
    scratch.save(&mut store);
    store.tidy();
    assert!(!scratch.paths().table.exists());
}

#[test]
fn whom_the_options_spare_is_let_in_again_as_soon_as_they_are_written() {
    let scratch = Scratch::new("options");
    let mut store = scratch.store();
    store.add(ip("192.0.2.7"), None).unwrap();
    scratch.options("[bans]\nallow = ['192.0.2.0/24']\n");
    assert_eq!(peers(&mut store), [""; 0]);
    let refused = store.hit(ip("192.0.2.8"), DenyTime::Forever, "decoy");
    assert!(matches!(refused, Err(Refused::Allowed)));
    fs::remove_file(scratch.paths().options).unwrap();
    store
        .hit(ip("192.0.2.8"), DenyTime::Forever, "decoy")
        .unwrap();
    assert_eq!(peers(&mut store), ["192.0.2.8"]);
}

#[test]
fn options_that_can_not_be_read_leave_the_last_good_ones_in_force() {
    let scratch = Scratch::new("broken-options");
    scratch.options("[bans]\nallow = ['192.0.2.0/24']\nipv6_prefix = 48\n");
    let mut store = scratch.store();
    assert_eq!(store.problem().unwrap(), None);
    assert!(store.is_unsaved(), "they have to outlive this coordinator");
    scratch.save(&mut store);
    scratch.options("[bans]\nalow = ['198.51.100.0/24']\n");
    // While it runs, for its successor, and after a boot.
    let mut keepers = [store, scratch.store(), scratch.keeper_after_boot(2)];
    for (number, store) in keepers.iter_mut().enumerate() {
        let said = store.problem().unwrap().unwrap();
        assert!(
            said.starts_with("line 2: unknown field `alow`"),
            "{number}: {said}"
        );
        let refused = store.hit(ip("192.0.2.8"), DenyTime::Forever, "decoy");
        assert!(matches!(refused, Err(Refused::Allowed)), "{number}");
        store
            .hit(ip("2001:db8:0:9::"), DenyTime::Forever, "decoy")
            .unwrap();
        assert_eq!(peers(store), ["2001:db8::/48"], "{number}");
        scratch.save(store);
    }
    // With nothing to go by: nothing but loopback is spared.
    fs::remove_file(scratch.paths().saved).unwrap();
    fs::remove_file(scratch.paths().table).unwrap();
    let mut store = scratch.store();
    store
        .hit(ip("192.0.2.8"), DenyTime::Forever, "decoy")
        .unwrap();
    scratch.options("[bans]\n");
    assert_eq!(store.problem().unwrap(), None);
}

#[test]
fn a_flood_of_hits_fills_the_list_and_no_more() {
    let scratch = Scratch::new("flood");
    let mut store = scratch.store();
    store.add(ip("192.0.2.7"), None).unwrap();
    for number in 0..100_000 {
        let peer = Ipv4Addr::from_bits(0x0a00_0000 + number).into();
        store.hit(peer, DenyTime::Forever, "decoy").unwrap();
    }
    let (bans, _) = store.bans().unwrap();
    assert_eq!(bans.len(), CAPACITY);
    assert_eq!(bans[0].subject.to_string(), "10.1.134.159");
    assert!(bans.iter().any(|ban| ban.origin == Origin::Administrator));
    drop(store);
    assert_eq!(scratch.store().bans().unwrap().0.len(), CAPACITY);
}

#[test]
fn a_time_beyond_all_clocks_is_for_ever() {
    let scratch = Scratch::new("longest");
    let mut store = scratch.store();
    let time = Some(Duration::from_secs(u64::MAX));
    store.add(ip("192.0.2.7"), time).unwrap();
    scratch.save(&mut store);
    assert_eq!(store.bans().unwrap().0[0].until, Until::Forever);
}

#[test]
fn a_ban_that_the_table_can_not_have_is_not_listed_and_holds_as_soon_as_it_can() {
    let scratch = Scratch::new("full");
    let folder = scratch.0.join("folder");
    let paths = Paths {
        table: folder.join("bans"),
        ..scratch.paths()
    };
    let mut store = BanStore::open(&paths, boot(1)).unwrap();
    let refused = store.add(ip("192.0.2.7"), None);
    assert!(matches!(refused, Err(Refused::Table(_))), "{refused:?}");
    let refused = store.hit(ip("192.0.2.8"), DenyTime::Forever, "decoy");
    assert!(matches!(refused, Err(Refused::Table(_))), "{refused:?}");
    assert_eq!(peers(&mut store), [""; 0]);
    assert_eq!(store.count().unwrap(), 0);
    let said = store.table_problem().unwrap().unwrap();
    assert!(said.contains("not listed: 2;"), "{said}");
    assert!(store.retry_due().is_some());
    fs::create_dir(&folder).unwrap();
    store.tidy();
    assert_eq!(store.retry_due(), None);
    assert_eq!(store.table_problem().unwrap(), None);
    assert_eq!(peers(&mut store), ["192.0.2.7", "192.0.2.8"]);
    // The table has them, by the word of a successor that has no file.
    drop(store);
    let mut store = BanStore::open(&paths, boot(1)).unwrap();
    assert_eq!(peers(&mut store), ["192.0.2.7", "192.0.2.8"]);
}

#[test]
fn a_table_that_was_spoilt_is_written_anew() {
    let scratch = Scratch::new("spoilt");
    let table = scratch.paths().table;
    let mut store = scratch.store();
    store.add(ip("192.0.2.7"), None).unwrap();
    let whole = fs::metadata(&table).unwrap().len();
    let spoil: [&dyn Fn(); 4] = [
        &|| fs::write(&table, "rubbish").unwrap(),
        &|| fs::write(&table, vec![0; usize::try_from(whole).unwrap()]).unwrap(),
        &|| fs::remove_file(&table).unwrap(),
        &|| {
            fs::rename(&table, scratch.0.join("aside")).unwrap();
            fs::write(&table, "").unwrap();
        },
    ];
    for (number, spoil) in spoil.iter().enumerate() {
        spoil();
        let given = store.table().unwrap();
        assert_eq!(given.metadata().unwrap().len(), whole, "{number}");
        let mut successor = scratch.store();
        assert_eq!(peers(&mut successor), ["192.0.2.7"], "{number}");
    }
    store.flush().unwrap();
    scratch.save(&mut store);
    store.tidy();
    fs::write(&table, "rubbish").unwrap();
    store.tidy();
    assert!(!table.exists(), "it would keep all clients out");
}

#[test]
fn a_table_that_can_not_be_read_at_the_start_is_kept_to_be_looked_at() {
    let scratch = Scratch::new("unreadable");
    let (table, aside) = (scratch.paths().table, scratch.0.join("bans.bad"));
    fs::write(&table, "rubbish").unwrap();
    assert_eq!(peers(&mut scratch.store()), [""; 0]);
    assert_eq!(fs::read_to_string(&aside).unwrap(), "rubbish");
    assert!(!table.exists());
    let mut store = scratch.store();
    store.add(ip("192.0.2.7"), None).unwrap();
    scratch.save(&mut store);
    drop(store);
    fs::write(&table, "other").unwrap();
    assert_eq!(peers(&mut scratch.store()), ["192.0.2.7"]);
    assert_eq!(fs::read_to_string(&aside).unwrap(), "other");
}
