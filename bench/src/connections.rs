//! `make bench`: the helper beside xinetd, systemd's `Accept=yes` and a bare loop.
//!
//! All serve the same static program in one container, in turn, several rounds; the medians are
//! printed as Markdown. The machine may be noisy: only ratios within one run mean something.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use testbed::figures::{Processor, load, median, say};
use testbed::{Container, Result, Suite, missing, write};

const ROUNDS: usize = 5;
/// How long one measurement lasts.
const SPAN: Duration = Duration::from_secs(2);

/// Who serves, and on which port; the ports are those of the files that [`prepare`] writes.
const PEERS: [(&str, u16); 5] = [
    ("bare accept + vfork + exec", 8001),
    ("xinetd-bridge", 8002),
    ("xinetd-bridge without `log_on_success`", 8005),
    ("xinetd 2.3.15.3", 8003),
    ("systemd `Accept=yes`", 8004),
];

/// The same for clients that `no_access` keeps out.
const REFUSERS: [(&str, u16); 3] = [
    ("bare accept + close", 8011),
    ("xinetd-bridge", 8012),
    ("xinetd 2.3.15.3", 8013),
];

fn main() -> ExitCode {
    let result = missing().map_or_else(bench, Err);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("no figures: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    let container = Container::boot(Suite::Bookworm, prepare)?;
    container.sh(
        "systemd-run -q --unit=bare /opt/bench/bare 8001 /opt/bench/static
         systemd-run -q --unit=bare-close /opt/bench/bare 8011
         systemd-run -q --unit=old-xinetd xinetd -dontfork -f /opt/bench/xinetd.conf
         systemctl start accept.socket",
    )?;
    container.enter_network()?;
    for (name, port) in PEERS.iter().chain(&REFUSERS) {
        one_client(*port).map_err(|error| format!("{name}: {error}"))?;
    }
    say("| server | 1 client, /s | 16 clients, /s | CPU per connection, 1 | 16 |");
    say("| --- | --- | --- | --- | --- |");
    table(&PEERS)?;
    say("\n| refusals by `no_access` | 1 client, /s | 16 clients, /s | CPU per refusal, 1 | 16 |");
    say("| --- | --- | --- | --- | --- |");
    table(&REFUSERS)?;
    memory(&container)?;
    generator(&container)
}

fn table(servers: &[(&str, u16)]) -> Result<()> {
    let mut samples = vec![[const { Vec::new() }; 2]; servers.len()];
    for _ in 0..ROUNDS {
        for (&(_, port), sample) in servers.iter().zip(&mut samples) {
            for (clients, sample) in [1, 16].into_iter().zip(sample) {
                sample.push(measure(port, clients)?);
            }
        }
    }
    for (&(name, _), [one, many]) in servers.iter().zip(&samples) {
        let rate = |sample: &[Sample]| median(sample.iter().map(|s| s.rate));
        let cpu = |sample: &[Sample]| median(sample.iter().map(|s| s.cpu * 1000.0));
        say(&format!(
            "| {name} | {:.0} | {:.0} | {:.2} ms | {:.2} ms |",
            rate(one),
            rate(many),
            cpu(one),
            cpu(many)
        ));
    }
    Ok(())
}

/// One measurement.
#[derive(Clone, Copy)]
struct Sample {
    /// Connections per second.
    rate: f64,
    /// Seconds of processor time per connection, of everything but the clients.
    cpu: f64,
}

fn measure(port: u16, clients: usize) -> Result<Sample> {
    let processor = Processor::now()?;
    let (count, seconds) = load(clients, SPAN, || one_client(port))?;
    Ok(Sample {
        rate: count / seconds,
        cpu: processor.since()? / count,
    })
}

/// Connects, and reads to the end, whatever the end is.
fn one_client(port: u16) -> Result<()> {
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    let mut stream = TcpStream::connect(address).map_err(|error| format!("{port}: {error}"))?;
    let mut bytes = [0; 16];
    while stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
    Ok(())
}

fn memory(container: &Container) -> Result<()> {
    // It may have been idle for so long that it has left.
    one_client(PEERS[1].1)?;
    let rollup = container.sh(
        "cat /proc/$(systemctl show -P MainPID new.service)/smaps_rollup; \
         sleep 1; cat /proc/$(systemctl show -P MainPID old-xinetd.service)/smaps_rollup",
    )?;
    let values = |name: &str| -> Vec<String> {
        let lines = rollup.lines().filter(|line| line.starts_with(name));
        lines
            .filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned))
            .collect()
    };
    let (rss, pss) = (values("Rss:"), values("Pss:"));
    say("\n| memory | RSS, KiB | PSS, KiB |\n| --- | --- | --- |");
    for (name, (rss, pss)) in ["idle helper", "idle xinetd"]
        .iter()
        .zip(rss.iter().zip(&pss))
    {
        say(&format!("| {name} | {rss} | {pss} |"));
    }
    Ok(())
}

