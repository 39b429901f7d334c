//! Files of shell assignments, such as /etc/default/xinetd, read as data: no shell runs.
//!
//! What is understood: `NAME=VALUE`, with `export` before it or not, quotes, backslashes, `$NAME` and `${NAME}`
//! of variables that the file has set before, and comments. Whatever else stands there is [`Unreadable`] at its
//! place.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::unreadable::Unreadable;
use crate::problem::Place;

/// A byte of a value, and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Letter {
    byte: u8,
    line: u32,
    column: u32,
}

/// A word of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// The word itself.
    pub(super) text: Vec<u8>,
    /// Where it stands.
    pub(super) place: Place,
}

/// A variable as the file leaves it.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    /// Where its name stands.
    pub(super) place: Place,
    /// Whether programs that are started get it.
    pub(super) exported: bool,
    value: Vec<Letter>,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Assignments {
    variables: BTreeMap<String, Variable>,
    pub(super) faults: Vec<Unreadable>,
}

impl Assignments {
    /// Reads the text of the file.
    pub(super) fn parse(file: &Arc<Path>, text: &[u8]) -> Self {
        let mut reader = ShellReader {
            file,
            text,
            at: 0,
            line: 1,
            start: 0,
            found: Self::default(),
        };
        while reader.statement() {}
        reader.found
    }

    /// The variable with this name.
    pub(super) fn get(&self, name: &str) -> Option<&Variable> {
        self.variables.get(name)
    }

    /// All variables, by their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        let variables = self.variables.iter();
        variables.map(|(name, variable)| (name.as_str(), variable))
    }
}

impl Variable {
    /// The words of its value, as a shell and systemd split it.
    pub(super) fn words(&self) -> Vec<Word> {
        let split = self.value.split(|letter| letter.byte.is_ascii_whitespace());
        split.filter_map(|letters| self.word(letters)).collect()
    }

    fn word(&self, letters: &[Letter]) -> Option<Word> {
        let (first, last) = (letters.first()?, letters.last()?);
        let length = match first.line == last.line && last.column >= first.column {
            true => last.column - first.column + 1,
            false => 1,
        };
        Some(Word {
            text: letters.iter().map(|letter| letter.byte).collect(),
            place: Place {
                file: Arc::clone(&self.place.file),
                line: first.line,
                column: first.column,
                length,
            },
        })
    }
}

/// Words that begin what depends on conditions: nothing behind them is certain.
const COMPOUND: [&[u8]; 7] = [b"if", b"case", b"for", b"while", b"until", b"{", b"("];

const UNFINISHED: &str = "the quote has no end";
const EXPANSION: &str = "only a shell knows what this becomes";
const COMMAND: &str = "this is no assignment";
const CONDITION: &str = "from here on only a shell knows what holds";
const OTHER_FILE: &str = "a shell would read another file here";

struct ShellReader<'a> {
    file: &'a Arc<Path>,
    text: &'a [u8],
    at: usize,
    line: u32,
    /// Where the line begins.
    start: usize,
    found: Assignments,
}

