//! A machine without systemd: a tree whose process 1 is what the test says, as in a container of an image.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::container::{overlay, remove};
use crate::leader::{enter_network, first_child};
use crate::root::cache;
use crate::{Result, Suite, context, leftover, tree};

/// How long anything may take before the test says that it does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tree with what `make install-standalone` installs.
#[derive(Debug)]
pub struct Bare {
    dir: PathBuf,
}

/// A command that runs as process 1 of the tree, with a network and processes of its own.
#[derive(Debug)]
pub struct Running {
    tree: PathBuf,
    /// What it has said.
    console: PathBuf,
    unshare: Child,
    leader: i32,
}

impl Bare {
    /// A tree of Debian 12 in which real xinetd has given way to the program of this repository.
    ///
    /// # Errors
    /// What kept it from being made.
    pub fn new() -> Result<Self> {
        Self::of(Suite::Bookworm)
    }

    /// The same of another suite.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of(suite: Suite) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = suite.root()?;
        let run = cache().join("run");
        leftover::clear(&run);
        let bare = Self {
            dir: run.join(format!("bare-{}-{number}", std::process::id())),
        };
        let tree = overlay(&root, &bare.dir)?;
        tree::make_standalone(&tree)?;
        Ok(bare)
    }

    /// The tree.
    pub fn tree(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Writes a file of it.
    ///
    /// # Errors
    /// What kept it from being written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        tree::write(&self.tree(), path, content, mode)
    }

    /// Starts a shell script as process 1; `exec` in it makes another program that.
    ///
    /// # Errors
    /// What kept it from being started.
    pub fn start(&self, script: &str) -> Result<Running> {
        // As a container runtime leaves them: no /dev/log, an empty /run.
        const PREPARE: &str = r#"
            set -e
            ip link set lo up
            mount -t proc proc "$1/proc"
            mount -t tmpfs -o mode=755 run "$1/run"
            mount -t tmpfs -o mode=755 dev "$1/dev"
            for node in "null 3" "zero 5" "urandom 9"; do
                set -- "$1" "$2" $node
                mknod -m 666 "$1/dev/$3" c 1 "$4"
            done
            ln -s /proc/self/fd/1 "$1/dev/stdout"
            ln -s /proc/self/fd/2 "$1/dev/stderr"
            exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$1" sh -c "$2""#;
        let console = self.dir.join("console");
        let output = context(File::create(&console), "console")?;
        let errors = context(output.try_clone(), "console")?;
        let unshare = Command::new("unshare")
            .args([
                "--net",
                "--mount",
                "--pid",
                "--ipc",
                "--fork",
                "--kill-child",
            ])
            .args(["sh", "-c", PREPARE, "sh"])
            .arg(self.tree())
            .arg(script)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn();
        let mut unshare = context(unshare, "unshare")?;
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && matches!(unshare.try_wait(), Ok(None)) {
            if let Some(leader) = first_child(&unshare) {
                return Ok(Running {
                    tree: self.tree(),
                    console,
                    unshare,
                    leader,
                });
            }
            sleep(Duration::from_millis(2));
        }
        let _ = unshare.kill();
        let _ = unshare.wait();
        Err("the namespaces were not made".to_owned())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        remove(&self.dir);
    }
}

impl Running {
    /// All that was written to standard output and standard error so far.
    pub fn said(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The path outside that a path inside leads to, as long as process 1 runs.
    pub fn path(&self, path: &str) -> PathBuf {
        // /run is a file system of its own.
        let root = PathBuf::from(format!("/proc/{}/root", self.leader));
        root.join(path.trim_start_matches('/'))
    }

    /// A file of the tree; nothing where there is none.
    pub fn read(&self, path: &str) -> String {
        let after = || fs::read(self.tree.join(path.trim_start_matches('/')));
        let bytes = fs::read(self.path(path))
            .or_else(|_| after())
            .unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends process 1 a signal.
    ///
    /// # Errors
    /// If it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        context(kill(Pid::from_raw(self.leader), signal), signal)
    }

    /// Runs a shell script inside; its standard output.
    ///
    /// # Errors
    /// The script and what it said, if it fails.
    pub fn sh(&self, script: &str) -> Result<String> {
        let output = Command::new("nsenter")
            .args(["-t", &self.leader.to_string(), "-a", "-r", "-w"])
            .args(["sh", "-c", script])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .output();
        let output = context(output, "nsenter")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(format!(
                "{script}\nfailed:\n{}{}\nthe console:\n{}",
                text(&output.stdout),
                text(&output.stderr),
                self.said()
            )),
        }
    }

    /// Waits until this is so.
    ///
    /// # Errors
    /// What it is, and what was said until then, if it never is.
    pub fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            if Instant::now() > end {
                return Err(format!("never: {what}; the console:\n{}", self.said()));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits until this stands in what was said.
    ///
    /// # Errors
    /// As [`wait_until`](Self::wait_until).
    pub fn wait_for(&self, part: &str) -> Result<()> {
        self.wait_until(part, || self.said().contains(part))
    }

    /// Waits until process 1 has ended.
    ///
    /// # Errors
    /// If it does not end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let end = Instant::now() + PATIENCE;
        loop {
            match context(self.unshare.try_wait(), "unshare")? {
                Some(status) => return Ok(status),
                None if Instant::now() > end => {
                    return Err(format!(
                        "process 1 does not end; the console:\n{}",
                        self.said()
                    ));
                }
                None => sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Moves the calling thread into its network, for good.
    ///
    /// # Errors
    /// What kept it out.
    pub fn enter_network(&self) -> Result<()> {
        enter_network(self.leader)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // All in there end with their process 1.
        let _ = kill(Pid::from_raw(self.leader), Signal::SIGKILL);
        let _ = self.unshare.wait();
    }
}
