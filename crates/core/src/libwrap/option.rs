//! The options of a rule (hosts_options(5)).

use std::ops::Range;

use crate::problem::{Place, Severity};
use crate::service::{Facility, Level};

use super::line::RuleLine;
use super::problem::{RuleProblems, quoted};

/// What a rule does when it matches, in this order.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleOptions {
    pub(super) steps: Vec<OptionAction>,
    pub(super) end: End,
}

/// What the end of the options says about access.
#[derive(Clone, Debug, Default)]
pub(super) enum End {
    /// Nothing: the file does, in which the rule stands.
    #[default]
    File,
    /// `allow`.
    Allow,
    /// `deny`.
    Deny,
    /// `twist`, with its command before expansion.
    Twist(Vec<u8>),
    /// An option that is wrong, or that can't be done: it refuses.
    Fault(OptionError),
}

/// An option that refuses for what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// Where it stands.
    pub place: Place,
    /// What is wrong: a sentence without a full stop.
    pub message: String,
}

/// An option that does something and lets the next one follow. Commands and values are as written,
/// before expansion.
#[derive(Clone, Debug)]
pub(super) enum OptionAction {
    Spawn(Vec<u8>),
    Banners(Vec<u8>),
    Severity(Facility, Level),
    SetEnv(Vec<u8>),
    Nice(i32),
    Umask(u16),
    KeepAlive,
    /// `rfc931`: the user is asked for.
    User,
}

/// The options in the stretch of a line after its second colon.
pub(super) fn parse(
    line: &RuleLine<'_>,
    range: Range<usize>,
    problems: &mut RuleProblems,
) -> RuleOptions {
    let mut options = RuleOptions::default();
    let fields = fields(&line.text, range);
    let count = fields.len();
    for (number, (place, field)) in fields.into_iter().enumerate() {
        let place = line.place(place.start, place.len());
        let is_last = number + 1 == count;
        match option(&field, is_last, || place.clone(), problems) {
            Ok(Parsed::Step(step)) => options.steps.push(step),
            Ok(Parsed::End(end)) => options.end = end,
            Ok(Parsed::Nothing) => {}
            Err((message, help)) => {
                problems.add(
                    Severity::Error,
                    "libwrap-option",
                    place.clone(),
                    format!("{message}; a client that the rule matches is refused"),
                    help,
                );
                options.end = End::Fault(OptionError { place, message });
                return options;
            }
        }
    }
    options
}

/// The fields between colons, each with its stretch and without the backslashes before colons.
fn fields(text: &[u8], range: Range<usize>) -> Vec<(Range<usize>, Vec<u8>)> {
    let mut fields = Vec::new();
    let mut field = Vec::new();
    let (mut start, mut at) = (range.start, range.start);
    while at < range.end {
        match &text[at..range.end] {
            [b'\\', b':', ..] => {
                field.push(b':');
                at += 2;
            }
            [b':', ..] => {
                fields.push((trimmed(text, start..at), std::mem::take(&mut field)));
                at += 1;
                start = at;
            }
            [byte, ..] => {
                field.push(*byte);
                at += 1;
            }
            [] => break,
        }
    }
    fields.push((trimmed(text, start..range.end), field));
    fields
}

fn trimmed(text: &[u8], range: Range<usize>) -> Range<usize> {
    let field = &text[range.clone()];
    let start = range.start + field.len() - field.trim_ascii_start().len();
    start..(start + field.trim_ascii().len()).max(start)
}

enum Parsed {
    Step(OptionAction),
    End(End),
    Nothing,
}

