//! The times that decisions depend on.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use nix::time::{ClockId, clock_gettime};
use xinetd_core::policy::MonotonicSeconds;
use xinetd_core::service::MinuteOfDay;

/// How long the zone of the machine counts before it is looked up again.
const ZONE_COUNTS: Duration = Duration::from_secs(1);

/// The zone of the machine (localtime(5)).
const LOCALTIME: &str = "/etc/localtime";

/// A point in time as what has passed since boot: it never goes back, counts while the machine
/// sleeps, and means the same to a helper's successor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub Duration);

impl Moment {
    /// Now.
    ///
    /// # Errors
    /// Never on kernels with `CLOCK_BOOTTIME`, which are all that have pidfds.
    pub(crate) fn now() -> io::Result<Self> {
        Ok(Self(clock_gettime(ClockId::CLOCK_BOOTTIME)?.into()))
    }

    /// In whole seconds, as policies count.
    pub(crate) fn seconds(self) -> MonotonicSeconds {
        MonotonicSeconds(self.0.as_secs())
    }

    /// So much later.
    #[must_use]
    pub(super) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// What has passed since `earlier`; nothing if that is later.
    pub(super) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The first of some moments, each of which may be none.
pub(super) fn earliest<const N: usize>(moments: [Option<Moment>; N]) -> Option<Moment> {
    let earlier = |one: Option<Moment>, other: Option<Moment>| match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    moments.into_iter().fold(None, earlier)
}

impl From<MonotonicSeconds> for Moment {
    fn from(seconds: MonotonicSeconds) -> Self {
        Self(Duration::from_secs(seconds.0))
    }
}

/// The local minute of the day.
#[derive(Debug, Default)]
pub(crate) struct LocalClock {
    /// A minute since 1970, and what it is in local time.
    known: Option<(u64, MinuteOfDay)>,
}

impl LocalClock {
    /// The minute of the day in the zone of the machine, or of `TZ`.
    ///
    /// It is worked out once in each minute of the system clock: so a clock that is set counts at
    /// once, and a zone that changes with the next minute.
    pub(crate) fn minute(&mut self) -> MinuteOfDay {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let minute = since_1970.as_secs() / 60;
        match self.known {
            Some((known, local)) if known == minute => local,
            _ => {
                let local = local_minute(&local_time());
                self.known = Some((minute, local));
                local
            }
        }
    }
}

/// Now, in the zone that the machine, or `TZ`, has by now.
pub(super) fn local_time() -> Zoned {
    thread_local! {
        /// The zone, and when it was looked up.
        static KNOWN: RefCell<Option<(Moment, TimeZone)>> = const { RefCell::new(None) };
    }
    let now = Moment::now().unwrap_or_default();
    KNOWN.with_borrow_mut(|known| {
        let (_, zone) = match known.take() {
            Some((since, zone)) if now.since(since) < ZONE_COUNTS => known.insert((since, zone)),
            // access_times must not follow another zone because a descriptor was missing.
            last => {
                let zone = zone().or(last.map(|(_, zone)| zone));
                known.insert((now, zone.unwrap_or(TimeZone::UTC)))
            }
        };
        Timestamp::now().to_zoned(zone.clone())
    })
}

/// The zone of the machine, or of `TZ`; none if that can't be known now.
fn zone() -> Option<TimeZone> {
    if env::var_os("TZ").is_some() {
        jiff::tz::reset_system_time_zone_cache();
        return Some(TimeZone::system());
    }
    zone_in(Path::new(LOCALTIME))
}

/// The zone in a file; UTC if there is no such file, as in libc.
///
/// For the name of the zone, which the helper does not need, jiff would list the whole database first, and the
/// first client would wait for that.
fn zone_in(path: &Path) -> Option<TimeZone> {
    match fs::read(path) {
        Ok(data) => TimeZone::tzif("local", &data).ok(),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(TimeZone::UTC),
        Err(_) => None,
    }
}

fn local_minute(now: &Zoned) -> MinuteOfDay {
    let part = |number: i8| u16::try_from(number).unwrap_or_default();
    MinuteOfDay::new(part(now.hour()), part(now.minute())).unwrap_or(MinuteOfDay::MIDNIGHT)
}

#[cfg(test)]
mod tests {
    use xinetd_core::policy::{Check, Facts, Policy, State};
    use xinetd_core::service::TimeWindow;
    use xinetd_core::spec::Spec;

