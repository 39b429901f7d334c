//! Names of hosts, and what is known of a peer's.

use std::fmt;
use std::str::FromStr;

/// The most bytes of a name (RFC 1035, section 2.3.4, without the length bytes that frame it).
const MAX_NAME: usize = 253;
/// The most bytes between two dots.
const MAX_LABEL: usize = 63;

/// A name that a host can have: labels of letters, digits, `-` and `_` between dots, not all of them
/// numbers. The dot that may end it is left out.
///
/// What is one can stand in a log line and in a shell command as it is. A name of numbers alone is none:
/// getaddrinfo(3) reads it as an address, so that any address could "lead back" to itself. The C library
/// of hosts.allow takes such a name for a lie, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// The name, in the case in which it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = NoHostName;

    fn from_str(text: &str) -> Result<Self, NoHostName> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let valid = name.len() <= MAX_NAME
            && name.split('.').all(is_label)
            && !name.split('.').all(is_number);
        valid.then(|| Self(name.to_owned())).ok_or(NoHostName)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// No host can have this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHostName;

impl fmt::Display for NoHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no host can have this name: write letters, digits, `-`, `_` and dots")
    }
}

impl std::error::Error for NoHostName {}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether inet_aton(3) may read a label as a number, in any of its bases.
fn is_number(label: &str) -> bool {
    let hexadecimal = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// What is known of a peer's name.
///
/// It is the name of the plain IPv4 address where the peer's is v4-mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    /// It has not been looked up yet.
    NotAsked,
    /// The name, which in turn has the peer's address.
    Confirmed(HostName),
    /// The name that the peer's network claims, whatever bytes it is of: it does not have the peer's
    /// address, it is an alias of another name, or no host can have it.
    Unconfirmed(String),
    /// The peer's address has no name: the resolver said so.
    NoName,
    /// The name could not be found out: no answer in time, a failure that may pass, or too many
    /// look-ups at once. The peer may have any name, or none.
    Undetermined,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts() {
        for name in [
            "a",
            "www.example.org",
            "xn--mnchen-3ya.example",
            "_x-1.b_",
            "1.example",
            "0xg",
            "4u",
        ] {
            assert_eq!(name.parse::<HostName>().unwrap().as_str(), name);
        }
        assert_eq!("a.b.".parse::<HostName>().unwrap().as_str(), "a.b");
        let label = "x".repeat(MAX_LABEL);
        assert!([label.as_str(); 3].join(".").parse::<HostName>().is_ok());
        for name in [
            "",
            ".",
            "a..b",
            "a.b..",
            ".a",
            "-a.b",
            "a b",
            "a\n",
            "a\u{202e}b",
            "m\u{fc}nchen.example",
            "$(id)",
            "a;b",
            "a/b",
            "a%b",
            "::1",
            "fe80::1%lo",
            &[label.as_str(); 4].join("."),
            &format!("{label}x.org"),
        ] {
            assert_eq!(name.parse::<HostName>(), Err(NoHostName), "{name}");
        }
    }

    #[test]
    fn a_number_is_no_name_however_it_is_written() {
        for name in [
            "168361986",
            "10.9.0.2",
            "10.9.2",
            "10.9",
            "012.011.0.2",
            "0xa.9.0.2",
            "0x0a090002",
            "0X0A090002",
            "0x",
            "10.9.0.2.",
            "256.1.1.1",
            "1.2.3.4.5",
            "99999999999999999999",
        ] {
            assert_eq!(name.parse::<HostName>(), Err(NoHostName), "{name}");
        }
    }
}
