//! A service or `defaults` section as written: its attribute lines, merged in their order by the
//! rules of docs/xinetd-behaviour.md, section 1.3.

use std::rc::Rc;

use super::databases::Databases;
use super::lexer::Word;
use super::report::{counted, quoted};
use super::statement::Statement;
use super::table::{Class, Inheritance, Sections, TABLE};
use super::values::{Given, Operator, Values};
use crate::bytes::ByteString;
use crate::nearest::nearest;
use crate::problem::Remark;
use crate::problem::{Place, Problem, Severity};
use crate::service::Attribute;
use crate::service::WrittenAttribute;

/// Which kind of section a line stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// `service`
    Service,
    /// `defaults`
    Defaults,
}

/// What is needed to read a line, and where what is wrong with it goes.
pub(super) struct Context<'a> {
    /// The databases of the machine.
    pub(super) databases: &'a Databases,
    /// The problems so far.
    pub(super) problems: &'a mut Vec<Problem>,
}

/// The attributes of a section.
#[derive(Debug)]
pub(super) struct Section {
    scope: Scope,
    /// What they say.
    pub(super) values: Values,
    /// The lines that say it, for each attribute; those from `defaults` come first, and are
    /// shared until the service adds its own.
    lines: Vec<Rc<Vec<WrittenAttribute>>>,
    /// The values that could not be read.
    pub(super) faults: Vec<Fault>,
}

/// A value that could not be read.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// The attribute.
    pub(super) attribute: Attribute,
    /// Where the value stands.
    pub(super) place: Place,
    /// It stands in `defaults`, and the service has copied it.
    pub(super) inherited: bool,
}

/// The attributes that a service has from `defaults` as they are when its block begins, or not at all.
pub(super) fn copied_alone() -> impl Iterator<Item = Attribute> {
    let rows = TABLE
        .iter()
        .filter(|row| row.sections == Sections::Both(Inheritance::Copied));
    rows.map(|row| row.attribute)
}

impl Section {
    /// An empty `defaults` section.
    pub(super) fn defaults() -> Self {
        Self {
            scope: Scope::Defaults,
            values: Values::default(),
            lines: vec![Rc::default(); TABLE.len()],
            faults: Vec::new(),
        }
    }

    /// A service whose block begins after these defaults (docs/xinetd-behaviour.md, section 1.5).
    pub(super) fn service(defaults: &Self) -> Self {
        let mut lines: Vec<Rc<Vec<WrittenAttribute>>> = vec![Rc::default(); TABLE.len()];
        for row in TABLE.iter().filter(|row| row.sections.are_copied()) {
            let index = row.attribute as usize;
            lines[index].clone_from(&defaults.lines[index]);
        }
        let copied = defaults.faults.iter().filter(|fault| {
            let row = fault.attribute.row();
            row.restricts && row.sections.are_copied()
        });
        Self {
            scope: Scope::Service,
            values: Values {
                copied: defaults.values.copied.clone(),
                ..Values::default()
            },
            lines,
            faults: copied
                .map(|fault| Fault {
                    inherited: true,
                    ..fault.clone()
                })
                .collect(),
        }
    }

    /// The lines that say something about an attribute.
    pub(super) fn lines(&self, attribute: Attribute) -> &[WrittenAttribute] {
        &self.lines[attribute as usize]
    }

    /// Whether the section itself says anything about an attribute.
    pub(super) fn says(&self, attribute: Attribute) -> bool {
        let last = self.lines(attribute).last();
        last.is_some_and(|line| line.from_defaults == (self.scope == Scope::Defaults))
    }

    /// Where an attribute is last written.
    pub(super) fn place(&self, attribute: Attribute) -> Option<&Place> {
        self.lines(attribute).last().map(|line| &line.place)
    }

    /// The lines of all attributes, in no order.
    pub(super) fn into_lines(self) -> impl Iterator<Item = WrittenAttribute> {
        self.lines.into_iter().flat_map(Rc::unwrap_or_clone)
    }

