//! Descriptors that are passed from process to process (unix(7), `SCM_RIGHTS`).

use std::io::{self, IoSlice, IoSliceMut};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockType, SockaddrLike,
    SockaddrStorage, getpeername, getsockopt, recvmsg, sendmsg, sockopt,
};

/// Sends a descriptor with a byte that says what it is; never waits.
///
/// # Errors
/// As sendmsg(2).
pub fn send(socket: BorrowedFd<'_>, what: u8, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let byte = [what];
    let rights = [descriptor.as_raw_fd()];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(&byte)],
        &[ControlMessage::ScmRights(&rights)],
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(())
}

/// Receives a message and the descriptors that came with it, which are close-on-exec; never waits.
/// Tells how many bytes it has.
///
/// # Errors
/// As recvmsg(2): [`io::ErrorKind::WouldBlock`] if nothing has come yet.
pub fn receive_any(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut buffer = [IoSliceMut::new(bytes)];
    let mut space = cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut buffer, Some(&mut space), flags)?;
    let count = message.bytes;
    let mut descriptors = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            // SAFETY: the kernel has just made these descriptors for us; nobody else owns them.
            let owned = numbers
                .into_iter()
                .map(|n| unsafe { OwnedFd::from_raw_fd(n) });
            descriptors.extend(owned);
        }
    }
    Ok((count, descriptors))
}

/// Receives a connection that [`send`] has sent; never waits. The descriptor is close-on-exec.
///
/// # Errors
/// As [`receive_any`]; [`io::ErrorKind::InvalidData`] if it is anything but one byte with one TCP
/// connection.
pub fn receive(socket: BorrowedFd<'_>) -> io::Result<(u8, TcpStream)> {
    let mut byte = [0];
    let (count, mut descriptors) = receive_any(socket, &mut byte)?;
    match (count, descriptors.pop()) {
        (1, Some(descriptor)) if descriptors.is_empty() && is_connection(descriptor.as_fd()) => {
            Ok((byte[0], descriptor.into()))
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn is_connection(socket: BorrowedFd<'_>) -> bool {
    let family = getpeername::<SockaddrStorage>(socket.as_raw_fd())
        .ok()
        .and_then(|address| address.family());
    matches!(family, Some(AddressFamily::Inet | AddressFamily::Inet6))
        && getsockopt(&socket, sockopt::SockType) == Ok(SockType::Stream)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_connection_arrives_with_all_that_it_still_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"said before").unwrap();
        let (stream, _) = listener.accept().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let nothing = receive(theirs.as_fd()).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        send(ours.as_fd(), b'x', stream.as_fd()).unwrap();
        drop((stream, ours));
        let (what, mut stream) = receive(theirs.as_fd()).unwrap();
        let mut said = [0; 11];
        stream.read_exact(&mut said).unwrap();
        assert_eq!((what, &said), (b'x', b"said before"));
        drop(stream);
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "somebody still has it");
    }

    #[test]
    fn what_is_no_connection_is_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let file = File::open("/dev/null").unwrap();
        for wrong in [listener.as_fd(), file.as_fd(), ours.as_fd()] {
            send(ours.as_fd(), 0, wrong).unwrap();
            let error = receive(theirs.as_fd()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        (&ours).write_all(b"x").unwrap();
        let error = receive(theirs.as_fd()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        // Not dropped: a server that another test starts just now may have it a moment longer.
        ours.shutdown(Shutdown::Write).unwrap();
        let error = receive(theirs.as_fd()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
