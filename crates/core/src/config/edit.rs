//! Changes to a file that keep all else in it byte for byte.

use std::path::Path;
use std::sync::Arc;

use super::lexer::{Line, Lines};
use super::report::Spot;
use super::statement::{self, Statement};
use super::values::Operator;
use crate::service::Attribute;

/// The text with `disable` changed in the service whose `service` keyword stands in `line`, from 1.
///
/// The line that xinetd takes is changed: the first with one value, be that understood or not. Where
/// there is none and one is needed, it is put behind the opening bracket and written like the line
/// below it.
///
/// # Errors
/// If there is no such service, or its block can't be read.
pub fn set_disable(text: &[u8], line: u32, disabled: bool) -> Result<Vec<u8>, Unfit> {
    let mut lines = Lines::new(text);
    let service = lines.find(|found| found.number == line);
    let keyword = service.and_then(|service| service.words().next());
    if keyword.is_none_or(|word| !word.bytes.eq_ignore_ascii_case(b"service")) {
        return Err(Unfit::NoService);
    }
    let opening = lines.next().filter(|line| line.is_only(b'{'));
    let opening = opening.ok_or(Unfit::Block)?;
    let block = Block::read(&mut lines).ok_or(Unfit::Block)?;
    let value = if disabled { "yes" } else { "no" };
    let Some((start, word)) = block.disable else {
        return Ok(match disabled {
            true => insert(text, &opening, &block.model),
            false => text.to_vec(),
        });
    };
    if word.eq_ignore_ascii_case(value.as_bytes()) {
        return Ok(text.to_vec());
    }
    let end = start + word.len();
    Ok([&text[..start], value.as_bytes(), &text[end..]].concat())
}

/// Why a service can't be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// No `service` stands in the line: it may be one of an inetd.conf.
    NoService,
    /// What follows is no block, or one that xinetd can't read to its end.
    Block,
}

/// What matters of a block.
struct Block<'a> {
    /// Where the value of `disable` begins, and the value.
    disable: Option<(usize, &'a [u8])>,
    /// How its first line is written.
    model: Model,
}

/// How a line is written.
#[derive(Clone, Debug, Default)]
struct Model {
    indent: Vec<u8>,
    /// The column of the operator, from 0, tabs counted as they show.
    operator: usize,
    /// Whether tabs stand before the operator.
    tabs: bool,
    /// What stands between the operator and the first value.
    after: Vec<u8>,
}

impl<'a> Block<'a> {
    fn read(lines: &mut Lines<'a>) -> Option<Self> {
        let mut disable = None;
        let mut model = None;
        for line in lines {
            if line.overlong {
                return None;
            }
            if line.is_only(b'}') {
                let model = model.unwrap_or_else(Model::usual);
                return Some(Self { disable, model });
            }
            let spot = Spot {
                file: Arc::from(Path::new("")),
                line: line.number,
            };
            let statement = statement::read(spot, &line).ok()?;
            if let ([word], Operator::Set) = (&statement.words[..], statement.operator)
                && Attribute::find(statement.name.bytes) == Some(Attribute::Disable)
            {
                let start = line.start + offset(word.column);
                // A CR is part of the value for xinetd, but not of what is meant.
                let value = word.bytes.strip_suffix(b"\r").unwrap_or(word.bytes);
                disable.get_or_insert((start, value));
            }
            model.get_or_insert_with(|| Model::of(&line, &statement));
        }
        None
    }
}

impl Model {
    /// Where there is no line to follow.
    fn usual() -> Self {
        Self {
            indent: b"\t".to_vec(),
            operator: 0,
            tabs: false,
            after: b" ".to_vec(),
        }
    }

    fn of(line: &Line<'_>, statement: &Statement<'_>) -> Self {
        let name = offset(statement.name.column);
        let name_end = name + statement.name.bytes.len();
        let rest = &line.text[name_end..];
        let gap = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
        let operator = name_end + gap.unwrap_or(0);
        let length = match statement.operator {
            Operator::Set => 1,
            Operator::Add | Operator::Remove => 2,
        };
        let behind = &line.text[operator + length..];
        let blanks = behind
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'));
        Self {
            indent: line.text[..name].to_vec(),
            operator: width(&line.text[..operator]),
            tabs: line.text[name_end..operator].contains(&b'\t'),
            after: match statement.words.is_empty() {
                true => b" ".to_vec(),
                false => blanks.copied().collect(),
            },
        }
    }

    /// `disable = yes`, written so.
    fn write(&self) -> Vec<u8> {
        let mut line = self.indent.clone();
        line.extend(b"disable");
        // A blank must stand before the operator.
        line.push(if self.tabs { b'\t' } else { b' ' });
        while width(&line) < self.operator {
            line.push(if self.tabs { b'\t' } else { b' ' });
        }
        line.push(b'=');
        line.extend(&self.after);
        line.extend(b"yes\n");
        line
    }
}

/// The text with a line more behind the opening bracket.
fn insert(text: &[u8], opening: &Line<'_>, model: &Model) -> Vec<u8> {
    // The block is closed in a later line: this one has a line feed.
    let end = opening.start + opening.text.len() + 1;
    [&text[..end], &model.write(), &text[end..]].concat()
}

/// A column as an offset.
fn offset(column: u32) -> usize {
    usize::try_from(column).map_or(0, |column| column.saturating_sub(1))
}