    /// Takes up one line.
    pub(super) fn assign(&mut self, statement: &Statement<'_>, context: &mut Context<'_>) {
        let mut complain = |severity, code, word: &Word<'_>, message: String, help: String| {
            let remark = Remark::new(severity, code, message, help);
            context.problems.push(remark.at(statement.spot.word(word)));
        };
        let name = &statement.name;
        let known = Attribute::find(name.bytes).filter(|known| *known != Attribute::Mdns);
        let Some(attribute) = known else {
            let (message, help) = unknown(name.bytes);
            complain(Severity::Warning, "unknown-attribute", name, message, help);
            return;
        };
        let row = attribute.row();
        match (row.sections, self.scope) {
            (Sections::Service, Scope::Defaults) => {
                let message = format!("{} has no effect in defaults", row.names[0]);
                let help = "write it in each service".to_owned();
                complain(Severity::Warning, "not-in-defaults", name, message, help);
                return;
            }
            (Sections::Defaults, Scope::Service) => {
                let message = format!("{} has no effect in a service", row.names[0]);
                let help = match attribute {
                    Attribute::Disabled => "write disable = yes, or put it in defaults".to_owned(),
                    _ => "put it in defaults".to_owned(),
                };
                complain(Severity::Warning, "not-in-service", name, message, help);
                return;
            }
            _ => {}
        }
        let words = &statement.words[..];
        match row.class {
            Class::Fixed(wanted) if words.len() != wanted => {
                let (code, word, message, help) = wrong_count(row.names[0], wanted, words);
                let word = word.unwrap_or(name);
                complain(Severity::Warning, code, word, message, help);
                return;
            }
            Class::Modifiable => {}
            Class::Fixed(_) | Class::List if statement.operator != Operator::Set => {
                let message = format!("{} takes `=` alone, so the line is ignored", row.names[0]);
                let help = format!("write all values in one line: {} = …", row.names[0]);
                complain(Severity::Warning, "operator", name, message, help);
                return;
            }
            Class::Fixed(_) | Class::List => {
                if let (true, Some(first)) = (self.says(attribute), self.place(attribute)) {
                    let message = format!(
                        "{} is already set in line {}, and the first one counts",
                        row.names[0], first.line
                    );
                    let help = "leave one of the lines out".to_owned();
                    // A second log_type in defaults makes xinetd exit.
                    let severity = match (row.class, self.scope) {
                        (Class::List, Scope::Defaults) => Severity::Error,
                        _ => Severity::Warning,
                    };
                    complain(severity, "already-set", name, message, help);
                    return;
                }
                if words.is_empty() {
                    let message = format!("{} has no value", row.names[0]);
                    let help = "write one, or leave the line out".to_owned();
                    complain(Severity::Error, "value-count", name, message, help);
                    self.faulty(attribute, statement.spot.word(name));
                    return;
                }
            }
        }
        self.parse(attribute, statement, context);
    }

    /// Reads the values of a line that has as many as it needs.
    pub(super) fn parse(
        &mut self,
        attribute: Attribute,
        statement: &Statement<'_>,
        context: &mut Context<'_>,
    ) {
        let row = attribute.row();
        let operator = match (row.class, self.scope, statement.operator) {
            (Class::Modifiable, Scope::Defaults, Operator::Set) => Operator::Add,
            (_, _, operator) => operator,
        };
        let mut given = Given {
            operator,
            words: &statement.words,
            spot: &statement.spot,
            name: row.names[0],
            databases: context.databases,
            problems: context.problems,
        };
        if let Err(fault) = (row.parse)(&mut self.values, &mut given) {
            self.faulty(attribute, fault.place.clone());
            context.problems.push(explained(fault, statement));
            return;
        }
        let replaces = operator == Operator::Set;
        let lines = &mut self.lines[attribute as usize];
        if replaces {
            *lines = Rc::default();
            self.faults
                .retain(|fault| !(fault.inherited && fault.attribute == attribute));
        }
        Rc::make_mut(lines).push(WrittenAttribute {
            attribute,
            place: statement.spot.word(&statement.name),
            from_defaults: self.scope == Scope::Defaults,
            text: ByteString::from(statement.text),
        });
        if attribute == Attribute::Disable && self.values.disable == Some(false) {
            // xinetd marks a service with a bad value as disabled, and this clears the mark. So it
            // does here, unless the service would then run without a restriction.
            self.forgive();
        }
    }

    /// Lets no service have what this says of restrictions: it could not be read to its end.
    pub(super) fn distrust(&mut self, place: &Place) {
        for row in TABLE {
            if row.restricts && matches!(row.sections, Sections::Both(_)) {
                self.faulty(row.attribute, place.clone());
            }
        }
    }

    fn faulty(&mut self, attribute: Attribute, place: Place) {
        self.faults.push(Fault {
            attribute,
            place,
            inherited: false,
        });
    }

    /// Lets the service run without the values that could not be read, unless one of them
    /// restricts it.
    pub(super) fn forgive(&mut self) {
        self.faults.retain(|fault| fault.attribute.row().restricts);
    }

    /// Takes over what `defaults` says about an attribute of which the section says nothing; tells
    /// whether it is so.
    pub(super) fn inherit(&mut self, defaults: &Self, attribute: Attribute) -> bool {
        let inherits = self.lines(attribute).is_empty();
        if inherits {
            self.lines[attribute as usize].clone_from(&defaults.lines[attribute as usize]);
        }
        inherits
    }
}

