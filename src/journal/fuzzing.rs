//! What clients, their resolvers and their ident servers put into the log (see
//! [`crate::fuzzing`]).

use std::net::{IpAddr, Ipv6Addr};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use xinetd_core::bytes::ByteString;
use xinetd_core::spec::Spec;

use super::entry::{Entry, Sender, message};
use super::event::Peer;
use super::service::ServiceLog;
use super::table::Event;
use super::{Stamp, fields, file_line};

/// One text in all the places of an event that come from outside.
pub fn journal(bytes: &[u8]) {
    has_one_line(&String::from_utf8_lossy(bytes));
    let log = log(bytes);
    let bytes = ByteString::from(bytes);
    let peer = peer("192.0.2.7");
    logged(
        &log,
        &Event::ExecFailed {
            server: &bytes,
            errno: 2,
        },
    );
    logged(
        &log,
        &Event::BannerUnreadable {
            file: &bytes,
            errno: 2,
        },
    );
    let command = &bytes;
    logged(
        &log,
        &Event::LibwrapTwist {
            peer,
            command,
            severity: None,
        },
    );
}

/// That a text, wherever it stands in an event, makes one line and no field of its own.
pub(crate) fn has_one_line(text: &str) {
    let log = log(b"telnet");
    logged(
        &log,
        &Event::UserId {
            peer: peer(text),
            user: text,
        },
    );
    logged(
        &log,
        &Event::NoId {
            peer: peer(text),
            failure: text,
        },
    );
    let (host, failure) = (text, text);
    logged(
        &log,
        &Event::Unreachable {
            peer: peer(text),
            host,
            failure,
        },
    );
}

/// The log of a service with this id, which logs all that there is.
fn log(id: &[u8]) -> ServiceLog {
    let mut spec = Spec::example();
    spec.id = id.into();
    spec.logging.success.userid = true;
    spec.logging.failure.host = true;
    ServiceLog::new(&spec)
}

fn peer(host: &str) -> Peer<'_> {
    Peer {
        host,
        address: IpAddr::V6(Ipv6Addr::LOCALHOST),
        port: 1,
    }
}

fn logged(log: &ServiceLog, event: &Event<'_>) {
    let mut entry = Entry::default();
    fields::encode(&mut entry, log, event, &Sender::new(7));
    let names = names(entry.as_bytes());
    assert!(names.is_some(), "{:?} is not well-formed", entry.as_bytes());
    let mut names = names.unwrap_or_default();
    let known = |name: &String| {
        let ours = ["XINETD_", "REMOTE_", "ERRNO"];
        let theirs = [
            "MESSAGE",
            "MESSAGE_ID",
            "PRIORITY",
            "SYSLOG_FACILITY",
            "SYSLOG_IDENTIFIER",
            "SYSLOG_PID",
        ];
        ours.iter().any(|begin| name.starts_with(begin)) || theirs.contains(&name.as_str())
    };
    assert!(names.iter().all(known), "a field is forged: {names:?}");
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "a field is there twice: {names:?}");
    is_line(message(entry.as_bytes()));
    let stamp = Stamp::of(&Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC));
    if let Some(line) = file_line(log, event, &stamp) {
        is_line(line.strip_suffix(b"\n").unwrap_or(b"\n"));
    }
}

/// Text that stays on its line, and that a terminal shows in the order in which it stands.
fn is_line(line: &[u8]) {
    let line = str::from_utf8(line);
    assert!(line.is_ok());
    let moves = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!line.unwrap_or_default().contains(moves), "{line:?}");
}

/// The names of an entry's fields, read as journald reads them; none if it is not well-formed.
fn names(mut entry: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    while !entry.is_empty() {
        let end = entry.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = (&entry[..end], &entry[end + 1..]);
        let name = match line.iter().position(|byte| *byte == b'=') {
            Some(at) => {
                entry = rest;
                &line[..at]
            }
            None => {
                let (length, rest) = rest.split_first_chunk()?;
                let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                entry = rest.split_at_checked(length)?.1.strip_prefix(b"\n")?;
                line
            }
        };
        names.push(String::from_utf8(name.to_vec()).ok()?);
    }
    Some(names)
}
