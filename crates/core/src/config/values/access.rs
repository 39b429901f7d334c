//! `only_from`, `no_access` and `access_times` (docs/xinetd-behaviour.md, sections 2 and 3).

use std::collections::HashMap;
use std::rc::Rc;

use ipnet::IpNet;

use super::super::address;
use super::super::lexer::Word;
use super::super::report::quoted;
use super::{Given, Operator, Parsed, Values};
use crate::problem::{Problem, Severity};
use crate::service::{AccessList, AccessRule, MinuteOfDay, Pattern, TimeWindow};

/// An access list that grows and shrinks line by line, at a cost that does not depend on its
/// length.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressList {
    /// The entries; none where one was removed.
    rules: Vec<Option<AccessRule>>,
    /// Where each pattern stands: made when the first one is removed.
    index: Option<HashMap<Pattern, Vec<usize>>>,
}

impl AddressList {
    fn add(&mut self, rule: AccessRule) {
        if let Some(index) = &mut self.index {
            let places = index.entry(rule.pattern.clone()).or_default();
            places.push(self.rules.len());
        }
        self.rules.push(Some(rule));
    }

    fn remove(&mut self, pattern: &Pattern) {
        let index = self.index.get_or_insert_with(|| {
            let mut index: HashMap<Pattern, Vec<usize>> = HashMap::new();
            for (place, rule) in self.rules.iter().enumerate() {
                if let Some(rule) = rule {
                    index.entry(rule.pattern.clone()).or_default().push(place);
                }
            }
            index
        });
        for place in index.remove(pattern).unwrap_or_default() {
            self.rules[place] = None;
        }
    }

    /// The entries that are left.
    pub(crate) fn list(&self) -> AccessList {
        self.rules.iter().flatten().cloned().collect()
    }
}

/// `only_from`.
///
/// A word that means nothing lets no client in, here as in xinetd; the others count.
pub(crate) fn only_from(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let list = modified(values.copied.only_from.take(), given, |given, fault| {
        given.problems.push(Problem {
            message: format!("{}: it lets no client in", fault.message),
            ..fault
        });
        Ok(())
    })?;
    values.copied.only_from = Some(list);
    Ok(())
}

/// `no_access`.
///
/// A word that means nothing would let in whom it was written to keep out: xinetd goes on without
/// it, here the service is dropped.
pub(crate) fn no_access(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let list = modified(values.copied.no_access.take(), given, |_, fault| Err(fault))?;
    values.copied.no_access = Some(list);
    Ok(())
}

