//! What is known of a client, and what could not be found out.

use std::net::IpAddr;

use crate::libwrap::User;
use crate::policy::NameAnswer;

use super::super::ident::{Answer, Failure};
use super::super::pending::Connection;

/// What has been found out about a client.
#[derive(Debug)]
pub(in crate::accept) struct Known {
    /// Its name.
    pub(in crate::accept) client: NameAnswer,
    /// The name of the address that it has connected to.
    pub(super) server: NameAnswer,
    /// Its user.
    pub(super) user: User,
    /// The server's address, while its name is being looked up.
    pub(super) looks_for: Option<IpAddr>,
    /// Its user is being asked for, for a rule.
    pub(super) asks_user: bool,
    /// What came of that, if a rule has asked.
    pub(in crate::accept) answer: Option<Answer>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            client: NameAnswer::NotAsked,
            server: NameAnswer::NotAsked,
            user: User::NotAsked,
            looks_for: None,
            asks_user: false,
            answer: None,
        }
    }
}

impl Known {
    /// Takes the answer for [`Connection::address_in_question`].
    pub(in crate::accept) fn take(&mut self, answer: NameAnswer) {
        match self.looks_for.take() {
            Some(_) => self.server = answer,
            None => self.client = answer,
        }
    }

    /// Takes what came of the question for its user.
    pub(super) fn take_user(&mut self, answer: Answer) {
        self.user = user(&answer);
        self.answer = Some(answer);
    }

    /// Nothing more is found out: what was not asked for stays undetermined.
    pub(in crate::accept) fn give_up(&mut self) {
        for name in [&mut self.client, &mut self.server] {
            if *name == NameAnswer::NotAsked {
                *name = NameAnswer::Undetermined;
            }
        }
        if self.user == User::NotAsked {
            self.user = User::Undetermined;
        }
        self.looks_for = None;
    }
}

impl Connection {
    /// The address whose name it waits for.
    pub(in crate::accept) fn address_in_question(&self) -> IpAddr {
        let peer = self.remote.ip();
        self.known.looks_for.unwrap_or(peer).to_canonical()
    }
}

/// The longest name of a user that the C library takes.
const MAX_USER: usize = 255;

/// The user in the answer of an ident server, which names the system before him; as the C library reads
/// it, up to a blank.
fn user(answer: &Answer) -> User {
    let answer = match answer {
        Ok(answer) => answer,
        // A client whose machine does not say it has no user. Where we could not ask it may be any.
        Err(Failure::System) => return User::Undetermined,
        Err(Failure::NoServer | Failure::Timeout | Failure::Receiving | Failure::BadResponse) => {
            return User::Unknown;
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
    word.map_or(User::Unknown, |word| User::Known(begin(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_one_word_and_no_answer_is_not_the_same_as_none_asked_for() {
        let known = |text: &str| user(&Ok(text.to_owned()));
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
        assert_eq!(user(&Err(Failure::Timeout)), User::Unknown);
        assert_eq!(user(&Err(Failure::System)), User::Undetermined);
    }
}
