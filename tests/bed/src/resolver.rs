//! A name server of the test's own, whose answers a scenario makes up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{Result, context};

/// How long the server waits for a question before it looks whether it is to end.
const TURN: Duration = Duration::from_millis(20);

/// The port of name servers.
const PORT: u16 = 53;

/// The types of records (RFC 1035, section 3.2.2; RFC 3596).
const A: u16 = 1;
const CNAME: u16 = 5;
const PTR: u16 = 12;
const AAAA: u16 = 28;

/// What a client of the name server wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The names of an address.
    Names(IpAddr),
    /// The IPv4 addresses of a name, in lower case and without a dot at the end.
    V4(String),
    /// Its IPv6 addresses.
    V6(String),
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The address has this name, whatever bytes that is of; dots part its labels.
    Name(Vec<u8>),
    /// The name has this address.
    Address(IpAddr),
    /// The name is another one for this, which the records after this one are about.
    Alias(String),
}

/// What the name server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These records; without any, the name exists and has none of this type.
    Records(Vec<Record>),
    /// There is no such name.
    Nothing,
    /// SERVFAIL.
    Failure,
    /// Not a word.
    Silence,
}

impl Reply {
    /// The address has one name.
    pub fn name(name: impl Into<Vec<u8>>) -> Self {
        Self::Records(vec![Record::Name(name.into())])
    }

    /// The name has one address.
    pub fn address(address: impl Into<IpAddr>) -> Self {
        Self::Records(vec![Record::Address(address.into())])
    }
}

/// The name server; it ends when it is dropped.
#[derive(Debug)]
pub struct Resolver {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// Listens at an address, in the network of the calling thread, and answers each question after
    /// `delay`.
    ///
    /// # Errors
    /// What kept it from listening.
    pub fn new(
        address: impl Into<IpAddr>,
        delay: Duration,
        answer: impl Fn(&Question) -> Reply + Send + 'static,
    ) -> Result<Self> {
        let address = SocketAddr::new(address.into(), PORT);
        let socket = context(UdpSocket::bind(address), format_args!("bind to {address}"))?;
        context(socket.set_read_timeout(Some(TURN)), "time limit")?;
        let ends = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ends);
        let thread = thread::spawn(move || serve(&socket, delay, answer, &end));
        Ok(Self {
            ends,
            thread: Some(thread),
        })
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    socket: &UdpSocket,
    delay: Duration,
    answer: impl Fn(&Question) -> Reply,
    ends: &AtomicBool,
) {
    let mut due = BinaryHeap::new();
    while !ends.load(Ordering::Relaxed) {
        while let Some(Reverse((at, _, _))) = due.peek()
            && *at <= Instant::now()
            && let Some(Reverse((_, to, packet))) = due.pop()
        {
            let (to, packet): (SocketAddr, Vec<u8>) = (to, packet);
            let _ = socket.send_to(&packet, to);
        }
        let mut packet = [0; 512];
        let Ok((length, from)) = socket.recv_from(&mut packet) else {
            continue;
        };
        let Some((head, name, kind)) = parse(&packet[..length]) else {
            continue;
        };
        let question = match (kind, reversed(&name)) {
            (PTR, Some(address)) => Some(Question::Names(address)),
            (A, _) => Some(Question::V4(name)),
            (AAAA, _) => Some(Question::V6(name)),
            _ => None,
        };
        let reply = question.map_or(Reply::Nothing, |question| answer(&question));
        if let Some(packet) = encode(head, reply) {
            due.push(Reverse((Instant::now() + delay, from, packet)));
        }
    }
}

/// The header and question of a packet, and the name and type that are asked for.
fn parse(packet: &[u8]) -> Option<(&[u8], String, u16)> {
    let mut at = 12;
    let mut name = String::new();
    loop {
        let length = usize::from(*packet.get(at)?);
        let label = packet.get(at + 1..at + 1 + length)?;
        at += 1 + length;
        if length == 0 {
            break;
        }
        if !name.is_empty() {
            name.push('.');
        }
        name += &String::from_utf8_lossy(label).to_ascii_lowercase();
    }
    let kind = packet.get(at..at + 2)?;
    Some((
        packet.get(..at + 4)?,
        name,
        u16::from_be_bytes(kind.try_into().ok()?),
    ))
}

/// The address that a name below in-addr.arpa or ip6.arpa stands for.
fn reversed(name: &str) -> Option<IpAddr> {
    if let Some(octets) = name.strip_suffix(".in-addr.arpa") {
        let mut parts = octets.rsplit('.').map(|part| part.parse().ok());
        let mut next = || parts.next().flatten();
        return Some(Ipv4Addr::new(next()?, next()?, next()?, next()?).into());
    }
    let digits = name.strip_suffix(".ip6.arpa")?;
    let digits: String = digits.split('.').rev().collect();
    let bits = u128::from_str_radix(&digits, 16).ok()?;
    (digits.len() == 32).then(|| Ipv6Addr::from_bits(bits).into())
}

/// The packet that answers the question in `head`, if one does.
fn encode(head: &[u8], reply: Reply) -> Option<Vec<u8>> {
    let (code, records) = match reply {
        Reply::Records(records) => (0, records),
        Reply::Nothing => (3, Vec::new()),
        Reply::Failure => (2, Vec::new()),
        Reply::Silence => return None,
    };
    let mut packet = head.to_vec();
    // An answer, with recursion; one question, these records and nothing more.
    packet[2..4].copy_from_slice(&[0x81, 0x80 | code]);
    let count = u16::try_from(records.len()).ok()?;
    packet[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    packet[6..8].copy_from_slice(&count.to_be_bytes());
    // The name in the question, which the first record is about.
    let mut owner = vec![0xc0, 12];
    for record in records {
        let (kind, data) = match &record {
            Record::Name(name) => (PTR, labels(name)),
            Record::Address(IpAddr::V4(address)) => (A, address.octets().to_vec()),
            Record::Address(IpAddr::V6(address)) => (AAAA, address.octets().to_vec()),
            Record::Alias(name) => (CNAME, labels(name.as_bytes())),
        };
        packet.extend_from_slice(&owner);
        packet.extend_from_slice(&kind.to_be_bytes());
        // The Internet, and no time to keep it.
        packet.extend_from_slice(&[0, 1, 0, 0, 0, 0]);
        packet.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
        packet.extend_from_slice(&data);
        if kind == CNAME {
            owner = data;
        }
    }
    Some(packet)
}

fn labels(name: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for label in name.split(|byte| *byte == b'.') {
        let label = &label[..label.len().min(63)];
        encoded.push(u8::try_from(label.len()).unwrap_or(63));
        encoded.extend_from_slice(label);
    }
    encoded.push(0);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_addresses_are_read_backwards() {
        assert_eq!(
            reversed("2.0.9.10.in-addr.arpa"),
            Some([10, 9, 0, 2].into())
        );
        let name = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.0.0.0.0.0.d.f.ip6.arpa";
        let address: Ipv6Addr = "fd00:9::1".parse().unwrap();
        assert_eq!(reversed(name), Some(address.into()));
        assert_eq!(reversed("a.in-addr.arpa"), None);
        assert_eq!(reversed("www.example.org"), None);
    }
}
