//! Patterns for names and addresses, matched as hosts_access(5) and the C library have it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// What a rule looks for in a name, or in an address as text. Case never matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// With `*` and `?`.
    Glob(Vec<u8>),
    /// `.example.org`: longer names that end in it.
    Suffix(Vec<u8>),
    /// `ALL`.
    All,
    /// `KNOWN`: anything but `unknown`.
    Known,
    /// `192.0.2.`: what begins so.
    Prefix(Vec<u8>),
    /// `[2001:db8::1]`: that address, however it is written.
    Bracketed(Option<Ipv6Addr>),
    /// Nothing but this.
    Exact(Vec<u8>),
}

/// An IPv6 address. A zone after it does not count, as in the C library.
fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let address = text.split(|byte| *byte == b'%').next()?;
    std::str::from_utf8(address).ok()?.parse().ok()
}

impl Text {
    /// The pattern that a word of a list is.
    pub(super) fn new(word: &[u8]) -> Self {
        if word.iter().any(|byte| matches!(byte, b'*' | b'?')) {
            return Self::Glob(normal_glob(word));
        }
        match word {
            [b'.', ..] => Self::Suffix(word.to_vec()),
            _ if word.eq_ignore_ascii_case(b"ALL") => Self::All,
            _ if word.eq_ignore_ascii_case(b"KNOWN") => Self::Known,
            [.., b'.'] => Self::Prefix(word.to_vec()),
            [b'[', inside @ .., b']'] => Self::Bracketed(ipv6(inside)),
            _ => Self::Exact(word.to_vec()),
        }
    }

    /// Whether a name, or an address as text, matches.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Glob(pattern) => glob(pattern, text),
            Self::Suffix(end) => {
                text.len() > end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
            }
            Self::All => true,
            Self::Known => !text.eq_ignore_ascii_case(super::UNKNOWN),
            Self::Prefix(start) => text
                .get(..start.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(start)),
            // No name and no IPv4 address is one.
            Self::Bracketed(None) => false,
            Self::Bracketed(Some(wanted)) => ipv6(text) == Some(*wanted),
            Self::Exact(wanted) => text.eq_ignore_ascii_case(wanted),
        }
    }
}

/// What a rule looks for in a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// `@name`: a netgroup. None is ever looked up.
    Netgroup,
    /// `/file`: any of the patterns in it.
    File(PathBuf),
    /// `KNOWN`: name and address are known.
    Known,
    /// `LOCAL`: the name is known and has no dot.
    Local,
    /// `n.n.n.n/m.m.m.m` or `n.n.n.n/length`.
    Net4 { net: u32, mask: u32 },
    /// `[net]/length`.
    Net6 { net: Ipv6Addr, length: u8 },
    /// A net that no address is in, for what is wrong with it.
    NoNet,
    /// The address, or where `or_name` the name, as text.
    Text { text: Text, or_name: bool },
}

impl Host {
    /// The pattern that a word of a list is.
    pub(super) fn new(word: &[u8]) -> Self {
        use std::os::unix::ffi::OsStrExt;
        match word {
            [b'@', ..] => return Self::Netgroup,
            [b'/', ..] => return Self::File(std::ffi::OsStr::from_bytes(word).into()),
            _ if word.eq_ignore_ascii_case(b"KNOWN") => return Self::Known,
            _ if word.eq_ignore_ascii_case(b"LOCAL") => return Self::Local,
            _ => {}
        }
        match find_outside_brackets(word, b'/') {
            Some(at) => net(&word[..at], &word[at + 1..]),
            None => Self::text(Text::new(word), word),
        }
    }

    fn text(text: Text, word: &[u8]) -> Self {
        // No name is a number: the resolver's answers that are do not count as names.
        let by_address = matches!(text, Text::Bracketed(_));
        Self::Text {
            or_name: !by_address
                && !word
                    .iter()
                    .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'/')),
            text,
        }
    }
}

fn net(net: &[u8], mask: &[u8]) -> Host {
    if let [b'[', inside @ .., b']'] = net {
        return match (ipv6(inside), u8::try_from(leading_number(mask))) {
            (Some(net), Ok(length @ 0..=128)) => Host::Net6 { net, length },
            _ => Host::NoNet,
        };
    }
    let mask = dotted_quad(mask).or_else(|| match leading_number(mask) {
        length @ 1..=32 => Some(u32::MAX << (32 - length)),
        _ => None,
    });
    match (dotted_quad(net), mask) {
        (Some(net), Some(mask)) => Host::Net4 { net, mask },
        _ => Host::NoNet,
    }
}

