//! tcpmux, and services that it leads to.

use testbed::{Close, Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("tcpmux_leads_to_services_under_their_own_users", led),
    ("tcpmux_knows_only_services_that_are_started", started),
    ("only_tcpmux_hands_connections_over", strangers),
    ("a_crowd_reaches_its_service_through_tcpmux", crowd),
];

/// The ids of a scenario's services begin with this, and those of no other's.
struct Mux<'a> {
    tcpmux: Served<'a>,
    prefix: &'static str,
}

impl<'a> Mux<'a> {
    /// A tcpmux of its own, and services of these ids, types and further lines.
    fn serve(bed: &'a Bed, prefix: &'static str, services: &[(&str, &str, &str)]) -> Result<Self> {
        let port = bed.port();
        let id = format!("{prefix}-tcpmux");
        let text = format!(
            "service tcpmux\n{{\n\tid = {id}\n\ttype = INTERNAL UNLISTED\n\tsocket_type = stream\n\
             \twait = no\n\tuser = root\n\tport = {port}\n\tlog_on_success = PID HOST EXIT\n}}\n"
        );
        bed.container
            .write(&format!("/etc/xinetd.d/{id}"), text, 0o644)?;
        let mut sockets = format!("{id}.socket");
        for (name, kind, lines) in services {
            let id = format!("{prefix}-{name}");
            let text = format!(
                "service {id}\n{{\n\ttype = {kind} UNLISTED\n\tsocket_type = stream\n\
                 \tprotocol = tcp\n\twait = no\n{lines}\n}}\n"
            );
            bed.container
                .write(&format!("/etc/xinetd.d/{id}"), text, 0o644)?;
            sockets = format!("{sockets} {id}.socket");
        }
        bed.daemon_reload()?;
        bed.container.sh(&format!("systemctl start {sockets}"))?;
        let tcpmux = Served { bed, id, port };
        Ok(Self { tcpmux, prefix })
    }

    /// A client that has named a service.
    fn ask(&self, host: u8, name: &str) -> Result<Peer> {
        let mut peer = self.tcpmux.connect_from(host)?;
        peer.send(format!("{}-{name}\r\n", self.prefix).as_bytes())?;
        Ok(peer)
    }

    /// One of its services.
    fn service(&self, name: &str) -> Served<'a> {
        Served {
            bed: self.tcpmux.bed,
            id: format!("{}-{name}", self.prefix),
            port: 0,
        }
    }
}

fn led(bed: &Bed) -> Result<()> {
    let who = bed.script("mux-who", "id -un; echo $REMOTE_HOST; exec cat")?;
    let lines = |user: &str, more: &str| {
        format!(
            "\tuser = {user}\n\tserver = {who}\n\tlog_on_success = PID HOST EXIT\n\
             \tlog_on_failure = HOST\n{more}"
        )
    };
    let plain = lines("games", "\tinstances = 1");
    let plus = lines("root", "\tno_access = 127.0.0.9");
    let services = [
        ("plain", "TCPMUX", plain.as_str()),
        ("plus", "TCPMUXPLUS", plus.as_str()),
    ];
    let mux = Mux::serve(bed, "led", &services)?;
    let mut first = mux.ask(1, "plain")?;
    let told = first.read(23)?;
    equal(
        "the user and the peer",
        &told[..],
        b"games\n::ffff:127.0.0.1\n",
    )?;
    mux.service("plain").await_line("START: led-plain pid=")?;
    // The limits are the service's own.
    let heard = mux.ask(2, "PLAIN")?.read_to_end()?;
    equal("over the limit", heard.text().as_str(), "")?;
    mux.service("plain")
        .await_line("FAIL: led-plain service_limit from=::ffff:127.0.0.2")?;

    let mut peer = mux.ask(3, "Plus")?;
    peer.send(b"and what comes behind")?;
    peer.finish()?;
    let heard = peer.read_to_end()?;
    equal(
        "plus",
        (heard.text().as_str(), heard.close),
        (
            "+Go\r\nroot\n::ffff:127.0.0.3\nand what comes behind",
            Close::Fin,
        ),
    )?;
    mux.service("plus")
        .await_line("EXIT: led-plus status=0 pid=")?;
    let refused = mux.ask(9, "plus")?.read_to_end()?;
    equal("refused", refused.text().as_str(), "+Go\r\n")?;
    mux.service("plus")
        .await_line("FAIL: led-plus address from=::ffff:127.0.0.9")?;

    // tcpmux itself has no rights, though the file says root, and no process for a client.
    mux.tcpmux.await_line("EXIT: led-tcpmux status=0 pid=0")?;
    let helper = mux.tcpmux.helper()?;
    let status = bed.container.sh(&format!("cat /proc/{helper}/status"))?;
    contains(&status, "CapEff:\t0000000000000000")?;
    equal("root", status.contains("Uid:\t0"), false)?;
    first.finish()
}

