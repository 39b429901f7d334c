//! The structured fields of an event.

use super::entry::{Entry, Sender};
use super::line::LogLine;
use super::service::ServiceLog;
use super::table::Event;

/// Puts an event into `entry`.
///
/// The client's address is in the fields where `log_on_success` or `log_on_failure` has HOST, as in the line:
/// there may be reasons not to keep addresses. USERID is as good as HOST: a user is one of a machine.
pub(super) fn encode(entry: &mut Entry, service: &ServiceLog, event: &Event<'_>, sender: &Sender) {
    let kind = event.kind();
    let line = LogLine(service, event);
    let urgency = event.severity().unwrap_or_else(|| service.urgency(kind));
    entry.begin(format_args!("{line}"), urgency, sender);
    entry.bytes("MESSAGE_ID", kind.message_id().as_bytes());
    entry.bytes("XINETD_EVENT", kind.name().as_bytes());
    entry.same(&service.fields);
    event.put_fields(entry, service);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;
    use std::time::Duration;

    use xinetd_core::bytes::ByteString;
    use xinetd_core::policy::{Access, NameAnswer, Policy, Reason, Refusal};
    use xinetd_core::problem::Place;
    use xinetd_core::service::AccessRule;
    use xinetd_core::spec::Spec;

    use crate::journal::entry::tests::fields as parse;
    use crate::journal::{Ending, Peer};

    use super::*;

    const PEER: Peer<'_> = Peer {
        host: "::ffff:192.0.2.7",
        address: IpAddr::V6(std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped()),
        port: 40000,
    };

    /// The fields of an event, but for those that all have.
    fn fields(change: impl FnOnce(&mut Spec), event: &Event<'_>) -> BTreeMap<String, String> {
        let mut spec = Spec::example();
        change(&mut spec);
        let mut entry = Entry::default();
        encode(&mut entry, &ServiceLog::new(&spec), event, &Sender::new(1));
        let all = parse(entry.as_bytes()).unwrap();
        let text = |value: Vec<u8>| value.escape_ascii().to_string();
        let mut map: BTreeMap<_, _> = all
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect();
        let id = map.remove("MESSAGE_ID");
        assert_eq!(id.as_deref(), Some(event.kind().message_id()));
        for name in [
            "MESSAGE",
            "PRIORITY",
            "SYSLOG_FACILITY",
            "SYSLOG_IDENTIFIER",
            "SYSLOG_PID",
        ] {
            assert!(map.remove(name).is_some(), "{name}");
        }
        map
    }

    fn expect<const N: usize>(found: &BTreeMap<String, String>, expected: [(&str, &str); N]) {
        let common = [
            ("XINETD_SERVICE", "telnet"),
            ("XINETD_CONFIG", "/etc/xinetd.d/telnet:1:1"),
        ];
        let expected = common.into_iter().chain(expected);
        let expected: BTreeMap<_, _> = expected
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect();
        assert_eq!(found, &expected);
    }

    #[test]
    fn a_refusal_has_the_client_where_its_user_was_asked_for() {
        let refusal = Refusal::by(Reason::ServiceLimit);
        let event = Event::Fail {
            refusal: &refusal,
            peer: PEER,
        };
        let address = |change: fn(&mut Spec)| fields(change, &event).remove("REMOTE_ADDR");
        let with = Some("192.0.2.7".to_owned());
        assert_eq!(address(|spec| spec.logging.failure.userid = true), with);
        assert_eq!(address(|spec| spec.logging.failure.attempt = true), None);
    }

    #[test]
    fn a_start_has_the_client_where_host_was_asked_for() {
        let start = Event::Start { pid: 5, peer: PEER };
        let found = fields(|spec| spec.logging.success.host = true, &start);
        expect(
            &found,
            [
                ("XINETD_EVENT", "START"),
                ("XINETD_PID", "5"),
                ("REMOTE_HOST", "::ffff:192.0.2.7"),
                ("REMOTE_ADDR", "192.0.2.7"),
                ("REMOTE_PORT", "40000"),
            ],
        );
        let found = fields(|spec| spec.logging.success.pid = true, &start);
        expect(&found, [("XINETD_EVENT", "START"), ("XINETD_PID", "5")]);
    }

    #[test]
    fn an_exit_has_status_or_signal_and_the_exact_duration() {
        let exit = |ending| Event::Exit {
            pid: 5,
            peer: PEER,
            ending: Some(ending),
            duration: Duration::from_micros(1_500_001),
        };
        for (ending, field, value) in [
            (Ending::Exited(1), "XINETD_STATUS", "1"),
            (Ending::Signaled(15), "XINETD_SIGNAL", "15"),
        ] {
            let found = fields(|spec| spec.logging.success.exit = true, &exit(ending));
            expect(
                &found,
                [
                    ("XINETD_EVENT", "EXIT"),
                    ("XINETD_PID", "5"),
                    (field, value),
                    ("XINETD_DURATION_USEC", "1500001"),
                ],
            );
        }
    }

    #[test]
    fn a_refusal_names_the_rule() {
        let mut spec = Spec::example();
        spec.access.no_access = vec![AccessRule {
            pattern: "192.0.2.0/24".to_owned().try_into().unwrap(),
            place: Place {
                line: 12,
                column: 20,
                ..spec.place.clone()
            },
        }];
        let policy = Policy::new(&spec);
        let (Access::Deny(refusal), _) = policy.access(PEER.address, &NameAnswer::NotAsked) else {
            panic!("let in");
        };
        let fail = Event::Fail {
            refusal: &refusal,
            peer: PEER,
        };
        let found = fields(|_| {}, &fail);
        expect(
            &found,
            [
                ("XINETD_EVENT", "FAIL"),
                ("XINETD_REASON", "address"),
                ("XINETD_RULE", "/etc/xinetd.d/telnet:12:20"),
                ("REMOTE_HOST", "::ffff:192.0.2.7"),
                ("REMOTE_ADDR", "192.0.2.7"),
                ("REMOTE_PORT", "40000"),
            ],
        );
    }

    #[test]
    fn hostile_names_stay_in_their_fields() {
        let hostile = b"x\nXINETD_EVENT=START\n\xff";
        let server = ByteString::from(hostile.as_slice());
        let event = Event::ExecFailed {
            server: &server,
            errno: 8,
        };
        let found = fields(|spec| spec.id = server.clone(), &event);
        let kept = hostile.escape_ascii().to_string();
        assert_eq!(found["XINETD_EVENT"], "EXEC_FAILED");
        assert_eq!(found["XINETD_SERVICE"], kept);
        assert_eq!(found["XINETD_FILE"], kept);
        assert_eq!(found["ERRNO"], "8");
    }
}
