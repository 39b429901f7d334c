//! `only_from` and `no_access` where the server accepts by itself: a filter of packets on its socket.
//!
//! The kernel asks the filter of a socket that listens about each packet that is for it, the first one of a
//! connection included (socket(7), SO_ATTACH_FILTER). It stays with the socket, which
//! is systemd's, so that those who came before it are the clients of the first helper alone.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{SockFilter, SockRef};
use xinetd_core::policy::PacketLists;
use xinetd_core::service::AccessRules;
use xinetd_core::spec::{Spec, Task};

use crate::sys::socket::reset;

use super::account::Unknown;

/// The states of a connection that may wait to be accepted: ESTABLISHED and CLOSE_WAIT.
const QUEUED: [&str; 2] = ["01", "08"];

/// Has the kernel keep out whom the lists keep out; before privileges are given up, as some kernels want
/// CAP_NET_ADMIN for it.
///
/// # Errors
/// If the kernel has no such filters, or not for this process.
pub(super) fn attach(spec: &Spec, listeners: &[TcpListener]) -> Result<(), Unknown> {
    if !is_filtered(spec) {
        // The files may have had lists when the socket was opened; most sockets never had a filter.
        for listener in listeners
            .iter()
            .filter(|_| matches!(spec.task, Task::Wait(_)))
        {
            match SockRef::from(listener).detach_filter() {
                Err(error) if error.raw_os_error() != Some(libc::ENOENT) => {
                    log::warn!(
                        "the filter of earlier lists can't be taken off the socket: {error}"
                    );
                }
                _ => {}
            }
        }
        return Ok(());
    }
    let attach = |listener: &TcpListener| {
        let lists = lists(spec, listener)?;
        let program = lists.program();
        let program = program.ok_or_else(|| io::Error::other("they are too long"))?;
        let program: Vec<SockFilter> = program
            .iter()
            .map(|one| SockFilter::new(one.code, one.if_true, one.if_false, one.operand))
            .collect();
        SockRef::from(listener).attach_filter(&program)
    };
    let attached = listeners.iter().try_for_each(attach);
    attached.map_err(|error| Unknown::Unfiltered(error.to_string()))
}

/// Whether the server accepts by itself and has lists.
pub(super) fn is_filtered(spec: &Spec) -> bool {
    matches!(spec.task, Task::Wait(_)) && spec.access != AccessRules::default()
}

fn lists(spec: &Spec, listener: &TcpListener) -> io::Result<PacketLists> {
    let address = listener.local_addr()?;
    Ok(PacketLists::new(&spec.access, address.is_ipv6()))
}

/// Takes the clients out of the listening sockets' queues that the lists of `spec` refuse: they have come before
/// the filter. They are returned, those of each socket in the order in which they came.
///
/// # Errors
/// As accept(2).
pub(super) fn refuse_queued(spec: &Spec, listeners: &[TcpListener]) -> io::Result<Vec<SocketAddr>> {
    let mut refused = Vec::new();
    if !is_filtered(spec) {
        return Ok(refused);
    }
    for listener in listeners {
        let lists = lists(spec, listener)?;
        let port = listener.local_addr()?.port();
        let is_refused = |peer: &SocketAddr| !lists.admits(peer.ip().to_canonical());
        // Where that can't be seen nothing is let through unseen.
        let is_clean = queued(port).is_ok_and(|peers| !peers.iter().any(is_refused));
        if !is_clean {
            refused.extend(drain(listener)?.into_iter().filter(is_refused));
        }
    }
    Ok(refused)
}

/// Takes all that wait, and resets them: their servers would have to take the refused ones as well.
fn drain(listener: &TcpListener) -> io::Result<Vec<SocketAddr>> {
    listener.set_nonblocking(true)?;
    let mut peers = Vec::new();
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                reset(stream);
                peers.push(peer);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(peers)
}

/// The peers of connections to a port that no process has accepted (proc_pid_net(5)).
fn queued(port: u16) -> io::Result<Vec<SocketAddr>> {
    let v4 = fs::read_to_string("/proc/self/net/tcp")?;
    // There is none where IPv6 is switched off.
    let v6 = fs::read_to_string("/proc/self/net/tcp6").unwrap_or_default();
    let rows = v4.lines().skip(1).chain(v6.lines().skip(1));
    Ok(rows.filter_map(|row| queued_in(row, port)).collect())
}

/// The peer in a row, if it is of such a connection.
fn queued_in(row: &str, port: u16) -> Option<SocketAddr> {
    let fields: Vec<&str> = row.split_ascii_whitespace().collect();
    let [_, local, remote, state, _, _, _, _, _, inode, ..] = fields[..] else {
        return None;
    };
    let is_it = address(local)?.port() == port && QUEUED.contains(&state) && inode == "0";
    is_it.then(|| address(remote))?
}

/// An address as the kernel prints it: words of memory in hexadecimal, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (words, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = words.get(8 * index..8 * index + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = match words.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn those_who_wait_are_seen_until_they_are_accepted() {
        for bound in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(bound).unwrap();
            let address = listener.local_addr().unwrap();
            assert_eq!(queued(address.port()).unwrap(), []);
            let client = TcpStream::connect(address).unwrap();
            let peer = client.local_addr().unwrap();
            assert_eq!(queued(address.port()).unwrap(), [peer]);
            let accepted = listener.accept().unwrap();
            assert_eq!(queued(address.port()).unwrap(), []);
            drop(accepted);
        }
    }
}