/// How many columns a text takes, with tabs of 8.
fn width(text: &[u8]) -> usize {
    text.iter().fold(0, |column, byte| match byte {
        b'\t' => (column / 8 + 1) * 8,
        // UTF-8: the bytes that follow the first show nothing.
        0x80..=0xbf => column,
        _ => column + 1,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::testing::load_text;
    use super::*;

    fn edited(text: &str, line: u32, disabled: bool) -> Option<String> {
        let text = set_disable(text.as_bytes(), line, disabled).ok()?;
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn the_line_that_counts_is_changed_and_nothing_else() {
        let text = "service a\n{\n\tdisable\t= yes # never\n  Disable =  YES \n\tdisable = no\n}\n";
        let wanted = text.replace("=  YES ", "=  no ");
        assert_eq!(edited(text, 1, false), Some(wanted));
        assert_eq!(edited(text, 1, true).as_deref(), Some(text));
        let bad = "service a\r\n{\r\n disable = perhaps\r\n}\r\n";
        let wanted = bad.replace("perhaps", "yes");
        assert_eq!(edited(bad, 1, true), Some(wanted));
    }

    #[test]
    fn a_new_line_looks_like_its_neighbours() {
        let before = |line: &str| format!("# x\nservice a\n{{\n# first\n\n{line}\n}}\n");
        for (model, wanted) in [
            ("\tsocket_type     = stream", "\tdisable         = yes"),
            ("\tsocket_type\t= stream", "\tdisable\t\t= yes"),
            ("        id =x", "        disable =yes"),
            ("port =\t7", "disable =\tyes"),
            ("  log_on_success += HOST", "  disable        = yes"),
            ("  only_from =", "  disable   = yes"),
        ] {
            let text = before(model);
            let wanted = text.replace("{\n", &format!("{{\n{wanted}\n"));
            assert_eq!(edited(&text, 2, true), Some(wanted), "{model}");
            assert_eq!(edited(&text, 2, false), Some(text.clone()));
        }
        let empty = edited("service a\n{\n}\n", 1, true);
        assert_eq!(empty.as_deref(), Some("service a\n{\n\tdisable = yes\n}\n"));
    }

    #[test]
    fn what_is_no_service_is_left_alone() {
        for (text, line, why) in [
            ("", 1, Unfit::NoService),
            ("service a\n", 1, Unfit::Block),
            ("service a\n{\nport = 7\n", 1, Unfit::Block),
            ("service a\n{\nport\n}\n", 1, Unfit::Block),
            ("service a {\n}\n", 1, Unfit::Block),
            ("defaults\n{\n}\n", 1, Unfit::NoService),
            ("service a\n{\n}\n", 2, Unfit::NoService),
        ] {
            let edited = set_disable(text.as_bytes(), line, true);
            assert_eq!(edited, Err(why), "{text:?}");
        }
    }

    /// The parts of a block that may stand around `disable`.
    const LINES: &[&str] = &[
        "# disable = yes",
        "",
        "\tnice = 3",
        "  instances    = 7",
        "\tenv\t\t= A=disable B=yes",
        "\tlog_on_success += HOST",
        "   \r",
        "\tdisable = yes no",
        "umask =022",
        "\tgroups = yes",
        "# \u{e9}\r",
    ];

    const SWITCHES: &[&str] = &[
        "\tdisable = yes",
        "disable =no",
        " DISABLE\t\t=\tYes ",
        "\tdisable = No",
    ];

    proptest! {
        /// All but the value stays, and the configuration says what was wanted.
        #[test]
        fn one_value_changes(
            above in prop::collection::vec(select(LINES.to_vec()), 0..6),
            switch in prop::option::of(select(SWITCHES.to_vec())),
            below in prop::collection::vec(select(LINES.to_vec()), 0..6),
            bracket in select(vec!["{", "  {", "{\r"]),
            disabled: bool,
        ) {
            let head = "defaults\n{\n}\n# disable = no\nservice telnet # x\n";
            let own = "\tsocket_type = stream\n\twait = no\n\tuser = root\n\tserver = /bin/cat\n";
            let rest = "service echo\n{\n\ttype = INTERNAL\n\tdisable = yes\n\tsocket_type = stream\n\twait = no\n}";
            let join = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let (above, below) = (join(&above), join(&below));
            let switch = switch.map(|line| format!("{line}\n")).unwrap_or_default();
            let text = format!("{head}{bracket}\n{above}{switch}{own}{below}}}\n{rest}");
            let new = set_disable(text.as_bytes(), 5, disabled).unwrap();
            let new = String::from_utf8(new).unwrap();
            let services = load_text(&new).services;
            prop_assert_eq!(services[0].enabled, !disabled);
            prop_assert!(!services[1].enabled);
            let again = set_disable(new.as_bytes(), 5, disabled).unwrap();
            prop_assert_eq!(again, new.as_bytes());
            // What is the same at both ends, and what is between.
            let (old, new) = (text.as_bytes(), new.as_bytes());
            let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
            let most = old.len().min(new.len()) - start;
            let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
            let (old, new) = (&old[start..old.len() - end], &new[start..new.len() - end]);
            if switch.is_empty() {
                prop_assert!(old.is_empty());
                prop_assert_eq!(new.iter().filter(|byte| **byte == b'\n').count(), usize::from(disabled));
            } else {
                let values: [&[u8]; 3] = [b"", b"yes", b"no"];
                let is_value = |part: &[u8]| values.iter().any(|value| part.eq_ignore_ascii_case(value));
                prop_assert!(is_value(old) && is_value(new), "{:?} {:?}", old, new);
            }
        }
    }
}
