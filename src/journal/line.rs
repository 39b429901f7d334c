//! The text of an event, as xinetd writes it.

use std::fmt::{self, Display, Formatter};
use std::io;

use crate::bytes::ByteString;
use crate::service::DenyTime;

use super::event::{Ending, Event, Peer};
use super::service::ServiceLog;

/// The line of an event (docs/xinetd-behaviour.md, sections 5.2 and 5.7). What is not visible is still in it.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a>(pub &'a ServiceLog, pub &'a Event<'a>);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(service, event) = *self;
        let (id, name) = (Text(&service.id), Text(&service.name));
        match *event {
            Event::Start { pid, peer } => {
                write!(f, "START: {id}")?;
                if service.success.pid {
                    write!(f, " pid={pid}")?;
                }
                from(f, peer, service.success.host)
            }
            Event::Exit {
                pid,
                ending,
                duration,
                ..
            } => {
                write!(f, "EXIT: {id}")?;
                match ending {
                    Some(Ending::Exited(status)) if service.success.exit => {
                        write!(f, " status={status}")?;
                    }
                    Some(Ending::Signaled(signal)) if service.success.exit => {
                        write!(f, " signal={signal}")?;
                    }
                    _ => {}
                }
                if service.success.pid {
                    write!(f, " pid={pid}")?;
                }
                if service.success.duration {
                    write!(f, " duration={}(sec)", duration.as_secs())?;
                }
                Ok(())
            }
            Event::Traffic { up, down, .. } => {
                write!(f, "TRAFFIC: {id} in={up}(bytes) out={down}(bytes)")
            }
            Event::Unreachable { host, failure, .. } => {
                write!(f, "can't connect to remote host {host}: {failure}")
            }
            Event::Fail { refusal, peer } => {
                write!(f, "FAIL: {id} {}", refusal.reason)?;
                from(f, peer, service.failure.host)
            }
            Event::ExcessiveLoad { peer } => {
                write!(
                    f,
                    "refused connect from {} due to excessive load",
                    peer.host
                )
            }
            Event::BothListsMatch { peer } => write!(
                f,
                "Service={id}: only_from list and no_access list match equally the address {}",
                peer.host
            ),
            Event::NameUnknown { peer } => write!(
                f,
                "Service={id}: the name of {} could not be found out, and a rule depends on it",
                peer.host
            ),
            Event::LibwrapRefused { peer, .. } => write!(
                f,
                "libwrap refused connection to {id} (libwrap={}) from {}",
                Text(&service.daemon),
                peer.host
            ),
            Event::LibwrapTwist { peer, command, .. } => {
                // Without `::ffff:`, as the C library has it.
                let address = peer.address.to_canonical();
                write!(f, "twist {address} to {}", Text(command))
            }
            Event::UserId { user, .. } => write!(f, "USERID: {id} {user}"),
            Event::NoId { peer, failure } => write!(f, "NOID: {id} {} {failure}", peer.host),
            Event::IdentFailed { peer, failure } => {
                write!(
                    f,
                    "Service={id}: the ident server of {}: {failure}",
                    peer.host
                )
            }
            Event::RefusalsWithheld { count } => {
                write!(
                    f,
                    "Service={id}: {count} more refusals were not logged one by one"
                )
            }
            Event::RemarksWithheld { count } => {
                write!(
                    f,
                    "Service={id}: {count} more messages were not logged one by one"
                )
            }
            Event::Deactivating { cause, seconds } => write!(
                f,
                "Deactivating service {name} due to {cause}.  Restarting in {seconds} seconds."
            ),
            Event::Activating => write!(f, "Activating service {name}"),
            Event::TurnedAway { count } => {
                write!(
                    f,
                    "Service={id}: {count} connections were reset during the pause"
                )
            }
            Event::ExecFailed { server, errno } => {
                write!(f, "execv( {} ) failed: {}", Text(server), ErrorText(errno))
            }
            Event::ForkFailed { errno } => write!(f, "{id}: fork failed: {}", ErrorText(errno)),
            Event::BannerUnreadable { file, errno } => write!(
                f,
                "service = {id}, open of banner {} failed: {}",
                Text(file),
                ErrorText(errno)
            ),
            Event::Adopted { sessions } => write!(
                f,
                "Service={id}: the helper was restarted and found {sessions} running servers"
            ),
            // As xinetd writes its critical messages: its process and function, and -1 for ever.
            Event::Banned { peer, time } => {
                write!(
                    f,
                    "{} {{process_sensor}} Adding {} to the global_no_access list for ",
                    std::process::id(),
                    peer.host
                )?;
                match time {
                    DenyTime::Never => f.write_str("0"),
                    DenyTime::Minutes(minutes) => write!(f, "{minutes}"),
                    DenyTime::Forever => f.write_str("-1"),
                }?;
                f.write_str(" minutes")
            }
            Event::Readjusted => write!(f, "readjusting service {id}"),
        }
    }
}

fn from(f: &mut Formatter<'_>, peer: Peer<'_>, wanted: bool) -> fmt::Result {
    if wanted {
        write!(f, " from={}", peer.host)?;
    }
    Ok(())
}

/// An error as xinetd words it, by its number in errno(3).
#[derive(Clone, Copy, Debug)]
pub struct ErrorText(pub i32);

impl Display for ErrorText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The C library's text, to which std adds the number in words of its own.
        let text = io::Error::from_raw_os_error(self.0).to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        write!(f, "{text} (errno = {})", self.0)
    }
}

/// Bytes as text, with `\xNN` in place of those that are not UTF-8.
struct Text<'a>(&'a ByteString);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use crate::journal::PauseCause;
    use crate::policy::{Reason, Refusal};
    use crate::service::{FailureFlags, SuccessFlags};
    use crate::spec::Spec;

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
        Line(&log(success, FailureFlags::default()), &event).to_string()
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
            Line(&log(NOTHING, failure), &event).to_string()
        };
        for (reason, words) in [
            (Reason::Rate, "connections per second"),
            (Reason::Load, "load"),
            (Reason::Time, "time"),
            (Reason::ServiceLimit, "service_limit"),
            (Reason::PerSourceLimit, "per_source_limit"),
            (Reason::Address, "address"),
            (Reason::Fork, "fork"),
        ] {
            let plain = format!("FAIL: telnet {words}");
            let full = format!("{plain} from=::ffff:192.0.2.7");
            assert_eq!(line(attempt, reason), plain);
            assert_eq!(line(host, reason), full);
            // Nobody has asked, so nobody has left out the address.
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
