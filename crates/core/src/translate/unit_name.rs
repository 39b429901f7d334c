//! The name of a service's units, and the names of files and directories that are made of it.

use std::fmt;
use std::path::{Path, PathBuf};

/// The longest name without suffix, in bytes: systemd allows 255 with `.service`.
const MAX_NAME: usize = 255 - ".service".len();

/// Where below /run each unit has a RuntimeDirectory.
pub(super) const RUNTIME_DIRECTORY: &str = "xinetd-bridge";

/// The RuntimeDirectory of a unit, by the unit's name without suffix.
pub fn runtime_directory(unit: &str) -> PathBuf {
    Path::new("/run").join(RUNTIME_DIRECTORY).join(simple(unit))
}

/// The name of a socket and of its service, without suffix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct UnitName(String);

impl UnitName {
    /// The name, unless it is too long.
    pub(super) fn new(name: String) -> Option<Self> {
        (name.len() <= MAX_NAME).then_some(Self(name))
    }

    /// The name as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// A name of letters, digits and `_.-@` that no other unit has: for the unit's
    /// files and directories.
    ///
    /// systemd 252 and 257 read a backslash in RuntimeDirectory= each in its own way, and a colon has
    /// a meaning there.
    pub(super) fn simple(&self) -> String {
        simple(&self.0)
    }
}

/// [`UnitName::simple`] of a unit's name without suffix.
pub(super) fn simple(name: &str) -> String {
    name.replace(':', r"\x3a").replace('\\', "@")
}

/// The unit's name without suffix that has this [`UnitName::simple`].
pub(super) fn from_simple(simple: &str) -> String {
    // A colon is the only character that stands as itself in names and not here.
    simple.replace("@x3a", ":").replace('@', r"\")
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the name fits into the name of the unit that registers.
pub(super) fn has_rpc_unit(unit: &UnitName) -> bool {
    rpc_unit(unit.as_str()).len() <= 255
}

/// The name of the unit that registers the RPC service of a unit, by that unit's name without suffix.
///
/// No other service has it: there is no `@` in the names of theirs.
pub fn rpc_unit(unit: &str) -> String {
    format!("xinetd-rpc@{unit}.service")
}

#[cfg(test)]
mod tests {
    use super::super::escape;
    use super::*;

    #[test]
    fn simple_names_differ_as_names_do() {
        let simple = |id: &str| UnitName(escape::unit_name(id.as_bytes())).simple();
        assert_eq!(simple("time-dgram.2"), "time-dgram.2");
        assert_eq!(simple("a b:c"), "a@x20b@x3ac");
        assert_eq!(simple("a@x20b"), "a@x40x20b");
        for id in ["time-dgram.2", "a b:c", "a@x20b", "\\x3a"] {
            let unit = escape::unit_name(id.as_bytes());
            assert_eq!(from_simple(&UnitName(unit.clone()).simple()), unit);
        }
    }
}
