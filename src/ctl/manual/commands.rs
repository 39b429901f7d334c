//! xinetdctl(8), from the table of commands.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::super::arguments::Cli;

/// The files that the page speaks of, with what is in them.
const FILES: [(&str, &str); 4] = [
    (
        "/etc/xinetd.conf",
        "The configuration, as in xinetd.conf(5).",
    ),
    ("/etc/xinetd-bridge.toml", "What that has no word for."),
    (
        "/etc/hosts.allow, /etc/hosts.deny",
        "Whom services let in, as in hosts_access(5).",
    ),
    ("/run/xinetd-coordinator/bans", "Who is banned now."),
];

/// One page for all commands.
pub(super) fn page_of_all(out: &mut dyn Write) -> io::Result<()> {
    let mut root = Cli::command()
        .disable_help_subcommand(true)
        .disable_help_flag(true);
    root.build();
    let mut text = Vec::new();
    sections(&root, &mut text)?;
    // Each part brings its own preamble (.ie, .el); the first is for all.
    let text = String::from_utf8_lossy(&text);
    for (number, line) in text.lines().enumerate() {
        let preamble = line.starts_with(".ie ") || line.starts_with(".el ");
        if number < 2 || !preamble {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(())
}

fn sections(root: &Command, out: &mut dyn Write) -> io::Result<()> {
    let page = page(root);
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    heading("COMMANDS", out)?;
    commands(root, out)?;
    heading("FILES", out)?;
    for (name, text) in FILES {
        let mut roff = Roff::new();
        roff.control("TP", []);
        roff.text([roman(name)]);
        roff.text([roman(text)]);
        roff.to_writer(out)?;
    }
    heading("SEE ALSO", out)?;
    let mut roff = Roff::new();
    roff.text([roman(
        "xinetd.conf(5), xinetd.log(5), xinetd-bridge.toml(5), xinetd.service(8), hosts_access(5), systemctl(1), systemd.socket(5), journalctl(1)",
    )]);
    roff.to_writer(out)
}

fn heading(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [text]);
    roff.to_writer(out)
}

fn page(command: &Command) -> Man {
    Man::new(command.clone())
        .section("8")
        .date("2026-11-26")
        .source("xinetd-bridge")
        .manual("xinetd-bridge")
}

/// Each command below this one with its options, as far as it can be called by itself.
fn commands(parent: &Command, out: &mut dyn Write) -> io::Result<()> {
    for command in parent.get_subcommands().filter(|one| !one.is_hide_set()) {
        if command.has_subcommands() {
            commands(command, out)?;
            continue;
        }
        let page = page(command);
        let name = command.get_bin_name().unwrap_or_default();
        let mut roff = Roff::new();
        roff.control("SS", [name]);
        roff.to_writer(out)?;
        body(out, |part| page.render_synopsis_section(part))?;
        paragraph(out)?;
        body(out, |part| page.render_description_section(part))?;
        body(out, |part| page.render_options_section(part))?;
    }
    Ok(())
}

fn paragraph(out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("PP", []);
    roff.to_writer(out)
}

/// What stands in a section below its heading.
fn body(
    out: &mut dyn Write,
    render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut section = Vec::new();
    render(&mut section)?;
    let text = String::from_utf8_lossy(&section);
    let below = text.lines().skip_while(|line| !line.starts_with(".SH"));
    for line in below.skip(1) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
