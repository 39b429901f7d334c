//! Configurations that are read again (docs/xinetd-behaviour.md, section 6.3).

use testbed::Result;

use crate::scenario::Scenario;
use crate::stage::Stage;

/// One service of cat, with these attributes besides.
fn one(more: &str) -> String {
    format!(
        "service kept\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = 7001\n\
         \tuser = nobody\n\tserver = /bin/cat\n{more}}}\n"
    )
}

const KEPT: &str = "\
service kept
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = /bin/cat
}
";

const ANOTHER: &str = "\
service another
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = /bin/echo
	server_args = another
}
";

/// A session that goes on while the files change to `after`; what becomes of it, and of the next client.
fn session(stage: &mut Stage<'_>, after: &str) -> Result<()> {
    let mut before = stage.client("127.0.0.1", 7001)?;
    before.echo(b"before\n")?;
    stage.reload(after)?;
    stage.note(match before.echo(b"after\n") {
        Ok(()) => "the session goes on",
        Err(_) => "the session has ended",
    });
    Ok(())
}

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "reload-limits",
        section: "6.3",
        claim: "new limits hold for new clients, running servers go on and count",
        configuration: KEPT,
        act: |stage| {
            let mut before = stage.client("127.0.0.1", 7001)?;
            before.echo(b"before\n")?;
            stage.reload(&one("\tinstances = 1\n"))?;
            before.echo(b"after\n")?;
            stage.note("the session goes on");
            stage.hear("127.0.0.1", 7001)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-access",
        section: "6.3",
        claim: "a client that a new list keeps out goes on if it is connected already",
        configuration: KEPT,
        act: |stage| {
            session(stage, &one("\tno_access = 127.0.0.1\n"))?;
            stage.hear("127.0.0.1", 7001)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-new",
        section: "6.3",
        claim: "a new service is served, and the others go on",
        configuration: KEPT,
        act: |stage| {
            stage.hear("127.0.0.1", 7002)?;
            session(stage, &format!("{KEPT}{ANOTHER}"))?;
            stage.hear("127.0.0.1", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-removed",
        section: "6.3",
        claim: "a service that is gone has its sessions ended and its port closed",
        configuration: KEPT,
        act: |stage| {
            session(stage, ANOTHER)?;
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("127.0.0.1", 7002)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-back",
        section: "6.3",
        claim: "a service that was gone for a while, or broken, is served again",
        configuration: KEPT,
        act: |stage| {
            stage.reload(ANOTHER)?;
            stage.hear("127.0.0.1", 7001)?;
            stage.reload(KEPT)?;
            stage.client("127.0.0.1", 7001)?.echo(b"back\n")?;
            stage.note("it is back");
            stage.reload(&KEPT.replace("wait = no", "wait = maybe"))?;
            stage.hear("127.0.0.1", 7001)?;
            stage.reload(KEPT)?;
            stage.client("127.0.0.1", 7001)?.echo(b"mended\n")?;
            stage.note("it is mended");
            Ok(())
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-disabled",
        section: "6.3",
        claim: "a service that was disabled has its sessions ended and its port closed",
        configuration: KEPT,
        act: |stage| {
            session(stage, &format!("{}{ANOTHER}", one("\tdisable = yes\n")))?;
            stage.hear("127.0.0.1", 7001)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-broken",
        section: "6.3",
        claim: "a service that has a bad value now has its sessions ended and its port closed",
        configuration: KEPT,
        act: |stage| {
            session(stage, &format!("{}{ANOTHER}", one("\tinstances = many\n")))?;
            stage.hear("127.0.0.1", 7001)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-port",
        section: "6.3",
        claim: "with another port xinetd kills the sessions of a service; the bridge leaves them alone",
        configuration: KEPT,
        act: |stage| {
            session(stage, &KEPT.replace("7001", "7003"))?;
            stage.hear("127.0.0.1", 7001)?;
            let mut after = stage.client("127.0.0.1", 7003)?;
            after.echo(b"on the new port\n")?;
            stage.note("the new port is served");
            Ok(())
        },
        differs: &["H2"],
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-bind",
        section: "6.3",
        claim: "with another address xinetd kills the sessions of a service; the bridge leaves them alone",
        configuration: KEPT,
        act: |stage| {
            session(stage, &one("\tbind = 127.0.0.1\n"))?;
            stage.hear("10.1.2.3", 7001)
        },
        differs: &["H2"],
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-paused",
        section: "6.3",
        claim: "a service that cps has paused stays so in xinetd; in the bridge the pause ends",
        configuration: "\
service kept
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = nobody
	server = /bin/echo
	server_args = before
	cps = 1 100
}
",
        act: |stage| {
            stage.hear("127.0.0.1", 7001)?;
            stage.hear("127.0.0.1", 7001)?;
            stage.reload(&KEPT.replace("/bin/cat", "/bin/echo\n\tserver_args = after"))?;
            match stage.connect("127.0.0.1", 7001)? {
                Ok(peer) => stage.finish("after the reload", peer),
                Err(close) => {
                    stage.note(&format!("after the reload: {close:?}"));
                    Ok(())
                }
            }
        },
        differs: &["H4"],
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-server",
        section: "6.3",
        claim: "another server is there for new clients, and those of before keep theirs",
        configuration: KEPT,
        act: |stage| {
            session(
                stage,
                &KEPT.replace("/bin/cat", "/bin/echo\n\tserver_args = new"),
            )?;
            stage.hear("127.0.0.1", 7001)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "reload-sensor",
        section: "4.9, 6.3",
        claim: "a banned client stays banned when the files are read again",
        configuration: "\
service decoy
{
	type = UNLISTED INTERNAL
	socket_type = stream
	wait = no
	port = 7004
	user = nobody
	flags = SENSOR
	deny_time = FOREVER
}
service another
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7002
	user = nobody
	server = /bin/echo
	server_args = another
}
",
        act: |stage| {
            stage.hear("10.1.2.3", 7002)?;
            stage.hear("10.1.2.3", 7004)?;
            stage.hear("10.1.2.3", 7002)?;
            // The sensor itself is gone.
            stage.reload(ANOTHER)?;
            stage.hear("10.1.2.3", 7002)?;
            stage.hear("10.1.3.3", 7002)
        },
        ..Scenario::SAME
    },
];
