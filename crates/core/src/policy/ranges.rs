//! A list of prefixes, searched in logarithmic time.

use std::net::IpAddr;

use ipnet::IpNet;

/// Which prefix of a list contains an address: of several, the one that stands first in the list.
///
/// IPv4 prefixes contain v4-mapped addresses too; IPv6 prefixes never contain IPv4 addresses
/// (docs/xinetd-behaviour.md, section 3.2).
#[derive(Debug, Default)]
pub(super) struct PrefixSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl PrefixSet {
    /// The set of prefixes, each with the number of its rule; a lower number comes first.
    pub(super) fn new(prefixes: impl IntoIterator<Item = (IpNet, u32)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (prefix, rule) in prefixes {
            match prefix {
                IpNet::V4(net) => v4.push(Range {
                    first: net.network().to_bits(),
                    last: net.broadcast().to_bits(),
                    rule,
                }),
                IpNet::V6(net) => v6.push(Range {
                    first: net.network().to_bits(),
                    last: net.broadcast().to_bits(),
                    rule,
                }),
            }
        }
        Self {
            v4: Ranges::new(v4),
            v6: Ranges::new(v6),
        }
    }

    /// The number of the first rule that contains `address`.
    pub(super) fn find(&self, address: IpAddr) -> Option<u32> {
        match address {
            IpAddr::V4(address) => self.v4.find(address.to_bits()),
            IpAddr::V6(address) => {
                let mapped = address
                    .to_ipv4_mapped()
                    .and_then(|plain| self.v4.find(plain.to_bits()));
                let native = self.v6.find(address.to_bits());
                mapped.into_iter().chain(native).min()
            }
        }
    }
}

/// The addresses of one prefix, both ends included.
struct Range<A> {
    first: A,
    last: A,
    rule: u32,
}

/// Stretches of addresses that lie side by side, in order, each with the rule that holds there.
///
/// Two prefixes either lie apart or one in the other, so there are at most two stretches for each.
#[derive(Debug)]
struct Ranges<A> {
    /// Where each stretch begins; it ends where the next begins.
    starts: Vec<A>,
    /// The rule of the stretch at the same index.
    rules: Vec<Option<u32>>,
}

impl<A> Default for Ranges<A> {
    fn default() -> Self {
        Self {
            starts: Vec::new(),
            rules: Vec::new(),
        }
    }
}

impl<A: Address> Ranges<A> {
    fn new(mut ranges: Vec<Range<A>>) -> Self {
        // Outer prefixes come before those that lie in them.
        ranges.sort_unstable_by(|a, b| (a.first, b.last).cmp(&(b.first, a.last)));
        let mut result = Self::default();
        // The prefixes around the current address, the innermost last, each with the first rule
        // of itself and those around it.
        let mut around: Vec<(A, u32)> = Vec::new();
        for range in ranges {
            while let Some((last, _)) = around.pop_if(|(last, _)| *last < range.first) {
                result.after(last, around.last());
            }
            let rule = around
                .last()
                .map_or(range.rule, |(_, outer)| range.rule.min(*outer));
            result.push(range.first, Some(rule));
            around.push((range.last, rule));
        }
        while let Some((last, _)) = around.pop() {
            result.after(last, around.last());
        }
        result
    }

    /// What holds behind the prefix that ends at `last`: the rule of the one around it.
    fn after(&mut self, last: A, outer: Option<&(A, u32)>) {
        if let Some(next) = last.next() {
            self.push(next, outer.map(|(_, rule)| *rule));
        }
    }

    fn push(&mut self, start: A, rule: Option<u32>) {
        // A stretch of no length is overwritten, one that goes on is prolonged.
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.rules.pop();
        }
        if self.rules.last().copied().flatten() != rule {
            self.starts.push(start);
            self.rules.push(rule);
        }
    }

    fn find(&self, address: A) -> Option<u32> {
        let after = self.starts.partition_point(|start| *start <= address);
        self.rules[after.checked_sub(1)?]
    }
}

/// An address as a number.
trait Address: Copy + Ord {
    /// The address that follows, none after the last.
    fn next(self) -> Option<Self>;
}

