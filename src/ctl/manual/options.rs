//! The options of xinetd(8) in xinetd.service(8), from the table by which they are read.

use std::io::{self, Write};

use clap_mangen::roff::{bold, italic, roman};
use xinetd_core::startup::{Effect, OptionRow, TABLE};

use super::roff::{item, write};

/// All of them, each with what becomes of it.
pub(super) fn all(out: &mut dyn Write) -> io::Result<()> {
    TABLE.iter().try_for_each(|row| option(row, out))
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
    let argument = row.argument.map(|argument| italic(argument.word()));
    let mut term = vec![bold(row.name)];
    if let Some(argument) = argument {
        term.extend([roman(" "), argument]);
    }
    write(out, |roff| item(roff, term, &text))
}
