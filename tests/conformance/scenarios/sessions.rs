//! Sessions, from their first byte to their end (docs/xinetd-behaviour.md, sections 4.2 and 4.5).

use std::time::{SystemTime, UNIX_EPOCH};

use testbed::Result;

use crate::scenario::Scenario;
use crate::stage::Stage;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "session-half-closed",
        section: "4.5",
        claim: "a client may end its side and still hears all that the server has to say",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = /usr/bin/sort
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.send(b"b\nc\na\n")?;
            peer.finish()?;
            stage.finish("a client whose lines are sorted", peer)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "session-errors-to-the-client",
        section: "4.5",
        claim: "what the server writes to its standard error reaches the client",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = /bin/ls
	server_args = /nonexistent
	log_type = SYSLOG daemon
	log_on_success = EXIT
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "session-much",
        section: "4.5",
        claim: "a million bytes come through as they are",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = /usr/bin/head
	server_args = -c 1000000 /dev/zero
}
",
        act: |stage| {
            let heard = stage.client("127.0.0.1", 7001)?.read_to_end()?;
            let zeros = heard.bytes.iter().filter(|&&byte| byte == 0).count();
            stage.note(&format!("{zeros} zeros, then {:?}", heard.close));
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "session-client-gone",
        section: "4.2",
        claim: "a client that is gone leaves a server that finds out by itself",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = /bin/cat
	log_type = SYSLOG daemon
	log_on_success = HOST EXIT
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.echo(b"here")?;
            drop(peer);
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "session-children-of-servers",
        section: "4.5",
        claim: "EXIT tells of the server, not of what it has left behind",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = /usr/local/bin/leaves
	instances = 1
	log_type = SYSLOG daemon
	log_on_success = EXIT
	log_on_failure = HOST
}
",
        files: &[(
            "/usr/local/bin/leaves",
            "#!/bin/sh\nsleep 1000 </dev/null >/dev/null 2>&1 &\necho gone\nexit 4\n",
            0o755,
        )],
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log()?;
            stage.hear("127.0.0.1", 7001)?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "session-at-another-time",
        section: "2, 4.2",
        claim: "outside of access_times no client is let in, and load comes before it, instances behind",
        configuration: "",
        act: |stage| {
            at_another_time(stage, "instances = 0\n\tper_source = 0")?;
            at_another_time(stage, "max_load = -1")
        },
        ..Scenario::SAME
    },
];

/// A client of a service whose times are half a day away.
fn at_another_time(stage: &mut Stage<'_>, lines: &str) -> Result<()> {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|error| error.to_string())?
        .as_secs();
    // The containers' time zone is UTC.
    let away = (seconds / 3600 + 12) % 24;
    stage.configure(&format!(
        "service probe\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = 7001\n\
         \tuser = root\n\tserver = PROBE/argv\n\taccess_times = {away:02}:00-{away:02}:01\n\t{lines}\n\
         \tlog_type = SYSLOG daemon\n\tlog_on_failure = HOST\n}}\n"
    ))?;
    stage.hear("127.0.0.1", 7001)?;
    stage.log()
}
