//! Sensors, and those whom they ban (docs/xinetd-behaviour.md, section 4.9).

use crate::scenario::Scenario;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "sensor-minutes",
        section: "4.9",
        claim: "a ban for minutes holds, with banner_fail; lists of the sensor itself do not count",
        configuration: "\
service decoy
{
	type = UNLISTED INTERNAL
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	flags = SENSOR
	deny_time = 5
	no_access = 10.1.2.3
	banner = /etc/banner.hello
	banner_fail = /etc/banner.caught
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
service other
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = PROBE/argv
	only_from = 10.1.2.3 10.1.3.3
	banner_fail = /etc/banner.caught
}
",
        files: &[
            ("/etc/banner.hello", "hello\n", 0o644),
            ("/etc/banner.caught", "caught\n", 0o644),
        ],
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.log()?;
            stage.hear("10.1.2.3", 7002)?;
            stage.hear("10.1.3.3", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "sensor-never",
        section: "4.9",
        claim: "with deny_time NEVER, or a limit that refuses, no client is banned",
        configuration: "\
defaults
{
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
service decoy
{
	type = UNLISTED INTERNAL
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	flags = SENSOR
	deny_time = NEVER
}
service closed
{
	type = UNLISTED INTERNAL
	socket_type = stream
	wait = no
	port = 7003
	user = nobody
	flags = SENSOR
	deny_time = FOREVER
	instances = 0
}
service other
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = PROBE/argv
}
",
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.hear("10.1.2.3", 7003)?;
            stage.log()?;
            stage.hear("10.1.2.3", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "sensor-neighbours",
        section: "4.9, 7.6",
        claim: "a peer whose address ends in 0 bans its neighbours",
        configuration: "\
service decoy
{
	type = UNLISTED INTERNAL
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	flags = SENSOR IPv4
	deny_time = FOREVER
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
service other
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = PROBE/argv
}
",
        act: |stage| {
            stage.hear("10.1.2.0", 7001)?;
            stage.log()?;
            stage.hear("10.1.2.0", 7002)?;
            stage.hear("10.1.2.3", 7002)
        },
        differs: &["B1"],
        ..Scenario::SAME
    },
    Scenario {
        name: "sensor-families",
        section: "4.9, 7.6",
        claim: "a dual-stack sensor does not ban from IPv4 services",
        configuration: DUAL,
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.log()?;
            stage.hear("10.1.2.3", 7002)?;
            stage.hear("10.1.2.3", 7004)
        },
        differs: &["B2"],
        ..Scenario::SAME
    },
    Scenario {
        name: "sensor-loopback",
        section: "4.9",
        claim: "the machine itself can be banned",
        configuration: DUAL,
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log()?;
            stage.hear("127.0.0.1", 7002)
        },
        differs: &["B3"],
        ..Scenario::SAME
    },
    Scenario {
        name: "sensor-datagram",
        section: "4.9",
        claim: "a datagram bans its sender",
        configuration: "\
service decoy
{
	type = UNLISTED INTERNAL
	socket_type = dgram
	wait = yes
	port = 7001
	user = nobody
	flags = SENSOR
	deny_time = FOREVER
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
service other
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = PROBE/argv
}
",
        act: |stage| {
            stage.send("10.1.2.3", 7001, b"hello")?;
            stage.log()?;
            stage.hear("10.1.2.3", 7002)
        },
        differs: &["B9"],
        ..Scenario::SAME
    },
];

/// A sensor, a dual-stack service and one of IPv4.
const DUAL: &str = "\
service decoy
{
	type = UNLISTED INTERNAL
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	flags = SENSOR
	deny_time = FOREVER
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
service other
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = PROBE/argv
}
service four
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7004
	user = nobody
	flags = IPv4
	server = PROBE/argv
}
";
