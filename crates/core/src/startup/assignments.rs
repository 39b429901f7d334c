//! Files of shell assignments, such as /etc/default/xinetd, read as data: no shell runs.
//!
//! What is understood: `NAME=VALUE`, with `export` before it or not, quotes, backslashes, `$NAME` and `${NAME}`
//! of variables that the file has set before, and comments. Whatever else stands there is [`Unreadable`] at its
//! place.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

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

/// Something that can't be read without a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Where it stands.
    pub(super) place: Place,
    /// The variable whose value is unknown by it.
    pub(super) variable: Option<String>,
    /// What it is, in words.
    pub(super) what: &'static str,
    /// The text that is passed over for it.
    pub(super) passed_over: Vec<u8>,
}

impl Unreadable {
    /// Whether a shell may set the variable there.
    pub(super) fn may_set(&self, variable: &str) -> bool {
        self.variable.as_deref() == Some(variable) || may_set(&self.passed_over, variable)
    }

    /// The file that a shell would read there (`.`, dot in sh(1)).
    pub(super) fn sourced(&self) -> Option<&Path> {
        let mut words = self.passed_over.split(u8::is_ascii_whitespace);
        let is_dot = matches!(words.next(), Some(b"." | b"source"));
        let path = words.find(|word| !word.is_empty()).filter(|_| is_dot)?;
        let path = path.strip_suffix(b";").unwrap_or(path);
        Some(Path::new(OsStr::from_bytes(path)))
    }
}

/// Whether a shell that runs the text may set the variable: comments aside, there is an assignment to it.
pub(super) fn may_set(text: &[u8], variable: &str) -> bool {
    let lines = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_start);
    lines.filter(|line| !line.starts_with(b"#")).any(|line| {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let mut starts = 0..line.len();
        starts.any(|start| {
            let before = start.checked_sub(1).and_then(|at| line.get(at));
            let rest = line[start..].strip_prefix(variable.as_bytes());
            let is_assigned =
                rest.is_some_and(|rest| rest.starts_with(b"=") || rest.starts_with(b"+="));
            is_assigned && !before.is_some_and(is_part)
        })
    })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Assignments {
        Assignments::parse(&Path::new("/etc/default/xinetd").into(), text.as_bytes())
    }

    /// The words of a variable with their lines and columns.
    fn words(text: &str, name: &str) -> Vec<String> {
        let all = parse(text);
        assert_eq!(all.faults, [], "{text}");
        let words = all.get(name).map(Variable::words).unwrap_or_default();
        let shown = words.iter().map(|word| {
            let (text, place) = (String::from_utf8_lossy(&word.text), &word.place);
            format!("{text}@{}:{}+{}", place.line, place.column, place.length)
        });
        shown.collect()
    }

    #[test]
    fn values_are_read_as_a_shell_reads_them() {
        let own = "# a comment\nINETD_COMPAT=Yes # why\nXINETD_OPTS=\"-stayalive  -f /x\"\n";
        assert_eq!(words(own, "INETD_COMPAT"), ["Yes@2:14+3"]);
        assert_eq!(
            words(own, "XINETD_OPTS"),
            ["-stayalive@3:14+10", "-f@3:26+2", "/x@3:29+2"]
        );
        assert_eq!(
            words("A='a$b'\\ c\"\\\"\\d\"", "A"),
            ["a$b@1:4+3", "c\"\\d@1:10+6"]
        );
        assert_eq!(
            words("A=1\nA=\"$A ${A}x\" B=2", "A"),
            ["1@2:4+1", "1x@2:7+5"]
        );
        assert_eq!(words("A=$NOTHING\n", "A"), [""; 0]);
        assert_eq!(words("export A=\"x\\\ny\"; B=z", "A"), ["xy@1:11+1"]);
    }

    #[test]
    fn exported_variables_are_known() {
        let all = parse("A=1\nexport A B=2\nC=3");
        let exported: Vec<_> = all.iter().map(|(_, variable)| variable.exported).collect();
        assert_eq!(exported, [true, true, false]);
    }

    #[test]
    fn what_takes_a_shell_has_a_place() {
        for (text, place, variable) in [
            ("A=`x` \nB=1", "1:3", Some("A")),
            ("\n A=\"$(x)\"\nB=1", "2:5", Some("A")),
            ("A=${A:-x}\nB=1", "1:3", Some("A")),
            ("B=1\nA=\"x\n", "2:3", Some("A")),
            ("B=1\nA=x|y", "2:4", Some("A")),
            (". /etc/other\nB=1", "1:1", None),
            ("A=1 command\nB=1", "1:1", None),
            ("B=1\nif test -x /x; then\nB=2\nfi", "2:1", None),
            ("B=1\nf() {", "2:1", None),
        ] {
            let all = parse(text);
            let [fault] = all.faults.as_slice() else {
                panic!("{text}: {:?}", all.faults);
            };
            assert_eq!(
                format!("{}:{}", fault.place.line, fault.place.column),
                place,
                "{text}"
            );
            assert_eq!(fault.variable.as_deref(), variable, "{text}");
            assert_eq!(all.get("B").unwrap().words()[0].text, b"1", "{text}");
            assert!(all.get("A").is_none(), "{text}");
        }
    }

    #[test]
    fn what_a_shell_may_set_in_what_is_passed_over_is_known() {
        for (text, sets) in [
            ("if [ -x /x ]; then\n\tA=\"-f /x\"\nfi\n", true),
            ("[ -x /x ] && A=1\n", true),
            ("[ -x /x ] &&\n  A=1\n", true),
            ("test -x /x || \\\nA=1\n", true),
            ("A+=1\n", true),
            ("if [ -x /x ]; then\n# A=1\nBA=1\nA1=2\nfi\n", false),
            ("ulimit -n 5\n", false),
        ] {
            let all = parse(text);
            let [fault] = all.faults.as_slice() else {
                panic!("{text}: {:?}", all.faults);
            };
            assert_eq!(fault.may_set("A"), sets, "{text}");
            assert!(all.get("A").is_none(), "{text}");
        }
        let sourced = parse(". /etc/other; B=1\n");
        assert_eq!(sourced.faults[0].sourced(), Some(Path::new("/etc/other")));
    }

    proptest! {
        /// Whatever stands there, it is read to its end.
        #[test]
        fn rubbish_ends(text in "[A-B=$ {}'\"`\\\\;#\n(x]{0,60}") {
            for (_, variable) in parse(&text).iter() {
                variable.words();
            }
        }
    }
}
