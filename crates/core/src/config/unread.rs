//! What was not read, and may have had restrictions for all services.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::configuration::ASSUMED_CODE;
use crate::problem::{NO_PERMISSION, Problem, Severity};

/// The code of the note that the first file is not there beside an inetd.conf.
pub(super) const MISSING_CODE: &str = "main-missing";

/// The code of a file that is named and has nothing in it, as one that is just being written.
pub(super) const EMPTY_CODE: &str = "empty-file";

/// The code of a `defaults` section that is not read to its end.
pub(super) const LOST_CODE: &str = "defaults-lost";

/// The codes of files, and parts of files, that are not read.
const CODES: [&str; 9] = [
    "main-file",
    "include",
    "includedir",
    "missing-path",
    "include-depth",
    "include-number",
    "not-a-file",
    "keyword",
    LOST_CODE,
];

/// Files, and parts of files, that were not read when services were: `defaults` may stand in them.
///
/// What was not read then restricts no service that runs, so that such a service loses nothing when it is not read
/// again. Where something else is not read, it may: that is what a reload is refused for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    unread: BTreeSet<String>,
}

impl Unread {
    /// That of the problems which say so.
    pub fn of<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> Self {
        let problems = problems.into_iter();
        let unread = problems.filter(|one| may_hide(one)).map(key).collect();
        Self { unread }
    }

    /// What stands in a file that [`to_text`](Self::to_text) has made. From any other file it is that all was read: then
    /// nothing is known to have been missing.
    pub fn parse(text: &str) -> Self {
        toml::from_str(text).unwrap_or_default()
    }

    /// The text of a file that keeps it; none where all was read.
    pub fn to_text(&self) -> Option<String> {
        let text = (!self.unread.is_empty()).then(|| toml::to_string(self));
        text?.ok()
    }

    /// The problems of now that are about something else which is not read.
    pub fn new_in<'a>(&self, problems: impl IntoIterator<Item = &'a Problem>) -> Vec<&'a Problem> {
        let problems = problems.into_iter();
        let new = problems.filter(|one| may_hide(one) && !self.unread.contains(&key(one)));
        new.collect()
    }
}

/// Whether `defaults` may stand where this problem keeps it from being read.
fn may_hide(problem: &Problem) -> bool {
    match problem.code {
        ASSUMED_CODE | MISSING_CODE | EMPTY_CODE => true,
        NO_PERMISSION => problem.severity == Severity::Error,
        code => problem.severity == Severity::Error && CODES.contains(&code),
    }
}

/// What a problem is known by again, wherever its line has moved to.
fn key(problem: &Problem) -> String {
    format!("{}: {}", problem.place.file.display(), problem.message)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{etc, load_tree};
    use super::super::{EntryKind, MemoryTree};
    use super::*;

    fn problems(tree: &MemoryTree) -> Vec<Problem> {
        load_tree(tree).problems
    }

    #[test]
    fn what_was_read_before_and_is_not_now_is_new() {
        let main = "includedir /etc/xinetd.d\ninclude /etc/more\n";
        let whole = etc()
            .file("/etc/xinetd.conf", main)
            .file("/etc/more", "defaults\n{\n only_from = 10.0.0.1\n}\n")
            .file("/etc/xinetd.d/foo", "");
        let all_read = Unread::of(&problems(&whole));
        assert_eq!(all_read.to_text(), None);
        let without_folder = format!("{main}includedir /etc/gone.d\n");
        for (path, text) in [
            ("/etc/more", Some("defaults\n{\n only_fr")),
            ("/etc/more", Some("defaults\n{\n only_from 10.0.0.1\n}\n")),
            ("/etc/more", Some("defaults {\n only_from = 10.0.0.1\n}\n")),
            ("/etc/more", Some("default\n{\n only_from = 10.0.0.1\n}\n")),
            ("/etc/more", Some("service x\ndefaults\n{\n}\n")),
            (
                "/etc/more",
                Some("service x\n{\n wait = no\ndefaults\n{\n}\n"),
            ),
            ("/etc/more", Some("}\ndefaults\n{\n}\n")),
            ("/etc/xinetd.conf", Some(without_folder.as_str())),
            ("/etc/more", Some("")),
            ("/etc/more", Some("defa")),
            ("/etc/more", Some("\0\0\0\0")),
            ("/etc/more", Some("ults\n{\n only_from = 10.0.0.1\n}\n")),
            (
                "/etc/more",
                Some("# defaults\n{\n only_from = 10.0.0.1\n}\n"),
            ),
            ("/etc/xinetd.conf", Some("includ /etc/more\n")),
            ("/etc/more", None),
            ("/etc/xinetd.d/foo", None),
        ] {
            let tree = match text {
                Some(text) => whole.clone().file(path, text),
                None => whole.clone().entry(path, EntryKind::Other),
            };
            let problems = problems(&tree);
            assert!(!all_read.new_in(&problems).is_empty(), "{path} {text:?}");
            let kept = Unread::of(&problems).to_text().unwrap();
            let known = Unread::parse(&kept);
            assert!(known.new_in(&problems).is_empty(), "{path} {text:?}");
        }
        for tree in [
            whole.clone().file("/etc/more", "# no defaults any more\n"),
            whole.clone().file("/etc/xinetd.d/foo", ""),
            whole.clone().file("/etc/xinetd.d/sub/deep", ""),
            whole.file("/etc/more", "service x\n{\n bare\n}\n"),
        ] {
            assert!(all_read.new_in(&problems(&tree)).is_empty(), "{tree:?}");
        }
    }

    #[test]
    fn the_first_file_may_be_missing_where_it_was_missing_before() {
        let without = etc().file("/etc/xinetd.d/foo", "");
        let with = without.clone().file("/etc/xinetd.conf", "");
        let problems = problems(&without);
        assert_eq!(
            Unread::of(&load_tree(&with).problems)
                .new_in(&problems)
                .len(),
            1
        );
        assert!(Unread::of(&problems).new_in(&problems).is_empty());
    }
}
