//! Lists of daemons and clients, with EXCEPT.

use std::ops::Range;

use super::line::RuleLine;
use super::matching::{Match, any};
use super::pattern::{Host, Text, find_outside_brackets};
use super::problem::RuleProblems;

/// Words in groups, between which EXCEPT stands: the second takes from the first, the third from
/// the second, and so on.
#[derive(Clone, Debug)]
pub(super) struct List<P>(Vec<Vec<P>>);

impl<P> List<P> {
    /// Whether one of the first group matches and none of what EXCEPT leaves of the others.
    ///
    /// # Errors
    /// The first that `matches` has; later words are not looked at then, nor those whose answer
    /// changes nothing.
    pub(super) fn matches<E>(
        &self,
        mut matches: impl FnMut(&P) -> Result<Match, E>,
    ) -> Result<Match, E> {
        // A line may have any number of groups: no recursion.
        let mut found = Vec::new();
        for group in &self.0 {
            let hit = any(group, &mut matches)?;
            if self.0.len() == 1 {
                return Ok(hit);
            }
            found.push(hit);
            if hit == Match::No {
                break;
            }
        }
        let outwards = found.into_iter().rev();
        Ok(outwards.fold(Match::No, |inside, hit| hit.and(!inside)))
    }

    /// The words before the first EXCEPT.
    pub(super) fn first_group(&self) -> &[P] {
        self.0.first().map_or(&[], Vec::as_slice)
    }

    /// All words.
    pub(super) fn iter(&self) -> impl Iterator<Item = &P> {
        self.0.iter().flatten()
    }
}

/// `daemon` or `daemon@host`.
#[derive(Clone, Debug)]
pub(super) struct Daemon {
    pub(super) process: DaemonPattern,
    pub(super) host: Option<Host>,
}

/// The part of a daemon before the `@`.
#[derive(Clone, Debug)]
pub(super) enum DaemonPattern {
    /// A number: the server's port.
    Port(u16),
    /// A pattern for the daemon's name.
    Name(Text),
}

/// `host` or `user@host`.
#[derive(Clone, Debug)]
pub(super) struct ClientPattern {
    pub(super) user: Option<Text>,
    pub(super) host: Host,
}

/// The list of daemons in a stretch of a line.
pub(super) fn daemons(
    line: &RuleLine<'_>,
    range: Range<usize>,
    problems: &mut RuleProblems,
) -> List<Daemon> {
    list(line, range, |at, word| {
        let (process, host) = parts(word);
        let digits = process.strip_prefix(b"+").unwrap_or(process);
        let port = digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
            .flatten();
        Daemon {
            process: port.map_or_else(
                || DaemonPattern::Name(Text::new(process)),
                DaemonPattern::Port,
            ),
            host: host.map(|(offset, word)| checked(line, at + offset, word, problems)),
        }
    })
}

/// The list of clients in a stretch of a line.
pub(super) fn clients(
    line: &RuleLine<'_>,
    range: Range<usize>,
    problems: &mut RuleProblems,
) -> List<ClientPattern> {
    list(line, range, |at, word| match parts(word) {
        (_, None) => ClientPattern {
            user: None,
            host: checked(line, at, word, problems),
        },
        (user, Some((offset, host))) => ClientPattern {
            user: Some(Text::new(user)),
            host: checked(line, at + offset, host, problems),
        },
    })
}

fn list<P>(
    line: &RuleLine<'_>,
    range: Range<usize>,
    mut parse: impl FnMut(usize, &[u8]) -> P,
) -> List<P> {
    let mut groups = vec![Vec::new()];
    let mut at = range.start;
    let separator = |byte: &u8| matches!(byte, b',' | b' ' | b'\t' | b'\r' | b'\n');
    for word in line.text[range].split(separator) {
        if word.eq_ignore_ascii_case(b"EXCEPT") {
            groups.push(Vec::new());
        } else if !word.is_empty()
            && let Some(group) = groups.last_mut()
        {
            group.push(parse(at, word));
        }
        at += word.len() + 1;
    }
    List(groups)
}

/// A word before and after its `@`, the latter with its offset. A word may begin with one.
fn parts(word: &[u8]) -> (&[u8], Option<(usize, &[u8])>) {
    match find_outside_brackets(&word[1..], b'@') {
        None => (word, None),
        Some(at) => (&word[..=at], Some((at + 2, &word[at + 2..]))),
    }
}

fn checked(line: &RuleLine<'_>, at: usize, word: &[u8], problems: &mut RuleProblems) -> Host {
    let host = Host::new(word);
    problems.host(&host, word, || line.place(at, word.len()));
    host
}

/// The patterns of a `/file`: hosts alone, between blanks.
pub(super) fn hosts(text: &[u8]) -> impl Iterator<Item = Host> {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    text.split(blank)
        .filter(|word| !word.is_empty())
        .map(Host::new)
}

#[cfg(test)]
mod tests {
    use super::super::Need;
    use super::*;

    #[test]
    fn except_nests_to_the_right() {
        let matches = |groups: &[&[bool]]| {
            let list = List(groups.iter().map(|group| group.to_vec()).collect());
            let found = list.matches(|hit| Ok::<_, ()>(Match::from(*hit))).unwrap();
            found == Match::Yes
        };
        assert!(matches(&[&[false, true]]));
        assert!(!matches(&[&[false], &[false]]));
        assert!(!matches(&[&[true], &[true]]));
        assert!(matches(&[&[true], &[true], &[true]]));
        assert!(!matches(&[&[true], &[true], &[false]]));
        assert!(matches(&[&[true], &[]]));
        assert!(!matches(&[&[]]));
    }

    #[test]
    fn what_is_not_known_counts_only_where_it_decides() {
        let maybe = Match::Maybe(Need::ClientName);
        let (yes, no) = (Match::Yes, Match::No);
        let matches = |groups: &[&[Match]]| {
            let list = List(groups.iter().map(|group| group.to_vec()).collect());
            list.matches(|hit| Ok::<_, ()>(*hit)).unwrap()
        };
        assert_eq!(matches(&[&[maybe, yes]]), yes);
        assert_eq!(matches(&[&[no, maybe, no]]), maybe);
        assert_eq!(matches(&[&[maybe], &[yes]]), no);
        assert_eq!(matches(&[&[maybe], &[yes], &[yes]]), maybe);
        assert_eq!(matches(&[&[yes], &[maybe]]), maybe);
        assert_eq!(matches(&[&[no], &[maybe]]), no);
        assert_eq!(matches(&[&[yes], &[yes], &[maybe]]), maybe);
        assert_eq!(matches(&[&[yes], &[maybe], &[yes]]), yes);
    }
}
