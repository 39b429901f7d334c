//! What is measured, and how: clients at once, processor time, medians.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use testbed::Result;

/// Has so many clients go on for `span`, each doing `client` with its number again and again; how often
/// it was done, and how long that took in seconds.
pub(crate) fn load(
    clients: usize,
    span: Duration,
    client: impl Fn(usize) -> Result<()> + Sync,
) -> Result<(f64, f64)> {
    let begin = Instant::now();
    let go_on = |number| -> Result<u32> {
        let mut count = 0;
        while begin.elapsed() < span {
            client(number)?;
            count += 1;
        }
        Ok(count)
    };
    let count = thread::scope(|scope| {
        let go_on = &go_on;
        let threads: Vec<_> = (0..clients)
            .map(|number| scope.spawn(move || go_on(number)))
            .collect();
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
pub(crate) struct Processor(f64);

impl Processor {
    /// From now on.
    pub(crate) fn now() -> Result<Self> {
        Ok(Self(busy()? - own()?))
    }

    /// How much it was, in seconds.
    pub(crate) fn since(self) -> Result<f64> {
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
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(&values.into_iter().collect::<Vec<_>>(), 0.5)
}

/// The value below which so great a part of them lies.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "there are no more than thousands"
    )]
    let at = (values.len() as f64 * part) as usize;
    values
        .get(at)
        .or(values.last())
        .copied()
        .unwrap_or(f64::NAN)
}
