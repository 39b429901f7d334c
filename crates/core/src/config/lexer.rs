//! Lines and words (docs/xinetd-behaviour.md, section 1.1).
//!
//! The unit is the line; there is no continuation, no quoting and no comment behind other text.
//! Words are separated by blanks and tabs alone, so a carriage return is part of the last word.

use super::report::Spot;
use crate::problem::Remark;
use crate::problem::{Problem, Severity};

/// How xinetd reads a file: a line may cross the end of one such unit, but not of two.
const READ_UNIT: usize = 8192;

/// The longest line that xinetd reads wherever it stands in a file, in bytes.
const SAFE_LENGTH: usize = READ_UNIT;

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// What it says.
    pub(super) bytes: &'a [u8],
    /// Its first byte, from 1.
    pub(super) column: u32,
}

/// A line, without its line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its number, from 1.
    pub(super) number: u32,
    /// Where in the file it begins.
    pub(super) start: usize,
    /// What it says.
    pub(super) text: &'a [u8],
    /// xinetd would break it in two.
    pub(super) overlong: bool,
}

/// What C's isspace(3) holds for blank.
pub(super) fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}

/// A number of bytes or lines, as places count them.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'a> Line<'a> {
    /// Whether it says anything: it is neither blank nor a comment.
    fn is_significant(&self) -> bool {
        let first = self.text.iter().find(|byte| !is_blank(**byte));
        first.is_some_and(|byte| *byte != b'#')
    }

    /// Whether it consists of `byte` alone, blanks aside.
    pub(super) fn is_only(&self, byte: u8) -> bool {
        let said = self.text.iter().filter(|byte| !is_blank(**byte));
        said.eq(&[byte])
    }

    /// Its words.
    pub(super) fn words(&self) -> Words<'a> {
        Words {
            text: self.text,
            offset: 0,
        }
    }
}

/// Says that xinetd would break a line in two.
pub(super) fn overlong(spot: &Spot, line: &Line<'_>) -> Problem {
    let length = line.text.len();
    let message = format!("the line has {length} bytes, and xinetd reads it as two lines");
    let help = format!("write lines of at most {SAFE_LENGTH} bytes");
    Remark::new(Severity::Error, "line-length", message, help).at(spot.stretch(1, 1))
}

/// The words of a line.
#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    text: &'a [u8],
    offset: usize,
}

impl<'a> Words<'a> {
    /// The words of `text` from the byte `offset` on.
    pub(super) fn after(text: &'a [u8], offset: usize) -> Self {
        Self { text, offset }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let separator = |byte: &u8| matches!(byte, b' ' | b'\t');
        let rest = self.text.get(self.offset..)?;
        let start = self.offset + rest.iter().position(|byte| !separator(byte))?;
        let word = &self.text[start..];
        let length = word.iter().position(separator).unwrap_or(word.len());
        self.offset = start + length;
        Some(Word {
            bytes: &word[..length],
            column: count(start + 1),
        })
    }
}

/// The lines of a file that say anything.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a> {
    text: &'a [u8],
    offset: usize,
    number: u32,
}

impl<'a> Lines<'a> {
    /// The lines of `text`.
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            offset: 0,
            number: 0,
        }
    }

    /// The number of the last line that was looked at, 0 before the first.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The next line of any kind.
    pub(super) fn any(&mut self) -> Option<Line<'a>> {
        let start = self.offset;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n');
        let length = length.unwrap_or(rest.len());
        self.offset = start + length + 1;
        self.number = self.number.saturating_add(1);
        let limit = (start / READ_UNIT + 2) * READ_UNIT;
        Some(Line {
            number: self.number,
            start,
            text: &rest[..length],
            overlong: start + length > limit,
        })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    /// The next line that says anything, or that xinetd would break in two.
    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let line = self.any()?;
            if line.overlong || line.is_significant() {
                return Some(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(u32, String)> {
        Words::after(text.as_bytes(), 0)
            .map(|word| {
                (
                    word.column,
                    String::from_utf8_lossy(word.bytes).into_owned(),
                )
            })
            .collect()
    }

    #[test]
    fn words_are_separated_by_blanks_and_tabs_alone() {
        let found = words("\tcps  = 10\t30\r");
        let expected = [(2, "cps"), (7, "="), (9, "10"), (12, "30\r")];
        let expected = expected.map(|(column, text)| (column, text.to_owned()));
        assert_eq!(found, expected);
        assert_eq!(words("a\x0bb"), [(1, "a\x0bb".to_owned())]);
        assert_eq!(words(" \t"), []);
    }

    #[test]
    fn blank_lines_and_comments_are_skipped_and_counted() {
        let text = b"# one\n\n \x0b\r\n  #four\nfive # not a comment\n\nseven";
        let found: Vec<_> = Lines::new(text)
            .map(|line| (line.number, line.text))
            .collect();
        assert_eq!(
            found,
            [(5, &b"five # not a comment"[..]), (7, &b"seven"[..])]
        );
    }

    #[test]
    fn a_brace_stands_alone_but_for_blanks() {
        let only = |text: &str| {
            let line = Lines::new(text.as_bytes()).next().unwrap();
            line.is_only(b'}')
        };
        assert!(only("}"));
        assert!(only(" \t}\r"));
        assert!(!only("} # end"));
        assert!(!only("}}"));
    }

    #[test]
    fn a_line_is_too_long_where_xinetd_breaks_it() {
        let overlong = |before: usize, length: usize| {
            let mut text = "\n".repeat(before).into_bytes();
            text.extend(std::iter::repeat_n(b'x', length));
            text.push(b'\n');
            Lines::new(&text).next().unwrap().overlong
        };
        assert!(!overlong(0, 16_000));
        assert!(overlong(0, 16_500));
        assert!(!overlong(8000, SAFE_LENGTH));
        assert!(overlong(8000, 9000));
        let mut comment = vec![b'#'; 20_000];
        comment.push(b'\n');
        assert_eq!(Lines::new(&comment).count(), 1, "xinetd reads its tail");
    }
}