/// The list after this line, given the one before it.
fn modified(
    before: Option<Rc<AddressList>>,
    given: &mut Given<'_>,
    unreadable: impl Fn(&mut Given<'_>, Problem) -> Parsed,
) -> Parsed<Rc<AddressList>> {
    let mut list = match given.operator {
        Operator::Set => Rc::default(),
        Operator::Add | Operator::Remove => before.unwrap_or_default(),
    };
    let target = Rc::make_mut(&mut list);
    for word in given.words {
        let bytes = word.bytes;
        if bytes.starts_with(b"#") {
            // What follows is a comment to its author and addresses to xinetd. To take them for
            // addresses could only let in more.
            let message = format!(
                "{} is no address, and there are no comments behind values",
                quoted(bytes)
            );
            let fault = Problem {
                code: "trailing-comment",
                ..given.fault(word, message, "put the comment on a line of its own")
            };
            unreadable(given, fault)?;
            break;
        }
        let patterns = match read(word, given) {
            Ok(patterns) => patterns,
            // xinetd disables the service for these, and passes over other words.
            Err(fault) if bytes.contains(&b',') || bytes.contains(&b'{') => return Err(fault),
            Err(fault) => {
                unreadable(given, fault)?;
                continue;
            }
        };
        for pattern in patterns {
            match given.operator {
                Operator::Remove => target.remove(&pattern),
                Operator::Set | Operator::Add => target.add(AccessRule {
                    pattern,
                    place: given.place(word),
                }),
            }
        }
    }
    Ok(list)
}

/// What a word means, with what is to be said about it.
fn read(word: &Word<'_>, given: &mut Given<'_>) -> Parsed<Vec<Pattern>> {
    // inet_aton(3) does not mind blanks behind the number: CRLF files work as long as there are
    // numeric addresses alone.
    let bytes = word.bytes.strip_suffix(b"\r").unwrap_or(word.bytes);
    let place = given.place(word);
    let reading = match address::read(bytes, given.databases) {
        Ok(reading) => reading,
        Err(remark) => return Err(remark.at(place)),
    };
    let numeric = matches!(reading.patterns[..], [Pattern::Net(_)]);
    if bytes.len() < word.bytes.len() && !numeric {
        return Err(given.unfit(word, "a host name"));
    }
    match (&reading.patterns[..], reading.remark) {
        // xinetd can't resolve it either, and the rule would never match.
        (_, Some(remark)) if remark.code == "address-wildcard" => {
            return Err(Problem {
                severity: Severity::Error,
                ..remark.at(place)
            });
        }
        (_, Some(remark)) => given.problems.push(remark.at(place)),
        ([Pattern::Net(IpNet::V4(net))], None)
            if (1..32).contains(&net.prefix_len())
                && bytes
                    .iter()
                    .all(|byte| *byte == b'.' || byte.is_ascii_digit()) =>
        {
            given.remark(
                word,
                Severity::Note,
                "address-widened",
                format!("{} means the whole network {net}", quoted(bytes)),
                format!("write {net} to say so, or {}/32", net.addr()),
            );
        }
        _ => {}
    }
    Ok(reading.patterns)
}

/// `access_times`.
pub(crate) fn times(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    for word in given.words {
        let window = window(word, given)?;
        values.access_times.push(window);
    }
    Ok(())
}

/// A time as written, 24:00 included.
struct Time {
    hour: u16,
    minute: u16,
}

impl Time {
    /// `HH:MM`; missing digits count as 0, as for xinetd.
    fn read(text: &[u8]) -> Option<Self> {
        let colon = text.iter().position(|byte| *byte == b':')?;
        let part = |digits: &[u8]| match digits {
            [] => Some(0),
            _ if digits.iter().all(u8::is_ascii_digit) => str::from_utf8(digits).ok()?.parse().ok(),
            _ => None,
        };
        Some(Self {
            hour: part(&text[..colon])?,
            minute: part(&text[colon + 1..])?,
        })
    }
}

/// `HH:MM-HH:MM`.
fn window(word: &Word<'_>, given: &mut Given<'_>) -> Parsed<TimeWindow> {
    const FORM: &str = "an interval such as 08:00-17:59";
    let unfit = || given.unfit(word, FORM);
    let dash = word.bytes.iter().position(|byte| *byte == b'-');
    let dash = dash.ok_or_else(unfit)?;
    let from = Time::read(&word.bytes[..dash]).ok_or_else(unfit)?;
    let to = Time::read(&word.bytes[dash + 1..]).ok_or_else(unfit)?;
    let no_such_time = || {
        given.fault(
            word,
            format!("{} has a time that does not exist", quoted(word.bytes)),
            "write times from 00:00 to 23:59",
        )
    };
    let midnight = (to.hour, to.minute) == (24, 0);
    let from = MinuteOfDay::new(from.hour, from.minute).ok_or_else(no_such_time)?;
    let to = match midnight {
        true => MinuteOfDay::new(23, 59),
        false => MinuteOfDay::new(to.hour, to.minute),
    };
    let to = to.ok_or_else(no_such_time)?;
    if from == to && !midnight {
        return Err(given.fault(
            word,
            format!("{} begins when it ends", quoted(word.bytes)),
            "let it end a minute later: the last minute is included",
        ));
    }
    if midnight || from > to {
        let message = format!(
            "{} is an extension: xinetd drops the service",
            quoted(word.bytes)
        );
        let help = match midnight {
            true => format!("for xinetd write {from}-23:59, which includes the last minute"),
            false => format!("for xinetd write {from}-23:59 00:00-{to}"),
        };
        given.remark(word, Severity::Note, "time-extension", message, help);
    }
    Ok(TimeWindow {
        from,
        to,
        place: given.place(word),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{clean, codes, only, telnet};
    use crate::service::Service;

    fn allowed(service: &Service) -> Vec<String> {
        let rules = service.access.only_from.iter().flatten();
        rules.map(|rule| rule.pattern.to_string()).collect()
    }

    #[test]
    fn lists_add_and_remove_what_is_the_same_network() {
        let service = clean(telnet(
            "only_from = 10.1.2.3 .example.com\nonly_from += 10.1.2.0/24 ::1\nonly_from -= 10.1.2.0/24 .example.com",
        ));
        assert_eq!(allowed(&service), ["10.1.2.3/32", "::1/128"]);
        let empty = only(telnet("only_from ="));
        assert_eq!(
            empty.access.only_from,
            Some(Vec::new()),
            "no one may connect"
        );
        let emptied = clean(telnet(
            "only_from = 10.0.0.1\nonly_from -= 10.0.0.1\nonly_from += 10.0.0.1",
        ));
        assert_eq!(allowed(&emptied), ["10.0.0.1/32"]);
    }

    #[test]
    fn a_word_that_is_no_address_lets_no_one_in_and_never_opens_no_access() {
        let configuration = telnet("only_from = 10.0.0.1 <net>");
        assert_eq!(codes(&configuration), ["E 7 address"]);
        assert_eq!(allowed(&only(configuration)), ["10.0.0.1/32"]);
        for line in [
            "no_access = 10.0.0.1 <net>",
            "no_access = ALL",
            "no_access = # none",
        ] {
            let configuration = telnet(line);
            assert!(configuration.services.is_empty(), "{line}");
            assert_eq!(
                configuration.problems[0].severity,
                crate::problem::Severity::Error
            );
        }
        assert!(
            telnet("only_from = 10.0.0.1,10.0.0.2").services.is_empty(),
            "as in xinetd"
        );
    }

    #[test]
    fn words_behind_a_comment_sign_let_no_one_in() {
        let configuration = telnet("only_from = 10.0.0.1 # was 10.0.0.2");
        assert_eq!(codes(&configuration), ["E 7 trailing-comment"]);
        assert_eq!(allowed(&only(configuration)), ["10.0.0.1/32"]);
    }

    #[test]
    fn what_means_more_than_it_seems_is_told() {
        assert_eq!(
            codes(&telnet("only_from = 10.1.2.0")),
            ["N 7 address-widened"]
        );
        assert_eq!(
            codes(&telnet("only_from = 10.1.2.0/24 0.0.0.0 127.0.0.1")),
            [""; 0]
        );
        assert_eq!(codes(&telnet("only_from = 10.1")), ["W 7 address-short"]);
    }

    #[test]
    fn times_are_minutes_with_both_ends() {
        let times = |line: &str| {
            let service = only(telnet(&format!("access_times = {line}")));
            let windows = service.access_times.iter();
            windows
                .map(|window| format!("{}-{}", window.from, window.to))
                .collect::<Vec<_>>()
        };
        assert_eq!(times("2:00-8:59 :00-23:59"), ["02:00-08:59", "00:00-23:59"]);
        assert_eq!(times("12:00-24:00"), ["12:00-23:59"]);
        assert_eq!(times("22:00-06:00"), ["22:00-06:00"]);
        assert_eq!(
            codes(&telnet("access_times = 22:00-06:00")),
            ["N 7 time-extension"]
        );
        for bad in [
            "8:00",
            "8:00-8:00",
            "8-9",
            "8:00-9:60",
            "25:00-26:00",
            "24:00-24:00",
            "8:00 - 9:00",
            "8:00-9:00,",
        ] {
            let configuration = telnet(&format!("access_times = {bad}"));
            assert!(configuration.services.is_empty(), "{bad}");
        }
    }
}
