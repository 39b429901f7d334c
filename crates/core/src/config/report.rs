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

/// The known word that an unknown one was most likely meant to be.
pub(super) fn nearest<'a>(word: &[u8], known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let close = known.filter_map(|name| {
        let lower = name.to_ascii_lowercase().into_bytes();
        let allowed = 1 + lower.len() / 4;
        if word.len().abs_diff(lower.len()) > allowed {
            return None;
        }
        let distance = edit_distance(&word, &lower);
        (distance <= allowed).then_some((distance, name))
    });
    close
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be changed, added or left out to get from `a` to `b`.
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_one_that_looks_like_it() {
        let known = ["log_on_failure", "log_on_success", "rlimit_files", "id"];
        let nearest = |word: &str| nearest(word.as_bytes(), known.into_iter());
        assert_eq!(nearest("log_on_failer"), Some("log_on_failure"));
        assert_eq!(nearest("LOG_ON_SUCCES"), Some("log_on_success"));
        assert_eq!(nearest("seccomp"), None);
        assert_eq!(nearest("xx"), None);
    }

    #[test]
    fn quoted_words_are_short_and_printable() {
        assert_eq!(quoted(b"no\r"), "`no\\r`");
        assert_eq!(quoted("grün".as_bytes()), "`grün`");
        assert_eq!(quoted(b"\xff"), "`\\xff`");
        assert!(quoted(&[b'x'; 5000]).len() < 100);
    }
}
