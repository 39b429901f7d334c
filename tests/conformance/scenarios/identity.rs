//! As whom a server runs, and under which limits (docs/xinetd-behaviour.md, section 2).

use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "identity-root",
        section: "2, 4.5",
        claim: "a server of root: no supplementary groups, umask 022, the folder /, a session of its own",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/identity
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "identity-matrix",
        section: "2",
        claim: "user, group and groups in their combinations",
        configuration: "\
service user
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = games
	server = PROBE/identity
}
service group
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = games
	group = adm
	server = PROBE/identity
}
service groups
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = games
	groups = yes
	server = PROBE/identity
}
service number
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7004
	user = 54321
	server = PROBE/identity
}
service both-numbers
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7005
	user = 54321
	group = 12345
	server = PROBE/identity
}
",
        act: |stage| {
            for port in 7001..=7005 {
                stage.hear("127.0.0.1", port)?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "identity-umask-nice",
        section: "2",
        claim: "umask is octal; nice is relative, and negative for root alone",
        configuration: "\
service root
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	umask = 077
	nice = -5
	server = PROBE/identity
}
service user
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = games
	umask = 2
	nice = -5
	server = PROBE/identity
}
service kind
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = games
	umask = 0
	nice = 7
	server = PROBE/identity
}
",
        act: |stage| {
            for port in 7001..=7003 {
                stage.hear("127.0.0.1", port)?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "identity-limits",
        section: "2, 4.5",
        claim: "rlimit_* are soft and hard limits; without rlimit_files the hard limit is both",
        configuration: "\
service none
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/limits
}
service some
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	rlimit_files = 100
	rlimit_as = 64M
	rlimit_cpu = 20
	rlimit_data = 8192K
	rlimit_rss = 1000000
	rlimit_stack = 4m
	server = PROBE/limits
}
service unlimited
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	rlimit_as = UNLIMITED
	rlimit_cpu = UNLIMITED
	rlimit_stack = UNLIMITED
	server = PROBE/limits
}
",
        act: |stage| {
            for port in 7001..=7003 {
                stage.hear("127.0.0.1", port)?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
];
