//! The lines of a log file (`log_type = FILE`; docs/xinetd-behaviour.md, sections 5.2 and 5.3).

use jiff::Zoned;

use super::entry::escaped;
use super::line::LogLine;
use super::service::ServiceLog;
use super::table::Event;

/// What stands in front of a line: `YY/M/D@HH:MM:SS: `, in local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(String);

impl Stamp {
    /// The one of a time.
    pub(crate) fn of(time: &Zoned) -> Self {
        Self(format!(
            "{:02}/{}/{}@{:02}:{:02}:{:02}: ",
            time.year().rem_euclid(100),
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second()
        ))
    }

    /// The time alone.
    pub(crate) fn without_colon(&self) -> &str {
        self.0.trim_end_matches(": ")
    }
}

/// The line of an event, its end included; none for what xinetd writes elsewhere or not at all:
/// its own messages, and what `log_on_success` and `log_on_failure` do not ask for.
pub(crate) fn file_line(service: &ServiceLog, event: &Event<'_>, stamp: &Stamp) -> Option<Vec<u8>> {
    let unasked = matches!(event, Event::Fail { .. }) && service.refusals_unasked();
    if event.kind().level().is_some() || unasked || !service.wants(event.kind()) {
        return None;
    }
    // A line can't be forged by what is in it.
    let text = escaped(LogLine(service, event));
    Some([stamp.0.as_bytes(), &text, b"\n"].concat())
}

#[cfg(test)]
mod tests {
    use xinetd_core::policy::{Reason, Refusal};
    use xinetd_core::spec::Spec;

    use crate::journal::Peer;

    use super::*;

    fn stamp(time: &str) -> Stamp {
        Stamp::of(&time.parse().unwrap())
    }

    #[test]
    fn a_stamp_is_as_xinetds() {
        let Stamp(early) = stamp("2006-01-02T03:04:05+01:00[Europe/Berlin]");
        assert_eq!(early, "06/1/2@03:04:05: ");
        let Stamp(late) = stamp("2126-11-23T19:40:59+00:00[UTC]");
        assert_eq!(late, "26/11/23@19:40:59: ");
    }

    #[test]
    fn the_file_has_the_lines_that_were_asked_for_and_nothing_else() {
        let mut spec = Spec::example();
        let peer = Peer {
            host: "::1",
            address: "::1".parse().unwrap(),
            port: 1,
        };
        let stamp = stamp("2026-11-23T01:02:03+00:00[UTC]");
        let refusal = &Refusal::by(Reason::Time);
        let start = Event::Start { pid: 7, peer };
        let fail = Event::Fail { refusal, peer };
        let line = |spec: &Spec, event: &Event<'_>| {
            let line = file_line(&ServiceLog::new(spec), event, &stamp)?;
            Some(String::from_utf8(line).unwrap())
        };
        assert_eq!(line(&spec, &start), None);
        assert_eq!(line(&spec, &fail), None);
        spec.logging.success.pid = true;
        spec.logging.failure.attempt = true;
        let started = "26/11/23@01:02:03: START: telnet pid=7\n";
        assert_eq!(line(&spec, &start).as_deref(), Some(started));
        let failed = "26/11/23@01:02:03: FAIL: telnet time\n";
        assert_eq!(line(&spec, &fail).as_deref(), Some(failed));
        assert_eq!(line(&spec, &Event::Readjusted), None);
        let user = "joe\n26/11/23@01:02:03: START: forged";
        let user = Event::UserId { peer, user };
        let escaped =
            "26/11/23@01:02:03: USERID: telnet joe\\x0a26/11/23@01:02:03: START: forged\n";
        assert_eq!(line(&spec, &user).as_deref(), Some(escaped));
    }
}
