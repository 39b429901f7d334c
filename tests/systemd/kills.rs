//! The coordinator and the bus die while clients come and go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testbed::Result;

use crate::Scenario;
use crate::bed::{Bed, Served, contains, equal, turned_away};
use crate::sensor::{DECOY, alone, hear, let_in};

pub(crate) const SCENARIOS: &[Scenario] =
    &[("coordinator_and_bus_may_be_killed_under_load", under_load)];

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
