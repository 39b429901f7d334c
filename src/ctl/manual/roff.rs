//! Texts of the tables as manual pages have them.

use std::io::{self, Write};

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// Text with what stands in backquotes in bold, and what stands in `<>` underlined.
pub(super) fn styled(text: &str) -> Vec<Inline> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['`', '<']) {
        let (before, marked) = rest.split_at(start);
        let (open, inner) = marked.split_at(1);
        let close = if open == "`" { '`' } else { '>' };
        let Some((inside, after)) = inner.split_once(close) else {
            break;
        };
        parts.push(roman(before));
        parts.push(match close {
            '`' => bold(inside),
            _ => italic(inside),
        });
        rest = after;
    }
    parts.push(roman(rest));
    parts.retain(|part| !matches!(part, Inline::Roman(text) if text.is_empty()));
    parts
}

/// Writes requests and text, without the preamble that a page has once.
pub(super) fn write(out: &mut dyn Write, fill: impl FnOnce(&mut Roff)) -> io::Result<()> {
    let mut roff = Roff::new();
    fill(&mut roff);
    out.write_all(roff.to_roff().as_bytes())
}

/// A term, and what it means below it.
pub(super) fn item(roff: &mut Roff, term: Vec<Inline>, text: &str) {
    roff.control("TP", []);
    roff.text(term);
    roff.text(styled(text));
}
