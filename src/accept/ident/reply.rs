//! The Identification Protocol (RFC 1413): the question, and what the answer says.

use xinetd_core::admission::NoUser;

/// The longest answer: RFC 1413, section 6 allows 1000 characters, the line's end not counted.
pub(in crate::accept) const MAX_REPLY: usize = 1002;

/// The ports of a connection, as the peer's ident server sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::accept) struct Ports {
    /// The peer's.
    pub(in crate::accept) remote: u16,
    /// Ours.
    pub(in crate::accept) local: u16,
}

impl Ports {
    /// The question, with its line's end.
    pub(super) fn question(self) -> String {
        format!("{},{}\r\n", self.remote, self.local)
    }

    /// What the answer `line` says of the user: the operating system, a colon and the name, as
    /// the peer wrote them. The line has no end any more.
    ///
    /// # Errors
    /// If it is no answer to this question, or an error.
    pub(in crate::accept) fn user(self, line: &[u8]) -> Result<String, NoUser> {
        let parse = || {
            let mut parts = line.splitn(3, |&byte| byte == b':');
            let (ports, kind, rest) = (parts.next()?, parts.next()?, parts.next()?);
            let mut ports = ports.splitn(2, |&byte| byte == b',').map(port);
            let same = ports.next()? == Some(self.remote) && ports.next()? == Some(self.local);
            let found = same && kind.trim_ascii() == b"USERID" && !rest.trim_ascii().is_empty();
            found.then(|| String::from_utf8_lossy(rest.trim_ascii()).into_owned())
        };
        parse().ok_or(NoUser::BadResponse)
    }
}

fn port(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PORTS: Ports = Ports {
        remote: 6193,
        local: 23,
    };

    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(PORTS.question(), "6193,23\r\n");
        let user = |line: &str| PORTS.user(line.as_bytes());
        assert_eq!(
            user("6193, 23 : USERID : UNIX : stjohns").unwrap(),
            "UNIX : stjohns"
        );
        assert_eq!(user("6193,23:USERID:OTHER:a:b:c").unwrap(), "OTHER:a:b:c");
        for wrong in [
            "6195, 23 : ERROR : NO-USER",
            "6193, 24 : USERID : UNIX : joe",
            "23, 6193 : USERID : UNIX : joe",
            "6193 : USERID : UNIX : joe",
            "6193, 23 : USERID",
            "6193, 23 : USERID :  ",
            "06193x, 23 : USERID : UNIX : joe",
            "",
        ] {
            assert_eq!(user(wrong), Err(NoUser::BadResponse), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_too_strange(rubbish: Vec<u8>, from in 0_usize..40, length in 0_usize..40) {
            let mut line = b"6193, 23 : USERID : UNIX , UTF-8 : joe".to_vec();
            let from = from.min(line.len());
            let to = line.len().min(from + length);
            line.splice(from..to, rubbish.iter().copied());
            if let Ok(user) = PORTS.user(&line) {
                prop_assert!(!user.is_empty());
            }
            let _ = PORTS.user(&rubbish);
        }
    }
}
