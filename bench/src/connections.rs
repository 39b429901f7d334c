//! Connections that are let in.

use std::time::Duration;

use testbed::{Container, Result};

use crate::clients::{be_served, visit};
use crate::figures::{Processor, load, median};
use crate::report::Table;
use crate::servers::{
    ACCEPT, BARE, DAYTIME, OPENBSD, SILENT, SILENT_DAYTIME, SOCAT, STATIC, TCPSERVER, TCPSVD,
    XINETD,
};

const ROUNDS: usize = 5;
/// How long one measurement lasts.
const SPAN: Duration = Duration::from_secs(1);
/// So many clients at once.
const CLIENTS: [usize; 3] = [1, 16, 64];

/// All execute the same static program, which writes three bytes.
const SERVERS: [(&str, u16); 9] = [
    ("bare accept + vfork + exec", BARE),
    ("xinetd-bridge", STATIC),
    ("xinetd-bridge without `log_on_success`", SILENT),
    ("xinetd 2.3.15.3", STATIC + XINETD),
    ("openbsd-inetd", OPENBSD),
    ("tcpserver -v (ucspi-tcp)", TCPSERVER),
    ("tcpsvd -v (ipsvd)", TCPSVD),
    ("socat", SOCAT),
    ("systemd `Accept=yes`", ACCEPT),
];

const INTERNAL: [(&str, u16); 4] = [
    ("xinetd-bridge", DAYTIME),
    ("xinetd 2.3.15.3", DAYTIME + XINETD),
    ("xinetd-bridge without `log_on_success`", SILENT_DAYTIME),
    (
        "xinetd 2.3.15.3 without `log_on_success`",
        SILENT_DAYTIME + XINETD,
    ),
];

pub(crate) fn measure(_: &Container) -> Result<Vec<Table>> {
    Ok(vec![
        compare("connections", &SERVERS, be_served)?,
        compare("daytime", &INTERNAL, be_served)?,
    ])
}

/// Servers in turn, over several rounds; ratios are to the first one.
pub(crate) fn compare(
    what: &str,
    servers: &[(&str, u16)],
    client: fn(u16) -> Result<()>,
) -> Result<Table> {
    for (name, port) in servers {
        visit(*port).map_err(|error| format!("{name}: {error}"))?;
    }
    let mut samples = vec![[const { Vec::new() }; CLIENTS.len()]; servers.len()];
    for _ in 0..ROUNDS {
        for (&(_, port), sample) in servers.iter().zip(&mut samples) {
            for (clients, sample) in CLIENTS.into_iter().zip(sample) {
                sample.push(sampled(clients, || client(port))?);
            }
        }
    }
    let clients = CLIENTS.map(|count| format!("{count} at once, /s"));
    let cpu = CLIENTS.map(|count| format!("CPU each, {count}"));
    let mut table = Table::new([what.to_owned()].into_iter().chain(clients).chain(cpu));
    for (&(name, _), samples) in servers.iter().zip(&samples) {
        let rates = samples.iter().map(|samples| {
            let rate = median(samples.iter().map(|sample| sample.rate));
            format!("{rate:.0}")
        });
        let cpu = samples.iter().map(|samples| {
            let cpu = median(samples.iter().map(|sample| sample.cpu * 1e3));
            format!("{cpu:.3} ms")
        });
        table.row([name.to_owned()].into_iter().chain(rates).chain(cpu));
    }
    Ok(table)
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Connections per second.
    pub(crate) rate: f64,
    /// Seconds of processor time per connection, of everything but the clients.
    pub(crate) cpu: f64,
}

/// What so many clients see in a second.
pub(crate) fn sampled(clients: usize, client: impl Fn() -> Result<()> + Sync) -> Result<Sample> {
    let processor = Processor::now()?;
    let (count, seconds) = load(clients, SPAN, |_| client())?;
    Ok(Sample {
        rate: count / seconds,
        cpu: processor.since()? / count,
    })
}
