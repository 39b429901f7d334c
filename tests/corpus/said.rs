//! What xinetd says of a file: as it is recorded, and as its two releases say it now.

use std::fs;
use std::sync::OnceLock;
use std::thread;

use libtest_mimic::Failed;
use testbed::{Corpus, Oracle, Release, Result};

/// Both releases, each with a machine for the corpus that is made when the first case needs it.
pub(crate) struct Xinetd {
    corpus: Corpus,
    older: OnceLock<Result<Oracle>>,
    newer: OnceLock<Result<Oracle>>,
}

impl Xinetd {
    pub(crate) fn new(corpus: Corpus) -> Self {
        Self {
            corpus,
            older: OnceLock::new(),
            newer: OnceLock::new(),
        }
    }

    fn ask(&self, release: Release, text: &[u8]) -> Result<String> {
        let oracle = match release {
            Release::Bookworm => &self.older,
            Release::Trixie => &self.newer,
        };
        let oracle = oracle.get_or_init(|| Oracle::new(release, &self.corpus));
        oracle.as_ref().map_err(Clone::clone)?.ask(text)
    }

    /// What both say: the older first.
    fn ask_both(&self, text: &[u8]) -> Result<[String; 2]> {
        let [older, newer] = thread::scope(|scope| {
            [Release::Bookworm, Release::Trixie]
                .map(|release| scope.spawn(move || self.ask(release, text)))
                .map(|asked| asked.join().map_err(|_| "asking panicked".to_owned()))
        });
        Ok([older??, newer??])
    }

    /// What the older has said of a case; what it says now, where there is no record or it is about to be
    /// written.
    pub(crate) fn recorded(&self, case: &str, text: &[u8]) -> Result<String> {
        match fs::read(self.corpus.record(case)) {
            Ok(record) if !crate::updates() => Ok(String::from_utf8_lossy(&record).into_owned()),
            _ => self.ask(Release::Bookworm, text),
        }
    }

    /// Fails unless both say what is recorded; writes it where that is asked for.
    pub(crate) fn check_records(&self, case: &str, text: &[u8]) -> std::result::Result<(), Failed> {
        let [older, newer] = self.ask_both(text)?;
        let paths = [case, &format!("{case}.{}", Release::Trixie.version())]
            .map(|case| self.corpus.record(case));
        if crate::updates() {
            fs::write(&paths[0], &older)?;
            match newer == older {
                true if paths[1].exists() => fs::remove_file(&paths[1])?,
                true => {}
                false => fs::write(&paths[1], &newer)?,
            }
        }
        let record = fs::read_to_string(&paths[0])
            .map_err(|error| format!("{}: {error}", paths[0].display()))?;
        let newer_record = fs::read_to_string(&paths[1]).unwrap_or_else(|_| record.clone());
        for (release, record, said) in [
            (Release::Bookworm, record, older),
            (Release::Trixie, newer_record, newer),
        ] {
            if record != said {
                let version = release.version();
                let difference = difference(&record, &said);
                return Err(format!("xinetd {version} says something else:\n{difference}").into());
            }
        }
        Ok(())
    }

    /// Fails unless both say the same.
    pub(crate) fn check_releases(&self, text: &[u8]) -> std::result::Result<(), Failed> {
        let [older, newer] = self.ask_both(text)?;
        match older == newer {
            true => Ok(()),
            false => Err(difference(&older, &newer).into()),
        }
    }
}

/// The lines that only one of two texts has: `-` the first, `+` the second.
fn difference(first: &str, second: &str) -> String {
    let lines = diff::lines(first, second).into_iter();
    let lines = lines.filter_map(|line| match line {
        diff::Result::Left(line) => Some(format!("-{line}\n")),
        diff::Result::Right(line) => Some(format!("+{line}\n")),
        diff::Result::Both(..) => None,
    });
    lines.collect()
}
