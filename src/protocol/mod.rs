//! What helpers and the coordinator say to each other over the coordinator's socket.
#![forbid(unsafe_code)]

pub(crate) mod bans;
pub(crate) mod log_file;

/// The coordinator's socket, of the type SEQPACKET.
pub(crate) const SOCKET: &str = "/run/xinetd-coordinator/helpers";
