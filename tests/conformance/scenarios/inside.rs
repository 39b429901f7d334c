//! Services that need no server: internal ones and redirect (docs/xinetd-behaviour.md, sections 4.10 and
//! 4.12).

use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "internal-log",
        section: "4.10, 5.2",
        claim: "internal services have START and EXIT; time and daytime have no EXIT and pid=0",
        configuration: "\
defaults
{
	log_type = SYSLOG daemon
	log_on_success = HOST EXIT
}
service discard
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7001
}
service daytime
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7002
	log_on_success = PID HOST EXIT
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.send(b"thrown away")?;
            peer.finish()?;
            stage.finish("discard", peer)?;
            stage.log()?;
            let heard = stage.client("127.0.0.1", 7002)?.read_to_end()?;
            let shape = heard.bytes.iter().map(|byte| match byte {
                b'0'..=b'9' => '9',
                b'A'..=b'Z' => 'A',
                byte => char::from(*byte),
            });
            let shape: String = shape.collect();
            stage.note(&format!("daytime: {shape:?}"));
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "internal-pid",
        section: "4.10, 5.2",
        claim: "xinetd forks for echo, the bridge does not",
        configuration: "\
service echo
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7001
	instances = 1
	log_type = SYSLOG daemon
	log_on_success = PID
	log_on_failure = HOST
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.echo(b"one instance")?;
            stage.log()?;
            stage.hear("127.0.0.2", 7001)?;
            stage.log()
        },
        differs: &["I2"],
        ..Scenario::SAME
    },
    Scenario {
        name: "redirect-log",
        section: "4.12, 5.2",
        claim: "redirect logs what was passed on; the bridge has no process for it",
        configuration: "\
service backend
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = /bin/cat
}
service front
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	redirect = 127.0.0.1 7002
	log_type = SYSLOG daemon
	log_on_success = PID HOST EXIT TRAFFIC
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.echo(b"there and back")?;
            peer.finish()?;
            stage.finish("the end", peer)?;
            stage.log_unordered()
        },
        differs: &["R1", "R9"],
        ..Scenario::SAME
    },
    Scenario {
        name: "redirect-refused",
        section: "4.12",
        claim: "a backend that refuses is named, and the client sees the end",
        configuration: "\
service front
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	redirect = 127.0.0.1 7009
	flags = IPv4
	log_type = SYSLOG daemon
	log_on_success = HOST EXIT TRAFFIC
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log_unordered()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "redirect-half-closed",
        section: "4.12",
        claim: "a client that ends its side hears no more from xinetd's redirect",
        configuration: "\
service backend
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = /usr/bin/sort
}
service front
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	redirect = 127.0.0.1 7002
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.send(b"b\nc\na\n")?;
            peer.finish()?;
            stage.finish("a client whose lines are sorted", peer)
        },
        differs: &["R2"],
        ..Scenario::SAME
    },
];
