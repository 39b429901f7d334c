//! tcpmux (docs/xinetd-behaviour.md, section 4.13).

use testbed::Result;

use crate::scenario::Scenario;
use crate::stage::Stage;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "mux-name",
        section: "4.13",
        claim: "a service of type TCPMUX is found by its name in any case, and answers by itself",
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
service Plain
{
	id = another
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = PROBE/argv
}
",
        act: |stage| {
            ask(stage, b"Plain\r\n")?;
            ask(stage, b"pLAIN\r\n")
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "mux-unknown",
        section: "4.13",
        claim: "ids, services with ports, tcpmux itself and disabled services are no names",
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
service plain
{
	id = another
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = PROBE/argv
}
service port
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = PROBE/argv
}
service off
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = PROBE/argv
	disable = yes
}
",
        act: |stage| {
            for name in ["another", "port", "tcpmux", "off", "plain "] {
                ask(stage, format!("{name}\r\n").as_bytes())?;
            }
            Ok(())
        },
        differs: &["M1"],
        ..Scenario::SAME
    },
    Scenario {
        name: "mux-line",
        section: "4.13",
        claim: "the name ends with CR and LF",
        configuration: CAT,
        act: |stage| {
            ask(stage, b"cat\n")?;
            ask(stage, b"cat\rhello\n")?;
            ask(stage, b"cat")?;
            ask(stage, b"\r\n")?;
            ask(stage, b"")
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "mux-line-cut",
        section: "4.13",
        claim: "a name may come in pieces, and what follows it is for the server",
        configuration: CAT,
        act: |stage| {
            for pieces in [[&b"ca"[..], b"t\r\n"], [b"cat\r", b"\nhello"]] {
                let mut peer = stage.client("127.0.0.1", 7001)?;
                peer.send(pieces[0])?;
                peer.await_read()?;
                peer.send(pieces[1])?;
                // Whether xinetd is gone before the second piece comes is a matter of luck.
                let _ = peer.finish();
                let said = pieces.map(|piece| piece.escape_ascii().to_string());
                let heard = peer.read_to_end()?.text();
                stage.note(&format!("{said:?}: {heard:?}"));
            }
            ask(stage, b"cat\r\nhello")
        },
        differs: &["M2"],
        ..Scenario::SAME
    },
    Scenario {
        name: "mux-help",
        section: "4.13",
        claim: "help names all services of type TCPMUX",
        configuration: CAT,
        act: |stage| ask(stage, b"HELP\r\n"),
        differs: &["M3"],
        ..Scenario::SAME
    },
    Scenario {
        name: "mux-identity",
        section: "4.13",
        claim: "the server runs as the user of its own service, with the client's socket",
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
service identity
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = games
	group = audio
	umask = 077
	nice = 3
	server = PROBE/identity
}
service socket
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = PROBE/socket
}
service descriptors
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = PROBE/descriptors
}
",
        act: |stage| {
            for name in ["identity", "socket", "descriptors"] {
                name_it(stage, "127.0.0.1", name)?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "mux-refused",
        section: "4.13",
        claim: "the lists of the service hold, and those of tcpmux before them",
        configuration: "\
service tcpmux
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7001
	user = root
	no_access = 127.0.0.2
	banner_fail = /etc/banner-mux
}
service plain
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = PROBE/argv
	no_access = 127.0.0.3
	banner_fail = /etc/banner-plain
	banner_success = /etc/banner-success
}
",
        act: |stage| {
            stage.write("/etc/banner-mux", "not to anything\n", 0o644)?;
            stage.write("/etc/banner-plain", "not to this\n", 0o644)?;
            stage.write("/etc/banner-success", "welcome\n", 0o644)?;
            stage.hear("127.0.0.2", 7001)?;
            name_it(stage, "127.0.0.3", "plain")?;
            name_it(stage, "127.0.0.4", "plain")
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "mux-options",
        section: "4.13",
        claim: "NODELAY and KEEPALIVE of a service of type TCPMUX hold",
        configuration: "\
service tcpmux
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7001
	user = root
	flags = IPv4
}
service socket
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	flags = NODELAY KEEPALIVE
	server = PROBE/socket
}
",
        act: |stage| name_it(stage, "127.0.0.1", "socket"),
        differs: &["M4"],
        ..Scenario::SAME
    },
    Scenario {
        name: "mux-wait",
        section: "4.13",
        claim: "wait = yes means nothing for a service of type TCPMUX",
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
service socket
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = yes
	user = nobody
	server = PROBE/socket
}
",
        act: |stage| {
            name_it(stage, "127.0.0.1", "socket")?;
            name_it(stage, "127.0.0.1", "socket")
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "mux-limits",
        section: "4.13",
        claim: "limits and log lines are those of the service that is named",
        configuration: "\
defaults
{
	log_type = SYSLOG daemon
	log_on_success = PID HOST EXIT
	log_on_failure = HOST
}
service tcpmux
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7001
	user = root
}
service plain
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = PROBE/argv
}
service full
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = PROBE/argv
	instances = 0
}
",
        act: |stage| {
            ask(stage, b"plain\r\n")?;
            stage.log_unordered()?;
            ask(stage, b"full\r\n")?;
            stage.log_unordered()
        },
        differs: &["M4"],
        ..Scenario::SAME
    },
];

const CAT: &str = "\
service tcpmux
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	port = 7001
	user = root
}
service cat
{
	type = TCPMUX UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = /bin/cat
}
";

/// A client that names a service and listens.
fn name_it(stage: &mut Stage<'_>, source: &str, name: &str) -> Result<()> {
    let mut peer = stage.client(source, 7001)?;
    peer.send(format!("{name}\r\n").as_bytes())?;
    stage.finish(&format!("{source} wants {name}"), peer)
}

/// A client that sends this and nothing more.
fn ask(stage: &mut Stage<'_>, text: &[u8]) -> Result<()> {
    let mut peer = stage.client("127.0.0.1", 7001)?;
    peer.send(text)?;
    peer.finish()?;
    stage.finish(&format!("\"{}\"", text.escape_ascii()), peer)
}
