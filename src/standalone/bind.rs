//! The listening sockets, with the options that systemd gives those of the same socket units.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::net::if_::if_nametoindex;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{Shutdown, shutdown};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use xinetd_core::translate::{BindAddress, PortPlan, SocketPlan, Zone};

use crate::sys::file::remove_stale;

/// How many connections may wait: as many as the kernel allows, which cuts it at net.core.somaxconn. xinetd's 64
/// loses clients in bursts.
const BACKLOG: i32 = i32::MAX;

/// Has this process open as many files as it may: one for each service, and more for those that are in use.
pub(super) fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(errno) = raised {
        log::warn!("the limit of descriptors can't be raised: {errno}");
    }
}

/// A socket that listens, or takes datagrams.
#[derive(Debug)]
pub(super) struct Listener {
    socket: OwnedFd,
    /// That of a socket of unix(7), which goes with it: tcpmux takes a service for open that has one.
    path: Option<PathBuf>,
}

impl Listener {
    /// Refuses clients from now on, also where another process has the socket too. Its address is free again.
    pub(super) fn shut(&self) {
        // A socket for datagrams has no clients that could be refused.
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Read);
    }

    /// Whether it refuses clients, as a process that has it too has shut it down.
    pub(super) fn is_shut(&self) -> bool {
        let socket = SockRef::from(&self.socket);
        // What can't be found out is no fault of it.
        let is_stream = socket.r#type().is_ok_and(|kind| kind == Type::STREAM);
        is_stream && !socket.is_listener().unwrap_or(true)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What is left behind refuses connections.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes the socket of a plan.
///
/// # Errors
/// As socket(2), bind(2) and listen(2), if there is no interface of that name, and if sockets have half of the
/// descriptors that this process may open.
pub(super) fn bind(plan: &SocketPlan) -> io::Result<Listener> {
    let listener = match plan {
        SocketPlan::Port(plan) => Listener {
            socket: at_port(plan)?,
            path: None,
        },
        SocketPlan::Mux(path) => Listener {
            socket: at_path(path)?,
            path: Some(path.clone()),
        },
    };
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    match is_within_half(listener.socket.as_raw_fd(), limit) {
        true => Ok(listener),
        false => Err(io::Error::other(format!(
            "half of the {limit} descriptors are for sockets, and all of those are taken; raise the limit, as by \
             `ulimit -n`"
        ))),
    }
}

/// Whether the half of the descriptors is left that services in use need: for the process of each helper, and for
/// what it has stored. The lowest free number is taken, so that a number tells how many there are.
fn is_within_half(number: RawFd, limit: u64) -> bool {
    u64::try_from(number).is_ok_and(|number| number < limit / 2)
}

/// The socket on which tcpmux hands clients on. All may connect, as systemd has it: tcpmux runs as any user, and the
/// helper knows it by more than that.
fn at_path(path: &Path) -> io::Result<OwnedFd> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(0o666))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn at_port(plan: &PortPlan) -> io::Result<OwnedFd> {
    match &plan.address {
        BindAddress::AnyFamily(port) => {
            let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port));
            match make(plan, both, Some(false)) {
                Err(error) if is_without_ipv6(&error) => {
                    make(plan, SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port)), None)
                }
                made => made,
            }
        }
        BindAddress::V4(address, port) => make(plan, SocketAddr::from((*address, *port)), None),
        BindAddress::V6 {
            address,
            port,
            zone,
            is_only,
        } => {
            let scope = zone.as_ref().map(scope_of).transpose()?;
            let address = SocketAddrV6::new(*address, *port, 0, scope.unwrap_or(0));
            make(plan, address.into(), Some(*is_only))
        }
    }
}

