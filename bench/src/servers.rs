//! Who serves what on which port: the files of the container, and what is started in it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use testbed::{Container, Result, write};

use crate::relay::{ANSWER, SINK};

/// The same services at xinetd have ports that are so much higher.
pub(crate) const XINETD: u16 = 1000;

/// Ports at the bridge.
pub(crate) const STATIC: u16 = 8001;
pub(crate) const SILENT: u16 = 8002;
pub(crate) const NO_ACCESS: u16 = 8003;
pub(crate) const PER_SOURCE: u16 = 8004;
pub(crate) const CPS: u16 = 8005;
pub(crate) const FLOODED: u16 = 8006;
pub(crate) const TO_SINK: u16 = 8010;
pub(crate) const TO_ANSWER: u16 = 8011;
pub(crate) const DAYTIME: u16 = 8012;
pub(crate) const ECHO: u16 = 8013;
pub(crate) const TFTP: u16 = 8014;
pub(crate) const CHARGEN: u16 = 8015;
pub(crate) const SILENT_DAYTIME: u16 = 8016;
/// With a short list of addresses, and with a long one.
pub(crate) const SHORT_LIST: u16 = 8020;
pub(crate) const LONG_LIST: u16 = 8021;
/// Sessions that last, few and many of them.
pub(crate) const QUIET: u16 = 8022;
pub(crate) const CROWDED: u16 = 8023;

/// Ports of the others.
pub(crate) const BARE: u16 = 7001;
pub(crate) const BARE_CLOSE: u16 = 7002;
pub(crate) const OPENBSD: u16 = 7003;
pub(crate) const TCPSERVER: u16 = 7004;
pub(crate) const TCPSERVER_DENY: u16 = 7005;
pub(crate) const TCPSVD: u16 = 7006;
pub(crate) const SOCAT: u16 = 7007;
pub(crate) const ACCEPT: u16 = 7008;
pub(crate) const ACTIVATED: u16 = 7009;
pub(crate) const SOCAT_SINK: u16 = 7010;
pub(crate) const SOCAT_ANSWER: u16 = 7011;
pub(crate) const PROXYD_SINK: u16 = 7012;
pub(crate) const PROXYD_ANSWER: u16 = 7013;
/// With an address to keep out.
pub(crate) const TCPSERVER_FLOODED: u16 = 7014;
pub(crate) const OPENBSD_FLOODED: u16 = 7015;

/// Whom the services with a list of addresses for a flood keep out.
pub(crate) const FLOODER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// The files that everybody needs, before the container boots.
pub(crate) fn prepare(tree: &Path) -> Result<()> {
    testbed::without_reconcile(tree)?;
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    let text = |path: &str, content: &str| write(tree, path, content, 0o644);
    for name in ["activated", "bare", "hold", "static"] {
        let program = fs::read(programs.join(name)).map_err(|error| format!("{name}: {error}"))?;
        write(tree, &format!("/opt/bench/{name}"), program, 0o755)?;
    }
    // Lines that journald leaves out cost it nearly nothing: what all of them cost is to be seen.
    let journald = "[Journal]\nRateLimitIntervalSec=0\n";
    text("/etc/systemd/journald.conf.d/bench.conf", journald)?;
    text("/etc/xinetd.conf", "includedir /etc/xinetd.d\n")?;
    text("/etc/xinetd.d/all", &(shared(0) + &alone()))?;
    text("/opt/bench/xinetd.conf", &shared(XINETD))?;
    let template = entry("NAME", 0, &program("static")).replace("port = 0", "port = PORT");
    text("/opt/bench/template", &template)?;
    text(
        "/etc/systemd/system/crowded.service.d/many.conf",
        "[Service]\nTasksMax=infinity\n",
    )?;
    for (name, port) in [("inetd", OPENBSD), ("inetd-flooded", OPENBSD_FLOODED)] {
        let line = format!(
            "127.0.0.1:{port} stream tcp nowait.10000000 nobody /opt/bench/static static\n"
        );
        text(&format!("/opt/bench/{name}.conf"), &line)?;
    }
    text("/etc/hosts.deny", &format!("static: {FLOODER}\n"))?;
    let service = "[Unit]\nCollectMode=inactive-or-failed\n[Service]\nUser=nobody\nStandardInput=socket\n\
                   ExecStart=/opt/bench/static\n";
    text("/etc/systemd/system/accept@.service", service)?;
    unit_socket(
        tree,
        "accept",
        ACCEPT,
        "Accept=yes\nMaxConnections=4294967295\nTriggerLimitIntervalSec=0\n",
    )?;
    unit_socket(tree, "activated", ACTIVATED, "")?;
    text(
        "/etc/systemd/system/activated.service",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/opt/bench/activated\n",
    )?;
    for (name, port, to) in [
        ("proxy-sink", PROXYD_SINK, SINK),
        ("proxy-answer", PROXYD_ANSWER, ANSWER),
    ] {
        unit_socket(tree, name, port, "")?;
        let proxyd = "/lib/systemd/systemd-socket-proxyd --connections-max=100000";
        text(
            &format!("/etc/systemd/system/{name}.service"),
            &format!("[Service]\nExecStart={proxyd} 127.0.0.1:{to}\n"),
        )?;
    }
    Ok(())
}

