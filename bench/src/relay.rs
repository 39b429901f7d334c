//! The second half of `make bench`: redirect and internal services beside their peers.
//!
//! Clients and the backend are threads of this program, the same for all peers. Only ratios within
//! one run mean something.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testbed::figures::{Processor, load, median, say};
use testbed::{Container, Result, Suite, allow_descriptors, missing, write};

const ROUNDS: usize = 3;
/// How long one measurement lasts.
const SPAN: Duration = Duration::from_secs(2);

/// Where the backends listen: one takes all that it gets, the other answers one byte.
const SINK: u16 = 9001;
const ANSWER: u16 = 9002;

/// Who passes on to the two, and on which ports.
const PEERS: [(&str, u16, u16); 4] = [
    ("nobody between", SINK, ANSWER),
    ("xinetd-bridge", 8101, 8102),
    ("xinetd 2.3.15.3", 8201, 8202),
    ("systemd-socket-proxyd 252", 8301, 8302),
];

/// Who tells the time.
const DAYTIME: [(&str, u16); 2] = [("xinetd-bridge", 8103), ("xinetd 2.3.15.3", 8203)];

fn main() -> ExitCode {
    match missing().map_or_else(bench, Err) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("no figures: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    allow_descriptors(8192)?;
    let container = Container::boot(Suite::Bookworm, prepare)?;
    container.sh(
        "systemd-run -q --unit=old xinetd -dontfork -f /opt/xinetd.conf
         systemctl start proxy-sink.socket proxy-answer.socket",
    )?;
    container.enter_network()?;
    let taken = Arc::new(AtomicU64::new(0));
    start_backends(&taken)?;
    say(
        "| redirect | 1 stream, MB/s | 100 streams, MB/s | CPU, s/GB | new sessions/s, 1 client | 16 clients |",
    );
    say("| --- | --- | --- | --- | --- | --- |");
    let mut samples = vec![[const { Vec::new() }; 5]; PEERS.len()];
    for _ in 0..ROUNDS {
        for (&(_, sink, answer), sample) in PEERS.iter().zip(&mut samples) {
            let (one, cpu) = throughput(&taken, sink, 1)?;
            let (many, _) = throughput(&taken, sink, 100)?;
            let row = [one, many, cpu, sessions(answer, 1)?, sessions(answer, 16)?];
            for (values, value) in sample.iter_mut().zip(row) {
                values.push(value);
            }
        }
    }
    for ((name, ..), sample) in PEERS.iter().zip(samples) {
        let [one, many, cpu, few, more] = sample.map(median);
        say(&format!(
            "| {name} | {one:.0} | {many:.0} | {cpu:.2} | {few:.0} | {more:.0} |"
        ));
    }
    say("\n| daytime | 1 client, /s | 16 clients, /s |\n| --- | --- | --- |");
    for (name, port) in DAYTIME {
        let (few, many) = (sessions(port, 1)?, sessions(port, 16)?);
        say(&format!("| {name} | {few:.0} | {many:.0} |"));
    }
    memory(&container)
}

fn start_backends(taken: &Arc<AtomicU64>) -> Result<()> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| e.to_string());
    let (sink, answer) = (listen(SINK)?, listen(ANSWER)?);
    let taken = Arc::clone(taken);
    thread::spawn(move || {
        for mut stream in sink.incoming().flatten() {
            let taken = Arc::clone(&taken);
            thread::spawn(move || {
                let mut buffer = vec![0; 256 * 1024];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    taken.fetch_add(count as u64, Ordering::Relaxed);
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
fn throughput(taken: &AtomicU64, port: u16, streams: usize) -> Result<(f64, f64)> {
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|e| e.to_string());
    let streams = (0..streams)
        .map(|_| connect())
        .collect::<Result<Vec<_>>>()?;
    let (processor, before) = (Processor::now()?, taken.load(Ordering::Relaxed));
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
    let bytes = taken.load(Ordering::Relaxed) - before;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let megabytes = bytes as f64 / 1e6;
    let cpu = processor.since()?;
    Ok((
        megabytes / begin.elapsed().as_secs_f64(),
        cpu / megabytes * 1e3,
    ))
}

/// Connections per second, each read to its end.
fn sessions(port: u16, clients: usize) -> Result<f64> {
    let client = || {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let mut stream = stream.map_err(|error| format!("{port}: {error}"))?;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        match bytes.is_empty() {
            true => Err(format!("{port} has nothing to say")),
            false => Ok(()),
        }
    };
    let (count, seconds) = load(clients, SPAN, client)?;
    Ok(count / seconds)
}

/// What idle sessions cost in the helper.
fn memory(container: &Container) -> Result<()> {
    let rss = || -> Result<f64> {
        let text =
            container.sh("grep VmRSS /proc/$(systemctl show -P MainPID sink.service)/status")?;
        let number = text
            .split_whitespace()
            .nth(1)
            .and_then(|word| word.parse().ok());
        number.ok_or(text)
    };
    let before = rss()?;
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, 8101)).map_err(|e| e.to_string());
    let mut streams = Vec::new();
    for _ in 0..2000 {
        let mut stream = connect()?;
        stream.write_all(b"x").map_err(|error| error.to_string())?;
        streams.push(stream);
    }
    container.wait_until("systemctl show -P StatusText sink.service | grep -w '2000 running'")?;
    let after = rss()?;
    say(&format!(
        "\n2,000 idle sessions: RSS {after:.0} KiB, {before:.0} before"
    ));
    Ok(())
}

fn redirect(name: &str, port: u16, to: u16) -> String {
    format!(
        "service {name}\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = {port}\n\
         \tuser = nobody\n\tredirect = 127.0.0.1 {to}\n\tflags = NOLIBWRAP IPv4\n\tcps = 0 0\n\
         \tlog_type = SYSLOG daemon info\n\tlog_on_success = HOST PID DURATION\n}}\n"
    )
}

fn daytime(id: &str, port: u16) -> String {
    format!(
        "service daytime\n{{\n\tid = {id}\n\ttype = INTERNAL UNLISTED\n\tsocket_type = stream\n\
         \tprotocol = tcp\n\twait = no\n\tport = {port}\n\tflags = NOLIBWRAP IPv4\n\tcps = 0 0\n\
         \tlog_type = SYSLOG daemon info\n\tlog_on_success = HOST PID DURATION\n}}\n"
    )
}

fn prepare(tree: &Path) -> Result<()> {
    let text = |path: &str, content: String| write(tree, path, content, 0o644);
    let services = |sink, answer, time| {
        redirect("sink", sink, SINK) + &redirect("answer", answer, ANSWER) + &daytime("day", time)
    };
    text("/etc/xinetd.conf", services(8101, 8102, 8103))?;
    text("/opt/xinetd.conf", services(8201, 8202, 8203))?;
    for (name, port, to) in [("proxy-sink", 8301, SINK), ("proxy-answer", 8302, ANSWER)] {
        let unit = |suffix: &str| format!("/etc/systemd/system/{name}.{suffix}");
        text(
            &unit("socket"),
            format!("[Socket]\nListenStream=127.0.0.1:{port}\n"),
        )?;
        let proxyd = "/lib/systemd/systemd-socket-proxyd --connections-max=100000";
        text(
            &unit("service"),
            format!("[Service]\nExecStart={proxyd} 127.0.0.1:{to}\n"),
        )?;
    }
    Ok(())
}
