//! The lines of an inetd.conf, and the fields of its entries.

use std::iter::Peekable;
use std::path::Path;
use std::sync::Arc;

use super::super::lexer::{Line, Lines, Word, is_blank};
use super::super::report::Spot;
use crate::problem::Remark;
use crate::problem::{Place, Problem, Severity};

/// What the second field of an entry may be.
const SOCKET_TYPES: [&[u8]; 5] = [b"stream", b"dgram", b"raw", b"rdm", b"seqpacket"];

/// How many fields an entry has at least.
pub(super) const FIELDS: usize = 6;

/// A field of an entry, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// Its line.
    line: u32,
    word: Word<'a>,
}

impl<'a> Field<'a> {
    /// What it says.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.word.bytes
    }

    /// Its line and its word.
    pub(super) fn word(&self) -> (u32, Word<'a>) {
        (self.line, self.word)
    }

    /// Where it stands.
    pub(super) fn place(&self, file: &Arc<Path>) -> Place {
        let spot = Spot {
            file: Arc::clone(file),
            line: self.line,
        };
        spot.word(&self.word)
    }

    /// Its bytes from `start` to before `end`.
    pub(super) fn part(&self, start: usize, end: usize) -> Self {
        let skipped = u32::try_from(start).unwrap_or(u32::MAX);
        let bytes = self.word.bytes.get(start..end).unwrap_or_default();
        let column = self.word.column.saturating_add(skipped);
        Self {
            word: Word { bytes, column },
            ..*self
        }
    }

    /// What of it stands behind the first `skipped` bytes of its line; none if nothing does.
    pub(super) fn behind(&self, skipped: usize) -> Option<Self> {
        let skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
        let start = skipped.saturating_sub(self.word.column - 1);
        let part = self.part(usize::try_from(start).ok()?, self.bytes().len());
        (!part.bytes().is_empty()).then_some(part)
    }

    /// What stands before and behind the first byte `at`.
    pub(super) fn split(&self, at: u8) -> Option<(Self, Self)> {
        let found = self.bytes().iter().position(|byte| *byte == at)?;
        Some(self.cut(found))
    }

    /// What stands before and behind the last byte `at`.
    pub(super) fn split_last(&self, at: u8) -> Option<(Self, Self)> {
        let found = self.bytes().iter().rposition(|byte| *byte == at)?;
        Some(self.cut(found))
    }

    fn cut(&self, at: usize) -> (Self, Self) {
        (self.part(0, at), self.part(at + 1, self.bytes().len()))
    }

    /// What `separator` divides.
    pub(super) fn parts(&self, separator: u8) -> impl Iterator<Item = Self> {
        let mut rest = Some(*self);
        std::iter::from_fn(move || {
            let all = rest?;
            let (part, behind) = match all.split(separator) {
                Some((part, behind)) => (part, Some(behind)),
                None => (all, None),
            };
            rest = behind;
            Some(part)
        })
    }
}

/// The fields of a line.
pub(super) fn fields<'a>(line: &Line<'a>) -> Vec<Field<'a>> {
    let field = |word| Field {
        line: line.number,
        word,
    };
    line.words().map(field).collect()
}

/// Whether fields are those of a whole entry.
pub(super) fn is_entry(fields: &[Field<'_>]) -> bool {
    fields.len() >= FIELDS && SOCKET_TYPES.contains(&fields[1].bytes())
}

/// A part of an inetd.conf.
#[derive(Debug)]
pub(super) enum Item<'a> {
    /// A line without anything.
    Blank,
    /// A line with a comment.
    Comment(Line<'a>),
    /// A comment that BSD's inetds read: an IPsec policy.
    Policy(Line<'a>),
    /// A line that xinetd would break in two.
    Overlong(Line<'a>),
    /// The fields of an entry, at least one.
    Entry(Vec<Field<'a>>),
}

/// The parts of an inetd.conf.
#[derive(Debug)]
pub(super) struct Items<'a> {
    lines: Peekable<All<'a>>,
}

/// All lines, blank ones and comments too.
#[derive(Debug)]
struct All<'a>(Lines<'a>);

impl<'a> Iterator for All<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        self.0.any()
    }
}

