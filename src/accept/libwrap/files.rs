//! hosts.allow, hosts.deny and the lists that they name, as they are on disk now.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use xinetd_core::libwrap::{FILES, File, ListFile, Rules, Tables};
use xinetd_core::problem::Severity;

use super::super::file::{Identity, read};

/// The size of one of the files at most.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// How many of the problems are logged when the files are read: `xinetdctl check` shows them all.
const MAX_PROBLEMS: usize = 8;

/// The files, compiled, and the versions of which that was made.
pub(in crate::accept) struct Files {
    paths: [PathBuf; 2],
    seen: Vec<(PathBuf, Result<Identity, Errno>)>,
    tables: Option<Tables>,
}

impl Default for Files {
    fn default() -> Self {
        Self::new(FILES.map(PathBuf::from))
    }
}

impl Files {
    /// The files with these paths: hosts.allow and hosts.deny.
    pub(in crate::accept) fn new(paths: [PathBuf; 2]) -> Self {
        Self {
            paths,
            seen: Vec::new(),
            tables: None,
        }
    }

    /// Their rules as they are now, and whether they were read just now. They are read when one of
    /// them has another version than before: that costs a stat(2) for each.
    pub(in crate::accept) fn tables(&mut self) -> (&Tables, bool) {
        let is_same = |(path, seen): &(PathBuf, _)| Identity::now(path) == *seen;
        let kept = self.tables.take_if(|_| self.seen.iter().all(is_same));
        let is_new = kept.is_none();
        let tables = kept.unwrap_or_else(|| self.read());
        (self.tables.insert(tables), is_new)
    }

    fn read(&mut self) -> Tables {
        self.seen.clear();
        let [allow, deny] = self.paths.clone();
        let allow = self.rules(&allow);
        let deny = self.rules(&deny);
        Tables::new(allow, deny, |path| match self.content(path) {
            Ok(text) => ListFile::Text(text),
            Err(why) => ListFile::Unreadable(why),
        })
    }

    fn rules(&mut self, path: &Path) -> File {
        let text = match self.content(path) {
            Ok(text) => text,
            Err(why) => return File::Unreadable(why),
        };
        let rules = Rules::parse(path, &text);
        let matters = |problem: &&xinetd_core::problem::Problem| problem.severity > Severity::Note;
        for problem in rules.problems.iter().filter(matters).take(MAX_PROBLEMS) {
            log::warn!("{}: {}", problem.place, problem.message);
        }
        File::Rules(rules)
    }

    /// What a file holds; nothing if it does not exist.
    fn content(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        // The version first: a change after that shows the next time.
        self.seen.push((path.to_owned(), Identity::now(path)));
        match read(path, MAX_SIZE) {
            Ok((_, text)) => Ok(text),
            Err(Errno::ENOENT) => Ok(Vec::new()),
            Err(errno) => {
                log::warn!("{} can't be read: {}", path.display(), errno.desc());
                Err(errno.desc().to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::SocketAddr;

    use xinetd_core::libwrap::{Endpoint, Facts, Outcome, User};
    use xinetd_core::policy::NameAnswer;

    use super::*;

    #[test]
    fn a_change_of_any_file_counts_at_once() {
        let folder = std::env::temp_dir().join(format!("hosts-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [allow, deny, list] = ["allow", "deny", "list"].map(|name| folder.join(name));
        let mut files = Files::new([allow.clone(), deny.clone()]);
        let mut outcome = || {
            let (tables, is_new) = files.tables();
            let address: SocketAddr = "10.1.2.3:1".parse().unwrap();
            let client = Endpoint::new(address, "10.1.2.3");
            let facts = Facts {
                daemon: b"ftpd",
                process: 1,
                client: &client,
                server: &Endpoint::unknown(NameAnswer::NoName),
                user: &User::Unknown,
            };
            (tables.decide(&facts).unwrap().outcome, is_new)
        };
        assert_eq!(outcome(), (Outcome::Allow, true));
        assert_eq!(outcome(), (Outcome::Allow, false));
        fs::write(&deny, "ALL: ALL\n").unwrap();
        assert_eq!(outcome(), (Outcome::Deny, true));
        fs::write(&allow, format!("ALL: {}\n", list.display())).unwrap();
        assert_eq!(outcome(), (Outcome::Deny, true));
        fs::write(&list, "10.1.").unwrap();
        assert_eq!(outcome(), (Outcome::Allow, true));
        assert_eq!(outcome(), (Outcome::Allow, false));
        fs::remove_file(&list).unwrap();
        assert_eq!(outcome(), (Outcome::Deny, true));
        fs::remove_file(&deny).unwrap();
        fs::create_dir(&deny).unwrap();
        assert_eq!(outcome(), (Outcome::Deny, true));
        fs::remove_dir(&deny).unwrap();
        fs::write(&deny, vec![b'#'; 4 * 1024 * 1024 + 1]).unwrap();
        assert_eq!(outcome(), (Outcome::Deny, true), "it is too large");
        fs::remove_file(&deny).unwrap();
        std::os::unix::fs::symlink("/dev/null", &deny).unwrap();
        assert_eq!(outcome(), (Outcome::Allow, true));
        fs::remove_dir_all(folder).unwrap();
    }
}