fn make(plan: &PortPlan, address: SocketAddr, is_only_v6: Option<bool>) -> io::Result<OwnedFd> {
    let (kind, protocol) = match plan.is_datagram {
        true => (Type::DGRAM, Protocol::UDP),
        false => (Type::STREAM, Protocol::TCP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if let Some(is_only) = is_only_v6 {
        socket.set_only_v6(is_only)?;
    }
    if plan.free_bind {
        match address {
            SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
            SocketAddr::V6(_) => socket.set_freebind_v6(true)?,
        }
    }
    socket.set_reuse_address(true)?;
    if plan.keep_alive {
        socket.set_keepalive(true)?;
    }
    if plan.no_delay {
        socket.set_tcp_nodelay(true)?;
    }
    socket.bind(&address.into())?;
    if !plan.is_datagram {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

fn scope_of(zone: &Zone) -> io::Result<u32> {
    let index = if_nametoindex(zone.name());
    index.map_err(|errno| io::Error::other(format!("the interface {zone}: {errno}")))
}

/// Whether the machine has no IPv6: none in its kernel, or none on any of its interfaces.
fn is_without_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;

    use xinetd_core::translate::PacketFilterLists;

    use super::*;
    use crate::sys::socket::{is_tcp_listener, is_udp_socket, is_unix_listener};

    fn plan(address: BindAddress) -> PortPlan {
        PortPlan {
            is_datagram: false,
            address,
            free_bind: false,
            no_delay: false,
            keep_alive: false,
            packet_filter: PacketFilterLists::default(),
        }
    }

    #[test]
    fn both_families_reach_a_socket_of_both() {
        let socket = at_port(&plan(BindAddress::AnyFamily(0))).unwrap();
        assert!(is_tcp_listener(socket.as_fd()));
        let port = TcpListener::from(socket.try_clone().unwrap())
            .local_addr()
            .unwrap()
            .port();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(TcpStream::connect(("::1", port)).is_ok());
    }

    #[test]
    fn a_socket_of_ipv6_alone_leaves_the_port_to_ipv4() {
        let six = |is_only| {
            plan(BindAddress::V6 {
                address: Ipv6Addr::UNSPECIFIED,
                port: 0,
                zone: None,
                is_only,
            })
        };
        let socket = TcpListener::from(at_port(&six(true)).unwrap());
        let port = socket.local_addr().unwrap().port();
        let four = at_port(&plan(BindAddress::V4(Ipv4Addr::UNSPECIFIED, port)));
        assert!(four.is_ok(), "{four:?}");
        let socket = TcpListener::from(at_port(&six(false)).unwrap());
        let port = socket.local_addr().unwrap().port();
        assert!(at_port(&plan(BindAddress::V4(Ipv4Addr::UNSPECIFIED, port))).is_err());
    }

    #[test]
    fn a_socket_that_is_shut_refuses_clients_and_leaves_its_port_to_another() {
        let listener = bind(&SocketPlan::Port(plan(BindAddress::AnyFamily(0)))).unwrap();
        let of_helper = TcpListener::from(listener.socket.try_clone().unwrap());
        let port = of_helper.local_addr().unwrap().port();
        listener.shut();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        let other = at_port(&plan(BindAddress::V4(Ipv4Addr::LOCALHOST, port)));
        assert!(other.is_ok(), "{other:?}");
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    #[test]
    fn a_socket_for_tcpmux_takes_the_place_of_a_stale_one_and_leaves_none() {
        let path = std::env::temp_dir().join(format!("mux-listener-{}", std::process::id()));
        fs::write(&path, "stale").unwrap();
        let listener = bind(&SocketPlan::Mux(path.clone())).unwrap();
        assert!(is_unix_listener(listener.as_fd()));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o666, "whatever the umask is");
        assert!(UnixStream::connect(&path).is_ok());
        drop(listener);
        assert!(!path.exists(), "tcpmux would list it");
    }

    #[test]
    fn options_are_those_of_the_plan() {
        let all = PortPlan {
            free_bind: true,
            no_delay: true,
            keep_alive: true,
            // An address that this machine does not have (RFC 5737).
            ..plan(BindAddress::V4(Ipv4Addr::new(192, 0, 2, 1), 0))
        };
        let socket = Socket::from(at_port(&all).unwrap());
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        let datagram = PortPlan {
            is_datagram: true,
            ..plan(BindAddress::V4(Ipv4Addr::LOCALHOST, 0))
        };
        let socket = at_port(&datagram).unwrap();
        assert!(is_udp_socket(socket.as_fd()));
        assert!(UdpSocket::from(socket).local_addr().unwrap().port() > 0);
    }
}
