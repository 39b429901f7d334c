//! An example of each kind of event, for xinetd.log(5): the table has the events.

use std::path::Path;

use xinetd_core::policy::{Note, Reason, Refusal};
use xinetd_core::problem::Place;

use super::entry::{self, Entry, Sender};
use super::fields;
use super::service::ServiceLog;
use super::table::{Event, Kind, Told};

/// An entry as the journal gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Example {
    /// Of which kind.
    pub(crate) kind: Kind,
    /// Its `MESSAGE`.
    pub(crate) message: String,
    /// The fields that not all entries have, with their values.
    pub(crate) fields: Vec<(String, String)>,
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
pub(crate) fn examples() -> Vec<Example> {
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
        fields::encode(&mut entry, &service, &Event::example(kind, &told), &sender);
        read(kind, &entry)
    };
    Kind::ALL.iter().copied().map(example).collect()
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
