//! `xinetdctl top`: the busiest services, again and again.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::listening::Listening;
use super::manager;
use super::output::{DIM, Done, Failure, Output};
use super::status;
use crate::bus::client::ServiceRow;

/// How many services there is room for in 24 lines.
const ROWS: usize = 20;

/// Show the busiest services, again and again.
///
/// Exit status: 0, or 1 if the coordinator can't be asked, or xinetd where there is no systemd.
#[derive(Debug, Args)]
pub(super) struct TopArgs {
    /// How often, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    delay: u64,
    /// How many times; until it is interrupted without it.
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
}

/// Runs it.
pub(super) fn run(arguments: &TopArgs, out: &mut Output<'_>) -> Done {
    let mut before: Option<(Instant, HashMap<String, Totals>)> = None;
    let mut left = arguments.count;
    while left != Some(0) {
        let listed = manager::of_this_machine().list_services();
        let (mut rows, _) = listed.map_err(Failure::undone)?;
        let now = Instant::now();
        let totals: HashMap<_, _> = rows
            .iter()
            .map(|row| (row.unit.clone(), Totals::of(row)))
            .collect();
        let rates = before.as_ref().map(|(then, before)| {
            let seconds = now.duration_since(*then).as_secs_f64();
            Totals::all(&totals).since(Totals::all(before), seconds)
        });
        rows.sort_by_key(|row| {
            let old = before
                .as_ref()
                .and_then(|(_, before)| before.get(&row.unit));
            let change = Totals::of(row)
                .sum()
                .saturating_sub(old.map_or(0, Totals::sum));
            Reverse((row.running, change, row.served))
        });
        if out.is_colourful() {
            // From the top left corner on, over what stood there.
            write!(out, "\x1b[H\x1b[2J")?;
        }
        let running: u64 = rows.iter().map(|row| row.running).sum();
        let rates = rates.unwrap_or_else(|| "since the start".to_owned());
        let title = format!("{} services, {running} sessions, {rates}", rows.len());
        writeln!(out, "{}", out.paint(DIM, title))?;
        rows.truncate(ROWS);
        status::print(&rows, &Listening::default(), out)?;
        out.flush()?;
        before = Some((now, totals));
        left = left.map(|left| left - 1);
        if left != Some(0) {
            thread::sleep(Duration::from_secs(arguments.delay));
        }
    }
    Ok(0)
}

/// What only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    served: u64,
    refused: u64,
}

impl Totals {
    fn of(row: &ServiceRow) -> Self {
        Self {
            served: row.served,
            refused: row.all_refused(),
        }
    }

    fn all(each: &HashMap<String, Self>) -> Self {
        each.values().fold(Self::default(), |sum, one| Self {
            served: sum.served.saturating_add(one.served),
            refused: sum.refused.saturating_add(one.refused),
        })
    }

    fn sum(&self) -> u64 {
        self.served.saturating_add(self.refused)
    }

    #[expect(clippy::cast_precision_loss, reason = "for people, with one digit")]
    fn since(self, before: Self, seconds: f64) -> String {
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        format!(
            "{:.1} served/s, {:.1} refused/s",
            rate(self.served, before.served),
            rate(self.refused, before.refused)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_time_between() {
        let before = Totals {
            served: 10,
            refused: 100,
        };
        let now = Totals {
            served: 15,
            refused: 100,
        };
        assert_eq!(now.since(before, 2.0), "2.5 served/s, 0.0 refused/s");
        // A service that has gone takes its numbers along.
        assert_eq!(before.since(now, 2.0), "0.0 served/s, 0.0 refused/s");
    }
}
