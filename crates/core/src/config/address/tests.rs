//! Each example of docs/xinetd-behaviour.md, section 3.1, and prefixes against the naive mask.

use super::*;
use proptest::prelude::*;

/// The patterns of a word, as text.
fn patterns(word: &str) -> String {
    let reading = read(word.as_bytes(), &Databases::default()).unwrap();
    let patterns: Vec<_> = reading.patterns.iter().map(ToString::to_string).collect();
    patterns.join(" ")
}

fn remark(word: &str) -> Option<Remark> {
    read(word.as_bytes(), &Databases::default()).unwrap().remark
}

fn error(word: &str) -> Remark {
    let error = read(word.as_bytes(), &Databases::default()).unwrap_err();
    assert_eq!(error.severity, Severity::Error);
    error
}

#[test]
fn zero_octets_at_the_end_widen() {
    for (word, net) in [
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.1.2.0", "10.1.2.0/24"),
        ("10.1.0.0", "10.1.0.0/16"),
        ("10.0.0.0", "10.0.0.0/8"),
        ("0.0.0.0", "0.0.0.0/0"),
        ("0", "0.0.0.0/0"),
        ("10.0.2.0", "10.0.2.0/24"),
    ] {
        assert_eq!(patterns(word), net, "{word}");
        assert_eq!(remark(word), None, "{word}");
    }
}

#[test]
fn short_hexadecimal_and_octal_addresses_mean_what_inet_aton_says() {
    for (word, net, help) in [
        (
            "10.1.2",
            "10.1.0.2/32",
            "for the network write 10.1.2.0/24, else 10.1.0.2",
        ),
        (
            "10.1",
            "10.0.0.1/32",
            "for the network write 10.1.0.0/16, else 10.0.0.1",
        ),
        (
            "10",
            "0.0.0.10/32",
            "for the network write 10.0.0.0/8, else 0.0.0.10",
        ),
        (
            "10.0",
            "10.0.0.0/8",
            "for the network write 10.0.0.0/16, else 10.0.0.0/8",
        ),
        ("0x0a010203", "10.1.2.3/32", "write 10.1.2.3/32"),
        ("012.1.2.3", "10.1.2.3/32", "write 10.1.2.3/32"),
        ("167838211", "10.1.2.3/32", "write 10.1.2.3/32"),
        ("10.66051", "10.1.2.3/32", "write 10.1.2.3/32"),
    ] {
        assert_eq!(patterns(word), net, "{word}");
        assert_eq!(remark(word).unwrap().help, help, "{word}");
    }
    assert_eq!(
        remark("10.1").unwrap().message,
        "`10.1` means the single address 10.0.0.1"
    );
}

#[test]
fn ipv6_is_exact() {
    assert_eq!(patterns("::"), "::/128");
    assert_eq!(patterns("fd00:1:2::"), "fd00:1:2::/128");
    assert_eq!(patterns("::ffff:10.1.2.3"), "::ffff:10.1.2.3/128");
    assert_eq!(error("fe80::1%eth0").help, "write fe80::1 without the zone");
}

#[test]
fn masks() {
    for (word, net) in [
        ("10.1.2.3/24", "10.1.2.0/24"),
        ("10.1.2.0/32", "10.1.2.0/32"),
        ("10.1.2.0/0", "0.0.0.0/0"),
        ("0/0", "0.0.0.0/0"),
        ("10.1.2/24", "10.1.0.0/24"),
        ("10.1.2.3/33", "10.1.2.3/32"),
        ("fd00:1:2::/47", "fd00:1:2::/47"),
        ("fd00:1:3::/47", "fd00:1:2::/47"),
        ("::/0", "::/0"),
        ("::3/128", "::3/128"),
    ] {
        assert_eq!(patterns(word), net, "{word}");
    }
    assert_eq!(
        remark("10.1.2/24").unwrap().help,
        "write 10.1.2.0/24 or 10.1.0.0/24"
    );
    assert_eq!(remark("10.1.2.3/33").unwrap().help, "write 10.1.2.3/32");
    assert_eq!(error("10.1.2.0/255.255.255.0").help, "write 10.1.2.0/24");
    assert_eq!(error("10.1./16").help, "write 10.1.0.0/16");
    assert_eq!(error("::3/129").help, "write ::3 for that address alone");
    for word in ["10.1.2.0/24x", "10.1.2.0/", "10.1.2.0/+8", "host/24", "/24"] {
        error(word);
    }
}

