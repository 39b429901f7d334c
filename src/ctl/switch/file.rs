//! Replacing the content of a file: whole or not at all, and all else about it stays.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use xattr::FileExt;

/// Writes `new` in the place of `old`, which is what the file held when it was read.
///
/// Owner, mode and extended attributes stay, and with those the SELinux context and the access
/// control list. A symbolic link stays as well: its target is what changes.
///
/// # Errors
/// Whatever keeps it from being written, such as a change by another program meanwhile. The file is as
/// it was then.
pub(in crate::ctl) fn replace(path: &Path, old: &[u8], new: &[u8]) -> io::Result<()> {
    let target = path.canonicalize()?;
    let temporary = beside(&target)?;
    let written = write(&target, &temporary, old, new);
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Waits until no other xinetdctl changes the files below a root, and keeps others out as long as the value
/// lives. Another user than root, who can't write the files either as a rule, waits for none: with a lock for
/// all, each user could hold up root.
pub(in crate::ctl) fn lock(root: Option<&Path>) -> Option<File> {
    let path = root.unwrap_or(Path::new("/")).join(LOCK);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).ok()?;
    file.lock().ok()?;
    Some(file)
}

/// The lock, below the root.
const LOCK: &str = "run/xinetdctl.lock";

/// A name in the same directory that includedir passes over: it has a dot.
fn beside(target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".xinetdctl.{}", std::process::id()));
    Ok(target.with_file_name(hidden))
}

fn write(target: &Path, temporary: &Path, old: &[u8], new: &[u8]) -> io::Result<()> {
    let before = File::open(target)?;
    let metadata = before.metadata()?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)?;
    file.write_all(new)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (metadata.uid(), metadata.gid()) {
        fchown(&file, Some(metadata.uid()), Some(metadata.gid()))?;
    }
    // After the owner, whose change takes bits away.
    file.set_permissions(metadata.permissions())?;
    for name in names(&before)? {
        if let Some(value) = before.get_xattr(&name)?
            && file.get_xattr(&name)?.as_ref() != Some(&value)
        {
            file.set_xattr(&name, &value)?;
        }
    }
    file.sync_all()?;
    if fs::read(target)? != old {
        return Err(io::Error::other("another program has changed it meanwhile"));
    }
    fs::rename(temporary, target)?;
    let directory = target.parent().unwrap_or(Path::new("/"));
    File::open(directory)?.sync_all()
}

/// The names of the extended attributes; none where the file system has no such things.
fn names(file: &File) -> io::Result<Vec<OsString>> {
    match file.list_xattr() {
        Ok(names) => Ok(names.collect()),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn all_but_the_content_stays() {
        let folder = std::env::temp_dir().join(format!("xinetdctl-file-{}", std::process::id()));
        fs::create_dir_all(folder.join("inner")).unwrap();
        let [file, link] = [folder.join("inner/file"), folder.join("link")];
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o4640)).unwrap();
        symlink("inner/file", &link).unwrap();
        let has_attributes = xattr::set(&file, "user.test", b"value").is_ok();
        replace(&link, b"old", b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o4640);
        if has_attributes {
            assert_eq!(xattr::get(&file, "user.test").unwrap().unwrap(), b"value");
        }
        let changed = replace(&link, b"old", b"newer").unwrap_err();
        assert!(changed.to_string().contains("meanwhile"));
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.join("inner")).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    #[ignore = "needs root"]
    fn the_owner_stays() {
        let path = std::env::temp_dir().join(format!("xinetdctl-owner-{}", std::process::id()));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::chown(&path, Some(12), Some(34)).unwrap();
        replace(&path, b"old", b"new").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (12, 34));
        fs::remove_file(path).unwrap();
    }
}
