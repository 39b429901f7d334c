//! The server's process: what is executed, as whom, with what (docs/xinetd-behaviour.md, sections 2 and 4.5).

use std::collections::BTreeSet;

use super::super::lexer::Word;
use super::super::report::quoted;
use super::{Given, Operator, Parsed, Values, number};
use crate::bytes::ByteString;
use crate::problem::Severity;
use crate::service::Principal;

/// How long an id may be, so that the name of its unit, even escaped, is one that systemd takes.
const LONGEST_ID: usize = 60;

/// `id`.
pub(crate) fn id(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.id = Some(id_of(given)?);
    Ok(())
}

/// The first value as an id.
fn id_of(given: &Given<'_>) -> Parsed<ByteString> {
    let word = given.word(0);
    match unfit_for_id(word.bytes) {
        Some(message) => Err(given.fault(&word, message, "write a short name, such as ftp")),
        None => Ok(word.bytes.into()),
    }
}

/// Why a word can't be the id of a service.
pub(crate) fn unfit_for_id(word: &[u8]) -> Option<String> {
    if word.iter().any(u8::is_ascii_control) {
        Some(format!("{} has a control character in it", quoted(word)))
    } else if word.len() > LONGEST_ID {
        Some(format!(
            "the name has {} bytes, more than {LONGEST_ID}",
            word.len()
        ))
    } else {
        None
    }
}

/// `server`.
///
/// Whether it can be executed is seen at run time: other file systems need not be mounted yet.
pub(crate) fn server(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let word = given.word(0);
    if word.bytes.first() != Some(&b'/') {
        return Err(given.fault(
            &word,
            format!("{} is not an absolute path", quoted(word.bytes)),
            "write the path of the program from / on: it is not looked for in PATH",
        ));
    }
    if word.bytes.iter().any(u8::is_ascii_control) {
        return Err(given.unfit(&word, "the path of a program"));
    }
    values.server = Some(word.bytes.into());
    Ok(())
}

/// `server_args`.
pub(crate) fn server_args(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    if let Some(word) = given.words.iter().find(|word| word.bytes.starts_with(b"#")) {
        given.remark(
            word,
            Severity::Warning,
            "trailing-comment",
            format!(
                "{} and what follows are arguments of the server",
                quoted(word.bytes)
            ),
            "put the comment on a line of its own",
        );
    }
    let quote =
        |word: &&Word<'_>| matches!(word.bytes, [b'"' | b'\'', .., last] if *last != word.bytes[0]);
    if let Some(word) = given.words.iter().find(quote) {
        given.remark(
            word,
            Severity::Warning,
            "quotes",
            "quotes are part of the arguments: each word is one, and none can hold a blank",
            "leave the quotes out, or put the command in a script",
        );
    }
    let words = given.words.iter().map(|word| word.bytes.into());
    match &mut values.server_args {
        // An entry of inetd.conf may go on in further lines.
        Some(arguments) if given.operator == Operator::Add => arguments.extend(words),
        arguments => *arguments = Some(words.collect()),
    }
    Ok(())
}

