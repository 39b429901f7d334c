//! hosts.allow and hosts.deny (docs/xinetd-behaviour.md, section 4.7). What their rules mean is compared in
//! tests/libwrap.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use testbed::{Question, Record, Reply, Resolver, Result};

use crate::scenario::Scenario;
use crate::stage::Stage;

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

/// A service for each way in which a name matters, on ports from 7001 on.
const BY_NAME: &str = "\
service by-local
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	libwrap = by-local
	server = PROBE/argv
}
service by-known
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	libwrap = by-known
	server = PROBE/argv
}
service by-unknown
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7003
	user = nobody
	libwrap = by-unknown
	server = PROBE/argv
}
service by-lie
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7004
	user = nobody
	libwrap = by-lie
	server = PROBE/argv
}
service by-friend
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7005
	user = nobody
	libwrap = by-friend
	server = PROBE/argv
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
        ..Scenario::SAME
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
    Scenario {
        name: "libwrap-resolver",
        section: "4.7",
        claim: "a name counts that leads back to its address, as itself; numbers, aliases and lies are PARANOID",
        configuration: BY_NAME,
        files: &[
            (
                "/etc/resolv.conf",
                "nameserver 127.53.0.9\noptions attempts:1\n",
                0o644,
            ),
            (
                "/etc/hosts.allow",
                "by-local: LOCAL\nby-known: KNOWN\nby-unknown: UNKNOWN\nby-lie: PARANOID\nby-friend: .friends.example\n",
                0o644,
            ),
            ("/etc/hosts.deny", "ALL: ALL\n", 0o644),
        ],
        act: by_resolver,
        differs: &["L12"],
        ..Scenario::SAME
    },
];

/// The names that the resolver has for 127.9.8.1 and those after it.
const NAMES: [&str; 14] = [
    "2131298305",
    "127.9.8.2",
    "plain",
    "alias.friends.example",
    "moved.friends.example",
    "",
    "HOST.Friends.Example",
    "first.friends.example",
    "classless.friends.example",
    "mapped.friends.example",
    "",
    "gone.friends.example",
    "lame.friends.example",
    "_odd-1.friends.example",
];

fn by_resolver(stage: &mut Stage<'_>) -> Result<()> {
    let _resolver = Resolver::new(Ipv4Addr::new(127, 53, 0, 9), Duration::ZERO, resolve)?;
    for (name, last) in NAMES.iter().zip(1..) {
        let what = match last {
            6 => "no name",
            11 => "a resolver that fails",
            _ => name,
        };
        let mut services = Vec::new();
        for (service, port) in ["LOCAL", "KNOWN", "UNKNOWN", "PARANOID", ".friends.example"]
            .into_iter()
            .zip(7001..)
        {
            let client = stage.client(&format!("127.9.8.{last}"), port)?;
            if !client.read_to_end()?.bytes.is_empty() {
                services.push(service);
            }
        }
        stage.note(&format!("{what}: {}", services.join(" ")));
    }
    Ok(())
}

fn resolve(question: &Question) -> Reply {
    let last = match question {
        Question::Names(IpAddr::V4(address)) => {
            let last = address.octets()[3];
            let name = NAMES.get(usize::from(last).wrapping_sub(1));
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                return match last {
                    11 => Reply::Failure,
                    _ => Reply::Nothing,
                };
            };
            let own = Record::Name(name.as_bytes().to_vec());
            return Reply::Records(match last {
                8 => vec![own, Record::Name(b"other.example".to_vec())],
                // RFC 2317.
                9 => vec![Record::Alias("9.0-63.8.9.127.in-addr.arpa".into()), own],
                _ => vec![own],
            });
        }
        Question::Names(IpAddr::V6(_)) => return Reply::Nothing,
        Question::V4(name) | Question::V6(name) => {
            let mut names = NAMES.iter().zip(1..);
            match names.find(|(other, _)| other.eq_ignore_ascii_case(name)) {
                Some((_, last)) => last,
                None => return Reply::Nothing,
            }
        }
    };
    let address = Ipv4Addr::new(127, 9, 8, last);
    match (question, last) {
        (_, 12) => Reply::Nothing,
        (_, 13) => Reply::Failure,
        (Question::V6(_), 10) => Reply::address(address.to_ipv6_mapped()),
        (Question::V6(_), _) | (_, 10) => Reply::Records(Vec::new()),
        (_, 4) => Reply::Records(vec![
            Record::Alias("other.example".into()),
            Record::Address(address.into()),
        ]),
        (_, 5) => Reply::address([127, 9, 8, 99]),
        _ => Reply::address(address),
    }
}
