//! `redirect`: bytes and sessions passed on. The backends are threads of this program.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Container, Result};

use crate::clients::{be_served, local};
use crate::figures::{Processor, load, median};
use crate::report::Table;
use crate::servers::{
    PROXYD_ANSWER, PROXYD_SINK, SOCAT_ANSWER, SOCAT_SINK, TO_ANSWER, TO_SINK, XINETD,
};

const ROUNDS: usize = 5;
/// How long one measurement lasts.
const SPAN: Duration = Duration::from_secs(1);

/// Where the backends listen: one takes all that it gets, the other answers one byte.
pub(crate) const SINK: u16 = 7801;
pub(crate) const ANSWER: u16 = 7802;

/// Who passes on to the two, and on which ports.
const SERVERS: [(&str, u16, u16); 5] = [
    ("nobody between", SINK, ANSWER),
    ("xinetd-bridge", TO_SINK, TO_ANSWER),
    ("xinetd 2.3.15.3", TO_SINK + XINETD, TO_ANSWER + XINETD),
    ("systemd-socket-proxyd 252", PROXYD_SINK, PROXYD_ANSWER),
    ("socat", SOCAT_SINK, SOCAT_ANSWER),
];

/// What the sink has taken.
static TAKEN: AtomicU64 = AtomicU64::new(0);

pub(crate) fn measure(_: &Container) -> Result<Vec<Table>> {
    backends()?;
    let mut samples = vec![[const { Vec::new() }; 5]; SERVERS.len()];
    for _ in 0..ROUNDS {
        for (&(_, sink, answer), sample) in SERVERS.iter().zip(&mut samples) {
            let (one, cpu) = throughput(sink, 1)?;
            let (many, _) = throughput(sink, 100)?;
            let row = [one, many, cpu, sessions(answer, 1)?, sessions(answer, 16)?];
            for (values, value) in sample.iter_mut().zip(row) {
                values.push(value);
            }
        }
    }
    let mut table = Table::new([
        "redirect",
        "1 stream, MB/s",
        "100 streams, MB/s",
        "CPU, s/GB",
        "new sessions/s, 1 client",
        "16 clients",
    ]);
    for ((name, ..), sample) in SERVERS.iter().zip(samples) {
        let [one, many, cpu, few, more] = sample.map(median);
        table.row([
            (*name).to_owned(),
            format!("{one:.0}"),
            format!("{many:.0}"),
            format!("{cpu:.2}"),
            format!("{few:.0}"),
            format!("{more:.0}"),
        ]);
    }
    Ok(vec![table])
}

/// Starts the backends, if they do not run yet.
pub(crate) fn backends() -> Result<()> {
    static STARTED: OnceLock<Result<()>> = OnceLock::new();
    STARTED.get_or_init(start).clone()
}

fn start() -> Result<()> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| e.to_string());
    let (sink, answer) = (listen(SINK)?, listen(ANSWER)?);
    thread::spawn(move || {
        for mut stream in sink.incoming().flatten() {
            thread::spawn(move || {
                let mut buffer = vec![0; 256 * 1024];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    TAKEN.fetch_add(count as u64, Ordering::Relaxed);
                }
            });
        }
    });
    thread::spawn(move || {
        for mut stream in answer.incoming().flatten() {
            // Whoever is gone needs no answer.
            let _ = stream.write_all(b"x");
        }
    });
    Ok(())
}

/// Megabytes per second through `port`, and processor time of everything but this program for each
/// gigabyte.
fn throughput(port: u16, streams: usize) -> Result<(f64, f64)> {
    let connect = || TcpStream::connect(local(port)).map_err(|error| format!("{port}: {error}"));
    let streams = (0..streams)
        .map(|_| connect())
        .collect::<Result<Vec<_>>>()?;
    let (processor, before) = (Processor::now()?, TAKEN.load(Ordering::Relaxed));
    let begin = Instant::now();
    thread::scope(|scope| {
        for stream in &streams {
            scope.spawn(move || {
                let chunk = vec![b'x'; 256 * 1024];
                let mut stream = stream;
                while begin.elapsed() < SPAN && stream.write_all(&chunk).is_ok() {}
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    });
    let bytes = TAKEN.load(Ordering::Relaxed) - before;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let megabytes = bytes as f64 / 1e6;
    let cpu = processor.since()?;
    Ok((
        megabytes / begin.elapsed().as_secs_f64(),
        cpu / megabytes * 1e3,
    ))
}

/// New sessions per second, each read to its end.
fn sessions(port: u16, clients: usize) -> Result<f64> {
    let (count, seconds) = load(clients, SPAN, |_| be_served(port))?;
    Ok(count / seconds)
}
