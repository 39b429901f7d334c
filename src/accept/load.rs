//! The load average, for `max_load`.

use std::fs;

use xinetd_core::policy::MonotonicSeconds;

/// The 1-minute load average, read at most once a second.
#[derive(Debug, Default)]
pub(crate) struct LoadAverage {
    read: Option<(MonotonicSeconds, Option<f64>)>,
}

impl LoadAverage {
    /// What /proc/loadavg says, or said in this second; none if it can't be read.
    pub(crate) fn get(&mut self, now: MonotonicSeconds) -> Option<f64> {
        match self.read {
            Some((then, load)) if then == now => load,
            _ => {
                let load = fs::read_to_string("/proc/loadavg")
                    .ok()
                    .and_then(|text| parse(&text));
                self.read = Some((now, load));
                load
            }
        }
    }
}

#[cfg(test)]
impl LoadAverage {
    /// One that is read already, and stays for a second.
    pub(super) fn of(load: f64, now: MonotonicSeconds) -> Self {
        Self {
            read: Some((now, Some(load))),
        }
    }
}

fn parse(text: &str) -> Option<f64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_counts() {
        assert_eq!(parse("0.42 1.00 2.00 1/300 4711\n"), Some(0.42));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn within_a_second_it_stays() {
        let mut load = LoadAverage::of(99.0, MonotonicSeconds(5));
        assert_eq!(load.get(MonotonicSeconds(5)), Some(99.0));
        assert_ne!(load.get(MonotonicSeconds(6)), Some(99.0));
    }
}
