//! Bans, with a table that the test writes.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::sys::socket::{MsgFlags, recv};
use xinetd_core::bans::table::{Header, SIZE, Slot};
use xinetd_core::bans::{BootId, Ipv6Prefix, Subject, Until};

use crate::protocol::bans::{PACKET, TABLE_PASSED};
use crate::sys::handover;

use super::sensor::{enter, listening, port, wait};
use super::*;

const HEADER: Header = Header {
    boot: BootId::from_bytes([7; 16]),
    key: [5, 6],
    prefix: Ipv6Prefix::DEFAULT,
};

pub(super) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A table with one ban.
pub(super) fn table(path: &Path, peer: IpAddr, until: Until) {
    let subject = Subject::of(peer, HEADER.prefix);
    let slot = Slot {
        address: subject.to_bits(),
        until,
        administrator: false,
    };
    let file = File::create(path).unwrap();
    file.write_all_at(&HEADER.encode(), 0).unwrap();
    let bucket = HEADER.bucket(subject);
    file.set_len(SIZE).unwrap();
    file.write_all_at(&slot.encode(), bucket).unwrap();
}

#[test]
fn who_is_banned_is_refused_before_anything_else_is_asked() {
    // A name would have to be looked up.
    let named =
        r#"access = { no_access = [ { pattern = "host nowhere.invalid", place = "f:1:1" } ] }"#;
    let mut scene = Scene::new(&[("access = {}", named), (CAT, &shell("echo served")), LOGGED]);
    let path = scratch("bans", port(&scene));
    table(&path, PEER, Until::Forever);
    assert_eq!(scene.text(), "");
    assert_eq!(scene.log(), ["FAIL: test address from=::ffff:127.0.0.1"]);
    assert_eq!(scene.helper.state.running(), 0);
    fs::remove_file(path).unwrap();
}

#[test]
fn a_ban_holds_while_it_lasts_and_a_new_table_counts_at_once() {
    let mut scene = Scene::new(&[(CAT, &shell("echo served"))]);
    let path = scratch("bans", port(&scene));
    assert_eq!(scene.text(), "served\n");
    // A foreign table, and one that is cut off: it can't be known which clients are banned.
    for broken in [
        &b""[..],
        b"something else that is long enough for a header",
        &HEADER.encode(),
    ] {
        fs::write(&path, broken).unwrap();
        assert_eq!(scene.text(), "");
        fs::remove_file(&path).unwrap();
        assert_eq!(scene.text(), "served\n");
    }
    let now = Moment::now().unwrap().0;
    table(&path, PEER, Until::At(now));
    assert_eq!(scene.text(), "served\n");
    fs::remove_file(&path).unwrap();
    table(&path, PEER, Until::At(now + Duration::from_secs(1000)));
    assert_eq!(scene.text(), "");
    fs::remove_file(&path).unwrap();
    table(&path, "192.0.2.7".parse().unwrap(), Until::Forever);
    assert_eq!(scene.text(), "served\n");
    fs::remove_file(path).unwrap();
}

#[test]
fn a_helper_that_may_not_open_the_table_is_given_it() {
    let mut scene = Scene::new(&[(CAT, &shell("echo served"))]);
    let path = scratch("bans", port(&scene));
    // As root may open any file: this one is none.
    fs::create_dir(&path).unwrap();
    assert_eq!(scene.text(), "", "there is no coordinator");
    let given = scratch("given", port(&scene));
    table(&given, PEER, Until::Forever);
    let coordinator_path = scratch("coordinator", port(&scene));
    let coordinator = listening(&coordinator_path);
    let answers = std::thread::spawn(move || {
        let client = enter(&coordinator);
        let mut packet = [0; PACKET];
        wait(&client);
        let length = recv(client.as_raw_fd(), &mut packet, MsgFlags::empty()).unwrap();
        assert_eq!(&packet[..length], b"table");
        let table = File::open(given).unwrap();
        handover::send(client.as_fd(), &[TABLE_PASSED], table.as_fd()).unwrap();
        table
    });
    // It is asked again after a second.
    while !answers.is_finished() {
        assert_eq!(scene.text(), "");
    }
    // It is not asked any more.
    drop(answers.join().unwrap());
    let path_given = scratch("given", port(&scene));
    table(&path_given, "192.0.2.7".parse().unwrap(), Until::Forever);
    assert_eq!(scene.text(), "served\n");
    fs::remove_file(path_given).unwrap();
    fs::remove_file(coordinator_path).unwrap();
    fs::remove_dir(path).unwrap();
}
