//! Banners (docs/xinetd-behaviour.md, section 4.2).

use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "banner-success",
        section: "4.2",
        claim: "banner and banner_success stand before what the server says, as they are in their files",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = PROBE/argv
	banner = /etc/banner
	banner_success = /etc/banner-success
	banner_fail = /etc/banner-fail
}
",
        act: |stage| {
            stage.write("/etc/banner", "first\r\n\u{0}\u{7f}", 0o644)?;
            stage.write("/etc/banner-success", "welcome, no newline", 0o644)?;
            stage.hear("127.0.0.1", 7001)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "banner-refused",
        section: "4.2",
        claim: "a refused client gets banner and banner_fail, by limits and by address",
        configuration: "\
service limit
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	instances = 0
	banner = /etc/banner
	banner_success = /etc/banner-success
	banner_fail = /etc/banner-fail
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
service address
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = root
	server = PROBE/argv
	no_access = 127.0.0.1
	banner = /etc/banner
	banner_success = /etc/banner-success
	banner_fail = /etc/banner-fail
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: |stage| {
            stage.write("/etc/banner", "first\n", 0o644)?;
            stage.write("/etc/banner-success", "welcome\n", 0o644)?;
            stage.write("/etc/banner-fail", "go away\n", 0o644)?;
            stage.hear("127.0.0.1", 7001)?;
            stage.log()?;
            stage.hear("127.0.0.1", 7002)?;
            stage.log()?;
            stage.hear("127.0.0.2", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "banner-missing",
        section: "2",
        claim: "a banner that is not there is named, and the client is served",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = PROBE/argv
	banner = /nonexistent
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.log()
        },
        differs: &["S21"],
        ..Scenario::SAME
    },
    Scenario {
        name: "banner-of-root",
        section: "4.2",
        claim: "banner is read as root by xinetd, as the service's user by the bridge",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = PROBE/argv
	banner = /etc/banner-of-root
}
",
        act: |stage| {
            stage.write("/etc/banner-of-root", "for root's eyes\n", 0o600)?;
            stage.hear("127.0.0.1", 7001)?;
            stage.log()
        },
        differs: &["S5"],
        ..Scenario::SAME
    },
];
