//! What both halves of `make bench` need: clients at once, processor time, medians, and words.

use std::fs;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// Has so many clients go on for `span`, each doing `client` again and again; how often it was done,
/// and how long that took in seconds.
///
/// # Errors
/// The first error of a client.
pub fn load(
    clients: usize,
    span: Duration,
    client: impl Fn() -> Result<()> + Sync,
) -> Result<(f64, f64)> {
    let begin = Instant::now();
    let go_on = || -> Result<u32> {
        let mut count = 0;
        while begin.elapsed() < span {
            client()?;
            count += 1;
        }
        Ok(count)
    };
    let count = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(go_on)).collect();
        threads
            .into_iter()
            .try_fold(0, |sum, thread| match thread.join() {
                Ok(count) => count.map(|count| sum + count),
                Err(_) => Err("a client panicked".to_owned()),
            })
    })?;
    Ok((f64::from(count), begin.elapsed().as_secs_f64()))
}

/// Processor time of everything but this program, from its making on.
#[derive(Clone, Copy, Debug)]
pub struct Processor(f64);

impl Processor {
    /// From now on.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub fn now() -> Result<Self> {
        Ok(Self(busy()? - own()?))
    }

    /// How much it was, in seconds.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub fn since(self) -> Result<f64> {
        Ok(Self::now()?.0 - self.0)
    }
}

/// Processor time of the whole machine so far, in seconds.
fn busy() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat").map_err(|error| error.to_string())?;
    let line = stat.lines().next().unwrap_or_default();
    let ticks = line
        .split_whitespace()
        .filter_map(|word| word.parse::<f64>().ok());
    // user nice system idle iowait irq softirq
    let busy = ticks
        .enumerate()
        .filter(|(at, _)| matches!(at, 0..=2 | 5 | 6));
    Ok(busy.map(|(_, ticks)| ticks).sum::<f64>() / 100.0)
}

/// Processor time of this process so far, in seconds.
fn own() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(|error| error.to_string())?;
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|word| word.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / 100.0)
}

/// The median; not a number if there is none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints a line; a closed pipe is nobody's fault.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
