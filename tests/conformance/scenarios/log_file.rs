//! Log files (docs/xinetd-behaviour.md, sections 5.3 to 5.5).

use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "log-file",
        section: "5.3",
        claim: "the lines of a service in its file",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	log_type = FILE /tmp/own
	log_on_success = PID HOST EXIT DURATION
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log_file("/tmp/own", "EXIT: probe", 1)?;
            stage.sh("rm /tmp/own")
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "log-file-shared",
        section: "5.5",
        claim: "services that share the file of the defaults",
        configuration: "\
defaults
{
	log_type = FILE /tmp/common
	log_on_success = HOST
	log_on_failure = HOST
}
service first
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
}
service second
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = PROBE/argv
	no_access = 127.0.0.9
}
",
        act: |stage| {
            for (source, port, word) in [
                ("127.0.0.1", 7001, "START: first"),
                ("127.0.0.1", 7002, "START: second"),
                ("127.0.0.9", 7002, "FAIL: second"),
            ] {
                stage.hear(source, port)?;
                stage.log_file_unordered("/tmp/common", word, 1)?;
            }
            stage.sh("rm /tmp/common")
        },
        differs: &["S1"],
        ..Scenario::SAME
    },
    Scenario {
        name: "log-file-hard-limit",
        section: "5.4",
        claim: "the line that crosses the hard limit is the last one",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	log_type = FILE /tmp/limited 10 60
	log_on_success = HOST
}
",
        act: |stage| {
            for lines in [1, 2, 2, 2] {
                stage.hear("127.0.0.1", 7001)?;
                stage.log_file("/tmp/limited", "START", lines)?;
            }
            stage.sh("rm /tmp/limited")
        },
        ..Scenario::SAME
    },
];
