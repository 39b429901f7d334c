//! What stands on a machine for services: by which names and marks programs find it.

pub mod ejected;

/// The file that the generator writes last of all, beside the specs: that the units are complete.
pub const STAMP: &str = "changed";

/// Its name once xinetd-reconcile has seen it.
pub const SEEN: &str = "seen";

/// The file, beside the specs, with what could not be read of the configuration
/// ([`Unread`](crate::config::Unread)); it is not there where all was read.
pub const UNREAD: &str = "unread";

/// What xinetd-reconcile has applied the last time.
pub const APPLIED: &str = "/run/xinetd-reconcile/applied.toml";
