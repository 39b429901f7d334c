//! What helpers and the coordinator say to each other over the coordinator's socket, and `xinetdctl` and the
//! supervisor over that of the supervisor; and what the supervisor and its helpers count together.
#![forbid(unsafe_code)]

pub(crate) mod administration;
pub(crate) mod bans;
pub(crate) mod log_file;
pub(crate) mod process_limit;

/// The coordinator's socket, of the type SEQPACKET.
pub(crate) const SOCKET: &str = "/run/xinetd-coordinator/helpers";
