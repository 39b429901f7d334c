//! Collecting problems while files are read.

use std::path::Path;
use std::sync::Arc;

use super::lexer::{Word, count};
use crate::problem::Place;

/// One line of one file: what turns words into places.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// The file.
    pub(super) file: Arc<Path>,
    /// The line, from 1.
    pub(super) line: u32,
}

impl Spot {
    /// The place of a word.
    pub(super) fn word(&self, word: &Word<'_>) -> Place {
        self.stretch(word.column, count(word.bytes.len()))
    }

    /// The place of `length` bytes from `column` on.
    pub(super) fn stretch(&self, column: u32, length: u32) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: self.line,
            column,
            length,
        }
    }
}

/// Bytes of a file for a message: in backquotes, with what can't be shown escaped.
pub(super) fn quoted(bytes: &[u8]) -> String {
    /// More of a word does not help to find it.
    const SHOWN: usize = 60;
    let text = match str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// How many, with the right form of the noun.
pub(super) fn counted(number: usize, noun: &str) -> String {
    match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_are_short_and_printable() {
        assert_eq!(quoted(b"no\r"), "`no\\r`");
        assert_eq!(quoted("grün".as_bytes()), "`grün`");
        assert_eq!(quoted(b"\xff"), "`\\xff`");
        assert!(quoted(&[b'x'; 5000]).len() < 100);
    }
}
