//! The program, and trees of files for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless it ended so.
    #[track_caller]
    pub(crate) fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Fails unless each line fits a terminal.
    #[track_caller]
    pub(crate) fn fits(self) -> Self {
        for line in self.out.lines() {
            assert!(line.chars().count() < 80, "{line}");
        }
        self
    }
}

/// `xinetdctl` with these arguments on the tree `root`.
pub(crate) fn xinetdctl(root: &Path, arguments: &[&str]) -> Ran {
    let output = command(arguments)
        .env("XINETD_BRIDGE_ROOT", root)
        .output()
        .unwrap();
    ran(&output)
}

/// The program, in surroundings that are the same everywhere.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xinetdctl"));
    command
        .args(arguments)
        .env_clear()
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

pub(crate) fn ran(output: &Output) -> Ran {
    Ran {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        err: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// The folder of the tests.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The tree that most tests look at.
pub(crate) fn sample() -> PathBuf {
    tests().join("cli/root")
}

/// A tree of its own for a test, removed with the value.
#[derive(Debug)]
pub(crate) struct Tree(pub(crate) PathBuf);

impl Tree {
    /// A tree with a main file that includes /etc/xinetd.d.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("xinetdctl-cli-{}-{number}", std::process::id());
        let tree = Self(std::env::temp_dir().join(name));
        tree.write("etc/xinetd.conf", "includedir /etc/xinetd.d\n");
        fs::create_dir_all(tree.path("etc/xinetd.d")).unwrap();
        tree
    }

    /// Where a file of the tree lies.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Writes a file, its folders included.
    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a file holds.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Runs the program on the tree.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        xinetdctl(&self.0, arguments)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
