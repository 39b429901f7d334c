//! Readings of the clock that runs since boot, and how much of a ban's time has passed between two.
//!
//! The wall clock plays no part in it: it may be set, and after a boot it may be a year off in either
//! direction until the network has corrected it. A ban's time runs while the machine does.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One boot of the machine, or of the container (random(4), `boot_id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BootId(u128);

impl BootId {
    /// Its 16 bytes.
    pub(crate) const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The one with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl FromStr for BootId {
    type Err = String;

    /// From 32 hexadecimal digits, as the specifier `%b` of systemd.unit(5) has them.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits
            .then(|| u128::from_str_radix(text, 16).ok())
            .flatten();
        number
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no boot ID of 32 hexadecimal digits"))
    }
}

impl TryFrom<String> for BootId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<BootId> for String {
    fn from(id: BootId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A reading of CLOCK_BOOTTIME (clock_gettime(2)), which counts suspended time as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootTime {
    /// The boot that it belongs to: readings of different boots can't be compared.
    pub boot: BootId,
    /// The clock, to the millisecond where it is kept in a file.
    #[serde(with = "milliseconds")]
    pub at: Duration,
}

impl BootTime {
    /// How much of the time that a ban had left at this reading has passed `now`; `shutdown` is the
    /// last reading that was noted when the machine was shut down.
    ///
    /// Within one boot that is what has passed. Over a boot it is what passed until the machine was
    /// shut down, and nothing where it was not shut down in good order. So a ban never ends early, has
    /// never more left than was noted, and does not run down while the machine is off.
    pub(crate) fn passed(self, shutdown: Option<Self>, now: Self) -> Duration {
        let end = [Some(now), shutdown]
            .into_iter()
            .flatten()
            .find(|reading| reading.boot == self.boot);
        end.map_or(Duration::ZERO, |end| end.at.saturating_sub(self.at))
    }
}

/// Durations as whole milliseconds.
pub(super) mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        // TOML's integers have 63 bits.
        let number = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        to.serialize_i64(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(boot: u128, at: u64) -> BootTime {
        BootTime {
            boot: BootId(boot),
            at: Duration::from_millis(at),
        }
    }

    #[test]
    fn a_boot_id_is_what_systemd_writes_for_it() {
        let text = "0123456789abcdef0123456789abcdef";
        let id: BootId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(BootId::from_bytes(id.to_bytes()), id);
        for wrong in ["", "%b", "+123456789abcdef0123456789abcdef", &text[1..]] {
            assert!(wrong.parse::<BootId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn time_runs_while_the_machine_does() {
        let noted = reading(1, 5_000);
        let passed = |shutdown, now| noted.passed(shutdown, now).as_millis();
        assert_eq!(passed(None, reading(1, 7_500)), 2_500, "the same boot");
        let shutdown = Some(reading(1, 65_000));
        assert_eq!(passed(shutdown, reading(2, 9)), 60_000, "a reboot");
        assert_eq!(passed(None, reading(2, 90_000)), 0, "a crash");
        let older = Some(reading(7, 65_000));
        assert_eq!(passed(older, reading(2, 90_000)), 0, "an older boot's");
        // The socket was stopped and started again.
        assert_eq!(passed(shutdown, reading(1, 6_000)), 1_000);
    }

    proptest! {
        /// However often the machine is booted, in good order or not: a ban has never more left than
        /// before, and what it has lost is no more than the machine has run.
        #[test]
        fn a_ban_gets_neither_longer_nor_shorter_than_the_machine_runs(
            boots in proptest::collection::vec((0_u64..100_000, 0_u64..100_000, any::<bool>()), 1..8),
            length in 0_u64..500_000,
        ) {
            let mut left = Duration::from_millis(length);
            let mut noted: Option<BootTime> = None;
            let mut shutdown = None;
            let mut ran = Duration::ZERO;
            for (number, (start, time, in_order)) in boots.into_iter().enumerate() {
                let boot = number as u128;
                let now = reading(boot, start);
                let passed = noted.map_or(Duration::ZERO, |noted| noted.passed(shutdown, now));
                prop_assert!(passed <= ran);
                let before = left;
                left = left.saturating_sub(passed);
                prop_assert!(left <= before);
                prop_assert!(left.saturating_add(passed) >= before);
                noted = Some(now);
                ran = Duration::from_millis(time);
                let end = reading(boot, start + time);
                // Within the boot it is exact.
                prop_assert_eq!(now.passed(shutdown, end), ran);
                if in_order {
                    shutdown = Some(end);
                }
            }
        }
    }
}
