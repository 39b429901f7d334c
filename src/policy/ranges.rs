//! A list of prefixes, searched in logarithmic time.

use std::net::IpAddr;

use ipnet::IpNet;

/// Which prefix of a list contains an address: of several, the one that stands first in the list.
///
/// IPv4 prefixes contain v4-mapped addresses too; IPv6 prefixes never contain IPv4 addresses
/// (semantics, section 3.2).
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
