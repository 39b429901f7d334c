//! The words of `only_from` and `no_access` (docs/xinetd-behaviour.md, section 3.1).
//!
//! A word is tried as: a numeric address, `address/bits`, `10.1.{2,3}`, `.domain`, a name. Names
//! are never resolved: they are compared with the peer's name when it connects.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::databases::Databases;
use crate::problem::{Remark, Severity};
use crate::service::Pattern;

/// What a word means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The peers; at least one entry.
    pub(super) patterns: Vec<Pattern>,
    /// What is surprising about it.
    pub(super) remark: Option<Remark>,
}

/// A remark on a word that has no meaning.
fn error(message: impl Into<String>, help: impl Into<String>) -> Remark {
    Remark::new(Severity::Error, "address", message, help)
}

/// A remark on a word that may not mean what it seems to.
fn warning(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Remark {
    Remark::new(Severity::Warning, code, message, help)
}

/// Names that other programs' access lists give a meaning to, and xinetd does not: hardly ever is
/// a host called so, and `no_access = ALL` must not let all clients in.
const WILDCARDS: [&str; 4] = ["known", "local", "paranoid", "unknown"];

/// Words for all clients.
const EVERYONE: [&str; 3] = ["*", "all", "any"];

/// Whether a list of words has this one, without case.
fn has(words: &[&str], text: &str) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Reads one word.
///
/// # Errors
/// A word that has no meaning, with what to write instead.
pub(super) fn read(word: &[u8], databases: &Databases) -> Result<Meaning, Remark> {
    let Ok(text) = str::from_utf8(word) else {
        return Err(error(
            format!("`{}` is not an address", word.escape_ascii()),
            "write an address, address/bits, a host name or .domain",
        ));
    };
    let outside_braces = text.split('{').next().unwrap_or_default();
    if outside_braces.contains(',') {
        let words: Vec<_> = text.split(',').filter(|word| !word.is_empty()).collect();
        return Err(error(
            format!("`{text}` has a comma: addresses are separated by blanks"),
            format!("write {}", words.join(" ")),
        ));
    }
    if let Some((prefix, members)) = text.split_once('{') {
        return factorized(text, prefix, members);
    }
    if let Some((address, bits)) = text.split_once('/') {
        return masked(text, address, bits);
    }
    if text.contains(':') {
        return match text.parse::<Ipv6Addr>() {
            Ok(address) => Ok(plain(IpAddr::V6(address).into())),
            Err(_) => Err(not_ipv6(text, text)),
        };
    }
    if let Some(address) = inet_aton(text) {
        return Ok(numeric(text, address));
    }
    name(text, databases)
}

/// A reading without a remark.
fn plain(net: IpNet) -> Meaning {
    Meaning {
        patterns: vec![Pattern::Net(net)],
        remark: None,
    }
}

/// An IPv4 prefix with its host bits cleared; more than 32 bits count as 32.
fn v4_net(address: Ipv4Addr, bits: u8) -> IpNet {
    let bits = bits.min(32);
    Ipv4Net::new_assert(address, bits).trunc().into()
}

/// A numeric IPv4 address: each zero octet at its end widens the match.
fn numeric(text: &str, address: Ipv4Addr) -> Meaning {
    let zero_octets = u8::try_from(u32::from(address).trailing_zeros() / 8).unwrap_or(4);
    let net = v4_net(address, 32 - 8 * zero_octets);
    let (meaning, precise) = match zero_octets {
        0 => (format!("the single address {address}"), address.to_string()),
        _ => (net.to_string(), net.to_string()),
    };
    let remark = surprise(text, address).then(|| {
        warning(
            "address-short",
            format!("`{text}` means {meaning}"),
            match padded(text) {
                Some((network, bits)) => {
                    format!("for the network write {network}/{bits}, else {precise}")
                }
                None => format!("write {net}"),
            },
        )
    });
    Meaning {
        patterns: vec![Pattern::Net(net)],
        remark,
    }
}

/// Whether a numeric word is hardly read as people read it: short, hexadecimal or octal.
fn surprise(text: &str, address: Ipv4Addr) -> bool {
    text != "0" && text != address.to_string()
}

/// The network that the author of a short address such as `10.1` most likely has in mind.
fn padded(text: &str) -> Option<(Ipv4Addr, usize)> {
    let octets: Vec<u8> = text
        .trim_end_matches('.')
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    if octets.len() > 3 {
        return None;
    }
    let mut address = [0; 4];
    address[..octets.len()].copy_from_slice(&octets);
    Some((address.into(), 8 * octets.len()))
}

/// An IPv4 address as inet_aton(3) reads it: one to four numbers, the last of which fills what is
/// left; `0x` makes them hexadecimal and a leading `0` octal.
pub(super) fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(c_number).collect::<Option<_>>()?;
    let (last, octets) = parts.split_last()?;
    if octets.len() > 3 || octets.iter().any(|octet| *octet > 0xff) {
        return None;
    }
    let free_bits = 32 - 8 * octets.len();
    if u64::from(*last) >= 1 << free_bits {
        return None;
    }
    // The octets from the left, then the last number in what they leave.
    let high = octets
        .iter()
        .fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
    let value = high << free_bits | u64::from(*last);
    u32::try_from(value).ok().map(Ipv4Addr::from)
}

