//! instances, per_source, max_load and access_times (docs/xinetd-behaviour.md, sections 2 and 4.2).

use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "limit-instances",
        section: "2, 4.2",
        claim: "instances counts running servers, and lets clients in again when one has ended",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /bin/cat
	instances = 2
	log_type = SYSLOG daemon
	log_on_success = PID HOST EXIT
	log_on_failure = HOST
}
",
        act: |stage| {
            let mut first = stage.client("127.0.0.1", 7001)?;
            let mut second = stage.client("127.0.0.2", 7001)?;
            first.echo(b"first")?;
            second.echo(b"second")?;
            stage.log()?;
            stage.hear("127.0.0.3", 7001)?;
            stage.log()?;
            first.finish()?;
            stage.finish("first", first)?;
            stage.log()?;
            let mut third = stage.client("127.0.0.3", 7001)?;
            third.echo(b"third")?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "limit-per-source",
        section: "2, 4.2",
        claim: "per_source counts running servers of one address, whatever its port",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /bin/cat
	per_source = 2
	log_type = SYSLOG daemon
	log_on_success = EXIT
	log_on_failure = HOST
}
",
        act: |stage| {
            let mut first = stage.client("127.0.0.1", 7001)?;
            let mut second = stage.client("127.0.0.1", 7001)?;
            first.echo(b"first")?;
            second.echo(b"second")?;
            stage.log()?;
            stage.hear("127.0.0.1", 7001)?;
            stage.log()?;
            let mut other = stage.client("127.0.0.2", 7001)?;
            other.echo(b"another address")?;
            stage.log()?;
            first.finish()?;
            stage.finish("first", first)?;
            stage.log()?;
            let mut third = stage.client("127.0.0.1", 7001)?;
            third.echo(b"third")
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "limit-zero",
        section: "2",
        claim: "instances = 0 and per_source = 0 refuse everybody",
        configuration: "\
service instances
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /bin/cat
	instances = 0
}
service source
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = /bin/cat
	per_source = 0
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("127.0.0.1", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "limit-times",
        section: "2",
        claim: "access_times is local time, and the last minute belongs to it",
        configuration: "\
service always
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	access_times = 00:00-11:59 12:00-23:59
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "limit-load",
        section: "2, 4.2",
        claim: "a negative max_load refuses everybody, and says so twice",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	max_load = -1
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
];
