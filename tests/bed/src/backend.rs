//! A server of the test's own, for what connects to one.

use std::net::{IpAddr, Shutdown};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::client::PATIENCE;
use crate::{Peer, Result, context};

/// Lets this process have so many descriptors at least.
///
/// # Errors
/// If the hard limit is below.
pub fn allow_descriptors(count: u64) -> Result<()> {
    let (soft, hard) = context(getrlimit(Resource::RLIMIT_NOFILE), "limit of descriptors")?;
    let set = setrlimit(Resource::RLIMIT_NOFILE, count.max(soft), count.max(hard));
    context(set, format_args!("limit of descriptors to {count}"))
}

/// A server of the test's own, in the network of the thread that made it.
#[derive(Debug)]
pub struct Backend {
    listener: Socket,
    /// Its port.
    pub port: u16,
}

impl Backend {
    /// Listens at an address.
    ///
    /// # Errors
    /// What kept it from that.
    pub fn new(address: impl Into<IpAddr>) -> Result<Self> {
        let address = (address.into(), 0).into();
        let listener = context(
            Socket::new(Domain::for_address(address), Type::STREAM, None),
            "socket",
        )?;
        context(listener.bind(&address.into()), "bind")?;
        context(listener.listen(4096), "listen")?;
        // It holds for accept as well (socket(7)).
        context(listener.set_read_timeout(Some(PATIENCE)), "time limit")?;
        let own = context(listener.local_addr(), "own address")?;
        let port = own.as_socket().map_or(0, |own| own.port());
        Ok(Self { listener, port })
    }

    /// From now on connections are refused; no other program gets the port.
    ///
    /// # Errors
    /// If the kernel does not let go of it.
    pub fn refuse(&self) -> Result<()> {
        context(self.listener.shutdown(Shutdown::Both), "shutdown")
    }

    /// The next connection that it gets.
    ///
    /// # Errors
    /// If none comes.
    pub fn accept(&self) -> Result<Peer> {
        let (socket, _) = context(self.listener.accept(), "accept")?;
        Peer::accepted(socket)
    }
}
