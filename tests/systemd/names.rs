//! Names of clients, as a hostile name server may give them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testbed::{Peer, Question, Record, Reply, Resolver, Result, allow_descriptors, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("names_that_are_numbers_open_nothing", numbers),
    ("names_that_no_host_can_have_open_nothing", impossible_names),
    ("names_asked_for_in_a_flood_admit_no_client", flood),
];

const ECHO: &str = "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = in";

/// A service whose name server is at `server`.
fn serve<'a>(
    bed: &'a Bed,
    id: &str,
    lines: &str,
    server: Ipv4Addr,
    [allow, deny]: [&str; 2],
) -> Result<Served<'a>> {
    let resolver = format!("nameserver {server}\noptions timeout:20 attempts:1\n");
    let files = [
        ("resolv.conf", resolver.as_str()),
        ("hosts.allow", allow),
        ("hosts.deny", deny),
    ];
    let served = bed.serve(id, &format!("{ECHO}\n{lines}"))?;
    served.with_files(&files)?;
    Ok(served)
}

/// What a client at an IPv4 address of the loopback hears.
fn hear(served: &Served<'_>, source: [u8; 4]) -> Result<testbed::Heard> {
    Peer::hear(served.address(), Some(SocketAddr::new(source.into(), 0)))
}

fn is_let_in(served: &Served<'_>, source: [u8; 4]) -> Result<()> {
    let heard = hear(served, source)?.text();
    equal(&format!("{source:?}"), heard.as_str(), "in\n")
}

fn numbers(bed: &Bed) -> Result<()> {
    const SERVER: Ipv4Addr = Ipv4Addr::new(127, 53, 0, 1);
    // Read as inet_aton(3) reads it, each leads back to its address.
    let named = |address: [u8; 4]| match address {
        [127, 9, 0, 2] => Some("2131296258"),
        [127, 9, 0, 3] => Some("127.9.0.3"),
        [127, 9, 0, 4] => Some("0x7f090004"),
        [127, 9, 0, 5] => Some("0177.011.5"),
        [127, 9, 0, 9] => Some("plain"),
        _ => None,
    };
    let _resolver = Resolver::new(SERVER, Duration::ZERO, move |question| match question {
        Question::Names(IpAddr::V4(address)) => match named(address.octets()) {
            Some(name) => Reply::name(name),
            None => Reply::Nothing,
        },
        Question::V4(name) if name == "plain" => Reply::address([127, 9, 0, 9]),
        _ => Reply::Nothing,
    })?;
    let numbers = 2..=5;
    let local = serve(bed, "numbers", "", SERVER, ["ALL: LOCAL\n", "ALL: ALL\n"])?;
    is_let_in(&local, [127, 9, 0, 9])?;
    for last in numbers.clone() {
        turned_away(&hear(&local, [127, 9, 0, last])?)?;
    }
    let known = serve(bed, "known", "", SERVER, ["ALL: KNOWN\n", "ALL: ALL\n"])?;
    is_let_in(&known, [127, 9, 0, 9])?;
    for last in numbers.clone() {
        turned_away(&hear(&known, [127, 9, 0, last])?)?;
    }
    let paranoid = serve(bed, "paranoid", "", SERVER, ["", "ALL: PARANOID\n"])?;
    is_let_in(&paranoid, [127, 9, 0, 9])?;
    for last in numbers {
        turned_away(&hear(&paranoid, [127, 9, 0, last])?)?;
    }
    Ok(())
}

