//! What good clients wait for while one source floods and is refused.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Container, Result};

use crate::clients::{be_served, visit_from};
use crate::figures::{median, quantile};
use crate::report::Table;
use crate::servers::{
    BARE, BARE_CLOSE, FLOODED, FLOODER, OPENBSD_FLOODED, TCPSERVER_FLOODED, XINETD,
};

const ROUNDS: usize = 5;
/// How long one measurement lasts.
const SPAN: Duration = Duration::from_secs(2);
/// Between two good clients.
const PAUSE: Duration = Duration::from_millis(4);

/// Who serves good clients, and who bears the flood: of the first the flood takes the processor alone.
const SERVERS: [(&str, u16, u16); 5] = [
    ("bare loop, flood at another port", BARE, BARE_CLOSE),
    ("xinetd-bridge", FLOODED, FLOODED),
    ("xinetd 2.3.15.3", FLOODED + XINETD, FLOODED + XINETD),
    (
        "openbsd-inetd -l (libwrap)",
        OPENBSD_FLOODED,
        OPENBSD_FLOODED,
    ),
    (
        "tcpserver -v -x (ucspi-tcp)",
        TCPSERVER_FLOODED,
        TCPSERVER_FLOODED,
    ),
];

pub(crate) fn measure(_: &Container) -> Result<Vec<Table>> {
    let mut samples = vec![[const { Vec::new() }; 4]; SERVERS.len()];
    for _ in 0..ROUNDS {
        for (&(_, good, bad), sample) in SERVERS.iter().zip(&mut samples) {
            let quiet = waits(good)?;
            let (flooded, refused) = under_flood(good, bad)?;
            let row = [
                quantile(&quiet, 0.5),
                quantile(&quiet, 0.99),
                quantile(&flooded, 0.99),
                refused,
            ];
            for (values, value) in sample.iter_mut().zip(row) {
                values.push(value);
            }
        }
    }
    let mut table = Table::new([
        "while one source floods",
        "quiet p50",
        "quiet p99",
        "flooded p99",
        "ratio of the p99",
        "refused, /s",
    ]);
    for ((name, ..), sample) in SERVERS.iter().zip(samples) {
        let [half, quiet, flooded, refused] = sample.map(median);
        table.row([
            (*name).to_owned(),
            format!("{half:.2} ms"),
            format!("{quiet:.2} ms"),
            format!("{flooded:.2} ms"),
            format!("{:.1}", flooded / quiet),
            format!("{refused:.0}"),
        ]);
    }
    Ok(vec![table])
}

/// Milliseconds from connect to the end of the answer, of good clients one after the other.
fn waits(port: u16) -> Result<Vec<f64>> {
    let begin = Instant::now();
    let mut waits = Vec::new();
    while begin.elapsed() < SPAN {
        let connect = Instant::now();
        be_served(port)?;
        waits.push(connect.elapsed().as_secs_f64() * 1e3);
        thread::sleep(PAUSE);
    }
    Ok(waits)
}

/// The same under a flood, and how many of that were refused in a second.
fn under_flood(good: u16, bad: u16) -> Result<(Vec<f64>, f64)> {
    let (is_over, refused) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let flood = scope.spawn(|| -> Result<()> {
            while !is_over.load(Ordering::Relaxed) {
                visit_from(FLOODER, bad)?;
                refused.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        let waits = waits(good);
        is_over.store(true, Ordering::Relaxed);
        flood.join().map_err(|_| "the flood panicked")??;
        let rate = f64::from(refused.load(Ordering::Relaxed)) / SPAN.as_secs_f64();
        Ok((waits?, rate))
    })
}
