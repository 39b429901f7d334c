//! What can't be read, and the way on behind it.

use std::path::Path;
use std::sync::Arc;

use super::super::configuration::Dropped;
use super::super::lexer::{self, Line, Lines, Word, count};
use super::super::report::{Spot, quoted};
use super::super::unread::LOST_CODE;
use super::{KEYWORDS, Reader, Scope};
use crate::catch::fault;
use crate::nearest::nearest;
use crate::problem::Severity;

/// What some editors write at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a word is the keyword `defaults`.
fn is_defaults(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"defaults")
}

/// Whether a line begins with `include` or `includedir` and sets no attribute of that name.
pub(super) fn asks_for_files(line: &Line<'_>) -> bool {
    let mut words = line.words();
    let is_keyword = |word: Word<'_>| {
        let mut keywords = ["include", "includedir"].iter();
        keywords.any(|keyword| word.bytes.eq_ignore_ascii_case(keyword.as_bytes()))
    };
    let is_operator = |word: Word<'_>| matches!(word.bytes, [b'=', ..] | [b'+' | b'-', b'=', ..]);
    !line.overlong && words.next().is_some_and(is_keyword) && !words.next().is_some_and(is_operator)
}

impl Reader<'_> {
    /// Says that a line which asks for files stands inside a block.
    pub(super) fn misplaced(&mut self, spot: &Spot, line: &Line<'_>, opened: &Spot, scope: Scope) {
        let Some(keyword) = line.words().next() else {
            return;
        };
        let (block, lost) = match scope {
            Scope::Service => ("the service", "the service is lost"),
            Scope::Defaults => ("the section defaults", "its attributes hold"),
        };
        let message = format!(
            "{block} of line {} has no }} before {}: {lost}, and the line is followed all the same",
            opened.line,
            quoted(keyword.bytes)
        );
        let help = "write } alone on a line above this one";
        self.complain(
            Severity::Error,
            "missing-bracket",
            spot.word(&keyword),
            message,
            help,
        );
    }

    /// Follows lines that ask for files.
    pub(super) fn follow(&mut self, includes: &[(Spot, Line<'_>)]) {
        for (spot, line) in includes {
            self.include_line(spot, line);
        }
    }

    /// A line that asks for files.
    pub(super) fn include_line(&mut self, spot: &Spot, line: &Line<'_>) {
        let mut words = line.words();
        let Some(keyword) = words.next() else {
            return;
        };
        let is_directory = keyword.bytes.eq_ignore_ascii_case(b"includedir");
        self.include(spot, &keyword, words.next(), is_directory);
        self.warn_of_rest(spot, words.next());
    }

    /// A part of a file could not be read for a fault of this program.
    pub(super) fn lose(
        &mut self,
        lines: &mut Lines<'_>,
        spot: &Spot,
        keyword: &Word<'_>,
        name: &Word<'_>,
    ) {
        let is = |word: &str| keyword.bytes.eq_ignore_ascii_case(word.as_bytes());
        let place = spot.word(name);
        let lost = if is("service") {
            let (ordinal, id) = (self.next_ordinal(), name.bytes.into());
            let place = place.clone();
            self.dropped.push((
                ordinal,
                Dropped {
                    id,
                    place,
                    note: None,
                },
            ));
            "the service"
        } else if is("defaults") {
            // What they forbid is unknown.
            self.defaults.distrust(&place);
            "the section"
        } else {
            "what it asks for"
        };
        self.problems.push(fault(place, lost));
        if !is("include") && !is("includedir") {
            self.skip_block(lines, spot);
        }
    }

    /// Says once for each file that carriage returns are part of the values.
    pub(in crate::config) fn warn_of_carriage_returns(&mut self, file: &Arc<Path>, text: &[u8]) {
        let returns = |line: &Line<'_>| line.text.ends_with(b"\r");
        let Some(line) = Lines::new(text).find(returns) else {
            return;
        };
        let spot = Spot {
            file: Arc::clone(file),
            line: line.number,
        };
        self.complain(
            Severity::Warning,
            "crlf",
            spot.stretch(count(line.text.len()), 1),
            "lines of this file end in CR LF, and CR is part of the last word for xinetd",
            format!(
                "convert the line ends: sed -i 's/\\r$//' {}",
                file.display()
            ),
        );
    }

    /// A line that xinetd would break in two.
    pub(super) fn overlong(&mut self, spot: &Spot, line: &Line<'_>) {
        self.problems.push(lexer::overlong(spot, line));
    }

    /// A word outside of blocks that is no keyword.
    pub(super) fn stray(&mut self, spot: &Spot, line: &Line<'_>, keyword: &Word<'_>) {
        let bytes = keyword.bytes;
        let (message, help) = if bytes.starts_with(BYTE_ORDER_MARK) {
            (
                "the file begins with a byte order mark, which is part of the first word"
                    .to_owned(),
                "save the file as UTF-8 without a byte order mark".to_owned(),
            )
        } else if line.is_only(b'{') {
            (
                "a block begins here without service or defaults before it".to_owned(),
                "write service and a name, or defaults, on the line above".to_owned(),
            )
        } else if line.is_only(b'}') {
            (
                "this bracket closes nothing".to_owned(),
                "take it away: what follows up to the next one is lost".to_owned(),
            )
        } else {
            let help = match nearest(bytes, KEYWORDS.into_iter()) {
                Some(word) if word.as_bytes() != bytes => format!("write {word}"),
                _ => "write service, defaults, include or includedir here; \
                     what follows up to the next lone } is lost"
                    .to_owned(),
            };
            (format!("{} is not a keyword", quoted(bytes)), help)
        };
        self.complain(
            Severity::Error,
            "keyword",
            spot.word(keyword),
            message,
            help,
        );
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        if is_defaults(text) || nearest(text, KEYWORDS.into_iter()) == Some(KEYWORDS[1]) {
            self.lose_defaults(spot);
        }
    }

    /// Passes over everything up to the next line that is `}` alone, but for lines that ask for files.
    pub(super) fn skip_block(&mut self, lines: &mut Lines<'_>, from: &Spot) {
        for line in lines.by_ref() {
            if line.is_only(b'}') {
                return;
            }
            self.follow_passed_over(&line, from);
        }
        let end = Spot {
            file: Arc::clone(&from.file),
            line: lines.number().max(from.line),
        };
        self.complain(
            Severity::Warning,
            "missing-bracket",
            end.stretch(1, 0),
            format!("no line that is }} alone follows line {}", from.line),
            "close each block with } on a line of its own",
        );
    }

    /// Follows a line in what is passed over if it asks for files, and says so.
    pub(super) fn follow_passed_over(&mut self, line: &Line<'_>, from: &Spot) {
        self.lose_defaults_in(line, from);
        let Some(keyword) = line.words().next().filter(|_| asks_for_files(line)) else {
            return;
        };
        let spot = Spot {
            file: Arc::clone(&from.file),
            line: line.number,
        };
        let message = format!(
            "{} stands in what is lost by the error in line {}; it is followed all the same",
            quoted(keyword.bytes),
            from.line
        );
        let help = format!("mend line {} first", from.line);
        self.complain(
            Severity::Error,
            "missing-bracket",
            spot.word(&keyword),
            message,
            help,
        );
        self.include_line(&spot, line);
    }

    /// Takes note of a `defaults` section that begins with this line, if it is one, where it is passed over as a part of
    /// what begins with the line of `from`.
    pub(super) fn lose_defaults_in(&mut self, line: &Line<'_>, from: &Spot) {
        let mut words = line.words();
        let is_defaults = words.next().is_some_and(|word| is_defaults(word.bytes));
        if is_defaults && words.next().is_none_or(|word| word.bytes.starts_with(b"{")) {
            let file = Arc::clone(&from.file);
            let line = line.number;
            self.lose_defaults(&Spot { file, line });
        }
    }

    /// The section of this line is not read to its end: what it would restrict is unknown, so that no service is
    /// served that says nothing of it.
    pub(super) fn lose_defaults(&mut self, spot: &Spot) {
        let place = spot.stretch(1, 0);
        self.defaults.distrust(&place);
        self.complain(
            Severity::Error,
            LOST_CODE,
            place,
            "the section defaults that begins here is not read to its end, and what it restricts is unknown: services \
             that take restrictions from it are not served",
            "correct the error that is told beside this one",
        );
    }

    /// Says that words behind a name or a path do nothing, unless they are a comment.
    pub(super) fn warn_of_rest(&mut self, spot: &Spot, rest: Option<Word<'_>>) {
        if let Some(word) = rest.filter(|word| !word.bytes.starts_with(b"#")) {
            self.complain(
                Severity::Warning,
                "extra-words",
                spot.word(&word),
                format!("{} and what follows are ignored", quoted(word.bytes)),
                "take them away",
            );
        }
    }
}
