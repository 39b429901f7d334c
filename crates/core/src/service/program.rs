//! The server's process: what is executed, as whom, with what (docs/xinetd-behaviour.md, section 4.5).

use serde::{Deserialize, Serialize};

use crate::bytes::ByteString;

/// `server` and `server_args`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The file to execute.
    pub path: ByteString,
    /// The whole argument vector, argv\[0\] included; never empty.
    pub argv: Vec<ByteString>,
}

/// The built-in services (`type = INTERNAL`); section 4.10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Internal {
    /// One that does something with bytes.
    Builtin(Builtin),
    /// The one that hands its clients on.
    Tcpmux,
}

/// The built-in services that need nothing but their clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Builtin {
    /// Sends back what it gets (RFC 862).
    Echo,
    /// Throws away what it gets (RFC 863).
    Discard,
    /// Tells the time as a number (RFC 868).
    Time,
    /// Tells the time as text (RFC 867).
    Daytime,
    /// Sends characters without end (RFC 864).
    Chargen,
}

/// The user that helpers keep as their real and saved uid, so that no server can signal or trace
/// them (kill(2), ptrace(2)); no service may have it.
pub const HELPER_USER: &str = "xinetd-bridge";

/// `user`, `group` and `groups`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// `user`.
    pub user: Principal,
    /// `group`; none means the user's own, which for a numeric user is that same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Principal>,
    /// `groups = yes`: the user's supplementary groups; else there are none.
    #[serde(default)]
    pub supplementary: bool,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Principal {
    /// By number: used without a lookup.
    Id(u32),
    /// By name.
    Name(ByteString),
}

/// `env` and `passenv`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// `passenv`: only these variables are inherited; none given means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<Vec<ByteString>>,
    /// `env`: `NAME=VALUE`, the later of two with one name wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<ByteString>,
}

/// `banner`, `banner_success` and `banner_fail`: paths of files that are sent as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Banners {
    /// `banner`: to every client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always: Option<ByteString>,
    /// `banner_success`: to those that are let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<ByteString>,
    /// `banner_fail`: to those that are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ByteString>,
}

/// `rlimit_*`; soft and hard limit alike. None leaves what is inherited, but for `files`, where
/// it means the inherited hard limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceLimits {
    /// `rlimit_files`: descriptors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Rlimit>,
    /// `rlimit_as`: bytes of address space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_space: Option<Rlimit>,
    /// `rlimit_cpu`: seconds of processor time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Rlimit>,
    /// `rlimit_data`: bytes of data segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Rlimit>,
    /// `rlimit_rss`: bytes of resident memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss: Option<Rlimit>,
    /// `rlimit_stack`: bytes of stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<Rlimit>,
}

/// The value of a resource limit, in the unit of its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rlimit {
    /// `UNLIMITED`.
    Unlimited,
    /// So much.
    #[serde(untagged)]
    AtMost(u64),
}
