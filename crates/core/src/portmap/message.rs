//! Calls and replies (RFC 5531) of rpcbind, with the marks that divide a stream into records.

use std::fmt;

use super::Registration;
use super::xdr::{XdrReader, XdrWriter};

/// The longest reply that is read, in bytes: rpcbind lists all programs of the machine.
pub const MAX_REPLY: usize = 1 << 20;

/// rpcbind's own program.
const RPCBIND: (u32, u32) = (100_000, 3);

/// The bit that marks the last fragment of a record.
const LAST: u32 = 1 << 31;

/// What rpcbind is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<'a> {
    /// To add a registration; it says whether it has.
    Set(&'a Registration),
    /// To remove one; it says whether it has.
    Unset(&'a Registration),
    /// For all that there are.
    Dump,
}

impl Call<'_> {
    /// The record of the call with this number.
    pub fn encode(self, number: u32) -> Vec<u8> {
        let mut writer = XdrWriter::default();
        let (program, version) = RPCBIND;
        let procedure = match self {
            Self::Set(_) => 1,
            Self::Unset(_) => 2,
            Self::Dump => 4,
        };
        // A call of version 2, without credentials and without a verifier: rpcbind asks the socket
        // who its peer is.
        for word in [number, 0, 2, program, version, procedure, 0, 0, 0, 0] {
            writer.number(word);
        }
        if let Self::Set(registration) | Self::Unset(registration) = self {
            writer.number(registration.program);
            writer.number(registration.version);
            writer.string(&registration.netid);
            writer.string(&registration.address);
            // The owner: rpcbind knows.
            writer.string("");
        }
        let body = writer.finish();
        let mark = u32::try_from(body.len()).unwrap_or(0) | LAST;
        [&mark.to_be_bytes()[..], &body].concat()
    }
}

/// Why a reply can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is longer than [`MAX_REPLY`].
    TooLong,
    /// It is none to this call.
    Unreadable,
    /// rpcbind refuses the call.
    Refused,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "its answer is too long",
            Self::Unreadable => "its answer can't be understood",
            Self::Refused => "it refuses the call",
        })
    }
}

/// The record at the beginning of what has been read; none where more has to be read.
///
/// # Errors
/// [`Wrong::TooLong`].
pub fn record(read: &[u8]) -> Result<Option<Vec<u8>>, Wrong> {
    if read.len() > 2 * MAX_REPLY {
        return Err(Wrong::TooLong);
    }
    let mut body = Vec::new();
    let mut rest = read;
    loop {
        let Some((mark, behind)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let mark = u32::from_be_bytes(*mark);
        let length = usize::try_from(mark & !LAST).unwrap_or(usize::MAX);
        if length > MAX_REPLY - body.len() {
            return Err(Wrong::TooLong);
        }
        let Some((fragment, behind)) = behind.split_at_checked(length) else {
            return Ok(None);
        };
        body.extend_from_slice(fragment);
        if mark & LAST != 0 {
            return Ok(Some(body));
        }
        rest = behind;
    }
}

/// What stands behind the head of a reply to the call with this number.
fn result(record: &[u8], number: u32) -> Result<XdrReader<'_>, Wrong> {
    let mut reader = XdrReader::new(record);
    let mut head = || {
        let is_mine = reader.number()? == number && reader.number()? == 1;
        let status = reader.number()?;
        Some((is_mine, status))
    };
    match head().ok_or(Wrong::Unreadable)? {
        (true, 0) => {}
        (true, 1) => return Err(Wrong::Refused),
        _ => return Err(Wrong::Unreadable),
    }
    let mut verified = || {
        let _flavour = reader.number()?;
        let _verifier = reader.opaque()?;
        reader.number()
    };
    match verified().ok_or(Wrong::Unreadable)? {
        0 => Ok(reader),
        _ => Err(Wrong::Refused),
    }
}

/// What rpcbind says to [`Call::Set`] and [`Call::Unset`].
///
/// # Errors
/// See [`Wrong`].
pub fn done(record: &[u8], number: u32) -> Result<bool, Wrong> {
    result(record, number)?.boolean().ok_or(Wrong::Unreadable)
}

