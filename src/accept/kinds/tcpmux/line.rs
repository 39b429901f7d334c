//! The line by which a client of tcpmux names a service.

use std::io::ErrorKind;
use std::os::fd::AsFd;

use crate::sys::socket::{peek_now, skip_now};

/// The size of a line at most; xinetd reads so much.
pub(in crate::accept) const MAX_LINE: usize = 1024;

/// The beginning of what a client has sent.
#[derive(Debug, Default)]
pub(in crate::accept) struct RequestLine(Vec<u8>);

/// How far a client is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::accept) enum Progress {
    /// More is to come.
    Incomplete,
    /// It has sent this, and CRLF.
    Complete(Vec<u8>),
    /// It has gone, or sent something else.
    Wrong,
}

impl RequestLine {
    /// Reads on, and nothing of what comes after the line: that is for the server.
    pub(in crate::accept) fn read(&mut self, stream: &impl AsFd) -> Progress {
        let mut chunk = [0; MAX_LINE];
        loop {
            let room = MAX_LINE - self.0.len();
            let count = match peek_now(stream.as_fd(), &mut chunk[..room]) {
                Ok(0) => return Progress::Wrong,
                Ok(count) => count,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Progress::Incomplete,
                    ErrorKind::Interrupted => continue,
                    _ => return Progress::Wrong,
                },
            };
            let end = chunk[..count].iter().position(|&byte| byte == b'\n');
            let wanted = end.map_or(count, |end| end + 1);
            self.0.extend_from_slice(&chunk[..wanted]);
            if skip_now(stream.as_fd(), &mut chunk[..wanted]).ok() != Some(wanted) {
                return Progress::Wrong;
            }
            if end.is_some() {
                return match self.0.strip_suffix(b"\r\n") {
                    Some(name @ [_, ..]) => Progress::Complete(name.to_vec()),
                    Some([]) | None => Progress::Wrong,
                };
            }
            if self.0.len() == MAX_LINE {
                return Progress::Wrong;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nodelay(true).unwrap();
        (client, listener.accept().unwrap().0)
    }

    /// What becomes of the parts, sent one after another, and what is left for a server.
    fn read(parts: &[&[u8]]) -> (Progress, Vec<u8>) {
        let (mut client, mut stream) = pair();
        let mut line = RequestLine::default();
        let mut progress = Progress::Incomplete;
        let mut sent = 0;
        for part in parts {
            client.write_all(part).unwrap();
            sent += part.len();
            // Until it has arrived.
            while progress == Progress::Incomplete && line.0.len() < sent {
                progress = line.read(&stream);
            }
        }
        drop(client);
        let mut rest = Vec::new();
        // A client that has gone may leave a reset.
        let _ = stream.read_to_end(&mut rest);
        (progress, rest)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_name_is_the_same_however_it_is_cut(
            name in "[a-zA-Z0-9 \r]{1,40}",
            rest in proptest::collection::vec(any::<u8>(), 0..40),
            cuts in proptest::collection::vec(0..80_usize, 0..4),
        ) {
            let text = [name.as_bytes(), b"\r\n", &rest].concat();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut parts = Vec::new();
            let mut from = 0;
            for to in cuts {
                parts.push(&text[from..to]);
                from = to;
            }
            let (progress, left) = read(&parts);
            prop_assert_eq!(progress, Progress::Complete(name.into_bytes()));
            prop_assert_eq!(left, rest);
        }
    }

    #[test]
    fn what_is_no_line_is_no_name() {
        assert_eq!(read(&[b"name\n"]).0, Progress::Wrong);
        assert_eq!(read(&[b"\r\n"]).0, Progress::Wrong);
        assert_eq!(
            read(&[b"na\r", b"\n"]).0,
            Progress::Complete(b"na".to_vec())
        );
        assert_eq!(read(&[b"name"]).0, Progress::Incomplete);
        assert_eq!(
            read(&[&[b'x'; MAX_LINE - 2], b"\r\n"]).0,
            Progress::Complete(vec![b'x'; MAX_LINE - 2])
        );
        assert_eq!(read(&[&[b'x'; MAX_LINE]]).0, Progress::Wrong);
        let (client, stream) = pair();
        drop(client);
        assert_eq!(RequestLine::default().read(&stream), Progress::Wrong);
    }
}
