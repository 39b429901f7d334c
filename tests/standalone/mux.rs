//! tcpmux, and services that it leads to.

use std::io::{IoSlice, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use testbed::{Bare, Close, Peer, Result, Running, equal};

use super::Scenario;
use super::machine::{DEFAULTS, at, cat, client, serving};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("tcpmux_leads_to_services_under_their_own_users", led),
    ("only_tcpmux_hands_connections_over", strangers),
    ("a_reload_changes_what_tcpmux_leads_to", reload),
    (
        "tcpmux_without_root_and_without_a_directory_in_run",
        elsewhere,
    ),
    (
        "tcpmux_leads_on_after_its_supervisor_was_killed",
        killed_supervisor,
    ),
];

/// The service tcpmux at port 7000, as this user.
fn tcpmux(user: &str) -> String {
    format!(
        "service tcpmux\n{{\n type = INTERNAL UNLISTED\n socket_type = stream\n protocol = tcp\n wait = no\n \
         user = {user}\n port = 7000\n}}\n"
    )
}

/// A service whose server sends back what it gets, behind tcpmux.
fn behind(id: &str, kind: &str, more: &str) -> String {
    cat(id, 7000, more)
        .replace("UNLISTED", &format!("{kind} UNLISTED"))
        .replace(" port = 7000\n", "")
}

/// A client that has named a service.
fn ask(name: &str) -> Result<Peer> {
    let connected = Peer::connect(at(7000), None)?;
    let mut peer = connected.map_err(|close| format!("tcpmux: {close:?}"))?;
    peer.send(format!("{name}\r\n").as_bytes())?;
    Ok(peer)
}

/// All that a client hears that has named a service and sends nothing more.
fn answer(name: &str) -> Result<String> {
    let peer = ask(name)?;
    peer.finish()?;
    Ok(peer.read_to_end()?.text())
}

const NOT_FOUND: &str = "-Service name not found\r\n";

fn led() -> Result<()> {
    let script = "#!/bin/sh\nid -un; echo $REMOTE_HOST; exec cat\n";
    let server = |id: &str, kind: &str, user: &str, more: &str| {
        behind(id, kind, more)
            .replace("/bin/cat", "/usr/local/bin/who")
            .replace("nobody", user)
    };
    let files = [
        DEFAULTS.to_owned(),
        tcpmux("root"),
        server("plain", "TCPMUX", "games", "instances = 1"),
        server("plus", "TCPMUXPLUS", "root", "no_access = 127.0.0.9"),
    ];
    let bare = Bare::new()?;
    bare.write("/usr/local/bin/who", script, 0o755)?;
    bare.write("/etc/xinetd.conf", files.concat(), 0o644)?;
    let running = bare.start("exec xinetd -dontfork")?;
    running.wait_for("Started working: 3 available services")?;
    running.enter_network()?;
    let listed = running.sh("xinetdctl list")?;
    equal(&listed, listed.contains("has changed"), false)?;
    equal("help", answer("help")?, "plain\r\nplus\r\n".to_owned())?;
    equal("a port is no name", answer("tcpmux")?, NOT_FOUND.to_owned())?;
    let mut first = ask("PLAIN")?;
    let told = first.read(23)?;
    equal("user and peer", &told[..], b"games\n::ffff:127.0.0.1\n")?;
    first.echo(b"served")?;
    // The limits are the service's own, as are its lists.
    equal("one too many", answer("plain")?, String::new())?;
    running.wait_for("FAIL: plain service_limit from=::ffff:127.0.0.1")?;
    let expected = "+Go\r\nroot\n::ffff:127.0.0.1\n";
    equal("plus", answer("plus")?, expected.to_owned())?;
    running.wait_for("EXIT: plus status=0 pid=")?;
    let listed = Peer::connect(at(7000), Some(([127, 0, 0, 9], 0).into()))?;
    let mut listed = listed.map_err(|close| format!("tcpmux: {close:?}"))?;
    listed.send(b"plus\r\n")?;
    equal("refused", listed.read_to_end()?.text().as_str(), "+Go\r\n")?;
    running.wait_for("FAIL: plus address from=::ffff:127.0.0.9")?;
    // The helper of the service dies and comes back, and counts the session.
    running.sh("pkill -KILL -f 'xinetd-accept plai[n]'")?;
    running.wait_for("the helper was restarted and found 1 running servers")?;
    first.echo(b"goes on")?;
    equal("one too many", answer("plain")?, String::new())
}

/// Passes the near end of a connection to the socket on which tcpmux hands clients on, with these bytes; gives the
/// far end.
fn pass(running: &Running, unit: &str, message: &[u8]) -> Result<TcpStream> {
    let path = running.path(&format!("/run/xinetd-bridge/.mux/{unit}"));
    let passed = || -> std::io::Result<TcpStream> {
        let listener = TcpListener::bind(at(0))?;
        let far = TcpStream::connect(listener.local_addr()?)?;
        let (near, _) = listener.accept()?;
        let stranger = UnixStream::connect(&path)?;
        let rights = [near.as_raw_fd()];
        let parts = [IoSlice::new(message)];
        let control = [ControlMessage::ScmRights(&rights)];
        sendmsg::<()>(
            stranger.as_raw_fd(),
            &parts,
            &control,
            MsgFlags::empty(),
            None,
        )?;
        Ok(far)
    };
    passed().map_err(|error| format!("{}: {error}", path.display()))
}

