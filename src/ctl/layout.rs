//! Text in columns and paragraphs that fits a terminal of 80.

use std::io::{self, Write};

use xinetd_core::problem::{printable, wrap};

use super::output::{Output, WIDTH};

/// The text, cut to so many columns: what is left out of it stands before the rest.
pub(super) fn tail(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = text.chars().skip(length - width.saturating_sub(1));
    std::iter::once('…').chain(kept).collect()
}

/// The text, cut to so many columns at its end.
pub(super) fn head(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// The width of the longest text, but not more than `most`.
pub(super) fn width<'a>(texts: impl Iterator<Item = &'a str>, most: usize) -> usize {
    let longest = texts.map(|text| text.chars().count()).max();
    longest.unwrap_or(0).min(most)
}

/// Text in lines of at most `width` characters: broken at blanks, and within words that are longer.
pub(super) fn fold(text: &str, width: usize) -> Vec<String> {
    let pieces = |line: String| {
        let letters: Vec<char> = line.chars().collect();
        let pieces = letters.chunks(width.max(1));
        let mut pieces: Vec<String> = pieces.map(|piece| piece.iter().collect()).collect();
        if pieces.is_empty() {
            pieces.push(String::new());
        }
        pieces
    };
    wrap(text, width).into_iter().flat_map(pieces).collect()
}

/// A heading and text that belongs to it, in lines that fit.
pub(super) fn paragraph(out: &mut Output<'_>, head: &str, text: &str) -> io::Result<()> {
    let lines = fold(&printable(text), WIDTH - 2);
    writeln!(out, "{head}:")?;
    for line in lines {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_shows_it() {
        assert_eq!(tail("/usr/sbin/in.telnetd", 12), "…/in.telnetd");
        assert_eq!(head("telnet-stream", 7), "telnet…");
        assert_eq!(
            (tail("abc", 3).as_str(), head("abc", 3).as_str()),
            ("abc", "abc")
        );
        assert_eq!(fold("a bcdefgh i", 4), ["a", "bcde", "fgh", "i"]);
        assert_eq!(fold("", 4), [""]);
    }
}
