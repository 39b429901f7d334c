//! Attributes that switch something on or off.

use super::vocabulary::yes_or_no;
use super::{Given, Operator, Parsed, Values};
use crate::problem::Severity;

/// `disable`.
pub(crate) fn disable(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.disable = Some(yes_or_no(given)?);
    Ok(())
}

/// `wait`.
pub(crate) fn wait(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.wait = Some(yes_or_no(given)?);
    Ok(())
}

/// `groups`.
pub(crate) fn groups(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.groups = Some(yes_or_no(given)?);
    Ok(())
}

/// `v6only`.
pub(crate) fn v6only(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    values.v6only = Some(yes_or_no(given)?);
    Ok(())
}

/// `mdns`: any value.
pub(crate) fn mdns(_values: &mut Values, _given: &mut Given<'_>) -> Parsed {
    Ok(())
}

/// `enabled`: there even where it lists nothing, and then nothing is on.
pub(crate) fn enabled(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let ids = ids(given);
    values.enabled.get_or_insert_default().extend(ids);
    Ok(())
}

/// `disabled`.
pub(crate) fn disabled(values: &mut Values, given: &mut Given<'_>) -> Parsed {
    let ids = ids(given);
    values.disabled.extend(ids);
    Ok(())
}

/// The ids of a line, which are added whatever the operator (docs/xinetd-behaviour.md, section 1.4).
fn ids(given: &mut Given<'_>) -> Vec<(crate::bytes::ByteString, crate::problem::Place)> {
    if given.operator == Operator::Remove {
        let first = given.word(0);
        given.remark(
            &first,
            Severity::Warning,
            "remove-adds",
            format!("`-=` adds to {}, as `+=` does", given.name),
            "take the ids out of the other lines",
        );
    }
    let words = given.words.iter();
    words
        .map(|word| (word.bytes.into(), given.place(word)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{clean, codes, telnet};

    #[test]
    fn switches_are_yes_or_no_in_any_case() {
        assert!(!clean(telnet("disable = YES")).enabled);
        assert!(clean(telnet("disable = No")).enabled);
        let wrong = telnet("groups = true");
        assert_eq!(codes(&wrong), ["E 7 bad-value"]);
        assert_eq!(wrong.problems[0].help, "the values are yes, no");
    }
}
