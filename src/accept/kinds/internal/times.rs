//! What time and daytime send (docs/xinetd-behaviour.md, section 4.10).

use std::time::SystemTime;

use jiff::Zoned;

/// From 1900 to 1970 in seconds (RFC 868).
const SINCE_1900: u64 = 2_208_988_800;

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

/// Seconds since 1900, most significant byte first; from 2036 on without their 33rd bit, as RFC 868
/// has no more than 32.
pub(super) fn time(now: SystemTime) -> [u8; 4] {
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since_1970.unwrap_or_default().as_secs() + SINCE_1900;
    let [.., a, b, c, d] = seconds.to_be_bytes();
    [a, b, c, d]
}

/// Such as `23 NOV 2026 15:08:04 CET`, and the end of the line.
pub(super) fn daytime(now: &Zoned) -> String {
    let month = usize::try_from(now.month() - 1).unwrap_or_default();
    format!(
        "{:02} {} {} {}\r\n",
        now.day(),
        MONTHS.get(month).copied().unwrap_or_default(),
        now.year(),
        now.strftime("%H:%M:%S %Z")
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_time_is_that_of_rfc_868() {
        let at = |seconds| time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        // RFC 868 has these two itself.
        assert_eq!(at(0), 2_208_988_800_u32.to_be_bytes());
        assert_eq!(
            at(10 * 24 * 3600 + 366 * 24 * 3600 * 10),
            2_526_076_800_u32.to_be_bytes()
        );
        assert_eq!(at((1 << 32) - SINCE_1900), [0; 4], "it begins anew in 2036");
    }

    #[test]
    fn the_daytime_is_local_and_in_capitals() {
        for (zoned, text) in [
            (
                "2026-11-23T15:08:04+01:00[Europe/Berlin]",
                "23 NOV 2026 15:08:04 CET\r\n",
            ),
            (
                "2026-07-01T00:00:09+02:00[Europe/Berlin]",
                "01 JUL 2026 00:00:09 CEST\r\n",
            ),
            (
                "2026-03-05T23:59:59+00:00[UTC]",
                "05 MAR 2026 23:59:59 UTC\r\n",
            ),
            // As the C library calls a zone without letters.
            (
                "2026-02-28T12:00:00+05:45[Asia/Kathmandu]",
                "28 FEB 2026 12:00:00 +0545\r\n",
            ),
        ] {
            assert_eq!(daytime(&zoned.parse().unwrap()), text);
        }
    }
}