#[test]
fn factorized() {
    assert_eq!(patterns("10.1.{0,2}"), "10.1.0.0/24 10.1.2.0/24");
    assert_eq!(patterns("{10,172}"), "10.0.0.0/8 172.0.0.0/8");
    assert_eq!(patterns("10.1.2.{3,4}"), "10.1.2.3/32 10.1.2.4/32");
    for word in [
        "10.1.{}",
        "10.1.{1,}",
        "10.1.{1",
        "10.1.{1}2",
        "10.1{2}",
        ".{1}",
        "10.1.2.{300}",
        "10.1.2.3.{4}",
        "300.{1}",
        "10.{1,{2}}",
    ] {
        error(word);
    }
}

#[test]
fn names() {
    assert_eq!(patterns("alpha.example.com"), "host alpha.example.com");
    assert_eq!(patterns(".Example.COM"), "domain .Example.COM");
    assert_eq!(patterns(".3com"), "domain .3com");
    let mut databases = Databases::default();
    databases.add_networks(b"lab 10.1.2");
    let reading = read(b"lab", &databases).unwrap();
    let lab = Pattern::Net("10.1.2.0/32".parse().unwrap());
    assert_eq!(reading.patterns, [Pattern::Host("lab".into()), lab]);
    assert_eq!(
        reading.remark.unwrap().help,
        "for the whole network write 10.1.2.0/24"
    );
}

#[test]
fn words_without_a_meaning_say_what_to_write() {
    for (word, help) in [
        ("10.1.2.", "write 10.1.2.0/24"),
        ("10.1.2.*", "write 10.1.2.0/24"),
        (
            "*.example.com",
            "for all hosts of the domain write .example.com",
        ),
        ("*", "for everyone write 0.0.0.0/0 ::/0"),
        ("ALL", "for everyone write 0.0.0.0/0 ::/0"),
        ("10.1.2.3,10.1.2.4", "write 10.1.2.3 10.1.2.4"),
        ("10.1.2.3,", "write 10.1.2.3"),
        (
            "host.example.",
            "write host.example without the dot at its end",
        ),
    ] {
        assert_eq!(error(word).help, help, "{word}");
    }
    for word in [
        "",
        ".",
        "..",
        ".12",
        "1.2.3.4.5",
        "256.1.1.1",
        "08.1.1.1",
        "a b",
        "$(x)",
        "LOCAL",
    ] {
        error(word);
    }
    read(b"caf\xe9", &Databases::default()).unwrap_err();
}

proptest! {
    /// A prefix holds an address if and only if the masked bits agree.
    #[test]
    fn a_prefix_means_the_naive_mask(address: u32, bits in 0_u32..40, peer: u32, near in 0_u32..33) {
        let word = format!("{}/{bits}", Ipv4Addr::from(address));
        let reading = read(word.as_bytes(), &Databases::default()).unwrap();
        let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
        // A peer that shares the first bits, as random ones hardly ever do.
        let low = u32::MAX.checked_shr(near).unwrap_or(0);
        let peer = (address & !low) | (peer & low);
        let Pattern::Net(net) = &reading.patterns[0] else { panic!("{reading:?}") };
        prop_assert_eq!(net.contains(&IpAddr::from(Ipv4Addr::from(peer))), peer & mask == address & mask);
    }

    #[test]
    fn a_v6_prefix_means_the_naive_mask(address: u128, bits in 0_u32..=128, peer: u128, near in 0_u32..129) {
        let word = format!("{}/{bits}", Ipv6Addr::from(address));
        let reading = read(word.as_bytes(), &Databases::default()).unwrap();
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        let low = u128::MAX.checked_shr(near).unwrap_or(0);
        let peer = (address & !low) | (peer & low);
        let Pattern::Net(net) = &reading.patterns[0] else { panic!("{reading:?}") };
        prop_assert_eq!(net.contains(&IpAddr::from(Ipv6Addr::from(peer))), peer & mask == address & mask);
    }

    /// Four plain numbers mean themselves, but for the zero octets at the end.
    #[test]
    fn a_plain_address_means_itself(octets: [u8; 4]) {
        let address = Ipv4Addr::from(octets);
        let text = address.to_string();
        let reading = read(text.as_bytes(), &Databases::default()).unwrap();
        let Pattern::Net(IpNet::V4(net)) = &reading.patterns[0] else { panic!("{reading:?}") };
        prop_assert_eq!(net.network(), address);
        let free = octets.iter().rev().take_while(|octet| **octet == 0).count();
        prop_assert_eq!(usize::from(net.prefix_len()), 32 - 8 * free);
    }

    #[test]
    fn no_word_panics(word: Vec<u8>, text in "[0-9a-fx.:/{},*-]{0,24}") {
        let _ = read(&word, &Databases::default());
        let _ = read(text.as_bytes(), &Databases::default());
    }
}
