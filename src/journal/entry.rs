//! An entry in journald's native protocol (systemd's JOURNAL_NATIVE_PROTOCOL.md).

use std::fmt::{self, Arguments, Display, Write};

use crate::service::{Facility, Level};

/// One datagram: an entry with its fields. The buffer is used again and again.
#[derive(Debug, Default)]
pub(super) struct Entry(Vec<u8>);

impl Entry {
    /// Begins another entry with the fields that all have. The message comes first, on one line,
    /// see [`message`].
    pub(super) fn begin(
        &mut self,
        message: Arguments<'_>,
        (facility, level): (Facility, Level),
        pid: u32,
    ) {
        self.0.clear();
        self.text("MESSAGE", message);
        self.text("PRIORITY", level as u8);
        self.text("SYSLOG_FACILITY", facility as u8);
        self.text("SYSLOG_IDENTIFIER", "xinetd");
        self.text("SYSLOG_PID", pid);
    }

    /// Adds a field with a text. Its control characters are written as `\xNN`, so that it can't
    /// end before its time.
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

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The message of a datagram that [`Entry`] made.
pub(super) fn message(datagram: &[u8]) -> &[u8] {
    let line = datagram.split(|byte| *byte == b'\n').next();
    line.and_then(|line| line.strip_prefix(b"MESSAGE="))
        .unwrap_or_default()
}

/// Takes text and writes its control characters as `\xNN`.
struct Escaping<'a>(&'a mut Vec<u8>);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(char::is_control) {
            let (before, from) = rest.split_at(at);
            self.0.extend_from_slice(before.as_bytes());
            let length = from.chars().next().map_or(0, char::len_utf8);
            let (control, after) = from.split_at(length);
            for byte in control.bytes() {
                self.0.extend_from_slice(&escape(byte));
            }
            rest = after;
        }
        self.0.extend_from_slice(rest.as_bytes());
        Ok(())
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
