//! An example of each kind of event, for xinetd.log(5).

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use crate::bytes::ByteString;
use crate::policy::{Note, Reason, Refusal};
use crate::problem::Place;
use crate::service::DenyTime;

use super::entry::{self, Entry, Sender};
use super::event::{Ending, Event, PauseCause, Peer};
use super::fields;
use super::kind::Kind;
use super::service::ServiceLog;
use super::sink;

/// An entry as the journal gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Of which kind.
    pub kind: Kind,
    /// Its `MESSAGE`.
    pub message: String,
    /// The fields that not all entries have, with their values.
    pub fields: Vec<(String, String)>,
}

/// What all entries of a service have, and what has a place of its own in [`Example`].
const COMMON: [&str; 9] = [
    "MESSAGE",
    "MESSAGE_ID",
    "PRIORITY",
    "SYSLOG_FACILITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_PID",
    "XINETD_EVENT",
    "XINETD_SERVICE",
    "XINETD_CONFIG",
];

/// One of each kind, of a service whose `log_on_success` and `log_on_failure` have all words.
pub fn examples() -> Vec<Example> {
    let place = |line, column| Place {
        file: Path::new("/etc/xinetd.d/telnet").into(),
        line,
        column,
        length: 0,
    };
    let service = ServiceLog::of_all_words(&place(1, 9));
    let told = Told {
        refusal: Refusal {
            reason: Reason::Address,
            rule: Some(place(9, 22)),
            note: Note::Nothing,
        },
        command: "/bin/echo closed".into(),
        server: "/usr/sbin/in.telnetd".into(),
        banner: "/etc/issue.net".into(),
    };
    let sender = Sender::new(1);
    let example = |kind| {
        let mut entry = Entry::default();
        match event(kind, &told) {
            Some(event) => fields::encode(&mut entry, &service, &event, &sender),
            None => sink::report_lost(&mut entry, &sender, COUNT.get()),
        }
        read(kind, &entry)
    };
    Kind::ALL.into_iter().map(example).collect()
}

/// What the fields of an entry say; no value here has more than one line.
fn read(kind: Kind, entry: &Entry) -> Example {
    let text = String::from_utf8_lossy(entry.as_bytes());
    let all = text.lines().filter_map(|line| line.split_once('='));
    let own = all.filter(|(name, _)| !COMMON.contains(name));
    let message = String::from_utf8_lossy(entry::message(entry.as_bytes())).into_owned();
    // In this one stands the number of the process that writes it, which differs each time.
    let own_pid = std::process::id().to_string();
    let message = match message.strip_prefix(&own_pid) {
        Some(rest) if kind == Kind::Banned => format!("PID{rest}"),
        _ => message,
    };
    Example {
        kind,
        message,
        fields: own
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// What events refer to.
struct Told {
    refusal: Refusal,
    command: ByteString,
    server: ByteString,
    banner: ByteString,
}

const COUNT: NonZeroU64 = NonZeroU64::MIN.saturating_add(11);

const PEER: Peer<'_> = Peer {
    host: "::ffff:192.0.2.7",
    address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    port: 40321,
};

/// None for the one that is no event of a service.
fn event(kind: Kind, told: &Told) -> Option<Event<'_>> {
    let (peer, pid, count) = (PEER, 4711, COUNT);
    Some(match kind {
        Kind::Start => Event::Start { pid, peer },
        Kind::Exit => Event::Exit {
            pid,
            peer,
            ending: Some(Ending::Exited(0)),
            duration: Duration::from_micros(7_250_000),
        },
        Kind::Traffic => Event::Traffic {
            peer,
            up: 512,
            down: 20480,
        },
        Kind::Unreachable => Event::Unreachable {
            peer,
            host: "192.0.2.80",
            failure: "Connection refused (errno = 111)",
        },
        Kind::Fail => Event::Fail {
            refusal: &told.refusal,
            peer,
        },
        Kind::ExcessiveLoad => Event::ExcessiveLoad { peer },
        Kind::BothListsMatch => Event::BothListsMatch { peer },
        Kind::NameUnknown => Event::NameUnknown { peer },
        Kind::LibwrapRefused => Event::LibwrapRefused {
            peer,
            severity: None,
        },
        Kind::LibwrapTwist => Event::LibwrapTwist {
            peer,
            command: &told.command,
            severity: None,
        },
        Kind::UserId => Event::UserId {
            peer,
            user: "UNIX : joe",
        },
        Kind::NoId => Event::NoId {
            peer,
            failure: "no server",
        },
        Kind::IdentFailed => Event::IdentFailed {
            peer,
            failure: "bad response",
        },
        Kind::RefusalsWithheld => Event::RefusalsWithheld { count },
        Kind::RemarksWithheld => Event::RemarksWithheld { count },
        Kind::Deactivating => Event::Deactivating {
            cause: PauseCause::Rate,
            seconds: 10,
        },
        Kind::Activating => Event::Activating,
        Kind::TurnedAway => Event::TurnedAway { count },
        Kind::ExecFailed => Event::ExecFailed {
            server: &told.server,
            errno: 2,
        },
        Kind::ForkFailed => Event::ForkFailed { errno: 11 },
        Kind::BannerUnreadable => Event::BannerUnreadable {
            file: &told.banner,
            errno: 13,
        },
        Kind::Adopted => Event::Adopted { sessions: 3 },
        Kind::Readjusted => Event::Readjusted,
        Kind::Banned => Event::Banned {
            peer,
            time: DenyTime::Minutes(60),
        },
        Kind::LinesLost => return None,
    })
}