fn impossible_names(bed: &Bed) -> Result<()> {
    const SERVER: Ipv4Addr = Ipv4Addr::new(127, 53, 0, 2);
    let long = format!(
        "{}friends.example",
        format!("{}.", "x".repeat(60)).repeat(5)
    );
    let names = [
        "a b.friends.example",
        "a\n.friends.example",
        "$(id>/run/named).friends.example",
        "a\u{202e}.friends.example",
        "-a.friends.example",
        &long,
        "alias.friends.example",
        "moved.friends.example",
        "lame.friends.example",
        "mapped.friends.example",
        "HOST.Friends.Example",
        "xn--mnchen-3ya.friends.example",
        "first.friends.example",
        "second.friends.example",
        "classless.friends.example",
    ]
    .map(|name| name.as_bytes().to_vec());
    let good = [11, 12, 13, 15];
    let _resolver = Resolver::new(SERVER, Duration::ZERO, move |question| {
        let last = match question {
            Question::Names(IpAddr::V4(address)) => {
                let last = address.octets()[3];
                let Some(name) = names.get(usize::from(last).wrapping_sub(1)) else {
                    return Reply::Nothing;
                };
                let (own, other) = (
                    Record::Name(name.clone()),
                    Record::Name(b"other.example".into()),
                );
                return Reply::Records(match last {
                    13 => vec![own, other],
                    14 => vec![other, own],
                    // RFC 2317.
                    15 => vec![Record::Alias("15.0-63.1.9.127.in-addr.arpa".into()), own],
                    _ => vec![own],
                });
            }
            Question::V4(name) | Question::V6(name) => names
                .iter()
                .zip(1..)
                .find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes())),
            Question::Names(_) => None,
        };
        let Some(address) = last.map(|(_, last)| Ipv4Addr::new(127, 9, 1, last)) else {
            return Reply::Nothing;
        };
        match (question, address.octets()[3]) {
            // It leads back by way of another name.
            (Question::V4(_), 7) => Reply::Records(vec![
                Record::Alias("other.example".into()),
                Record::Address(address.into()),
            ]),
            (Question::V4(_), 8) => Reply::address([127, 9, 1, 99]),
            (_, 9) => Reply::Failure,
            (Question::V6(_), 10) => Reply::address(address.to_ipv6_mapped()),
            (Question::V4(_), 10) | (Question::V6(_), _) => Reply::Records(Vec::new()),
            _ => Reply::address(address),
        }
    })?;
    let allow = "ALL: .friends.example: spawn echo %n %c >>/run/named\n";
    let wrapped = serve(bed, "impossible", "", SERVER, [allow, "ALL: ALL\n"])?;
    let lists = "\tonly_from = .friends.example\n\tflags = NOLIBWRAP";
    let listed = serve(bed, "unfriendly", lists, SERVER, ["", ""])?;
    for served in [&wrapped, &listed] {
        for last in 1..=15 {
            match good.contains(&last) {
                true => is_let_in(served, [127, 9, 1, last])?,
                false => turned_away(&hear(served, [127, 9, 1, last])?)
                    .map_err(|error| format!("{}, client {last}: {error}", served.id))?,
            }
        }
    }
    Ok(())
}

/// Clients of the flood.
const FLOOD: u16 = 700;

fn flood(bed: &Bed) -> Result<()> {
    const SERVER: Ipv4Addr = Ipv4Addr::new(127, 53, 0, 3);
    let evil = |number: u16| Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, number);
    // Each address of the network has a name of its own, which leads back to it.
    let _resolver = Resolver::new(
        SERVER,
        Duration::from_millis(500),
        move |question| match question {
            Question::Names(IpAddr::V6(address)) => {
                Reply::name(format!("h{}.evil.example", address.segments()[7]))
            }
            Question::Names(IpAddr::V4(address)) if address.octets()[1] == 9 => {
                Reply::name("good.example")
            }
            Question::V6(name) => {
                match name.strip_prefix('h').and_then(|name| name.split_once('.')) {
                    Some((number, "evil.example")) => {
                        Reply::address(evil(number.parse().unwrap_or(0)))
                    }
                    _ => Reply::Records(Vec::new()),
                }
            }
            Question::V4(name) if name == "good.example" => Reply::address([127, 9, 3, 1]),
            _ => Reply::Records(Vec::new()),
        },
    )?;
    bed.container.sh(
        "sysctl -q net.ipv6.ip_nonlocal_bind=1 && ip -6 route replace local fd00:9::/64 dev lo",
    )?;
    allow_descriptors(4 * u64::from(FLOOD))?;
    let lines = "\tinstances = UNLIMITED\n\tcps = 100000 1";
    let served = serve(bed, "flooded", lines, SERVER, ["", "ALL: .evil.example\n"])?;
    let to = SocketAddr::new(evil(FLOOD + 1).into(), served.port);
    turned_away(&Peer::hear(to, Some((evil(0), 0).into()))?)?;
    let mut clients = Vec::new();
    for number in 1..=FLOOD {
        clients.extend(Peer::connect(to, Some((evil(number), 0).into()))?.ok());
    }
    // Another network does not wait until that one has had all its turns.
    let begin = Instant::now();
    is_let_in(&served, [127, 9, 3, 1])?;
    let waited = begin.elapsed();
    if waited > Duration::from_secs(6) {
        return Err(format!("a client of another network waited for {waited:?}"));
    }
    sleep(Duration::from_secs(6).saturating_sub(begin.elapsed()));
    let mut served_to = 0;
    for client in &mut clients {
        served_to += usize::from(!client.so_far()?.is_empty());
    }
    equal("clients of the flood that got in", served_to, 0)?;
    equal("connections", clients.len(), usize::from(FLOOD))?;
    served.systemctl("stop", "socket").map(drop)
}
