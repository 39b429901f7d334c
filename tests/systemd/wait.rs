//! `wait = yes`: one server at a time has the service's own socket.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use testbed::{Close, Peer, Question, Reply, Resolver, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_server_accepts_by_itself", accepts),
    ("lists_keep_clients_from_a_server_that_accepts", filtered),
    (
        "lists_change_beside_a_server_that_has_the_socket",
        lists_beside_a_server,
    ),
    (
        "a_helper_that_dies_leaves_the_socket_to_its_server",
        helper_dies,
    ),
    ("who_is_refused_waits_until_it_is_let_in", refused),
    ("a_server_that_accepts_nobody_is_paused", accepts_nobody),
    (
        "without_cps_a_server_that_accepts_nobody_is_not_started_for_ever",
        nobody_without_cps,
    ),
    ("no_datagram_is_lost", datagrams),
    ("a_refused_datagram_goes_alone", refused_datagram),
    (
        "a_sender_whose_name_does_not_come_delays_no_other",
        nameless_sender,
    ),
];

/// Accepts one client, tells its process and REMOTE_HOST, and waits until the client has gone.
const TAKER: &str = "exec perl -e 'accept(C, STDIN); $| = 1; select C; $| = 1; \
                     print \"$$ $ENV{REMOTE_HOST}\\n\"; 1 while <C>'";

/// Answers so many datagrams with REMOTE_HOST and what they said, slowly.
const READER: &str = "exec perl -e 'for (1 .. 2) { my $to = recv(STDIN, my $text, 99, 0); \
                      select(undef, undef, undef, 0.02); send(STDOUT, \"$ENV{REMOTE_HOST} $text\", 0, $to) }'";

fn taker<'a>(bed: &'a Bed, id: &str, lines: &str) -> Result<Served<'a>> {
    serve(
        bed,
        id,
        &format!(
            "socket_type = stream\n\tserver = {}\n\t{lines}",
            bed.script("taker", TAKER)?
        ),
    )
}

fn reader<'a>(bed: &'a Bed, id: &str, lines: &str) -> Result<Served<'a>> {
    serve(
        bed,
        id,
        &format!(
            "socket_type = dgram\n\tserver = {}\n\t{lines}",
            bed.script("reader", READER)?
        ),
    )
}

fn serve<'a>(bed: &'a Bed, id: &str, lines: &str) -> Result<Served<'a>> {
    let port = bed.port();
    write(bed, id, port, lines)?;
    bed.daemon_reload()?;
    bed.container.sh(&format!("systemctl start {id}.socket"))?;
    Ok(Served {
        bed,
        id: id.to_owned(),
        port,
    })
}

fn write(bed: &Bed, id: &str, port: u16, lines: &str) -> Result<()> {
    let text = format!(
        "service {id}\n{{\n\ttype = UNLISTED\n\twait = yes\n\tuser = nobody\n\tport = {port}\n\
         \tlog_on_success = HOST EXIT\n\tlog_on_failure = HOST\n\t{lines}\n}}\n"
    );
    bed.container
        .write(&format!("/etc/xinetd.d/{id}"), text, 0o644)
}

/// The server's first line.
fn hello(peer: &mut Peer) -> Result<String> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.extend(peer.read(1)?);
    }
    Ok(String::from_utf8_lossy(&line).trim().to_owned())
}

fn accepts(bed: &Bed) -> Result<()> {
    let served = taker(bed, "taker", "")?;
    let mut first = served.connect()?;
    contains(&hello(&mut first)?, "<no address>")?;
    served.await_line("START: taker from=<no address>")?;
    // In the queue, as there is one server at a time.
    let mut second = served.connect()?;
    first.finish()?;
    equal("end", first.read_to_end()?.close, Close::Fin)?;
    served.await_line("EXIT: taker status=0")?;
    hello(&mut second).map(drop)
}

fn helper_dies(bed: &Bed) -> Result<()> {
    let served = taker(bed, "taker-orphan", "")?;
    let mut first = served.connect()?;
    let server = hello(&mut first)?;
    bed.container
        .sh(&format!("kill -KILL {}", served.helper()?))?;
    served
        .await_line("Service=taker-orphan: the helper was restarted and found 1 running servers")?;
    let mut second = served.connect()?;
    first.finish()?;
    equal("end", first.read_to_end()?.close, Close::Fin)?;
    let next = hello(&mut second)?;
    equal("another server", server == next, false)
}

/// Whether a client at 127.0.0.`host` gets a connection within a second: one that is kept out hears
/// nothing at all.
fn reaches(served: &Served<'_>, host: u8) -> Result<bool> {
    let port = served.port;
    let program = format!(
        "use IO::Socket::INET; exit !IO::Socket::INET->new(PeerAddr => \"127.0.0.1:{port}\", \
         LocalAddr => \"127.0.0.{host}\", Timeout => 1)"
    );
    let tried = served
        .bed
        .container
        .try_sh(&format!("perl -e '{program}'"))?;
    Ok(tried.0)
}

