//! The attributes in xinetd.conf(5), from the table of the language.

use std::io::{self, Write};

use clap_mangen::roff::{Inline, Roff, bold, roman};
use xinetd_core::config::{AttributeRow, Class, Sections, TABLE};

use super::roff::{item, styled, write};

/// All that a service may have.
pub(super) fn of_services(out: &mut dyn Write) -> io::Result<()> {
    let mut rows = TABLE.iter();
    rows.try_for_each(|row| match row.sections {
        Sections::Defaults => Ok(()),
        Sections::Service | Sections::Both(_) => attribute(row, out),
    })
}

/// Those that stand in `defaults` alone.
pub(super) fn of_defaults(out: &mut dyn Write) -> io::Result<()> {
    let mut rows = TABLE.iter();
    rows.try_for_each(|row| match row.sections {
        Sections::Defaults => attribute(row, out),
        Sections::Service | Sections::Both(_) => Ok(()),
    })
}

/// The names of those that services take from `defaults`.
pub(super) fn in_defaults(out: &mut dyn Write) -> io::Result<()> {
    let rows = TABLE
        .iter()
        .filter(|row| matches!(row.sections, Sections::Both(_)));
    let names: Vec<_> = rows.flat_map(|row| row.names.iter().copied()).collect();
    write(out, |roff| {
        roff.text([bold(names.join(" "))]);
    })
}

fn attribute(row: &AttributeRow, out: &mut dyn Write) -> io::Result<()> {
    write(out, |roff| {
        roff.control("TP", []);
        roff.text(heading(row));
        roff.text(styled(row.meaning));
        if !row.here.is_empty() {
            roff.control("IP", []);
            roff.text(styled(row.here));
        }
        if !row.words.is_empty() {
            words(row, roff);
        }
    })
}

/// Its names, operators and values.
fn heading(row: &AttributeRow) -> Vec<Inline> {
    let operator = match row.class {
        Class::Modifiable => "[+|-]=",
        Class::Fixed(_) | Class::List => "=",
    };
    let mut parts = Vec::new();
    for (index, name) in row.names.iter().enumerate() {
        parts.extend((index > 0).then(|| roman(", ")));
        parts.push(bold(*name));
    }
    parts.push(roman(format!(" {operator} ")));
    parts.extend(styled(row.values));
    parts
}

/// Its words, indented.
fn words(row: &AttributeRow, roff: &mut Roff) {
    roff.control("RS", []);
    for (word, text) in row.words {
        item(roff, vec![bold(*word)], text);
    }
    roff.control("RE", []);
}
