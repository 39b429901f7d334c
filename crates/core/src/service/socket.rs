//! Where a service listens (docs/xinetd-behaviour.md, sections 2 and 4.1).

use std::fmt;
use std::net::IpAddr;

use crate::bytes::ByteString;

/// `socket_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are xinetd's")]
pub enum SocketType {
    Stream,
    Dgram,
    Raw,
    Seqpacket,
}

/// `protocol`, as /etc/protocols names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `tcp`.
    Tcp,
    /// `udp`.
    Udp,
    /// Any other name of /etc/protocols, with its number there.
    Other(ByteString, u16),
}

/// A port number; 0 lets the kernel choose one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u16);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A port on some or all addresses of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The port.
    pub port: Port,
    /// The address family; it agrees with the address in `bind`.
    pub family: Family,
    /// `bind`; none means every address.
    pub bind: Option<Bind>,
}

/// The address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 alone (`flags = IPv4`, or an IPv4 `bind`).
    V4,
    /// IPv6 with v4-mapped peers; IPv4 alone where the machine has no IPv6. What neither flag means.
    Any,
    /// IPv6 with v4-mapped peers (`flags = IPv6`, or an IPv6 `bind`).
    V6,
    /// IPv6 without IPv4 (`v6only = yes`).
    V6Only,
}

/// `bind` (or `interface`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// A numeric address, with the zone of a link-local one.
    Address(IpAddr, Option<ByteString>),
    /// A host name.
    Name(ByteString),
}

/// `rpc_version` and `rpc_number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcProgram {
    /// The program's number, given or from /etc/rpc.
    pub number: u32,
    /// Its versions.
    pub versions: RpcRange,
}

/// A range of RPC versions, `first` not above `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub struct RpcRange {
    pub first: u32,
    pub last: u32,
}

/// How a TCPMUX service greets (docs/xinetd-behaviour.md, section 4.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mux {
    /// `TCPMUX`: the server itself answers.
    Server,
    /// `TCPMUXPLUS`: `+Go` is sent before the server runs.
    Plus,
}
