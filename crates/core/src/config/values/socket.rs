//! Where a service listens and what kind of service it is (docs/xinetd-behaviour.md, sections 2 and 4.1).

use std::net::{IpAddr, Ipv6Addr};

use super::super::address::{inet_aton, is_host_name};
use super::super::lexer::Word;
use super::super::report::quoted;
use super::vocabulary::{Words, bits, one_of};
use super::{Given, Parsed, Values, number};
use crate::bytes::ByteString;
use crate::problem::Severity;
use crate::service::{Bind, Port, Protocol, RpcRange, SocketType};

/// The bits of `type`.
pub(crate) mod kind {
    pub(crate) const RPC: u32 = 1;
    pub(crate) const INTERNAL: u32 = 1 << 1;
    pub(crate) const UNLISTED: u32 = 1 << 2;
    pub(crate) const SPECIAL: u32 = 1 << 3;
    pub(crate) const TCPMUX: u32 = 1 << 4;
    pub(crate) const TCPMUXPLUS: u32 = 1 << 5;
}

/// The bits of `flags`.
pub(crate) mod flag {
    pub(crate) const REUSE: u32 = 1;
    pub(crate) const INTERCEPT: u32 = 1 << 1;
    pub(crate) const NORETRY: u32 = 1 << 2;
    pub(crate) const IDONLY: u32 = 1 << 3;
    pub(crate) const NAMEINARGS: u32 = 1 << 4;
    pub(crate) const NODELAY: u32 = 1 << 5;
    pub(crate) const KEEPALIVE: u32 = 1 << 6;
    pub(crate) const NOLIBWRAP: u32 = 1 << 7;
    pub(crate) const SENSOR: u32 = 1 << 8;
    pub(crate) const IPV4: u32 = 1 << 9;
    pub(crate) const IPV6: u32 = 1 << 10;
    pub(crate) const LABELED: u32 = 1 << 11;
    pub(crate) const DISABLE: u32 = 1 << 12;
}

const KINDS: Words<u32> = &[
    ("RPC", kind::RPC),
    ("INTERNAL", kind::INTERNAL),
    ("UNLISTED", kind::UNLISTED),
    ("SPECIAL", kind::SPECIAL),
    ("TCPMUX", kind::TCPMUX),
    ("TCPMUXPLUS", kind::TCPMUXPLUS),
];

const FLAGS: Words<u32> = &[
    ("REUSE", flag::REUSE),
    ("INTERCEPT", flag::INTERCEPT),
    ("NORETRY", flag::NORETRY),
    ("IDONLY", flag::IDONLY),
    ("NAMEINARGS", flag::NAMEINARGS),
    ("NODELAY", flag::NODELAY),
    ("KEEPALIVE", flag::KEEPALIVE),
    ("NOLIBWRAP", flag::NOLIBWRAP),
    ("SENSOR", flag::SENSOR),
    ("IPv4", flag::IPV4),
    ("IPv6", flag::IPV6),
    ("LABELED", flag::LABELED),
    ("DISABLE", flag::DISABLE),
];

/// `type`.
pub(crate) fn kind(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.kind = Some(bits(given, KINDS)?);
    Ok(())
}

/// `flags`.
///
/// DISABLE, which xinetd.conf(5) had once, is read as `disable = yes`: xinetd itself takes the word for a
/// bad value and switches the service off for it, until a later `disable = no`.
pub(crate) fn flags(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let flags = bits(given, FLAGS)?;
    values.flags = Some(flags);
    if flags & flag::DISABLE != 0 {
        values.disable = Some(true);
        let is_it = |word: &&Word<'_>| word.bytes.eq_ignore_ascii_case(b"DISABLE");
        if let Some(word) = given.words.iter().find(is_it) {
            let message = "DISABLE is read as disable = yes, and the service is switched off";
            given.remark(
                word,
                Severity::Note,
                "disable-flag",
                message,
                "write disable = yes",
            );
        }
    }
    Ok(())
}

/// `socket_type`.
pub(crate) fn socket_type(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let types: Words<SocketType> = &[
        ("stream", SocketType::Stream),
        ("dgram", SocketType::Dgram),
        ("raw", SocketType::Raw),
        ("seqpacket", SocketType::Seqpacket),
    ];
    values.socket_type = Some(one_of(given, types)?);
    Ok(())
}

