//! What the bridge makes of a file, against what xinetd has said of it.

use std::collections::BTreeSet;
use std::path::Path;

use xinetd_core::config::{self, Databases, MemoryTree, Roots};
use xinetd_core::problem::{Severity, printable};

use crate::meaning;
use crate::oracle::{self, Verdict};

/// The file that is read.
const MAIN: &str = "/etc/xinetd.conf";

/// All ways in which the bridge disagrees with xinetd's verdict.
pub(crate) fn compare(
    tree: &MemoryTree,
    databases: &Databases,
    text: Vec<u8>,
    verdict: &Verdict,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let tree = tree.clone().file(MAIN, text);
    let configuration = config::load(&tree, Roots::xinetd(Path::new(MAIN)), databases);

    let ours: Vec<_> = configuration
        .services
        .iter()
        .filter(|service| service.enabled)
        .collect();
    let mut theirs = verdict.started();
    for service in ours {
        let port = meaning::port(service);
        let name = format!("{} at port {port}", service.id.to_text());
        let same = |theirs: &&oracle::Service| {
            theirs.text("id") == service.id.to_text() && theirs.text("port") == port
        };
        match theirs.iter().position(same) {
            Some(index) => {
                let theirs = theirs.remove(index);
                for (attribute, theirs, ours) in
                    meaning::compare(service, theirs, verdict, databases)
                {
                    let text = format!("{name}: {attribute}: xinetd `{theirs}`, bridge `{ours}`");
                    found.insert(printable(&text));
                }
            }
            None => {
                found.insert(format!("{name}: started by the bridge alone"));
            }
        }
    }
    for service in theirs {
        let (id, port) = (service.text("id"), service.text("port"));
        found.insert(format!("{id} at port {port}: started by xinetd alone"));
    }

    let lines: BTreeSet<u32> = configuration
        .problems
        .iter()
        .filter(|problem| {
            problem.severity > Severity::Note && *problem.place.file == *Path::new(MAIN)
        })
        .map(|problem| problem.place.line)
        .collect();
    for (line, message) in &verdict.problems {
        if !lines.contains(line) {
            found.insert(format!("line {line}: xinetd alone says: {message}"));
        }
    }
    for dropped in &configuration.dropped {
        // In a service that is switched off it is a note.
        let mut problems = configuration.problems.iter();
        if !problems.any(|problem| problem.place.file == dropped.place.file) {
            found.insert(format!("{}: dropped without a word", dropped.id.to_text()));
        }
    }
    found
}
