//! How a line looks in each of the places that the log may go to.

use std::process;

use jiff::Zoned;
use serde_json::{Map, Value};
use xinetd_core::service::Facility;

use crate::journal::{Stamp, fields_of};

/// The facility of what is no service's own.
const DAEMON: u8 = Facility::Daemon as u8;

/// The bytes of a line at most, its end included: what a pipe takes as one piece (pipe(7), `PIPE_BUF`).
const LONGEST: usize = 4096;

/// One line of the log.
#[derive(Clone, Copy, Debug)]
pub(in crate::standalone) struct Line<'a> {
    /// Its facility, as a number of syslog(3).
    pub(in crate::standalone) facility: u8,
    /// Its level, as well.
    pub(in crate::standalone) level: u8,
    /// The process that it is of.
    pub(in crate::standalone) pid: u32,
    /// The text, without line breaks.
    pub(in crate::standalone) text: &'a [u8],
    /// The fields of a helper's entry, as they came; nothing of other lines.
    pub(in crate::standalone) fields: &'a [u8],
}

impl<'a> Line<'a> {
    /// A line of this process, of a level of syslog(3).
    pub(super) fn own(level: u8, text: &'a [u8]) -> Self {
        Self {
            facility: DAEMON,
            level,
            pid: process::id(),
            text,
            fields: b"",
        }
    }

    /// For standard error and standard output.
    pub(super) fn plain(&self) -> Vec<u8> {
        limited(&format!("xinetd[{}]: ", self.pid), self.text)
    }

    /// For a file, as xinetd's option -filelog writes it (docs/xinetd-behaviour.md, section 5.1).
    pub(super) fn stamped(&self, time: &Zoned) -> Vec<u8> {
        let word = match self.level {
            0 => "EMERGENCY",
            1 => "ALERT",
            2 => "CRITICAL",
            3 => "ERROR",
            4 => "WARNING",
            5 => "NOTICE",
            6 => "INFO",
            _ => "DEBUG",
        };
        let stamp = Stamp::of(time);
        let stamp = stamp.without_colon();
        limited(
            &format!("{stamp} xinetd[{}]: {word}: ", self.pid),
            self.text,
        )
    }

    /// As an object of JSON with the names of `journalctl -o json`. Where it is longer than a line may be, the fields
    /// are left out.
    pub(super) fn json(&self, time: &Zoned) -> Vec<u8> {
        let whole = self.object(time, self.text, self.fields);
        match whole.len() > LONGEST {
            false => whole,
            // Each byte of the text makes six at most.
            true => self.object(time, self.text.get(..LONGEST / 8).unwrap_or(self.text), b""),
        }
    }

    fn object(&self, time: &Zoned, text: &[u8], others: &[u8]) -> Vec<u8> {
        let string = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes).into_owned());
        let number = |number: &dyn ToString| Value::from(number.to_string());
        let others = fields_of(others).map(|(name, value)| (name, string(value)));
        let own = [
            (
                "__REALTIME_TIMESTAMP",
                number(&time.timestamp().as_microsecond()),
            ),
            ("MESSAGE", string(text)),
            ("PRIORITY", number(&self.level)),
            ("SYSLOG_FACILITY", number(&self.facility)),
            ("SYSLOG_IDENTIFIER", Value::from("xinetd")),
            ("SYSLOG_PID", number(&self.pid)),
        ];
        let all = others.chain(own);
        let object: Map<String, Value> =
            all.map(|(name, value)| (name.to_owned(), value)).collect();
        format!("{}\n", Value::Object(object)).into_bytes()
    }

    /// For /dev/log, as syslog(3) writes it; `usual` is the facility in place of daemon.
    pub(super) fn datagram(&self, usual: Facility, time: &Zoned) -> Vec<u8> {
        let facility = match self.facility {
            DAEMON => usual as u8,
            other => other,
        };
        let priority = facility * 8 + self.level;
        let time = time.strftime("%b %e %H:%M:%S");
        let mut datagram = limited(
            &format!("<{priority}>{time} xinetd[{}]: ", self.pid),
            self.text,
        );
        datagram.pop();
        datagram
    }
}

fn limited(head: &str, text: &[u8]) -> Vec<u8> {
    let room = LONGEST - 1 - head.len().min(LONGEST - 1);
    let text = text.get(..room).unwrap_or(text);
    [head.as_bytes(), text, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use xinetd_core::problem::printable;

    use super::*;

    const LINE: Line<'_> = Line {
        facility: DAEMON,
        level: 6,
        pid: 7,
        text: b"START: x pid=9",
        fields: b"XINETD_SERVICE=x\nMESSAGE=other\n",
    };

    fn time() -> Zoned {
        "2026-01-02T03:04:05+00:00[UTC]".parse().unwrap()
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_place_has_its_form() {
        assert_eq!(text(LINE.plain()), "xinetd[7]: START: x pid=9\n");
        assert_eq!(
            text(LINE.stamped(&time())),
            "26/1/2@03:04:05 xinetd[7]: INFO: START: x pid=9\n"
        );
        assert_eq!(
            text(LINE.datagram(Facility::Daemon, &time())),
            "<30>Jan  2 03:04:05 xinetd[7]: START: x pid=9"
        );
    }

    #[test]
    fn the_facility_of_the_command_line_is_for_what_has_no_other() {
        let own = Line {
            facility: Facility::Mail as u8,
            ..LINE
        };
        let at = |line: &Line<'_>| text(line.datagram(Facility::Local0, &time()));
        assert!(at(&LINE).starts_with("<134>"));
        assert!(at(&own).starts_with("<22>"));
    }

    #[test]
    fn an_object_has_the_fields_of_the_journal() {
        let object: Value = serde_json::from_slice(&LINE.json(&time())).unwrap();
        let expected = serde_json::json!({
            "__REALTIME_TIMESTAMP": "1767323045000000",
            "MESSAGE": "START: x pid=9",
            "PRIORITY": "6",
            "SYSLOG_FACILITY": "3",
            "SYSLOG_IDENTIFIER": "xinetd",
            "SYSLOG_PID": "7",
            "XINETD_SERVICE": "x",
        });
        assert_eq!(object, expected);
        let long = [b"\x01".repeat(5000), b"\n".to_vec()].concat();
        let line = Line {
            text: &long,
            fields: b"A=1\n",
            ..LINE
        };
        let line = line.json(&time());
        assert!(line.len() <= LONGEST && line.ends_with(b"\n"));
        let object: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(object["PRIORITY"], "6");
    }

    #[test]
    fn a_line_is_one_line_that_a_pipe_takes_whole() {
        assert_eq!(printable("a\nb"), "a\\nb");
        let long = [b'x'; 9000];
        let line = Line {
            text: &long,
            ..LINE
        }
        .plain();
        assert!(line.len() == LONGEST && line.ends_with(b"x\n"));
    }
}
