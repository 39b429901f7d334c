//! `User=` and `Group=`.

use super::unit::{Plain, Value};
use crate::config::Attribute;
use crate::service::{Credentials, Principal};

/// Whom systemd runs the helper as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// `User=`; none where the helper itself changes to the user.
    pub(super) user: Option<Value>,
    /// `Group=`; none leaves it to systemd, which takes the user's own.
    pub(super) group: Option<Value>,
    /// Whether the user is root by any name that is known here.
    pub(super) is_root: bool,
    /// Whether systemd makes the user up for as long as the service runs.
    pub(super) dynamic: bool,
}

impl Account {
    /// For an internal service without `user`, which needs no rights at all: a user that owns
    /// nothing, the same for all of them. xinetd runs such services as root.
    pub(super) fn nobody_at_all() -> Self {
        Self {
            user: Some(Value::Literal("xinetd-internal")),
            group: None,
            is_root: false,
            dynamic: true,
        }
    }

    /// The account, or the attribute whose value systemd does not take, and that value.
    ///
    /// A unit with a `User=` that systemd can't parse is refused as a whole, so it must not be
    /// written. Whether the name exists is not asked: it may come from LDAP.
    pub(super) fn new(credentials: &Credentials) -> Result<Self, (Attribute, String)> {
        let Credentials { user, group, .. } = credentials;
        let refused = |attribute| move |word| (attribute, word);
        // A numeric user's group is that number (semantics, section 2), while systemd would look
        // for a line in /etc/passwd.
        if credentials.identity().is_some() {
            return Ok(Self {
                user: None,
                group: None,
                is_root: false,
                dynamic: false,
            });
        }
        let group = match (group, user) {
            (Some(group), _) => Some(value(group).map_err(refused(Attribute::Group))?),
            (None, Principal::Id(_)) => Some(value(user).map_err(refused(Attribute::User))?),
            (None, Principal::Name(_)) => None,
        };
        Ok(Self {
            user: Some(value(user).map_err(refused(Attribute::User))?),
            group,
            is_root: is_root(user),
            dynamic: false,
        })
    }
}

/// Whether a user is root, as far as can be known without a lookup.
pub(super) fn is_root(user: &Principal) -> bool {
    match user {
        Principal::Name(name) => name.as_bytes() == b"root",
        Principal::Id(uid) => *uid == 0,
    }
}

/// A user or group for a unit; the word itself where systemd takes no such.
fn value(principal: &Principal) -> Result<Value, String> {
    match principal {
        // systemd's parse_uid() refuses the two that mean "none" in 32 and in 16 bits.
        Principal::Id(id @ (0xffff | u32::MAX)) => Err(id.to_string()),
        Principal::Id(id) => Ok(Value::Number(i64::from(*id))),
        Principal::Name(name) => {
            // The relaxed rule of systemd.exec(5) and of "User/Group Name Syntax".
            let bytes = name.as_bytes();
            let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            let valid = !bytes.iter().any(|byte| b":/".contains(byte))
                && !is_number(bytes)
                && !bytes.strip_prefix(b"-").is_some_and(is_number)
                && ![&b"."[..], b".."].contains(&bytes);
            let plain = valid.then(|| Plain::new(bytes)).flatten();
            plain.map(Value::Plain).ok_or_else(|| name.to_text())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(user: Principal, group: Option<Principal>) -> Result<Account, (Attribute, String)> {
        Account::new(&Credentials {
            user,
            group,
            supplementary: false,
        })
    }

    #[test]
    fn a_user_by_number_is_left_to_the_helper() {
        let numeric = account(Principal::Id(1234), Some(Principal::Id(5))).unwrap();
        assert_eq!((numeric.user, numeric.group), (None, None));
        let named = account(Principal::Name("nobody".into()), None).unwrap();
        assert_eq!(named.group, None);
        let both = account(Principal::Id(1), Some(Principal::Name("sys".into()))).unwrap();
        assert_eq!(both.user, Some(Value::Number(1)));
        assert_eq!(both.group, Plain::new(b"sys").map(Value::Plain));
    }

    #[test]
    fn root_is_known_by_name_and_number() {
        assert!(account(Principal::Id(0), None).unwrap().is_root);
        assert!(
            account(Principal::Name("root".into()), None)
                .unwrap()
                .is_root
        );
        assert!(!account(Principal::Id(1), None).unwrap().is_root);
    }

    #[test]
    fn what_systemd_refuses_is_refused() {
        for user in [
            Principal::Name(b"caf\xe9"[..].into()),
            Principal::Name("a:b".into()),
            Principal::Name("a/b".into()),
            Principal::Name("..".into()),
            Principal::Name("-1".into()),
            Principal::Name("42".into()),
        ] {
            let (attribute, _) = account(user, None).unwrap_err();
            assert!(matches!(attribute, Attribute::User | Attribute::Group));
        }
        let daemon = Principal::Name("daemon".into());
        let group = account(daemon, Some(Principal::Id(65535))).unwrap_err();
        assert_eq!(group, (Attribute::Group, "65535".to_owned()));
    }
}
