//! The order of the checks (docs/xinetd-behaviour.md, section 4.2).

use testbed::Result;

use crate::scenario::Scenario;
use crate::stage::Stage;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "order-load-first",
        section: "4.2",
        claim: "max_load is looked at before access_times, instances and per_source",
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
	instances = 0
	per_source = 0
	no_access = 0.0.0.0/0
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: refused,
        ..Scenario::SAME
    },
    Scenario {
        name: "order-instances-before-per-source",
        section: "4.2",
        claim: "instances is looked at before per_source and the address lists",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	instances = 0
	per_source = 0
	no_access = 0.0.0.0/0
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: refused,
        ..Scenario::SAME
    },
    Scenario {
        name: "order-per-source-before-address",
        section: "4.2",
        claim: "per_source is looked at before the address lists",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	per_source = 0
	no_access = 0.0.0.0/0
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: refused,
        ..Scenario::SAME
    },
    Scenario {
        name: "order-address-last",
        section: "4.2",
        claim: "an address that is kept out leaves START, FAIL and EXIT in xinetd",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	no_access = 127.0.0.1
	log_type = SYSLOG daemon
	log_on_success = HOST PID EXIT DURATION
	log_on_failure = HOST
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log_unordered()?;
            stage.hear("127.0.0.2", 7001)?;
            stage.log()
        },
        differs: &["S1"],
        ..Scenario::SAME
    },
    Scenario {
        name: "order-refused-client-that-spoke",
        section: "4.2",
        claim: "a refused client that has sent something is reset",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	instances = 0
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
service slow
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = /bin/sleep
	server_args = 0.3
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7002)?;
            peer.send(b"nobody reads this")?;
            stage.finish("a client that spoke to a server that does not listen", peer)
        },
        ..Scenario::SAME
    },
];

fn refused(stage: &mut Stage<'_>) -> Result<()> {
    stage.hear("127.0.0.1", 7001)?;
    stage.log()
}
