//! One scenario for each kind of service besides a server for each connection (docs/xinetd-behaviour.md,
//! sections 4.3, 4.4, 4.7, 4.9, 4.10, 4.12 and 4.13).

use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "kind-wait-stream",
        section: "4.3",
        claim: "with wait = yes the server accepts by itself, one server at a time",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = yes
	port = 7001
	user = nobody
	flags = NOLIBWRAP
	server = PROBE/accept
	log_type = SYSLOG daemon
	log_on_success = HOST EXIT
}
",
        act: |stage| {
            for _ in 0..3 {
                stage.hear("127.0.0.1", 7001)?;
                stage.log()?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "kind-wait-dgram",
        section: "4.4",
        claim: "a datagram starts a server, which reads it from the socket",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = dgram
	wait = yes
	port = 7001
	user = nobody
	server = PROBE/datagram
	only_from = 127.0.0.0/8
	log_type = SYSLOG daemon
	log_on_success = HOST EXIT
	log_on_failure = HOST
}
",
        act: |stage| {
            stage.exchange("127.0.0.1", 7001, b"one")?;
            stage.log()?;
            stage.exchange("127.0.0.2", 7001, b"two")?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "kind-internal-stream",
        section: "4.10",
        claim: "echo and chargen are built in",
        configuration: "\
service echo
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7001
	user = root
}
service chargen
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7002
	user = root
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.echo(b"some bytes\0 and more")?;
            peer.finish()?;
            stage.finish("echo", peer)?;
            let lines = stage.client("127.0.0.1", 7002)?.read(74 * 97)?;
            stage.bytes("chargen", &lines);
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "kind-internal-dgram",
        section: "4.10",
        claim: "echo and chargen answer datagrams",
        configuration: "\
service echo
{
	type = INTERNAL UNLISTED
	socket_type = dgram
	protocol = udp
	wait = yes
	port = 7001
	user = root
}
service echo
{
	id = echo-nothing
	type = INTERNAL UNLISTED
	socket_type = dgram
	protocol = udp
	wait = yes
	port = 7003
	user = root
}
service chargen
{
	type = INTERNAL UNLISTED
	socket_type = dgram
	protocol = udp
	wait = yes
	port = 7002
	user = root
}
",
        act: |stage| {
            stage.exchange("127.0.0.1", 7001, b"some bytes")?;
            // xinetd throws away what comes just after it has answered: one datagram for each.
            stage.exchange("127.0.0.1", 7003, b"")?;
            stage.exchange("127.0.0.1", 7002, b"")
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "kind-redirect",
        section: "4.12",
        claim: "redirect passes bytes on in both directions",
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
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.echo(b"there and back")?;
            stage.note("there and back");
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "kind-sensor",
        section: "4.9",
        claim: "a client that touches a sensor is kept out of every service",
        configuration: "\
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
",
        act: |stage| {
            stage.hear("10.1.2.3", 7002)?;
            stage.hear("10.1.2.3", 7001)?;
            stage.log()?;
            stage.hear("10.1.2.3", 7002)?;
            stage.hear("10.1.3.3", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "kind-tcpmux",
        section: "4.13",
        claim: "services are reached by name through tcpmux",
        configuration: "\
service tcpmux
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7001
	user = root
}
service plus
{
	type = TCPMUXPLUS UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = PROBE/argv
}
",
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.send(b"plus\r\n")?;
            stage.finish("plus", peer)?;
            let mut peer = stage.client("127.0.0.1", 7001)?;
            peer.send(b"unknown\r\n")?;
            stage.finish("unknown", peer)
        },
        differs: &["M1"],
        ..Scenario::SAME
    },
    Scenario {
        name: "kind-libwrap",
        section: "4.7",
        claim: "hosts.deny keeps clients out by the name of the server, unless NOLIBWRAP is set",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
service free
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	flags = NOLIBWRAP
	server = PROBE/argv
}
",
        files: &[("/etc/hosts.deny", "argv: 10.1.2.\n", 0o644)],
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.log()?;
            stage.hear("10.1.3.3", 7001)?;
            stage.hear("10.1.2.3", 7002)
        },
        ..Scenario::SAME
    },
];
