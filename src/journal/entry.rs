//! An entry in journald's native protocol (systemd's JOURNAL_NATIVE_PROTOCOL.md).

use std::fmt::{self, Arguments, Display, Write};

use xinetd_core::service::{Facility, Level};
use xinetd_core::visible::is_visible;

use super::event::Peer;

/// One datagram: an entry with its fields. The buffer is used again and again.
///
/// The protocol allows several entries in a datagram, and journald would take them with less work.
/// But since systemd 253 it forgets all after the first one that has a MESSAGE: what
/// `client_context_check_keep_log` says of that ends its loop (src/journal/journald-native.c).
#[derive(Debug, Default)]
pub(super) struct Entry(Vec<u8>);

/// The fields that are the same in all entries of a process.
#[derive(Clone, Debug)]
pub(super) struct Sender(Vec<u8>);

impl Sender {
    /// The process `pid`, under the name by which xinetd's lines are found.
    pub(super) fn new(pid: u32) -> Self {
        Self(format!("SYSLOG_IDENTIFIER=xinetd\nSYSLOG_PID={pid}\n").into())
    }
}

impl Entry {
    /// Begins another entry with the fields that all have. The message comes first, on one line,
    /// see [`message`].
    pub(super) fn begin(
        &mut self,
        message: Arguments<'_>,
        (facility, level): (Facility, Level),
        sender: &Sender,
    ) {
        self.0.clear();
        self.text("MESSAGE", message);
        self.text("PRIORITY", level as u8);
        self.text("SYSLOG_FACILITY", facility as u8);
        self.same(&sender.0);
    }

    /// Adds fields that were made before.
    pub(super) fn same(&mut self, fields: &[u8]) {
        self.0.extend_from_slice(fields);
    }

    /// Adds a field with a text. What is not [visible](is_visible) in it is written as `\xNN`, so that it
    /// can't end before its time, and is seen as what it is.
    pub(super) fn text(&mut self, name: &str, value: impl Display) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
        // A `Display` that fails leaves the field short.
        let _ = write!(Escaping(&mut self.0), "{value}");
        self.0.push(b'\n');
    }

    /// Adds a field with bytes as they are.
    pub(super) fn bytes(&mut self, name: &str, value: &[u8]) {
        self.0.extend_from_slice(name.as_bytes());
        if value.contains(&b'\n') {
            self.0.push(b'\n');
            self.0
                .extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// Adds the client, in the form that its server finds in its environment, where it is wanted.
    pub(super) fn client(&mut self, peer: Peer<'_>, wanted: bool) {
        if wanted {
            self.text("REMOTE_HOST", peer.host);
            if !peer.address.is_unspecified() {
                self.text("REMOTE_ADDR", peer.address.to_canonical());
                self.text("REMOTE_PORT", peer.port);
            }
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A text as bytes; what is not [visible](is_visible) in it is written as `\xNN`.
pub(super) fn escaped(text: impl Display) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A `Display` that fails leaves it short.
    let _ = write!(Escaping(&mut bytes), "{text}");
    bytes
}

/// The message of a datagram that [`Entry`] made.
pub(super) fn message(datagram: &[u8]) -> &[u8] {
    let line = datagram.split(|byte| *byte == b'\n').next();
    line.and_then(|line| line.strip_prefix(b"MESSAGE="))
        .unwrap_or_default()
}

/// Takes text and writes what is not visible in it as `\xNN`, byte by byte.
struct Escaping<'a>(&'a mut Vec<u8>);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly all of it is plain, and to look at bytes is far cheaper than to decode characters.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.0.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        self.write_spelled(text);
        Ok(())
    }
}

impl Escaping<'_> {
    // Apart, so that what nearly all text takes stays small.
    #[cold]
    fn write_spelled(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(|c| !is_visible(c)) {
            let (before, from) = rest.split_at(at);
            self.0.extend_from_slice(before.as_bytes());
            let length = from.chars().next().map_or(0, char::len_utf8);
            let (hidden, after) = from.split_at(length);
            for byte in hidden.bytes() {
                self.0.extend_from_slice(&escape(byte));
            }
            rest = after;
        }
        self.0.extend_from_slice(rest.as_bytes());
    }
}

