//! Servers and users that harm: what they leave behind, and what they do to sockets.

use std::io::Read;
use std::net::TcpStream;

use testbed::{Bare, Result, equal};

use super::Scenario;
use super::machine::{DEFAULTS, at, cat, client, serve, serving};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("what_servers_leave_behind_ends_with_the_service", left),
    ("a_socket_that_a_server_shuts_down_is_replaced", shut),
    ("no_other_user_reaches_the_supervisor", users),
    ("services_change_places", swapped),
];

/// Also where it has the service's own socket, does not listen to SIGTERM and is of no session any more.
fn left() -> Result<()> {
    let bare = Bare::new()?;
    let stays = "#!/usr/bin/perl\nuse POSIX 'setsid';\nexit if fork; setsid; exit if fork; $SIG{TERM} = 'IGNORE';\n\
                 while (accept(my $client, STDIN)) { print $client 'old'; close $client }\n";
    bare.write("/usr/local/bin/stays", stays, 0o755)?;
    let leaves = "#!/bin/sh\nsetsid -f sleep 1234 </dev/null >/dev/null 2>&1\nexec cat\n";
    bare.write("/usr/local/bin/leaves", leaves, 0o755)?;
    let files = [
        cat("stays", 7000, "").replace("wait = no", "wait = yes"),
        cat("leaves", 7001, ""),
    ];
    let files = files
        .concat()
        .replacen("/bin/cat", "/usr/local/bin/stays", 1)
        .replacen("/bin/cat", "/usr/local/bin/leaves", 1);
    bare.write("/etc/xinetd.conf", files, 0o644)?;
    let running = serve(&bare, "-dontfork")?;
    let mut said = String::new();
    let heard =
        TcpStream::connect(at(7000)).and_then(|mut client| client.read_to_string(&mut said));
    heard.map_err(|error| error.to_string())?;
    equal("the server", said.as_str(), "old")?;
    drop(client(7001)?);
    running.sh("pgrep -f 'slee[p] 1234' && pgrep stays")?;
    running.sh("xinetdctl disable stays && xinetdctl disable leaves")?;
    running.wait_until("the end of both", || {
        running
            .sh("! pgrep -f 'slee[p] 1234' && ! pgrep stays")
            .is_ok()
    })?;
    equal("its port", TcpStream::connect(at(7000)).is_err(), true)?;
    running.sh("xinetdctl enable leaves")?;
    client(7001).map(drop)
}

fn shut() -> Result<()> {
    let bare = Bare::new()?;
    let shuts = "#!/usr/bin/perl\naccept(my $client, STDIN); print $client 'bye'; close $client; shutdown(STDIN, 2); sleep 1000\n";
    bare.write("/usr/local/bin/shuts", shuts, 0o755)?;
    let files = cat("shuts", 7000, "").replace("wait = no", "wait = yes");
    let files = files.replace("/bin/cat", "/usr/local/bin/shuts");
    bare.write("/etc/xinetd.conf", files, 0o644)?;
    let running = serve(&bare, "-dontfork")?;
    let heard = || {
        let mut said = String::new();
        let stream = TcpStream::connect(at(7000));
        stream
            .and_then(|mut client| client.read_to_string(&mut said))
            .is_ok()
            && said == "bye"
    };
    equal("a client", heard(), true)?;
    running.wait_until("it is said", || {
        let said = running.sh("xinetdctl status").unwrap_or_default();
        said.contains("has shut its socket down")
    })?;
    running.sh("xinetdctl reload")?;
    running.wait_until("the next client", heard)
}

fn users() -> Result<()> {
    let (_bare, running) = serving(&cat("echo", 7000, ""), "-dontfork")?;
    client(7000)?;
    let as_games = "setpriv --reuid games --clear-groups perl -MSocket -e";
    for socket in [".notify", ".log"] {
        running.sh(&format!(
            "! {as_games} 'socket(S, AF_UNIX, SOCK_DGRAM, 0); \
             connect(S, pack_sockaddr_un(\"/run/xinetd-bridge/{socket}\")) or exit 1'"
        ))?;
    }
    running.sh(&format!(
        "! {as_games} 'open(F, \"<\", \"/run/xinetd-bridge/.lock\") or exit 1'"
    ))?;
    Ok(())
}

fn swapped() -> Result<()> {
    let files = |one: u16, other: u16| {
        [
            DEFAULTS.to_owned(),
            cat("one", one, ""),
            cat("other", other, ""),
        ]
        .concat()
    };
    let (bare, running) = serving(&files(7000, 7001), "-dontfork")?;
    client(7000)?;
    client(7001)?;
    bare.write("/etc/xinetd.conf", files(7001, 7000), 0o644)?;
    running.sh("xinetdctl reload")?;
    client(7000)?;
    client(7001)?;
    equal(
        "as at a start",
        running.said().contains("already in use"),
        false,
    )
}
