//! `redirect`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;

use testbed::{Backend, Close, Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("redirect_passes_bytes_and_both_ends_on", both_ways),
    ("redirect_goes_between_ipv4_and_ipv6", families),
    ("redirect_names_a_backend_that_refuses", refused_backend),
    ("redirect_has_access_lists_and_limits", limits),
    ("redirect_holds_two_thousand_idle_sessions", idle_sessions),
    (
        "redirect_fails_over_and_says_who_the_client_is",
        bridge_file,
    ),
    ("redirect_reloads_stops_and_leaves", lifecycle),
];

const LOGGED: &str = "\tlog_on_success = HOST PID EXIT DURATION TRAFFIC";

/// Serves a redirect as an administrator does.
fn redirect<'a>(bed: &'a Bed, id: &str, to: &str, lines: &str) -> Result<Served<'a>> {
    bed.serve(
        id,
        &format!("\tuser = nobody\n\tredirect = {to}\n{LOGGED}\n{lines}"),
    )
}

fn both_ways(bed: &Bed) -> Result<()> {
    let backend = Backend::new(Ipv4Addr::LOCALHOST)?;
    let to = format!("127.0.0.1 {}", backend.port);
    let served = redirect(bed, "relay", &to, "")?;
    // The client has said all, and waits for the answer.
    let mut client = served.connect()?;
    client.send(b"question")?;
    client.finish()?;
    let mut server = backend.accept()?;
    equal("question", server.read(8)?, b"question".to_vec())?;
    equal("the end of it", server.read_some()?, Vec::new())?;
    let answer: Vec<u8> = (0..3_u32 << 20).map(|i| (i % 251) as u8).collect();
    let length = answer.len();
    let writer = thread::spawn(move || {
        server.send(&answer)?;
        server.finish()?;
        Ok::<_, String>((server, answer))
    });
    let heard = client.read_to_end()?;
    let (_, answer) = writer.join().map_err(|_| "the backend panicked")??;
    equal("answer", heard.bytes == answer, true)?;
    equal("close", heard.close, Close::Fin)?;
    served.await_line("START: relay pid=0 from=::ffff:127.0.0.1")?;
    let line = served.await_line("TRAFFIC: relay ")?;
    let wanted = format!("TRAFFIC: relay in=8(bytes) out={length}(bytes)");
    equal("traffic", line.message(), wanted.as_str())?;
    equal("XINETD_BYTES_IN", line.field("XINETD_BYTES_IN"), "8")?;
    served.await_line("EXIT: relay status=0 pid=0 duration=")?;
    // The backend has said all, and listens.
    let mut client = served.connect()?;
    let mut server = backend.accept()?;
    server.send(b"greeting")?;
    server.finish()?;
    equal("greeting", client.read(8)?, b"greeting".to_vec())?;
    equal("the end of it", client.read_some()?, Vec::new())?;
    client.send(b"reply")?;
    client.finish()?;
    equal("reply", server.read_to_end()?.text().as_str(), "reply")?;
    let helper = served.helper()?;
    let children = bed.container.sh(&format!("pgrep -c -P {helper} || true"))?;
    equal("processes", children.trim(), "0")
}

fn families(bed: &Bed) -> Result<()> {
    for (id, client, backend, host) in [
        ("relay46", "IPv4", Ipv6Addr::LOCALHOST.into(), "::1"),
        (
            "relay64",
            "IPv6",
            std::net::IpAddr::from(Ipv4Addr::LOCALHOST),
            "127.0.0.1",
        ),
        (
            "relay-name",
            "IPv4",
            Ipv4Addr::LOCALHOST.into(),
            "localhost",
        ),
    ] {
        let backend = Backend::new(backend)?;
        let to = format!("{host} {}", backend.port);
        let served = redirect(bed, id, &to, &format!("\tflags = {client}"))?;
        let address: SocketAddr = match client {
            "IPv6" => (Ipv6Addr::LOCALHOST, served.port).into(),
            _ => served.address(),
        };
        let mut client = Peer::connect(address, None)?.map_err(|close| format!("{close:?}"))?;
        client.send(b"hello")?;
        let mut server = backend.accept()?;
        equal(id, server.read(5)?, b"hello".to_vec())?;
    }
    Ok(())
}

fn refused_backend(bed: &Bed) -> Result<()> {
    let closed = Backend::new(Ipv4Addr::LOCALHOST)?;
    closed.refuse()?;
    let to = format!("127.0.0.1 {}", closed.port);
    let served = redirect(bed, "relay-refused", &to, "")?;
    turned_away(&served.hear()?)?;
    let line = "can't connect to remote host 127.0.0.1: Connection refused (errno = 111)";
    let line = served.await_line(line)?;
    equal("REMOTE_ADDR", line.field("REMOTE_ADDR"), "127.0.0.1")?;
    served.await_line("EXIT: relay-refused status=0 pid=0")?;
    let unknown = redirect(bed, "relay-unknown", "no-such-host.invalid 80", "")?;
    turned_away(&unknown.hear()?)?;
    unknown
        .await_line("can't connect to remote host no-such-host.invalid: ")
        .map(drop)
}

fn limits(bed: &Bed) -> Result<()> {
    let backend = Backend::new(Ipv4Addr::LOCALHOST)?;
    let to = format!("127.0.0.1 {}", backend.port);
    let lines = "\tno_access = 127.0.0.9\n\tinstances = 2\n\tper_source = 1";
    let served = redirect(bed, "relay-shy", &to, lines)?;
    turned_away(&served.hear_from(9)?)?;
    served.await_line("FAIL: relay-shy address from=::ffff:127.0.0.9")?;
    let first = served.connect_from(1)?;
    let server = backend.accept()?;
    turned_away(&served.hear_from(1)?)?;
    served.await_line("FAIL: relay-shy per_source_limit")?;
    let _second = served.connect_from(2)?;
    let _other = backend.accept()?;
    turned_away(&served.hear_from(3)?)?;
    served.await_line("FAIL: relay-shy service_limit")?;
    drop(server);
    equal("the end", first.read_to_end()?.close, Close::Fin)?;
    served.await_line("EXIT: relay-shy")?;
    let _third = served.connect_from(1)?;
    backend.accept().map(drop)
}

