//! What is logged, and where to (docs/xinetd-behaviour.md, section 5).

use serde::{Deserialize, Serialize};

use crate::bytes::ByteString;

/// `log_type`, `log_on_success` and `log_on_failure` of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// `log_type`.
    pub target: LogTarget,
    /// `log_on_success`.
    pub success: SuccessFlags,
    /// `log_on_failure`.
    pub failure: FailureFlags,
}

/// `log_type`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogTarget {
    /// Absent: xinetd logs nothing; the journal has the refusals (docs/deviations.md).
    #[default]
    Unset,
    /// `SYSLOG facility [level]`.
    Syslog {
        /// The facility.
        facility: Facility,
        /// The level, `info` where none was given.
        level: Level,
    },
    /// `FILE path [soft [hard]]`.
    File {
        /// The file.
        path: ByteString,
        /// Its size limits, if any were given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<SizeLimits>,
    },
}

/// The sizes at which a FILE log warns and stops, in bytes; the hard one is never less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeLimits {
    /// Where a warning is due.
    pub soft: u64,
    /// Where logging stops.
    pub hard: u64,
}

/// syslog(3) facilities that xinetd and hosts_options(5) know, with their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are syslog's")]
pub enum Facility {
    User = 1,
    Mail = 2,
    Daemon = 3,
    Auth = 4,
    Lpr = 6,
    News = 7,
    Uucp = 8,
    Cron = 9,
    Authpriv = 10,
    Ftp = 11,
    Local0 = 16,
    Local1 = 17,
    Local2 = 18,
    Local3 = 19,
    Local4 = 20,
    Local5 = 21,
    Local6 = 22,
    Local7 = 23,
}

impl Facility {
    /// Those that xinetd knows by name.
    pub(crate) const NAMES: &[(&str, Self)] = &[
        ("daemon", Self::Daemon),
        ("auth", Self::Auth),
        ("authpriv", Self::Authpriv),
        ("user", Self::User),
        ("mail", Self::Mail),
        ("lpr", Self::Lpr),
        ("news", Self::News),
        ("uucp", Self::Uucp),
        ("ftp", Self::Ftp),
        ("local0", Self::Local0),
        ("local1", Self::Local1),
        ("local2", Self::Local2),
        ("local3", Self::Local3),
        ("local4", Self::Local4),
        ("local5", Self::Local5),
        ("local6", Self::Local6),
        ("local7", Self::Local7),
    ];

    /// The one of this name, as xinetd's options have it; none if it knows none.
    pub fn named(name: &str) -> Option<Self> {
        let is_it = |(known, _): &&(&str, Self)| *known == name;
        Self::NAMES
            .iter()
            .find(is_it)
            .map(|(_, facility)| *facility)
    }
}

/// syslog(3) levels, with their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are syslog's")]
pub enum Level {
    Emerg = 0,
    Alert = 1,
    Crit = 2,
    Err = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// The words of `log_on_success`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the names are xinetd's")]
pub struct SuccessFlags {
    pub pid: bool,
    pub host: bool,
    pub userid: bool,
    pub exit: bool,
    pub duration: bool,
    pub traffic: bool,
}

/// The words of `log_on_failure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the names are xinetd's")]
pub struct FailureFlags {
    pub host: bool,
    pub userid: bool,
    pub attempt: bool,
}