impl<'a> Items<'a> {
    /// The parts of the text with these lines.
    pub(super) fn new(lines: Lines<'a>) -> Self {
        Self {
            lines: All(lines).peekable(),
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let line = self.lines.next()?;
        if line.overlong {
            return Some(Item::Overlong(line));
        }
        if line.text.starts_with(b"#@") {
            return Some(Item::Policy(line));
        }
        let mut said = line.text.iter().filter(|byte| !is_blank(**byte));
        match said.next() {
            None => return Some(Item::Blank),
            Some(b'#') => return Some(Item::Comment(line)),
            Some(_) => {}
        }
        let mut entry = fields(&line);
        while let Some(next) = self.lines.next_if(continues) {
            entry.extend(fields(&next));
        }
        Some(Item::Entry(entry))
    }
}

/// Whether a line goes on with the entry above it, as in all inetds but xinetd, for which it is
/// an entry of its own. It is one here if it has what an entry needs.
fn continues(line: &Line<'_>) -> bool {
    let indented = line.text.first().is_some_and(|byte| b" \t".contains(byte));
    let fields = fields(line);
    let is_comment = fields
        .first()
        .is_none_or(|field| field.bytes().starts_with(b"#"));
    indented && !line.overlong && !is_comment && !is_entry(&fields)
}

/// Says that an IPsec policy is not set.
pub(super) fn policy(file: &Arc<Path>, line: &Line<'_>) -> Problem {
    let spot = Spot {
        file: Arc::clone(file),
        line: line.number,
    };
    let message = "for BSD's inetds this sets an IPsec policy for the lines below; here, as for \
                   xinetd, it is a comment";
    let help = "set the policy with the tools of the machine's IPsec, such as ip-xfrm(8)";
    let length = u32::try_from(line.text.len()).unwrap_or(u32::MAX);
    Remark::new(Severity::Warning, "ipsec", message, help).at(spot.stretch(1, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<String> {
        let items = Items::new(Lines::new(text.as_bytes()));
        let shown = items.map(|item| match item {
            Item::Blank => "blank".to_owned(),
            Item::Comment(line) => format!("comment {}", line.number),
            Item::Policy(line) => format!("policy {}", line.number),
            Item::Overlong(line) => format!("overlong {}", line.number),
            Item::Entry(fields) => {
                let words = fields.iter().map(|field| field.bytes().escape_ascii());
                let words: Vec<_> = words.map(|word| word.to_string()).collect();
                words.join(" ")
            }
        });
        shown.collect()
    }

    #[test]
    fn an_indented_line_goes_on_with_the_one_above() {
        let text = "ftp stream tcp nowait root\n  /usr/sbin/ftpd ftpd\n\t-l\n# -d\n -x\n";
        assert_eq!(
            items(text),
            [
                "ftp stream tcp nowait root /usr/sbin/ftpd ftpd -l",
                "comment 4",
                "-x"
            ]
        );
    }

    #[test]
    fn an_indented_entry_is_one() {
        let entry = "a stream tcp nowait root /bin/a";
        let text = format!("  {entry}\n\t{entry} a\n");
        assert_eq!(items(&text), [entry, &format!("{entry} a")]);
    }

    #[test]
    fn comments_are_told_from_policies() {
        let items = items("#@ in ipsec/require\n \t\n  # text\n#<off># a\n");
        assert_eq!(items, ["policy 1", "blank", "comment 3", "comment 4"]);
    }

    #[test]
    fn parts_keep_their_columns() {
        let line = Lines::new(b"\tab/c/").any().unwrap();
        let field = fields(&line)[0];
        let parts: Vec<_> = field.parts(b'/').map(|part| part.word().1).collect();
        let columns = parts.iter().map(|word| (word.bytes, word.column));
        let expected: [(&[u8], u32); 3] = [(b"ab", 2), (b"c", 5), (b"", 7)];
        assert!(columns.eq(expected), "{parts:?}");
    }
}
