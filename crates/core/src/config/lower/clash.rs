//! Services that want the same port: the first one has it (docs/xinetd-behaviour.md, section 1.4).

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::report::quoted;
use super::socket::protocol_name;
use crate::bytes::ByteString;
use crate::problem::Remark;
use crate::problem::{Place, Problem, Severity};
use crate::service::{Bind, Family, Listen, Protocol, Reach, RpcProgram, RpcRange, Service};

/// The ports and RPC programs that are taken.
#[derive(Debug, Default)]
pub(super) struct Ports {
    spaces: HashMap<Space, Taken>,
    programs: HashMap<Program, Vec<(RpcRange, FirstService)>>,
}

/// An RPC program of one protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Program {
    protocol: Vec<u8>,
    number: u32,
}

/// A port of one protocol on one of the two networks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Space {
    protocol: Vec<u8>,
    port: u16,
    v6: bool,
}

/// The service that has a port.
#[derive(Debug, Default)]
struct Taken {
    /// On all addresses.
    everywhere: Option<FirstService>,
    /// On single addresses.
    bound: HashMap<BindAddress, FirstService>,
    /// The first of these.
    first: Option<FirstService>,
}

/// A service, for messages.
#[derive(Clone, Debug)]
struct FirstService {
    id: ByteString,
    place: Place,
}

/// `bind`, for comparison.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum BindAddress {
    Number(IpAddr, Option<ByteString>),
    Name(Vec<u8>),
}

impl BindAddress {
    fn new(bind: &Bind) -> Option<Self> {
        match bind {
            Bind::Address(address, _) if address.is_unspecified() => None,
            Bind::Address(address, zone) => Some(Self::Number(*address, zone.clone())),
            Bind::Name(name) => Some(Self::Name(name.as_bytes().to_ascii_lowercase())),
        }
    }
}

impl Ports {
    /// Gives a service its port, or says which service has it.
    pub(super) fn take(&mut self, service: &Service, problems: &mut Vec<Problem>) -> bool {
        match &service.reach {
            Reach::Mux(_) => true,
            Reach::Rpc(program, listen) => {
                self.take_program(service, program, problems)
                    && (listen.port.0 == 0 || self.take_port(service, listen, problems))
            }
            Reach::Listen(listen) if listen.port.0 == 0 => true,
            Reach::Listen(listen) => self.take_port(service, listen, problems),
        }
    }

    fn take_port(
        &mut self,
        service: &Service,
        listen: &Listen,
        problems: &mut Vec<Problem>,
    ) -> bool {
        let address = listen.bind.as_ref().and_then(BindAddress::new);
        let networks: &[bool] = match listen.family {
            Family::V4 => &[false],
            Family::V6Only => &[true],
            // A single IPv6 address has nothing of IPv4.
            Family::V6 if matches!(address, Some(BindAddress::Number(..))) => &[true],
            Family::Any | Family::V6 => &[false, true],
        };
        let space = |v6: &bool| Space {
            protocol: protocol_name(&service.protocol).to_vec(),
            port: listen.port.0,
            v6: *v6,
        };
        for network in networks {
            let Some(taken) = self.spaces.get(&space(network)) else {
                continue;
            };
            let (owner, shared) = match (&taken.everywhere, &address) {
                // Linux lets two UDP sockets have one port if both ask for it, as xinetd does.
                (Some(owner), _) => (Some(owner), service.protocol == Protocol::Udp),
                (None, Some(address)) => (taken.bound.get(address), false),
                (None, None) => (taken.first.as_ref(), false),
            };
            let Some(owner) = owner else {
                continue;
            };
            let port = format!(
                "{}/{}",
                listen.port,
                String::from_utf8_lossy(protocol_name(&service.protocol))
            );
            complain(service, &port, owner, shared, problems);
            if !shared {
                return false;
            }
            break;
        }
        let owner = owner(service);
        for network in networks {
            let taken = self.spaces.entry(space(network)).or_default();
            match &address {
                Some(address) => {
                    taken.first.get_or_insert_with(|| owner.clone());
                    taken.bound.insert(address.clone(), owner.clone());
                }
                None => {
                    taken.everywhere.get_or_insert_with(|| owner.clone());
                }
            }
        }
        true
    }