/// A number as strtoul(3) reads it with base 0.
fn c_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    // from_str_radix takes a sign, inet_aton does not.
    let digits = Some(digits).filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, radix).ok()
}

/// `address/bits`.
fn masked(text: &str, address: &str, bits: &str) -> Result<Meaning, Remark> {
    let Some(length) = prefix_length(bits) else {
        let help = match (bits.parse::<Ipv4Addr>(), address.parse::<Ipv4Addr>()) {
            (Ok(mask), Ok(address)) => match ipnet::ipv4_mask_to_prefix(mask) {
                Ok(length) => format!("write {}", v4_net(address, length)),
                Err(_) => "write the number of leading one bits, such as /24".to_owned(),
            },
            _ => "write the number of leading one bits, such as /24".to_owned(),
        };
        return Err(error(
            format!("`{bits}` in `{text}` is not a number of bits"),
            help,
        ));
    };
    if address.contains(':') {
        let parsed = address.parse::<Ipv6Addr>();
        let parsed = parsed.map_err(|_| not_ipv6(text, address))?;
        let bits = u8::try_from(length).ok();
        let net = bits.and_then(|bits| Ipv6Net::new(parsed, bits).ok());
        return match net {
            Some(net) => Ok(plain(net.trunc().into())),
            None => Err(error(
                format!("`{text}`: an IPv6 address has 128 bits"),
                format!("write {parsed} for that address alone"),
            )),
        };
    }
    let Some(parsed) = inet_aton(address) else {
        return Err(error(
            format!("`{address}` in `{text}` is not an address"),
            match padded(address) {
                Some((network, _)) => format!("write {network}/{length}"),
                None => "write an address in numbers before the slash, such as 10.1.2.0/24".into(),
            },
        ));
    };
    let net = v4_net(parsed, u8::try_from(length).unwrap_or(u8::MAX));
    let remark = if length > 32 {
        Some(warning(
            "address-bits",
            format!("`{text}` means the single address {parsed}: an IPv4 address has 32 bits"),
            format!("write {parsed}/32"),
        ))
    } else if surprise(address, parsed) && length > 0 {
        Some(warning(
            "address-short",
            format!("`{text}` means {net}"),
            match padded(address) {
                Some((network, _)) => format!("write {network}/{length} or {net}"),
                None => format!("write {net}"),
            },
        ))
    } else {
        None
    };
    Ok(Meaning {
        patterns: vec![Pattern::Net(net)],
        remark,
    })
}

/// The number after the slash.
fn prefix_length(bits: &str) -> Option<u32> {
    let digits = bits.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| bits.parse().ok())?
}