fn started(bed: &Bed) -> Result<()> {
    const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";
    let disabled = format!("{CAT}\n\tdisable = yes");
    let services = [("cat", "TCPMUX", CAT), ("off", "TCPMUX", disabled.as_str())];
    let mux = Mux::serve(bed, "known", &services)?;
    let off = mux.service("off");
    off.systemctl("stop", "socket")?;
    let reply = |name| -> Result<String> { Ok(mux.ask(1, name)?.read_to_end()?.text()) };
    equal(
        "stopped",
        reply("off")?.as_str(),
        "-Service name not found\r\n",
    )?;
    let help = |mux: &Mux<'_>| -> Result<Vec<String>> {
        let mut peer = mux.tcpmux.connect()?;
        peer.send(b"help\r\n")?;
        let text = peer.read_to_end()?.text();
        let own = text.lines().filter(|line| line.starts_with("known-"));
        Ok(own.map(|line| line.trim_end().to_owned()).collect())
    };
    equal("help", help(&mux)?, vec!["known-cat".to_owned()])?;
    // A disabled service can be started by hand, as any other.
    off.systemctl("start", "socket")?;
    mux.ask(1, "off")?.echo(b"served after all")?;
    equal("help of both", help(&mux)?.len(), 2)?;
    // A service with a port is nothing to tcpmux.
    let ported = bed.serve("known-port", CAT)?;
    ported.connect()?.echo(b"there")?;
    equal(
        "a port",
        reply("port")?.as_str(),
        "-Service name not found\r\n",
    )
}

fn strangers(bed: &Bed) -> Result<()> {
    const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat\n\tlog_on_success = HOST";
    let mux = Mux::serve(bed, "strange", &[("cat", "TCPMUXPLUS", CAT)])?;
    let socket = bed
        .container
        .sh("stat -c '%A %U' /run/xinetd-bridge-mux/strange-cat")?;
    equal("its socket", socket.trim(), "srw-rw-rw- root")?;
    // Not even root may hand connections over: it is no tcpmux.
    bed.container.sh(
        "perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Peer => \
         \"/run/xinetd-bridge-mux/strange-cat\") or die; print $s \"p\"; $s->flush; <$s>'",
    )?;
    mux.service("cat")
        .await_line("strange-cat: a connection was not taken from process ")?;
    mux.ask(1, "cat")?.read(5).map(drop)
}

fn crowd(bed: &Bed) -> Result<()> {
    const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat\n\tcps = 10000 10";
    let mux = Mux::serve(bed, "crowd", &[("cat", "TCPMUX", CAT)])?;
    // All before the first helper of either has started.
    let mut peers: Vec<_> = (0..40).map(|_| mux.ask(1, "cat")).collect::<Result<_>>()?;
    for peer in &mut peers {
        peer.echo(b"one of many")?;
    }
    // The services' helper dies and comes back: a client that was served is served on.
    let helper = mux.service("cat").helper()?;
    bed.container.sh(&format!("kill -9 {helper}"))?;
    mux.service("cat")
        .await_line("Service=crowd-cat: the helper was restarted and found 40 running servers")?;
    mux.ask(1, "cat")?.echo(b"a new one")?;
    peers.iter_mut().try_for_each(|peer| peer.echo(b"still"))
}
