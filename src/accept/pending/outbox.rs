//! What a client is to be sent, as it takes it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use crate::sys::socket::send_now;

/// Bytes on their way to a client.
#[derive(Debug, Default)]
pub(in crate::accept) struct Outbox(VecDeque<(Arc<[u8]>, usize)>);

impl Outbox {
    /// Adds bytes.
    pub(in crate::accept) fn push(&mut self, bytes: Arc<[u8]>) {
        self.0.push_back((bytes, 0));
    }

    /// Sends what the client takes now; true when nothing is left. What can't be sent because the
    /// client is gone is dropped: xinetd goes on as well.
    pub(in crate::accept) fn flush(&mut self, socket: &impl AsFd) -> bool {
        while let Some((bytes, sent)) = self.0.front_mut() {
            if *sent >= bytes.len() {
                self.0.pop_front();
                continue;
            }
            match send_now(socket.as_fd(), &bytes[*sent..]) {
                Ok(count) => *sent += count,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return false,
                    io::ErrorKind::Interrupted => {}
                    _ => self.0.clear(),
                },
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn a_banner_of_any_size_arrives_whole_without_blocking() {
        let (mut client, stream) = pair();
        let mut outbox = Outbox::default();
        let banner: Arc<[u8]> = (0..20_000_000_u32).map(|i| (i % 251) as u8).collect();
        outbox.push(Arc::clone(&banner));
        outbox.push(Arc::from(*b"end"));
        assert!(!outbox.flush(&stream), "it does not fit into a buffer");
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            client.read_to_end(&mut text).unwrap();
            text
        });
        while !outbox.flush(&stream) {
            std::thread::yield_now();
        }
        drop(stream);
        let text = reader.join().unwrap();
        assert_eq!(text.len(), banner.len() + 3);
        assert!(text.starts_with(&banner) && text.ends_with(b"end"));
    }

    #[test]
    fn a_client_that_is_gone_stops_nothing() {
        let (client, stream) = pair();
        let mut outbox = Outbox::default();
        drop(client);
        outbox.push(vec![0; 20_000_000].into());
        let end = Instant::now() + Duration::from_secs(10);
        while !outbox.flush(&stream) {
            assert!(Instant::now() < end, "it still waits for the client");
            std::thread::yield_now();
        }
    }
}
