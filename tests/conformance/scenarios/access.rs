//! Address lists (docs/xinetd-behaviour.md, section 3).

use testbed::Result;

use crate::scenario::Scenario;
use crate::stage::Stage;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "access-zero-octets",
        section: "3.1",
        claim: "zero octets at the end of an IPv4 address are wildcards; short forms are not networks",
        configuration: "\
service zero
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	only_from = 10.1.2.0
}
service short
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
	only_from = 10.1.2
}
service all
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	server = PROBE/argv
	only_from = 0.0.0.0
}
",
        act: |stage| table(stage, &[7001, 7002, 7003]),
        ..Scenario::SAME
    },
    Scenario {
        name: "access-masks",
        section: "3.1",
        claim: "addr/bits matches the prefix, host bits are masked off",
        configuration: "\
service v4
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	only_from = 10.1.2.99/23
}
service v6
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
	only_from = fd00:1:2::/47
}
service everything
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	server = PROBE/argv
	only_from = ::/0
}
service mapped
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7004
	user = root
	server = PROBE/argv
	only_from = ::ffff:10.1.2.0/120
}
",
        act: |stage| table(stage, &[7001, 7002, 7003, 7004]),
        ..Scenario::SAME
    },
    Scenario {
        name: "access-single-ipv6",
        section: "3.1, 7.6",
        claim: "an IPv6 address with /128 is that address, which xinetd never matches",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	only_from = fd00:1:2::3/128
}
",
        act: |stage| table(stage, &[7001]),
        differs: &["C13"],
        ..Scenario::SAME
    },
    Scenario {
        name: "access-factorized",
        section: "3.1",
        claim: "braces stand for several addresses, missing octets are wildcards",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	only_from = 10.1.{2,9} 192.0.2.{6,7}
}
",
        act: |stage| table(stage, &[7001]),
        ..Scenario::SAME
    },
    Scenario {
        name: "access-both-lists",
        section: "3.3",
        claim: "a client that is in both lists stays out, however exact only_from is",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	only_from = 10.1.2.3 127.0.0.0
	no_access = 10.0.0.0
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.log()?;
            table(stage, &[7001])
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "access-empty-lists",
        section: "3.3",
        claim: "an empty only_from keeps every client out, an empty no_access none",
        configuration: "\
service only
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	only_from =
}
service no
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
	no_access =
}
service emptied
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	server = PROBE/argv
	only_from = 127.0.0.1
	only_from -= 127.0.0.1
}
",
        act: |stage| table(stage, &[7001, 7002, 7003]),
        ..Scenario::SAME
    },
    Scenario {
        name: "access-mistyped-lock",
        section: "3.1, 7.6",
        claim: "a mistyped no_access lets everybody in with xinetd",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	no_access = 10.1.2.3.4
}
",
        act: |stage| table(stage, &[7001]),
        differs: &["C2"],
        ..Scenario::SAME
    },
    Scenario {
        name: "access-removed",
        section: "3.1",
        claim: "-= takes entries out that have the same address and mask",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	only_from = 10.1.2.0 10.1.3.0 127.0.0.0/8
	only_from -= 10.1.2.0/24
}
",
        act: |stage| table(stage, &[7001]),
        ..Scenario::SAME
    },
    Scenario {
        name: "access-names",
        section: "3.1, 3.2",
        claim: "names of /etc/hosts: whole names and domains match without regard to case, aliases do not",
        configuration: "\
service name
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	flags = IPv4
	server = PROBE/argv
	only_from = ALPHA.example.com
}
service domain
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	flags = IPv4
	server = PROBE/argv
	only_from = .Example.COM
}
service alias
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	flags = IPv4
	server = PROBE/argv
	only_from = alpha
}
service no
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7004
	user = root
	flags = IPv4
	server = PROBE/argv
	no_access = beta.example.com
}
",
        act: |stage| {
            for port in 7001..=7004 {
                for source in ["10.1.2.3", "10.1.3.3", "192.0.2.7"] {
                    stage.hear(source, port)?;
                }
            }
            Ok(())
        },
        differs: &["S6"],
        ..Scenario::SAME
    },
    Scenario {
        name: "access-names-dual-stack",
        section: "3.2, 7.6",
        claim: "IPv4 clients of a dual-stack socket have the names that /etc/hosts gives them; not so in xinetd",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	only_from = alpha.example.com
}
",
        act: |stage| stage.hear("10.1.2.3", 7001),
        differs: &["S7"],
        ..Scenario::SAME
    },
];

/// Which clients are let in, from every address and to each port.
fn table(stage: &mut Stage<'_>, ports: &[u16]) -> Result<()> {
    const SOURCES: [&str; 9] = [
        "127.0.0.1",
        "10.0.0.1",
        "10.1.0.2",
        "10.1.2.3",
        "10.1.3.3",
        "192.0.2.7",
        "::1",
        "fd00:1:2::3",
        "fd00:1:4::3",
    ];
    for &port in ports {
        for source in SOURCES {
            let answer = match stage.connect(source, port)? {
                Err(_) => "refused",
                Ok(peer) => match peer.read_to_end()?.bytes.is_empty() {
                    true => "kept out",
                    false => "let in",
                },
            };
            stage.note(&format!("{source} to {port}: {answer}"));
        }
    }
    Ok(())
}
