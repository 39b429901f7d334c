//! `xinetdctl bans`: who is kept out of all services.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;

use super::output::{Done, Failure, Output};
use crate::bus::client::{BanRow, Call, FOREVER, Outcome, call};

/// Show and change the list of banned peers.
///
/// A peer is an IPv4 address or the /64 of an IPv6 address (ipv6_prefix in /etc/xinetd-bridge.toml).
/// Exit status: 0 if it was done, 1 if not.
#[derive(Debug, Subcommand)]
pub(super) enum BansCommand {
    /// Print all bans, the newest first.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Keep a peer out of all services.
    Add {
        /// Its address.
        address: String,
        /// For how long: seconds, or with a unit, as in 90s, 15m, 12h, 7d; for ever without it.
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        time: Option<u64>,
    },
    /// Let a peer in again.
    Remove {
        /// Its address, or what the list has.
        address: String,
    },
    /// Let everybody in again.
    Flush,
}

/// Runs a command.
pub(super) fn run(command: &BansCommand, out: &mut Output<'_>) -> Done {
    let (wanted, json) = match command {
        BansCommand::List { json } => (Call::List, *json),
        BansCommand::Add { address, time } => {
            (Call::Add(address.clone(), time.unwrap_or(0)), false)
        }
        BansCommand::Remove { address } => (Call::Remove(address.clone()), false),
        BansCommand::Flush => (Call::Flush, false),
    };
    match call(&wanted).map_err(Failure::undone)? {
        Outcome::Bans(rows) if json => print_json(&rows, out)?,
        Outcome::Bans(rows) => print(&rows, now(), out)?,
        Outcome::Added(peer) => writeln!(out, "{peer} is banned")?,
        Outcome::Removed => {}
        Outcome::Flushed(count) => writeln!(out, "bans removed: {count}")?,
    }
    Ok(0)
}

fn now() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    time.unwrap_or_default().as_secs()
}

fn print(rows: &[BanRow], now: u64, out: &mut dyn Write) -> io::Result<()> {
    let width = rows
        .iter()
        .map(|row| row.peer.len())
        .max()
        .unwrap_or(0)
        .max(7);
    writeln!(out, "{:width$}  {:>9}  {:>9}  BY", "PEER", "SINCE", "LEFT")?;
    for row in rows {
        let left = match row.until {
            FOREVER => "for ever".to_owned(),
            until => span(until.saturating_sub(now)),
        };
        let since = span(now.saturating_sub(row.since));
        let by = match (row.origin.as_str(), row.sensor.as_str()) {
            ("sensor", "") => "a sensor".to_owned(),
            ("sensor", id) => id.chars().filter(|letter| !letter.is_control()).collect(),
            (other, _) => other.to_owned(),
        };
        writeln!(out, "{:width$}  {since:>9}  {left:>9}  {by}", row.peer)?;
    }
    Ok(())
}

/// A time span by its two largest units.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// An object with the list `bans`; in each what docs/dbus.md says of ListBans, `until` being null
/// for ever.
fn print_json(rows: &[BanRow], out: &mut dyn Write) -> io::Result<()> {
    let bans: Vec<_> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "peer": row.peer,
                "since": row.since,
                "last": row.last,
                "until": (row.until != FOREVER).then_some(row.until),
                "origin": row.origin,
                "sensor": row.sensor,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &serde_json::json!({ "bans": bans }))?;
    writeln!(out)
}

/// A time of more than nothing, in seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time; write it as in 90s, 15m, 12h or 7d");
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 86_400,
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(unit).filter(|seconds| *seconds > 0);
    seconds.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let times = [
            ("90", 90),
            ("90s", 90),
            ("15m", 900),
            ("12h", 43_200),
            ("7d", 604_800),
        ];
        for (text, wanted) in times {
            assert_eq!(seconds(text), Ok(wanted));
        }
        for wrong in [
            "",
            "m",
            "0",
            "-1",
            "1w",
            "1.5h",
            "99999999999999999999",
            "1d2h",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_list_is_for_people_or_for_programs() {
        let row = |peer: &str, until, origin: &str, sensor: &str| BanRow {
            peer: peer.into(),
            since: 1000,
            last: 1000,
            until,
            origin: origin.into(),
            sensor: sensor.into(),
        };
        let rows = [
            row("192.0.2.7", 1000 + 90_000, "sensor", "decoy\n"),
            row("2001:db8:1:2::/64", FOREVER, "administrator", ""),
        ];
        let mut text = Vec::new();
        print(&rows, 1061, &mut text).unwrap();
        let wanted = "\
PEER                   SINCE       LEFT  BY
192.0.2.7              1m 1s      1d 0h  decoy
2001:db8:1:2::/64      1m 1s   for ever  administrator
";
        assert_eq!(String::from_utf8(text).unwrap(), wanted);
        let mut json = Vec::new();
        print_json(&rows, &mut json).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["bans"][0]["until"], 91_000);
        assert_eq!(json["bans"][1]["until"], serde_json::Value::Null);
    }
}
