//! Internal services, with the helper around them.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use super::super::clock::Moment;
use super::{LOGGED, Scene, TASK};

#[test]
fn echo_sends_back_all_and_reads_no_more_than_goes_back() {
    let mut scene = Scene::new(&[(TASK, r#"internal = "echo""#), LOGGED]);
    let mut client = scene.connect();
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(scene.receive(client).unwrap(), b"hello");
    scene.until_idle();
    let start = "START: test pid=# from=::ffff:127.0.0.1";
    assert_eq!(scene.log(), [start, "EXIT: test status=0 pid=# duration=#"]);
    // One that sends and does not read is held back by the kernel's buffers, and then hears it all.
    let mut greedy = scene.connect();
    let text: Vec<u8> = (0..32_u32 << 20).map(|i| (i % 251) as u8).collect();
    let mut sent = 0;
    let mut quiet = 0;
    scene.until(|_| {
        match greedy.write(&text[sent..]) {
            Ok(count) => (sent, quiet) = (sent + count, 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                quiet += 1;
            }
        }
        (quiet == 20).then_some(())
    });
    assert!(sent < text.len(), "nothing held it back");
    greedy.shutdown(Shutdown::Write).unwrap();
    assert!(scene.receive(greedy).unwrap() == text[..sent]);
    scene.until_idle();
}

#[test]
fn discard_reads_and_chargen_writes_without_end() {
    let mut scene = Scene::new(&[(TASK, r#"internal = "discard""#)]);
    let mut client = scene.connect();
    let mut left = 1 << 20;
    scene.until(|_| {
        match client.write(&vec![b'x'; left]) {
            Ok(count) => left -= count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        (left == 0).then_some(())
    });
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(scene.receive(client).unwrap(), b"");
    scene.until_idle();

    let mut scene = Scene::new(&[(TASK, r#"internal = "chargen""#)]);
    let mut client = scene.connect();
    // What it sends does not matter, nor that it has sent all.
    client.write_all(b"rubbish").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    let mut chunk = [0; 1 << 16];
    scene.until(|_| {
        match client.read(&mut chunk) {
            Ok(count) => heard.extend_from_slice(&chunk[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        (heard.len() > 1 << 20).then_some(())
    });
    // Ninety-five lines of 74 bytes, again and again.
    assert!(
        heard
            .chunks_exact(95 * 74)
            .all(|round| round == &heard[..95 * 74])
    );
    drop(client);
    scene.until_idle();
}

#[test]
fn time_and_daytime_say_it_and_leave_no_session() {
    let mut scene = Scene::new(&[(TASK, r#"internal = "time""#), LOGGED]);
    let client = scene.connect();
    let heard = scene.receive(client).unwrap();
    let seconds = u32::from_be_bytes(heard.try_into().unwrap());
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs()
        + 2_208_988_800;
    assert!(now - u64::from(seconds) < 60);
    scene.until_idle();
    assert_eq!(scene.log(), ["START: test pid=# from=::ffff:127.0.0.1"]);

    let mut scene = Scene::new(&[(TASK, r#"internal = "daytime""#)]);
    let text = scene.text();
    assert!(
        text.ends_with("\r\n") && text.split(' ').count() == 5,
        "{text:?}"
    );
}

#[test]
fn clients_of_internal_services_count_and_end_with_the_service() {
    let limit = (r#"instances = "unlimited""#, "instances = 1");
    let mut scene = Scene::new(&[(TASK, r#"internal = "echo""#), limit, LOGGED]);
    let first = scene.connect();
    scene.until(|helper| (helper.guests.len() == 1).then_some(()));
    assert_eq!(scene.text(), "");
    assert!(
        !scene
            .helper
            .on_time(Moment::now().unwrap().plus(Duration::from_secs(10_000)))
    );
    scene.helper.end_guests(Moment::now().unwrap());
    assert_eq!(scene.receive(first).unwrap(), b"");
    assert_eq!(scene.helper.state.running(), 0);
    let expected = [
        "START: test pid=# from=::ffff:127.0.0.1",
        "FAIL: test service_limit from=::ffff:127.0.0.1",
        "EXIT: test status=0 pid=# duration=#",
    ];
    assert_eq!(scene.log(), expected);
}