fn unit_socket(tree: &Path, name: &str, port: u16, lines: &str) -> Result<()> {
    let path = format!("/etc/systemd/system/{name}.socket");
    let text = format!("[Socket]\nListenStream=127.0.0.1:{port}\nBacklog=4096\n{lines}");
    write(tree, &path, text, 0o644)
}

/// Starts what systemd does not start by itself.
pub(crate) fn start(container: &Container) -> Result<()> {
    let units = [
        ("bare", format!("/opt/bench/bare {BARE} /opt/bench/static")),
        ("bare-close", format!("/opt/bench/bare {BARE_CLOSE}")),
        (
            "old",
            "xinetd -dontfork -f /opt/bench/xinetd.conf".to_owned(),
        ),
        (
            "openbsd",
            "/opt/openbsd-inetd/usr/sbin/inetd -i /opt/bench/inetd.conf".to_owned(),
        ),
        (
            "openbsd-flooded",
            "/opt/openbsd-inetd/usr/sbin/inetd -i -l /opt/bench/inetd-flooded.conf".to_owned(),
        ),
        (
            "tcpserver",
            format!("tcpserver -v -HR -l 0 -b 4096 -c 4096 0 {TCPSERVER} /opt/bench/static"),
        ),
        (
            "tcpserver-deny",
            format!(
                "tcpserver -HR -l 0 -b 4096 -x /opt/bench/deny.cdb 0 {TCPSERVER_DENY} /opt/bench/static"
            ),
        ),
        (
            "tcpserver-flooded",
            format!(
                "tcpserver -v -HR -l 0 -b 4096 -c 4096 -x /opt/bench/flooder.cdb 0 {TCPSERVER_FLOODED} /opt/bench/static"
            ),
        ),
        (
            "tcpsvd",
            format!("tcpsvd -v -l 0 -b 4096 -c 4096 0 {TCPSVD} /opt/bench/static"),
        ),
        (
            "socat",
            format!("socat TCP4-LISTEN:{SOCAT},fork,reuseaddr,backlog=4096 EXEC:/opt/bench/static"),
        ),
        ("socat-sink", socat(SOCAT_SINK, SINK)),
        ("socat-answer", socat(SOCAT_ANSWER, ANSWER)),
    ];
    container.sh(&format!(
        "echo '127.:deny' | tcprules /opt/bench/deny.cdb /opt/bench/deny.tmp
         echo '{FLOODER}:deny' | tcprules /opt/bench/flooder.cdb /opt/bench/flooder.tmp
         mkdir -p /srv/tftp && head -c 10M /dev/urandom >/srv/tftp/large &&
         head -c 512 /dev/urandom >/srv/tftp/small && chmod -R a+rX /srv/tftp
         systemctl start accept.socket activated.socket proxy-sink.socket proxy-answer.socket",
    ))?;
    for (name, command) in units {
        container.sh(&format!(
            "systemd-run -q --unit={name} -p TasksMax=infinity -p LimitNOFILE=65536 {command}"
        ))?;
    }
    Ok(())
}

