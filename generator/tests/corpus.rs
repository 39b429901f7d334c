//! The units of each file of the corpus of real xinetd files, and of its twin with every
//! `disable = yes` turned around, as systemd-analyze sees them.
//!
//! The corpus lies beside the repository, in `../shared/corpus`, or where the environment variable
//! `XINETD_BRIDGE_CORPUS` says; without it everything is ignored.

mod common;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use common::Scratch;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let corpus = match std::env::var_os("XINETD_BRIDGE_CORPUS") {
        Some(path) => path.into(),
        None => common::repository().join("../shared/corpus"),
    };
    let files = common::list(&corpus.join("files")).unwrap_or_default();
    let can_verify = common::can_verify();
    if files.is_empty() {
        let name = format!("no corpus: {}", corpus.display());
        let trial = Trial::test(name, || Ok(())).with_ignored_flag(true);
        return libtest_mimic::run(&arguments, vec![trial]).exit_code();
    }
    let trials = files.into_iter().map(|file| {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let machine = corpus.join("root");
        Trial::test(name, move || verify(&machine, &file)).with_ignored_flag(!can_verify)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Both versions of one file.
fn verify(machine: &Path, file: &Path) -> Result<(), Failed> {
    let text = fs::read(file)?;
    for text in [enabled(&text), text] {
        let scratch = Scratch::new()?;
        let root = scratch.path().join("root");
        common::copy(machine, &root)?;
        fs::write(root.join("etc/xinetd.conf"), text)?;
        let directory = scratch.path().join("late");
        let output = common::generate(&root, &directory)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{}: {said}", output.status).into());
        }
        common::verify(&directory)?;
    }
    Ok(())
}

/// The text with all services switched on.
fn enabled(text: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let words: Vec<&[u8]> = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .collect();
        let is_switch = match words[..] {
            [name, b"=", value] => {
                name.eq_ignore_ascii_case(b"disable") && value.eq_ignore_ascii_case(b"yes")
            }
            _ => false,
        };
        lines.push(if is_switch {
            b"disable = no".to_vec()
        } else {
            line.to_vec()
        });
    }
    lines.join(&b'\n')
}
