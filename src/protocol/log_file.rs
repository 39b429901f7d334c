//! What helpers and the coordinator say to each other about log files (`log_type = FILE`).
//!
//! A helper has no rights over the file: the coordinator opens it and passes the descriptor. Which
//! file it is the coordinator finds out by itself; the helper tells alone which one it holds.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use xinetd_core::bytes::ByteString;

use crate::sys::handover;
use crate::sys::socket::send_now;

/// The bytes of a packet at most.
const PACKET: usize = 512;

/// Goes with a descriptor.
const FILE: u8 = b'f';

/// The file of `log_type`: a relative path is one below `/`, where daemons are started.
pub(crate) fn absolute(path: &ByteString) -> PathBuf {
    Path::new("/").join(path.as_path())
}

/// Which file it is, whatever its name is by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The one of a file that this is known of.
    pub(crate) fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
        }
    }
}

/// A helper's: where is my service's log file?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogFileRequest {
    /// The file that it holds; it needs no other one while that has its name.
    pub(crate) held: Option<Identity>,
}

impl LogFileRequest {
    /// The packet.
    pub(crate) fn encode(self) -> String {
        match self.held {
            None => "log".to_owned(),
            Some(Identity { device, inode }) => format!("log {device} {inode}"),
        }
    }

    /// The question in a packet, if there is one.
    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(packet).ok()?.split(' ');
        let words = (words.next(), words.next(), words.next(), words.next());
        let held = match words {
            (Some("log"), None, ..) => None,
            (Some("log"), Some(device), Some(inode), None) => Some(Identity {
                device: device.parse().ok()?,
                inode: inode.parse().ok()?,
            }),
            _ => return None,
        };
        Some(Self { held })
    }
}

/// The coordinator's answer.
#[derive(Debug)]
pub(crate) enum LogFileReply {
    /// Here it is.
    File(File),
    /// The file that the helper holds still has its name.
    Same,
    /// There is none, in words why.
    Refused(String),
}

impl LogFileReply {
    /// Sends it; never waits.
    ///
    /// # Errors
    /// As send(2).
    pub(crate) fn send(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let mut text = match self {
            Self::File(file) => return handover::send(socket, &[FILE], file.as_fd()),
            Self::Same => "same".to_owned(),
            Self::Refused(why) => format!("no {why}"),
        };
        while text.len() > PACKET {
            text.pop();
        }
        send_now(socket, text.as_bytes()).map(drop)
    }

    /// Takes the answer that has come; never waits.
    ///
    /// # Errors
    /// As recv(2): [`io::ErrorKind::WouldBlock`] if none has come yet,
    /// [`io::ErrorKind::UnexpectedEof`] if the coordinator has ended.
    pub(crate) fn receive(socket: BorrowedFd<'_>) -> io::Result<Self> {
        let mut packet = [0; PACKET];
        let received = handover::receive_any(socket, &mut packet);
        let (length, mut descriptors) = received.map_err(|error| match error.kind() {
            // It had not read the question yet.
            io::ErrorKind::ConnectionReset => io::ErrorKind::UnexpectedEof.into(),
            _ => error,
        })?;
        match (&packet[..length], descriptors.pop()) {
            ([FILE], Some(descriptor)) => {
                let file = File::from(descriptor);
                match file.metadata()?.is_file() {
                    true => Ok(Self::File(file)),
                    false => Err(io::ErrorKind::InvalidData.into()),
                }
            }
            (b"same", None) => Ok(Self::Same),
            (b"", None) => Err(io::ErrorKind::UnexpectedEof.into()),
            (text, None) => {
                let text = String::from_utf8_lossy(text);
                let why = text.strip_prefix("no ").unwrap_or(&text);
                Ok(Self::Refused(why.to_owned()))
            }
            (_, Some(_)) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write};
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn packets_survive_their_way() {
        let held = Some(Identity {
            device: u64::MAX,
            inode: 7,
        });
        for question in [LogFileRequest { held }, LogFileRequest { held: None }] {
            let packet = question.encode();
            assert_eq!(LogFileRequest::decode(packet.as_bytes()), Some(question));
        }
        for wrong in ["", "log 1", "log 1 2 3", "log a b", "logs", "hit ::1"] {
            assert_eq!(LogFileRequest::decode(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_arrives_and_nothing_else_is_taken_for_one() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let nothing = LogFileReply::receive(theirs.as_fd()).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        let path = std::env::temp_dir().join(format!("log-file-{}", std::process::id()));
        let file = File::create(&path).unwrap();
        LogFileReply::File(file).send(ours.as_fd()).unwrap();
        let Ok(LogFileReply::File(mut file)) = LogFileReply::receive(theirs.as_fd()) else {
            panic!("no file");
        };
        file.write_all(b"line\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"line\n");
        std::fs::remove_file(path).unwrap();
        let device = File::open("/dev/null").unwrap();
        LogFileReply::File(device).send(ours.as_fd()).unwrap();
        let wrong = LogFileReply::receive(theirs.as_fd()).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::InvalidData);
        LogFileReply::Same.send(ours.as_fd()).unwrap();
        assert!(matches!(
            LogFileReply::receive(theirs.as_fd()),
            Ok(LogFileReply::Same)
        ));
        let why = "ß".repeat(PACKET);
        LogFileReply::Refused(why.clone())
            .send(ours.as_fd())
            .unwrap();
        let Ok(LogFileReply::Refused(cut)) = LogFileReply::receive(theirs.as_fd()) else {
            panic!("no refusal");
        };
        assert!(why.starts_with(&cut) && !cut.is_empty());
    }
}
