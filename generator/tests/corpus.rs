//! The units of each configuration file of the tests, and of its twin with every `disable = yes` turned
//! around, as systemd-analyze sees them: the repository's own files, and real ones where there are any.

mod common;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::Corpus;

use common::Scratch;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let can_verify = common::can_verify();
    let mut trials = Vec::new();
    for (set, corpus) in [("own", Ok(Corpus::own())), ("real", Corpus::real())] {
        match corpus.and_then(|corpus| Ok((corpus.root(), corpus.files()?))) {
            Ok((machine, files)) => trials.extend(files.into_iter().map(|file| {
                let machine = machine.clone();
                let name = format!("{set}/{}", file.name);
                let test = move || verify(&machine, &file.path);
                Trial::test(name, test).with_ignored_flag(!can_verify)
            })),
            Err(reason) => {
                let _ = writeln!(io::stderr(), "skipped: {reason}");
                trials.push(Trial::test(set, || Ok(())).with_ignored_flag(true));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Both versions of one file.
fn verify(machine: &Path, file: &Path) -> Result<(), Failed> {
    let text = fs::read(file)?;
    for text in testbed::enabled(&text).into_iter().chain([text]) {
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
