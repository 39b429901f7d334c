//! Lines as the C library joins them, which know where each of their bytes stands in the file.

use std::path::Path;
use std::sync::Arc;

use crate::problem::Place;

/// One logical line: the lines of the file up to the first that does not end in a backslash.
#[derive(Debug)]
pub(super) struct RuleLine<'a> {
    file: &'a Arc<Path>,
    /// Without the backslashes and line feeds.
    pub(super) text: Vec<u8>,
    /// Where each of its lines of the file begins in `text`, with that line's number.
    parts: Vec<(usize, u32)>,
    /// Whether a line feed ends it.
    pub(super) is_ended: bool,
}

impl RuleLine<'_> {
    /// The place of a stretch of the text; it ends at the latest where its line of the file does.
    pub(super) fn place(&self, start: usize, length: usize) -> Place {
        let after = self.parts.partition_point(|(begin, _)| *begin <= start);
        let (begin, number) = self.parts[after.saturating_sub(1)];
        let end = self
            .parts
            .get(after)
            .map_or(self.text.len(), |(end, _)| *end);
        let number_of = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Place {
            file: Arc::clone(self.file),
            line: number,
            column: number_of(start.saturating_sub(begin) + 1),
            length: number_of(length.min(end.saturating_sub(start))),
        }
    }
}

/// The logical lines of a text.
pub(super) fn lines<'a>(file: &'a Arc<Path>, text: &'a [u8]) -> impl Iterator<Item = RuleLine<'a>> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').zip(1..);
    std::iter::from_fn(move || {
        let mut line = RuleLine {
            file,
            text: Vec::new(),
            parts: Vec::new(),
            is_ended: false,
        };
        for (part, number) in lines.by_ref() {
            line.parts.push((line.text.len(), number));
            match part.strip_suffix(b"\n") {
                None => line.text.extend_from_slice(part),
                Some(part) => match part.strip_suffix(b"\\") {
                    Some(part) => {
                        line.text.extend_from_slice(part);
                        continue;
                    }
                    None => {
                        line.text.extend_from_slice(part);
                        line.is_ended = true;
                    }
                },
            }
            break;
        }
        (!line.parts.is_empty()).then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_joins_lines_and_places_stay_true() {
        let file: Arc<Path> = Path::new("/etc/hosts.allow").into();
        let found: Vec<_> = lines(&file, b"a: \\\n  b\nc\n\nend \\\n").collect();
        let texts: Vec<_> = found.iter().map(|line| line.text.as_slice()).collect();
        assert_eq!(texts, [&b"a:   b"[..], b"c", b"", b"end "]);
        let ends: Vec<_> = found.iter().map(|line| line.is_ended).collect();
        assert_eq!(ends, [true, true, true, false]);
        let b = found[0].place(5, 1);
        assert_eq!((b.line, b.column, b.length), (2, 3, 1));
        let whole = found[0].place(0, 6);
        assert_eq!((whole.line, whole.column, whole.length), (1, 1, 3));
        assert_eq!(found[1].place(0, 1).line, 3);
    }
}
