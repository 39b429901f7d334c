//! Lines of the log (docs/xinetd-behaviour.md, sections 5.1, 5.2 and 5.5).

use testbed::Result;

use crate::scenario::Scenario;
use crate::stage::Stage;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "log-success",
        section: "5.2",
        claim: "START and EXIT with all their parts",
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
	log_on_success = PID HOST EXIT DURATION
}
",
        act: logged,
        ..Scenario::SAME
    },
    Scenario {
        name: "log-success-parts",
        section: "5.2",
        claim: "each flag of log_on_success alone",
        configuration: "\
service pid
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	log_type = SYSLOG daemon
	log_on_success = PID
}
service host
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
	log_type = SYSLOG daemon
	log_on_success = HOST
}
service exit
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	server = PROBE/argv
	log_type = SYSLOG daemon
	log_on_success = EXIT
}
service duration
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7004
	user = root
	server = PROBE/argv
	log_type = SYSLOG daemon
	log_on_success = DURATION
}
",
        act: |stage| {
            for port in 7001..=7004 {
                stage.hear("127.0.0.1", port)?;
                stage.log()?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "log-exit-status",
        section: "5.2",
        claim: "EXIT tells the status or the signal",
        configuration: "\
service status
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /bin/sh
	server_args = -c exit${IFS}3
	log_type = SYSLOG daemon
	log_on_success = EXIT
}
service signal
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = /bin/sh
	server_args = -c kill${IFS}-9${IFS}$$
	log_type = SYSLOG daemon
	log_on_success = EXIT
}
",
        act: |stage| {
            for port in [7001, 7002] {
                stage.hear("127.0.0.1", port)?;
                stage.log()?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "log-facility",
        section: "2",
        claim: "log_type names facility and level",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	log_type = SYSLOG local3 warning
	log_on_success = HOST
	log_on_failure = HOST
	no_access = 10.1.2.3
}
",
        act: logged,
        ..Scenario::SAME
    },
    Scenario {
        name: "log-none",
        section: "2, 5.5",
        claim: "without log_type xinetd logs nothing; the journal of the bridge has refusals",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	log_on_success = HOST
	log_on_failure = HOST
	instances = 0
}
",
        act: logged,
        differs: &["S9"],
        ..Scenario::SAME
    },
    Scenario {
        name: "log-inherited",
        section: "5.5, 2",
        claim: "= replaces the flags of defaults, += and -= edit them",
        configuration: "\
defaults
{
	log_type = SYSLOG daemon notice
	log_on_success = HOST PID
}
service inherits
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
}
service replaces
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
	log_on_success = EXIT
}
service edits
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	server = PROBE/argv
	log_on_success += EXIT
	log_on_success -= HOST
}
",
        act: |stage| {
            for port in 7001..=7003 {
                stage.hear("127.0.0.1", port)?;
                stage.log()?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "log-addresses",
        section: "4.2, 5.2",
        claim: "IPv4 clients of a dual-stack socket are written as ::ffff:a.b.c.d",
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
	log_on_success = HOST
}
",
        act: |stage| {
            for source in ["127.0.0.1", "192.0.2.7", "::1", "fd00:1:2::3"] {
                stage.hear(source, 7001)?;
                stage.log()?;
            }
            Ok(())
        },
        ..Scenario::SAME
    },
];

fn logged(stage: &mut Stage<'_>) -> Result<()> {
    stage.hear("127.0.0.1", 7001)?;
    stage.log()
}
