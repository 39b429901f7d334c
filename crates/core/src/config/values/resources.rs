//! Limits: of connections, of load, of the server's resources (docs/xinetd-behaviour.md, section 2).

use std::num::NonZeroU32;

use super::super::report::quoted;
use super::{Given, Parsed, Values, number};
use crate::problem::Severity;
use crate::service::{ConnectionRate, DenyTime, Limit, Rlimit};

fn is(word: &[u8], keyword: &str) -> bool {
    keyword.as_bytes().eq_ignore_ascii_case(word)
}

/// A number of servers, or UNLIMITED.
fn limit(given: &Given<'_>) -> Parsed<Limit> {
    let word = given.word(0);
    if is(word.bytes, "UNLIMITED") {
        return Ok(Limit::Unlimited);
    }
    match number::ranged(word.bytes) {
        Some(most) => Ok(Limit::AtMost(most)),
        None => Err(given.unfit(&word, "a number or UNLIMITED")),
    }
}

/// `instances`.
pub(crate) fn instances(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.instances = Some(limit(given)?);
    Ok(())
}

/// `per_source`.
pub(crate) fn per_source(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.per_source = Some(limit(given)?);
    Ok(())
}

/// `cps`.
pub(crate) fn rate(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let (first, second) = (given.word(0), given.word(1));
    let max: u32 = number::ranged(first.bytes)
        .ok_or_else(|| given.unfit(&first, "a number of connections per second"))?;
    let wait =
        number::ranged(second.bytes).ok_or_else(|| given.unfit(&second, "a number of seconds"))?;
    let max = NonZeroU32::new(max);
    if max.is_none() {
        given.remark(
            &first,
            Severity::Note,
            "cps-off",
            "0 connections per second switch the check off",
            "to refuse all connections write instances = 0",
        );
    }
    values.rate = Some(max.map(|max| ConnectionRate { max, wait }));
    Ok(())
}

/// `max_load`.
pub(crate) fn load(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    const WANTED: &str = "a load average such as 2.5";
    let word = given.word(0);
    let (load, rest) =
        number::leading_float(word.bytes).ok_or_else(|| given.unfit(&word, WANTED))?;
    if load == 0.0 {
        return Err(given.unfit(&word, "a load average above 0"));
    }
    if !rest.trim_ascii().is_empty() {
        let message = format!(
            "{} is read as {load}: {} is passed over",
            quoted(word.bytes),
            quoted(rest)
        );
        // Many languages have a comma for the point.
        let fraction = rest.strip_prefix(b",").unwrap_or_default();
        let help = match str::from_utf8(fraction) {
            Ok(digits) if !digits.is_empty() && fraction.iter().all(u8::is_ascii_digit) => {
                format!("write {load}.{digits}")
            }
            _ => format!("write {load}"),
        };
        given.remark(&word, Severity::Warning, "max-load-rest", message, help);
    }
    if !load.is_finite() || load < 0.0 {
        let message = match load < 0.0 {
            true => format!("the load is never below {load}, so all connections are refused"),
            false => format!("the load never reaches {load}, so nothing is ever refused"),
        };
        given.remark(
            &word,
            Severity::Warning,
            "max-load-range",
            message,
            format!("write {WANTED}"),
        );
    }
    values.load = Some(Some(load).filter(|load| load.is_finite()));
    Ok(())
}

/// `deny_time`.
pub(crate) fn deny_time(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let word = given.word(0);
    values.deny_time = Some(match number::ranged(word.bytes) {
        _ if is(word.bytes, "FOREVER") => DenyTime::Forever,
        _ if is(word.bytes, "NEVER") => DenyTime::Never,
        Some(0) => DenyTime::Never,
        Some(minutes) => DenyTime::Minutes(minutes),
        None => return Err(given.unfit(&word, "a number of minutes, FOREVER or NEVER")),
    });
    Ok(())
}

/// A resource limit; 0 leaves it as it is, and -1 is UNLIMITED.
fn rlimit(
    given: &mut Given<'_>,
    read: fn(&[u8]) -> Option<u64>,
    wanted: &str,
) -> Parsed<Option<Rlimit>> {
    let word = given.word(0);
    if is(word.bytes, "UNLIMITED") {
        return Ok(Some(Rlimit::Unlimited));
    }
    if number::integer(word.bytes) == Some(-1) {
        given.remark(
            &word,
            Severity::Note,
            "rlimit-minus-one",
            "-1 is no limit at all",
            "write UNLIMITED",
        );
        return Ok(Some(Rlimit::Unlimited));
    }
    match read(word.bytes) {
        Some(0) => {
            given.remark(
                &word,
                Severity::Warning,
                "rlimit-zero",
                "0 sets no limit, and the inherited one stays",
                format!("write {wanted}"),
            );
            Ok(None)
        }
        Some(most) => Ok(Some(Rlimit::AtMost(most))),
        None => Err(given.unfit(&word, wanted)),
    }
}

const BYTES: &str = "a number of bytes, such as 4096k or 16m, or UNLIMITED";

/// `rlimit_as`.
pub(crate) fn rlimit_as(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.resource_limits.address_space = rlimit(given, number::size, BYTES)?;
    Ok(())
}

