//! Which characters are seen as what they are.

/// Whether a character stands for itself on a screen and in a log: a letter, a digit, a sign or the plain
/// blank.
///
/// Not so what changes how other text is seen, or is not seen at all: control characters, marks for the
/// direction of text (U+202E and its like), characters without a width, separators of lines, marks that
/// join the character before them, and what Unicode has not assigned. Strangers may send any of them.
pub fn is_visible(c: char) -> bool {
    // The standard library has the table. It spells these three out for another reason.
    matches!(c, '\'' | '"' | '\\') || {
        let mut spelled = c.escape_debug();
        spelled.next() == Some(c) && spelled.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_moves_text_is_not_visible() {
        for c in " ~aZ0'\"\\\u{e9}\u{df}\u{3b1}\u{4e2d}\u{1f600}".chars() {
            assert!(is_visible(c), "{c:?}");
        }
        let hidden = [
            // Controls, C1 as well.
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            // Direction.
            '\u{61c}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202b}',
            '\u{202c}',
            '\u{202d}',
            '\u{202e}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            // No width.
            '\u{ad}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{2060}',
            '\u{feff}',
            '\u{180e}',
            '\u{fe0f}',
            // Lines, and blanks that are none.
            '\u{2028}',
            '\u{2029}',
            '\u{a0}',
            '\u{3000}',
            // Marks on the character before, notes and tags.
            '\u{301}',
            '\u{20dd}',
            '\u{fff9}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
            // Private use, no characters, not assigned.
            '\u{e000}',
            '\u{ffff}',
            '\u{10ffff}',
            '\u{378}',
        ];
        for c in hidden {
            assert!(!is_visible(c), "{:x}", u32::from(c));
        }
    }
}