fn generator(container: &Container) -> Result<()> {
    say("\n| services | generator, ms |\n| --- | --- |");
    // The container's own root is an overlay, which real ones are not.
    container.sh("mount -t tmpfs none /etc/xinetd.d")?;
    for count in [1, 100, 1000] {
        container.sh(&format!(
            "rm -f /etc/xinetd.d/*; for i in $(seq {count}); do \
             sed \"s/PORT/$((10000 + i))/;s/NAME/s$i/\" /opt/bench/template >/etc/xinetd.d/s$i; done"
        ))?;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            // In memory, as systemd's own directory. The shell's clock starts after the shell has.
            let text = container.sh("rm -rf /run/out; mkdir /run/out; a=$(date +%s%N); \
                 /usr/lib/systemd/system-generators/xinetd-generator /run/out 2>/run/said; \
                 b=$(date +%s%N); test $(ls /run/out | grep -c socket$) -gt 0; echo $((b - a))")?;
            times.push(
                text.trim()
                    .parse::<f64>()
                    .map_err(|error| error.to_string())?
                    / 1e6,
            );
        }
        say(&format!("| {count} | {:.1} |", median(times)));
    }
    Ok(())
}

fn entry(name: &str, port: u16, lines: &str) -> String {
    format!(
        "service {name}\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = {port}\n\
         \tuser = nobody\n\tserver = /opt/bench/static\n\tflags = NOLIBWRAP\n\tcps = 0 0\n\
         \tlog_type = SYSLOG daemon info\n\tlog_on_success = HOST PID DURATION\n\
         \tlog_on_failure = HOST\n{lines}}}\n"
    )
}

fn prepare(tree: &Path) -> Result<()> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    let text = |path: &str, content: &str| write(tree, path, content, 0o644);
    for name in ["bare", "static"] {
        let program = fs::read(programs.join(name)).map_err(|error| format!("{name}: {error}"))?;
        write(tree, &format!("/opt/bench/{name}"), program, 0o755)?;
    }
    let refuse = "\tno_access = 127.0.0.0/8\n";
    text("/etc/xinetd.conf", "includedir /etc/xinetd.d\n")?;
    text("/etc/xinetd.d/new", &entry("new", 8002, ""))?;
    let silent = entry("silent", 8005, "").replace("HOST PID DURATION", "");
    text("/etc/xinetd.d/silent", &silent)?;
    text(
        "/etc/xinetd.d/new-refuse",
        &entry("new-refuse", 8012, refuse),
    )?;
    let old = entry("old", 8003, "") + &entry("old-refuse", 8013, refuse);
    text("/opt/bench/xinetd.conf", &old)?;
    text(
        "/opt/bench/template",
        &entry("NAME", 0, "").replace("port = 0", "port = PORT"),
    )?;
    let socket = "[Socket]\nListenStream=8004\nAccept=yes\nMaxConnections=4294967295\n\
                  TriggerLimitIntervalSec=0\n";
    text("/etc/systemd/system/accept.socket", socket)?;
    let service = "[Unit]\nCollectMode=inactive-or-failed\n[Service]\nUser=nobody\n\
                   StandardInput=socket\nExecStart=/opt/bench/static\n";
    text("/etc/systemd/system/accept@.service", service)
}