/// `protocol`.
pub(crate) fn protocol(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let word = given.word(0);
    let Some(number) = given.databases.protocol(word.bytes) else {
        let lower = word.bytes.to_ascii_lowercase();
        let help = match lower.split_last() {
            Some((b'6', name @ (b"tcp" | b"udp"))) => {
                format!("write {} and flags = IPv6", name.escape_ascii())
            }
            Some((b'4', name @ (b"tcp" | b"udp"))) => {
                format!("write {} and flags = IPv4", name.escape_ascii())
            }
            _ => "write tcp or udp, or another name of /etc/protocols".to_owned(),
        };
        let message = format!("{} is not in /etc/protocols", quoted(word.bytes));
        return Err(given.fault(&word, message, help));
    };
    values.protocol = Some(match number {
        6 => Protocol::Tcp,
        17 => Protocol::Udp,
        _ => Protocol::Other(word.bytes.into(), number),
    });
    Ok(())
}

/// `port`.
pub(crate) fn port(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let word = given.word(0);
    let Some(port) = number::ranged(word.bytes) else {
        let named = given.databases.port(word.bytes, b"tcp");
        let named = named.or_else(|| given.databases.port(word.bytes, b"udp"));
        let message = format!("{} is not a port number", quoted(word.bytes));
        let help = match named {
            Some(port) => format!("write {port}"),
            None => "write a number from 1 to 65535".to_owned(),
        };
        return Err(given.fault(&word, message, help));
    };
    values.port = Some(Port(port));
    Ok(())
}

/// `redirect`.
pub(crate) fn redirect(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let (host, port) = (given.word(0), given.word(1));
    let name = ByteString::from(host.bytes);
    if literal(host.bytes).is_none() && !is_host_name(&name.to_text()) {
        return Err(given.unfit(&host, "an address or the name of a host"));
    }
    let number = match number::ranged(port.bytes) {
        Some(number) => Some(number).filter(|number| *number != 0),
        None => given.databases.port(port.bytes, b"tcp"),
    };
    let number = number.ok_or_else(|| {
        given.unfit(
            &port,
            "a port from 1 to 65535 or a TCP service of /etc/services",
        )
    })?;
    values.redirect = Some((name, Port(number)));
    Ok(())
}

/// A numeric address, with its zone.
fn literal(word: &[u8]) -> Option<(IpAddr, Option<ByteString>)> {
    let text = str::from_utf8(word).ok()?;
    if let Some(address) = inet_aton(text) {
        return Some((address.into(), None));
    }
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone.into()).filter(|_| !zone.is_empty())),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    Some((address.into(), zone))
}

/// Beginnings of the names of network interfaces that a number follows.
const INTERFACES: [&str; 12] = [
    "eth", "eno", "ens", "enp", "em", "wlan", "wlp", "br", "bond", "tun", "tap", "ppp",
];

/// `bind` and `interface`.
pub(crate) fn bind(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let word = given.word(0);
    if let Some((address, zone)) = literal(word.bytes) {
        values.bind = Some(Bind::Address(address, zone));
        return Ok(());
    }
    let name = ByteString::from(word.bytes);
    let text = name.to_text();
    let interface = text == "lo"
        || INTERFACES.iter().any(|stem| {
            let rest = text.strip_prefix(stem);
            rest.is_some_and(|rest| {
                rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.contains('.')
            })
        });
    if interface {
        return Err(given.fault(
            &word,
            format!("{} is a network interface, not an address", quoted(word.bytes)),
            "write the address of the interface, or use BindToDevice= in a drop-in of the socket unit",
        ));
    }
    if !is_host_name(&text) {
        return Err(given.unfit(&word, "an address or the name of a host"));
    }
    values.bind = Some(Bind::Name(name));
    Ok(())
}

/// `rpc_version`.
pub(crate) fn rpc_version(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    const WANTED: &str = "a version such as 2 or a range such as 2-4";
    let word = given.word(0);
    let dash = word.bytes.iter().position(|byte| *byte == b'-');
    let (first, last) = match dash {
        Some(dash) => (&word.bytes[..dash], &word.bytes[dash + 1..]),
        None => (word.bytes, word.bytes),
    };
    let range = match (number::ranged(first), number::ranged(last)) {
        (Some(first), Some(last)) if first <= last => RpcRange { first, last },
        _ => return Err(given.unfit(&word, WANTED)),
    };
    values.rpc_versions = Some(range);
    Ok(())
}