fn socat(port: u16, to: u16) -> String {
    format!("socat TCP4-LISTEN:{port},fork,reuseaddr,backlog=4096 TCP4:127.0.0.1:{to}")
}

/// What the bridge and xinetd both serve.
fn shared(above: u16) -> String {
    let refuse = "\tno_access = 127.0.0.0/8\n";
    let served = program("static");
    let lasts = program("hold");
    [
        entry("static", STATIC + above, &served),
        entry("silent", SILENT + above, &served).replace("HOST PID DURATION", ""),
        entry("no-access", NO_ACCESS + above, &(served.clone() + refuse)),
        entry(
            "per-source",
            PER_SOURCE + above,
            &(lasts + "\tper_source = 1\n"),
        ),
        entry("cps", CPS + above, &served).replace("cps = 0 0", "cps = 1 3600"),
        entry(
            "flooded",
            FLOODED + above,
            &(served + &format!("\tno_access = {FLOODER}\n")),
        ),
        entry(
            "sink",
            TO_SINK + above,
            &format!("\tredirect = 127.0.0.1 {SINK}\n"),
        ),
        entry(
            "answer",
            TO_ANSWER + above,
            &format!("\tredirect = 127.0.0.1 {ANSWER}\n"),
        ),
        internal("daytime", DAYTIME + above),
        internal("daytime", SILENT_DAYTIME + above)
            .replace("{\n", "{\n\tid = silent-daytime\n")
            .replace("HOST PID DURATION", ""),
        internal("chargen", CHARGEN + above),
        internal("echo", ECHO + above)
            .replace("stream", "dgram")
            .replace("= tcp", "= udp")
            .replace("= no\n", "= yes\n"),
        entry(
            "tftp",
            TFTP + above,
            "\tserver = /usr/sbin/in.tftpd\n\tserver_args = --secure /srv/tftp\n",
        )
        .replace("nobody", "root")
        .replace("stream", "dgram")
        .replace("= no\n", "= yes\n"),
    ]
    .concat()
}

/// What the bridge alone serves.
fn alone() -> String {
    let list = |count: u32| -> String {
        let address = |number: u32| Ipv4Addr::from(0xC612_0000 + number).to_string();
        let addresses: Vec<_> = (0..count).map(address).collect();
        // No line of a configuration file may be longer than 8 KiB.
        let lines = addresses
            .chunks(256)
            .map(|some| format!("\tonly_from += {}\n", some.join(" ")));
        format!(
            "{}\tonly_from = 127.0.0.1\n{}",
            program("static"),
            lines.collect::<String>()
        )
    };
    [
        entry("short-list", SHORT_LIST, &list(9)),
        entry("long-list", LONG_LIST, &list(9_999)),
        entry("quiet", QUIET, &program("hold")),
        entry("crowded", CROWDED, &program("hold")),
    ]
    .concat()
}

fn program(name: &str) -> String {
    format!("\tserver = /opt/bench/{name}\n")
}

fn internal(name: &str, port: u16) -> String {
    entry(name, port, "\tprotocol = tcp\n").replace("= UNLISTED", "= INTERNAL UNLISTED")
}

fn entry(name: &str, port: u16, lines: &str) -> String {
    format!(
        "service {name}\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = {port}\n\
         \tuser = nobody\n\tflags = NOLIBWRAP IPv4\n\tcps = 0 0\n\tlog_type = SYSLOG daemon info\n\
         \tlog_on_success = HOST PID DURATION\n\tlog_on_failure = HOST\n{lines}}}\n"
    )
}
