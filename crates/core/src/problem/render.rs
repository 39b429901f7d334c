//! Problems as text on a terminal.

use unicode_width::UnicodeWidthChar;

use super::{Place, Problem};
use crate::visible::is_visible;

/// How many columns a terminal has for certain.
const WIDTH: usize = 80;

/// How many columns of a source line are shown.
const EXCERPT: usize = WIDTH - 6;

impl Problem {
    /// The problem for people: `path:line:column: severity: message`, the line with a caret below
    /// the place, and the help; lines end in a line feed.
    ///
    /// `line` is the line of the place, where it is known. It is cut to fit 80 columns; bytes that
    /// would not show, or would talk to the terminal, are spelled out.
    pub fn render(&self, line: Option<&[u8]>) -> String {
        let head = format!("{}: {}: {}", self.place, self.severity, self.message);
        let mut text = printable(&head);
        text.push('\n');
        if let Some(line) = line {
            let (shown, before, under) = excerpt(line, &self.place);
            let carets = "^".repeat(under);
            text += &format!("   | {shown}\n   | {:before$}{carets}\n", "");
        }
        if !self.help.is_empty() {
            let help = wrap(&printable(&self.help), WIDTH - 11);
            text += &format!("   = help: {}\n", help.join("\n           "));
        }
        text
    }
}

/// Text without anything that moves the cursor or does not show.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| cell(c).0).collect()
}

/// What is shown for a character, and the columns that it takes. What takes none is spelled out.
fn cell(c: char) -> (String, usize) {
    match c.width() {
        Some(width @ 1..) if is_visible(c) => (c.to_string(), width),
        _ => {
            let spelled = c.escape_default().to_string();
            let width = spelled.len();
            (spelled, width)
        }
    }
}

/// The part of a line around a place, the columns before the place, and those that it covers.
fn excerpt(line: &[u8], place: &Place) -> (String, usize, usize) {
    let begin = usize::try_from(place.column).map_or(0, |column| column.saturating_sub(1));
    let end = begin.saturating_add(usize::try_from(place.length).unwrap_or(0));
    let line = line
        .strip_suffix(b"\r")
        .filter(|rest| end <= rest.len())
        .unwrap_or(line);
    // Far more than is shown on either side: a line may have megabytes.
    let from = begin.saturating_sub(4 * EXCERPT).min(line.len());
    let to = begin.saturating_add(8 * EXCERPT).min(line.len());
    let from = (from..to)
        .find(|at| line[*at] & 0xc0 != 0x80)
        .unwrap_or(from);
    let mut cells = Vec::new();
    let mut offset = from;
    for chunk in line[from..to].utf8_chunks() {
        for c in chunk.valid().chars() {
            let (shown, width) = match c {
                '\t' => (" ".repeat(4), 4),
                c => cell(c),
            };
            cells.push((offset, shown, width));
            offset += c.len_utf8();
        }
        for byte in chunk.invalid() {
            cells.push((offset, format!("\\x{byte:02x}"), 4));
            offset += 1;
        }
    }
    let columns = |until: usize| -> usize {
        let cells = cells.iter().take_while(|(offset, ..)| *offset < until);
        cells.map(|(.., width)| width).sum()
    };
    let (before, all) = (columns(begin), columns(usize::MAX));
    let under = (columns(end) - before).max(1);
    // The window: from the start if the place fits in, else the place and a bit before it.
    let cut_left = from > 0 || before + under.min(EXCERPT / 2) > EXCERPT - 1;
    let left = if cut_left {
        before.saturating_sub(EXCERPT / 4)
    } else {
        0
    };
    let cut_right = to < line.len() || all - left > EXCERPT - 1;
    let room = EXCERPT - usize::from(cut_left) - usize::from(cut_right);
    let mut shown = String::new();
    let (mut column, mut first) = (0, None);
    for (_, text, width) in &cells {
        if column >= left && column + width <= left + room {
            first.get_or_insert(column);
            shown += text;
        }
        column += width;
    }
    let first = first.unwrap_or(left);
    if cut_left {
        shown.insert(0, '…');
    }
    if cut_right {
        shown.push('…');
    }
    let before = before - first.min(before) + usize::from(cut_left);
    (
        shown,
        before,
        under.min(EXCERPT.saturating_sub(before)).max(1),
    )
}

