//! What a server finds (docs/xinetd-behaviour.md, section 4.5).

use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "server-argv",
        section: "2, 4.5",
        claim: "argv[0] is the last part of the server's path, and the words of server_args follow",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	server_args = one \"two words\" $HOME %h \\n
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "server-nameinargs",
        section: "2, 2.1",
        claim: "with NAMEINARGS server_args begins with argv[0]",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	flags = NAMEINARGS
	server = PROBE/argv
	server_args = another name
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "server-descriptors",
        section: "4.5",
        claim: "the server has the socket as descriptors 0, 1 and 2, and no other",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/descriptors
	log_type = SYSLOG daemon
	log_on_success = PID
	banner = /etc/hostname
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "server-environment",
        section: "4.5",
        claim: "the environment is the daemon's, with env and REMOTE_HOST",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = PROBE/env
	env = ONE=1 TWO=2
	env += TWO=two REMOTE_HOST=forged
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("10.1.2.3", 7001)?;
            stage.hear("fd00:1:2::3", 7001)
        },
        differs: &["S11"],
        ..Scenario::SAME
    },
    Scenario {
        name: "server-environment-passenv",
        section: "2",
        claim: "passenv names the variables that are inherited; an empty one means none",
        configuration: "\
service some
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/env
	passenv = PATH
	env = ONE=1
}
service none
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/env
	passenv =
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("127.0.0.1", 7002)
        },
        differs: &["S11"],
        ..Scenario::SAME
    },
    Scenario {
        name: "server-signals",
        section: "4.2, 4.5",
        claim: "no signal is blocked, ignored or caught",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = PROBE/signals
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "server-socket",
        section: "4.2, 4.5",
        claim: "a client over IPv4 reaches the server through an AF_INET socket, blocking, without options",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = PROBE/socket
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("10.1.2.3", 7001)?;
            stage.hear("fd00:1:2::3", 7001)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "server-socket-options",
        section: "2.1",
        claim: "NODELAY and KEEPALIVE hold for the server's socket",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	flags = NODELAY KEEPALIVE
	server = PROBE/socket
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "server-socket-ipv4",
        section: "2.1, 4.1",
        claim: "with the flag IPv4 there is no IPv6, and addresses are written as IPv4",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	flags = IPv4
	server = PROBE/socket
	log_type = SYSLOG daemon
	log_on_success = HOST
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log()?;
            stage.hear("::1", 7001)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "server-socket-bound",
        section: "2, 4.1",
        claim: "bind limits the service to one address",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	bind = 10.1.2.3
	server = PROBE/socket
	log_type = SYSLOG daemon
	log_on_success = HOST
}
",
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.log()?;
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("fd00:1:2::3", 7001)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "server-missing-at-exec",
        section: "4.5",
        claim: "a server that can't be executed closes the connection, and is named",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /usr/local/bin/broken
	log_type = SYSLOG daemon
	log_on_success = HOST EXIT
}
",
        files: &[("/usr/local/bin/broken", "\u{7f}ELF, but none", 0o755)],
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log_unordered()
        },
        differs: &["S8"],
        ..Scenario::SAME
    },
];