/// What is wrong, and what to write instead.
type Wrong = (String, &'static str);

fn option(
    field: &[u8],
    is_last: bool,
    place: impl Fn() -> Place,
    problems: &mut RuleProblems,
) -> Result<Parsed, Wrong> {
    const NAMES: &str = "write one of allow, deny, twist, spawn, banners, severity, setenv, \
                         keepalive, linger, nice, rfc931 or umask; a colon inside of an option \
                         needs a backslash before it, an IPv6 address needs brackets around it";
    let (key, value) = key_and_value(field);
    if key.is_empty() {
        return Err(("an option is missing after the colon".into(), NAMES));
    }
    let name = key.to_ascii_lowercase();
    let needed = || {
        value.ok_or_else(|| {
            let message = format!("the option {} needs a value", quoted(key));
            (message, "write the value after it")
        })
    };
    let alone = |parsed: Parsed| match value {
        None => Ok(parsed),
        Some(_) => {
            let message = format!("the option {} takes no value", quoted(key));
            Err((message, "remove the value"))
        }
    };
    let last = |parsed: Parsed| match is_last {
        true => Ok(parsed),
        false => {
            let message = format!("the option {} must be the last", quoted(key));
            Err((message, "move it to the end of the rule"))
        }
    };
    let impossible = |why: &str, help| Err((format!("the option {} {why}", quoted(key)), help));
    let step = |step| Ok(Parsed::Step(step));
    match name.as_slice() {
        b"allow" => last(alone(Parsed::End(End::Allow))?),
        b"deny" => last(alone(Parsed::End(End::Deny))?),
        b"twist" => last(Parsed::End(End::Twist(needed()?.to_vec()))),
        b"spawn" => step(OptionAction::Spawn(needed()?.to_vec())),
        b"banners" => step(OptionAction::Banners(needed()?.to_vec())),
        b"severity" => severity(needed()?).map(Parsed::Step),
        b"setenv" => set_env(needed()?).map(Parsed::Step),
        b"keepalive" => alone(Parsed::Step(OptionAction::KeepAlive)),
        b"nice" => match value {
            None => step(OptionAction::Nice(10)),
            Some(value) => {
                let wrong = "write a number such as 10";
                number(key, value, wrong).map(|nice| Parsed::Step(OptionAction::Nice(nice)))
            }
        },
        b"umask" => umask(needed()?).map(Parsed::Step),
        b"linger" => {
            let help = "write a number of seconds";
            if number(key, needed()?, help)? < 0 {
                return Err(bad_value(key, needed()?, help));
            }
            problems.add(
                Severity::Warning,
                "libwrap-linger",
                place(),
                "`linger` has no effect: a server's last bytes are delivered without it",
                "remove the option",
            );
            Ok(Parsed::Nothing)
        }
        b"rfc931" => {
            let help = "write a number of seconds, or none";
            match value {
                Some(value) if number(key, value, help)? <= 0 => Err(bad_value(key, value, help)),
                _ => step(OptionAction::User),
            }
        }
        b"user" | b"group" => {
            needed()?;
            impossible(
                "can't be done: the server runs as its service says",
                "remove the option, and write user and group into the service",
            )
        }
        b"aclexec" => {
            needed()?;
            impossible("is not known here", "use twist or spawn, or an access list")
        }
        _ => Err((format!("there is no option {}", quoted(key)), NAMES)),
    }
}

fn key_and_value(field: &[u8]) -> (&[u8], Option<&[u8]>) {
    let field = field.trim_ascii();
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let Some(end) = field.iter().position(|byte| blank(byte) || *byte == b'=') else {
        return (field, None);
    };
    let (key, value) = field.split_at(end);
    let value = value.trim_ascii_start();
    // One sign is left out; a second one belongs to the value.
    let value = value.strip_prefix(b"=").unwrap_or(value);
    let value = value.trim_ascii_start();
    (key, (!value.is_empty()).then_some(value))
}

fn bad_value(key: &[u8], value: &[u8], help: &'static str) -> Wrong {
    let message = format!(
        "{} is no value for the option {}",
        quoted(value),
        quoted(key)
    );
    (message, help)
}

fn number(key: &[u8], value: &[u8], help: &'static str) -> Result<i32, Wrong> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    text.parse().map_err(|_| bad_value(key, value, help))
}

/// A name that is still to be expanded is looked at later.
fn set_env(value: &[u8]) -> Result<OptionAction, Wrong> {
    let name = value.split(u8::is_ascii_whitespace).next();
    let name = name.unwrap_or_default();
    if name.contains(&b'=') && !name.contains(&b'%') {
        let message = format!("{} is no name that a variable may have", quoted(name));
        return Err((message, "write the name, a blank and the value"));
    }
    Ok(OptionAction::SetEnv(value.to_vec()))
}

fn umask(value: &[u8]) -> Result<OptionAction, Wrong> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    match u16::from_str_radix(text, 8) {
        Ok(mask @ 0..=0o777) => Ok(OptionAction::Umask(mask)),
        _ => Err(bad_value(
            b"umask",
            value,
            "write an octal number such as 022",
        )),
    }
}

fn severity(value: &[u8]) -> Result<OptionAction, Wrong> {
    const HELP: &str = "write a level such as `notice`, or `mail.notice`";
    let wrong = || bad_value(b"severity", value, HELP);
    let (facility, level) = match value.iter().position(|byte| *byte == b'.') {
        None => (Facility::Daemon, value),
        Some(at) => (facility(&value[..at]).ok_or_else(wrong)?, &value[at + 1..]),
    };
    let level = level_of(level).ok_or_else(wrong)?;
    Ok(OptionAction::Severity(facility, level))
}

fn facility(word: &[u8]) -> Option<Facility> {
    Some(match word.to_ascii_lowercase().as_slice() {
        // The kernel's own is closed to programs: syslog(3) takes the program's usual one.
        b"kern" | b"daemon" => Facility::Daemon,
        b"user" => Facility::User,
        b"mail" => Facility::Mail,
        b"auth" => Facility::Auth,
        b"lpr" => Facility::Lpr,
        b"news" => Facility::News,
        b"uucp" => Facility::Uucp,
        b"cron" => Facility::Cron,
        b"local0" => Facility::Local0,
        b"local1" => Facility::Local1,
        b"local2" => Facility::Local2,
        b"local3" => Facility::Local3,
        b"local4" => Facility::Local4,
        b"local5" => Facility::Local5,
        b"local6" => Facility::Local6,
        b"local7" => Facility::Local7,
        _ => return None,
    })
}

fn level_of(word: &[u8]) -> Option<Level> {
    Some(match word.to_ascii_lowercase().as_slice() {
        b"emerg" => Level::Emerg,
        b"alert" => Level::Alert,
        b"crit" => Level::Crit,
        b"err" => Level::Err,
        b"warning" => Level::Warning,
        b"notice" => Level::Notice,
        b"info" => Level::Info,
        b"debug" => Level::Debug,
        _ => return None,
    })
}
