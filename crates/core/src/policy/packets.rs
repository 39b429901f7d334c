//! The lists of addresses of a service, as a filter of packets can hold them.
//!
//! A packet has an IPv4 or an IPv6 address; that IPv4 clients of a dual-stack socket have v4-mapped
//! ones is known to the socket alone.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::service::{AccessList, AccessRules, Pattern};

/// Which packets may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketLists {
    /// None of these.
    pub denied: Vec<IpNet>,
    /// These alone, if there is a list.
    pub allowed: Option<Vec<IpNet>>,
    /// An entry of `no_access` is a host name, which no packet has.
    pub denies_names: bool,
    /// An entry of `only_from` is.
    pub allows_names: bool,
}

impl PacketLists {
    /// The lists of a service; `is_dual` is whether its socket is an IPv6 one that has IPv4 clients.
    pub fn new(rules: &AccessRules, is_dual: bool) -> Self {
        let prefixes = |list: &AccessList| -> Vec<IpNet> {
            let rules = list.iter();
            let prefixes = rules.flat_map(|rule| prefixes(&rule.pattern, is_dual));
            prefixes.collect()
        };
        let has_names = |list: &AccessList| {
            let mut list = list.iter();
            list.any(|rule| matches!(rule.pattern, Pattern::Host(_) | Pattern::Domain(_)))
        };
        Self {
            denied: prefixes(&rules.no_access),
            allowed: rules.only_from.as_ref().map(prefixes),
            denies_names: has_names(&rules.no_access),
            allows_names: rules.only_from.as_ref().is_some_and(has_names),
        }
    }

    /// Whether there is nothing to filter.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a packet from this address, which is not v4-mapped, passes.
    pub fn admits(&self, address: IpAddr) -> bool {
        let has = |list: &[IpNet]| list.iter().any(|net| net.contains(&address));
        !has(&self.denied) && self.allowed.as_deref().is_none_or(has)
    }

    /// The filter of a stream socket that listens, for SO_ATTACH_FILTER (socket(7)): a packet that does
    /// not pass is dropped, whatever it wants. None where it would be longer than the kernel takes.
    pub fn program(&self) -> Option<Vec<Instruction>> {
        /// BPF_MAXINSNS.
        const MOST: usize = 4096;
        let is_v4 = |net: &&IpNet| matches!(net, IpNet::V4(_));
        let section = |v4: bool| {
            let of = |list: &[IpNet], verdict| -> Vec<Instruction> {
                let nets = list.iter().filter(|net| is_v4(net) == v4);
                nets.flat_map(|net| rule(net, verdict)).collect()
            };
            let mut section = of(&self.denied, Instruction::DROP);
            section.extend(of(
                self.allowed.as_deref().unwrap_or_default(),
                Instruction::PASS,
            ));
            section.push(match &self.allowed {
                Some(_) => Instruction::DROP,
                None => Instruction::PASS,
            });
            section
        };
        let (v4, v6) = (section(true), section(false));
        let over = u32::try_from(v4.len()).ok()?;
        let mut program = vec![
            Instruction::LOAD_VERSION,
            Instruction::and(0xf0),
            Instruction::jump_unless(0x40, 1),
            Instruction::jump(1),
            Instruction::jump(over),
        ];
        program.extend(v4);
        program.extend(v6);
        (program.len() <= MOST).then_some(program)
    }

    /// The prefixes that are let in, without those that are not: for filters in which what lets in is
    /// stronger. None where all are let in that are not denied.
    pub(crate) fn remaining(&self) -> Option<Vec<IpNet>> {
        let allowed = self.allowed.as_ref()?;
        let mut left = allowed.clone();
        for denied in &self.denied {
            left = left.iter().flat_map(|net| without(net, denied)).collect();
        }
        Some(left)
    }
}

/// The IPv6 addresses that stand for IPv4 ones.
const MAPPED: Ipv6Net = match Ipv6Net::new(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96) {
    Ok(net) => net,
    Err(_) => panic!("96 bits are less than 128"),
};

/// One instruction of a classic BPF program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// How many are passed over if a comparison holds.
    pub if_true: u8,
    /// How many if it does not.
    pub if_false: u8,
    /// Its operand.
    pub operand: u32,
}

impl Instruction {
    const PASS: Self = Self::plain(0x06, u32::MAX);
    const DROP: Self = Self::plain(0x06, 0);
    /// Offsets from here on count from the header of the Internet Protocol.
    const NETWORK: u32 = 0xfff0_0000;
    /// The byte that begins with the version of the Internet Protocol.
    const LOAD_VERSION: Self = Self::plain(0x30, Self::NETWORK);

