//! Descriptors that are passed from process to process (unix(7), `SCM_RIGHTS`).

use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockType, SockaddrLike, SockaddrStorage, getpeername,
    getsockopt, sendmsg, sockopt,
};

/// Sends a descriptor with bytes that say what it is, one at least; never waits.
///
/// # Errors
/// As sendmsg(2).
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    what: &[u8],
    descriptor: BorrowedFd<'_>,
) -> io::Result<()> {
    let rights = [descriptor.as_raw_fd()];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(what)],
        &[ControlMessage::ScmRights(&rights)],
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(())
}

/// Descriptors of one message at most (unix(7), `SCM_MAX_FD`): a peer can't send more than there is
/// room for.
const MOST: u32 = 253;

/// Receives a message and the descriptors that came with it, which are close-on-exec; never waits.
/// Tells how many bytes it has.
///
/// # Errors
/// As recvmsg(2): [`io::ErrorKind::WouldBlock`] if nothing has come yet, and
/// [`io::ErrorKind::InvalidData`] if the kernel could not pass all that came with it, as this process
/// has too many descriptors open. Those that were passed are closed then.
pub(crate) fn receive_any(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    receive_message(socket, bytes).map(|message| (message.length, message.descriptors))
}

/// A message as it has come.
#[derive(Debug)]
pub(crate) struct Message {
    /// How many bytes it has.
    pub(crate) length: usize,
    /// The descriptors that came with it, close-on-exec.
    pub(crate) descriptors: Vec<OwnedFd>,
    /// The process that has sent it, as the kernel says where the socket asks for that (`SO_PASSCRED`).
    pub(crate) sender: Option<i32>,
}

/// As [`receive_any`], and tells the sender.
///
/// # Errors
/// As [`receive_any`].
pub(crate) fn receive_message(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<Message> {
    // Not by nix, which says nothing of the descriptors that were passed where some could not be, so
    // that they stay open. The buffer is of words, as its headers must be aligned.
    let mut control = [0_u64; (CONTROL as usize).div_ceil(size_of::<u64>())];
    let mut part = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: an all-zero msghdr is a valid one.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // A size_t with glibc, a socklen_t with musl.
    let size = u16::try_from(size_of_val(&control)).map_err(io::Error::other)?;
    message.msg_controllen = size.into();
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the message leads to one part and one buffer, which are as large as it says and live on.
    let count = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
    let count = usize::try_from(Errno::result(count)?).map_err(io::Error::other)?;
    let (descriptors, sender) = take_control(&message);
    // All are owned by now, so that none is left open.
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Message {
        length: count,
        descriptors,
        sender,
    })
}

/// The bytes of the credentials of a sender.
const CREDENTIALS: u32 = 12;

/// The bytes of control messages that one message may have.
// SAFETY: it computes from numbers alone.
const CONTROL: u32 =
    unsafe { libc::CMSG_SPACE(MOST * RawFd::BITS / 8) + libc::CMSG_SPACE(CREDENTIALS) };

