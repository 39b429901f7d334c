//! What is wrong or surprising in hosts.allow and hosts.deny, for the services that ask them.

use std::io::ErrorKind;
use std::path::Path;

use xinetd_core::config::{FileTree, Sources};
use xinetd_core::libwrap::{FILES, Rules};
use xinetd_core::problem::{Place, Problem, Severity};
use xinetd_core::service::Service;

/// The problems of both files, whose lines go into `sources`; none where no service asks them.
pub(super) fn problems(
    tree: &dyn FileTree,
    services: &[Service],
    sources: &mut Sources,
) -> Vec<Problem> {
    let asks = |service: &Service| service.libwrap_daemon().is_some();
    if !services.iter().any(asks) {
        return Vec::new();
    }
    let read = |path: &&str| match tree.read(Path::new(path)) {
        Ok(text) => {
            let problems = Rules::parse(Path::new(path), &text).problems;
            sources.insert(Path::new(path).into(), text);
            problems
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => vec![unreadable(path, &error)],
    };
    FILES.iter().flat_map(read).collect()
}

fn unreadable(path: &str, error: &std::io::Error) -> Problem {
    Problem {
        severity: Severity::Error,
        code: "libwrap-unreadable",
        place: Place {
            file: Path::new(path).into(),
            line: 1,
            column: 1,
            length: 0,
        },
        message: format!("the file can't be read: {error}; hosts.deny refuses everyone then"),
        help: "make it a file that each service's user can read, or remove it".into(),
    }
}

#[cfg(test)]
mod tests {
    use xinetd_core::config::{Databases, EntryKind, MemoryTree, Roots, load};

    use super::*;

    fn found(tree: MemoryTree, flags: &str) -> Vec<String> {
        let main = format!(
            "service foo\n{{\ntype = UNLISTED\nport = 9\nsocket_type = stream\nprotocol = tcp\nwait = no\n\
             user = 0\nserver = /bin/x\n{flags}\n}}\n"
        );
        let tree = tree.file("/etc/xinetd.conf", main);
        let mut configuration = load(
            &tree,
            Roots::xinetd(Path::new("/etc/xinetd.conf")),
            &Databases::default(),
        );
        let problems = problems(&tree, &configuration.services, &mut configuration.sources);
        let line = |problem: &Problem| {
            problem
                .render(configuration.sources.line(&problem.place))
                .lines()
                .take(2)
                .collect()
        };
        problems.iter().map(line).collect()
    }

    #[test]
    fn rules_are_checked_for_those_who_ask_them() {
        let tree = || MemoryTree::default().file("/etc/hosts.allow", "x: ALL\nALL ALL\n");
        let wanted = "/etc/hosts.allow:2:1: error: this is no rule, and is skipped: there is no `:` \
                      between daemons and clients   | ALL ALL";
        assert_eq!(found(tree(), ""), [wanted]);
        assert!(found(tree(), "flags = NOLIBWRAP").is_empty());
        let folder = MemoryTree::default().entry("/etc/hosts.deny", EntryKind::Other);
        assert!(
            found(folder, "")[0].contains("/etc/hosts.deny:1:1: error: the file can't be read")
        );
    }
}
