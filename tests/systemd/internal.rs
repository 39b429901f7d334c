//! The internal services.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use testbed::{Close, Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("internal_services_are_served", served),
    ("echo_serves_a_thousand_idle_and_greedy_clients", thousand),
    ("internal_services_have_access_lists_and_limits", refused),
    ("internal_services_answer_datagrams", datagrams),
    ("internal_services_stop_reload_and_leave", lifecycle),
];

const LOGGED: &str = "\tlog_type = SYSLOG daemon\n\tlog_on_success = PID HOST EXIT DURATION";

/// Serves an internal service as an administrator does; its port is its own.
fn internal<'a>(bed: &'a Bed, name: &str, id: &str, lines: &str) -> Result<crate::bed::Served<'a>> {
    let port = bed.port();
    let text = format!(
        "service {name}\n{{\n\tid = {id}\n\ttype = INTERNAL UNLISTED\n\tsocket_type = stream\n\
         \twait = no\n\tport = {port}\n{LOGGED}\n{lines}\n}}\n"
    );
    let path = format!("/etc/xinetd.d/{id}");
    bed.container.write(&path, text, 0o644)?;
    bed.daemon_reload()?;
    bed.container.sh(&format!("systemctl start {id}.socket"))?;
    let id = id.to_owned();
    Ok(crate::bed::Served { bed, id, port })
}

fn served(bed: &Bed) -> Result<()> {
    let echo = internal(bed, "echo", "in-echo", "")?;
    let mut peer = echo.connect()?;
    peer.echo(b"hello")?;
    echo.await_line("START: in-echo pid=0 from=::ffff:127.0.0.1")?;
    let helper = echo.helper()?;
    // As a user that has nothing but this.
    let status = bed.container.sh(&format!("cat /proc/{helper}/status"))?;
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default()
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let uids = bed
        .container
        .sh(&format!("ps -o ruid=,euid=,suid= -p {helper}"))?;
    let own = bed.container.sh("id -u xinetd-bridge")?;
    let own = own.trim();
    equal(
        "real, effective and saved user",
        uids.split_whitespace().collect(),
        vec![own, "65534", own],
    )?;
    equal("CapEff", line("CapEff:").trim_start_matches('0'), "")?;
    equal("NoNewPrivs", line("NoNewPrivs:").as_str(), "1")?;
    peer.send(b"the end")?;
    peer.finish()?;
    let heard = peer.read_to_end()?;
    equal(
        "echo",
        (heard.text().as_str(), heard.close),
        ("the end", Close::Fin),
    )?;
    echo.await_line("EXIT: in-echo status=0 pid=0 duration=0(sec)")?;
    equal(
        "no process",
        bed.container
            .sh(&format!("pgrep -c -P {helper} || true"))?
            .trim(),
        "0",
    )?;

    let discard = internal(bed, "discard", "in-discard", "")?;
    let mut peer = discard.connect()?;
    peer.send(&vec![b'x'; 1 << 20])?;
    peer.finish()?;
    equal("discard", peer.read_to_end()?.bytes.len(), 0)?;

    let time = internal(bed, "time", "in-time", "")?;
    let heard = time.hear()?;
    let now = bed.container.sh("date +%s")?;
    let now: u64 = now.trim().parse().map_err(|_| "date")?;
    let seconds: [u8; 4] = heard
        .bytes
        .try_into()
        .map_err(|_| "time is not four bytes")?;
    let seconds = u64::from(u32::from_be_bytes(seconds));
    equal("time", (now + 2_208_988_800).abs_diff(seconds) < 60, true)?;

    let daytime = internal(bed, "daytime", "in-daytime", "\tuser = nobody")?;
    let heard = daytime.hear()?.text();
    // Midnight may lie between the two.
    let day = || bed.container.sh("date '+%d %b %Y' | tr a-z A-Z");
    let days = [day()?, day()?];
    equal(
        &format!("daytime {heard:?}"),
        days.iter().any(|day| heard.starts_with(day.trim())) && heard.ends_with("\r\n"),
        true,
    )?;

    // Another zone holds from the next second on.
    let zone = "cd /etc; old=$(readlink localtime); ln -sf ../usr/share/zoneinfo/$1 localtime";
    let kathmandu = zone.replace("$1", "Asia/Kathmandu");
    let old = bed
        .container
        .sh(&format!("{kathmandu}; echo ${{old#*zoneinfo/}}"))?;
    let there = bed.container.wait_until(&format!(
        "bash -c 'cat </dev/tcp/127.0.0.1/{}' | grep -F ' +0545'",
        daytime.port
    ));
    bed.container.sh(&zone.replace("$1", old.trim()))?;
    there?;

    let chargen = internal(bed, "chargen", "in-chargen", "")?;
    let mut peer = chargen.connect()?;
    let text = peer.read(74 * 95 * 3)?;
    equal(
        "the first line",
        text.starts_with(b"!\"#$%&'()*+,-./0123456789"),
        true,
    )?;
    equal("the rounds", text[..74 * 95] == text[74 * 95 * 2..], true)
}

