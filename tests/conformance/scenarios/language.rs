//! The language, by what it leads to (docs/xinetd-behaviour.md, section 1).

use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "language-no-trailing-comments",
        section: "1.1",
        claim: "there is no quoting and no comment behind a value",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	server_args = \"a b\" # c
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "language-no-blanks",
        section: "1.3",
        claim: "name=value without blanks loses its service alone",
        configuration: "\
service first
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	instances=5
}
service second
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
	instances =5
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("127.0.0.1", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "language-stray-word",
        section: "1.2",
        claim: "a stray word swallows the service that follows, and no more",
        configuration: "\
strange
service first
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
}
service second
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("127.0.0.1", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "language-first-wins",
        section: "1.3",
        claim: "of two lines of an attribute that takes one value the first counts",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	port = 7002
	user = root
	server = PROBE/argv
	server_args = first
	server_args = second
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("127.0.0.1", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "language-defaults-order",
        section: "1.5",
        claim: "only_from of defaults holds for the services behind it, instances for all",
        configuration: "\
service before
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
}
defaults
{
	only_from = 10.0.0.1
}
service behind
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
}
",
        act: |stage| {
            for port in [7001, 7002] {
                stage.hear("127.0.0.1", port)?;
                stage.hear("10.0.0.1", port)?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "language-defaults-limit-behind",
        section: "1.5",
        claim: "instances of a defaults section at the end holds for the services before it",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
}
defaults
{
	instances = 0
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "language-enabled-disabled",
        section: "1.4",
        claim: "enabled leaves the named services alone, and disabled is stronger",
        configuration: "\
defaults
{
	enabled = one two
	disabled = two
}
service one
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
}
service two
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
}
service three
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	server = PROBE/argv
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
        name: "language-bad-default",
        section: "1.3",
        claim: "a bad value in defaults ends xinetd; the bridge keeps out whom it would not restrict",
        configuration: "\
defaults
{
	instances = abc
}
service own
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	instances = 5
}
service inherits
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("127.0.0.1", 7002)
        },
        differs: &["C1"],
        ..Scenario::SAME
    },
    Scenario {
        name: "language-nameinargs-behind",
        section: "2, 7.6",
        claim: "NAMEINARGS behind server_args crashes every server of xinetd",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	server_args = name one
	flags = NAMEINARGS
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        differs: &["C5"],
        ..Scenario::SAME
    },
    Scenario {
        name: "language-bind-and-flag",
        section: "2, 7.6",
        claim: "bind of one family with the flag of the other opens every address of xinetd",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	bind = 127.0.0.1
	flags = IPv6
	server = PROBE/argv
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("10.1.2.3", 7001)
        },
        differs: &["C4"],
        ..Scenario::SAME
    },
];