/// Text in lines of at most `width` characters, broken at blanks.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::problem::Severity;

    fn problem(column: u32, length: u32) -> Problem {
        Problem {
            severity: Severity::Warning,
            code: "value-count",
            place: Place {
                file: Path::new("/etc/xinetd.d/foo").into(),
                line: 7,
                column,
                length,
            },
            message: "`cps` takes 2 values, not 5".into(),
            help: "remove `# per second`".into(),
        }
    }

    #[test]
    fn a_caret_stands_under_the_place() {
        let rendered = problem(8, 12).render(Some(b"\tcps = # per second"));
        assert_eq!(
            rendered,
            "/etc/xinetd.d/foo:7:8: warning: `cps` takes 2 values, not 5\n   \
             |     cps = # per second\n   \
             |           ^^^^^^^^^^^^\n   \
             = help: remove `# per second`\n"
        );
    }

    #[test]
    fn without_its_line_a_problem_has_no_caret() {
        assert_eq!(problem(1, 1).render(None).lines().count(), 2);
    }

    /// The text under the caret in the rendered problem.
    fn marked(line: &[u8], column: u32, length: u32) -> String {
        let rendered = problem(column, length).render(Some(line));
        let lines: Vec<_> = rendered.lines().collect();
        for line in &lines {
            let columns: usize = line.chars().map(|c| cell(c).1).sum();
            assert!(columns <= WIDTH, "{line}");
        }
        let mut column = 0;
        let mut under = String::new();
        let carets: Vec<char> = lines[2].chars().collect();
        for c in lines[1].chars() {
            if carets.get(column) == Some(&'^') {
                under.push(c);
            }
            column += cell(c).1;
        }
        under
    }

    #[test]
    fn bytes_that_do_not_show_are_spelled_out() {
        assert_eq!(marked(b"caf\xe9 x", 6, 1), "x");
        assert_eq!(marked(b"caf\xe9 x", 4, 1), "\\xe9");
        assert_eq!(marked("\u{feff}service a".as_bytes(), 1, 3), "\\u{feff}");
        assert_eq!(marked("日本 x".as_bytes(), 8, 1), "x");
        assert_eq!(marked(b"\x1b[31m x", 7, 1), "x");
        assert!(!problem(1, 1).render(Some(b"\x1b[31m")).contains('\x1b'));
    }

    #[test]
    fn a_caret_stands_under_its_word_whatever_is_before_it() {
        // The thermometer takes one column, each of the letters two.
        for (before, columns) in [("\u{1f321} ", 2), ("日本 ", 5)] {
            let line = format!("{before}x");
            let column = u32::try_from(before.len()).unwrap() + 1;
            let rendered = problem(column, 1).render(Some(line.as_bytes()));
            let caret = rendered.lines().nth(2).unwrap();
            assert_eq!(caret, format!("   | {:columns$}^", ""), "{line}");
        }
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = [&b"a ".repeat(9000)[..], b"HERE", &b" b".repeat(9000)].concat();
        assert_eq!(marked(&line, 18_001, 4), "HERE");
        assert_eq!(marked(&line, 1, 1), "a");
        assert_eq!(marked(&line, 36_004, 1), "b");
        let wide = "日".repeat(500) + "x" + &"日".repeat(500);
        assert_eq!(marked(wide.as_bytes(), 1501, 1), "x");
        assert!(!marked(&line, 18_001, 9000).is_empty());
    }

    #[test]
    fn a_place_after_the_end_points_behind_the_line() {
        let rendered = problem(4, 0).render(Some(b"abc"));
        assert!(rendered.contains("\n   | abc\n   |    ^\n"), "{rendered}");
        problem(900, 7).render(Some(b"abc"));
        problem(0, 0).render(Some(b""));
    }

    #[test]
    fn a_hostile_message_stays_on_its_line() {
        let mut problem = problem(1, 1);
        problem.message = "name\nwith\x1b[2J".into();
        assert_eq!(problem.render(None).lines().count(), 2);
    }

    #[test]
    fn long_help_is_wrapped() {
        let mut problem = problem(1, 1);
        problem.help = "word ".repeat(40);
        for line in problem.render(None).lines() {
            assert!(line.len() <= WIDTH, "{line}");
        }
    }
}
