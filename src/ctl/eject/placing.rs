//! Files and links that come into being together, or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use xinetd_core::translate::{GeneratedFile, GeneratedLink};

/// What has come into being so far; all of it goes again with the value, unless it is kept.
#[derive(Debug)]
pub(super) struct Placing {
    root: PathBuf,
    made: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl Placing {
    /// Nothing, below a root.
    pub(super) fn below(root: PathBuf) -> Self {
        Self {
            root,
            made: Vec::new(),
            directories: Vec::new(),
        }
    }

    /// Writes a file that is not there yet: its name appears with all of its content.
    ///
    /// # Errors
    /// Whatever keeps it from being written, one that is there already among it.
    pub(super) fn file(&mut self, file: &GeneratedFile) -> io::Result<()> {
        // What the private files hold is not even listed for others.
        let path = self.path(&file.path, if file.private { 0o700 } else { 0o755 })?;
        let mut temporary = path.clone().into_os_string();
        temporary.push(format!(".xinetdctl.{}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let written = write(&temporary, file).and_then(|()| fs::hard_link(&temporary, &path));
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        written?;
        self.made.push(path);
        Ok(())
    }

    /// Makes a link that is not there yet.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub(super) fn link(&mut self, link: &GeneratedLink) -> io::Result<()> {
        let path = self.path(&link.path, 0o755)?;
        symlink(&link.target, &path)?;
        self.made.push(path);
        Ok(())
    }

    /// Has all of it stay, also across a loss of power.
    pub(super) fn keep(mut self) {
        for path in std::mem::take(&mut self.made) {
            if let Some(directory) = path.parent() {
                // What can't be synced is there all the same.
                let _ = File::open(directory).and_then(|directory| directory.sync_all());
            }
        }
        self.directories.clear();
    }

    /// Where it comes to lie, in a directory that is made with this mode if it is missing.
    fn path(&mut self, relative: &Path, mode: u32) -> io::Result<PathBuf> {
        let path = self.root.join(relative);
        let mut missing: Vec<&Path> = path
            .ancestors()
            .skip(1)
            .take_while(|directory| !directory.exists())
            .collect();
        while let Some(directory) = missing.pop() {
            DirBuilder::new().mode(mode).create(directory)?;
            self.directories.push(directory.to_owned());
        }
        Ok(path)
    }
}

impl Drop for Placing {
    fn drop(&mut self) {
        for path in self.made.iter().rev() {
            let _ = fs::remove_file(path);
        }
        for directory in self.directories.iter().rev() {
            let _ = fs::remove_dir(directory);
        }
    }
}

fn write(path: &Path, file: &GeneratedFile) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options.mode(if file.private { 0o600 } else { 0o644 });
    let mut handle = options.open(path)?;
    handle.write_all(&file.content)?;
    handle.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_was_never_there() {
        let name = format!("xinetdctl-placing-{}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(root.join("etc")).unwrap();
        let file = |path: &str| GeneratedFile {
            path: path.into(),
            content: b"text".to_vec(),
            private: true,
        };
        let link = GeneratedLink {
            path: "etc/b/link".into(),
            target: "/etc/a".into(),
        };
        let mut placing = Placing::below(root.clone());
        placing.file(&file("etc/a")).unwrap();
        placing.link(&link).unwrap();
        let error = placing.file(&file("etc/a")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        drop(placing);
        assert_eq!(fs::read_dir(root.join("etc")).unwrap().count(), 0);
        let mut placing = Placing::below(root.clone());
        placing.file(&file("etc/a")).unwrap();
        placing.keep();
        assert_eq!(fs::read(root.join("etc/a")).unwrap(), b"text");
        assert_eq!(fs::read_dir(root.join("etc")).unwrap().count(), 1);
        fs::remove_dir_all(root).unwrap();
    }
}
