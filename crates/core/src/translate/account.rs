//! `user`, `group` and `groups`: the account that the helper takes.

use super::obstacle::Reason;
use super::unit::Value;
use crate::config::Attribute;
use crate::service::{Credentials, HELPER_USER, Principal};

/// The number of the user `nobody` and its group on every Linux (systemd's "overflow" uid).
const NOBODY: u32 = 65534;

/// The account of a service that runs no program and has no `user`: it needs no rights at all.
/// xinetd runs such services as root.
pub(super) fn nobody() -> Credentials {
    Credentials {
        user: Principal::Id(NOBODY),
        group: None,
        supplementary: false,
    }
}

/// What is wrong with an account, as far as can be known without a lookup: names may come from
/// LDAP.
pub(super) fn check(credentials: &Credentials) -> Result<(), (Attribute, Reason)> {
    let Credentials { user, group, .. } = credentials;
    if let Principal::Name(name) = user
        && name.as_bytes() == HELPER_USER.as_bytes()
    {
        return Err((Attribute::User, Reason::HelperUser));
    }
    for (attribute, principal) in [
        (Attribute::User, Some(user)),
        (Attribute::Group, group.as_ref()),
    ] {
        // setresuid(2) takes this number for "no change": the server would stay root's.
        if principal == Some(&Principal::Id(u32::MAX)) {
            return Err((attribute, Reason::NoId));
        }
    }
    Ok(())
}

/// Whether a user is root, as far as can be known without a lookup.
pub(super) fn is_root(user: &Principal) -> bool {
    match user {
        Principal::Name(name) => name.as_bytes() == b"root",
        Principal::Id(uid) => *uid == 0,
    }
}

/// The account in words, for the reader of the unit; a helper of another account is replaced when
/// these words change.
pub(super) fn words(credentials: &Credentials) -> Value {
    let Credentials {
        user,
        group,
        supplementary,
    } = credentials;
    let mut words = Vec::new();
    let mut add = |label: &str, principal: &Principal| {
        words.extend_from_slice(label.as_bytes());
        match principal {
            Principal::Name(name) => words.extend_from_slice(name.as_bytes()),
            Principal::Id(id) => words.extend_from_slice(id.to_string().as_bytes()),
        }
    };
    add("user ", user);
    if let Some(group) = group {
        add(", group ", group);
    }
    if *supplementary {
        words.extend_from_slice(b", groups");
    }
    Value::Prose(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(user: Principal, group: Option<Principal>) -> Result<(), (Attribute, Reason)> {
        check(&Credentials {
            user,
            group,
            supplementary: false,
        })
    }

    #[test]
    fn root_is_known_by_name_and_number() {
        assert!(is_root(&Principal::Id(0)) && is_root(&Principal::Name("root".into())));
        assert!(!is_root(&Principal::Id(1)) && !is_root(&Principal::Name("toor".into())));
    }

    #[test]
    fn a_service_can_have_no_account_that_is_none_or_the_helpers_own() {
        let daemon = || Principal::Name("daemon".into());
        assert_eq!(account(daemon(), Some(Principal::Id(65535))), Ok(()));
        let error = account(daemon(), Some(Principal::Id(u32::MAX)));
        assert_eq!(error, Err((Attribute::Group, Reason::NoId)));
        let error = account(Principal::Id(u32::MAX), None);
        assert_eq!(error, Err((Attribute::User, Reason::NoId)));
        let error = account(Principal::Name(HELPER_USER.into()), None);
        assert_eq!(error, Err((Attribute::User, Reason::HelperUser)));
    }
}
