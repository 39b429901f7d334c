//! Socket options and calls that only Linux has.

use std::fs::{self, Permissions};
use std::io;
use std::io::IoSliceMut;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, SockaddrLike, SockaddrStorage, UnixAddr,
};
use nix::sys::socket::{
    accept4, bind, getsockname, getsockopt, listen, recv, recvmsg, send, setsockopt, socket,
    sockopt,
};

use super::file::remove_stale;
use super::process::Process;

/// Listens at a path for clients that send packets (unix(7), `SOCK_SEQPACKET`), in the place of a predecessor; the
/// mode of the path says which users may connect. Never waits, and is close-on-exec.
///
/// # Errors
/// As socket(2), bind(2), chmod(2) and listen(2).
pub(crate) fn listen_for_packets(path: &Path, mode: u32, backlog: Backlog) -> io::Result<OwnedFd> {
    remove_stale(path)?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let listener = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    bind(listener.as_raw_fd(), &UnixAddr::new(path)?)?;
    // Before it listens, so that no other user comes earlier.
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    listen(&listener, backlog)?;
    Ok(listener)
}

/// Turns the socket of a v4-mapped peer into an AF_INET one (ipv6(7), `IPV6_ADDRFORM`): the server
/// sees plain IPv4 addresses.
pub(crate) fn to_ipv4(socket: BorrowedFd<'_>) -> io::Result<()> {
    const INT_SIZE: libc::socklen_t = 4;
    let family: i32 = libc::AF_INET;
    // SAFETY: the option takes an int, which `family` is.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IPV6,
            libc::IPV6_ADDRFORM,
            (&raw const family).cast(),
            INT_SIZE,
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// Whether this is a UDP socket.
pub(crate) fn is_udp_socket(socket: BorrowedFd<'_>) -> bool {
    let family = getsockname::<SockaddrStorage>(socket.as_raw_fd())
        .ok()
        .and_then(|address| address.family());
    matches!(family, Some(AddressFamily::Inet | AddressFamily::Inet6))
        && getsockopt(&socket, sockopt::SockType) == Ok(SockType::Datagram)
}

/// Whether this is a TCP socket that listens; listenfd looks at the type only, so that the
/// connection of an `Accept=yes` unit would pass.
pub(crate) fn is_tcp_listener(socket: BorrowedFd<'_>) -> bool {
    let family = getsockname::<SockaddrStorage>(socket.as_raw_fd())
        .ok()
        .and_then(|a| a.family());
    matches!(family, Some(AddressFamily::Inet | AddressFamily::Inet6))
        && getsockopt(&socket, sockopt::SockType) == Ok(SockType::Stream)
        && getsockopt(&socket, sockopt::AcceptConn) == Ok(true)
}

/// Whether this is a stream socket of unix(7) that listens.
pub(crate) fn is_unix_listener(socket: BorrowedFd<'_>) -> bool {
    let family = getsockname::<SockaddrStorage>(socket.as_raw_fd())
        .ok()
        .and_then(|a| a.family());
    family == Some(AddressFamily::Unix)
        && getsockopt(&socket, sockopt::SockType) == Ok(SockType::Stream)
        && getsockopt(&socket, sockopt::AcceptConn) == Ok(true)
}

/// Closes a connection so that the peer gets a reset.
pub(crate) fn reset(socket: TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // Without it the peer sees an orderly end: less telling, but as closed.
    let _ = setsockopt(&socket, sockopt::Linger, &linger);
    drop(socket);
}

/// The process and the user at the other end of a unix socket, as they were when it connected.
pub(crate) fn peer(socket: impl AsFd) -> io::Result<(i32, u32)> {
    let credentials = getsockopt(&socket.as_fd(), sockopt::PeerCredentials)?;
    Ok((credentials.pid(), credentials.uid()))
}

/// The next connection of a listening socket of any family, close-on-exec and non-blocking.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = accept4(listener.as_raw_fd(), flags)?;
    // SAFETY: the kernel has just made this descriptor for us; nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has calls on a descriptor return at once.
///
/// # Errors
/// As fcntl(2).
pub(crate) fn set_nonblocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFL)?);
    fcntl(descriptor, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// The process at the other end of a unix socket, which can't be mistaken for a later one with
/// its number on kernels that tell (6.5 and later).
pub(crate) fn peer_process(socket: BorrowedFd<'_>) -> io::Result<Process> {
    let (pid, _) = peer(socket)?;
    match getsockopt(&socket, sockopt::PeerPidfd) {
        Ok(pidfd) => Ok(Process::new(pid, pidfd)),
        Err(_) => Process::open(pid),
    }
}

/// Sends what the socket's buffer takes now; never waits, never raises SIGPIPE.
///
/// # Errors
/// As send(2); [`io::ErrorKind::WouldBlock`] if it takes nothing now.
pub(crate) fn send_now(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    Ok(send(socket.as_raw_fd(), bytes, flags)?)
}

/// Copies what a stream has into `buffer` and leaves it there; never waits.
///
/// # Errors
/// As recv(2); [`io::ErrorKind::WouldBlock`] if there is nothing now.
pub(crate) fn peek_now(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK;
    Ok(recv(socket.as_raw_fd(), buffer, flags)?)
}

/// Takes up to `room.len()` bytes off a TCP stream and throws them away (tcp(7), `MSG_TRUNC`);
/// never waits. What is in `room` means nothing.
///
/// # Errors
/// As recv(2); [`io::ErrorKind::WouldBlock`] if there is nothing now.
pub(crate) fn skip_now(socket: BorrowedFd<'_>, room: &mut [u8]) -> io::Result<usize> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
    Ok(recv(socket.as_raw_fd(), room, flags)?)
}

/// Who sent the next datagram, which stays where it is; never waits.
///
/// # Errors
/// As recvmsg(2); [`io::ErrorKind::WouldBlock`] if there is none.
pub(crate) fn peek_sender(socket: BorrowedFd<'_>) -> io::Result<Option<SocketAddr>> {
    let mut nothing = [];
    let mut parts = [IoSliceMut::new(&mut nothing)];
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, None, flags)?;
    Ok(message.address.as_ref().and_then(to_address))
}

