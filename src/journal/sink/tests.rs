use std::fs;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use log::Log;
use xinetd_core::service::{Facility, Level};
use xinetd_core::spec::Spec;

use crate::journal::entry::tests::fields;

use super::*;

/// What went to standard error.
#[derive(Clone, Default)]
struct Fallback(Arc<Mutex<Vec<u8>>>);

impl Fallback {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Fallback {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A folder for a socket.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("journal-{}-{number}", process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn journald(path: &Path) -> UnixDatagram {
    let _ = fs::remove_file(path);
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// The messages that have arrived.
fn received(journald: &UnixDatagram) -> Vec<String> {
    let mut buffer = vec![0; 1 << 18];
    let mut messages = Vec::new();
    while let Ok(length) = journald.recv(&mut buffer) {
        let fields = fields(&buffer[..length]).unwrap();
        assert_eq!(fields[0].0, "MESSAGE");
        messages.push(String::from_utf8(fields[0].1.clone()).unwrap());
    }
    messages
}

fn journal(path: &Path) -> (Journal, Fallback) {
    let fallback = Fallback::default();
    let journal = Journal::at(path.into(), Box::new(fallback.clone())).unwrap();
    (journal, fallback)
}

fn say(journal: &Journal, message: &str) {
    journal.submit(|entry| {
        entry.begin(
            format_args!("{message}"),
            (Facility::Daemon, Level::Info),
            &Sender::new(1),
        );
    });
}

#[test]
fn an_event_reaches_the_journal_if_the_service_wants_it() {
    let folder = Folder::new();
    let journald = journald(&folder.socket());
    let (journal, fallback) = journal(&folder.socket());
    let mut spec = Spec::example();
    let peer = crate::journal::Peer {
        host: "::1",
        address: "::1".parse().unwrap(),
        port: 1,
    };
    let start = Event::Start { pid: 7, peer };
    journal.write(&ServiceLog::new(&spec), &start);
    assert!(received(&journald).is_empty());
    spec.logging.success.pid = true;
    journal.write(&ServiceLog::new(&spec), &start);
    assert_eq!(received(&journald), ["START: telnet pid=7"]);
    assert!(!journal.pending());
    assert_eq!(fallback.text(), "");
}

#[test]
fn messages_of_the_log_crate_go_the_same_way_on_one_line() {
    let folder = Folder::new();
    let journald = journald(&folder.socket());
    let (journal, _) = journal(&folder.socket());
    log::set_max_level(log::LevelFilter::Info);
    let record = |level, args| journal.log(&log::Record::builder().level(level).args(args).build());
    record(log::Level::Debug, format_args!("too much"));
    record(log::Level::Warn, format_args!("two\nlines"));
    let mut buffer = [0; 1024];
    let length = journald.recv(&mut buffer).unwrap();
    let fields = fields(&buffer[..length]).unwrap();
    assert_eq!(fields[0].1, b"two\\x0alines");
    assert_eq!(fields[1], ("PRIORITY".into(), b"4".to_vec()));
    assert!(received(&journald).is_empty());
}

#[test]
fn without_a_journal_lines_go_to_standard_error() {
    let folder = Folder::new();
    let (journal, fallback) = journal(&folder.socket());
    say(&journal, "nobody\nthere");
    let pid = process::id();
    assert_eq!(
        fallback.text(),
        format!("xinetd[{pid}]: nobody\\x0athere\n")
    );
    assert!(!journal.pending());
    // It may come later.
    let journald = journald(&folder.socket());
    say(&journal, "somebody");
    assert_eq!(received(&journald), ["somebody"]);
}

#[test]
fn a_journal_that_was_restarted_is_found_again() {
    let folder = Folder::new();
    let first = journald(&folder.socket());
    let (journal, fallback) = journal(&folder.socket());
    say(&journal, "one");
    assert_eq!(received(&first), ["one"]);
    drop(first);
    let second = journald(&folder.socket());
    say(&journal, "two");
    assert_eq!(received(&second), ["two"]);
    drop(second);
    fs::remove_file(folder.socket()).unwrap();
    say(&journal, "three");
    assert!(fallback.text().ends_with(": three\n"));
}

#[test]
fn what_a_busy_journal_does_not_take_waits_in_order() {
    let folder = Folder::new();
    let journald = journald(&folder.socket());
    let (journal, _) = journal(&folder.socket());
    let mut expected = Vec::new();
    while !journal.pending() {
        expected.push(format!("line {}", expected.len()));
        say(&journal, &expected[expected.len() - 1]);
    }
    // One more, that must not overtake the other although there is room for it now.
    expected.push("last".into());
    let mut found = received(&journald);
    say(&journal, "last");
    journal.flush();
    assert!(!journal.pending());
    found.extend(received(&journald));
    assert_eq!(found, expected);
}

#[test]
fn what_the_queue_has_no_room_for_is_counted_and_said() {
    let folder = Folder::new();
    let journald = journald(&folder.socket());
    let (journal, _) = journal(&folder.socket());
    let long = "x".repeat(32 * 1024);
    let mut said = 0;
    while journal.lock().lost < 3 {
        say(&journal, &long);
        said += 1;
        assert!(journal.lock().queued_bytes <= Journal::QUEUE);
    }
    let mut found = Vec::new();
    while journal.pending() {
        found.extend(received(&journald));
        journal.flush();
    }
    found.extend(received(&journald));
    let report = found.pop().unwrap();
    assert_eq!(
        report,
        "3 log lines were lost because the journal did not take them"
    );
    assert_eq!(found.len(), said - 3);
    assert_eq!(journal.lock().queued_bytes, 0);
    say(&journal, "on");
    assert_eq!(received(&journald), ["on"]);
}

#[test]
fn what_waits_goes_to_standard_error_when_the_journal_goes() {
    let folder = Folder::new();
    let journald = journald(&folder.socket());
    let (journal, fallback) = journal(&folder.socket());
    while !journal.pending() {
        say(&journal, "line");
    }
    drop(journald);
    fs::remove_file(folder.socket()).unwrap();
    journal.flush();
    assert!(!journal.pending());
    assert!(fallback.text().ends_with(": line\n"));
}

#[test]
fn a_line_that_no_journal_can_take_does_not_keep_the_loop_awake() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let folder = Folder::new();
    let journal = Journal::at(folder.socket(), Box::new(Closed)).unwrap();
    let service = ServiceLog::new(&Spec::example());
    let count = NonZeroU64::MIN;
    journal.write(&service, &Event::TurnedAway { count });
    journal.flush();
    assert!(!journal.pending());
}

#[test]
fn the_descriptor_stays_the_same() {
    use std::os::fd::AsRawFd;
    let folder = Folder::new();
    let (journal, _) = journal(&folder.socket());
    let before = journal.as_fd().as_raw_fd();
    let journald = journald(&folder.socket());
    say(&journal, "x");
    assert_eq!(received(&journald), ["x"]);
    assert_eq!(journal.as_fd().as_raw_fd(), before);
}
