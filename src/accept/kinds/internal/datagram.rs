//! The internal services over UDP: an answer for each datagram (docs/xinetd-behaviour.md, section 4.10).

use std::time::SystemTime;

use xinetd_core::service::Builtin;

use super::super::super::clock::local_time;
use super::chargen::Position;
use super::times;

/// Bytes of a datagram that are looked at: echo sends back no more, as in xinetd.
pub(in crate::accept) const MOST: usize = 2048;

/// Ports below this one are those of services: an answer to one of them may begin a conversation
/// without end. As in Fedora's xinetd.
const FIRST_CLIENT: u16 = 1024;

/// How far chargen is; the next datagram goes on from there, whichever client it is for.
#[derive(Debug, Default)]
pub(in crate::accept) struct Answers {
    chargen: Position,
}

impl Answers {
    /// The answer to a datagram; none where nothing is sent back.
    pub(in crate::accept) fn answer(
        &mut self,
        builtin: Builtin,
        datagram: &[u8],
    ) -> Option<Vec<u8>> {
        Some(match builtin {
            Builtin::Echo => datagram.to_vec(),
            Builtin::Discard => return None,
            Builtin::Time => times::time(SystemTime::now()).to_vec(),
            Builtin::Daytime => times::daytime(&local_time()).into_bytes(),
            Builtin::Chargen => self.chargen.datagram(),
        })
    }
}

/// Whether a datagram from this port can come from a client of a service at the port `own`: an answer
/// to another service, such as those `answering` at their ports, or to another machine's twin of this
/// one, could be answered in turn.
pub(crate) fn is_client(port: u16, own: u16, answering: &[u16]) -> bool {
    port >= FIRST_CLIENT && port != own && !answering.contains(&port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chargen_goes_on_where_it_was() {
        let mut answers = Answers::default();
        let mut starts = Vec::new();
        for _ in 0..8 {
            let datagram = answers.answer(Builtin::Chargen, b"").unwrap();
            assert_eq!(datagram.len(), 1024);
            let lines: Vec<_> = datagram.split(|byte| *byte == b'\n').collect();
            // Thirteen whole ones, one of 60 characters, and nothing behind.
            assert!(lines[..13].iter().all(|line| line.len() == 73));
            assert_eq!((lines[13].len(), lines[14].len(), lines.len()), (61, 0, 15));
            assert!(lines[..14].iter().all(|line| line.ends_with(b"\r")));
            starts.push(char::from(lines[0][0]));
        }
        // Real xinetd begins eight datagrams in a row with these.
        assert_eq!(starts, ['!', '/', '=', 'K', 'Y', 'g', 'u', '$']);
    }

    #[test]
    fn echo_may_be_empty_and_discard_says_nothing() {
        let mut answers = Answers::default();
        assert_eq!(answers.answer(Builtin::Echo, b""), Some(Vec::new()));
        assert_eq!(
            answers.answer(Builtin::Echo, b"a\0b"),
            Some(b"a\0b".to_vec())
        );
        assert_eq!(answers.answer(Builtin::Discard, b"x"), None);
        assert_eq!(answers.answer(Builtin::Time, b"x").unwrap().len(), 4);
    }

    #[test]
    fn services_are_no_clients() {
        for service in [0, 7, 13, 19, 37, 53, 123, 1023] {
            assert!(!is_client(service, 19, &[]), "{service}");
        }
        assert!(is_client(1024, 19, &[7007]));
        assert!(!is_client(7007, 7007, &[]), "a twin");
        assert!(!is_client(7007, 19, &[1919, 7007]), "a neighbour");
    }
}