/// The descriptors in the control messages of a message that recvmsg(2) has just filled, and its sender.
fn take_control(message: &libc::msghdr) -> (Vec<OwnedFd>, Option<i32>) {
    let mut descriptors = Vec::new();
    let mut sender = None;
    // SAFETY: the kernel has written control messages of `msg_controllen` bytes there.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !next.is_null() {
        // SAFETY: it leads to a whole header inside of the buffer.
        let header = unsafe { &*next };
        // SAFETY: computes where the data begins, and how long the header is.
        let (data, head) = unsafe { (libc::CMSG_DATA(next), libc::CMSG_LEN(0)) };
        #[allow(clippy::unnecessary_cast, reason = "it is a socklen_t with musl")]
        let length = (header.cmsg_len as usize).saturating_sub(head as usize);
        let is = |kind| header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == kind;
        if is(libc::SCM_CREDENTIALS) && length >= size_of::<libc::ucred>() {
            // SAFETY: the data is a whole ucred; nothing says that it is aligned.
            let credentials = unsafe { data.cast::<libc::ucred>().read_unaligned() };
            sender = Some(credentials.pid);
        } else if is(libc::SCM_RIGHTS) {
            for index in 0..length / size_of::<RawFd>() {
                // SAFETY: the data has `length` bytes; nothing says that it is aligned.
                let number = unsafe { data.cast::<RawFd>().add(index).read_unaligned() };
                // SAFETY: the kernel has just made this descriptor for us; nothing else owns it.
                descriptors.push(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
        // SAFETY: both are as above; null behind the last one.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
    (descriptors, sender)
}

/// Receives a connection that [`send`] has sent, and tells how many bytes came with it; never waits. The
/// descriptor is close-on-exec.
///
/// # Errors
/// As [`receive_any`]; [`io::ErrorKind::InvalidData`] if it is anything but one TCP connection.
pub(crate) fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, TcpStream)> {
    let (count, mut descriptors) = receive_any(socket, bytes)?;
    match descriptors.pop() {
        Some(descriptor) if descriptors.is_empty() && is_connection(descriptor.as_fd()) => {
            Ok((count, descriptor.into()))
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
    use std::time::{Duration, Instant};

    use nix::fcntl::{FcntlArg, FdFlag, fcntl};

    use super::*;

    /// How long something waits that must not.
    const LONG: Duration = Duration::from_secs(5);

    #[test]
    fn a_connection_arrives_with_all_that_it_still_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"said before").unwrap();
        let (stream, _) = listener.accept().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_read_timeout(Some(LONG)).unwrap();
        let begin = Instant::now();
        let nothing = receive(theirs.as_fd(), &mut [0]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        assert!(begin.elapsed() < LONG, "it waits");
        send(ours.as_fd(), b"x", stream.as_fd()).unwrap();
        drop((stream, ours));
        let mut what = [0; 9];
        let (length, mut stream) = receive(theirs.as_fd(), &mut what).unwrap();
        let mut said = [0; 11];
        stream.read_exact(&mut said).unwrap();
        assert_eq!((&what[..length], &said), (&b"x"[..], b"said before"));
        let flags = fcntl(&stream, FcntlArg::F_GETFD).unwrap();
        assert_eq!(flags, FdFlag::FD_CLOEXEC.bits(), "no server gets it");
        drop(stream);
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "a process still has it");
    }

    #[test]
    fn a_peer_that_takes_nothing_holds_no_sender_up() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        ours.set_write_timeout(Some(LONG)).unwrap();
        let file = File::open("/dev/null").unwrap();
        let begin = Instant::now();
        let mut errors = (0..10_000).map(|_| send(ours.as_fd(), b"x", file.as_fd()).err());
        let full = errors.find_map(|error| error).unwrap();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert!(begin.elapsed() < LONG, "it waits");
    }

    /// How many of this process's descriptors lead to `path`.
    fn open_descriptors(path: &std::path::Path) -> usize {
        let entries = std::fs::read_dir("/proc/self/fd").unwrap();
        let leads = |entry: std::fs::DirEntry| std::fs::read_link(entry.path()).ok();
        let targets = entries.filter_map(|entry| leads(entry.unwrap()));
        targets.filter(|target| target == path).count()
    }

    #[test]
    fn descriptors_that_nobody_asked_for_are_closed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let path = std::env::temp_dir().join(format!("passed-{}", std::process::id()));
        let file = File::create(&path).unwrap();
        let many = [file.as_raw_fd(); 7];
        sendmsg::<()>(
            ours.as_raw_fd(),
            &[IoSlice::new(b"x")],
            &[ControlMessage::ScmRights(&many)],
            MsgFlags::empty(),
            None,
        )
        .unwrap();
        let error = receive(theirs.as_fd(), &mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(open_descriptors(&path), 1);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_no_connection_is_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let file = File::open("/dev/null").unwrap();
        for wrong in [listener.as_fd(), file.as_fd(), ours.as_fd()] {
            send(ours.as_fd(), &[0], wrong).unwrap();
            let error = receive(theirs.as_fd(), &mut [0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        (&ours).write_all(b"x").unwrap();
        let error = receive(theirs.as_fd(), &mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        // Not dropped: a server that another test starts just now may have it a moment longer.
        ours.shutdown(Shutdown::Write).unwrap();
        let error = receive(theirs.as_fd(), &mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
