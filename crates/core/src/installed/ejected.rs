//! What `xinetdctl eject` has written: by which marks it is known.

/// Where the units of ejected services lie.
pub const UNITS: &str = "/etc/systemd/system";

/// Where their specs lie.
pub const SPECS: &str = "/etc/xinetd-bridge";

/// What the coordinator may write for an ejected service lies in drop-ins whose names begin so.
pub const LOG_FILES: &str = "50-xinetd-ejected-";

/// The key in the section Unit of an ejected socket that has the service's id: systemd passes over what
/// begins with `X-`.
pub(crate) const MARK: &str = "X-Ejected";

/// Whether this is the text of a socket that was ejected.
pub fn has_mark(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| {
        let rest = line.strip_prefix(MARK.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"="))
    })
}
