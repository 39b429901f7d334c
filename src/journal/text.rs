//! Parts of the text of an event.

use std::fmt::{self, Display, Formatter};
use std::io;

use xinetd_core::bytes::ByteString;

use super::event::Peer;

/// Writes the client, where it is wanted.
pub(super) fn from(f: &mut Formatter<'_>, peer: Peer<'_>, wanted: bool) -> fmt::Result {
    if wanted {
        write!(f, " from={}", peer.host)?;
    }
    Ok(())
}

/// An error as xinetd words it, by its number in errno(3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorText(pub(crate) i32);

impl Display for ErrorText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The C library's text, to which std adds the number in words of its own.
        let text = io::Error::from_raw_os_error(self.0).to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        write!(f, "{text} (errno = {})", self.0)
    }
}

/// Bytes as text, with `\xNN` in place of those that are not UTF-8.
pub(super) struct Text<'a>(pub(super) &'a ByteString);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}
