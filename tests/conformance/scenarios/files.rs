//! Sections, includes and values that go wrong (docs/xinetd-behaviour.md, sections 1.2 to 1.6 and 7.6). It is long as
//! it is a list: each way to go wrong is a scenario of a few lines.

use testbed::Result;

use crate::scenario::Scenario;
use crate::stage::Stage;

/// A service in a file of its own.
macro_rules! service {
    ($port:literal) => {
        concat!(
            "service s",
            $port,
            "\n{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = ",
            $port,
            "\n\tuser = root\n\tserver = /opt/probe/argv\n}\n"
        )
    };
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "files-includedir",
        section: "1.6",
        claim: "includedir takes regular files and links to them, but no name with a dot or a tilde at its end",
        configuration: "includedir /etc/xinetd.d\n",
        files: &[
            ("/etc/xinetd.d/plain", service!("7001"), 0o644),
            ("/etc/xinetd.d/with.dot", service!("7002"), 0o644),
            ("/etc/xinetd.d/backup~", service!("7003"), 0o644),
            ("/etc/xinetd.d/#hash#", service!("7004"), 0o644),
            ("/etc/xinetd.d/a blank", service!("7005"), 0o644),
            ("/etc/xinetd.d/.hidden", service!("7006"), 0o644),
            ("/etc/xinetd.d/folder/inside", service!("7007"), 0o644),
            ("/etc/xinetd.d/q-rpmsave", service!("7008"), 0o644),
        ],
        act: |stage| listening(stage, 7001..=7008),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-include",
        section: "1.2",
        claim: "include reads a file with any name, whatever else is on the line; a missing one is passed over",
        configuration: "include /etc/some.conf and more\ninclude /nonexistent\ninclude /etc/other.conf\n",
        files: &[
            ("/etc/some.conf", service!("7001"), 0o644),
            ("/etc/other.conf", service!("7002"), 0o644),
        ],
        act: |stage| listening(stage, 7001..=7002),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-brace-on-the-line",
        section: "1.2",
        claim: "`service x {` on one line loses that service alone",
        configuration: concat!("service a {\n\tport = 7001\n}\n", service!("7002")),
        act: |stage| listening(stage, 7001..=7002),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-comment-behind-brace",
        section: "1.3",
        claim: "`} # end` is no end: the next service is lost as well",
        configuration: concat!(
            "service a\n{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = 7001\n\
             \tuser = root\n\tserver = /opt/probe/argv\n} # end\n",
            service!("7002"),
            service!("7003")
        ),
        act: |stage| listening(stage, 7001..=7003),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-end-inside",
        section: "1.3",
        claim: "the end of the file inside a service loses that service alone",
        configuration: concat!(
            service!("7001"),
            "service b\n{\n\ttype = UNLISTED\n\tport = 7002\n"
        ),
        act: |stage| listening(stage, 7001..=7002),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-unknown-attribute",
        section: "1.3",
        claim: "an attribute that is not known, a wrong number of values and a wrong operator are passed over",
        configuration: "\
service a
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	colour = blue
	instances = 0 0
	per_source += 0
}
",
        act: |stage| listening(stage, 7001..=7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-bad-value",
        section: "1.3",
        claim: "a bad value loses its service alone",
        configuration: "\
service a
{
	type = UNLISTED
	socket_type = stream
	wait = perhaps
	port = 7001
	user = root
	server = PROBE/argv
}
service b
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
	cps = 10 soon
}
service c
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	server = PROBE/argv
}
",
        act: |stage| listening(stage, 7001..=7003),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-revived",
        section: "1.3",
        claim: "a later `disable = no` revives a service without its bad limit in xinetd",
        configuration: "\
service a
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	instances = abc
	disable = no
}
",
        act: |stage| listening(stage, 7001..=7001),
        differs: &["C16"],
        ..Scenario::SAME
    },
    Scenario {
        name: "files-bare-word",
        section: "1.3",
        claim: "a bare word before the brace loses the next service too in xinetd",
        configuration: concat!(
            "service a\n{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = 7001\n\
             \tuser = root\n\tserver = /opt/probe/argv\n\tword\n}\n",
            service!("7002"),
            service!("7003")
        ),
        act: |stage| listening(stage, 7001..=7003),
        differs: &["C15"],
        ..Scenario::SAME
    },
    Scenario {
        name: "files-not-executable",
        section: "2",
        claim: "a server that is missing or not executable: no socket listens",
        configuration: "\
service a
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /nonexistent
}
service b
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = /usr/local/bin/no-program
}
",
        files: &[(
            "/usr/local/bin/no-program",
            "#!/bin/sh\necho strange\n",
            0o644,
        )],
        act: |stage| listening(stage, 7001..=7002),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-user-wraps",
        section: "2, 7.6",
        claim: "a user of 2^32 is root in xinetd",
        configuration: "\
service a
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = 4294967296
	server = PROBE/identity
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        differs: &["C3"],
        ..Scenario::SAME
    },
    Scenario {
        name: "files-v6only",
        section: "2, 7.6",
        claim: "v6only = no acts as yes in xinetd",
        configuration: "\
service yes
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	v6only = yes
	server = PROBE/argv
}
service no
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	v6only = no
	server = PROBE/argv
}
",
        act: |stage| {
            for port in [7001, 7002] {
                stage.hear("127.0.0.1", port)?;
                stage.hear("::1", port)?;
            }
            Ok(())
        },
        differs: &["C6"],
        ..Scenario::SAME
    },
    Scenario {
        name: "files-crlf",
        section: "1.1",
        claim: "a file with CRLF loses the services whose words have no room for the CR",
        configuration: "service a\r\n{\r\n\ttype = UNLISTED\r\n\tsocket_type = stream\r\n\twait = no\r\n\
                        \tport = 7001\r\n\tuser = root\r\n\tserver = /opt/probe/argv\r\n}\r\n",
        act: |stage| listening(stage, 7001..=7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-case",
        section: "1.1",
        claim: "keywords, attributes, flags and enumerated words have no case",
        configuration: "\
SERVICE a
{
	Type = unlisted
	SOCKET_TYPE = Stream
	Wait = NO
	Port = 7001
	USER = root
	Server = PROBE/argv
	FLAGS = nameinargs
	Server_Args = name
	Disable = No
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-disable",
        section: "1.3",
        claim: "`disable = yes` keeps a service off, and errors behind it are not reported",
        configuration: "\
service a
{
	disable = yes
	type = UNLISTED
	socket_type = what
	port = 7001
}
service b
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
	disable = yes
}
service c
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	server = PROBE/argv
	disable = no
}
",
        act: |stage| listening(stage, 7001..=7003),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-inferred",
        section: "1.4",
        claim: "protocol and socket_type follow from each other, and the port from /etc/services",
        configuration: "\
service finger
{
	protocol = tcp
	wait = no
	user = root
	server = PROBE/argv
}
service ftp
{
	socket_type = stream
	wait = no
	user = root
	server = PROBE/argv
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 79)?;
            stage.hear("127.0.0.1", 21)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "files-wrong-port",
        section: "1.4",
        claim: "a listed service with another port, or one that no file lists, is not served",
        configuration: "\
service finger
{
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
}
service no-file-lists-this
{
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
}
",
        act: |stage| {
            listening(stage, 7001..=7002)?;
            listening(stage, 79..=79)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "files-two-defaults",
        section: "1.2, 2.2",
        claim: "a second defaults section in a file is passed over; one in an included file counts as well",
        configuration: concat!(
            "defaults\n{\n\tno_access = 10.1.2.3\n}\ndefaults\n{\n\tno_access = 10.1.3.3\n}\n\
             include /etc/more.conf\n",
            service!("7001")
        ),
        files: &[(
            "/etc/more.conf",
            "defaults\n{\n\tno_access = 192.0.2.7\n}\n",
            0o644,
        )],
        act: |stage| {
            for source in ["10.1.2.3", "10.1.3.3", "192.0.2.7", "127.0.0.1"] {
                stage.hear(source, 7001)?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "files-same-id",
        section: "1.4",
        claim: "two services of one id with different ports are both served",
        configuration: "\
service a
{
	id = one
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	server_args = first
}
service b
{
	id = one
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
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
        name: "files-same-port",
        section: "1.4",
        claim: "of two services on one port the first is served",
        configuration: "\
service a
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	server_args = first
}
service b
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	server_args = second
}
",
        act: |stage| stage.hear("127.0.0.1", 7001),
        ..Scenario::SAME
    },
    Scenario {
        name: "files-bound-twice",
        section: "1.4",
        claim: "two services on one port with different addresses are both served",
        configuration: "\
service a
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	bind = 127.0.0.1
	user = root
	server = PROBE/argv
	server_args = first
}
service b
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	bind = 10.1.2.3
	user = root
	server = PROBE/argv
	server_args = second
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("10.1.2.3", 7001)
        },
        ..Scenario::SAME
    },
];

/// On which of the ports a socket listens.
fn listening(stage: &mut Stage<'_>, ports: std::ops::RangeInclusive<u16>) -> Result<()> {
    for port in ports {
        let answer = match stage.connect("127.0.0.1", port)? {
            Err(_) => "refused",
            Ok(peer) => match peer.read_to_end()?.bytes.is_empty() {
                true => "accepted",
                false => "served",
            },
        };
        stage.note(&format!("{port}: {answer}"));
    }
    Ok(())
}
