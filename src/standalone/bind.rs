//! The listening sockets, with the options that systemd gives those of the same socket units.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::net::if_::if_nametoindex;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use xinetd_core::translate::{BindAddress, SocketPlan, Zone};

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

/// Makes the socket of a plan.
///
/// # Errors
/// As socket(2), bind(2) and listen(2), if there is no interface of that name, and if sockets have half of the
/// descriptors that this process may open.
pub(super) fn bind(plan: &SocketPlan) -> io::Result<OwnedFd> {
    let socket = bound(plan)?;
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    match is_within_half(socket.as_raw_fd(), limit) {
        true => Ok(socket),
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

fn bound(plan: &SocketPlan) -> io::Result<OwnedFd> {
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

fn make(plan: &SocketPlan, address: SocketAddr, is_only_v6: Option<bool>) -> io::Result<OwnedFd> {
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
    use std::os::fd::AsFd;

    use xinetd_core::translate::PacketFilterLists;

    use super::*;
    use crate::sys::socket::{is_tcp_listener, is_udp_socket};

    fn plan(address: BindAddress) -> SocketPlan {
        SocketPlan {
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
        let socket = bind(&plan(BindAddress::AnyFamily(0))).unwrap();
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
        let socket = TcpListener::from(bind(&six(true)).unwrap());
        let port = socket.local_addr().unwrap().port();
        let four = bind(&plan(BindAddress::V4(Ipv4Addr::UNSPECIFIED, port)));
        assert!(four.is_ok(), "{four:?}");
        let socket = TcpListener::from(bind(&six(false)).unwrap());
        let port = socket.local_addr().unwrap().port();
        assert!(bind(&plan(BindAddress::V4(Ipv4Addr::UNSPECIFIED, port))).is_err());
    }

    #[test]
    fn options_are_those_of_the_plan() {
        let all = SocketPlan {
            free_bind: true,
            no_delay: true,
            keep_alive: true,
            // An address that this machine does not have (RFC 5737).
            ..plan(BindAddress::V4(Ipv4Addr::new(192, 0, 2, 1), 0))
        };
        let socket = Socket::from(bind(&all).unwrap());
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        let datagram = SocketPlan {
            is_datagram: true,
            ..plan(BindAddress::V4(Ipv4Addr::LOCALHOST, 0))
        };
        let socket = bind(&datagram).unwrap();
        assert!(is_udp_socket(socket.as_fd()));
        assert!(UdpSocket::from(socket).local_addr().unwrap().port() > 0);
    }
}
