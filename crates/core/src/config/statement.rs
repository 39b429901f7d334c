//! Attribute lines (docs/xinetd-behaviour.md, section 1.3).

use super::lexer::{Line, Word, Words};
use super::report::{Spot, quoted};
use super::values::Operator;
use crate::problem::Remark;
use crate::problem::{Problem, Severity};

/// One attribute line.
#[derive(Debug)]
pub(super) struct Statement<'a> {
    /// Its line.
    pub(super) spot: Spot,
    /// The word before the operator.
    pub(super) name: Word<'a>,
    /// The operator.
    pub(super) operator: Operator,
    /// The words behind the operator.
    pub(super) words: Vec<Word<'a>>,
    /// The operator and the words, as they stand in the line.
    pub(super) text: &'a [u8],
}

/// Reads `name operator values`: a blank must stand before the operator, and none need follow it.
pub(super) fn read<'a>(spot: Spot, line: &Line<'a>) -> Result<Statement<'a>, Problem> {
    let mut words = line.words();
    let Some(name) = words.next() else {
        // Control characters that count as blank, but not as separators.
        return Err(malformed(&spot, line.text, None, None));
    };
    let Some(second) = words.next() else {
        return Err(malformed(&spot, line.text, Some(&name), None));
    };
    let (operator, length) = match second.bytes {
        [b'=', ..] => (Operator::Set, 1),
        [b'+', b'=', ..] => (Operator::Add, 2),
        [b'-', b'=', ..] => (Operator::Remove, 2),
        _ => return Err(malformed(&spot, line.text, Some(&name), Some(&second))),
    };
    if line.text.contains(&0) {
        return Err(malformed(&spot, line.text, Some(&name), None));
    }
    let start = usize::try_from(second.column).unwrap_or(usize::MAX) - 1;
    Ok(Statement {
        name,
        operator,
        words: Words::after(line.text, start + length).collect(),
        text: line.text[start..].trim_ascii_end(),
        spot,
    })
}

/// The problem of a line in a block that is not of the form of an attribute line.
fn malformed(
    spot: &Spot,
    text: &[u8],
    name: Option<&Word<'_>>,
    second: Option<&Word<'_>>,
) -> Problem {
    let error = |code, place, message: String, help: String| {
        Remark::new(Severity::Error, code, message, help).at(place)
    };
    let lost = "what follows up to the next lone } is lost";
    let Some(name) = name else {
        let message = format!("the line has nothing but control characters; {lost}");
        return error(
            "syntax",
            spot.stretch(1, 0),
            message,
            "take the line away".to_owned(),
        );
    };
    let place = spot.word(name);
    if text.contains(&0) {
        let message = format!("the line has a NUL byte in it; {lost}");
        return error(
            "syntax",
            place,
            message,
            "write the file as plain text".to_owned(),
        );
    }
    let bytes = name.bytes;
    let is = |word: &str| bytes.eq_ignore_ascii_case(word.as_bytes());
    if is("service") && second.is_some() || is("defaults") {
        let message = format!(
            "{} stands inside a block that is not closed; {lost}",
            quoted(bytes)
        );
        let help = "write } alone on a line above this one".to_owned();
        return error("missing-bracket", place, message, help);
    }
    if bytes.starts_with(b"}") || second.is_some_and(|_| bytes == b"}") {
        let message = format!(
            "{} does not close the block: the bracket must stand alone",
            quoted(text.trim_ascii())
        );
        let help = "write } alone, and a comment on a line of its own".to_owned();
        return error("syntax", place, message, help);
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == b'=') {
        let before = bytes[..at]
            .strip_suffix(b"+")
            .or(bytes[..at].strip_suffix(b"-"));
        let attribute = before.unwrap_or(&bytes[..at]);
        let operator = &bytes[attribute.len()..=at];
        let start = usize::try_from(name.column).unwrap_or(1);
        let rest = &text[start + at..];
        let message = format!(
            "there must be a blank between {} and the operator; {lost}",
            quoted(attribute)
        );
        let help = format!(
            "write {} {} {}",
            attribute.escape_ascii(),
            operator.escape_ascii(),
            rest.trim_ascii().escape_ascii()
        );
        return error("missing-blank", place, message, help);
    }
    let (place, message) = match second {
        Some(word) => (
            spot.word(word),
            format!("{} is not =, += or -=; {lost}", quoted(word.bytes)),
        ),
        None => (place, format!("nothing follows {}; {lost}", quoted(bytes))),
    };
    error(
        "syntax",
        place,
        message,
        "write attribute = value".to_owned(),
    )
}