impl ShellReader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Letter> {
        let byte = self.peek()?;
        let letter = Letter {
            byte,
            line: self.line,
            column: self.place(self.at, 0).column,
        };
        self.at += 1;
        if byte == b'\n' {
            self.line += 1;
            self.start = self.at;
        }
        Some(letter)
    }

    /// A place in the line that is being read.
    fn place(&self, from: usize, length: usize) -> Place {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place {
            file: Arc::clone(self.file),
            line: self.line,
            column: number(from.saturating_sub(self.start) + 1),
            length: number(length),
        }
    }

    /// Skips blanks and joined lines.
    fn blanks(&mut self) {
        loop {
            match (self.peek(), self.text.get(self.at + 1)) {
                (Some(b' ' | b'\t' | b'\r'), _) => self.next(),
                (Some(b'\\'), Some(b'\n')) => {
                    self.next();
                    self.next()
                }
                _ => return,
            };
        }
    }

    fn rest_of_line(&mut self) {
        while self.next().is_some_and(|letter| letter.byte != b'\n') {}
    }

    /// Skips the line, and those on which its command goes on.
    fn rest_of_command(&mut self) {
        loop {
            let begin = self.at;
            self.rest_of_line();
            let line = self.text[begin..self.at].trim_ascii_end();
            let goes_on = [&b"\\"[..], b"&&", b"||", b"|"];
            if self.peek().is_none() || !goes_on.iter().any(|end| line.ends_with(end)) {
                return;
            }
        }
    }

    /// The length of a name here; 0 if there is none.
    fn name(&self) -> usize {
        let rest = &self.text[self.at..];
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        match rest.first() {
            Some(first) if !first.is_ascii_digit() => rest.iter().take_while(is_part).count(),
            _ => 0,
        }
    }

    /// Reads a statement, or the space between two; false at the end.
    fn statement(&mut self) -> bool {
        self.blanks();
        match self.peek() {
            None => return false,
            Some(b'\n' | b';') => {
                self.next();
                return true;
            }
            Some(b'#') => {
                self.rest_of_line();
                return true;
            }
            Some(_) => {}
        }
        let begin = self.at;
        let word = self.text[begin..].iter();
        let length = word.take_while(|byte| !b" \t\r\n;".contains(byte)).count();
        let word = &self.text[begin..begin + length];
        if COMPOUND.contains(&word) || word.ends_with(b"()") {
            self.fault(
                self.place(begin, length),
                None,
                CONDITION,
                begin..self.text.len(),
            );
            return false;
        }
        let exported = word == b"export";
        if exported {
            self.at += length;
            self.blanks();
        }
        self.assignments(begin, length, exported);
        true
    }

    /// Reads what stands on a line, which begins with a word of this length.
    fn assignments(&mut self, begin: usize, length: usize, exported: bool) {
        let whole = self.place(begin, length);
        let mut new = Vec::new();
        loop {
            let (place, name) = (self.place(self.at, self.name()), self.name());
            let text = String::from_utf8_lossy(&self.text[self.at..self.at + name]).into_owned();
            let equals = self.text.get(self.at + name) == Some(&b'=');
            if name == 0 || !equals && !exported {
                let what = match &self.text[begin..begin + length] {
                    b"." | b"source" => OTHER_FILE,
                    _ => COMMAND,
                };
                self.rest_of_command();
                return self.fault(whole, None, what, begin..self.at);
            }
            self.at += name;
            if equals {
                self.at += 1;
                let Some(value) = self.value(&text) else {
                    return;
                };
                new.push((text, place, value));
            } else if let Some(variable) = self.found.variables.get_mut(&text) {
                variable.exported = true;
            }
            self.blanks();
            if matches!(self.peek(), None | Some(b'\n' | b';' | b'#')) {
                break;
            }
        }
        for (name, place, value) in new {
            let before = self.found.variables.get(&name);
            let exported = exported || before.is_some_and(|before| before.exported);
            let variable = Variable {
                place,
                exported,
                value,
            };
            self.found.variables.insert(name, variable);
        }
    }

    /// Reads the value of a variable; none if only a shell could, which is said.
    fn value(&mut self, variable: &str) -> Option<Vec<Letter>> {
        let mut value = Vec::new();
        let mut quote: Option<u8> = None;
        let mut opened = self.place(self.at, 1);
        loop {
            let here = self.place(self.at, 1);
            match (quote, self.peek()) {
                (None, None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';')) => return Some(value),
                (Some(_), None) => {
                    self.fault(opened, Some(variable), UNFINISHED, self.at..self.at);
                    return None;
                }
                (None, Some(mark @ (b'"' | b'\''))) => {
                    self.next();
                    (quote, opened) = (Some(mark), here);
                }
                (Some(mark), Some(byte)) if byte == mark => {
                    self.next();
                    quote = None;
                }
                (Some(b'\''), Some(_)) => {
                    value.extend(self.next());
                    continue;
                }
                (_, Some(b'\\')) => {
                    let backslash = self.next();
                    let is_kept = quote.is_some()
                        && !matches!(self.peek(), Some(b'$' | b'`' | b'"' | b'\\' | b'\n'));
                    value.extend(backslash.filter(|_| is_kept));
                    value.extend(self.next().filter(|letter| letter.byte != b'\n'));
                    continue;
                }
                (_, Some(b'$')) if self.expand(&mut value) => continue,
                (_, Some(b'$' | b'`')) | (None, Some(b'|' | b'&' | b'<' | b'>' | b'(' | b')')) => {
                    let begin = self.at;
                    self.rest_of_command();
                    self.fault(here, Some(variable), EXPANSION, begin..self.at);
                    return None;
                }
                (_, Some(_)) => {
                    value.extend(self.next());
                    continue;
                }
            }
        }
    }

    /// Puts the value of a variable in the place of `$NAME` or `${NAME}`; false if it is something else.
    fn expand(&mut self, value: &mut Vec<Letter>) -> bool {
        let dollar = self.at;
        let braced = self.text.get(dollar + 1) == Some(&b'{');
        self.at += 1 + usize::from(braced);
        let (begin, length) = (self.at, self.name());
        let end = begin + length;
        if length == 0 || braced && self.text.get(end) != Some(&b'}') {
            self.at = dollar;
            return false;
        }
        let name = String::from_utf8_lossy(&self.text[begin..end]);
        let column = self.place(dollar, 0).column;
        let known = self.found.variables.get(&*name);
        // A shell takes one that is not set for empty.
        let letters = known.map_or(&[][..], |variable| &variable.value);
        value.extend(letters.iter().map(|letter| Letter {
            byte: letter.byte,
            line: self.line,
            column,
        }));
        self.at = end + usize::from(braced);
        true
    }

    fn fault(
        &mut self,
        place: Place,
        variable: Option<&str>,
        what: &'static str,
        passed_over: Range<usize>,
    ) {
        let passed_over = self.text[passed_over].to_vec();
        let variable = variable.map(str::to_owned);
        // What it was before does not hold.
        if let Some(name) = &variable {
            self.found.variables.remove(name);
        }
        self.found.faults.push(Unreadable {
            place,
            variable,
            what,
            passed_over,
        });
    }
}
