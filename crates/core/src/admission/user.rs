//! The user of a client, as the ident server of its machine tells it (docs/xinetd-behaviour.md, section 5.6
//! of docs/xinetd-behaviour.md).

use std::fmt;

use crate::libwrap;

/// What came of the question for a client's user: the operating system, a colon and the name, as the
/// ident server wrote them.
pub type UserAnswer = Result<String, NoUser>;

/// Why a client's user is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoUser {
    /// The client's machine has no ident server.
    NoServer,
    /// The answer did not come in time.
    Timeout,
    /// The ident server could not be asked.
    System,
    /// The answer broke off.
    Receiving,
    /// The answer is none, or an error.
    BadResponse,
}

impl fmt::Display for NoUser {
    /// xinetd's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoServer => "no server",
            Self::Timeout => "timeout",
            Self::System => "system error",
            Self::Receiving => "error while receiving response",
            Self::BadResponse => "bad response",
        })
    }
}

/// The longest name of a user that the C library takes.
const MAX_USER: usize = 255;

/// The user for hosts.allow and hosts.deny; as the C library reads the answer, up to a blank.
pub(super) fn for_rules(answer: &UserAnswer) -> libwrap::User {
    let answer = match answer {
        Ok(answer) => answer,
        // A client whose machine does not say it has no user. Where we could not ask it may be any.
        Err(NoUser::System) => return libwrap::User::Undetermined,
        Err(NoUser::NoServer | NoUser::Timeout | NoUser::Receiving | NoUser::BadResponse) => {
            return libwrap::User::Unknown;
        }
    };
    let blank = |letter: char| letter.is_ascii_whitespace() || letter == '\x0b';
    let words = answer.split_once(':').map(|(_, text)| text.split(blank));
    let word = words.and_then(|mut words| words.find(|word| !word.is_empty()));
    let begin = |word: &str| {
        let ends = word
            .char_indices()
            .map(|(at, letter)| at + letter.len_utf8());
        let end = ends.take_while(|end| *end <= MAX_USER).last();
        word[..end.unwrap_or(0)].to_owned()
    };
    word.map_or(libwrap::User::Unknown, |word| {
        libwrap::User::Known(begin(word))
    })
}

#[cfg(test)]
mod tests {
    use crate::libwrap::User;

    use super::*;

    #[test]
    fn the_user_is_one_word_and_no_answer_is_not_the_same_as_none_asked_for() {
        let known = |text: &str| for_rules(&Ok(text.to_owned()));
        assert_eq!(known("UNIX : joe smith"), User::Known("joe".into()));
        assert_eq!(
            known("UNIX:\u{a0}joe\x0bx"),
            User::Known("\u{a0}joe".into())
        );
        assert_eq!(known("OTHER:a:b"), User::Known("a:b".into()));
        assert_eq!(known("UNIX :  "), User::Unknown);
        assert_eq!(known("UNIX"), User::Unknown);
        let long = format!("UNIX:{}", "\u{fc}".repeat(200));
        assert_eq!(known(&long), User::Known("\u{fc}".repeat(127)));
        assert_eq!(for_rules(&Err(NoUser::Timeout)), User::Unknown);
        assert_eq!(for_rules(&Err(NoUser::System)), User::Undetermined);
    }
}
