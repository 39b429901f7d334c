//! Which clients may connect (docs/xinetd-behaviour.md, section 3), and the banners.

use testbed::{Close, Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("only_from_and_no_access", lists),
    ("host_names_are_looked_up_and_confirmed", names),
    ("a_refusal_names_its_rule", the_rule_is_named),
    ("banners", banners),
    ("a_client_that_does_not_read_stalls_nobody", nobody_waits),
    ("ipv4_alone", ipv4_alone),
    ("ipv6_alone", ipv6_alone),
    ("bind_listens_on_one_address", bind),
    ("a_name_in_no_access_keeps_out", names_kept_out),
];

const ECHO: &str = "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = in";

fn lists(bed: &Bed) -> Result<()> {
    let lists = "\tonly_from = 127.0.0.0/29 127.0.1.9\n\tno_access = 127.0.0.3";
    let served = bed.serve("lists", &format!("{ECHO}\n{lists}"))?;
    equal("in only_from", served.hear_from(2)?.text().as_str(), "in\n")?;
    turned_away(&served.hear_from(3)?)?;
    served.await_line("FAIL: lists address from=::ffff:127.0.0.3")?;
    turned_away(&served.hear_from(9)?)?;
    served
        .await_line("FAIL: lists address from=::ffff:127.0.0.9")
        .map(drop)
}

fn names(bed: &Bed) -> Result<()> {
    let served = bed.serve("names", &format!("{ECHO}\n\tonly_from = .example.org"))?;
    equal("a friend", served.hear_from(21)?.text().as_str(), "in\n")?;
    turned_away(&served.hear_from(22)?)?;
    served
        .await_line("FAIL: names address from=::ffff:127.0.0.22")
        .map(drop)
}

fn the_rule_is_named(bed: &Bed) -> Result<()> {
    let served = bed.serve("rule", &format!("{ECHO}\n\tno_access = 127.0.0.5"))?;
    turned_away(&served.hear_from(5)?)?;
    let line = served.await_line("FAIL: rule address")?;
    equal(
        "XINETD_RULE",
        line.field("XINETD_RULE"),
        "/etc/xinetd.d/rule:10:14",
    )?;
    equal("REMOTE_ADDR", line.field("REMOTE_ADDR"), "127.0.0.5")
}

fn banners(bed: &Bed) -> Result<()> {
    for (name, text) in [
        ("all", "hello\n"),
        ("good", "welcome\n"),
        ("bad", "go away\n"),
    ] {
        bed.container
            .write(&format!("/etc/banner.{name}"), text, 0o644)?;
    }
    let lines = "\tbanner = /etc/banner.all\n\tbanner_success = /etc/banner.good\n\
                 \tbanner_fail = /etc/banner.bad\n\tno_access = 127.0.0.5";
    let served = bed.serve("banners", &format!("{ECHO}\n{lines}"))?;
    equal(
        "let in",
        served.hear()?.text().as_str(),
        "hello\nwelcome\nin\n",
    )?;
    let refused = served.hear_from(5)?;
    equal(
        "refused",
        (refused.text().as_str(), refused.close),
        ("hello\ngo away\n", Close::Fin),
    )
}

/// No more than a banner may have.
const HUGE: usize = 1 << 20;

fn nobody_waits(bed: &Bed) -> Result<()> {
    // More than fits between the helper and a client that reads nothing: to a neighbour, the
    // kernel would take several MiB at once.
    bed.container
        .sh("echo 4096 16384 65536 >/proc/sys/net/ipv4/tcp_wmem")?;
    bed.container
        .write("/etc/banner.huge", vec![b'x'; HUGE], 0o644)?;
    let served = bed.serve(
        "stall",
        &format!("{ECHO}\n\tbanner = /etc/banner.huge\n\tno_access = 127.0.0.9"),
    )?;
    let _lazy = (0..4)
        .map(|_| Peer::connect_lazily(served.address()))
        .collect::<Result<Vec<_>>>()?;
    let heard = served.hear_from(2)?;
    equal("bytes to one that reads", heard.bytes.len(), HUGE + 3)?;
    // The others have the beginning of the banner, and no server.
    let lines = bed.container.journal("stall.service")?;
    let starts = lines
        .iter()
        .filter(|line| line.message().starts_with("START: "));
    equal("servers started", starts.count(), 1)
}

fn ipv4_alone(bed: &Bed) -> Result<()> {
    let show = "\tuser = nobody\n\tserver = /bin/sh\n\tserver_args = -c env\n\tflags = IPv4";
    let served = bed.serve("four", show)?;
    let text = served.hear()?.text();
    equal(
        "plain address",
        text.lines().any(|line| line == "REMOTE_HOST=127.0.0.1"),
        true,
    )?;
    served.await_line("START: four pid=")?;
    let six = (std::net::Ipv6Addr::LOCALHOST, served.port).into();
    equal("over IPv6", Peer::hear(six, None)?.close, Close::Refused)
}

fn ipv6_alone(bed: &Bed) -> Result<()> {
    let served = bed.serve("six", &format!("{ECHO}\n\tflags = IPv6\n\tv6only = yes"))?;
    let six = (std::net::Ipv6Addr::LOCALHOST, served.port).into();
    equal("over IPv6", Peer::hear(six, None)?.text().as_str(), "in\n")?;
    served.await_line("START: six pid=")?;
    equal("over IPv4", served.hear()?.close, Close::Refused)
}

fn bind(bed: &Bed) -> Result<()> {
    let served = bed.serve("bound", &format!("{ECHO}\n\tbind = 127.0.0.40"))?;
    let there = (std::net::Ipv4Addr::new(127, 0, 0, 40), served.port).into();
    equal("there", Peer::hear(there, None)?.text().as_str(), "in\n")?;
    equal("elsewhere", served.hear()?.close, Close::Refused)
}

fn names_kept_out(bed: &Bed) -> Result<()> {
    let served = bed.serve(
        "kept-out",
        &format!("{ECHO}\n\tno_access = stranger.example.net"),
    )?;
    turned_away(&served.hear_from(22)?)?;
    served.await_line("FAIL: kept-out address from=::ffff:127.0.0.22")?;
    equal("another", served.hear_from(21)?.text().as_str(), "in\n")
}
