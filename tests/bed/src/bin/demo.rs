//! `make demo`: the main job before the reader's eyes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use testbed::{Close, Container, Peer, Result, Suite, missing, say, write};

const MAIN: &str = "\
defaults
{
    log_on_success = HOST PID EXIT DURATION
    log_on_failure = HOST
}
includedir /etc/xinetd.d
";

const SHOUT: &str = "\
service shout
{
    type        = UNLISTED
    port        = 7001
    socket_type = stream
    wait        = no
    user        = daemon
    server      = /usr/bin/sed
    server_args = -u s/.*/\\U&/
    no_access   = 127.0.0.66
    banner_fail = /etc/banner.fail
    instances   = 20
    cps         = 5 3
    rlimit_cpu  = 20
}
";

const FAULTY: &str = "\
service faulty
{
    type        = UNLISTED
    port        = 7002
    socket_type = stream
    wait        = no
    user        = daemon
    server      = /bin/cat
    per_source  = 10 # at most ten from one address
    disable     = no
}
";

fn main() -> ExitCode {
    if let Some(reason) = missing() {
        say(&format!("the demo can't run: {reason}"));
        return ExitCode::FAILURE;
    }
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("the demo failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn show() -> Result<()> {
    title("Booting a container: Debian 12, systemd 252, xinetd-bridge from `make install`");
    let container = Container::boot(Suite::Bookworm, prepare)?;
    container.enter_network()?;
    run(
        &container,
        "systemctl --version | head -1; systemctl is-active shout.socket",
    )?;

    title("An administrator's file, and the units that the generator made of it");
    run(&container, "cat /etc/xinetd.d/shout")?;
    run(
        &container,
        "systemctl cat --no-pager shout.socket shout.service",
    )?;
    run(
        &container,
        "pgrep -a xinetd || echo 'no process of ours runs while no client comes'",
    )?;

    title("A client's session");
    let mut first = connect(1)?;
    first.send(b"hello from 127.0.0.1\n")?;
    heard(&first_line(&mut first)?);
    // The status is told once a second at most.
    container.wait_until("systemctl show -P StatusText shout.service | grep '1 running'")?;
    run(
        &container,
        "systemctl status --no-pager --lines=0 shout.service",
    )?;

    title("A refusal, and why");
    refused(66)?;
    run(
        &container,
        "journalctl -u shout --no-pager -o cat | tail -1",
    )?;
    run(
        &container,
        "journalctl -u shout -o json -n 1 | tr ',' '\\n' | grep -E 'XINETD_|REMOTE_' | sort",
    )?;

    title("The helper is killed: its session lives, and the next helper counts it");
    run(
        &container,
        "kill -9 $(systemctl show -P MainPID shout.service)",
    )?;
    first.send(b"still here\n")?;
    heard(&first_line(&mut first)?);

    title("Too many connections: a pause that ends by itself");
    // The limit is an average over some seconds: how many it takes depends on what came before.
    let mut clients = 0;
    let last = loop {
        clients += 1;
        let end = connect(1).and_then(|peer| peer.finish().and_then(|()| peer.read_to_end()));
        match end.map(|heard| heard.close) {
            Ok(Close::Fin) if clients < 100 => {}
            other => break other,
        }
    };
    say(&format!(
        "    client {clients}: {}",
        last.map_or_else(|error| error, described)
    ));
    container.await_line("shout.service", "Activating service shout")?;
    run(
        &container,
        "journalctl -u shout --no-pager -o cat | tail -6",
    )?;

    title("New limits, without touching the session");
    let stricter = SHOUT.replace("instances   = 20", "instances   = 1");
    container.write("/etc/xinetd.d/shout", stricter, 0o644)?;
    run(
        &container,
        "systemctl daemon-reload && systemctl reload shout && echo reloaded",
    )?;
    refused(1)?;
    first.send(b"and still here\n")?;
    heard(&first_line(&mut first)?);
    first.finish()?;
    drop(first.read_to_end()?);

    title("The commonest fault in real files: a limit that never applied");
    container.write("/etc/xinetd.d/faulty", FAULTY, 0o644)?;
    run(&container, "xinetdctl check; echo \"exit status $?\"")?;

    title("The whole story");
    run(&container, "journalctl -u shout --no-pager -o short")?;
    Ok(())
}

fn prepare(tree: &Path) -> Result<()> {
    write(tree, "/etc/xinetd.conf", MAIN, 0o644)?;
    write(tree, "/etc/xinetd.d/shout", SHOUT, 0o644)?;
    write(tree, "/etc/banner.fail", "Not for you.\n", 0o644)
}

fn server() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 7001).into()
}

fn connect(host: u8) -> Result<Peer> {
    let source = (Ipv4Addr::new(127, 0, 0, host), 0).into();
    Peer::connect(server(), Some(source))?.map_err(described)
}

fn refused(host: u8) -> Result<()> {
    let end = connect(host)?.read_to_end()?;
    let text = end.text();
    say(&format!(
        "    a client at 127.0.0.{host} hears {text:?}: {}",
        described(end.close)
    ));
    Ok(())
}

fn first_line(peer: &mut Peer) -> Result<String> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.extend(peer.read(1)?);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn heard(line: &str) {
    say(&format!("    the client hears {line:?}"));
}

fn described(close: Close) -> String {
    match close {
        Close::Fin => "served or turned away, and closed".to_owned(),
        Close::Reset => "reset at once: the service pauses".to_owned(),
        Close::Refused => "refused: no socket listens".to_owned(),
    }
}

/// Runs a command inside and shows it with all that it says.
fn run(container: &Container, script: &str) -> Result<()> {
    say(&format!("  # {script}"));
    let (_, said) = container.try_sh(script)?;
    for line in said.lines() {
        say(&format!("    {line}"));
    }
    Ok(())
}

fn title(text: &str) {
    say(&format!("\n=== {text}"));
}
