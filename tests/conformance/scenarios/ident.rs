//! USERID and IDONLY (docs/xinetd-behaviour.md, section 5.6), with an ident server that is a service itself.

use crate::scenario::Scenario;

/// The ident server of the client at 10.1.2.3.
const IDENTD: &str = "#!/bin/sh\nread -r ports\n\
                      printf '%s : USERID : UNIX : joe\\r\\n' \"${ports%?}\"\n";

/// One that ends its line in LF alone, and one that knows no user.
const IDENTD_BARE: &str = "#!/bin/sh\nread -r ports\n\
                           printf '%s : USERID : UNIX : joe\\n' \"${ports%?}\"\n";
const IDENTD_EMPTY: &str = "#!/bin/sh\nread -r ports\n\
                            printf '%s : USERID : \\r\\n' \"${ports%?}\"\n";

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "ident-user",
        section: "5.6",
        claim: "the client's user is logged before the server runs; without an ident server nothing is",
        configuration: "\
service identd
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 113
	bind = 10.1.2.3
	user = nobody
	server = /usr/local/bin/identd
}
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	log_type = SYSLOG daemon
	log_on_success = HOST USERID
}
",
        files: &[("/usr/local/bin/identd", IDENTD, 0o755)],
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.log()?;
            stage.hear("10.1.3.3", 7001)?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "ident-only",
        section: "5.6, 2.1",
        claim: "IDONLY keeps out a client whose machine does not identify its user",
        configuration: "\
service identd
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 113
	bind = 10.1.2.3
	user = nobody
	server = /usr/local/bin/identd
}
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	flags = IDONLY
	server = PROBE/argv
	log_type = SYSLOG daemon
	log_on_success = HOST USERID
}
",
        files: &[("/usr/local/bin/identd", IDENTD, 0o755)],
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.log()?;
            stage.hear("10.1.3.3", 7001)?;
            stage.log()
        },
        differs: &["S23"],
        ..Scenario::SAME
    },
    Scenario {
        name: "ident-refused",
        section: "5.6",
        claim: "the user of a client that a limit turns away is logged",
        configuration: "\
service identd
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 113
	bind = 10.1.2.3
	user = nobody
	server = /usr/local/bin/identd
}
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	instances = 0
	server = PROBE/argv
	log_type = SYSLOG daemon
	log_on_failure = HOST USERID
}
",
        files: &[("/usr/local/bin/identd", IDENTD, 0o755)],
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "ident-odd-answers",
        section: "5.6",
        claim: "an answer without CR LF at its end, or without a user, identifies no user",
        configuration: "\
service identd
{
	id = identd-bare
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 113
	bind = 10.1.2.3
	user = nobody
	server = /usr/local/bin/identd-bare
}
service identd
{
	id = identd-empty
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 113
	bind = 10.1.3.3
	user = nobody
	server = /usr/local/bin/identd-empty
}
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	log_type = SYSLOG daemon
	log_on_success = HOST USERID
}
",
        files: &[
            ("/usr/local/bin/identd-bare", IDENTD_BARE, 0o755),
            ("/usr/local/bin/identd-empty", IDENTD_EMPTY, 0o755),
        ],
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.log()?;
            stage.hear("10.1.3.3", 7001)?;
            stage.log()
        },
        differs: &["S25"],
        ..Scenario::SAME
    },
];
