//! `xinetdctl bans`: the peers that are kept out of all services.

use std::io::{self, Write};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use ipnet::IpNet;
use serde_json::{Value, json};
use xinetd_core::options::FILE;
use xinetd_core::problem::printable;

use super::manager;
use super::output::{BAD, Done, Failure, Output};
use super::time::span;
use crate::bus::client::{BanRow, Bans, FOREVER};

/// Show and change the list of banned peers.
///
/// A peer is an IPv4 address or the /64 of an IPv6 address (ipv6_prefix in /etc/xinetd-bridge.toml).
/// Exit status: 0 if it was done, 1 if not.
#[derive(Debug, Subcommand)]
pub(super) enum BansCommand {
    /// Print all bans, the newest first.
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Keep a peer out of all services.
    Add {
        /// Its address.
        #[arg(value_parser = peer)]
        address: String,
        /// For how long: seconds, or with a unit, as in 90s, 15m, 12h, 7d; for ever without it.
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        time: Option<u64>,
        #[command(flatten)]
        form: Form,
    },
    /// Let a peer in again.
    Remove {
        /// Its address, or what the list has.
        #[arg(value_parser = peer)]
        address: String,
        #[command(flatten)]
        form: Form,
    },
    /// Let everybody in again.
    Flush {
        #[command(flatten)]
        form: Form,
    },
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Form {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs a command.
pub(super) fn run(command: &BansCommand, out: &mut Output<'_>) -> Done {
    let undone = |error: String| Failure::undone(error);
    let manager = manager::of_this_machine();
    match command {
        BansCommand::List { form } => {
            let bans = manager.list_bans().map_err(undone)?;
            match form.json {
                true => out.json(&json_list(&bans))?,
                false => {
                    print(&bans.rows, now(), out)?;
                    if let Some(problem) = &bans.table_problem {
                        writeln!(out, "{}", out.paint(BAD, printable(problem)))?;
                    }
                    if let Some(problem) = &bans.problem {
                        let problem = printable(problem);
                        let text = format!("{FILE}: {problem}; bans go by what it said before");
                        writeln!(out, "{}", out.paint(BAD, text))?;
                    }
                }
            }
        }
        BansCommand::Add {
            address,
            time,
            form,
        } => {
            let peer = manager
                .add_ban(address, time.unwrap_or(0))
                .map_err(undone)?;
            match form.json {
                true => out.json(&json!({ "format": 1, "added": peer }))?,
                false => writeln!(out, "{peer} is banned")?,
            }
        }
        BansCommand::Remove { address, form } => {
            manager.remove_ban(address).map_err(undone)?;
            if form.json {
                out.json(&json!({ "format": 1, "removed": 1 }))?;
            }
        }
        BansCommand::Flush { form } => {
            let count = manager.flush_bans().map_err(undone)?;
            match form.json {
                true => out.json(&json!({ "format": 1, "removed": count }))?,
                false => writeln!(out, "bans removed: {count}")?,
            }
        }
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

/// The list for programs, as docs/xinetdctl.md has it.
fn json_list(bans: &Bans) -> Value {
    let ban = |row: &BanRow| {
        json!({
            "peer": row.peer,
            "since": row.since,
            "last": row.last,
            "until": (row.until != FOREVER).then_some(row.until),
            "origin": row.origin,
            "sensor": row.sensor,
        })
    };
    let rows: Vec<_> = bans.rows.iter().map(ban).collect();
    json!({ "format": 1, "bans": rows, "problem": bans.problem,
        "table_problem": bans.table_problem })
}

/// An address or a network, in the words of the caller: the service manager says whether it may be one.
fn peer(text: &str) -> Result<String, String> {
    match text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok() {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{text}` is no address; write it as in 192.0.2.7 or 2001:db8::7"
        )),
    }
}

/// A time of more than nothing, in seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
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
        let json = json_list(&Bans {
            problem: None,
            table_problem: None,
            rows: rows.to_vec(),
        });
        assert_eq!(json["bans"][0]["until"], 91_000);
        assert_eq!(json["bans"][1]["until"], Value::Null);
    }
}