fn thousand(bed: &Bed) -> Result<()> {
    const CLIENTS: usize = 1000;
    let echo = internal(bed, "echo", "many-echo", "\tcps = 0 0")?;
    let mut greedy = echo.connect()?;
    greedy.echo(b"up")?;
    let helper = echo.helper()?;
    let memory = || -> Result<u64> {
        let text = bed.container.sh(&format!("cat /proc/{helper}/status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| text.clone())
    };
    let before = memory()?;
    let mut idle = Vec::new();
    for _ in 0..CLIENTS {
        idle.push(echo.connect()?);
    }
    // One that fills all buffers on its way, and does not read.
    let deaf = Peer::connect_lazily(echo.address())?;
    deaf.send_what_goes(&vec![b'x'; 64 << 20])?;
    for peer in &mut idle {
        peer.echo(b"all of you")?;
    }
    let grown = memory()?.saturating_sub(before);
    // KiB; it is about 300 bytes for each.
    equal(&format!("{grown} KiB more"), grown < 4096, true)
}

fn refused(bed: &Bed) -> Result<()> {
    let echo = internal(
        bed,
        "echo",
        "shy-echo",
        "\tno_access = 127.0.0.9\n\tinstances = 1\n\tper_source = 1",
    )?;
    turned_away(&echo.hear_from(9)?)?;
    echo.await_line("FAIL: shy-echo address from=::ffff:127.0.0.9")?;
    let mut peer = echo.connect()?;
    peer.echo(b"in")?;
    turned_away(&echo.hear_from(2)?)?;
    echo.await_line("FAIL: shy-echo service_limit from=::ffff:127.0.0.2")?;
    peer.finish()?;
    peer.read_to_end()?;
    echo.await_line("EXIT: shy-echo")?;
    echo.connect_from(2)?.echo(b"room again")
}

fn lifecycle(bed: &Bed) -> Result<()> {
    let echo = internal(bed, "echo", "end-echo", "")?;
    let mut peer = echo.connect()?;
    peer.echo(b"one")?;
    echo.systemctl("reload", "service")?;
    echo.await_line("readjusting service end-echo")?;
    peer.echo(b"two")?;
    echo.systemctl("stop", "socket")?;
    equal("the end", peer.read_to_end()?.close, Close::Fin)?;
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, echo.port).into();
    equal(
        "the port",
        Peer::connect(address, None)?.err(),
        Some(Close::Refused),
    )?;
    echo.await_line("EXIT: end-echo status=0 pid=0")?;
    echo.systemctl("start", "socket")?;
    echo.drop_in("service", "[Service]\nExecStart=\nExecStart=/usr/libexec/xinetd-bridge/xinetd-accept --idle 1 end-echo\n")?;
    let mut peer = echo.connect()?;
    peer.echo(b"three")?;
    peer.finish()?;
    peer.read_to_end()?;
    bed.container
        .wait_until("test $(systemctl show -P ActiveState end-echo.service) = inactive")?;
    echo.connect()?.echo(b"four")
}

/// What a client at `source` hears for a datagram; nothing if nothing comes in time.
fn exchange(
    source: (Ipv4Addr, u16),
    port: u16,
    datagram: &[u8],
    seconds: u64,
) -> Result<Option<Vec<u8>>> {
    let socket = UdpSocket::bind(source).map_err(|error| error.to_string())?;
    let patience = socket.set_read_timeout(Some(Duration::from_secs(seconds)));
    let sent = patience.and_then(|()| socket.send_to(datagram, (Ipv4Addr::LOCALHOST, port)));
    sent.map_err(|error| error.to_string())?;
    let mut buffer = vec![0; 4096];
    let heard = socket.recv(&mut buffer).ok();
    Ok(heard.map(|count| buffer[..count].to_vec()))
}

fn datagrams(bed: &Bed) -> Result<()> {
    let write = |name: &str, lines: &str| -> Result<u16> {
        let port = bed.port();
        let entry = format!(
            "service {name}\n{{\n\tid = {name}-dgram\n\ttype = INTERNAL UNLISTED\n\
             \tsocket_type = dgram\n\twait = yes\n\tport = {port}\n{LOGGED}\n{lines}\n}}\n"
        );
        let path = format!("/etc/xinetd.d/{name}-dgram");
        bed.container.write(&path, entry, 0o644).map(|()| port)
    };
    let echo = write("echo", "\tno_access = 127.0.0.9")?;
    let chargen = write("chargen", "")?;
    bed.daemon_reload()?;
    bed.container
        .sh("systemctl start echo-dgram.socket chargen-dgram.socket")?;
    let line = |line: &str| {
        bed.container
            .await_line("echo-dgram.service", line)
            .map(drop)
    };
    let client = (Ipv4Addr::LOCALHOST, 0);
    let heard = exchange(client, echo, b"hello", 20)?;
    equal("echo", heard, Some(b"hello".to_vec()))?;
    line("START: echo-dgram pid=0 from=::ffff:127.0.0.1")?;
    let heard = exchange(client, chargen, b"", 20)?;
    equal("chargen", heard.map(|heard| heard.len()), Some(1024))?;
    let heard = exchange((Ipv4Addr::new(127, 0, 0, 9), 0), echo, b"x", 1)?;
    equal("a client that is kept out", heard, None)?;
    line("FAIL: echo-dgram address from=::ffff:127.0.0.9")?;
    let heard = exchange((Ipv4Addr::LOCALHOST, 19), echo, b"x", 1)?;
    equal("another service", heard, None)?;
    line("Possible Denial of Service attack from ::ffff:127.0.0.1 19")?;
    // A datagram may pretend to come from the other one, whose answer echo would send back.
    let alone = bed.no_reloads();
    bed.container
        .sh("systemctl stop chargen-dgram.socket chargen-dgram.service")?;
    let heard = exchange((Ipv4Addr::LOCALHOST, chargen), echo, b"x", 1)?;
    equal("the other internal service", heard, None)?;
    drop(alone);
    let heard = exchange(client, echo, b"on", 20)?;
    equal("afterwards", heard, Some(b"on".to_vec()))
}
