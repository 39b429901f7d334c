//! `log_type`, `log_on_success`, `log_on_failure` and the banners (docs/xinetd-behaviour.md, sections 2 and
//! 5).

use std::path::Path;

use super::super::report::quoted;
use super::vocabulary::{Words, meaning, modified, unknown};
use super::{Given, Parsed, Values, number};
use crate::bytes::ByteString;
use crate::problem::Severity;
use crate::service::{Facility, FailureFlags, Level, LogTarget, SizeLimits, SuccessFlags};

const PID: u32 = 1;
const HOST: u32 = 1 << 1;
const USERID: u32 = 1 << 2;
const EXIT: u32 = 1 << 3;
const DURATION: u32 = 1 << 4;
const TRAFFIC: u32 = 1 << 5;
const ATTEMPT: u32 = 1 << 6;

const SUCCESS: Words<u32> = &[
    ("PID", PID),
    ("HOST", HOST),
    ("USERID", USERID),
    ("EXIT", EXIT),
    ("DURATION", DURATION),
    ("TRAFFIC", TRAFFIC),
];

const FAILURE: Words<u32> = &[("HOST", HOST), ("USERID", USERID), ("ATTEMPT", ATTEMPT)];

const LEVELS: Words<Level> = &[
    ("emerg", Level::Emerg),
    ("alert", Level::Alert),
    ("crit", Level::Crit),
    ("err", Level::Err),
    ("warning", Level::Warning),
    ("notice", Level::Notice),
    ("info", Level::Info),
    ("debug", Level::Debug),
];

/// `log_on_success`.
pub(crate) fn on_success(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.copied.success = Some(modified(given, values.copied.success, SUCCESS)?);
    Ok(())
}

/// `log_on_failure`.
pub(crate) fn on_failure(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.copied.failure = Some(modified(given, values.copied.failure, FAILURE)?);
    Ok(())
}

/// The words of `log_on_success` that are set.
pub(crate) fn success_flags(bits: u32) -> SuccessFlags {
    SuccessFlags {
        pid: bits & PID != 0,
        host: bits & HOST != 0,
        userid: bits & USERID != 0,
        exit: bits & EXIT != 0,
        duration: bits & DURATION != 0,
        traffic: bits & TRAFFIC != 0,
    }
}

/// The words of `log_on_failure` that are set.
pub(crate) fn failure_flags(bits: u32) -> FailureFlags {
    FailureFlags {
        host: bits & HOST != 0,
        userid: bits & USERID != 0,
        attempt: bits & ATTEMPT != 0,
    }
}

/// `log_type`.
pub(crate) fn log_type(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    #[derive(Clone, Copy)]
    enum Kind {
        Syslog,
        File,
    }
    const KINDS: Words<Kind> = &[("SYSLOG", Kind::Syslog), ("FILE", Kind::File)];
    let first = given.word(0);
    let kind = meaning(first.bytes, KINDS).ok_or_else(|| unknown(given, &first, KINDS))?;
    let most = match kind {
        Kind::Syslog => 3,
        Kind::File => 4,
    };
    if given.words.len() < 2 {
        return Err(match kind {
            Kind::Syslog => given.fault(&first, "the facility is missing", "write SYSLOG daemon"),
            Kind::File => given.fault(
                &first,
                "the file is missing",
                "write FILE and the absolute path behind it",
            ),
        });
    }
    if let Some(word) = given.words.get(most) {
        return Err(given.fault(
            word,
            format!("{} is one value too many", quoted(word.bytes)),
            "write SYSLOG facility [level] or FILE path [soft limit [hard limit]]",
        ));
    }
    values.log_type = Some(match kind {
        Kind::Syslog => syslog(given)?,
        Kind::File => LogTarget::File {
            limits: limits(given)?,
            path: file(given),
        },
    });
    Ok(())
}

/// Directories in which no log file can be: the root directory itself, which the coordinator can't write
/// without all that is below it, and file systems whose files are the kernel's.
const KERNELS: [&str; 3] = ["/dev", "/proc", "/sys"];

/// The path of `FILE`.
fn file(given: &mut Given<'_>) -> ByteString {
    let word = given.word(1);
    let path = given.path_of(word);
    let file = path.as_path();
    let is_in_root = file.parent() == Some(Path::new("/"));
    if is_in_root || KERNELS.iter().any(|directory| file.starts_with(directory)) {
        given.remark(
            &word,
            Severity::Warning,
            "log-file-place",
            format!(
                "{} can't be a log file, so that the journal alone has the lines",
                quoted(path.as_bytes())
            ),
            "write a path such as /var/log/xinetd.log, or SYSLOG daemon",
        );
    }
    path
}