/// Not even root's processes may: they are not tcpmux.
fn strangers() -> Result<()> {
    let files = [tcpmux("root"), behind("led", "TCPMUXPLUS", "")];
    let (bare, running) = serving(&files.concat(), "-dontfork")?;
    let guess = [&b"p"[..], &[0; 32]].concat();
    for (number, message) in [&b"p"[..], &guess].into_iter().enumerate() {
        let mut far = pass(&running, "led", message)?;
        let end = far
            .set_read_timeout(Some(Duration::from_secs(30)))
            .and_then(|()| far.read(&mut [0]));
        equal("its end", end.ok(), Some(0))?;
        let told = "a connection was not taken from process 0 of user 0, which is not tcpmux";
        running.wait_until(told, || running.said().matches(told).count() > number)?;
    }
    // A server of tcpmux's own user may connect as well, and those that say nothing hold no client up.
    let silent = "use IO::Socket::UNIX; my @all = map { IO::Socket::UNIX->new(Peer => '/run/xinetd-bridge/.mux/led') \
                  or die } 1..80; $| = 1; print \"open\\n\"; sleep 999";
    bare.write("/silent.pl", silent, 0o644)?;
    running.sh(
        "setpriv --reuid 65534 --regid 65534 --clear-groups perl /silent.pl >/tmp/silent 2>&1 & \
         while ! grep -q . /tmp/silent; do sleep 0.01; done; grep -qx open /tmp/silent",
    )?;
    let mut peer = ask("led")?;
    equal("a client", &peer.read(5)?[..], b"+Go\r\n")?;
    peer.echo(b"served")
}

fn reload() -> Result<()> {
    let files = |services: &[String]| [DEFAULTS, &tcpmux("root"), &services.concat()].concat();
    let before = [
        behind("stays", "TCPMUX", ""),
        behind("goes", "TCPMUX", ""),
        behind("moves", "TCPMUX", ""),
    ];
    let (bare, running) = serving(&files(&before), "-dontfork")?;
    let mut stays = ask("stays")?;
    stays.echo(b"served")?;
    let [mut goes, mut moves] = [ask("goes")?, ask("moves")?];
    goes.echo(b"served")?;
    moves.echo(b"served")?;
    let helpers = || running.sh("pgrep -f 'xinetd-accept (tcpmux|stays)$' | sort");
    let first = helpers()?;
    let after = [
        behind("stays", "TCPMUX", ""),
        behind("comes", "TCPMUXPLUS", ""),
        cat("moves", 7001, ""),
    ];
    bare.write("/etc/xinetd.conf", files(&after), 0o644)?;
    running.signal(Signal::SIGHUP)?;
    running.wait_for("Reconfigured: new=1 old=3 dropped=1 (services), of which changed=2")?;
    equal("its end", goes.read_to_end()?.close, Close::Fin)?;
    moves.echo(b"goes on")?;
    running.wait_until("the port", || client(7001).is_ok())?;
    stays.echo(b"goes on")?;
    for gone in ["goes", "moves"] {
        equal(gone, answer(gone)?, NOT_FOUND.to_owned())?;
    }
    equal("help", answer("help")?, "stays\r\ncomes\r\n".to_owned())?;
    ask("stays")?.echo(b"served")?;
    equal("what is new", answer("comes")?, "+Go\r\n".to_owned())?;
    equal("helpers that stay", helpers()?, first)?;
    let sockets = running.sh("ls /run/xinetd-bridge/.mux")?;
    equal("sockets", sockets, "comes\nstays\n".to_owned())?;
    running.signal(Signal::SIGTERM)?;
    Ok(())
}

fn elsewhere() -> Result<()> {
    let files = [
        tcpmux("games"),
        behind("led", "TCPMUX", "").replace("nobody", "games"),
    ];
    for start in [
        "exec setpriv --reuid games --regid 60 --clear-groups xinetd -dontfork",
        "mount -o remount,ro /run; exec xinetd -dontfork",
    ] {
        let bare = Bare::new()?;
        bare.write("/etc/xinetd.conf", files.concat(), 0o644)?;
        let running = bare.start(start)?;
        running.wait_for("Started working: 2 available services")?;
        running.enter_network()?;
        ask("led")?
            .echo(b"served")
            .map_err(|error| format!("{error}\n{}", running.said()))?;
    }
    Ok(())
}

fn killed_supervisor() -> Result<()> {
    let bare = Bare::new()?;
    let before = [
        tcpmux("root"),
        behind("led", "TCPMUX", ""),
        behind("goes", "TCPMUX", ""),
    ];
    let after = [tcpmux("root"), behind("led", "TCPMUX", "")];
    bare.write("/etc/xinetd.conf", before.concat(), 0o644)?;
    let running = bare.start("xinetd -pidfile /run/x.pid -filelog /x.log; exec sleep infinity")?;
    let pid_file = || running.read("/run/x.pid").ends_with('\n');
    running.wait_until("the pid file", pid_file)?;
    running.enter_network()?;
    let mut session = ask("led")?;
    session.echo(b"served")?;
    running.sh("kill -KILL $(cat /run/x.pid)")?;
    session.echo(b"goes on")?;
    ask("led")?.echo(b"they still know each other")?;
    bare.write("/etc/xinetd.conf", after.concat(), 0o644)?;
    running.sh("xinetd -pidfile /run/x.pid -filelog /x.log")?;
    running.wait_until("the next one serves", || {
        ask("led").is_ok_and(|mut peer| peer.echo(b"served").is_ok())
    })?;
    session.echo(b"goes on")?;
    equal("help", answer("help")?, "led\r\n".to_owned())
}