fn filtered(bed: &Bed) -> Result<()> {
    let server = bed.script("taker", TAKER)?;
    let lines = |lists: &str| format!("socket_type = stream\n\tserver = {server}\n\t{lists}");
    let served = serve(
        bed,
        "taker-lists",
        &lines("no_access = 127.0.0.9 127.0.0.10/31"),
    )?;
    // The one that wakes the helper was there before any filter.
    let early = served.hear_from(9)?;
    equal("the first client", early.close, Close::Reset)?;
    served.await_line("FAIL: taker-lists address from=::ffff:127.0.0.9")?;
    hello(&mut served.connect_from(2)?)?;
    equal("clients that are kept out", reaches(&served, 9)?, false)?;
    equal("and their neighbour", reaches(&served, 11)?, false)?;
    hello(&mut served.connect_from(12)?)?;
    // While no helper runs that could change the filter.
    served.systemctl("stop", "service")?;
    equal("without a helper", reaches(&served, 9)?, false)?;
    write(
        bed,
        "taker-lists",
        served.port,
        &lines("only_from = 127.0.0.9"),
    )?;
    bed.daemon_reload()?;
    hello(&mut served.connect_from(9)?)?;
    equal("a client that is in no list", reaches(&served, 2)?, false)?;
    write(bed, "taker-lists", served.port, &lines(""))?;
    bed.daemon_reload()?;
    hello(&mut served.connect_from(2)?).map(drop)
}

fn lists_beside_a_server(bed: &Bed) -> Result<()> {
    let server = bed.script("taker", TAKER)?;
    let lines = |lists: &str| format!("socket_type = stream\n\tserver = {server}\n\t{lists}");
    let served = serve(bed, "taker-beside", &lines(""))?;
    let _alone = bed.no_reloads();
    let mut session = served.connect()?;
    hello(&mut session)?;
    let reload = |lists: &str| {
        write(bed, "taker-beside", served.port, &lines(lists))?;
        let (_, said) = bed.container.try_sh("xinetdctl reload")?;
        contains(
            &said,
            "taker-beside: rebound, as who may connect has changed",
        )
    };
    reload("only_from = 127.0.0.2")?;
    await_that(|| Ok(!reaches(&served, 3)?))?;
    equal("one of the list", reaches(&served, 2)?, true)?;
    reload("")?;
    await_that(|| reaches(&served, 3))?;
    session.finish()?;
    equal("the session", session.read_to_end()?.close, Close::Fin)?;
    hello(&mut served.connect_from(2)?).map(drop)
}

/// Waits until it is so: the helper makes the filter when it comes.
fn await_that(is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so()? {
        if Instant::now() >= deadline {
            return Err("it does not come to be so".to_owned());
        }
    }
    Ok(())
}

fn refused(bed: &Bed) -> Result<()> {
    let served = taker(bed, "taker-limit", "instances = 0")?;
    let mut peer = served.connect()?;
    served.await_line("FAIL: taker-limit service_limit from=<no address>")?;
    let server = bed.script("taker", TAKER)?;
    write(
        bed,
        "taker-limit",
        served.port,
        &format!("socket_type = stream\n\tserver = {server}"),
    )?;
    bed.daemon_reload()?;
    served.systemctl("reload", "service")?;
    hello(&mut peer).map(drop)
}

fn accepts_nobody(bed: &Bed) -> Result<()> {
    let lines = "socket_type = stream\n\tserver = /bin/true\n\tcps = 5 1000";
    let served = serve(bed, "no-server", lines)?;
    let heard = served.hear()?;
    equal("a client without a server", heard.close, Close::Reset)?;
    let line = "Deactivating service no-server due to excessive incoming connections.";
    served.await_line(line)?;
    let said = served.await_line("service no-server: ")?;
    contains(said.message(), "a client still waited")?;
    let lines = "socket_type = dgram\n\tserver = /bin/true\n\tcps = 5 1000";
    let deaf = serve(bed, "no-reader", lines)?;
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.send_to(b"x", deaf.address()))
        .map_err(|error| error.to_string())?;
    let said = deaf.await_line("service no-reader: ")?;
    contains(
        said.message(),
        "ended at once while a datagram still waited, which started the next one",
    )
}

fn nobody_without_cps(bed: &Bed) -> Result<()> {
    let fickle = bed.script(
        "fickle",
        "test -e /run/fickle-works || exit 0\nexec perl -e 'accept(C, STDIN); print C \"in\\n\"'",
    )?;
    let served = serve(
        bed,
        "fickle",
        &format!("socket_type = stream\n\tcps = 0 0\n\tlog_on_success = PID\n\tserver = {fickle}"),
    )?;
    let client = served.connect()?;
    served.await_line("service fickle: 100 servers have ended at once")?;
    let starts = |lines: Vec<testbed::Line>| {
        let mut starts = lines
            .iter()
            .filter(|line| line.message().starts_with("START:"));
        starts.by_ref().count()
    };
    let before = starts(bed.container.journal("fickle.service")?);
    bed.container.sh("touch /run/fickle-works")?;
    // Every client that waited is served in the end, and a service that works is not slow.
    equal("the first", client.read_to_end()?.text().as_str(), "in\n")?;
    let after = starts(bed.container.journal("fickle.service")?);
    equal("starts while it rested are few", after - before <= 2, true)?;
    for _ in 0..3 {
        equal("the next", served.hear()?.text().as_str(), "in\n")?;
    }
    Ok(())
}

