//! The environment of servers (docs/xinetd-behaviour.md, section 4.5).

use std::ffi::{CString, OsString};
use std::fmt::Display;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use xinetd_core::bytes::ByteString;
use xinetd_core::service::Environment;

use crate::journal::Journal;

use super::peer::Remote;

/// What systemd, or the supervisor in its place, tells services of its own doing; xinetd's environment has none of it.
const PLUMBING: &[&str] = &[
    "CREDENTIALS_DIRECTORY",
    "FDSTORE",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_FDS_FIRST_FD",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LOG_NAMESPACE",
    "MAINPID",
    "MAINPIDFDID",
    "MANAGERPID",
    "MANAGERPIDFDID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "NOTIFY_SOCKET",
    "RUNTIME_DIRECTORY",
    "SYSTEMD_EXEC_PID",
    "TRIGGER_UNIT",
    "TRIGGER_PATH",
    "TRIGGER_TIMER_REALTIME_USEC",
    "TRIGGER_TIMER_MONOTONIC_USEC",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    Journal::VARIABLE,
];

/// What systemd sets because of `User=`; xinetd's children have what xinetd was started with.
const IDENTITY: &[&str] = &["HOME", "LOGNAME", "SHELL", "USER"];

/// What each connection sets.
const REMOTE: &[&str] = &["REMOTE_HOST", "REMOTE_ADDR", "REMOTE_PORT"];

/// The part that all servers of a service share: of the helper's own variables those that may
/// pass, then what `env` sets; of two with one name the later one.
pub(super) fn common(
    own: impl IntoIterator<Item = (OsString, OsString)>,
    rules: &Environment,
) -> Vec<CString> {
    let passes = |name: &[u8]| {
        let listed = |list: &[&str]| list.iter().any(|entry| entry.as_bytes() == name);
        let named = rules
            .pass
            .as_ref()
            .map(|pass| pass.iter().any(|entry| entry.as_bytes() == name));
        !listed(PLUMBING) && named.unwrap_or_else(|| !listed(IDENTITY))
    };
    let mut variables: Vec<Vec<u8>> = Vec::new();
    for (name, value) in own {
        if passes(name.as_bytes()) {
            let mut variable = name.into_vec();
            variable.push(b'=');
            variable.extend_from_slice(value.as_bytes());
            variables.push(variable);
        }
    }
    for setting in rules.set.iter().map(ByteString::as_bytes) {
        let position = variables
            .iter()
            .position(|known| name(known) == name(setting));
        match position {
            Some(at) => variables[at] = setting.to_vec(),
            None => variables.push(setting.to_vec()),
        }
    }
    variables.retain(|variable| {
        !REMOTE
            .iter()
            .any(|remote| remote.as_bytes() == name(variable))
    });
    // A variable with a NUL can't be passed on at all, nor can it be written in a file.
    variables
        .into_iter()
        .filter_map(|variable| CString::new(variable).ok())
        .collect()
}

fn name(variable: &[u8]) -> &[u8] {
    variable
        .split(|&byte| byte == b'=')
        .next()
        .unwrap_or_default()
}

/// `REMOTE_HOST` as xinetd sets it, and the plain address and port.
pub(super) fn remote(remote: &Remote) -> Vec<CString> {
    let mut variables = vec![variable("REMOTE_HOST", remote.host())];
    if remote.is_known() {
        variables.push(variable("REMOTE_ADDR", remote.ip().to_canonical()));
        variables.push(variable("REMOTE_PORT", remote.address().port()));
    }
    variables
}

fn variable(name: &str, value: impl Display) -> CString {
    let mut bytes = Vec::with_capacity(64);
    // Writing to a vector does not fail, and an address has no NUL.
    let _ = write!(bytes, "{name}={value}");
    CString::new(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common_of(own: &[(&str, &str)], pass: Option<&[&str]>, set: &[&str]) -> Vec<String> {
        let own = own.iter().map(|(name, value)| (name.into(), value.into()));
        let rules = Environment {
            pass: pass.map(|names| names.iter().map(|&name| name.into()).collect()),
            set: set.iter().map(|&text| text.into()).collect(),
        };
        common(own, &rules)
            .into_iter()
            .map(|v| v.into_string().unwrap())
            .collect()
    }

    const OWN: &[(&str, &str)] = &[
        ("PATH", "/bin"),
        ("USER", "nobody"),
        ("LISTEN_FDS", "1"),
        ("LANG", "C"),
    ];

    #[test]
    fn plumbing_and_identity_do_not_pass() {
        assert_eq!(common_of(OWN, None, &[]), ["PATH=/bin", "LANG=C"]);
    }

    #[test]
    fn passenv_names_all_that_passes() {
        assert_eq!(
            common_of(OWN, Some(&["USER", "LISTEN_FDS", "NONE"]), &[]),
            ["USER=nobody"]
        );
        assert_eq!(common_of(OWN, Some(&[]), &["A=1"]), ["A=1"]);
    }

    #[test]
    fn the_later_setting_wins_and_the_peer_can_not_be_forged() {
        let set = ["PATH=/usr/bin", "A=1", "A=2=3", "REMOTE_HOST=forged"];
        assert_eq!(
            common_of(OWN, None, &set),
            ["PATH=/usr/bin", "LANG=C", "A=2=3"]
        );
    }

    #[test]
    fn a_mapped_peer_keeps_its_form_in_remote_host_alone() {
        let peer = Remote::at("[::ffff:192.0.2.7]:4711".parse().unwrap());
        let text: Vec<_> = remote(&peer)
            .into_iter()
            .map(|v| v.into_string().unwrap())
            .collect();
        let expected = [
            "REMOTE_HOST=::ffff:192.0.2.7",
            "REMOTE_ADDR=192.0.2.7",
            "REMOTE_PORT=4711",
        ];
        assert_eq!(text, expected);
    }
}
