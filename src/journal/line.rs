//! The text of an event, as xinetd writes it.

use std::fmt::{self, Display, Formatter};

use super::service::ServiceLog;
use super::table::Event;

/// The line of an event (docs/xinetd-behaviour.md, sections 5.2 and 5.7). What is not visible is still in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogLine<'a>(pub(crate) &'a ServiceLog, pub &'a Event<'a>);

impl Display for LogLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(service, event) = self;
        event.write_line(f, service)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use xinetd_core::policy::{Reason, Refusal};
    use xinetd_core::service::{FailureFlags, SuccessFlags};
    use xinetd_core::spec::Spec;

    use crate::journal::{Ending, ErrorText, PauseCause, Peer};

    use super::*;

    const PEER: Peer<'_> = Peer {
        host: "::ffff:192.0.2.7",
        address: std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
        port: 40000,
    };

    fn log(success: SuccessFlags, failure: FailureFlags) -> ServiceLog {
        let mut spec = Spec::example();
        spec.logging.success = success;
        spec.logging.failure = failure;
        ServiceLog::new(&spec)
    }

    fn line(success: SuccessFlags, event: Event<'_>) -> String {
        LogLine(&log(success, FailureFlags::default()), &event).to_string()
    }

    const NOTHING: SuccessFlags = SuccessFlags {
        pid: false,
        host: false,
        userid: false,
        exit: false,
        duration: false,
        traffic: false,
    };
    const PID: SuccessFlags = SuccessFlags {
        pid: true,
        ..NOTHING
    };
    const HOST: SuccessFlags = SuccessFlags {
        host: true,
        ..NOTHING
    };
    const EXIT: SuccessFlags = SuccessFlags {
        exit: true,
        ..NOTHING
    };
    const DURATION: SuccessFlags = SuccessFlags {
        duration: true,
        ..NOTHING
    };
    const ALL: SuccessFlags = SuccessFlags {
        pid: true,
        host: true,
        userid: true,
        exit: true,
        duration: true,
        traffic: true,
    };

    #[test]
    fn a_start_has_what_log_on_success_asks_for() {
        let start = Event::Start {
            pid: 123,
            peer: PEER,
        };
        assert_eq!(
            line(ALL, start),
            "START: telnet pid=123 from=::ffff:192.0.2.7"
        );
        assert_eq!(line(PID, start), "START: telnet pid=123");
        assert_eq!(line(HOST, start), "START: telnet from=::ffff:192.0.2.7");
        assert_eq!(line(EXIT, start), "START: telnet");
    }

    #[test]
    fn an_exit_has_what_log_on_success_asks_for() {
        let exit = |ending| Event::Exit {
            pid: 123,
            peer: PEER,
            ending,
            duration: Duration::from_millis(61_999),
        };
        let ended = exit(Some(Ending::Exited(3)));
        let all = "EXIT: telnet status=3 pid=123 duration=61(sec)";
        assert_eq!(line(ALL, ended), all);
        assert_eq!(line(EXIT, ended), "EXIT: telnet status=3");
        assert_eq!(line(DURATION, ended), "EXIT: telnet duration=61(sec)");
        let killed = exit(Some(Ending::Signaled(9)));
        assert_eq!(line(EXIT, killed), "EXIT: telnet signal=9");
        assert_eq!(line(DURATION, killed), "EXIT: telnet duration=61(sec)");
        let unknown = "EXIT: telnet pid=123 duration=61(sec)";
        assert_eq!(line(ALL, exit(None)), unknown);
    }

    #[test]
    fn a_refusal_has_its_reason_in_xinetds_words() {
        let host = FailureFlags {
            host: true,
            ..FailureFlags::default()
        };
        let attempt = FailureFlags {
            attempt: true,
            ..FailureFlags::default()
        };
        let line = |failure, reason| {
            let refusal = &Refusal::by(reason);
            let event = Event::Fail {
                refusal,
                peer: PEER,
            };
            LogLine(&log(NOTHING, failure), &event).to_string()
        };
        for (reason, words) in [
            (Reason::Rate, "connections per second"),
            (Reason::Load, "load"),
            (Reason::Time, "time"),
            (Reason::ServiceLimit, "service_limit"),
            (Reason::PerSourceLimit, "per_source_limit"),
            (Reason::ProcessLimit, "process_limit"),
            (Reason::Address, "address"),
            (Reason::Fork, "fork"),
        ] {
            let plain = format!("FAIL: telnet {words}");
            let full = format!("{plain} from=::ffff:192.0.2.7");
            assert_eq!(line(attempt, reason), plain);
            assert_eq!(line(host, reason), full);
            // With an empty log_on_failure the address is in the line.
            assert_eq!(line(FailureFlags::default(), reason), full);
        }
    }

    #[test]
    fn programs_that_read_xinetds_messages_find_them() {
        let count = NonZeroU64::new(5).unwrap();
        let (server, file) = (&"/usr/sbin/in.x".into(), &"/etc/motd".into());
        for (event, text) in [
            (
                Event::LibwrapRefused {
                    peer: PEER,
                    severity: None,
                },
                "libwrap refused connection to telnet (libwrap=in.telnetd) from ::ffff:192.0.2.7",
            ),
            (
                Event::LibwrapTwist {
                    peer: PEER,
                    command: &"echo no".into(),
                    severity: None,
                },
                "twist 192.0.2.7 to echo no",
            ),
            (
                Event::UserId {
                    peer: PEER,
                    user: "UNIX : joe",
                },
                "USERID: telnet UNIX : joe",
            ),
            (
                Event::NoId {
                    peer: PEER,
                    failure: "no server",
                },
                "NOID: telnet ::ffff:192.0.2.7 no server",
            ),
            (
                Event::Traffic {
                    peer: PEER,
                    up: 11,
                    down: 22,
                },
                "TRAFFIC: telnet in=11(bytes) out=22(bytes)",
            ),
            (
                Event::Unreachable {
                    peer: PEER,
                    host: "192.0.2.1",
                    failure: &ErrorText(111).to_string(),
                },
                "can't connect to remote host 192.0.2.1: Connection refused (errno = 111)",
            ),
            (
                Event::Deactivating {
                    cause: PauseCause::Rate,
                    seconds: 30,
                },
                "Deactivating service telnet-port due to excessive incoming connections.  \
                 Restarting in 30 seconds.",
            ),
            (
                Event::Deactivating {
                    cause: PauseCause::Descriptors,
                    seconds: 1,
                },
                "Deactivating service telnet-port due to no available descriptors.  \
                 Restarting in 1 seconds.",
            ),
            (Event::Activating, "Activating service telnet-port"),
            (
                Event::TurnedAway { count },
                "Service=telnet: 5 connections were reset during the pause",
            ),
            (
                Event::ExcessiveLoad { peer: PEER },
                "refused connect from ::ffff:192.0.2.7 due to excessive load",
            ),
            (
                Event::BothListsMatch { peer: PEER },
                "Service=telnet: only_from list and no_access list match equally the address \
                 ::ffff:192.0.2.7",
            ),
            (
                Event::ExecFailed { server, errno: 2 },
                "execv( /usr/sbin/in.x ) failed: No such file or directory (errno = 2)",
            ),
            (
                Event::ForkFailed { errno: 12 },
                "telnet: fork failed: Cannot allocate memory (errno = 12)",
            ),
            (
                Event::BannerUnreadable { file, errno: 13 },
                "service = telnet, open of banner /etc/motd failed: Permission denied (errno = 13)",
            ),
            (Event::Readjusted, "readjusting service telnet"),
        ] {
            assert_eq!(line(NOTHING, event), text);
        }
    }
}
