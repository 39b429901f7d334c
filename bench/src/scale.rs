//! Whether a connection costs more when there is more: sessions, sources, addresses, bans.

use std::fmt::Write;
use std::net::{Ipv4Addr, TcpStream};

use testbed::{Container, Result};

use crate::clients::{be_served, join};
use crate::connections::sampled;
use crate::figures::median;
use crate::report::Table;
use crate::servers::{CROWDED, LONG_LIST, QUIET, SHORT_LIST, STATIC};

const ROUNDS: usize = 7;
const CLIENTS: usize = 4;
const SESSIONS: u16 = 5000;
const BANS: u16 = 10_000;

pub(crate) fn measure(container: &Container) -> Result<Vec<Table>> {
    let mut table = Table::new(["CPU per connection with", "few", "many", "ratio"]);
    let mut row = |name: &str, few: f64, many: f64| {
        table.row([
            name.to_owned(),
            format!("{few:.3} ms"),
            format!("{many:.3} ms"),
            format!("{:.2}", many / few),
        ]);
    };
    let list = [SHORT_LIST, LONG_LIST].map(|port| move || be_served(port));
    let [few, many] = in_turn(&list)?;
    row("10 or 10,000 addresses in `only_from`", few, many);
    let crowd = crowd()?;
    let joined = [QUIET, CROWDED].map(|port| move || join(Ipv4Addr::LOCALHOST, port).map(drop));
    let [few, many] = in_turn(&joined)?;
    row("0 or 5,000 sessions from 5,000 sources", few, many);
    drop(crowd);
    let few = alone(|| be_served(STATIC))?;
    ban(container)?;
    let many = alone(|| be_served(STATIC))?;
    container.sh("xinetdctl bans flush")?;
    row("0 or 10,000 bans", few, many);
    Ok(vec![table])
}

/// Milliseconds of processor time for each connection of two kinds.
fn in_turn(clients: &[impl Fn() -> Result<()> + Sync; 2]) -> Result<[f64; 2]> {
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (client, samples) in clients.iter().zip(&mut samples) {
            samples.push(sampled(CLIENTS, client)?.cpu * 1e3);
        }
    }
    Ok(samples.map(median))
}

fn alone(client: impl Fn() -> Result<()> + Sync) -> Result<f64> {
    let samples = (0..ROUNDS).map(|_| Ok(sampled(CLIENTS, &client)?.cpu * 1e3));
    Ok(median(samples.collect::<Result<Vec<_>>>()?))
}

/// Sessions of the same service, each from an address of its own.
fn crowd() -> Result<Vec<TcpStream>> {
    let source = |number: u16| {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(127, 1, high, low)
    };
    (1..=SESSIONS)
        .map(|number| join(source(number), CROWDED))
        .collect()
}

/// As after a boot, with all of these kept.
fn ban(container: &Container) -> Result<()> {
    let mut text = "format = 1\n".to_owned();
    for number in 0..BANS {
        let peer = format!("198.18.{}.{}/32", number / 250, number % 250);
        let _ = write!(
            text,
            "[[ban]]\npeer = \"{peer}\"\nsince = 1\nlast = 1\nsensor = \"decoy\"\n"
        );
    }
    container
        .sh("systemctl stop xinetd-coordinator.service; rm -f /run/xinetd-coordinator/bans")?;
    container.sh("mkdir -p -m 700 /var/lib/xinetd-coordinator")?;
    container.write("/var/lib/xinetd-coordinator/bans.toml", text, 0o600)?;
    container.wait_until(&format!(
        "test $(xinetdctl bans list | grep -c '^198.18.') = {BANS}"
    ))
}
