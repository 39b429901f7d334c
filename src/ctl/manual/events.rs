//! The events in xinetd.log(5), each with an example that the logging code itself makes.

use std::io::{self, Write};

use clap_mangen::roff::{bold, roman};

use super::roff::write;
use crate::journal::{Example, examples};

/// All kinds of events.
pub(super) fn all(out: &mut dyn Write) -> io::Result<()> {
    examples()
        .iter()
        .try_for_each(|example| event(example, out))
}

fn event(example: &Example, out: &mut dyn Write) -> io::Result<()> {
    let kind = example.kind;
    write(out, |roff| {
        roff.control("SS", [kind.name()]);
        roff.control("nf", []);
        roff.text([bold(&example.message)]);
        roff.control("fi", []);
        let mut verbatim = false;
        roff.control("PP", []);
        // What the catalog says, with the names of fields in place of their values.
        for line in kind.explanation().replace('@', "").lines() {
            // A list is indented.
            let indented = line.starts_with(' ');
            if indented != verbatim {
                roff.control(if indented { "nf" } else { "fi" }, []);
                verbatim = indented;
            }
            roff.text([roman(line)]);
        }
        if verbatim {
            roff.control("fi", []);
        }
        roff.control("PP", []);
        let priority = match kind.level() {
            Some(level) => format!("PRIORITY={}", level as u8),
            None => "PRIORITY as log_type says".to_owned(),
        };
        let own = example.fields.iter();
        let own: Vec<_> = own.map(|(name, value)| format!("{name}={value}")).collect();
        let id = format!("MESSAGE_ID={}", kind.message_id());
        roff.control("nf", []);
        for line in [id, priority].into_iter().chain(own) {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    })
}
