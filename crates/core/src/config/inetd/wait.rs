//! The fourth field: `wait` or `nowait`, and limits behind it.
//!
//! The inetds differ: `.MAX` (or `:MAX`) is a number of starts in a minute, `/MAX[/RATE[/EACH]]`,
//! of FreeBSD, numbers of servers at once, of clients in a minute for an address, and of servers at
//! once for an address.

use super::lines::Field;
use super::remarks::{Remarks, Unfit};
use crate::config::report::quoted;
use crate::problem::Severity;

/// What the field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait<'a> {
    /// Whether the server gets the listening socket.
    pub(super) wait: bool,
    /// The word alone.
    pub(super) word: Field<'a>,
    /// How many servers may run at once.
    pub(super) instances: Option<Field<'a>>,
    /// How many for one address.
    pub(super) per_source: Option<Field<'a>>,
}

/// Reads the field.
pub(super) fn read<'a>(field: &Field<'a>, remarks: &mut Remarks<'_>) -> Result<Wait<'a>, Unfit> {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic();
    let length = field
        .bytes()
        .iter()
        .take_while(|byte| is_letter(byte))
        .count();
    let word = field.part(0, length);
    let limits = field.part(length, field.bytes().len());
    let wait = match word.bytes() {
        b"wait" => true,
        b"nowait" => false,
        _ => {
            let message = format!("{} is neither wait nor nowait", quoted(field.bytes()));
            let help = "write nowait where each client gets a server of its own, else wait";
            return Err(remarks.unfit("inetd-wait", field, message, help));
        }
    };
    let mut read = Wait {
        wait,
        word,
        instances: None,
        per_source: None,
    };
    let numbers = match limits.bytes() {
        [] => return Ok(read),
        [b'.' | b':' | b'/', rest @ ..] => limits.part(1, 1 + rest.len()),
        _ => return Err(unreadable(&limits, remarks)),
    };
    let slashes = limits.bytes().starts_with(b"/");
    let numbers: Vec<Field<'a>> = match slashes {
        true => numbers.parts(b'/').collect(),
        false => vec![numbers],
    };
    let is_number = |field: &Field<'_>| {
        let digits = field.bytes();
        !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    };
    if numbers.len() > 3 || !numbers.iter().all(is_number) {
        return Err(unreadable(&limits, remarks));
    }
    // Nothing is limited by 0.
    let limit = |index: usize| {
        let number = numbers.get(index);
        number.filter(|number| number.bytes().iter().any(|digit| *digit != b'0'))
    };
    let rate = if slashes {
        read.instances = limit(0).copied();
        read.per_source = limit(2).copied();
        limit(1)
    } else {
        limit(0)
    };
    if let Some(rate) = rate {
        remarks.add(
            Severity::Warning,
            "inetd-rate",
            rate,
            "the number for a minute has no effect, as in xinetd: cps limits the clients of a second",
            "take it away; cps in defaults limits all services, and one alone that has a file of its own for xinetd",
        );
    }
    Ok(read)
}

fn unreadable(limits: &Field<'_>, remarks: &Remarks<'_>) -> Unfit {
    let message = format!("{} is no limit", quoted(limits.bytes()));
    let help = "write nothing behind wait or nowait, or .MAX for the starts of a minute";
    remarks.unfit("inetd-wait", limits, message, help)
}
