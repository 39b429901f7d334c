//! What `check` says of files.

use xinetd_core::bytes::ByteString;
use xinetd_core::config::{Attribute, MemoryTree};
use xinetd_core::service::Port;
use xinetd_core::translate::{AttributeReport, Fate};

use super::*;
use crate::ctl::text::Fates;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A place in /etc/xinetd.d/foo.
pub(in crate::ctl) fn place(line: u32) -> Place {
    Place {
        file: Path::new("/etc/xinetd.d/foo").into(),
        line,
        column: 2,
        length: 4,
    }
}

/// A check of one service with one attribute of each fate.
pub(in crate::ctl) fn sample() -> Check {
    let attribute = |line, attribute, text: &str, fate| AttributeReport {
        attribute,
        place: place(line),
        from_defaults: line > 10,
        text: text.into(),
        fates: vec![fate],
    };
    let mut sources = Sources::default();
    let text = b"service foo\n{\n\tcps = 5 # text\n}\n".to_vec();
    sources.insert(place(1).file, text);
    Check {
        main: "/etc/xinetd.conf".into(),
        boot: Boot::Starts,
        problems: vec![Problem {
            severity: Severity::Warning,
            code: "value-count",
            place: place(3),
            message: "`cps` takes 2 values, not 3".into(),
            help: "remove the text".into(),
        }],
        services: vec![ServiceReport {
            id: "foo".into(),
            place: place(1),
            standing: Standing::Served {
                unit: "foo".into(),
                enabled: true,
                port: Some(Port(7)),
            },
            attributes: vec![
                attribute(
                    4,
                    Attribute::Port,
                    "= 7",
                    Fate::Unit {
                        directives: "ListenStream=",
                    },
                ),
                attribute(
                    11,
                    Attribute::LogType,
                    "= FILE /var/log/a/very/long/name.log",
                    Fate::NoEffect {
                        why: "the lines go to the journal, where `journalctl -u foo` shows them",
                    },
                ),
            ],
        }],
        dropped: vec![Dropped {
            id: ByteString::from(&b"b\xffr"[..]),
            place: place(20),
            note: None,
        }],
        sources,
        unapplied: Vec::new(),
    }
}

#[test]
fn the_worst_problem_decides_the_exit_status() {
    let mut check = sample();
    let status = |check: &Check| Counts::of(std::slice::from_ref(check)).exit_status();
    assert_eq!(status(&check), 1);
    check.problems[0].severity = Severity::Note;
    assert_eq!(status(&check), 0);
    check.problems.push(check.problems[0].clone());
    check.problems[1].severity = Severity::Error;
    assert_eq!(status(&check), 2);
}

proptest! {
    /// Whatever stands in the files, there is a report, and it fits the terminal.
    #[test]
    fn rubbish_has_a_report(
        words in vec(select(WORDS.to_vec()), 0..60),
        rubbish: Vec<u8>,
        at in 0_usize..60,
    ) {
        let mut words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        words.insert(at.min(words.len()), &rubbish);
        let tree = MemoryTree::default()
            .file("/etc/xinetd.conf", words.join(&b' '))
            .file("/etc/xinetd.d/foo", "service foo\n{\n disable = yes\n}\n");
        let disk = DiskTree::new(None);
        let checks = [check(&tree, &disk, None, &Databases::default(), &Host::default())];
        let (mut text, mut json) = (Vec::new(), Vec::new());
        super::super::text::print(&checks, Fates::Printed, &mut text).unwrap();
        super::super::json::print(&checks, &mut json).unwrap();
        let text = String::from_utf8(text).unwrap();
        let excerpts = text.lines().filter(|line| line.starts_with("   | "));
        for line in excerpts {
            prop_assert!(line.chars().count() <= 80, "{}", line);
        }
        serde_json::from_slice::<serde_json::Value>(&json).unwrap();
    }
}

/// What configuration files are made of.
const WORDS: [&str; 40] = [
    "\n",
    "\n",
    "\n",
    "\n{\n",
    "\n}\n",
    "service foo\n{\n",
    "defaults\n{\n",
    "include /etc/xinetd.conf\n",
    "includedir /etc/xinetd.d\n",
    "=",
    "+=",
    "-=",
    "service",
    "defaults",
    "disable = no\n",
    "socket_type = stream\n",
    "protocol = tcp\n",
    "wait = no\n",
    "user = 0\n",
    "server = /bin/x\n",
    "type = UNLISTED\n",
    "port = 9\n",
    "port",
    "instances = 10 # x\n",
    "cps = 1 2\n",
    "cps =",
    "only_from = 10.1.{2,3} .x ::/0\n",
    "no_access += ALL\n",
    "access_times = 8:00-9:00\n",
    "nice = -5\n",
    "umask = 022\n",
    "env = A=B\n",
    "flags = IPv6 NAMEINARGS\n",
    "bind = 127.0.0.1\n",
    "rlimit_as = 1M\n",
    "log_type = FILE /x 1 2\n",
    "log_on_success = PID\n",
    "id = foo/../x\n",
    "\t",
    "\u{feff}\r\n",
];