/// `SYSLOG facility [level]`.
fn syslog(given: &Given<'_>) -> Parsed<LogTarget> {
    let word = given.word(1);
    let facility = meaning(word.bytes, Facility::NAMES)
        .ok_or_else(|| unknown(given, &word, Facility::NAMES))?;
    let level = match given.words.get(2) {
        Some(word) => meaning(word.bytes, LEVELS).ok_or_else(|| unknown(given, word, LEVELS))?,
        None => Level::Info,
    };
    Ok(LogTarget::Syslog { facility, level })
}

/// The sizes behind the path of `FILE`.
fn limits(given: &Given<'_>) -> Parsed<Option<SizeLimits>> {
    let size = |index: usize| {
        let Some(word) = given.words.get(index) else {
            return Ok(None);
        };
        match number::size(word.bytes) {
            Some(size) => Ok(Some(size)),
            None => Err(given.unfit(word, "a size such as 65536, 64k or 10m")),
        }
    };
    let Some(soft) = size(2)? else {
        return Ok(None);
    };
    let hard = match size(3)? {
        Some(hard) if hard < soft => {
            let word = given.word(3);
            let message = format!(
                "the hard limit {} is below the soft one",
                quoted(word.bytes)
            );
            return Err(given.fault(&word, message, "write the soft limit before the hard one"));
        }
        Some(hard) => hard,
        None => soft.saturating_add((soft / 100).clamp(5 << 10, 20 << 10)),
    };
    Ok(Some(SizeLimits { soft, hard }))
}

/// `banner`.
pub(crate) fn banner(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.copied.banners.always = Some(given.path());
    Ok(())
}

/// `banner_success`.
pub(crate) fn banner_success(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.copied.banners.success = Some(given.path());
    Ok(())
}

/// `banner_fail`.
pub(crate) fn banner_fail(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.copied.banners.failure = Some(given.path());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{clean, codes, load_text, only, telnet};
    use super::*;

    #[test]
    fn syslog_has_a_facility_and_a_level() {
        let target = |line: &str| clean(telnet(&format!("log_type = {line}"))).logging.target;
        let expected = LogTarget::Syslog {
            facility: Facility::Local4,
            level: Level::Info,
        };
        assert_eq!(target("syslog LOCAL4"), expected);
        let expected = LogTarget::Syslog {
            facility: Facility::Daemon,
            level: Level::Debug,
        };
        assert_eq!(target("SYSLOG daemon debug"), expected);
        for bad in [
            "SYSLOG",
            "SYSLOG kern",
            "SYSLOG daemon error",
            "SYSLOG daemon info x",
            "JOURNAL",
        ] {
            assert!(
                telnet(&format!("log_type = {bad}")).services.is_empty(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_file_has_limits_and_the_hard_one_follows_from_the_soft_one() {
        let limits = |line: &str| match clean(telnet(&format!("log_type = FILE /d/f {line}")))
            .logging
            .target
        {
            LogTarget::File { limits, .. } => limits,
            other => panic!("{other:?}"),
        };
        let sizes = |soft, hard| Some(SizeLimits { soft, hard });
        assert_eq!(limits(""), None);
        assert_eq!(limits("1k"), sizes(1024, 1024 + 5 * 1024));
        assert_eq!(limits("1m"), sizes(1 << 20, (1 << 20) + (1 << 20) / 100));
        assert_eq!(limits("100m"), sizes(100 << 20, (100 << 20) + (20 << 10)));
        assert_eq!(limits("1k 2k"), sizes(1024, 2048));
        for bad in ["FILE", "FILE /f 1G", "FILE /f 2k 1k", "FILE /f 1 2 3"] {
            assert!(
                telnet(&format!("log_type = {bad}")).services.is_empty(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_file_that_can_never_be_written_is_told() {
        for path in ["/xinetd.log", "/dev/null"] {
            let configuration = telnet(&format!("log_type = FILE {path}"));
            assert_eq!(codes(&configuration), ["W 7 log-file-place"], "{path}");
        }
        clean(telnet("log_type = FILE /var/log/xinetd.log"));
        clean(telnet("log_type = FILE /devices/log"));
    }

    #[test]
    fn relative_paths_begin_at_the_root() {
        let configuration = telnet("banner = etc/motd");
        assert_eq!(codes(&configuration), ["W 7 relative-path"]);
        assert_eq!(only(configuration).banners.always, Some("/etc/motd".into()));
    }

    #[test]
    fn a_second_log_type_in_defaults_is_an_error() {
        let text = "defaults\n{\nlog_type = FILE /d/a\nlog_type = FILE /d/b\n}\n";
        assert_eq!(codes(&load_text(text)), ["E 4 already-set"]);
    }
}
