//! The private socket of systemd, as zbus takes it.
//!
//! systemd names itself as the sender of what it says there, as `org.freedesktop.systemd1`. On a bus a
//! sender has a unique name, which begins with a colon, and zbus refuses all others. So what systemd says
//! goes through here, where the name gets a colon in the place of its first letter.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;

/// The field of a header that names the sender (D-Bus Specification, Message Format): its code, the
/// signature `s`, and the length of the string, as a machine of its own byte order writes it.
const SENDER: [u8; 4] = [7, 1, b's', 0];
const NAME: &[u8] = b"org.freedesktop.systemd1";

/// The part of a message that says how long it is.
const HEADER: usize = 16;

/// The longest message (D-Bus Specification).
const MAX_MESSAGE: usize = 128 << 20;

/// What to talk to in the place of `systemd`. It ends when either side does.
///
/// # Errors
/// If there are no descriptors or threads for it.
pub(super) fn relay(systemd: UnixStream) -> io::Result<UnixStream> {
    let (ours, near) = UnixStream::pair()?;
    let (from, to) = (systemd.try_clone()?, near.try_clone()?);
    let spawn = |name: &str, pass: Box<dyn FnOnce() + Send>| {
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn(pass).map(drop)
    };
    spawn(
        "to systemd",
        Box::new(move || {
            // The end of either side is all that can go wrong; the other one hears of it.
            let _ = io::copy(&mut &near, &mut &systemd);
            let _ = systemd.shutdown(Shutdown::Both);
        }),
    )?;
    spawn(
        "from systemd",
        Box::new(move || {
            let _ = pass(&mut BufReader::new(from), &mut &to);
            let _ = to.shutdown(Shutdown::Both);
        }),
    )?;
    Ok(ours)
}

/// Passes on the lines of the authentication, and then the messages.
fn pass(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match from.fill_buf()?.first() {
            None => return Ok(()),
            // The byte order, with which no line begins.
            Some(b'l' | b'B') => read_message(from, &mut bytes)?,
            Some(_) => drop(from.read_until(b'\n', &mut bytes)?),
        }
        to.write_all(&bytes)?;
    }
}

fn read_message(from: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.resize(HEADER, 0);
    from.read_exact(bytes)?;
    let number = |at: usize| {
        let word: [u8; 4] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let number = match bytes[0] {
            b'l' => u32::from_le_bytes(word),
            _ => u32::from_be_bytes(word),
        };
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let (body, fields) = (number(4), number(12));
    // The fields are filled up to a multiple of 8.
    let end = HEADER.saturating_add(fields).saturating_add(7) / 8 * 8;
    let length = end.saturating_add(body);
    if length > MAX_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    bytes.resize(length, 0);
    from.read_exact(&mut bytes[HEADER..])?;
    rename(&mut bytes[HEADER..end]);
    Ok(())
}

/// Makes a unique name of the sender among the fields of a header.
fn rename(fields: &mut [u8]) {
    let length = u32::try_from(NAME.len()).unwrap_or_default().to_ne_bytes();
    let field = [&SENDER, length.as_slice(), NAME].concat();
    let place = fields.windows(field.len()).position(|part| part == field);
    let first = place.and_then(|place| fields.get_mut(place + SENDER.len() + length.len()));
    if let Some(first) = first {
        *first = b':';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with a sender and a body, by hand.
    fn message(name: &[u8], body: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_ne_bytes();
        let field = [&SENDER, length(name).as_slice(), name, &[0]].concat();
        let order = if cfg!(target_endian = "little") {
            b'l'
        } else {
            b'B'
        };
        let head = [order, 2, 0, 1];
        let mut message = [
            &head,
            length(body).as_slice(),
            &[1, 0, 0, 0],
            &length(&field),
        ]
        .concat();
        message.extend(field);
        message.resize(message.len().next_multiple_of(8), 0);
        message.extend(body);
        message
    }

    #[test]
    fn the_sender_alone_is_changed() {
        let lines = b"OK 0123\r\nAGREE_UNIX_FD\r\n";
        // What looks like the field in a body is none.
        let first = message(NAME, &message(NAME, b""));
        let second = message(b":1.7", b"");
        let mut passed = Vec::new();
        let mut all: &[u8] = &[lines.as_slice(), &first, &second].concat();
        pass(&mut all, &mut passed).unwrap();
        let unique = message(b":rg.freedesktop.systemd1", &message(NAME, b""));
        assert_eq!(passed, [lines.as_slice(), &unique, &second].concat());
    }

    #[test]
    fn an_end_within_a_message_is_an_end() {
        let whole = message(NAME, b"body");
        for length in 1..whole.len() {
            let mut passed = Vec::new();
            assert!(
                pass(&mut &whole[..length], &mut passed).is_err(),
                "{length}"
            );
            assert!(passed.is_empty());
        }
    }
}
