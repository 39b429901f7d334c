//! The events in xinetd.log(5), each with an example that the logging code itself makes.

use std::io::{self, Write};

use clap_mangen::roff::{bold, roman};

use super::roff::write;
use crate::journal::{Example, examples};

/// What explains an event: text for `journalctl -x`.
const CATALOG: &str = include_str!("../../../units/xinetd-bridge.catalog");

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
        for line in explanation(kind.message_id()) {
            // A list in the catalog is indented.
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

/// What the catalog says below the head of an entry, with the names of fields in place of values.
fn explanation(message_id: &str) -> Vec<String> {
    let entry = CATALOG
        .split("\n-- ")
        .find(|entry| entry.starts_with(message_id));
    let body = entry.and_then(|entry| entry.split_once("\n\n"));
    let body = body.map_or("", |(_, body)| body.trim_end());
    body.lines().map(|line| line.replace('@', "")).collect()
}