impl Address for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Address for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use ipnet::{Ipv4Net, Ipv6Net};
    use proptest::prelude::*;

    use super::*;

    fn set(prefixes: &[&str]) -> PrefixSet {
        PrefixSet::new(prefixes.iter().map(|text| text.parse().unwrap()).zip(0..))
    }

    fn find(set: &PrefixSet, address: &str) -> Option<u32> {
        set.find(address.parse().unwrap())
    }

    #[test]
    fn of_several_prefixes_the_first_in_the_list_is_told() {
        let narrow_last = set(&["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32"]);
        assert_eq!(find(&narrow_last, "10.1.2.3"), Some(0));
        let narrow_first = set(&["10.1.2.3/32", "10.1.0.0/16", "10.0.0.0/8"]);
        assert_eq!(find(&narrow_first, "10.1.2.3"), Some(0));
        assert_eq!(find(&narrow_first, "10.1.2.4"), Some(1));
        assert_eq!(find(&narrow_first, "10.1.3.0"), Some(1));
        assert_eq!(find(&narrow_first, "10.2.0.0"), Some(2));
        assert_eq!(find(&narrow_first, "11.0.0.0"), None);
        assert_eq!(find(&narrow_first, "9.255.255.255"), None);
    }

    #[test]
    fn the_ends_of_the_address_space_are_no_exception() {
        assert_eq!(
            find(&set(&["255.255.255.255/32"]), "255.255.255.255"),
            Some(0)
        );
        assert_eq!(find(&set(&["255.255.255.255/32"]), "255.255.255.254"), None);
        assert_eq!(find(&set(&["0.0.0.0/32"]), "0.0.0.0"), Some(0));
        let all = set(&["255.0.0.0/8", "0.0.0.0/0"]);
        assert_eq!(find(&all, "255.255.255.255"), Some(0));
        assert_eq!(find(&all, "0.0.0.0"), Some(1));
        assert_eq!(
            find(&set(&["::/0"]), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            Some(0)
        );
        assert_eq!(find(&set(&["::3/128"]), "::3"), Some(0));
        assert_eq!(find(&set(&["::3/128"]), "::4"), None);
    }

    #[test]
    fn families_match_as_in_xinetd() {
        let v4 = set(&["10.1.2.0/24"]);
        assert_eq!(find(&v4, "10.1.2.3"), Some(0));
        assert_eq!(find(&v4, "::ffff:10.1.2.3"), Some(0));
        assert_eq!(find(&v4, "::10.1.2.3"), None);
        assert_eq!(find(&set(&["0.0.0.0/0"]), "fd00::1"), None);
        for v6 in ["::/0", "::ffff:10.1.2.0/120", "::ffff:10.1.2.3/128"] {
            assert_eq!(find(&set(&[v6]), "::ffff:10.1.2.3"), Some(0), "{v6}");
            assert_eq!(find(&set(&[v6]), "10.1.2.3"), None, "{v6}");
        }
        // Of both families the first in the list.
        let both = set(&["::/0", "10.0.0.0/8"]);
        assert_eq!(find(&both, "::ffff:10.1.2.3"), Some(0));
        let both = set(&["10.0.0.0/8", "::/0"]);
        assert_eq!(find(&both, "::ffff:10.1.2.3"), Some(0));
    }

    #[test]
    fn thousands_of_entries_are_stretches_side_by_side() {
        let nets = (0..10_000u32).map(|number| {
            let net = Ipv4Net::new(Ipv4Addr::from_bits(number * 512), 24).unwrap();
            (IpNet::V4(net), number)
        });
        let set = PrefixSet::new(nets);
        assert!(set.v4.starts.len() <= 20_000);
        for number in 0..10_000 {
            let address = |offset| IpAddr::V4(Ipv4Addr::from_bits(number * 512 + offset));
            assert_eq!(set.find(address(255)), Some(number));
            assert_eq!(set.find(address(256)), None);
        }
    }

    /// Addresses that lie close together, so that prefixes often lie in one another.
    fn address() -> impl Strategy<Value = IpAddr> {
        let v4 = prop_oneof![0u32..16, Just(u32::MAX), Just(1 << 31), any::<u32>()];
        let v6 = prop_oneof![0u128..16, Just(u128::MAX), Just(1 << 127), any::<u128>()];
        let v4 = v4.prop_map(Ipv4Addr::from_bits).boxed();
        prop_oneof![
            v4.clone().prop_map(IpAddr::V4),
            v4.prop_map(|address| IpAddr::V6(address.to_ipv6_mapped())),
            v6.prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        ]
    }

    fn prefix() -> impl Strategy<Value = IpNet> {
        (address(), 0u8..=128).prop_map(|(address, length)| match address {
            // Mostly the longer ones: a short one hides the others.
            IpAddr::V4(a) => Ipv4Net::new(a, 32 - length % 33).unwrap().into(),
            IpAddr::V6(a) => Ipv6Net::new(a, 128 - length % 129).unwrap().into(),
        })
    }

    fn scan(prefixes: &[IpNet], address: IpAddr) -> Option<u32> {
        let mapped = match address {
            IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        let hit = |net: &IpNet| {
            net.contains(&address) || mapped.is_some_and(|plain| net.contains(&plain))
        };
        prefixes
            .iter()
            .zip(0..)
            .find(|(net, _)| hit(net))
            .map(|(_, rule)| rule)
    }

    proptest! {
        /// Against a scan of the list.
        #[test]
        fn the_set_finds_what_a_scan_finds(
            prefixes in prop::collection::vec(prefix(), 0..20),
            addresses in prop::collection::vec(address(), 1..40),
        ) {
            let set = PrefixSet::new(prefixes.iter().copied().zip(0..));
            let ends = prefixes.iter().flat_map(|net| [net.network(), net.broadcast()]);
            for address in addresses.into_iter().chain(ends) {
                prop_assert_eq!(set.find(address), scan(&prefixes, address), "{}", address);
            }
        }
    }
}