/// `rlimit_data`.
pub(crate) fn rlimit_data(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.resource_limits.data = rlimit(given, number::size, BYTES)?;
    Ok(())
}

/// `rlimit_rss`.
pub(crate) fn rlimit_rss(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.resource_limits.rss = rlimit(given, number::size, BYTES)?;
    Ok(())
}

/// `rlimit_stack`.
pub(crate) fn rlimit_stack(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.resource_limits.stack = rlimit(given, number::size, BYTES)?;
    Ok(())
}

/// `rlimit_files`.
pub(crate) fn rlimit_files(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.resource_limits.files = rlimit(given, number::size, "a number of files or UNLIMITED")?;
    Ok(())
}

/// `rlimit_cpu`: has no suffixes.
pub(crate) fn rlimit_cpu(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let wanted = "a number of seconds or UNLIMITED";
    values.resource_limits.cpu = rlimit(given, number::ranged, wanted)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{clean, codes, only, telnet};
    use super::*;

    #[test]
    fn limits_are_numbers_or_unlimited() {
        let limits = |line: &str| clean(telnet(line)).limits;
        assert_eq!(
            only(telnet("instances = 0")).limits.instances,
            Limit::AtMost(0)
        );
        assert_eq!(
            limits("per_source = unlimited").per_source,
            Limit::Unlimited
        );
        assert_eq!(
            only(telnet("instances = 5\r")).limits.instances,
            Limit::AtMost(5)
        );
        for bad in ["-1", "5k", "4294967296", "all"] {
            assert!(
                telnet(&format!("instances = {bad}")).services.is_empty(),
                "{bad}"
            );
        }
    }

    #[test]
    fn cps_counts_and_pauses_and_0_switches_it_off() {
        let rate = clean(telnet("cps = 25 30")).limits.rate.unwrap();
        assert_eq!((rate.max.get(), rate.wait), (25, 30));
        assert_eq!(
            clean(telnet("")).limits.rate,
            Some(ConnectionRate::default())
        );
        let off = telnet("cps = 0 30");
        assert_eq!(codes(&off), ["N 7 cps-off"]);
        assert_eq!(only(off).limits.rate, None);
        assert!(telnet("cps = -1 30").services.is_empty());
    }

    #[test]
    fn max_load_is_read_as_far_as_it_is_a_number() {
        assert_eq!(clean(telnet("max_load = 2.5")).limits.load, Some(2.5));
        let rest = telnet("max_load = 1.5x");
        assert_eq!(codes(&rest), ["W 7 max-load-rest"]);
        assert_eq!(rest.problems[0].help, "write 1.5");
        assert_eq!(only(rest).limits.load, Some(1.5));
        let comma = telnet("max_load = 2,5");
        assert_eq!(comma.problems[0].help, "write 2.5");
        assert_eq!(only(comma).limits.load, Some(2.0), "as in xinetd");
        let never = telnet("max_load = nan");
        assert_eq!(codes(&never), ["W 7 max-load-range"]);
        assert_eq!(only(never).limits.load, None);
        let always = telnet("max_load = -1");
        assert_eq!(codes(&always), ["W 7 max-load-range"]);
        assert_eq!(only(always).limits.load, Some(-1.0));
        for bad in ["0", "0.0", "x", ""] {
            let bad = telnet(&format!("max_load = {bad}\nmax_load = 0"));
            assert!(bad.services.is_empty());
        }
    }

    #[test]
    fn resource_limits_have_sizes() {
        let limits = |line: &str| only(telnet(line)).resource_limits;
        assert_eq!(
            limits("rlimit_as = 8M").address_space,
            Some(Rlimit::AtMost(8 << 20))
        );
        assert_eq!(
            limits("rlimit_stack = unlimited").stack,
            Some(Rlimit::Unlimited)
        );
        assert_eq!(limits("rlimit_files = -1").files, Some(Rlimit::Unlimited));
        assert_eq!(limits("rlimit_rss = 0").rss, None);
        assert_eq!(
            limits("rlimit_data = 16k").data,
            Some(Rlimit::AtMost(16 << 10))
        );
        assert_eq!(limits("rlimit_cpu = 20").cpu, Some(Rlimit::AtMost(20)));
        assert!(telnet("rlimit_as = 1G").services.is_empty());
        assert!(
            telnet("rlimit_cpu = 1k").services.is_empty(),
            "seconds have no suffix"
        );
    }

    #[test]
    fn a_deny_time_needs_a_sensor() {
        let sensor = |value: &str| {
            let lines = format!("flags = SENSOR\ndeny_time = {value}");
            only(telnet(&lines)).serving
        };
        use crate::service::Serving::Sensor;
        assert_eq!(sensor("60"), Sensor(DenyTime::Minutes(60)));
        assert_eq!(sensor("forever"), Sensor(DenyTime::Forever));
        assert_eq!(sensor("0"), Sensor(DenyTime::Never));
        assert_eq!(codes(&telnet("deny_time = 60")), ["W 7 deny-time"]);
        assert!(telnet("flags = SENSOR\ndeny_time = 1h").services.is_empty());
    }
}
