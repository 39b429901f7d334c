//! hosts.allow and hosts.deny (semantics, section 4.7). What their rules mean is compared in
//! tests/libwrap.

use crate::scenario::Scenario;

/// Services under each of the names that xinetd has for one.
const NAMED: &str = "\
defaults
{
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = PROBE/argv
}
service attribute
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	libwrap = other.name
	server = PROBE/argv
}
service arguments
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = nobody
	flags = NAMEINARGS
	server = PROBE/argv
	server_args = /some/where/named one
}
";

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "libwrap-names",
        section: "4.7",
        claim: "the daemon is called as libwrap says, else as argv[0], else as the server; rules are read for each client",
        configuration: NAMED,
        files: &[(
            "/etc/hosts.deny",
            "argv: 10.1.2.3\nother.name: 10.1.2.\nnamed: ALL EXCEPT 127.0.0.1\n",
            0o644,
        )],
        act: |stage| {
            for port in [7001, 7002, 7003] {
                for source in ["10.1.2.3", "10.1.2.0", "127.0.0.1"] {
                    stage.hear(source, port)?;
                    stage.log()?;
                }
            }
            stage.write("/etc/hosts.deny", "attribute: ALL\n", 0o644)?;
            stage.hear("10.1.2.3", 7001)?;
            stage.hear("10.1.2.3", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "libwrap-options",
        section: "4.7",
        claim: "twist, banners, severity, allow and deny; an option that does not exist refuses",
        configuration: NAMED,
        files: &[
            (
                "/etc/hosts.allow",
                "argv: 10.1.2.3: twist echo no %d for %a %%\n\
                 argv: 10.1.2.0: banners /etc/wrapped: severity local3.crit: deny\n\
                 argv: 127.0.0.1: banners /etc/wrapped: allow\n\
                 argv: 10.0.0.1: twist echo x: allow\n\
                 argv: 10.0.0.10: bogus\n",
                0o644,
            ),
            ("/etc/hosts.deny", "ALL: ALL\n", 0o644),
            ("/etc/wrapped/argv", "%d and %a\nend", 0o644),
        ],
        act: |stage| {
            for source in ["10.1.2.3", "10.1.2.0", "127.0.0.1", "10.0.0.1", "10.0.0.10"] {
                stage.hear(source, 7001)?;
                stage.log()?;
            }
            Ok(())
        },
        differs: &["L10", "L11"],
    },
    Scenario {
        name: "libwrap-files",
        section: "4.7",
        claim: "a file that the server's user can't read, and one without an end: hosts.deny refuses, hosts.allow lets no one in",
        configuration: NAMED,
        files: &[
            ("/etc/hosts.allow", "argv: 10.1.2.3\nargv: 10.1.2.0", 0o644),
            ("/etc/hosts.deny", "nobody: ALL\n", 0o600),
        ],
        act: |stage| {
            stage.hear("10.1.2.3", 7001)?;
            stage.hear("10.1.2.0", 7001)?;
            stage.write("/etc/hosts.deny", "nobody: ALL\n", 0o644)?;
            stage.hear("10.1.2.0", 7001)?;
            stage.write("/etc/hosts.deny", "nobody: ALL", 0o644)?;
            stage.hear("10.1.2.0", 7001)?;
            stage.write("/etc/hosts.allow", "ALL: ALL\n", 0o600)?;
            stage.hear("10.1.2.3", 7001)?;
            stage.write("/etc/hosts.deny", "", 0o644)?;
            stage.hear("10.1.2.3", 7001)
        },
        ..Scenario::SAME
    },
];