    const fn plain(code: u16, operand: u32) -> Self {
        Self {
            code,
            if_true: 0,
            if_false: 0,
            operand,
        }
    }

    fn load_word(offset: u32) -> Self {
        Self::plain(0x20, Self::NETWORK + offset)
    }

    fn and(mask: u32) -> Self {
        Self::plain(0x54, mask)
    }

    fn jump(over: u32) -> Self {
        Self::plain(0x05, over)
    }

    /// Passes over so many if what was loaded is something else.
    fn jump_unless(value: u32, if_false: u8) -> Self {
        Self {
            if_false,
            ..Self::plain(0x15, value)
        }
    }
}

/// What gives this verdict on packets from a prefix, and passes on others.
fn rule(net: &IpNet, verdict: Instruction) -> Vec<Instruction> {
    let (offset, words, masks): (u32, Vec<u32>, Vec<u32>) = match net {
        IpNet::V4(net) => (
            12,
            vec![net.network().to_bits()],
            vec![net.netmask().to_bits()],
        ),
        IpNet::V6(net) => (8, words(net.network()), words(net.netmask())),
    };
    let compared = words.into_iter().zip(masks).zip(0_u32..);
    let compared: Vec<_> = compared.filter(|((_, mask), _)| *mask != 0).collect();
    let mut rule = Vec::new();
    // Three instructions for each word that follows, and the verdict.
    for (((word, mask), index), left) in compared.iter().zip((0..compared.len()).rev()) {
        let over = u8::try_from(3 * left + 1).unwrap_or(u8::MAX);
        rule.extend([
            Instruction::load_word(offset + 4 * index),
            Instruction::and(*mask),
            Instruction::jump_unless(*word, over),
        ]);
    }
    rule.push(verdict);
    rule
}

fn words(address: Ipv6Addr) -> Vec<u32> {
    let bits = address.to_bits();
    let word = |shift: u32| u32::try_from(bits >> shift & 0xffff_ffff).unwrap_or_default();
    [96, 64, 32, 0].map(word).to_vec()
}

/// The prefixes of an entry in packets.
fn prefixes(pattern: &Pattern, is_dual: bool) -> Vec<IpNet> {
    let Pattern::Net(net) = pattern else {
        return Vec::new();
    };
    let mapped = match net {
        _ if !is_dual => None,
        IpNet::V4(_) => None,
        IpNet::V6(net) if net.contains(&MAPPED) => Some(Ipv4Net::default()),
        IpNet::V6(net) if MAPPED.contains(net) => {
            let address = net.network().to_ipv4_mapped();
            let length = net.prefix_len().saturating_sub(MAPPED.prefix_len());
            address.and_then(|address| Ipv4Net::new(address, length).ok())
        }
        IpNet::V6(_) => None,
    };
    std::iter::once(*net)
        .chain(mapped.map(IpNet::V4))
        .map(|net| net.trunc())
        .collect()
}