/// `rpc_number`.
pub(crate) fn rpc_number(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let word = given.word(0);
    let number = number::ranged(word.bytes);
    values.rpc_number = Some(number.ok_or_else(|| given.unfit(&word, "the number of a program"))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{clean, codes, telnet};
    use super::*;
    use crate::service::{Reach, Service};

    fn bound(value: &str) -> Service {
        clean(telnet(&format!("interface = {value}")))
    }

    #[test]
    fn bind_takes_addresses_and_names_but_no_interfaces() {
        let bind = |value: &str| match bound(value).reach {
            Reach::Listen(listen) => listen.bind.unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            bind("127.0.0.1"),
            Bind::Address([127, 0, 0, 1].into(), None)
        );
        let zoned = Bind::Address("fe80::1".parse().unwrap(), Some("eth0".into()));
        assert_eq!(bind("fe80::1%eth0"), zoned);
        assert_eq!(
            bind("www.example.com"),
            Bind::Name("www.example.com".into())
        );
        assert_eq!(bind("brig"), Bind::Name("brig".into()));
        for bad in ["lo", "eth0", "enp3s0", "[::1]", "a_b!"] {
            assert!(
                telnet(&format!("bind = {bad}")).services.is_empty(),
                "{bad}"
            );
        }
    }

    #[test]
    fn protocols_of_other_inetds_are_explained() {
        let configuration = telnet("protocol = tcp6");
        assert_eq!(codes(&configuration), ["E 7 bad-value"]);
        assert_eq!(configuration.problems[0].help, "write tcp and flags = IPv6");
        let upper = clean(telnet("protocol = tcp\nflags = ipv6 nodelay"));
        assert!(upper.flags.nodelay);
    }

    #[test]
    fn a_named_port_is_told_by_number() {
        let configuration = telnet("port = http");
        assert_eq!(configuration.problems[0].help, "write 80");
        let unknown = telnet("port = abc");
        assert_eq!(
            unknown.problems[0].help, "write a number from 1 to 65535",
            "0 is refused"
        );
        assert!(telnet("port = 65536").services.is_empty());
        assert!(telnet("port = -1").services.is_empty());
    }

    #[test]
    fn redirect_takes_a_host_and_a_port() {
        use crate::service::Serving::Redirect;
        let serving = |value: &str| {
            let text = format!("redirect = {value}");
            super::super::super::testing::only(telnet(&text)).serving
        };
        let redirect = |host: &str, port| Redirect {
            host: host.into(),
            port: Port(port),
        };
        assert_eq!(serving("192.0.2.1 8080"), redirect("192.0.2.1", 8080));
        assert_eq!(
            serving("www.example.com http"),
            redirect("www.example.com", 80)
        );
        for bad in ["192.0.2.1 0", "192.0.2.1 nothing", "a:b:c 80"] {
            assert!(
                telnet(&format!("redirect = {bad}")).services.is_empty(),
                "{bad}"
            );
        }
    }

    #[test]
    fn words_that_stand_twice_and_words_that_do_not_exist() {
        assert_eq!(codes(&telnet("flags = REUSE reuse")), ["N 7 repeated-word"]);
        let unknown = telnet("flags = NODELEY");
        assert_eq!(unknown.problems[0].help, "did you mean NODELAY?");
        assert!(unknown.services.is_empty());
    }

    #[test]
    fn the_flag_disable_switches_off_until_a_later_disable_does_not() {
        let off = telnet("flags = NODELAY DISABLE");
        assert_eq!(codes(&off), ["N 7 disable-flag"]);
        assert!(!off.services[0].enabled && off.services[0].flags.nodelay);
        let before = telnet("disable = no\nflags = DISABLE");
        assert!(!before.services[0].enabled, "as in xinetd");
        let behind = telnet("flags = DISABLE\ndisable = no");
        assert!(behind.services[0].enabled, "as in xinetd");
    }
}