impl Host {
    /// Whether an address is in a net; for nets alone.
    pub(super) fn contains(&self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::Net4 { net, mask }, Some(IpAddr::V4(address))) => {
                address.to_bits() & mask == *net
            }
            (Self::Net6 { net, length }, Some(IpAddr::V6(address))) => {
                let differs = address.to_bits() ^ net.to_bits();
                differs.leading_zeros() >= u32::from(*length)
            }
            _ => false,
        }
    }
}

/// Where a byte stands first outside of brackets, as the C library counts those.
pub(super) fn find_outside_brackets(text: &[u8], wanted: u8) -> Option<usize> {
    let mut depth = 0_i64;
    text.iter().position(|byte| {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => return depth == 0 && *byte == wanted,
        }
        false
    })
}

/// An IPv4 address in four parts, each in any base of inet_addr(3). `255.255.255.255` is none: it is
/// that function's sign of an error.
pub(super) fn dotted_quad(text: &[u8]) -> Option<u32> {
    let part = |part: &[u8]| -> Option<u8> {
        let text = std::str::from_utf8(part).ok()?;
        let (digits, radix) = match text.as_bytes() {
            [b'0', b'x' | b'X', ..] => (&text[2..], 16),
            [b'0', _, ..] => (&text[1..], 8),
            _ => (text, 10),
        };
        let digits_alone = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, radix).ok();
        number
            .filter(|_| digits_alone)
            .and_then(|number| u8::try_from(number).ok())
    };
    let parts: Vec<_> = text.split(|byte| *byte == b'.').collect();
    let [a, b, c, d] = parts.try_into().ok()?;
    let address = Ipv4Addr::new(part(a)?, part(b)?, part(c)?, part(d)?);
    Some(address.to_bits()).filter(|bits| *bits != u32::MAX)
}

/// The number that a word begins with, as atoi(3) has it: 0 where it begins with none.
fn leading_number(word: &[u8]) -> i64 {
    let (sign, digits) = match word {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, word),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    sign * digits.fold(0_i64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    })
}

/// Stars in a row as one. At the end the C library wants at least one character for two or more.
fn normal_glob(word: &[u8]) -> Vec<u8> {
    let trailing = word.iter().rev().take_while(|byte| **byte == b'*').count();
    let mut pattern = Vec::with_capacity(word.len());
    for &byte in &word[..word.len() - trailing] {
        if byte != b'*' || pattern.last() != Some(&b'*') {
            pattern.push(byte);
        }
    }
    match trailing {
        0 => {}
        1 => pattern.push(b'*'),
        _ => pattern.extend_from_slice(b"?*"),
    }
    pattern
}

/// Whether `text` matches a pattern with `*` and `?`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and where what it covers ends.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || byte.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((at, covered)) => {
                    *covered += 1;
                    (p, t) = (*at + 1, *covered);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The plain definition of a glob.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|at| naive(rest, &text[at..])),
            ([b'?', rest @ ..], [_, tail @ ..]) => naive(rest, tail),
            ([byte, rest @ ..], [first, tail @ ..]) => {
                byte.eq_ignore_ascii_case(first) && naive(rest, tail)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_glob_is_what_its_definition_says(pattern in "[aB*?]{0,8}", text in "[aAbB]{0,8}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(glob(pattern, text), naive(pattern, text));
        }
    }

    #[test]
    fn an_address_has_four_parts() {
        let bits = |text: &str| dotted_quad(text.as_bytes());
        assert_eq!(bits("10.1.2.3"), Some(0x0a01_0203));
        assert_eq!(bits("012.0x1.2.3"), Some(0x0a01_0203));
        for wrong in [
            "10.1.2",
            "10.1.2.256",
            "10..2.3",
            "10.1.2.3.",
            "+1.2.3.4",
            "255.255.255.255",
        ] {
            assert_eq!(bits(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn brackets_hide_colons() {
        assert_eq!(find_outside_brackets(b"d: [::1] : x", b':'), Some(1));
        assert_eq!(find_outside_brackets(b" [::1] : x", b':'), Some(7));
        assert_eq!(find_outside_brackets(b" ]::1", b':'), None);
    }
}
