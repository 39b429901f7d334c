//! What the tests of this folder have in common.

use std::path::Path;

use super::{Configuration, Databases, MemoryTree, Roots, load};
use crate::problem::Severity;
use crate::service::Service;

/// Enough of /etc for the tests.
pub(super) fn etc() -> MemoryTree {
    MemoryTree::default()
        .file(
            "/etc/services",
            "echo 7/tcp\necho 7/udp\nftp 21/tcp\ntelnet 23/tcp\ntime 37/udp\nhttp 80/tcp\nauth 113/tcp\n",
        )
        .file("/etc/rpc", "rstatd 100001\n")
        .file(
            "/etc/passwd",
            "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
        )
        .file("/etc/group", "root:x:0:\ntty:x:5:\n")
        .file(
            "/etc/hosts",
            "192.0.2.1 Both.example alias # comment\n2001:db8::1 both.example\n192.0.2.2 both.example\n\
             300.0.0.1 rubbish.example\n",
        )
}

/// Loads /etc/xinetd.conf of a tree that has also the databases.
pub(super) fn load_tree(tree: &MemoryTree) -> Configuration {
    let roots = Roots::xinetd(Path::new("/etc/xinetd.conf"));
    load(tree, roots, &Databases::read(tree))
}

/// Loads a text.
pub(super) fn load_text(text: impl AsRef<[u8]>) -> Configuration {
    load_tree(&etc().file("/etc/xinetd.conf", text.as_ref()))
}

/// The problems as `line code` with a letter for the severity.
pub(super) fn codes(configuration: &Configuration) -> Vec<String> {
    let problems = configuration.problems.iter();
    problems
        .map(|problem| {
            let severity = match problem.severity {
                Severity::Note => 'N',
                Severity::Warning => 'W',
                Severity::Error => 'E',
            };
            format!("{severity} {} {}", problem.place.line, problem.code)
        })
        .collect()
}

/// A telnet service with these lines besides those that it needs; the first one is line 7.
pub(super) fn telnet(lines: &str) -> Configuration {
    load_text(format!(
        "service telnet\n{{\nsocket_type = stream\nwait = no\nuser = root\nserver = /usr/sbin/telnetd\n{lines}\n}}\n"
    ))
}

/// The one service of a text that has no problems.
pub(super) fn clean(configuration: Configuration) -> Service {
    assert_eq!(codes(&configuration), [""; 0]);
    only(configuration)
}

/// The one service of a text.
pub(super) fn only(mut configuration: Configuration) -> Service {
    assert_eq!(
        configuration.services.len(),
        1,
        "{:?}",
        configuration.problems
    );
    configuration.services.remove(0)
}
