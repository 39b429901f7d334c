//! The command line: the options of xinetd(8) as one table, of which parser, usage text and manual page are made.

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write};
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use xinetd_core::nearest::nearest;
use xinetd_core::service::Facility;
use xinetd_core::startup::MAIN;

/// What the program is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommandLine {
    /// Serve.
    Serve(Invocation),
    /// Print the version.
    Version,
    /// Print the usage text.
    Help,
}

/// How it is to serve.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Invocation {
    /// The main file, where one is named.
    pub(super) main: Option<PathBuf>,
    /// Whether /etc/inetd.conf is served too.
    pub(super) has_inetd: bool,
    /// Where the log goes.
    pub(super) log: LogTo,
    /// The file for the number of the process.
    pub(super) pid_file: Option<PathBuf>,
    /// Whether it stays in the foreground.
    pub(super) is_foreground: bool,
    /// Whether it goes on without services.
    pub(super) stays: bool,
    /// Whether it tells what it does.
    pub(super) is_debugging: bool,
    /// How many servers of all services run at most.
    pub(super) limit: Option<NonZeroU32>,
    /// What is worth a line in the log: options without effect.
    pub(super) remarks: Vec<String>,
}

impl Invocation {
    /// The main file.
    pub(super) fn main(&self) -> &Path {
        self.main.as_deref().unwrap_or(Path::new(MAIN))
    }
}

/// Where the log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum LogTo {
    /// Syslog where there is one, else standard error.
    #[default]
    Usual,
    /// Syslog, with this facility for messages that are no service's.
    Syslog(Facility),
    /// This file.
    File(PathBuf),
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptionRow {
    /// The option as it is written.
    pub(crate) name: &'static str,
    /// What follows it, in a word.
    pub(crate) argument: Option<&'static str>,
    /// What it does, as sentences.
    pub(crate) text: &'static str,
    effect: OptionEffect,
}

