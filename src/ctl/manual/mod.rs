//! The manual pages that follow from tables of the program, the journal's catalog, and the completions.
//!
//! What the tables don't have stands in docs/man, as do the pages that are text alone.

mod attributes;
mod catalog;
mod commands;
mod events;
mod options;
mod roff;

use std::io::{self, Write};

use clap::{Command, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::arguments::Cli;

/// What packages install beside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Text {
    /// The manual page of this program.
    #[value(name = "xinetdctl.8")]
    Commands,
    /// The manual page of xinetd's files.
    #[value(name = "xinetd.conf.5")]
    Configuration,
    /// The manual page of the log.
    #[value(name = "xinetd.log.5")]
    Log,
    /// The manual page on what is typed in place of xinetd's commands.
    #[value(name = "xinetd.service.8")]
    Service,
    /// The journal's catalog.
    #[value(name = "xinetd-bridge.catalog")]
    Catalog,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
}

/// xinetd.conf(5), with a line for each of its tables.
const CONFIGURATION: &str = include_str!("../../../docs/man/xinetd.conf.5.in");

/// xinetd.log(5), with a line for its table.
const LOG: &str = include_str!("../../../docs/man/xinetd.log.5.in");

/// xinetd.service(8), with a line for the options of xinetd.
const SERVICE: &str = include_str!("../../../docs/man/xinetd.service.8.in");

/// Prints it.
pub(super) fn print(text: Text, out: &mut dyn Write) -> io::Result<()> {
    let shell = match text {
        Text::Commands => return commands::page_of_all(out),
        Text::Configuration => return fill(CONFIGURATION, out),
        Text::Log => return fill(LOG, out),
        Text::Service => return fill(SERVICE, out),
        Text::Catalog => return catalog::all(out),
        Text::Bash => Shell::Bash,
        Text::Zsh => Shell::Zsh,
        Text::Fish => Shell::Fish,
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
