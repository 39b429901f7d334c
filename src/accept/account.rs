//! The account of a service: looked up, and taken.
//!
//! xinetd looks users up when it loads a service, and changes to them in each server. Here the
//! helper does both once, before it looks at a client (docs/xinetd-behaviour.md, section 2). The unit starts
//! it as root, so that its runtime directory, its control socket and its counters are out of the reach of
//! servers.

use std::ffi::CString;
use std::fmt;
use std::io;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use xinetd_core::bytes::ByteString;
use xinetd_core::service::{Credentials, HELPER_USER, Principal};

use crate::sys::credentials::{self, Account};

/// Why a service has no account, or none as which it could be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// No name service knows this user.
    User(ByteString),
    /// `groups = yes` takes a user with a name, and none has this number.
    Number(u32),
    /// No name service knows this group.
    Group(ByteString),
    /// A name service does not answer.
    Unanswered(Principal, Errno),
    /// It is the helpers' own user: its processes could end every helper.
    Reserved,
    /// The kernel does not let the helper have it.
    Denied(Account, Errno),
    /// The kernel does not filter packets for it, so that every client would reach the server.
    Unfiltered(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "there is no user {}", name.to_text()),
            Self::Number(uid) => write!(
                f,
                "groups = yes needs the name of user {uid}, and no user has this number"
            ),
            Self::Group(name) => write!(f, "there is no group {}", name.to_text()),
            Self::Unanswered(principal, errno) => {
                let (what, errno) = (principal, io::Error::from(*errno));
                match what {
                    Principal::Name(name) => {
                        write!(f, "{} can't be looked up: {errno}", name.to_text())
                    }
                    Principal::Id(id) => write!(f, "{id} can't be looked up: {errno}"),
                }
            }
            Self::Reserved => write!(
                f,
                "{HELPER_USER} is the user of the helpers themselves, and its processes could stop \
                 each of them"
            ),
            Self::Denied(account, errno) => write!(
                f,
                "user {} and group {} can't be taken: {}",
                account.uid,
                account.gid,
                io::Error::from(*errno)
            ),
            Self::Unfiltered(error) => {
                write!(f, "only_from and no_access can't be put in force: {error}")
            }
        }
    }
}

impl Unknown {
    /// What to do about it, a sentence without a full stop.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::User(_) | Self::Number(_) | Self::Group(_) | Self::Unanswered(..) => {
                "add it, or change the line and run xinetdctl reload"
            }
            Self::Unfiltered(_) => {
                "services must have CAP_NET_ADMIN for it on this machine; without the lists it is served"
            }
            Self::Reserved => "write another user and run xinetdctl reload",
            Self::Denied(..) => {
                "the helper needs CAP_SETUID and CAP_SETGID, in a user namespace that has both ids: \
                 look for CapabilityBoundingSet= and PrivateUsers= in drop-ins"
            }
        }
    }
}

/// The account of these credentials, as xinetd finds it: a number is taken as it is, and is the
/// number of the group too; the supplementary groups are those of the user, whatever `group` says.
///
/// # Errors
/// If a name service does not know one of them.
pub(crate) fn look_up(wanted: &Credentials) -> Result<Account, Unknown> {
    let Credentials {
        user,
        group,
        supplementary,
    } = wanted;
    let found = match user {
        Principal::Name(name) => match by_name(name, user)? {
            None => return Err(Unknown::User(name.clone())),
            found => found,
        },
        Principal::Id(uid) if *supplementary => {
            let found = User::from_uid(Uid::from_raw(*uid));
            match found.map_err(|errno| Unknown::Unanswered(user.clone(), errno))? {
                None => return Err(Unknown::Number(*uid)),
                found => found,
            }
        }
        Principal::Id(_) => None,
    };
    let (uid, own_gid) = match (user, &found) {
        (_, Some(found)) => (found.uid, found.gid),
        (Principal::Id(id), None) => (Uid::from_raw(*id), Gid::from_raw(*id)),
        (Principal::Name(name), None) => return Err(Unknown::User(name.clone())),
    };
    let gid = match group {
        // A numeric user's group is that number, also where the databases say otherwise.
        None => match user {
            Principal::Id(id) => Gid::from_raw(*id),
            Principal::Name(_) => own_gid,
        },
        Some(Principal::Id(gid)) => Gid::from_raw(*gid),
        Some(Principal::Name(name)) => group_of(name)?,
    };
    let groups = match found.filter(|_| *supplementary) {
        None => Vec::new(),
        Some(found) => {
            let unanswered = |errno| Unknown::Unanswered(user.clone(), errno);
            let name = CString::new(found.name).map_err(|_| unanswered(Errno::EINVAL))?;
            getgrouplist(&name, own_gid).map_err(unanswered)?
        }
    };
    Ok(Account { uid, gid, groups })
}

