//! Many services at once, and many bans: what they cost the bus and the coordinator.

use std::time::Instant;

use testbed::{Container, Result, Suite, equal, say};

use crate::Scenario;
use crate::bed::{Bed, Served, entry};
use crate::sensor::alone;

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("four_hundred_helpers_leave_the_bus_alone", helpers),
    ("ten_thousand_bans_fit", bans),
];

/// dbus-daemon lets a user have 256 connections: helpers must have none.
const SERVICES: u16 = 400;

/// How much memory the coordinator may have, in KiB: far more than is measured, so that only another order
/// fails. How long a command takes is said and decides nothing, as machines differ.
const MUCH: u64 = 64 << 10;

/// What a command takes that runs inside, in seconds: the median of a few times.
fn time(bed: &Bed, command: &str) -> Result<f64> {
    let mut times = [0.0; 7];
    for time in &mut times {
        let begin = Instant::now();
        bed.container.sh(command)?;
        *time = begin.elapsed().as_secs_f64();
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// The memory of the coordinator in KiB: its own, and its share of what is shared (PSS).
fn memory(bed: &Bed) -> Result<u64> {
    let text = bed.container.sh("awk '$1 == \"Pss:\" { print $2 }' \
         /proc/$(systemctl show -P MainPID xinetd-coordinator)/smaps_rollup")?;
    text.trim()
        .parse()
        .map_err(|_| format!("no memory: {text}"))
}

fn bounded(bed: &Bed, what: &str, commands: &[&str]) -> Result<()> {
    for command in commands {
        let time = time(bed, &format!("{command} >/dev/null"))?;
        say(&format!("{what}: `{command}` takes {:.0} ms", time * 1e3));
    }
    let memory = memory(bed)?;
    say(&format!("{what}: the coordinator has {memory} KiB"));
    equal("the memory is bounded", memory < MUCH, true)
}

/// New services that one reload starts.
const NEW: u16 = 1000;

/// A reload starts many services. How long it takes is said, beside `systemctl start` of the same sockets, which
/// needs no units made and read first.
pub(crate) fn thousand(suite: Suite) -> Result<()> {
    let container = Container::boot(suite, super::boot::without_real)?;
    let ports = 10_000..10_000 + NEW;
    let lines = "\tuser = nobody\n\tserver = /bin/cat";
    let text: String = ports
        .clone()
        .map(|port| entry(&format!("new-{port}"), port, lines))
        .collect();
    let sockets: Vec<_> = ports.map(|port| format!("new-{port}.socket")).collect();
    let sockets = sockets.join(" ");
    let time = |command: &str| -> Result<f64> {
        let begin = Instant::now();
        container.sh(command)?;
        Ok(begin.elapsed().as_secs_f64())
    };
    let mut pairs = Vec::new();
    for _ in 0..3 {
        container.write("/etc/xinetd.d/new", &text, 0o644)?;
        let reload = time("xinetdctl reload")?;
        let active = container
            .sh("systemctl list-units --plain --no-legend --state=active 'new-*.socket' | wc -l")?;
        equal("active sockets", active.trim(), &NEW.to_string())?;
        container.sh(&format!("systemctl stop {sockets}"))?;
        pairs.push((reload, time(&format!("systemctl start {sockets}"))?));
        // No service is left then.
        container.sh("rm /etc/xinetd.d/new; xinetdctl reload --force")?;
    }
    for (reload, start) in &pairs {
        say(&format!(
            "{NEW} new services: reload {:.0} ms, systemctl start {:.0} ms",
            reload * 1e3,
            start * 1e3
        ));
    }
    Ok(())
}

fn helpers(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    // What other scenarios had it do is not counted.
    bed.container
        .sh("systemctl stop xinetd-coordinator.service")?;
    let ports: Vec<u16> = (0..SERVICES).map(|_| bed.port()).collect();
    let id = |port: &u16| format!("many-{port}");
    let lines = "\tuser = root\n\tserver = /bin/cat";
    let text: String = ports
        .iter()
        .map(|port| entry(&id(port), *port, lines))
        .collect();
    bed.container.write("/etc/xinetd.d/many", text, 0o644)?;
    bed.daemon_reload()?;
    let units: Vec<_> = ports.iter().map(|port| id(port) + ".socket").collect();
    bed.container
        .sh(&format!("systemctl start {}", units.join(" ")))?;
    let mut clients = Vec::new();
    for port in &ports {
        let served = Served {
            bed,
            id: id(port),
            port: *port,
        };
        clients.push(served.connect()?);
    }
    for client in &mut clients {
        client.echo(b"1")?;
    }
    let serving = bed
        .container
        .sh("xinetdctl status | grep -c '^many-.* serving .* 1 '")?;
    equal("services", serving.trim(), &SERVICES.to_string())?;
    // Others of root find room on the bus.
    bed.container.sh(
        "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
         org.freedesktop.DBus.Peer Ping",
    )?;
    let first = ports.first().map(id).unwrap_or_default();
    let object = format!(
        "busctl introspect org.xinetd.Bridge1 /org/xinetd/Bridge1/service/{}",
        first.replace('-', "_2d")
    );
    let status = format!("xinetdctl status {first}");
    bounded(
        bed,
        "400 active services",
        &["xinetdctl status", "xinetdctl metrics", &status, &object],
    )?;
    drop(clients);
    bed.container.sh("rm /etc/xinetd.d/many")?;
    bed.daemon_reload()
}

fn bans(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let file = "/var/lib/xinetd-coordinator/bans.toml";
    let mut text = "format = 1\n".to_owned();
    for number in 0..10_000 {
        let peer = format!("198.18.{}.{}/32", number / 250, number % 250);
        text.push_str(&format!(
            "[[ban]]\npeer = \"{peer}\"\nsince = 1\nlast = 1\nsensor = \"decoy\"\n"
        ));
    }
    // As after a boot: there is no table.
    let stop = "systemctl stop xinetd-coordinator.service; rm -f /run/xinetd-coordinator/bans";
    bed.container.sh(stop)?;
    bed.container.write(file, text, 0o600)?;
    let count = bed
        .container
        .sh("xinetdctl bans list | grep -c '^198.18.'")?;
    equal("bans", count.trim(), "10000")?;
    bounded(
        bed,
        "10,000 bans",
        &[
            "xinetdctl bans list",
            "xinetdctl bans add 10.9.0.4",
            "xinetdctl bans remove 10.9.0.4 && xinetdctl bans add 10.9.0.4",
        ],
    )?;
    bed.container.sh("xinetdctl bans flush").map(drop)
}
