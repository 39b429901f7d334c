//! The options that xinetd would be started with.

use std::path::{Path, PathBuf};

use super::assignments::Word;
use super::table::{Argument, Effect, OptionRow, TABLE};
use crate::bytes::ByteString;
use crate::problem::{Place, Problem, Severity};

/// What the words of a command line come to.
#[derive(Debug, Default)]
pub(super) struct CommandLine {
    /// The file that the configuration begins with, where one is named.
    pub(super) main: Option<PathBuf>,
    /// Where /etc/inetd.conf is asked for.
    pub(super) inetd: Option<Place>,
    /// What is wrong with the words, and what is not done here.
    pub(super) problems: Vec<Problem>,
}

impl CommandLine {
    /// Reads the words; what comes later is stronger, as in xinetd.
    pub(super) fn parse(words: &[Word]) -> Self {
        let mut this = Self::default();
        let mut words = words.iter();
        let mut logs: Option<&Word> = None;
        while let Some(word) = words.next() {
            let Some(row) = TABLE.iter().find(|row| row.name.as_bytes() == word.text) else {
                this.unknown(word);
                continue;
            };
            let argument = match row.argument {
                None => None,
                Some(kind) => match words.next() {
                    Some(argument) if fits(kind, argument) => Some(argument),
                    other => {
                        this.unfit(row, kind, word, other);
                        continue;
                    }
                },
            };
            if matches!(row.name, "-filelog" | "-syslog") {
                if logs.is_some_and(|other| other.text != word.text) {
                    this.usage(word, "-filelog and -syslog exclude each other");
                }
                logs = Some(word);
            }
            this.take(row, word, argument);
        }
        this
    }

    fn take(&mut self, row: &OptionRow, word: &Word, argument: Option<&Word>) {
        match (row.effect, argument) {
            (Effect::Main, Some(file)) => {
                if file.text.first() != Some(&b'/') {
                    self.add(
                        Severity::Warning,
                        file,
                        format!("{} is looked for below /", shown(file)),
                        "write the absolute path",
                    );
                }
                let name = ByteString::from(file.text.as_slice());
                self.main = Some(Path::new("/").join(name.as_path()));
            }
            (Effect::Inetd, _) => self.inetd = Some(word.place.clone()),
            (
                Effect::Missing {
                    consequence,
                    instead,
                },
                _,
            ) => {
                let message = format!("{} has no effect: {consequence}", shown(word));
                self.add(Severity::Warning, word, message, instead);
            }
            (Effect::Moot(_) | Effect::Main, _) => {}
        }
    }

    fn unknown(&mut self, word: &Word) {
        if word.text.starts_with(b"-") {
            let message = format!("xinetd has no option {}, and passes it over", shown(word));
            self.add(Severity::Warning, word, message, "remove it");
        } else {
            self.usage(word, "this is no option");
        }
    }

    fn unfit(&mut self, row: &OptionRow, kind: Argument, word: &Word, argument: Option<&Word>) {
        let wanted = kind.word();
        let (place, message) = match argument {
            None => (word, format!("{} has no {wanted} behind it", row.name)),
            Some(argument) => (argument, format!("{} is no {wanted}", shown(argument))),
        };
        // Which files are served depends on it.
        if row.effect == Effect::Main {
            let help = format!(
                "write {} {wanted}; until then it is /etc/xinetd.conf",
                row.name
            );
            return self.add(Severity::Error, place, message, &help);
        }
        self.usage(place, &message);
    }

    /// Something that xinetd answers with its usage text.
    fn usage(&mut self, word: &Word, message: &str) {
        let message = format!("{message}: xinetd does not start with it, and here it is left out");
        self.add(Severity::Warning, word, message, "remove or correct it");
    }

    fn add(&mut self, severity: Severity, word: &Word, message: String, help: &str) {
        self.problems.push(Problem {
            severity,
            code: "xinetd-option",
            place: word.place.clone(),
            message,
            help: help.to_owned(),
        });
    }
}

fn shown(word: &Word) -> String {
    format!("`{}`", String::from_utf8_lossy(&word.text))
}

fn fits(kind: Argument, word: &Word) -> bool {
    match kind {
        // xinetd takes a facility that it does not know for daemon.
        Argument::File | Argument::Facility => !word.text.is_empty(),
        Argument::Number => {
            let digits = word.text.iter().all(u8::is_ascii_digit);
            digits && !word.text.is_empty()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assignments::Assignments;
    use super::*;

    fn parse(options: &str) -> CommandLine {
        let text = format!("A=\"{options}\"");
        let all = Assignments::parse(&Path::new("/f").into(), text.as_bytes());
        CommandLine::parse(&all.get("A").unwrap().words())
    }

    #[test]
    fn what_is_done_here_is_not_complained_of() {
        let line = parse("-stayalive -f /etc/a -cc 60 -inetd_compat -f /etc/b -dontfork -reuse");
        assert_eq!(line.problems, []);
        assert_eq!(line.main.as_deref(), Some(Path::new("/etc/b")));
        assert_eq!(line.inetd.unwrap().column, 32);
    }

    #[test]
    fn what_is_not_done_is_named_at_its_place() {
        for (options, severity, column, part) in [
            (
                "-limit 20",
                Severity::Warning,
                4,
                "no limit is common to all",
            ),
            (
                "-limit many",
                Severity::Warning,
                11,
                "`many` is no NUMBER: xinetd does not start",
            ),
            ("-limit", Severity::Warning, 4, "-limit has no NUMBER"),
            (
                "-filelog /a",
                Severity::Warning,
                4,
                "nothing is written to that file",
            ),
            ("-syslog local7", Severity::Warning, 4, "facility daemon"),
            (
                "-bind 1",
                Severity::Warning,
                4,
                "xinetd has no option `-bind`",
            ),
            ("-f", Severity::Error, 4, "-f has no FILE"),
            ("-f etc/x", Severity::Warning, 7, "looked for below /"),
            ("x", Severity::Warning, 4, "this is no option"),
        ] {
            let problems = parse(options).problems;
            let found = &problems[0];
            assert_eq!(
                (found.severity, found.place.column),
                (severity, column),
                "{options}"
            );
            assert!(found.message.contains(part), "{}", found.message);
        }
        let both = parse("-filelog /a -syslog mail").problems;
        assert!(
            both.iter()
                .any(|one| one.message.contains("exclude each other")),
            "{both:?}"
        );
    }
}
