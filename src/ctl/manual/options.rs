//! The options of xinetd(8), from the tables by which they are read: what becomes of them under systemd, and what the
//! program does that serves without it.

use std::io::{self, Write};

use clap_mangen::roff::{Inline, bold, italic, roman};
use xinetd_core::startup::{Argument, Effect, OptionRow, TABLE};

use super::roff::{item, write};
use crate::standalone::options::OPTIONS;

/// All of them, each with what becomes of it.
pub(super) fn all(out: &mut dyn Write) -> io::Result<()> {
    TABLE.iter().try_for_each(|row| option(row, out))
}

/// Those of the program that serves without systemd.
pub(super) fn of_standalone(out: &mut dyn Write) -> io::Result<()> {
    OPTIONS.iter().try_for_each(|row| {
        let term = term(row.name, row.argument);
        write(out, |roff| item(roff, term, row.text))
    })
}

fn option(row: &OptionRow, out: &mut dyn Write) -> io::Result<()> {
    let text = match row.effect {
        Effect::Main => "The configuration begins with that file, here too.".to_owned(),
        Effect::Inetd => "/etc/inetd.conf is served too, here as well.".to_owned(),
        Effect::Moot(why) => format!("Nothing is lost: {why}."),
        Effect::Missing {
            consequence,
            instead,
        } => format!("Not done: {consequence}. Instead: {instead}."),
    };
    let term = term(row.name, row.argument.map(Argument::word));
    write(out, |roff| item(roff, term, &text))
}

/// An option as it is written.
fn term(name: &'static str, argument: Option<&'static str>) -> Vec<Inline> {
    let mut term = vec![bold(name)];
    if let Some(argument) = argument {
        term.extend([roman(" "), italic(argument)]);
    }
    term
}
