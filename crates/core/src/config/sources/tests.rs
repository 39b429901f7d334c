use super::*;
use std::os::unix::fs::symlink;

/// A directory that is removed with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("xinetd-bridge-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("etc/xinetd.d")).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn links_stay_inside_the_root() {
    let scratch = Scratch::new("links");
    let root = &scratch.0;
    fs::write(root.join("etc/real"), "inside").unwrap();
    symlink("/etc/real", root.join("etc/absolute")).unwrap();
    symlink("../../../../etc/real", root.join("etc/xinetd.d/upward")).unwrap();
    symlink("/etc/loop", root.join("etc/loop")).unwrap();
    let tree = DiskTree::new(Some(root.clone()));
    let read = |path: &str| tree.read(Path::new(path));
    assert_eq!(read("/etc/absolute").unwrap(), b"inside");
    assert_eq!(read("/etc/xinetd.d/upward").unwrap(), b"inside");
    assert_eq!(read("etc/real").unwrap(), b"inside", "relative to the root");
    assert_eq!(
        read("/etc/loop").unwrap_err().raw_os_error(),
        Some(libc::ELOOP)
    );
    assert_eq!(
        read("/nothing").unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
}

#[test]
fn directories_and_devices_are_errors() {
    let machine = DiskTree::new(None);
    assert_eq!(
        machine.read(Path::new("/etc")).unwrap_err().kind(),
        io::ErrorKind::IsADirectory
    );
    assert!(machine.read(Path::new("/dev/zero")).is_err());
}

#[test]
fn a_fifo_never_blocks() {
    let scratch = Scratch::new("fifo");
    let fifo = scratch.0.join("etc/fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let tree = DiskTree::new(Some(scratch.0.clone()));
    assert!(tree.read(Path::new("/etc/fifo")).is_err());
}

#[test]
fn a_file_may_not_be_too_large() {
    let scratch = Scratch::new("large");
    let path = scratch.0.join("etc/large");
    let file = fs::File::create(&path).unwrap();
    file.set_len(MAX_FILE_SIZE + 1).unwrap();
    let tree = DiskTree::new(Some(scratch.0.clone()));
    assert_eq!(
        tree.read(Path::new("/etc/large")).unwrap_err().kind(),
        io::ErrorKind::FileTooLarge
    );
}

#[test]
fn entries_are_classified_through_links() {
    let scratch = Scratch::new("list");
    let directory = scratch.0.join("etc/xinetd.d");
    fs::write(directory.join("plain"), "").unwrap();
    symlink("/etc/xinetd.d/plain", directory.join("link")).unwrap();
    symlink("/nowhere", directory.join("dangling")).unwrap();
    fs::create_dir(directory.join("sub")).unwrap();
    let tree = DiskTree::new(Some(scratch.0.clone()));
    let mut entries = tree.list(Path::new("/etc/xinetd.d")).unwrap();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("dangling", EntryKind::Dangling),
        ("link", EntryKind::File),
        ("plain", EntryKind::File),
        ("sub", EntryKind::Directory),
    ];
    let expected = expected.map(|(name, entry)| (Path::new("/etc/xinetd.d").join(name), entry));
    assert_eq!(entries, expected);
}

#[test]
fn a_tree_in_memory_lists_like_one_on_disk() {
    let tree = MemoryTree::default()
        .file("/etc/xinetd.d/a", "x")
        .file("/etc/xinetd.d/sub/b", "x")
        .entry("/etc/xinetd.d/gone", EntryKind::Dangling);
    let entries = tree.list(Path::new("/etc/xinetd.d")).unwrap();
    let kinds: Vec<_> = entries.iter().map(|(_, entry)| *entry).collect();
    assert_eq!(
        kinds,
        [EntryKind::File, EntryKind::Dangling, EntryKind::Directory]
    );
    assert!(tree.list(Path::new("/none")).is_err());
}

#[test]
fn lines_are_found_by_number() {
    let mut sources = Sources::default();
    let file: Arc<Path> = Path::new("/f").into();
    sources.insert(Arc::clone(&file), b"one\n\nthree\r\nlast".to_vec());
    let line = |line| {
        sources.line(&Place {
            file: Arc::clone(&file),
            line,
            column: 1,
            length: 0,
        })
    };
    assert_eq!(line(1), Some(&b"one"[..]));
    assert_eq!(line(2), Some(&b""[..]));
    assert_eq!(line(3), Some(&b"three\r"[..]));
    assert_eq!(line(4), Some(&b"last"[..]));
    assert_eq!(line(5), None);
    assert_eq!(line(0), None);
}
