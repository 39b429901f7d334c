//! What events are made of: the events themselves are in the table.

use std::fmt;
use std::net::IpAddr;

/// A client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer<'a> {
    /// Its address as in REMOTE_HOST: v4-mapped on a dual-stack socket, with the zone of a
    /// link-local one.
    pub(crate) host: &'a str,
    /// Its address.
    pub(crate) address: IpAddr,
    /// Its port.
    pub(crate) port: u16,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

/// Why a service pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseCause {
    /// `cps`.
    Rate,
    /// accept(2) found no free descriptor.
    Descriptors,
}

impl fmt::Display for PauseCause {
    /// xinetd's words (docs/xinetd-behaviour.md, sections 4.2 and 4.6).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rate => "excessive incoming connections",
            Self::Descriptors => "no available descriptors",
        })
    }
}