/// A user or group: all digits are a number, anything else a name.
fn principal(
    given: &mut Given<'_>,
    what: &str,
    known: impl Fn(&Given<'_>, &[u8]) -> bool,
) -> Parsed<Principal> {
    let word = given.word(0);
    if word.bytes.iter().all(u8::is_ascii_digit) {
        // The highest number means `no user at all` to the system calls.
        let id = number::ranged(word.bytes).filter(|id| *id != u32::MAX);
        return match id {
            Some(id) => Ok(Principal::Id(id)),
            None => Err(given.fault(
                &word,
                format!("{} is not the number of a {what}", quoted(word.bytes)),
                format!("write a number up to {} or a name", u32::MAX - 1),
            )),
        };
    }
    if !known(given, word.bytes) {
        if !can_be_name(word.bytes) {
            return Err(given.unfit(&word, &format!("the name of a {what}")));
        }
        given.remark(
            &word,
            Severity::Warning,
            if what == "user" { "unknown-user" } else { "unknown-group" },
            format!("/etc does not list the {what} {}", quoted(word.bytes)),
            format!("create the {what}, or make sure that a name service knows it when the server starts"),
        );
    }
    Ok(Principal::Name(word.bytes.into()))
}

/// Whether some name service may know a user or group of this name.
fn can_be_name(word: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || !byte.is_ascii();
    let inner = |byte: &u8| letter(byte) || byte.is_ascii_digit() || b"-.@+\\".contains(byte);
    // Accounts of Samba's machines end in a dollar sign.
    let word = word.strip_suffix(b"$").unwrap_or(word);
    word.first().is_some_and(letter) && word.iter().all(inner)
}

/// `user`.
pub(crate) fn user(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let known = |given: &Given<'_>, name: &[u8]| given.databases.user(name).is_some();
    values.user = Some(principal(given, "user", known)?);
    Ok(())
}

/// `group`.
pub(crate) fn group(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let known = |given: &Given<'_>, name: &[u8]| given.databases.group(name).is_some();
    values.group = Some(principal(given, "group", known)?);
    Ok(())
}

/// `nice`: what leaves the range ends up at its end, as for nice(2).
pub(crate) fn nice(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let word = given.word(0);
    let number = number::ranged::<i32>(word.bytes);
    let number = number.ok_or_else(|| given.unfit(&word, "a number from -20 to 19"))?;
    let clamped = number.clamp(-20, 19);
    if clamped != number {
        given.remark(
            &word,
            Severity::Note,
            "nice-range",
            format!("{number} is as much as {clamped}"),
            format!("write {clamped}"),
        );
    }
    values.nice = Some(clamped);
    Ok(())
}

/// `umask`.
pub(crate) fn umask(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let word = given.word(0);
    let mask = number::octal(word.bytes).filter(|mask| *mask <= 0o777);
    values.umask = Some(mask.ok_or_else(|| given.unfit(&word, "an octal number from 0 to 777"))?);
    Ok(())
}

/// `libwrap`.
pub(crate) fn libwrap(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.libwrap = Some(given.word(0).bytes.into());
    Ok(())
}

/// `env`.
pub(crate) fn env(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    if given.operator == Operator::Remove {
        let first = given.word(0);
        return Err(given.fault(
            &first,
            "variables can't be removed from env with `-=`",
            "write env = and the variables that are wanted",
        ));
    }
    if given.operator == Operator::Set {
        values.env.clear();
    }
    for word in given.words {
        let name = word.bytes.iter().position(|byte| *byte == b'=');
        let Some(name) = name else {
            // The word is not shown: it may be the rest of a password with a blank, and the journal
            // is read by more users than the file.
            return Err(given.fault(
                word,
                "a word is not NAME=VALUE",
                "write NAME=VALUE without blanks: there are no quotes",
            ));
        };
        if &word.bytes[..name] == b"REMOTE_HOST" {
            given.remark(
                word,
                Severity::Warning,
                "env-replaced",
                "REMOTE_HOST is always the peer's address",
                "use another name for the variable",
            );
        }
        values.env.push(word.bytes.into());
    }
    Ok(())
}

/// Variables that systemd gives its services.
const SYSTEMD_SETS: [&[u8]; 8] = [
    b"PATH",
    b"LANG",
    b"LANGUAGE",
    b"TZ",
    b"HOME",
    b"USER",
    b"LOGNAME",
    b"SHELL",
];

/// `passenv`.
pub(crate) fn passenv(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let mut names = match given.operator {
        Operator::Set => BTreeSet::new(),
        Operator::Add | Operator::Remove => values.copied.passenv.take().unwrap_or_default(),
    };
    for word in given.words {
        let name = ByteString::from(word.bytes);
        if given.operator == Operator::Remove {
            names.remove(&name);
            continue;
        }
        let (code, message, help) = match word.bytes {
            [b'#', ..] => (
                "trailing-comment",
                format!(
                    "{} and what follows are taken for names",
                    quoted(word.bytes)
                ),
                "put the comment on a line of its own",
            ),
            b"REMOTE_HOST" => (
                "passenv-unset",
                "REMOTE_HOST is set for every server and never inherited".to_owned(),
                "leave it out",
            ),
            name if name.starts_with(b"LC_") || SYSTEMD_SETS.contains(&name) => {
                names.insert(name.into());
                continue;
            }
            name => (
                "passenv-unset",
                format!("systemd starts services without {}", quoted(name)),
                "set it with env, or for all services with DefaultEnvironment= of systemd",
            ),
        };
        given.remark(word, Severity::Warning, code, message, help);
        names.insert(name);
    }
    values.copied.passenv = Some(names);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{clean, codes, load_text, only, telnet};
    use super::*;
    use crate::service::Service;

    fn with_user(user: &str) -> super::super::super::Configuration {
        load_text(format!(
            "service telnet\n{{\nsocket_type = stream\nwait = no\nserver = /bin/cat\nuser = {user}\n}}\n"
        ))
    }

    #[test]
    fn a_number_of_a_user_never_wraps() {
        let user = |configuration| clean(configuration).credentials.unwrap().user;
        assert_eq!(user(with_user("nobody")), Principal::Name("nobody".into()));
        assert_eq!(user(with_user("1234")), Principal::Id(1234));
        for bad in [
            "4294967296",
            "4294967295",
            "-1",
            "a b",
            "@USER@",
            "x:y",
            "root\r",
        ] {
            assert!(with_user(bad).services.is_empty(), "{bad}");
        }
    }

    #[test]
    fn a_user_that_etc_does_not_list_is_a_warning() {
        let configuration = with_user("ldap.user@example.org");
        assert_eq!(codes(&configuration), ["W 6 unknown-user"]);
        assert_eq!(configuration.services.len(), 1);
        assert_eq!(codes(&telnet("group = wheel")), ["W 7 unknown-group"]);
    }

    #[test]
    fn priorities_and_masks_have_their_ranges() {
        assert_eq!(clean(telnet("nice = -5")).nice, Some(-5));
        assert_eq!(only(telnet("nice = 100")).nice, Some(19));
        assert_eq!(clean(telnet("umask = 027")).umask, Some(0o27));
        assert!(telnet("umask = 1000").services.is_empty());
        assert!(telnet("umask = 8").services.is_empty());
    }

    #[test]
    fn variables_are_set_and_inherited_by_name() {
        let environment = |lines: &str| -> Service { clean(telnet(lines)) };
        let service = environment(
            "env = A=1 B=\nenv += A=2\npassenv = PATH\npassenv += LANG\npassenv -= PATH",
        );
        let set: Vec<_> = service
            .environment
            .set
            .iter()
            .map(ByteString::to_text)
            .collect();
        assert_eq!(set, ["A=1", "B=", "A=2"]);
        assert_eq!(service.environment.pass, Some(vec!["LANG".into()]));
        assert_eq!(
            environment("env = A=1\nenv = C=3").environment.set,
            ["C=3".into()]
        );
        assert_eq!(environment("passenv =").environment.pass, Some(Vec::new()));
        assert_eq!(environment("").environment.pass, None);
        let secret = telnet("env = PASSWORD=correct horse");
        assert!(secret.services.is_empty());
        let told = secret.problems.iter().map(|problem| &problem.message);
        assert!(told.clone().all(|message| !message.contains("horse")));
        assert!(telnet("env = A=1\nenv -= A=1").services.is_empty());
        assert_eq!(codes(&telnet("env = REMOTE_HOST=x")), ["W 7 env-replaced"]);
        assert_eq!(
            codes(&telnet("passenv = REMOTE_HOST SECRET")),
            ["W 7 passenv-unset"; 2]
        );
    }

    #[test]
    fn arguments_are_words_whatever_stands_in_them() {
        let configuration = telnet("server_args = \"a b\" # c");
        assert_eq!(
            codes(&configuration),
            ["W 7 quotes", "W 7 trailing-comment"]
        );
        let crate::service::Serving::Program(program) = only(configuration).serving else {
            panic!("a program");
        };
        let argv: Vec<_> = program.argv.iter().map(ByteString::to_text).collect();
        assert_eq!(argv, ["telnetd", "\"a", "b\"", "#", "c"]);
    }

    #[test]
    fn ids_are_fit_for_logs_and_names_of_units() {
        assert_eq!(clean(telnet("id = a/b%c")).id, "a/b%c".into());
        assert!(telnet("id = a\x07b").services.is_empty());
        assert!(
            telnet(&format!("id = {}", "x".repeat(61)))
                .services
                .is_empty()
        );
    }
}
