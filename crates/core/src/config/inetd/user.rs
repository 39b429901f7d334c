//! The fifth field: `user[:group][/class]` or `user[.group]`.

use super::lines::Field;
use super::remarks::Remarks;
use crate::config::databases::Databases;
use crate::config::report::quoted;
use crate::problem::Severity;

/// Whose rights the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UserField<'a> {
    pub(super) user: Field<'a>,
    pub(super) group: Option<Field<'a>>,
}

/// Reads the field.
pub(super) fn read<'a>(
    field: &Field<'a>,
    databases: &Databases,
    remarks: &mut Remarks<'_>,
) -> UserField<'a> {
    let mut field = *field;
    if let Some((account, class)) = field.split_last(b'/') {
        remarks.add(
            Severity::Warning,
            "inetd-class",
            &class,
            format!(
                "the login class {} has no effect: Linux has none",
                quoted(class.bytes())
            ),
            "take it away, and set limits with a file for xinetd (rlimit_as and others)",
        );
        field = account;
    }
    let (user, group) = split(&field, databases);
    UserField { user, group }
}

/// The user and the group. A dot may also be part of a user's name: what the databases know counts,
/// and else the first dot, as for xinetd.
fn split<'a>(field: &Field<'a>, databases: &Databases) -> (Field<'a>, Option<Field<'a>>) {
    if databases.user(field.bytes()).is_some() {
        return (*field, None);
    }
    if let Some((user, group)) = field.split(b':') {
        return (user, Some(group));
    }
    let bytes = field.bytes();
    let dots = (0..bytes.len()).filter(|at| bytes[*at] == b'.');
    let known = dots.into_iter().find(|at| {
        let (user, group) = (&bytes[..*at], &bytes[at + 1..]);
        databases.user(user).is_some() && databases.group(group).is_some()
    });
    match known {
        Some(at) => {
            let (user, group) = (field.part(0, at), field.part(at + 1, bytes.len()));
            (user, Some(group))
        }
        None => match field.split(b'.') {
            Some((user, group)) => (user, Some(group)),
            None => (*field, None),
        },
    }
}