fn escape(byte: u8) -> [u8; 4] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [
        b'\\',
        b'x',
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fields of a datagram, read as journald reads them; none if it is not well-formed.
    pub(crate) fn fields(mut datagram: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
        let mut fields = Vec::new();
        while !datagram.is_empty() {
            let end = datagram.iter().position(|byte| *byte == b'\n')?;
            let (line, rest) = datagram.split_at(end);
            let rest = &rest[1..];
            let (name, value) = match line.iter().position(|byte| *byte == b'=') {
                Some(at) => {
                    datagram = rest;
                    (&line[..at], &line[at + 1..])
                }
                None => {
                    let (length, rest) = rest.split_first_chunk()?;
                    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                    let (value, rest) = rest.split_at_checked(length)?;
                    datagram = rest.strip_prefix(b"\n")?;
                    (line, value)
                }
            };
            fields.push((String::from_utf8(name.to_vec()).ok()?, value.to_vec()));
        }
        Some(fields)
    }

    fn entry(message: &str) -> Entry {
        let mut entry = Entry::default();
        let urgency = (Facility::Authpriv, Level::Warning);
        entry.begin(format_args!("{message}"), urgency, &Sender::new(77));
        entry
    }

    #[test]
    fn an_entry_is_what_journald_expects() {
        let mut entry = entry("FAIL: x address");
        entry.bytes("XINETD_FILE", b"/a\nb");
        entry.bytes("XINETD_SERVICE", b"x=y");
        let expected = b"MESSAGE=FAIL: x address\nPRIORITY=4\nSYSLOG_FACILITY=10\n\
            SYSLOG_IDENTIFIER=xinetd\nSYSLOG_PID=77\n\
            XINETD_FILE\n\x04\0\0\0\0\0\0\0/a\nb\nXINETD_SERVICE=x=y\n";
        assert_eq!(
            entry.as_bytes().escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }

    #[test]
    fn control_characters_in_a_message_are_shown() {
        let entry = entry("a\nPRIORITY=0\r\u{1b}[31m\u{85}\u{7f}\0 b\u{e9}\\");
        let expected = "a\\x0aPRIORITY=0\\x0d\\x1b[31m\\xc2\\x85\\x7f\\x00 b\u{e9}\\";
        assert_eq!(message(entry.as_bytes()), expected.as_bytes());
    }

    #[test]
    fn nothing_in_a_message_moves_or_hides_what_is_around_it() {
        let entry = entry("a\u{202e}toor\u{2069}\u{2028}\u{200b}\u{feff}b\u{301}");
        let expected = "a\\xe2\\x80\\xaetoor\\xe2\\x81\\xa9\\xe2\\x80\\xa8\\xe2\\x80\\x8b\\xef\\xbb\\xbfb\\xcc\\x81";
        let message = String::from_utf8_lossy(message(entry.as_bytes())).into_owned();
        assert_eq!(message, expected);
    }

    #[test]
    fn an_entry_begins_anew() {
        let mut entry = entry("first");
        entry.begin(
            format_args!("second"),
            (Facility::Daemon, Level::Info),
            &Sender::new(1),
        );
        let fields = fields(entry.as_bytes()).unwrap();
        assert_eq!(fields.len(), 5);
        assert_eq!(fields[0], ("MESSAGE".into(), b"second".to_vec()));
    }

    proptest! {
        #[test]
        fn no_value_can_forge_a_field(
            message in "(?s).{0,20}(\nPRIORITY=0\n)?.{0,20}",
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'='), any::<u8>()], 0..40),
        ) {
            let mut entry = entry(&message);
            entry.bytes("XINETD_SERVICE", &bytes);
            entry.text("XINETD_EVENT", &message);
            let fields = fields(entry.as_bytes()).expect("well-formed");
            let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
            prop_assert_eq!(names, [
                "MESSAGE", "PRIORITY", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID",
                "XINETD_SERVICE", "XINETD_EVENT",
            ]);
            prop_assert_eq!(&fields[5].1, &bytes);
            let text = std::str::from_utf8(&fields[0].1).expect("UTF-8");
            prop_assert!(text.chars().all(is_visible));
            if message.chars().all(is_visible) {
                prop_assert_eq!(text, message);
            }
        }
    }
}
