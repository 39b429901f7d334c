//! Attributes whose values are words of a fixed set, which are compared without case.

use super::super::lexer::Word;
use super::super::report::quoted;
use super::{Given, Operator, Parsed};
use crate::nearest::nearest;
use crate::problem::{Problem, Severity};

/// Words of an attribute, each with its meaning.
pub(crate) type Words<T> = &'static [(&'static str, T)];

/// The meaning of the first value.
pub(crate) fn one_of<T: Copy>(given: &Given<'_>, words: Words<T>) -> Parsed<T> {
    let word = given.word(0);
    meaning(word.bytes, words).ok_or_else(|| unknown(given, &word, words))
}

/// `yes` or `no`.
pub(crate) fn yes_or_no(given: &Given<'_>) -> Parsed<bool> {
    one_of(given, &[("yes", true), ("no", false)])
}

/// The bits of all values together.
pub(crate) fn bits(given: &mut Given<'_>, words: Words<u32>) -> Parsed<u32> {
    let mut bits = 0;
    for word in given.words {
        let bit = meaning(word.bytes, words).ok_or_else(|| unknown(given, word, words))?;
        if bits & bit != 0 {
            given.remark(
                word,
                Severity::Note,
                "repeated-word",
                format!("{} is said twice", quoted(word.bytes)),
                "leave one of them out",
            );
        }
        bits |= bit;
    }
    Ok(bits)
}

/// The bits after this line, given those before it.
pub(crate) fn modified(
    given: &mut Given<'_>,
    before: Option<u32>,
    words: Words<u32>,
) -> Parsed<u32> {
    let bits = bits(given, words)?;
    let before = before.unwrap_or(0);
    Ok(match given.operator {
        Operator::Set => bits,
        Operator::Add => before | bits,
        Operator::Remove => before & !bits,
    })
}

/// The meaning of a word.
pub(crate) fn meaning<T: Copy>(word: &[u8], words: Words<T>) -> Option<T> {
    let mut known = words.iter();
    let found = known.find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    found.map(|(_, meaning)| *meaning)
}

/// The problem of a word that is none of these.
pub(crate) fn unknown<T>(given: &Given<'_>, word: &Word<'_>, words: Words<T>) -> Problem {
    let names = || words.iter().map(|(name, _)| *name);
    let message = format!("{} is not a value of {}", quoted(word.bytes), given.name);
    let help = match nearest(word.bytes, names()) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("the values are {}", names().collect::<Vec<_>>().join(", ")),
    };
    given.fault(word, message, help)
}
