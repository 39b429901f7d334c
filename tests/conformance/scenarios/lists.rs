//! Several hundred pairs of a list and a client (docs/xinetd-behaviour.md, section 3).

use std::fmt::Write;

use testbed::Result;

use crate::scenario::Scenario;
use crate::stage::Stage;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "lists-dual-stack",
        section: "3",
        claim: "each form of an address, as only_from and as no_access, against each client",
        configuration: "",
        act: |stage| pairs(stage, ""),
        ..Scenario::SAME
    },
    Scenario {
        name: "lists-ipv4",
        section: "3.2",
        claim: "the same on sockets of IPv4 alone, where IPv6 entries match no client",
        configuration: "",
        act: |stage| pairs(stage, "flags = IPv4"),
        ..Scenario::SAME
    },
];

/// The clients.
const SOURCES: [&str; 13] = [
    "127.0.0.1",
    "127.1.2.3",
    "10.0.0.1",
    "10.0.0.10",
    "10.1.0.2",
    "10.1.2.0",
    "10.1.2.3",
    "10.1.2.255",
    "10.1.3.3",
    "192.0.2.7",
    "::1",
    "fd00:1:2::3",
    "fd00:1:4::3",
];

/// Lines of a service.
const LISTS: [&str; 40] = [
    "only_from = 10.1.2.3",
    "only_from = 10.1.2.0",
    "only_from = 10.1.0.0",
    "only_from = 10.0.0.0",
    "only_from = 0.0.0.0",
    "only_from = 0",
    "only_from = 10.1.2",
    "only_from = 10.1",
    "only_from = 10",
    "only_from = 0x0a010203",
    "only_from = 167838211",
    "only_from = 012.1.2.3",
    "only_from = 10.1.2.3/32",
    "only_from = 10.1.2.0/32",
    "only_from = 10.1.2.3/31",
    "only_from = 10.1.2.128/25",
    "only_from = 10.1.3.3/23",
    "only_from = 10.1.2/24",
    "only_from = 10.1.2.3/0",
    "only_from = 127.0.0.0/8 192.0.2.0/29",
    "only_from = 10.1.2.{0,3}",
    "only_from = 10.1.{2,3}",
    "only_from = 10.{0,1}",
    "only_from = {10,127}",
    "only_from = ::1",
    "only_from = ::",
    "only_from = ::/0",
    "only_from = fd00:1:2::3",
    "only_from = fd00:1:2::/47",
    "only_from = fd00:1:2::/48",
    "only_from = fd00::/8",
    "only_from = fd00:1:2::3/127",
    "only_from = ::ffff:10.1.2.3",
    "only_from = ::ffff:10.1.2.0/120",
    "only_from = ::ffff:0:0/96",
    "no_access = 10.1.2.0",
    "no_access = 0.0.0.0/0",
    "no_access = ::/0",
    "only_from = 10.0.0.0 no_access = 10.1.2.0/24",
    "only_from = 10.1.2.3 no_access = 10.1.2.3/8",
];

fn pairs(stage: &mut Stage<'_>, flags: &str) -> Result<()> {
    let mut text = String::new();
    for (lists, port) in LISTS.iter().zip(7001..) {
        let lists = lists.replace(" no_access", "\n\tno_access");
        let _ = write!(
            text,
            "service s{port}\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\
             \tport = {port}\n\tuser = root\n\tserver = PROBE/argv\n\tcps = 0 0\n\t{lists}\n\t{flags}\n}}\n"
        );
    }
    stage.configure(&text)?;
    for (lists, port) in LISTS.iter().zip(7001..) {
        let mut let_in = Vec::new();
        for source in SOURCES {
            if let Ok(peer) = stage.connect(source, port)?
                && !peer.read_to_end()?.bytes.is_empty()
            {
                let_in.push(source);
            }
        }
        stage.note(&format!("{lists}: {}", let_in.join(" ")));
    }
    Ok(())
}