    use super::*;

    #[test]
    fn the_minute_is_local() {
        for (text, hour, minute) in [
            ("2026-03-29T01:59:59+01:00[Europe/Berlin]", 1, 59),
            ("2026-03-29T03:00:00+02:00[Europe/Berlin]", 3, 0),
            ("2026-07-01T23:59:00+05:45[+05:45]", 23, 59),
        ] {
            let local = local_minute(&text.parse().unwrap());
            assert_eq!(Some(local), MinuteOfDay::new(hour, minute), "{text}");
        }
    }

    /// Against the offsets of the law: summer time from 01:00 to 01:00 UTC, each day whole.
    #[test]
    fn access_times_follow_the_days_on_which_the_clocks_change() {
        let mut spec = Spec::example();
        let minute = |hour, minute| MinuteOfDay::new(hour, minute).unwrap();
        spec.access_times = vec![TimeWindow {
            from: minute(2, 10),
            to: minute(2, 49),
            place: spec.place.clone(),
        }];
        let policy = Policy::new(&spec);
        // The day's first minute, when the offset changes, and the offsets in hours.
        for (midnight, change, before, after, minutes, open) in [
            ("2026-03-28T23:00Z", "2026-03-29T01:00Z", 1, 2, 23 * 60, 0),
            ("2026-10-24T22:00Z", "2026-10-25T01:00Z", 2, 1, 25 * 60, 80),
            ("2026-06-14T22:00Z", "2026-06-14T00:00Z", 1, 2, 24 * 60, 40),
        ] {
            let [midnight, change] = [midnight, change].map(|text| {
                let time: Timestamp = text.replace('Z', ":00Z").parse().unwrap();
                time.as_second() / 60
            });
            let mut admitted = 0;
            for at in midnight..midnight + minutes {
                let time = Timestamp::from_second(at * 60 + 59).unwrap();
                let local = local_minute(&time.in_tz("Europe/Berlin").unwrap());
                let offset = if at < change { before } else { after };
                let naive = (at + offset * 60).rem_euclid(24 * 60);
                assert_eq!(i64::from(u16::from(local)), naive, "{time}");
                let facts = Facts {
                    peer: std::net::Ipv4Addr::LOCALHOST.into(),
                    now: MonotonicSeconds(0),
                    minute: local,
                    load: None,
                };
                let refusal = policy.check(Check::Time, &mut State::default(), &facts);
                admitted += i32::from(refusal.is_none());
            }
            assert_eq!(admitted, open);
        }
    }

    #[test]
    fn a_zone_that_cannot_be_read_is_not_taken_for_utc() {
        let directory = env::temp_dir();
        assert_eq!(zone_in(&directory.join("none")), Some(TimeZone::UTC));
        assert_eq!(zone_in(&directory), None);
        assert_eq!(zone_in(&env::current_exe().unwrap()), None);
        let berlin = zone_in(Path::new("/usr/share/zoneinfo/Europe/Berlin")).unwrap();
        let summer: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        assert_eq!(summer.to_zoned(berlin).hour(), 14);
    }

    #[test]
    fn time_goes_on() {
        let earlier = Moment::now().unwrap();
        let later = Moment::now().unwrap();
        assert!(later >= earlier);
        assert_eq!(
            earlier.since(later.plus(Duration::from_secs(1))),
            Duration::ZERO
        );
    }
}