/// What rpcbind says to [`Call::Dump`].
///
/// # Errors
/// See [`Wrong`].
pub fn registrations(record: &[u8], number: u32) -> Result<Vec<Registration>, Wrong> {
    let mut reader = result(record, number)?;
    let mut list = Vec::new();
    while reader.boolean().ok_or(Wrong::Unreadable)? {
        let mut next = || {
            let (program, version) = (reader.number()?, reader.number()?);
            let (netid, address) = (reader.string()?, reader.string()?);
            let _owner = reader.opaque()?;
            Some(Registration {
                program,
                version,
                netid,
                address,
            })
        };
        list.push(next().ok_or(Wrong::Unreadable)?);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn registration() -> Registration {
        Registration {
            program: 100_001,
            version: 3,
            netid: "udp".to_owned(),
            address: "0.0.0.0.238.73".to_owned(),
        }
    }

    #[test]
    fn a_call_is_as_in_the_rfcs() {
        let call = Call::Set(&registration()).encode(7);
        let words: Vec<u32> = call
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
            .collect();
        assert_eq!(words[0], LAST | u32::try_from(call.len() - 4).unwrap());
        assert_eq!(words[1..11], [7, 0, 2, 100_000, 3, 1, 0, 0, 0, 0]);
        assert_eq!(words[11..14], [100_001, 3, 3]);
        assert_eq!(&call[56..60], b"udp\0");
        assert_eq!(words[15], 14);
        assert_eq!(&call[64..], b"0.0.0.0.238.73\0\0\0\0\0\0");
    }

    fn reply(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn replies_say_yes_no_or_nothing() {
        let head = [7, 1, 0, 0, 0, 0];
        let said = |last: &[u32]| done(&reply(&[&head[..], last].concat()), 7);
        assert_eq!(said(&[1]), Ok(true));
        assert_eq!(said(&[0]), Ok(false));
        assert_eq!(said(&[2]), Err(Wrong::Unreadable));
        assert_eq!(said(&[]), Err(Wrong::Unreadable));
        assert_eq!(
            done(&reply(&[8, 1, 0, 0, 0, 0, 1]), 7),
            Err(Wrong::Unreadable)
        );
        assert_eq!(done(&reply(&[7, 1, 1, 0, 0, 0]), 7), Err(Wrong::Refused));
        assert_eq!(done(&reply(&[7, 1, 0, 0, 0, 2]), 7), Err(Wrong::Refused));
    }

    #[test]
    fn a_list_is_read_to_its_end() {
        let mut writer = XdrWriter::default();
        for word in [7, 1, 0, 0, 0, 0, 1, 100_001, 3] {
            writer.number(word);
        }
        for text in ["udp", "0.0.0.0.238.73", "superuser"] {
            writer.string(text);
        }
        writer.number(0);
        let list = writer.finish();
        assert_eq!(registrations(&list, 7), Ok(vec![registration()]));
        let cut = registrations(&list[..list.len() - 4], 7);
        assert_eq!(cut, Err(Wrong::Unreadable));
    }

    #[test]
    fn a_record_may_come_in_fragments() {
        let bytes = [&[0, 0, 0, 2, 1, 2, 0x80, 0, 0, 1, 3][..], b"more"].concat();
        assert_eq!(record(&bytes), Ok(Some(vec![1, 2, 3])));
        for length in 0..11 {
            assert_eq!(record(&bytes[..length]), Ok(None), "{length}");
        }
        assert_eq!(record(&[0xff; 8]), Err(Wrong::TooLong));
    }

    proptest! {
        #[test]
        fn no_answer_is_too_strange(
            head in prop::sample::select(vec![vec![], vec![7, 1, 0, 0, 0, 0], vec![7, 1, 0, 0, 0, 0, 1, 1, 1]]),
            rest: Vec<u8>,
        ) {
            let bytes = [reply(&head), rest.clone()].concat();
            let _ = done(&bytes, 7);
            let _ = registrations(&bytes, 7);
            let _ = record(&rest);
        }
    }
}
