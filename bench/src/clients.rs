//! Clients of streams.

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};
use testbed::Result;

/// The address of a server's port.
pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Connects, and reads to the end, whatever the end is.
pub(crate) fn visit(port: u16) -> Result<()> {
    match TcpStream::connect(local(port)) {
        Ok(stream) => {
            let _ = heard(stream);
        }
        // A pause of `cps`: of xinetd's closed port, or a reset that is here before connect has returned.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
            ) => {}
        Err(error) => return Err(format!("{port}: {error}")),
    }
    Ok(())
}

/// The same, from another address.
pub(crate) fn visit_from(source: Ipv4Addr, port: u16) -> Result<()> {
    let _ = heard(connect_from(source, port)?);
    Ok(())
}

/// Connects, and fails unless the server says something.
pub(crate) fn be_served(port: u16) -> Result<()> {
    let stream = TcpStream::connect(local(port)).map_err(|error| format!("{port}: {error}"))?;
    match heard(stream) {
        0 => Err(format!("{port} has nothing to say")),
        _ => Ok(()),
    }
}

/// Connects, and comes back when the server has begun to speak.
pub(crate) fn join(source: Ipv4Addr, port: u16) -> Result<TcpStream> {
    let mut stream = connect_from(source, port)?;
    let begun = stream.read_exact(&mut [0; 3]);
    begun.map_err(|error| format!("{port}: {error}"))?;
    Ok(stream)
}

fn connect_from(source: Ipv4Addr, port: u16) -> Result<TcpStream> {
    let connect = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        // Ports of a source are found when it connects, or there would be too few.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((IpAddr::from(source), 0)).into())?;
        socket.connect(&local(port).into())?;
        Ok(socket.into())
    };
    connect().map_err(|error: std::io::Error| format!("{port} from {source}: {error}"))
}

/// How many bytes came.
fn heard(mut stream: TcpStream) -> usize {
    let mut bytes = [0; 64];
    let mut sum = 0;
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        sum += count;
    }
    sum
}