/// A fault in words that name the cause where it is one of the two that hide best.
fn explained(fault: Problem, statement: &Statement<'_>) -> Problem {
    let faulty = |word: &&Word<'_>| word.column <= fault.place.column;
    let comment = statement
        .words
        .iter()
        .find(|word| word.bytes.starts_with(b"#"));
    // The lists of addresses say it themselves.
    let is_said = fault.code == "trailing-comment";
    if !is_said && comment.filter(faulty).is_some() {
        return Problem {
            code: "trailing-comment",
            message: format!("{}: there are no comments behind values", fault.message),
            help: "put the comment on a line of its own".to_owned(),
            ..fault
        };
    }
    match statement.words.last() {
        Some(word) if word.bytes.ends_with(b"\r") && word.column == fault.place.column => Problem {
            code: "crlf",
            message: format!(
                "{}: the line ends in CR LF, and CR is part of it",
                fault.message
            ),
            help: "convert the line ends of the file: sed -i 's/\\r$//'".to_owned(),
            ..fault
        },
        _ => fault,
    }
}

/// What to say about a word that is no attribute.
fn unknown(name: &[u8]) -> (String, String) {
    let hints: [(&str, &str); 2] = [
        ("rlimit_nofile", "write rlimit_files"),
        (
            "mdns",
            "leave it out: xinetd 2.3.15.3 does not know it either",
        ),
    ];
    let mut hints = hints.iter();
    let hint = hints.find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    let names = TABLE.iter().flat_map(|row| row.names.iter().copied());
    let known = nearest(name, names);
    let help = match (hint, known) {
        (Some((_, help)), _) => (*help).to_owned(),
        (None, Some(known)) => format!("did you mean {known}?"),
        (None, None) => "leave it out, or see xinetd.conf(5) for the attributes".to_owned(),
    };
    let known = known.and_then(|known| Attribute::find(known.as_bytes()));
    let consequence = match known.is_some_and(|known| known.row().restricts) {
        true => ", and nothing is restricted by it",
        false => "",
    };
    let message = format!(
        "{} is not an attribute, so the line is ignored{consequence}",
        quoted(name)
    );
    (message, help)
}

/// What to say about a line with another number of values than the attribute has.
fn wrong_count<'a>(
    name: &str,
    wanted: usize,
    words: &'a [Word<'a>],
) -> (&'static str, Option<&'a Word<'a>>, String, String) {
    let counts = format!(
        "{name} has {} and takes {wanted}, so the line is ignored",
        counted(words.len(), "value")
    );
    let comment = words.iter().position(|word| word.bytes.starts_with(b"#"));
    if let Some(comment) = comment {
        let values: Vec<_> = words[..comment]
            .iter()
            .map(|word| String::from_utf8_lossy(word.bytes))
            .collect();
        let message = format!(
            "{counts} and has never applied: there are no comments behind values, and {} and what follows are values",
            quoted(words[comment].bytes)
        );
        let help = format!(
            "put the comment on a line of its own and write {name} = {}",
            values.join(" ")
        );
        return ("trailing-comment", words.get(comment), message, help);
    }
    let help = match wanted {
        1 => format!("write {name} = and one value"),
        _ => format!("write {name} = and {wanted} values"),
    };
    (
        "value-count",
        words.get(wanted).or(words.first()),
        counts,
        help,
    )
}

#[cfg(test)]
mod tests;
