//! Programs that read xinetd's log: Debian's fail2ban and logwatch, as they are.

use crate::scenario::Scenario;

const FAIL2BAN: &str =
    "fail2ban-regex -o ip /tmp/log /etc/fail2ban/filter.d/xinetd-fail.conf | sort | uniq -c";

/// logwatch has cut off date and host before its scripts read a line.
const LOGWATCH: &str = "sed 's/^[^ ]* *[0-9]* [0-9:]* [^ ]* //' /tmp/log |
    LOGWATCH_DETAIL_LEVEL=10 perl -I/usr/share/logwatch/lib /usr/share/logwatch/scripts/services/secure";

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "readers-fail2ban",
        section: "5.2",
        claim: "the filter xinetd-fail of fail2ban finds the addresses that were kept out, and no others",
        configuration: "\
defaults
{
	log_type = SYSLOG daemon info
	log_on_success = HOST PID EXIT
	log_on_failure = HOST
}
service address
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	no_access = 10.1.2.0 fd00:1:2::3
}
service ipv4
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	flags = IPv4
	server = PROBE/argv
	no_access = 192.0.2.0
}
service limit
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = root
	server = PROBE/argv
	instances = 0
}
",
        act: |stage| {
            for source in ["10.1.2.3", "10.1.2.3", "fd00:1:2::3", "127.0.0.1"] {
                stage.hear(source, 7001)?;
            }
            stage.hear("192.0.2.7", 7002)?;
            stage.hear("127.0.0.1", 7003)?;
            stage.log_unordered()?;
            stage.read_log(FAIL2BAN)
        },
        differs: &["S1"],
        newer: false,
        ..Scenario::SAME
    },
    Scenario {
        name: "readers-logwatch",
        section: "5.2",
        claim: "logwatch counts the same connections and refusals",
        configuration: "\
defaults
{
	log_type = SYSLOG authpriv info
	log_on_success = HOST PID EXIT DURATION
	log_on_failure = HOST
}
service served
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
}
service limit
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	flags = IPv4
	server = PROBE/argv
	instances = 0
}
",
        act: |stage| {
            for source in ["10.1.2.3", "10.1.2.3", "fd00:1:2::3", "127.0.0.1"] {
                stage.hear(source, 7001)?;
            }
            stage.hear("192.0.2.7", 7002)?;
            stage.log()?;
            stage.read_log(LOGWATCH)
        },
        newer: false,
        ..Scenario::SAME
    },
];