    fn take_program(
        &mut self,
        service: &Service,
        program: &RpcProgram,
        problems: &mut Vec<Problem>,
    ) -> bool {
        let key = Program {
            protocol: protocol_name(&service.protocol).to_vec(),
            number: program.number,
        };
        let taken = self.programs.entry(key).or_default();
        let versions = program.versions;
        let overlaps =
            |other: &RpcRange| versions.first <= other.last && other.first <= versions.last;
        if let Some((_, owner)) = taken.iter().find(|(other, _)| overlaps(other)) {
            let what = format!("RPC program {}", program.number);
            complain(service, &what, owner, false, problems);
            return false;
        }
        taken.push((versions, owner(service)));
        true
    }
}

fn owner(service: &Service) -> FirstService {
    FirstService {
        id: service.id.clone(),
        place: service.place.clone(),
    }
}

/// Says that a port has an owner already.
fn complain(
    service: &Service,
    what: &str,
    owner: &FirstService,
    shared: bool,
    problems: &mut Vec<Problem>,
) {
    let (severity, outcome) = match shared {
        true => (
            Severity::Warning,
            "they share it, and one of them gets no datagrams",
        ),
        false => (Severity::Error, "the first one keeps it"),
    };
    let message = format!(
        "{} wants {what}, which {} has ({}): {outcome}",
        quoted(service.id.as_bytes()),
        quoted(owner.id.as_bytes()),
        owner.place
    );
    let help = "give one of them another port or another bind, or disable it";
    let remark = Remark::new(severity, "port-clash", message, help);
    problems.push(remark.at(service.place.clone()));
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{codes, load_text};

    fn clash(kind: &str, first: &str, second: &str) -> Vec<String> {
        let service = |id: &str, lines: &str| {
            format!(
                "service {id}\n{{\ntype = UNLISTED\nport = 4000\nsocket_type = {kind}\nwait = yes\nuser = root\nserver = /bin/cat\n{lines}\n}}\n"
            )
        };
        let text = format!("{}{}", service("a", first), service("b", second));
        let configuration = load_text(text);
        let mut told = codes(&configuration);
        told.retain(|code| code.ends_with("port-clash"));
        assert_eq!(
            configuration.services.len(),
            2 - usize::from(told == ["E 11 port-clash"])
        );
        told
    }

    #[test]
    fn the_first_service_has_the_port() {
        const LOST: [&str; 1] = ["E 11 port-clash"];
        const FINE: [&str; 0] = [];
        let stream = |first: &str, second: &str| clash("stream", first, second);
        assert_eq!(stream("", ""), LOST);
        assert_eq!(stream("bind = 127.0.0.1", "bind = 127.0.0.1"), LOST);
        assert_eq!(stream("bind = 127.0.0.1", ""), LOST);
        assert_eq!(stream("", "bind = 127.0.0.1"), LOST);
        assert_eq!(stream("bind = 127.0.0.1", "bind = 127.0.0.2"), FINE);
        assert_eq!(stream("bind = 127.0.0.1", "bind = ::1"), FINE);
        assert_eq!(
            stream("flags = IPv4", "flags = IPv6"),
            LOST,
            "which has IPv4 in it"
        );
        assert_eq!(stream("flags = IPv4", "v6only = yes"), FINE);
        assert_eq!(stream("bind = a.example", "bind = A.example"), LOST);
        assert_eq!(stream("disable = yes", ""), FINE);
        assert_eq!(clash("stream", "", "socket_type = x\nprotocol = tcp"), LOST);
    }

    #[test]
    fn datagram_sockets_share_what_the_first_has_everywhere() {
        assert_eq!(clash("dgram", "", ""), ["W 11 port-clash"]);
        assert_eq!(clash("dgram", "bind = 127.0.0.1", ""), ["E 11 port-clash"]);
    }

    #[test]
    fn rpc_programs_may_not_overlap() {
        let rpc = |versions: &str| {
            format!(
                "service rstatd\n{{\ntype = RPC\nrpc_version = {versions}\nsocket_type = dgram\nwait = yes\nuser = root\nserver = /bin/cat\n}}\n"
            )
        };
        let count = |first: &str, second: &str| {
            let configuration = load_text(format!("{}{}", rpc(first), rpc(second)));
            configuration.services.len()
        };
        assert_eq!(count("1-2", "3"), 2);
        assert_eq!(count("1", "3\nport = 4000"), 2);
        assert_eq!(
            count("1\nport = 4000\nbind = ::1", "3\nport = 4000\nbind = ::1"),
            1
        );
        assert_eq!(count("1-2", "2-3"), 1);
    }
}
