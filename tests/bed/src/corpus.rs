//! The configuration files that tests read: the repository's own, and real ones of other people.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::root::cache;
use crate::{Result, context};

/// A folder of configuration files, and of what xinetd has said of them.
#[derive(Clone, Debug)]
pub struct Corpus {
    folder: PathBuf,
}

/// One of the files.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name, and that of its test.
    pub name: String,
    /// The name of its record: what stands before the first `_`.
    pub case: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Corpus {
    /// The files that were written for the tests: every construct that was met in real ones.
    pub fn own() -> Self {
        Self {
            folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/own"),
        }
    }

    /// Real files, which are not part of the repository: in the folder that the environment variable
    /// `XINETD_BRIDGE_CORPUS` names, in `../shared/corpus` beside the repository, or where
    /// `tests/corpus/fetch` puts them.
    ///
    /// # Errors
    /// That there are none, and how to get them.
    pub fn real() -> Result<Self> {
        let folders = match std::env::var_os("XINETD_BRIDGE_CORPUS") {
            Some(folder) => vec![folder.into()],
            None => vec![
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
                cache().join("corpus"),
            ],
        };
        let found = folders
            .into_iter()
            .find(|folder| folder.join("files").is_dir());
        found.map(|folder| Self { folder }).ok_or_else(|| {
            "real configuration files: there are none here; tests/corpus/fetch brings them".into()
        })
    }

    /// All files, by their names.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub fn files(&self) -> Result<Vec<File>> {
        let folder = self.folder.join("files");
        let paths: io::Result<Vec<PathBuf>> = fs::read_dir(&folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut paths = context(paths, folder.display())?;
        paths.sort();
        let file = |path: PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.into_owned();
            let case = name.split('_').next().unwrap_or_default().to_owned();
            File { name, case, path }
        };
        Ok(paths.into_iter().map(file).collect())
    }

    /// The root of the machine that the files belong to: its databases, and the files that are
    /// included.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Where that is which xinetd 2.3.15.3 said of a case.
    pub fn record(&self, case: &str) -> PathBuf {
        self.folder.join(format!("oracle/{case}.txt"))
    }
}

/// The text with every `disable = yes` turned to `no`, if that changes it.
pub fn enabled(text: &[u8]) -> Option<Vec<u8>> {
    let lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let words: Vec<&[u8]> = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .collect();
        let off = matches!(words.as_slice(), [name, b"=", value, ..]
            if name.eq_ignore_ascii_case(b"disable") && value.eq_ignore_ascii_case(b"yes"));
        let at = line
            .windows(3)
            .position(|three| three.eq_ignore_ascii_case(b"yes"));
        match at.filter(|_| off) {
            Some(at) => [&line[..at], b"no", &line[at + 3..]].concat(),
            None => line.to_vec(),
        }
    });
    let switched = lines.collect::<Vec<_>>().concat();
    (switched != text).then_some(switched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disabled_service_is_switched_on_and_nothing_else_changes() {
        let text = b"# disable = yes\nservice yes\n{\n\tDisable\t= YES # yes\n\tgroups = yes\n}";
        let switched = b"# disable = yes\nservice yes\n{\n\tDisable\t= no # yes\n\tgroups = yes\n}";
        assert_eq!(enabled(text).as_deref(), Some(switched.as_slice()));
        assert_eq!(enabled(switched), None);
    }
}
