//! What holds for all files.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::super::testing::{etc, load_tree};
use super::super::super::{Configuration, Databases};
use super::super::convert;
use super::converted::converted;
use super::inetd;
use crate::problem::Place;
use crate::service::{Flags, Service};

/// A service without what differs between an entry and its block: the places.
fn meaning(service: &Service) -> Service {
    Service {
        place: Place {
            file: Path::new("/").into(),
            line: 0,
            column: 0,
            length: 0,
        },
        attributes: Vec::new(),
        // The argv says what is meant by it.
        flags: Flags {
            nameinargs: false,
            ..service.flags
        },
        ..service.clone()
    }
}

fn entries() -> impl Strategy<Value = String> {
    let words = (
        select(vec![
            "ftp",
            "8080",
            "192.0.2.1:http",
            "tcpmux/+x",
            "rstatd/1-3",
            "echo",
            "a.b",
            "[::1],*:telnet",
        ]),
        select(vec!["stream", "dgram", "raw"]),
        select(vec![
            "tcp",
            "udp",
            "tcp4",
            "tcp6",
            "udp46",
            "rpc/udp",
            "tcp,sndbuf=1k",
        ]),
        select(vec!["wait", "nowait", "nowait.9", "wait/3/0/1"]),
        select(vec!["root", "nobody.tty", "nobody:tty", "0", "a b"]),
        select(vec!["internal", "/usr/sbin/a", "/bin/b", "c"]),
        vec(
            select(vec!["a", "b", "-l", "/x", "#", "\"q", "\r", "\n  more"]),
            0..4,
        ),
    );
    words.prop_map(|(name, kind, protocol, wait, user, server, arguments)| {
        let arguments = arguments.join(" ");
        format!("{name} {kind} {protocol} {wait} {user} {server} {arguments}\n")
    })
}

proptest! {
    /// What is converted means what it meant.
    #[test]
    fn converted_entries_mean_the_same(entries in vec(entries(), 1..4)) {
        let text = entries.concat();
        let read = inetd(&text);
        let blocks = load_tree(&etc().file("/etc/xinetd.conf", converted(&text)));
        let meanings = |configuration: &Configuration| {
            configuration.services.iter().map(meaning).collect::<Vec<_>>()
        };
        prop_assert_eq!(meanings(&read), meanings(&blocks), "{}\n{}", text, converted(&text));
    }

    /// Whatever stands in a file, each entry becomes a service or is named with a problem.
    #[test]
    fn nothing_is_silent(
        entries in vec(entries(), 1..4),
        rubbish in vec(any::<u8>(), 0..20),
        at in 0_usize..200,
    ) {
        let mut text = entries.concat().into_bytes();
        let at = at.min(text.len());
        text.splice(at..at, rubbish);
        let configuration = inetd(&text);
        for dropped in &configuration.dropped {
            let line = dropped.place.line;
            let of_line = configuration.problems.iter().filter(|problem| problem.place.line >= line);
            prop_assert!(of_line.count() > 0, "{:?}", dropped);
        }
        let conversion = convert(Path::new("/x"), text, &Databases::read(&etc()));
        for service in conversion.services {
            let tree = etc().file("/etc/xinetd.conf", service.text.clone());
            let read = load_tree(&tree);
            let fatal = ["syntax", "keyword", "missing-bracket", "bad-value", "value-count"];
            let broken = read.problems.iter().any(|problem| fatal.contains(&problem.code));
            prop_assert!(!broken, "{:?} {:?}", service, read.problems);
        }
    }
}
