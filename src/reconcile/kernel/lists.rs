//! The lists of sockets in /proc/net.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Inodes, Listener};

/// All sockets that listen, by the kernel's lists, and the inodes of connections.
pub(super) fn listening() -> io::Result<(Inodes, HashSet<String>)> {
    let mut all = Inodes::new();
    let mut connections = HashSet::new();
    for (file, kind) in [
        ("tcp", Listener::Stream as fn(SocketAddr) -> Listener),
        ("tcp6", Listener::Stream),
        ("udp", Listener::Datagram),
        ("udp6", Listener::Datagram),
    ] {
        let text = text(fs::read_to_string(format!("/proc/net/{file}")))?;
        for row in text.lines().filter_map(inet) {
            let listener = kind(row.address);
            let is_stream = matches!(listener, Listener::Stream(_));
            let listens = !is_stream || row.state == LISTEN;
            if listens {
                all.entry(listener).or_default().push(row.inode.to_owned());
            }
            if is_stream && !listens || row.state == ESTABLISHED {
                connections.insert(row.inode.to_owned());
            }
        }
    }
    let text = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let &[.., inode, path] = words.as_slice() {
            let listener = Listener::Unix(path.to_owned());
            all.entry(listener).or_default().push(inode.to_owned());
        }
    }
    Ok((all, connections))
}

/// The text of a list; empty where there is none, as those of IPv6 with a kernel that lacks it.
fn text(read: io::Result<String>) -> io::Result<String> {
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

/// TCP_ESTABLISHED (net/tcp_states.h), which a connected UDP socket has too.
const ESTABLISHED: &str = "01";

/// TCP_LISTEN.
const LISTEN: &str = "0A";

/// A line of /proc/net/tcp and its like.
struct SocketRow<'a> {
    /// The local one.
    address: SocketAddr,
    state: &'a str,
    inode: &'a str,
}

/// Reads a line (proc_net_tcp.txt).
fn inet(line: &str) -> Option<SocketRow<'_>> {
    let mut words = line.split_ascii_whitespace();
    let (address, port) = words.nth(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let state = words.nth(1)?;
    let inode = words.nth(5)?;
    // Words of 32 bits, each in the order of the machine.
    let word = |index: usize| {
        let text = address.get(index * 8..index * 8 + 8)?;
        u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes)
    };
    let address: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let mut bytes = [0; 16];
            for (place, byte) in bytes.iter_mut().zip(words.into_iter().flatten()) {
                *place = byte;
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    let address = SocketAddr::new(address, port);
    Some(SocketRow {
        address,
        state,
        inode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_words_in_the_order_of_the_machine() {
        let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
        let rest = "00000000:0000 0A 0:0 0:0 0 0 0 4711 1";
        let row = |address: &str| {
            let line = format!(" 7: {address}:0017 {rest}");
            let row = inet(&line).unwrap();
            assert_eq!((row.state, row.inode), ("0A", "4711"));
            row.address.to_string()
        };
        let six = [
            [0x20, 1, 0xd, 0xb8],
            [0, 1, 0, 2],
            [0, 3, 0, 4],
            [0, 5, 0, 6],
        ];
        let six: String = six.map(word).concat();
        assert_eq!(row(&six), "[2001:db8:1:2:3:4:5:6]:23");
        assert_eq!(row(&word([192, 0, 2, 7])), "192.0.2.7:23");
        assert!(inet("  sl  local_address rem_address   st").is_none());
    }

    #[test]
    fn a_kernel_without_a_protocol_has_no_socket_of_it() {
        assert_eq!(text(Err(ErrorKind::NotFound.into())).unwrap(), "");
        assert!(text(Err(ErrorKind::PermissionDenied.into())).is_err());
    }
}