fn not_ipv6(text: &str, address: &str) -> Remark {
    error(
        format!("`{text}` is not an IPv6 address"),
        match address.split_once('%') {
            Some((address, _)) => format!("write {address} without the zone"),
            None => "write it like 2001:db8::1 or 2001:db8::/32, without a port".to_owned(),
        },
    )
}

/// `10.1.{2,3}`: the octets before the brace, with each of those in it; what is missing is free.
fn factorized(text: &str, prefix: &str, members: &str) -> Result<Meaning, Remark> {
    let wrong = |why: &str| {
        error(
            format!("`{text}`: {why}"),
            "write it like 10.1.{2,3}, or the networks one by one",
        )
    };
    let Some(members) = members.strip_suffix('}') else {
        return Err(wrong("the list in braces must end the word"));
    };
    let octet = |part: &str| match prefix_length(part) {
        Some(value) => {
            u8::try_from(value).map_err(|_| wrong(&format!("{part} is larger than 255")))
        }
        None if part.is_empty() => Err(wrong("a number is missing")),
        None => Err(wrong(&format!("`{part}` is not a number"))),
    };
    let octets = match prefix.strip_suffix('.') {
        Some(head) => head.split('.').map(octet).collect::<Result<Vec<_>, _>>()?,
        None if prefix.is_empty() => Vec::new(),
        None => return Err(wrong("there must be a dot before the brace")),
    };
    if octets.len() > 3 {
        return Err(wrong("an address has four numbers"));
    }
    let bits = 8 * u8::try_from(octets.len() + 1).unwrap_or(4);
    let pattern = |member: &str| {
        let mut address = [0; 4];
        address[..octets.len()].copy_from_slice(&octets);
        address[octets.len()] = octet(member)?;
        Ok(Pattern::Net(v4_net(address.into(), bits)))
    };
    let patterns = members.split(',').map(pattern).collect::<Result<_, _>>()?;
    Ok(Meaning {
        patterns,
        remark: None,
    })
}

/// `.domain`, a host, or a network of /etc/networks.
fn name(text: &str, databases: &Databases) -> Result<Meaning, Remark> {
    if text.strip_prefix('.').is_some_and(is_host_name) {
        return Ok(Meaning {
            patterns: vec![Pattern::Domain(text.to_owned())],
            remark: None,
        });
    }
    if !is_host_name(text) || has(&WILDCARDS, text) || has(&EVERYONE, text) {
        return Err(error(
            format!("`{text}` is neither an address nor a name"),
            suggestion(text),
        ));
    }
    let mut patterns = vec![Pattern::Host(text.to_owned())];
    let mut remark = None;
    if let Some(network) = databases.network(text.as_bytes()) {
        patterns.push(Pattern::Net(v4_net(network, 32)));
        let Meaning { patterns: wide, .. } = numeric("", network);
        remark = Some(warning(
            "address-network-name",
            format!("`{text}` of /etc/networks means no more than the single address {network}"),
            match wide.first() {
                Some(wide) => format!("for the whole network write {wide}"),
                None => format!("write {network}"),
            },
        ));
    }
    Ok(Meaning { patterns, remark })
}

/// Whether a word can be the name of a host: labels of letters, digits, `-` and `_`, not all of
/// the last one digits, as then it is a broken address.
pub(super) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253
        && text.split('.').all(label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// What to write instead of a word that means nothing.
fn suggestion(text: &str) -> String {
    let domain = text.strip_prefix('*').unwrap_or_default();
    if domain.starts_with('.') && is_host_name(&domain[1..]) {
        return format!("for all hosts of the domain write {domain}");
    }
    let host = text.trim_end_matches('.');
    if host != text && is_host_name(host) {
        return format!("write {host} without the dot at its end");
    }
    let stem = text.trim_end_matches(['*', 'x', '.']);
    match padded(stem) {
        _ if has(&EVERYONE, text) => "for everyone write 0.0.0.0/0 ::/0".to_owned(),
        Some((network, bits)) if stem != text => format!("write {network}/{bits}"),
        _ => "write an address, address/bits, a host name or .domain".to_owned(),
    }
}

#[cfg(test)]
mod tests;
