//! The manual pages that follow from tables of the program, the journal's catalog, and the completions.
//!
//! What the tables don't have stands in docs/man, as do the pages that are text alone.

mod artifact;
mod attributes;
mod catalog;
mod commands;
mod events;
mod options;
mod roff;

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::arguments::Cli;

pub(super) use artifact::Artifact;

/// xinetd.conf(5), with a line for each of its tables.
const CONFIGURATION: &str = include_str!("../../../docs/man/xinetd.conf.5.in");

/// xinetd.log(5), with a line for its table.
const LOG: &str = include_str!("../../../docs/man/xinetd.log.5.in");

/// xinetd.service(8), with a line for the options of xinetd.
const SERVICE: &str = include_str!("../../../docs/man/xinetd.service.8.in");

/// xinetd(8), with a line for the options of the program that serves without systemd.
const STANDALONE: &str = include_str!("../../../docs/man/xinetd.8.in");

/// Prints it.
pub(super) fn print(artifact: Artifact, out: &mut dyn Write) -> io::Result<()> {
    let shell = match artifact {
        Artifact::Commands => return commands::page_of_all(out),
        Artifact::Configuration => return fill(CONFIGURATION, out),
        Artifact::Log => return fill(LOG, out),
        Artifact::Service => return fill(SERVICE, out),
        Artifact::Standalone => return fill(STANDALONE, out),
        Artifact::Catalog => return catalog::all(out),
        Artifact::Bash => Shell::Bash,
        Artifact::Zsh => Shell::Zsh,
        Artifact::Fish => Shell::Fish,
    };
    // clap_complete panics where it can't write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(), "xinetdctl", &mut script);
    out.write_all(&script)
}

/// Prints a page with the tables that it has places for.
fn fill(page: &str, out: &mut dyn Write) -> io::Result<()> {
    for line in page.lines() {
        match line {
            "@attributes of services@" => attributes::of_services(out)?,
            "@attributes of defaults@" => attributes::of_defaults(out)?,
            "@attributes in defaults@" => attributes::in_defaults(out)?,
            "@events@" => events::all(out)?,
            "@standalone options@" => options::of_standalone(out)?,
            "@options@" => options::all(out)?,
            line => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// The commands that are for people.
fn visible() -> Command {
    let whole = Cli::command();
    let shown = whole.get_subcommands().filter(|one| !one.is_hide_set());
    Command::new("xinetdctl").subcommands(shown.cloned())
}

#[cfg(test)]
mod tests;
