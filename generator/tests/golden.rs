//! Each folder of tests/golden: `root` in, `expected` out, and `log` on standard error.
//!
//! `UPDATE_GOLDEN=1` writes what comes out where it is expected; look at the difference then.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use xinetd_core::installed::UNREAD;

use common::{DIRECTORY, Scratch};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let golden = common::repository().join("tests/golden");
    let cases = common::list(&golden).unwrap_or_default();
    assert!(!cases.is_empty(), "{} has no case", golden.display());
    // What is expected is being written then.
    let can_verify = std::env::var_os("UPDATE_GOLDEN").is_none() && common::can_verify();
    let mut trials = Vec::new();
    for case in cases {
        let name = case
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let verified = case.join("expected");
        trials.push(Trial::test(format!("golden::{name}"), move || {
            compare(&case)
        }));
        let verify = move || common::verify(&verified);
        trials.push(Trial::test(format!("verify::{name}"), verify).with_ignored_flag(!can_verify));
    }
    trials.push(Trial::test("verify::notices", notices).with_ignored_flag(!can_verify));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs one case.
fn compare(case: &Path) -> Result<(), Failed> {
    let scratch = Scratch::new()?;
    let directory = scratch.path().join("late");
    let output = common::generate(&case.join("root"), &directory)?;
    if !output.status.success() {
        return Err(format!("{}", output.status).into());
    }
    let mut found = Vec::new();
    describe(&directory, Path::new(""), &directory, &mut found)?;
    found.push((PathBuf::from("log"), Entry::File(0o644, output.stderr)));

    let expected_directory = case.join("expected");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return update(case, &found);
    }
    let mut expected = Vec::new();
    describe(
        &expected_directory,
        Path::new(""),
        &directory,
        &mut expected,
    )?;
    let log = fs::read(case.join("log")).unwrap_or_default();
    expected.push((PathBuf::from("log"), Entry::File(0o644, log)));
    for (path, entry) in &expected {
        match found.iter().find(|(other, _)| other == path) {
            None => return Err(format!("{}: missing", path.display()).into()),
            Some((_, other)) if other != entry => {
                let text = format!("{}: expected\n{entry}\nfound\n{other}", path.display());
                return Err(text.into());
            }
            Some(_) => {}
        }
    }
    let is_extra = |(path, _): &&(PathBuf, Entry)| !expected.iter().any(|(other, _)| other == path);
    match found.iter().find(is_extra) {
        Some((path, _)) => Err(format!("{}: not expected", path.display()).into()),
        None => Ok(()),
    }
}

/// An entry of a tree.
#[derive(Debug, PartialEq)]
enum Entry {
    Directory,
    Link(PathBuf),
    /// Mode and content.
    File(u32, Vec<u8>),
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory => f.write_str("a directory"),
            Self::Link(target) => write!(f, "a link to {}", target.display()),
            Self::File(mode, content) => write!(f, "{mode:o} {}", String::from_utf8_lossy(content)),
        }
    }
}

/// The entries below `base`/`path`. The name of the output directory is the one of real life.
fn describe(
    base: &Path,
    path: &Path,
    directory: &Path,
    entries: &mut Vec<(PathBuf, Entry)>,
) -> Result<(), Failed> {
    for full in common::list(&base.join(path))? {
        let name = path.join(full.file_name().ok_or("an entry has no name")?);
        let metadata = full.symlink_metadata()?;
        let entry = if metadata.is_symlink() {
            Entry::Link(full.read_link()?)
        } else if metadata.is_dir() {
            describe(base, &name, directory, entries)?;
            Entry::Directory
        } else {
            // Git keeps no modes: what is expected of a spec, and of what was not read, is expected here.
            let is_expected = base != directory;
            let is_spec = name.extension().is_some_and(|end| end == "toml");
            let mode = match is_spec || name.ends_with(UNREAD) {
                true if is_expected => 0o600,
                false if is_expected => 0o644,
                _ => metadata.permissions().mode() & 0o7777,
            };
            let content = fs::read(&full)?;
            let text = String::from_utf8_lossy(&content).into_owned();
            let text = text.replace(&*directory.to_string_lossy(), DIRECTORY);
            Entry::File(mode, text.into_bytes())
        };
        entries.push((name, entry));
    }
    Ok(())
}

/// Makes what came out the expectation.
fn update(case: &Path, found: &[(PathBuf, Entry)]) -> Result<(), Failed> {
    let expected = case.join("expected");
    if expected.exists() {
        fs::remove_dir_all(&expected)?;
    }
    for (path, entry) in found {
        let target = match path.to_str() {
            Some("log") => case.join("log"),
            _ => expected.join(path),
        };
        fs::create_dir_all(target.parent().ok_or("no parent")?)?;
        match entry {
            Entry::Directory => fs::create_dir_all(&target)?,
            Entry::Link(to) => std::os::unix::fs::symlink(to, &target)?,
            Entry::File(_, content) => fs::write(&target, content)?,
        }
    }
    Ok(())
}

/// That systemd-analyze, used like this, notices what is wrong: else all else proves nothing.
fn notices() -> Result<(), Failed> {
    let good = "[Service]\nExecStart=/usr/libexec/xinetd-bridge/xinetd-accept x\n";
    let verify = |text: &[u8]| {
        let scratch = Scratch::new()?;
        fs::write(scratch.path().join("x.service"), text)?;
        common::verify(scratch.path())
    };
    verify(good.as_bytes())?;
    for (what, line) in [
        ("an unknown directive", &b"NoSuchThing=1\n"[..]),
        ("a bad value", b"UMask=9\n"),
        ("a byte that is not UTF-8", b"SyslogIdentifier=\xff\n"),
        ("an unknown specifier", b"RuntimeDirectory=a/%Q\n"),
        (
            "a missing program",
            b"ExecReload=/usr/libexec/no-such-program\n",
        ),
        (
            "an unbalanced quote",
            b"ExecReload=/usr/libexec/xinetd-bridge/xinetd-accept \"x\n",
        ),
    ] {
        if verify(&[good.as_bytes(), line].concat()).is_ok() {
            return Err(format!("{what} was not noticed").into());
        }
    }
    Ok(())
}