/// What is left of a prefix without another one.
fn without(net: &IpNet, denied: &IpNet) -> Vec<IpNet> {
    if denied.contains(net) {
        return Vec::new();
    }
    if !net.contains(denied) {
        return vec![*net];
    }
    let halves = net.subnets(net.prefix_len() + 1);
    let halves = halves.into_iter().flatten();
    halves.flat_map(|half| without(&half, denied)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::NameAnswer;
    use crate::policy::access::{Access, Lists};
    use crate::problem::Place;
    use crate::service::AccessRule;

    fn list(nets: &[IpNet]) -> AccessList {
        let rule = |net: &IpNet| AccessRule {
            pattern: Pattern::Net(*net),
            place: Place {
                file: std::path::Path::new("/x").into(),
                line: 1,
                column: 1,
                length: 0,
            },
        };
        nets.iter().map(rule).collect()
    }

    fn nets() -> impl Strategy<Value = Vec<IpNet>> {
        let v4 = (0_u32..16, 26_u8..=32).prop_map(|(low, length)| {
            IpNet::new(IpAddr::from((0x0a00_0000 + low).to_be_bytes()), length).unwrap()
        });
        let v6 = (0_u128..8, 90_u8..=128).prop_map(|(low, length)| {
            IpNet::new(
                IpAddr::from((0xffff_0a00_0000_u128 + low).to_be_bytes()),
                length,
            )
            .unwrap()
        });
        proptest::collection::vec(prop_oneof![v4, v6], 0..4)
    }

    /// What the kernel does with a program, as far as ours go.
    fn run(program: &[Instruction], header: &[u8]) -> bool {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let Instruction {
                code,
                if_true,
                if_false,
                operand,
            } = program[at];
            at += 1;
            let offset = (operand & 0xf_ffff) as usize;
            match code {
                0x30 => loaded = header[offset].into(),
                0x20 => {
                    let word = header[offset..offset + 4].try_into().unwrap();
                    loaded = u32::from_be_bytes(word);
                }
                0x54 => loaded &= operand,
                0x05 => at += operand as usize,
                0x15 if loaded == operand => at += usize::from(if_true),
                0x15 => at += usize::from(if_false),
                0x06 => return operand > 0,
                other => unreachable!("{other}"),
            }
        }
    }

    #[test]
    fn ipv6_packets_are_compared_in_all_their_words() {
        let nets = ["2001:db8:1::/48", "2001:db8::1/128", "fe80::/10"];
        let nets: Vec<IpNet> = nets.map(|net| net.parse().unwrap()).to_vec();
        let rules = AccessRules {
            only_from: Some(list(&nets)),
            no_access: list(&["2001:db8:1:2::/64".parse().unwrap()]),
        };
        let lists = PacketLists::new(&rules, true);
        let program = lists.program().unwrap();
        for (address, passes) in [
            ("2001:db8:1:1::9", true),
            ("2001:db8:1:2::9", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
            ("2001:db8:0:0:1::1", false),
            ("febf::1", true),
            ("fec0::1", false),
        ] {
            let address: Ipv6Addr = address.parse().unwrap();
            let mut header = vec![0_u8; 40];
            header[0] = 0x60;
            header[8..24].copy_from_slice(&address.octets());
            assert_eq!(run(&program, &header), passes, "{address}");
            assert_eq!(lists.admits(address.into()), passes, "{address}");
        }
        let many = vec!["2001:db8::1/128".parse().unwrap(); 400];
        let rules = AccessRules {
            only_from: Some(list(&many)),
            no_access: Vec::new(),
        };
        assert_eq!(PacketLists::new(&rules, true).program(), None);
    }

    #[test]
    fn mapped_prefixes_are_those_of_ipv4_packets_where_the_socket_has_both() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let rules = |text| AccessRules {
            only_from: None,
            no_access: list(&[net(text)]),
        };
        let mapped = "::ffff:10.0.0.0/104";
        let denied = |text, is_dual| PacketLists::new(&rules(text), is_dual).denied;
        assert_eq!(denied(mapped, false), [net(mapped)]);
        assert_eq!(denied(mapped, true), [net(mapped), net("10.0.0.0/8")]);
        assert_eq!(denied("::/0", true), [net("::/0"), net("0.0.0.0/0")]);
        assert_eq!(denied("2001:db8::/32", true), [net("2001:db8::/32")]);
    }

    #[test]
    fn what_is_denied_is_cut_out_of_what_is_allowed() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let lists = PacketLists {
            denied: vec![net("10.0.0.1/32"), net("192.0.2.0/24")],
            allowed: Some(vec![net("10.0.0.0/30"), net("192.0.2.8/29")]),
            ..PacketLists::default()
        };
        let left = [net("10.0.0.0/32"), net("10.0.0.2/31")];
        assert_eq!(lists.remaining().unwrap(), left);
        assert!(!lists.is_empty());
        let all = PacketLists::default();
        assert_eq!((all.remaining(), all.is_empty()), (None, true));
    }

    proptest! {
        /// As the helper decides about a client of a dual-stack socket.
        #[test]
        fn packets_pass_whose_clients_would(
            denied in nets(),
            allowed in proptest::option::of(nets()),
            low in 0_u32..16,
        ) {
            let rules = AccessRules {
                only_from: allowed.as_deref().map(list),
                no_access: list(&denied),
            };
            let plain = std::net::Ipv4Addr::from(0x0a00_0000 + low);
            let (access, _) = Lists::new(&rules).decide(
                plain.to_ipv6_mapped().into(),
                &NameAnswer::NotAsked,
            );
            let lists = PacketLists::new(&rules, true);
            let packet = IpAddr::V4(plain);
            let passes = lists.admits(packet);
            prop_assert_eq!(passes, access == Access::Allow);
            let mut header = vec![0_u8; 20];
            header[0] = 0x45;
            header[12..16].copy_from_slice(&plain.octets());
            prop_assert_eq!(run(&lists.program().unwrap(), &header), passes);
            if let Some(remaining) = lists.remaining() {
                let has = remaining.iter().any(|net| net.contains(&packet));
                prop_assert_eq!(has, passes);
            }
        }
    }
}