/// Throws the next datagram away; never waits.
///
/// # Errors
/// As recvmsg(2); [`io::ErrorKind::WouldBlock`] if there is none.
pub(crate) fn discard(socket: BorrowedFd<'_>) -> io::Result<()> {
    recv(socket.as_raw_fd(), &mut [], MsgFlags::MSG_DONTWAIT)?;
    Ok(())
}

/// Takes back a connect(2) of a UDP socket: it hears everybody again.
///
/// # Errors
/// As connect(2).
pub(crate) fn disconnect(socket: BorrowedFd<'_>) -> io::Result<()> {
    // AF_UNSPEC is 0.
    let nobody = libc::sockaddr {
        sa_family: 0,
        sa_data: [0; 14],
    };
    const SIZE: libc::socklen_t = 16;
    // SAFETY: the address is a whole sockaddr of 16 bytes.
    let result = unsafe { libc::connect(socket.as_raw_fd(), &raw const nobody, SIZE) };
    Errno::result(result)?;
    Ok(())
}

fn to_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|&v4| SocketAddr::V4(v4.into()));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|&v6| SocketAddr::V6(v6.into()))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_a_listening_tcp_socket_passes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(is_tcp_listener(listener.as_fd()));
        let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!is_tcp_listener(connected.as_fd()));
        assert!(!is_tcp_listener(
            UdpSocket::bind("127.0.0.1:0").unwrap().as_fd()
        ));
        let path = std::env::temp_dir().join(format!("listener-{}", std::process::id()));
        let unix = UnixListener::bind(&path).unwrap();
        fs::remove_file(path).unwrap();
        assert!(!is_tcp_listener(unix.as_fd()));
        assert!(is_unix_listener(unix.as_fd()));
        assert!(!is_unix_listener(listener.as_fd()));
    }

    #[test]
    fn a_mapped_peer_becomes_a_plain_one() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let (stream, address) = listener.accept().unwrap();
        assert!(address.is_ipv6());
        to_ipv4(stream.as_fd()).unwrap();
        assert_eq!(
            stream.peer_addr().unwrap().ip(),
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        );
    }

    #[test]
    fn the_peer_of_a_reset_connection_sees_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        reset(listener.accept().unwrap().0);
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
