//! Opening a log file where others may have a hand in its directories.
//!
//! Root writes to what is found, so no other user must be able to say what that is: a link is followed
//! only if it is root's, in a directory that root alone can change, and never as the file itself.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

/// Links on the way to a file: as many as the kernel follows.
const LINKS: usize = 40;

/// What is no place for a log file: the coordinator's own files, which it may write, and file systems
/// whose files are the kernel's.
const OTHERS: [&str; 6] = [
    "/run/xinetd-coordinator",
    "/run/xinetd-bridge",
    "/var/lib/xinetd-coordinator",
    "/proc",
    "/sys",
    "/dev",
];

/// Opens the log file at an absolute path for appending; makes it where it is missing, mode 0644.
///
/// # Errors
/// As open(2), and if there is something else or a trap.
pub(super) fn log_file(path: &Path) -> io::Result<File> {
    if let Some(other) = OTHERS.iter().find(|other| path.starts_with(other)) {
        return Err(io::Error::other(format!(
            "log files do not lie below {other}: write another path"
        )));
    }
    let (directory, name) = walk(path)?;
    let flags = OFlag::O_WRONLY
        | OFlag::O_APPEND
        | OFlag::O_CREAT
        | OFlag::O_NOFOLLOW
        // A FIFO must not hold us up.
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let file = openat(
        &directory,
        name.as_os_str(),
        flags,
        Mode::from_bits_truncate(0o644),
    );
    let file = File::from(file.map_err(|errno| match errno {
        Errno::ELOOP => io::Error::other("it is a symbolic link"),
        errno => errno.into(),
    })?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    // Another name may be that of a file which the owner of this one can't write.
    if found.nlink() > 1 {
        return Err(io::Error::other("it has several names"));
    }
    Ok(file)
}

/// The directory of a path, and the name in it.
fn walk(path: &Path) -> io::Result<(OwnedFd, OsString)> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = || openat(AT_FDCWD, "/", flags, Mode::empty());
    let mut directory = root()?;
    let mut parts = parts(path);
    let name = parts.pop_back().ok_or(ErrorKind::InvalidInput)?;
    if name == ".." {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut links = 0;
    while let Some(part) = parts.pop_front() {
        let part = part.as_os_str();
        match openat(&directory, part, flags | OFlag::O_NOFOLLOW, Mode::empty()) {
            Ok(next) => directory = next,
            // With both flags a link is no directory.
            Err(Errno::ENOTDIR | Errno::ELOOP) => {
                let target = follow(&directory, part)?;
                links += 1;
                if links > LINKS {
                    return Err(Errno::ELOOP.into());
                }
                if target.is_absolute() {
                    directory = root()?;
                }
                for part in self::parts(&target).into_iter().rev() {
                    parts.push_front(part);
                }
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok((directory, name))
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    parts.collect()
}

/// What a link says, if it is to be trusted.
fn follow(directory: &OwnedFd, name: &OsStr) -> io::Result<std::path::PathBuf> {
    let target = readlinkat(directory, name).map_err(|errno| match errno {
        Errno::EINVAL => Errno::ENOTDIR,
        errno => errno,
    })?;
    let found = File::from(directory.try_clone()?).metadata()?;
    if found.uid() != 0 || found.mode() & 0o022 != 0 {
        let name = name.to_string_lossy();
        return Err(io::Error::other(format!(
            "the link {name} on the way to it is in a directory that others can change"
        )));
    }
    Ok(target.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("open-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn lines_are_added_to_what_is_there() {
        let directory = scratch("append");
        let path = directory.join("log");
        log_file(&path).unwrap().write_all(b"one\n").unwrap();
        log_file(&path).unwrap().write_all(b"two\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        assert!(log_file(&directory).is_err(), "a directory");
        assert!(log_file(&directory.join("missing/log")).is_err());
        assert!(log_file(&path.join("below")).is_err());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn nothing_but_a_plain_file_with_one_name_is_opened() {
        let directory = scratch("traps");
        let victim = directory.join("victim");
        fs::write(&victim, "").unwrap();
        let link = directory.join("link");
        symlink(&victim, &link).unwrap();
        let fifo = directory.join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        for trap in [&link, &fifo] {
            assert!(log_file(trap).is_err(), "{}", trap.display());
        }
        let dangling = directory.join("dangling");
        symlink(directory.join("made"), &dangling).unwrap();
        assert!(log_file(&dangling).is_err());
        assert!(!directory.join("made").exists());
        let second = directory.join("second");
        fs::hard_link(&victim, &second).unwrap();
        assert!(log_file(&second).is_err());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn links_on_the_way_are_followed_where_root_alone_made_them() {
        let directory = scratch("links");
        fs::create_dir(directory.join("real")).unwrap();
        symlink("real", directory.join("alias")).unwrap();
        symlink(directory.join("alias"), directory.join("chain")).unwrap();
        symlink("around", directory.join("around")).unwrap();
        let path = directory.join("chain/log");
        let is_root = fs::metadata(&directory).unwrap().uid() == 0;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(log_file(&path).is_ok(), is_root);
        assert!(log_file(&directory.join("around/log")).is_err());
        for mode in [0o775, 0o1777] {
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
            assert!(log_file(&path).is_err());
        }
        assert!(log_file(&directory.join("real/log")).is_ok());
        fs::remove_dir_all(directory).unwrap();
    }
}
