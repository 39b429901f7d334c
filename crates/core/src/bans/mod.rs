//! Banned peers: those that touched a sensor, and those that an administrator keeps out (docs/xinetd-behaviour.md,
//! section 4.9).
//!
//! All here is pure: now comes in as a parameter, as what has passed since boot. The coordinator
//! holds the one [`BanList`]. Helpers look peers up in the [`table`], a file that the coordinator
//! keeps, by one read of a few slots: nothing has to be told to them, and they need no coordinator.

mod boot;
mod format1;
mod list;
mod options;
mod peer;
mod saved;
pub mod table;
#[cfg(test)]
mod tests;

pub use boot::{BootId, BootTime};
pub use list::{Ban, BanList, CAPACITY, Full, Origin, TableChange, Until};
pub use options::BanOptions;
pub use peer::{AllowList, Ipv6Prefix, Subject};
pub use saved::{Clocks, SavedBans};

/// The coordinator's [`table`].
///
/// Not in the directory in which each service has one of its own: a service may have any name.
pub const TABLE: &str = "/run/xinetd-coordinator/bans";
