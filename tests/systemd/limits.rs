//! Each limit trips with its reason, and lets go.

use testbed::{Close, Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("instances_trip_and_recover", instances),
    ("per_source_trips_and_recovers", per_source),
    ("cps_pauses_resets_and_comes_back", cps),
    ("load_refuses", load),
    ("access_times_refuse", access_times),
    ("a_hundred_sessions_at_once", a_hundred_sessions),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

/// Fails unless a client is turned away and the journal says why.
fn refused(served: &Served, reason: &str) -> Result<()> {
    turned_away(&served.hear()?)?;
    let wanted = format!("FAIL: {} {reason} from=::ffff:127.0.0.1", served.id);
    let line = served.await_line(&wanted)?;
    equal("message", line.message(), wanted.as_str())?;
    equal("XINETD_REASON", line.field("XINETD_REASON"), reason)?;
    equal(
        "SYSLOG_IDENTIFIER",
        line.field("SYSLOG_IDENTIFIER"),
        "xinetd",
    )
}

/// A connected client whose server answers.
fn session(served: &Served, host: u8) -> Result<Peer> {
    let mut peer = served.connect_from(host)?;
    peer.echo(b"up")?;
    Ok(peer)
}

/// Ends a session and waits until the helper knows.
fn end(served: &Served, peer: Peer) -> Result<()> {
    peer.finish()?;
    equal("end of the session", peer.read_to_end()?.close, Close::Fin)?;
    served
        .await_line(&format!("EXIT: {} status=0", served.id))
        .map(drop)
}

fn instances(bed: &Bed) -> Result<()> {
    let served = bed.serve("instances", &format!("{CAT}\n\tinstances = 2"))?;
    let first = session(&served, 1)?;
    let _second = session(&served, 2)?;
    refused(&served, "service_limit")?;
    end(&served, first)?;
    session(&served, 3).map(drop)
}

fn per_source(bed: &Bed) -> Result<()> {
    let served = bed.serve("per-source", &format!("{CAT}\n\tper_source = 1"))?;
    let first = session(&served, 1)?;
    refused(&served, "per_source_limit")?;
    let _other = session(&served, 2)?;
    end(&served, first)?;
    session(&served, 1).map(drop)
}

fn cps(bed: &Bed) -> Result<()> {
    let served = bed.serve("cps", &format!("{CAT}\n\tcps = 3 4"))?;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(session(&served, 1)?);
    }
    refused(&served, "connections per second")?;
    let line =
        "Deactivating service cps due to excessive incoming connections.  Restarting in 4 seconds.";
    served.await_line(line)?;
    let heard = served.hear()?;
    equal(
        "during the pause",
        (heard.bytes.len(), heard.close),
        (0, Close::Reset),
    )?;
    for peer in &mut sessions {
        peer.echo(b"still up")?;
    }
    served.await_line("Activating service cps")?;
    session(&served, 1).map(drop)
}

fn load(bed: &Bed) -> Result<()> {
    let served = bed.serve("load", &format!("{CAT}\n\tmax_load = -1"))?;
    refused(&served, "load")?;
    recovers(&served, "\tmax_load = 1000000")
}

/// Fails unless clients are served after a reload with other lines.
fn recovers(served: &Served, lines: &str) -> Result<()> {
    served.rewrite(&format!("{CAT}\n{lines}"))?;
    served.systemctl("reload", "service")?;
    session(served, 1).map(drop)
}

fn access_times(bed: &Bed) -> Result<()> {
    // Two minutes that are half a day away, whatever the hour.
    let hour = bed.container.sh("date +%H")?;
    let hour: u32 = hour
        .trim()
        .parse()
        .map_err(|_| format!("date said {hour}"))?;
    let away = (hour + 12) % 24;
    let times = format!("\taccess_times = {away:02}:00-{away:02}:01");
    let served = bed.serve("times", &format!("{CAT}\n{times}"))?;
    refused(&served, "time")?;
    recovers(&served, "\taccess_times = 00:00-24:00")
}

fn a_hundred_sessions(bed: &Bed) -> Result<()> {
    let served = bed.serve("hundred", &format!("{CAT}\n\tcps = 1000 1"))?;
    let mut sessions = (0..100)
        .map(|_| session(&served, 1))
        .collect::<Result<Vec<_>>>()?;
    for peer in &mut sessions {
        peer.echo(b"all of you")?;
    }
    // The status is told at most once in a while.
    bed.container
        .wait_until("systemctl show -P StatusText hundred.service | grep -w 100")?;
    for peer in sessions {
        peer.finish()?;
        equal("end", peer.read_to_end()?.close, Close::Fin)?;
    }
    served.await_line("EXIT: hundred status=0").map(drop)
}
