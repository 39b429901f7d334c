//! The first connection to a service that sleeps.

use std::time::Instant;

use testbed::{Container, Result};

use crate::clients::be_served;
use crate::figures::median;
use crate::report::Table;
use crate::servers::{ACTIVATED, DAYTIME, STATIC};

const ROUNDS: usize = 15;

/// Who sleeps; of the bridge, a service that starts a program, and one that answers by itself.
const SERVERS: [(&str, &str, u16); 3] = [
    ("a C program in an empty unit", "activated", ACTIVATED),
    ("xinetd-bridge, static server", "static", STATIC),
    ("xinetd-bridge, daytime", "daytime", DAYTIME),
];

pub(crate) fn measure(container: &Container) -> Result<Vec<Table>> {
    let mut samples = [const { Vec::new() }; SERVERS.len()];
    for _ in 0..ROUNDS {
        for (&(_, unit, port), samples) in SERVERS.iter().zip(&mut samples) {
            container.sh(&format!(
                "systemctl stop {unit}.service 2>/dev/null; systemctl start {unit}.socket"
            ))?;
            let begin = Instant::now();
            be_served(port)?;
            samples.push(begin.elapsed().as_secs_f64() * 1e3);
        }
    }
    let samples = samples.map(median);
    let floor = samples.first().copied().unwrap_or(f64::NAN);
    let mut table = Table::new(["first connection", "until its end", "ratio"]);
    for ((name, ..), wait) in SERVERS.iter().zip(samples) {
        table.row([
            (*name).to_owned(),
            format!("{wait:.1} ms"),
            format!("{:.2}", wait / floor),
        ]);
    }
    Ok(vec![table])
}
