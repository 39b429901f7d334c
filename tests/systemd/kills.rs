//! The coordinator and the bus die while clients come and go, and a local user floods them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, turned_away};
use crate::sensor::{DECOY, alone, hear, let_in};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("coordinator_and_bus_may_be_killed_under_load", under_load),
    ("a_local_user_can_not_hold_bans_up", flood),
];

const ECHO: &str = "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = in\n\tcps = 0 0";

/// Sends one client after the other, from 10.9.0.`host`, until the end; how many there were.
fn clients(served: &Served<'_>, host: u8, banned: bool, end: &AtomicBool) -> Result<u64> {
    served.bed.container.enter_network()?;
    let mut count = 0;
    while !end.load(Ordering::Relaxed) {
        match banned {
            true => turned_away(&hear(served, host)?),
            false => let_in(served, host),
        }
        .map_err(|error| format!("client {count} of 10.9.0.{host}: {error}"))?;
        count += 1;
    }
    Ok(count)
}

/// Kills them one after the other, and has bans made meanwhile; whom they hit.
fn kill(bed: &Bed, decoy: &Served<'_>) -> Result<Vec<String>> {
    let mut banned = vec!["10.9.0.5".to_owned()];
    for (round, victim) in [
        "xinetd-coordinator.service",
        "dbus.service",
        "xinetd-coordinator.service",
        "xinetd-coordinator.service dbus.service",
    ]
    .into_iter()
    .enumerate()
    {
        let host = u8::try_from(round).unwrap_or_default() + 1;
        bed.container
            .sh(&format!("systemctl kill -s KILL {victim}"))?;
        if host > 1 {
            turned_away(&hear(decoy, host)?)?;
            banned.push(format!("10.9.0.{host}"));
        }
        let peer = format!("198.51.100.{host}");
        bed.container.sh(&format!("xinetdctl bans add {peer}"))?;
        banned.push(peer);
    }
    Ok(banned)
}

fn under_load(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let served = bed.serve("loaded", ECHO)?;
    let decoy = bed.serve("decoy-loaded", &format!("{DECOY}\n\tdeny_time = FOREVER"))?;
    bed.container.sh("xinetdctl bans add 10.9.0.5")?;
    let end = AtomicBool::new(false);
    let (let_in, refused, banned) = thread::scope(|scope| {
        let let_in = scope.spawn(|| clients(&served, 1, false, &end));
        let refused = scope.spawn(|| clients(&served, 5, true, &end));
        let banned = kill(bed, &decoy);
        end.store(true, Ordering::Relaxed);
        let count = |clients: thread::ScopedJoinHandle<'_, Result<u64>>| {
            clients.join().map_err(|_| "the clients are gone")?
        };
        Ok::<_, String>((count(let_in)?, count(refused)?, banned?))
    })?;
    equal("there were clients", let_in > 8 && refused > 8, true)?;
    let list = bed.container.sh("xinetdctl bans list")?;
    for peer in &banned {
        contains(&list, &format!("\n{peer} "))?;
    }
    equal("bans", list.lines().count(), banned.len() + 1)?;
    let counted = format!(r#""served":{let_in},"refused":{{"ban":{refused}}}"#);
    bed.container.wait_until(&format!(
        "xinetdctl status loaded --json | tr -d ' \\n' | grep -F '{counted}'"
    ))?;
    bed.container.sh("xinetdctl bans flush").map(drop)
}

/// Four processes of a local user that connect to the helpers' socket all the time, for as long as the
/// unit runs; one of them keeps what it gets.
const FLOOD: &str = r#"
use Socket;
my $to = sockaddr_un("/run/xinetd-coordinator/helpers");
for my $number (1..4) {
    next if fork;
    my @kept;
    while (1) {
        socket(my $socket, AF_UNIX, SOCK_SEQPACKET, 0) or @kept = ();
        connect($socket, $to);
        send($socket, "hit 10.9.0.1", 0);
        push @kept, $socket if $number == 1;
    }
}
wait;
"#;

fn flood(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let served = bed.serve("beside-flood", ECHO)?;
    let decoy = "\tuser = nobody\n\tserver = /bin/true\n\tflags = SENSOR\n\tdeny_time = 60";
    let decoy = bed.serve("decoy-flooded", decoy)?;
    bed.container
        .write("/usr/local/bin/flood.pl", FLOOD, 0o755)?;
    // The user of the sensor, so that nothing tells them apart but the process.
    bed.container.sh(
        "systemd-run -q --unit=flood.service -p User=nobody -p Slice=user.slice perl /usr/local/bin/flood.pl",
    )?;
    let flooded = flooded(bed, &decoy, &served);
    bed.container.sh("systemctl stop flood.service")?;
    bed.container.sh("xinetdctl bans flush")?;
    flooded
}

fn flooded(bed: &Bed, decoy: &Served<'_>, served: &Served<'_>) -> Result<()> {
    let mut longest = Duration::ZERO;
    for host in 2..=6 {
        // Each has to connect anew, as after an idle time.
        bed.container
            .sh("systemctl kill -s KILL xinetd-coordinator.service")?;
        let begun = Instant::now();
        turned_away(&hear(decoy, host)?)?;
        longest = longest.max(begun.elapsed());
        // Its connection ends when the ban is in force.
        turned_away(&hear(served, host)?)
            .map_err(|error| format!("10.9.0.{host} after {:?}: {error}", begun.elapsed()))?;
    }
    let_in(served, 1)?;
    equal(
        &format!("bans within two seconds, at most {longest:?}"),
        longest < Duration::from_secs(2),
        true,
    )
}
