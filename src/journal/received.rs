//! Entries of other processes, for the supervisor, which takes the journal's place where there is no systemd.

/// What a log of lines shows of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received<'a> {
    /// The message, on one line.
    pub(crate) message: &'a [u8],
    /// Its facility, as a number of syslog(3).
    pub(crate) facility: u8,
    /// Its level, as well.
    pub(crate) level: u8,
    /// The process that it is of.
    pub(crate) pid: u32,
}

impl<'a> Received<'a> {
    /// Reads the datagram of an [`Entry`](super::entry::Entry); none if it is another one.
    ///
    /// What is wanted comes first in it, on lines of their own.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let mut lines = datagram.split(|byte| *byte == b'\n');
        let mut field = |name: &str| lines.next()?.strip_prefix(name.as_bytes());
        let number = |text: &[u8]| str::from_utf8(text).ok()?.parse::<u32>().ok();
        let message = field("MESSAGE=")?;
        let level = number(field("PRIORITY=")?)?;
        let facility = number(field("SYSLOG_FACILITY=")?)?;
        field("SYSLOG_IDENTIFIER=")?;
        let pid = number(field("SYSLOG_PID=")?)?;
        Some(Self {
            message,
            facility: u8::try_from(facility).ok().filter(|number| *number < 24)?,
            level: u8::try_from(level).ok().filter(|number| *number < 8)?,
            pid,
        })
    }
}

#[cfg(test)]
mod tests {
    use xinetd_core::service::{Facility, Level};

    use super::super::entry::{Entry, Sender};
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let mut entry = Entry::default();
        let urgency = (Facility::Local3, Level::Warning);
        entry.begin(format_args!("START: x\npid=1"), urgency, &Sender::new(77));
        entry.bytes("XINETD_FILE", b"/a\nb");
        let expected = Received {
            message: b"START: x\\x0apid=1",
            facility: 19,
            level: 4,
            pid: 77,
        };
        assert_eq!(Received::parse(entry.as_bytes()), Some(expected));
    }

    #[test]
    fn rubbish_is_no_entry() {
        let entry =
            "MESSAGE=x\nPRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=xinetd\nSYSLOG_PID=7\n";
        assert!(Received::parse(entry.as_bytes()).is_some());
        for (from, to) in [
            ("=6", "=8"),
            ("=3", "=24"),
            ("=7", "=-1"),
            ("MESSAGE", "M"),
            ("PRI", "\n"),
        ] {
            let wrong = entry.replace(from, to);
            assert_eq!(Received::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Received::parse(b""), None);
    }
}