fn idle_sessions(bed: &Bed) -> Result<()> {
    const SESSIONS: usize = 2000;
    testbed::allow_descriptors(8192)?;
    let backend = Backend::new(Ipv4Addr::LOCALHOST)?;
    let to = format!("127.0.0.1 {}", backend.port);
    let served = redirect(bed, "relay-many", &to, "\tcps = 0 0")?;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        let mut client = served.connect()?;
        let mut server = backend.accept()?;
        client.send(b"up")?;
        server.read(2)?;
        sessions.push((client, server));
    }
    let helper = served.helper()?;
    let status = bed
        .container
        .sh(&format!("grep VmRSS /proc/{helper}/status"))?;
    let kib: u64 = status
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .ok_or(status.clone())?;
    // It is about a third of that.
    equal(
        &format!("the memory of the helper: {kib} KiB"),
        kib < 16 << 10,
        true,
    )?;
    let descriptors = bed.container.sh(&format!("ls /proc/{helper}/fd | wc -l"))?;
    let descriptors: usize = descriptors
        .trim()
        .parse()
        .map_err(|_| descriptors.clone())?;
    equal(
        &format!("{descriptors} descriptors"),
        descriptors < 2 * SESSIONS + 64,
        true,
    )?;
    // Many that do not read do not stop those that do.
    let chunk = vec![b'x'; 1 << 20];
    for (client, _) in &sessions[..20] {
        client.send_what_goes(&chunk)?;
    }
    for (client, server) in &mut sessions[20..] {
        server.send(b"still here")?;
        equal("of many", client.read(10)?, b"still here".to_vec())?;
    }
    Ok(())
}

fn bridge_file(bed: &Bed) -> Result<()> {
    let _mine = bed.bridge_file();
    let first = Backend::new(Ipv4Addr::LOCALHOST)?;
    let second = Backend::new(Ipv6Addr::LOCALHOST)?;
    let text = format!(
        "[service.relay-two.redirect]\ntargets = [\"127.0.0.1:{}\", \"[::1]:{}\"]\n\
         proxy_protocol = \"v1\"\n",
        first.port, second.port
    );
    let path = "/etc/xinetd-bridge.toml";
    bed.container.write(path, text, 0o644)?;
    // No backend listens on the port in xinetd's own file.
    let served = redirect(bed, "relay-two", "127.0.0.1 1", "")?;
    let check = bed.container.try_sh("xinetdctl check")?.1;
    equal(
        "problems of the file",
        check.contains("xinetd-bridge.toml:"),
        false,
    )?;
    let line = |backend: &Backend, host: u8| -> Result<()> {
        let mut client = served.connect_from(host)?;
        client.send(b"hello")?;
        let mut server = backend.accept()?;
        let port = client.port()?;
        let wanted = format!(
            "PROXY TCP4 127.0.0.{host} 127.0.0.1 {port} {}\r\nhello",
            served.port
        );
        let heard = server.read(wanted.len())?;
        equal(
            "header",
            String::from_utf8_lossy(&heard).as_ref(),
            wanted.as_str(),
        )?;
        server.send(b"welcome")?;
        equal("answer", client.read(7)?, b"welcome".to_vec())
    };
    line(&first, 5)?;
    first.refuse()?;
    line(&second, 6)?;
    let message = "can't connect to remote host 127.0.0.1: Connection refused (errno = 111)";
    served.await_line(message)?;
    line(&second, 7)?;
    bed.container.write(
        path,
        "[service.relay-two.redirect]\nproxy_protocol = 1\n",
        0o644,
    )?;
    let check = bed.container.try_sh("xinetdctl check")?.1;
    bed.container.sh(&format!("rm {path}"))?;
    contains(&check, "/etc/xinetd-bridge.toml:2:18: error: ")?;
    contains(&check, "   | proxy_protocol = 1\n")
}

fn lifecycle(bed: &Bed) -> Result<()> {
    let backend = Backend::new(Ipv4Addr::LOCALHOST)?;
    let other = Backend::new(Ipv4Addr::LOCALHOST)?;
    let to = format!("127.0.0.1 {}", backend.port);
    let served = redirect(bed, "relay-end", &to, "")?;
    let mut client = served.connect()?;
    let mut server = backend.accept()?;
    client.send(b"one")?;
    server.read(3)?;
    let to = format!(
        "\tuser = nobody\n\tredirect = 127.0.0.1 {}\n{LOGGED}",
        other.port
    );
    served.rewrite(&to)?;
    served.systemctl("reload", "service")?;
    client.send(b"two")?;
    equal("the old session", server.read(3)?, b"two".to_vec())?;
    let next = served.connect()?;
    let _other = other.accept()?;
    served.systemctl("stop", "socket")?;
    equal("the end", client.read_to_end()?.close, Close::Fin)?;
    equal("the end", next.read_to_end()?.close, Close::Fin)?;
    equal("the end", server.read_to_end()?.close, Close::Fin)?;
    let lines = bed.container.journal("relay-end.service")?;
    let exits = lines
        .iter()
        .filter(|line| line.message().starts_with("EXIT: relay-end"));
    equal("EXIT lines", exits.count(), 2)?;
    let result = bed.container.property("relay-end.service", "Result")?;
    contains(&result, "success")
}
