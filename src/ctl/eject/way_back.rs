//! What undoes an ejection, to be typed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xinetd_core::problem::printable;
use xinetd_core::translate::{Ejection, ejected_files};

/// The commands that give a service back to its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ctl) struct WayBack {
    /// Its units, without suffix.
    unit: String,
    /// What was written, without links: absolute paths.
    files: BTreeSet<PathBuf>,
    /// Whether systemd serves it alone: then its instances are not the helper's, and end with the socket.
    is_plain: bool,
}

impl WayBack {
    /// That of what is about to be written.
    pub(super) fn of(ejection: &Ejection, is_plain: bool) -> Self {
        let files = ejection.files.iter();
        Self {
            unit: ejection.unit.clone(),
            files: files.map(|file| Path::new("/").join(&file.path)).collect(),
            is_plain,
        }
    }

    /// That of what was written once to a unit, as far as it is still there below a root.
    pub(in crate::ctl) fn find(root: &Path, unit: &str) -> Self {
        let is_there = |path: &PathBuf| root.join(path).symlink_metadata().is_ok();
        let files: Vec<PathBuf> = ejected_files(unit).into_iter().filter(is_there).collect();
        Self {
            unit: unit.to_owned(),
            is_plain: files
                .iter()
                .all(|file| file.extension().is_none_or(|end| end != "toml")),
            files: files.iter().map(|file| Path::new("/").join(file)).collect(),
        }
    }

    /// A line for each; the last one names the unit, as others may have its id.
    pub(in crate::ctl) fn lines(&self) -> [String; 3] {
        let unit = shell(&self.unit);
        let now = if self.is_plain { "--now " } else { "" };
        let files = self.files.iter();
        let files: Vec<String> = files.map(|path| shell(&path.to_string_lossy())).collect();
        [
            format!("systemctl disable {now}{unit}.socket"),
            format!("rm {}", files.join(" ")),
            format!("xinetdctl enable {unit}.socket"),
        ]
    }
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._:=+,@-".contains(letter);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", printable(word).replace('\'', r"'\''")),
    }
}