fn socket(served: &Served<'_>, host: u8) -> Result<UdpSocket> {
    let text = |error: std::io::Error| error.to_string();
    let socket = UdpSocket::bind(format!("127.0.0.{host}:0")).map_err(text)?;
    socket.connect(served.address()).map_err(text)?;
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .map_err(text)?;
    Ok(socket)
}

fn answer(socket: &UdpSocket) -> Result<String> {
    let mut bytes = [0; 99];
    let count = socket
        .recv(&mut bytes)
        .map_err(|error| format!("no answer: {error}"))?;
    Ok(String::from_utf8_lossy(&bytes[..count]).into_owned())
}

fn datagrams(bed: &Bed) -> Result<()> {
    let served = reader(bed, "reader", "")?;
    let socket = socket(&served, 1)?;
    for number in 0..40 {
        socket
            .send(format!("{number}").as_bytes())
            .map_err(|error| error.to_string())?;
    }
    for number in 0..40 {
        let wanted = format!("::ffff:127.0.0.1 {number}");
        equal("answer", answer(&socket)?, wanted)?;
    }
    served
        .await_line("START: reader from=::ffff:127.0.0.1")
        .map(drop)
}

fn refused_datagram(bed: &Bed) -> Result<()> {
    let served = reader(bed, "reader-list", "no_access = 127.0.0.9")?;
    let (refused, good) = (socket(&served, 9)?, socket(&served, 1)?);
    let send = |socket: &UdpSocket, text: &str| {
        socket
            .send(text.as_bytes())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    send(&refused, "unheard")?;
    send(&good, "one")?;
    send(&good, "two")?;
    equal("answer", answer(&good)?, "::ffff:127.0.0.1 one".to_owned())?;
    equal("answer", answer(&good)?, "::ffff:127.0.0.1 two".to_owned())?;
    served
        .await_line("FAIL: reader-list address from=::ffff:127.0.0.9")
        .map(drop)
}

fn nameless_sender(bed: &Bed) -> Result<()> {
    const SERVER: Ipv4Addr = Ipv4Addr::new(127, 53, 0, 4);
    // A name takes two questions: longer than a datagram holds the socket.
    let delay = Duration::from_millis(800);
    let _resolver = Resolver::new(SERVER, delay, |question| match question {
        Question::Names(IpAddr::V4(address)) if address.octets() == [127, 9, 5, 2] => {
            Reply::name("slow.example")
        }
        Question::V4(name) if name == "slow.example" => Reply::address([127, 9, 5, 2]),
        _ => Reply::Silence,
    })?;
    let one = "exec perl -e 'my $to = recv(STDIN, my $text, 99, 0); send(STDOUT, $text, 0, $to)'";
    let lines = format!(
        "socket_type = dgram\n\tserver = {}\n\tonly_from = friend.example.org slow.example",
        bed.script("reader-of-one", one)?
    );
    let served = serve(bed, "reader-named", &lines)?;
    served.with_files(&[("resolv.conf", &format!("nameserver {SERVER}\n"))])?;
    let sender = |address: [u8; 4]| -> Result<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::from(address), 0));
        let socket = socket.map_err(|error| format!("bind: {error}"))?;
        let limit = socket.set_read_timeout(Some(Duration::from_millis(500)));
        limit.map_err(|error| format!("time limit: {error}"))?;
        Ok(socket)
    };
    let send = |socket: &UdpSocket, text: &[u8]| -> Result<()> {
        let sent = socket.send_to(text, served.address());
        sent.map(drop).map_err(|error| format!("send: {error}"))
    };
    // As clients of UDP do: again, until there is an answer.
    let ask = |socket: &UdpSocket| -> Result<Duration> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) {
            send(socket, b"again")?;
            if socket.recv(&mut [0; 99]).is_ok() {
                return Ok(begin.elapsed());
            }
        }
        Err("no answer in 20 seconds".to_owned())
    };
    for made_up in 10..20 {
        send(&sender([127, 9, 4, made_up])?, b"made up")?;
    }
    let waited = ask(&sender([127, 0, 0, 21])?)?;
    if waited > Duration::from_secs(5) {
        return Err(format!("others were held up for {waited:?}"));
    }
    // Longer than a datagram may wait: the name counts when it comes again.
    ask(&sender([127, 9, 5, 2])?)?;
    let line = "FAIL: reader-named address from=::ffff:127.9.5.2";
    served.await_line(line).map(drop)
}
