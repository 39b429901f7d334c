//! What `make install` puts where, and what `make uninstall` leaves.
#![expect(
    clippy::unwrap_used,
    reason = "a panic here is the verdict of the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use testbed::make;

const PROGRAMS: [&str; 5] = [
    "libexec/xinetd-bridge/xinetd-reconcile",
    "libexec/xinetd-bridge/xinetd-coordinator",
    "bin/xinetdctl",
    "libexec/xinetd-bridge/xinetd-accept",
    "lib/systemd/system-generators/xinetd-generator",
];

/// What xinetdctl prints of itself, and a part of it.
const GENERATED: [(&str, &str); 4] = [
    ("share/man/man8/xinetdctl.8", ".SS \"xinetdctl check\""),
    (
        "share/bash-completion/completions/xinetdctl",
        "complete -F _xinetdctl",
    ),
    ("share/zsh/site-functions/_xinetdctl", "#compdef xinetdctl"),
    (
        "share/fish/vendor_completions.d/xinetdctl.fish",
        "complete -c xinetdctl",
    ),
];

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path =
            std::env::temp_dir().join(format!("xinetd-bridge-install-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// All files, relative to `root`.
fn files(root: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(root).unwrap();
                files.insert(path.to_string_lossy().into_owned());
            }
        }
    }
    files
}

#[test]
fn uninstall_removes_all_but_the_configuration() {
    let scratch = Scratch::new();
    let root = &scratch.0;
    make("install", root).unwrap();
    for program in PROGRAMS {
        let mode = fs::metadata(root.join("usr").join(program))
            .unwrap()
            .permissions()
            .mode();
        // No process of a service's user can read the helper's program, nor trace it then.
        let wanted = if program.ends_with("accept") {
            0o711
        } else {
            0o755
        };
        assert_eq!(mode & 0o7777, wanted, "{program}");
    }
    for (file, part) in GENERATED {
        let path = root.join("usr").join(file);
        assert!(fs::read_to_string(&path).unwrap().contains(part), "{file}");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644, "{file}");
    }
    assert!(root.join("etc/xinetd.d").is_dir());
    let kept = BTreeSet::from(["etc/xinetd.conf".to_owned()]);
    assert!(files(root).is_superset(&kept));

    // What an administrator has written survives an upgrade and the removal.
    let conf = root.join("etc/xinetd.conf");
    fs::write(&conf, "# mine\n").unwrap();
    make("install", root).unwrap();
    make("uninstall", root).unwrap();
    assert_eq!(files(root), kept);
    assert_eq!(fs::read_to_string(&conf).unwrap(), "# mine\n");
}
