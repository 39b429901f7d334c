//! Whether a service's user may execute its server, as far as files tell beforehand.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use xinetd_core::config::Databases;
use xinetd_core::service::{Credentials, Principal};

/// How much of a script execve(2) looks at (`BINPRM_BUF_SIZE`).
const HEAD: u64 = 256;

/// The user and the groups of a server.
#[derive(Clone, Copy, Debug)]
struct Who {
    uid: u32,
    gid: u32,
    /// Whether it has groups that /etc/passwd does not tell.
    has_more_groups: bool,
}

impl Who {
    /// None where a name service has to be asked.
    fn find(credentials: &Credentials, databases: &Databases) -> Option<Self> {
        let (uid, own_gid) = match &credentials.user {
            Principal::Id(id) => (*id, *id),
            Principal::Name(name) => {
                let user = databases.user(name.as_bytes())?;
                (user.uid, user.gid)
            }
        };
        let gid = match &credentials.group {
            None => own_gid,
            Some(Principal::Id(id)) => *id,
            Some(Principal::Name(name)) => databases.group(name.as_bytes())?,
        };
        Some(Self {
            uid,
            gid,
            has_more_groups: credentials.supplementary,
        })
    }

    /// Whether the mode of a file or directory lets it be executed, or passed through (path_resolution(7)).
    fn may_execute(self, file: &Metadata) -> bool {
        self.may(file.mode(), (file.uid(), file.gid()), file.is_dir())
    }

    fn may(self, mode: u32, (owner, group): (u32, u32), is_directory: bool) -> bool {
        let [owners, groups, others] = [0o100, 0o010, 0o001].map(|bit| mode & bit != 0);
        if self.uid == 0 {
            is_directory || owners || groups || others
        } else if self.uid == owner {
            owners
        } else if self.gid == group {
            groups
        } else {
            others || groups && self.has_more_groups
        }
    }
}

/// Why a server that is there can't be executed, words that follow on its path; none where that is not
/// certain.
pub(super) fn hindrance(
    server: &Path,
    credentials: &Credentials,
    databases: &Databases,
) -> Option<String> {
    let path = fs::canonicalize(server).ok()?;
    let user = || match &credentials.user {
        Principal::Name(name) => name.to_text(),
        Principal::Id(id) => id.to_string(),
    };
    if let Some(who) = Who::find(credentials, databases) {
        // Another user than root may not see all of them.
        let denies = |path: &&Path| fs::metadata(path).is_ok_and(|file| !who.may_execute(&file));
        if let Some(denying) = path.ancestors().find(denies) {
            let user = user();
            return Some(match denying == path {
                true => format!("can't be executed by {user}, by its mode"),
                false => {
                    let directory = denying.display();
                    format!("can't be executed by {user}, by the mode of {directory}")
                }
            });
        }
    }
    let interpreter = interpreter(&path)?;
    let missing =
        fs::metadata(&interpreter).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    missing.then(|| {
        let interpreter = interpreter.display();
        format!("can't be executed, as its interpreter {interpreter} is not there")
    })
}

/// The interpreter of a script.
fn interpreter(path: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    let file = File::open(path).ok()?;
    file.take(HEAD).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?;
    let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let word = line.split(u8::is_ascii_whitespace).next()?;
    word.starts_with(b"/")
        .then(|| PathBuf::from(std::ffi::OsStr::from_bytes(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_the_kernel_does() {
        let who = |uid, has_more_groups| Who {
            uid,
            gid: 20,
            has_more_groups,
        };
        let (owned, grouped, foreign) = ((10, 1), (1, 20), (1, 1));
        let plain = who(10, false);
        assert!(plain.may(0o100, owned, false) && !plain.may(0o011, owned, false));
        assert!(plain.may(0o010, grouped, false) && !plain.may(0o101, grouped, false));
        assert!(plain.may(0o001, foreign, false) && !plain.may(0o110, foreign, false));
        assert!(who(10, true).may(0o010, foreign, false));
        let root = who(0, false);
        assert!(root.may(0o001, foreign, false) && !root.may(0o666, foreign, false));
        assert!(root.may(0, foreign, true));
    }

    #[test]
    fn a_script_whose_interpreter_is_missing_is_named() {
        let path = std::env::temp_dir().join(format!("script-{}", std::process::id()));
        fs::write(&path, "#! /nonexistent/sh -e\n").unwrap();
        assert_eq!(interpreter(&path), Some("/nonexistent/sh".into()));
        fs::write(&path, "\x7fELF").unwrap();
        assert_eq!(interpreter(&path), None);
        fs::remove_file(path).unwrap();
    }
}
