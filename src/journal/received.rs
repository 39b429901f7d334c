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
    /// All other fields, as they came.
    pub(crate) rest: &'a [u8],
}

impl<'a> Received<'a> {
    /// Reads the datagram of an [`Entry`](super::entry::Entry); none if it is another one.
    ///
    /// What is wanted comes first in it, on lines of their own.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let mut rest = datagram;
        let mut field = |name: &str| {
            let (line, after) = first_line(rest)?;
            rest = after;
            line.strip_prefix(name.as_bytes())
        };
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
            rest,
        })
    }
}

/// The fields in the [`rest`](Received::rest) of an entry: names and values, up to what is no field.
pub(crate) fn fields_of(mut rest: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    std::iter::from_fn(move || {
        let (line, after) = first_line(rest)?;
        let (name, value, after) = match line.iter().position(|byte| *byte == b'=') {
            Some(end) => (&line[..end], &line[end + 1..], after),
            // The length stands before a value that has line breaks.
            None => {
                let (length, after) = after.split_first_chunk::<8>()?;
                let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                let (value, after) = after.split_at_checked(length)?;
                (line, value, after.strip_prefix(b"\n")?)
            }
        };
        rest = after;
        let name = str::from_utf8(name).ok()?;
        let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        (!name.is_empty() && name.bytes().all(is_name)).then_some((name, value))
    })
}

/// A line without its end, and what comes behind it; none where no line ends.
fn first_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
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
            rest: b"XINETD_FILE\n\x04\0\0\0\0\0\0\0/a\nb\nXINETD_PID=1\n",
        };
        entry.text("XINETD_PID", 1);
        assert_eq!(Received::parse(entry.as_bytes()), Some(expected));
        let all: Vec<_> = fields_of(expected.rest).collect();
        let wanted = [("XINETD_FILE", &b"/a\nb"[..]), ("XINETD_PID", b"1")];
        assert_eq!(all, wanted);
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
        for rubbish in [
            &b"A=1"[..],
            b"a=1\n",
            b"=1\n",
            b"A\n\x02",
            b"A\n\xff\xff\xff\xff\xff\xff\xff\xff\n",
            b"A\n\x01\0\0\0\0\0\0\0xy",
        ] {
            assert_eq!(fields_of(rubbish).count(), 0, "{rubbish:?}");
        }
    }
}