/// Takes an account, beside the helpers' own user; where that is missing the helper has the
/// service's user alone, and says what this means.
///
/// # Errors
/// If the kernel does not allow it.
pub(super) fn assume(account: &Account) -> Result<(), Unknown> {
    let own = own_user().ok().flatten();
    if own.is_none() && !account.uid.is_root() {
        log::warn!(
            "there is no user {HELPER_USER}, so that a server can stop the helper that started it; \
             run systemd-sysusers, or `useradd --system {HELPER_USER}` without systemd, and start this service anew"
        );
    }
    credentials::assume(account, own.unwrap_or(account.uid)).map_err(|error| {
        let errno = error
            .raw_os_error()
            .map_or(Errno::UnknownErrno, Errno::from_raw);
        Unknown::Denied(account.clone(), errno)
    })
}

/// The account of a service, which is not the helpers' own.
///
/// # Errors
/// Why there is none.
pub(super) fn find(wanted: &Credentials) -> Result<Account, Unknown> {
    let account = look_up(wanted)?;
    match own_user() {
        Ok(Some(own)) if own == account.uid => Err(Unknown::Reserved),
        _ => Ok(account),
    }
}

fn own_user() -> Result<Option<Uid>, Errno> {
    Ok(User::from_name(HELPER_USER)?.map(|user| user.uid))
}

fn by_name(name: &ByteString, user: &Principal) -> Result<Option<User>, Unknown> {
    // A name that is no UTF-8 is none that nix could ask for.
    let Ok(text) = str::from_utf8(name.as_bytes()) else {
        return Ok(None);
    };
    User::from_name(text).map_err(|errno| Unknown::Unanswered(user.clone(), errno))
}

fn group_of(name: &ByteString) -> Result<Gid, Unknown> {
    let text = str::from_utf8(name.as_bytes()).map_err(|_| Unknown::Group(name.clone()))?;
    match Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(Unknown::Group(name.clone())),
        Err(errno) => Err(Unknown::Unanswered(Principal::Name(name.clone()), errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: Principal, group: Option<Principal>, supplementary: bool) -> Credentials {
        Credentials {
            user,
            group,
            supplementary,
        }
    }

    fn name(name: &str) -> Principal {
        Principal::Name(name.into())
    }

    #[test]
    fn a_number_needs_no_line_in_a_database() {
        let account = look_up(&credentials(Principal::Id(424_242), None, false)).unwrap();
        let expected = Account {
            uid: Uid::from_raw(424_242),
            gid: Gid::from_raw(424_242),
            groups: Vec::new(),
        };
        assert_eq!(account, expected);
        let nameless = credentials(Principal::Id(424_242), None, true);
        assert_eq!(look_up(&nameless), Err(Unknown::Number(424_242)));
    }

    #[test]
    fn groups_are_those_of_the_user_whatever_group_says() {
        let account = look_up(&credentials(name("root"), Some(Principal::Id(17)), true)).unwrap();
        assert_eq!((account.uid.as_raw(), account.gid.as_raw()), (0, 17));
        assert!(account.groups.contains(&Gid::from_raw(0)), "{account:?}");
        assert!(!account.groups.contains(&Gid::from_raw(17)), "{account:?}");
    }

    #[test]
    fn unknown_names_are_told() {
        let error = look_up(&credentials(name("nosuch"), None, false)).unwrap_err();
        assert_eq!(error.to_string(), "there is no user nosuch");
        let error = look_up(&credentials(name("root"), Some(name("nosuch")), false)).unwrap_err();
        assert_eq!(error.to_string(), "there is no group nosuch");
    }
}