#[derive(Clone, Copy, Debug)]
enum OptionEffect {
    Flag(fn(&mut Invocation)),
    Argument(fn(&mut Invocation, &OsStr) -> Result<(), String>),
    /// None here; with what it is told, where that matters.
    None(Option<&'static str>),
    Version,
    Help,
}

/// All options.
pub(crate) const OPTIONS: &[OptionRow] = &[
    OptionRow {
        name: "-f",
        argument: Some("FILE"),
        text: "The configuration begins with this file in place of /etc/xinetd.conf. A relative path is one below \
               the directory where the program is started.",
        effect: OptionEffect::Argument(|invocation, file| {
            invocation.main = Some(absolute(file)?);
            Ok(())
        }),
    },
    OptionRow {
        name: "-inetd_compat",
        argument: None,
        text: "/etc/inetd.conf is served too, if it is there.",
        effect: OptionEffect::Flag(|invocation| invocation.has_inetd = true),
    },
    OptionRow {
        name: "-filelog",
        argument: Some("FILE"),
        text: "The log goes to this file, which is opened anew at each reload. /dev/stderr is standard error; \
               /dev/stdout and - are standard output.",
        effect: OptionEffect::Argument(|invocation, file| {
            set_log(
                invocation,
                match file.as_bytes() {
                    b"-" | b"/dev/stdout" | b"/dev/fd/1" | b"/proc/self/fd/1" => LogTo::Output,
                    b"/dev/stderr" | b"/dev/fd/2" | b"/proc/self/fd/2" => LogTo::Error,
                    _ => LogTo::File(absolute(file)?),
                },
            )
        }),
    },
    OptionRow {
        name: "-syslog",
        argument: Some("FACILITY"),
        text: "The log goes to syslog, with this facility for all that is not of a service with another one: \
               daemon, auth, authpriv, user, mail, lpr, news, uucp, ftp, or local0 to local7. Where there is \
               no /dev/log it goes to standard error.",
        effect: OptionEffect::Argument(|invocation, facility| {
            let named = Facility::named(&facility.to_string_lossy());
            if named.is_none() {
                let word = facility.to_string_lossy();
                invocation.remarks.push(format!(
                    "-syslog {word}: syslog has no such facility; daemon is taken"
                ));
            }
            set_log(invocation, LogTo::Syslog(named.unwrap_or(Facility::Daemon)))
        }),
    },
    OptionRow {
        name: "-pidfile",
        argument: Some("FILE"),
        text: "The number of the process is written to this file, which is removed at the end.",
        effect: OptionEffect::Argument(|invocation, file| {
            invocation.pid_file = Some(absolute(file)?);
            Ok(())
        }),
    },
    OptionRow {
        name: "-dontfork",
        argument: None,
        text: "It stays in the foreground, as containers and supervisors want it, and goes on without services.",
        effect: OptionEffect::Flag(|invocation| {
            invocation.is_foreground = true;
            invocation.stays = true;
        }),
    },
    OptionRow {
        name: "-stayalive",
        argument: None,
        text: "It goes on when there is no service to serve, and waits for a reload.",
        effect: OptionEffect::Flag(|invocation| invocation.stays = true),
    },
    OptionRow {
        name: "-d",
        argument: None,
        text: "It stays in the foreground, logs to standard error, and tells of each service what it listens on and \
               what becomes of its helper.",
        effect: OptionEffect::Flag(|invocation| {
            invocation.is_foreground = true;
            invocation.is_debugging = true;
        }),
    },
    OptionRow {
        name: "-version",
        argument: None,
        text: "The version is printed, and nothing else done.",
        effect: OptionEffect::Version,
    },
    OptionRow {
        name: "-help",
        argument: None,
        text: "The options are printed, and nothing else done.",
        effect: OptionEffect::Help,
    },
    OptionRow {
        name: "-limit",
        argument: Some("NUMBER"),
        text: "At most this many servers of all services run at once; clients beyond them are refused \
               (process_limit). 0 is no limit.",
        effect: OptionEffect::Argument(|invocation, number| {
            let number = number.to_string_lossy();
            let most: u32 = number.parse().map_err(|_| "this is too large")?;
            invocation.limit = NonZeroU32::new(most);
            Ok(())
        }),
    },
    OptionRow {
        name: "-cc",
        argument: Some("SECONDS"),
        text: "Nothing: a service whose socket or helper fails is tried again without being asked for.",
        effect: OptionEffect::None(None),
    },
    OptionRow {
        name: "-loop",
        argument: Some("RATE"),
        text: "Nothing, as in xinetd 2.3: cps limits the rate of each service.",
        effect: OptionEffect::None(Some("cps limits the rate of each service")),
    },
    OptionRow {
        name: "-reuse",
        argument: None,
        text: "Nothing: SO_REUSEADDR is set on each socket.",
        effect: OptionEffect::None(None),
    },
    OptionRow {
        name: "-logprocs",
        argument: Some("NUMBER"),
        text: "Nothing, as in xinetd.",
        effect: OptionEffect::None(None),
    },
    OptionRow {
        name: "-shutdownprocs",
        argument: Some("NUMBER"),
        text: "Nothing, as in xinetd.",
        effect: OptionEffect::None(None),
    },
    OptionRow {
        name: "-inetd_ipv6",
        argument: None,
        text: "Nothing, as in xinetd: Debian's init script adds it.",
        effect: OptionEffect::None(None),
    },
];

/// Why a command line is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the words behind the program's name. What comes later is stronger.
///
/// # Errors
/// If a word is no option, or an argument is missing or wrong.
pub(super) fn parse(words: impl Iterator<Item = OsString>) -> Result<CommandLine, UsageError> {
    let mut invocation = Invocation::default();
    let mut words = words;
    while let Some(word) = words.next() {
        let row = find(&word).ok_or_else(|| UsageError(unknown(&word)))?;
        let argument = row.argument.map(|name| argument(row, name, words.next()));
        let argument = argument.transpose()?;
        match (row.effect, argument) {
            (OptionEffect::Version, _) => return Ok(CommandLine::Version),
            (OptionEffect::Help, _) => return Ok(CommandLine::Help),
            (OptionEffect::Flag(set), _) => set(&mut invocation),
            (OptionEffect::Argument(set), Some(argument)) => {
                let wrong = |why| UsageError(format!("{} {}: {why}", row.name, shown(&argument)));
                set(&mut invocation, &argument).map_err(wrong)?;
            }
            (OptionEffect::None(Some(consequence)), _) => {
                let remark = format!("{} has no effect: {consequence}", row.name);
                invocation.remarks.push(remark);
            }
            (OptionEffect::None(None) | OptionEffect::Argument(_), _) => {}
        }
    }
    if invocation.is_debugging && invocation.log == LogTo::Usual {
        invocation.log = LogTo::Error;
    }
    Ok(CommandLine::Serve(invocation))
}

/// The usage text.
pub(super) fn usage() -> String {
    let mut text = "usage: xinetd [OPTION]...\n\nServes the services of xinetd's configuration files without systemd; \
                    xinetd(8) says more.\n\n"
        .to_owned();
    for row in OPTIONS {
        let argument = row.argument.map(|name| format!(" {name}"));
        let term = format!("{}{}", row.name, argument.unwrap_or_default());
        // A String takes all that is written to it.
        let _ = writeln!(text, "  {term}\n      {}", row.text);
    }
    text
}

/// The row of a word; other programs write two dashes before a whole word.
fn find(word: &OsStr) -> Option<&'static OptionRow> {
    let word = word.as_bytes();
    let is_it = |row: &&OptionRow| {
        let name = row.name.as_bytes();
        word == name || name.len() > 2 && word.strip_prefix(b"-") == Some(name)
    };
    OPTIONS.iter().find(is_it)
}

fn argument(row: &OptionRow, name: &str, word: Option<OsString>) -> Result<OsString, UsageError> {
    let word = word.filter(|word| !word.is_empty());
    let word = word.ok_or_else(|| UsageError(format!("{} needs {name} behind it", row.name)))?;
    let is_number = matches!(name, "NUMBER" | "SECONDS" | "RATE");
    if is_number && !word.as_bytes().iter().all(u8::is_ascii_digit) {
        return Err(UsageError(format!(
            "{} {}: this is no number",
            row.name,
            shown(&word)
        )));
    }
    Ok(word)
}

fn unknown(word: &OsStr) -> String {
    let names = OPTIONS.iter().map(|row| row.name);
    let shown = shown(word);
    match nearest(word.as_bytes(), names) {
        Some(name) => format!("there is no option {shown}; did you mean {name}?"),
        None => format!("there is no option {shown}; -help prints all of them"),
    }
}

fn shown(word: &OsStr) -> String {
    word.as_bytes().escape_ascii().to_string()
}

fn absolute(path: &OsStr) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| error.to_string())
}

fn set_log(invocation: &mut Invocation, log: LogTo) -> Result<(), String> {
    let is_syslog = |log: &LogTo| matches!(log, LogTo::Syslog(_));
    if invocation.log != LogTo::Usual && is_syslog(&invocation.log) != is_syslog(&log) {
        return Err("-filelog and -syslog exclude each other".to_owned());
    }
    invocation.log = log;
    Ok(())
}
