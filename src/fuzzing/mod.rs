//! What the fuzzers of the folder fuzz run: a function for each kind of text that comes from
//! outside.
//!
//! Each function takes any bytes and panics where a promise about them is broken. They stand here,
//! and not beside the fuzzers, because most of what reads such text is private; the library has them
//! for its unit tests and where rustc is called with `--cfg fuzzing`, so that no installed program
//! has them. The test below runs each of them on its seeds and on all that ever broke it.

mod access;
mod bans;
mod configuration;
mod rpc;
mod status;
mod units;

pub use crate::accept::fuzzing::{control, ident, spec, state, tcpmux};
pub use crate::bus::fuzzing::packets;
pub use crate::journal::fuzzing::journal;
pub use access::hosts_access;
pub use bans::bans;
pub use configuration::{configuration, edit, inetd, options};
pub use rpc::portmap;
pub use status::status;

/// What callers of the bus and of xinetdctl write.
pub fn arguments(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    crate::bus::fuzzing::address(text);
    crate::bus::fuzzing::unit(text);
    crate::ctl::fuzzing::seconds(text);
}

/// What begins the first line of another file in [`files`].
const MARK: &[u8] = b">>> ";

/// Several files in one: the first, and each that follows with its name.
///
/// A line `>>> NAME` stands before each file but the first.
fn files(bytes: &[u8]) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let mut first = Vec::new();
    let mut others: Vec<(String, Vec<u8>)> = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match (line.strip_prefix(MARK), others.last_mut()) {
            (Some(name), _) => {
                let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
                others.push((name, Vec::new()));
            }
            (None, Some((_, text))) => text.extend_from_slice(line),
            (None, None) => first.extend_from_slice(line),
        }
    }
    (first, others)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    type Target = fn(&[u8]);

    const TARGETS: &[(&str, Target)] = &[
        ("arguments", arguments),
        ("bans", bans),
        ("configuration", configuration),
        ("control", control),
        ("edit", edit),
        ("hosts_access", hosts_access),
        ("ident", ident),
        ("inetd", inetd),
        ("journal", journal),
        ("options", options),
        ("packets", packets),
        ("portmap", portmap),
        ("spec", spec),
        ("state", state),
        ("status", status),
        ("tcpmux", tcpmux),
    ];

    fn cases(folder: &str, target: &str) -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let entries = fs::read_dir(root.join("fuzz").join(folder).join(target));
        let entries = entries.into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn seeds_and_what_once_broke_a_promise_break_none() {
        for (name, target) in TARGETS {
            let seeds = cases("seeds", name);
            assert!(!seeds.is_empty(), "{name} has no seeds");
            for case in seeds.into_iter().chain(cases("regressions", name)) {
                // What the test prints before a panic: the case.
                println!("{}", case.display());
                target(&fs::read(case).unwrap());
            }
            target(b"");
        }
    }

    #[test]
    fn each_target_has_a_fuzzer() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        let programs = manifest["bin"].as_array().unwrap();
        let names: Vec<_> = programs.iter().map(|bin| bin["name"].as_str()).collect();
        let targets: Vec<_> = TARGETS.iter().map(|(name, _)| Some(*name)).collect();
        assert_eq!(names, targets);
    }

    #[test]
    fn a_case_may_be_several_files() {
        let (first, others) = files(b"a\n>>> /etc/b\nc\n>>>d\n>>> /etc/e\n");
        assert_eq!(first, b"a\n");
        let expected = [
            ("/etc/b".to_owned(), b"c\n>>>d\n".to_vec()),
            ("/etc/e".to_owned(), Vec::new()),
        ];
        assert_eq!(others, expected);
    }
}
