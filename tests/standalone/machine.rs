//! What the scenarios have in common: services, clients and their machine.

use std::net::{Ipv4Addr, SocketAddr};

use testbed::{Bare, Peer, Result, Running};

/// The lines that are wanted of each service.
pub(crate) const DEFAULTS: &str =
    "defaults\n{\n log_on_success = PID HOST EXIT DURATION\n log_on_failure = HOST\n}\n";

/// A service whose server sends back what it gets.
pub(crate) fn cat(id: &str, port: u16, more: &str) -> String {
    format!(
        "service {id}\n{{\n type = UNLISTED\n socket_type = stream\n protocol = tcp\n wait = no\n user = nobody\n \
         server = /bin/cat\n port = {port}\n {more}\n}}\n"
    )
}

/// The port of this machine.
pub(crate) fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A client that is served.
pub(crate) fn client(port: u16) -> Result<Peer> {
    let connected = Peer::connect(at(port), None)?;
    let mut peer = connected.map_err(|close| format!("port {port}: {close:?}"))?;
    peer.echo(b"served")?;
    Ok(peer)
}

/// A machine with this main file, on which the program runs as process 1 with these options; the thread is in its
/// network, and the services are served.
pub(crate) fn serving(files: &str, options: &str) -> Result<(Bare, Running)> {
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", files, 0o644)?;
    let running = serve(&bare, options)?;
    Ok((bare, running))
}

/// The same on a machine that has its files already.
pub(crate) fn serve(bare: &Bare, options: &str) -> Result<Running> {
    let running = bare.start(&format!("exec xinetd {options}"))?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    Ok(running)
}

/// What a command prints, if it exits with this status; standard error comes behind standard output.
pub(crate) fn command(running: &Running, status: i32, command: &str) -> Result<String> {
    running.sh(&format!(
        "{command} >/tmp/out 2>&1; status=$?; cat /tmp/out; [ $status = {status} ] || {{ echo \"status $status\" >&2; \
         cat /tmp/out >&2; exit 1; }}"
    ))
}

/// Fails unless the text has this part.
pub(crate) fn has(text: &str, part: &str) -> Result<()> {
    match text.contains(part) {
        true => Ok(()),
        false => Err(format!("no {part:?} in:\n{text}")),
    }
}

/// The words of the line that begins with this one; none where there is no such line.
pub(crate) fn words<'a>(text: &'a str, first: &str) -> Vec<&'a str> {
    let mut lines = text.lines();
    let line = lines.find(|line| line.split_whitespace().next() == Some(first));
    line.unwrap_or_default().split_whitespace().collect()
}
