//! A booted container: files in, commands in, output out; gone when dropped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::leader::{enter_network, first_child};
use crate::root::cache;
use crate::{Result, Suite, context, group, leftover, tree};

/// How long anything on the bed may take before the test says that it does not come.
const PATIENCE: Duration = Duration::from_secs(120);

/// A container with a real systemd as PID 1 and xinetd-bridge installed.
#[derive(Debug)]
pub struct Container {
    /// Holds the overlay's parts and the console's log.
    dir: PathBuf,
    nspawn: Child,
    /// What its root can't do.
    dropped: Option<&'static str>,
    /// Its PID 1, as this machine numbers it.
    leader: i32,
}

impl Container {
    /// Boots the suite's root with what `make install` installs; `prepare` may add files to the
    /// tree before.
    ///
    /// # Errors
    /// What kept it from booting.
    pub fn boot(suite: Suite, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        Self::boot_without(suite, None, prepare)
    }

    /// The same, without a capability, such as `CAP_SYS_PTRACE`.
    ///
    /// # Errors
    /// As [`boot`](Self::boot).
    pub fn boot_without(
        suite: Suite,
        dropped: Option<&'static str>,
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        Self::boot_tree(suite, dropped, |tree| {
            tree::make("install", tree)?;
            tree::make_user(tree)?;
            tree::without_xinetd(tree)?;
            prepare(tree)?;
            tree::enable(tree)
        })
    }

    /// Boots the suite's root with what `make install-standalone` installs, which is not started; `prepare` as in
    /// [`boot`](Self::boot).
    ///
    /// # Errors
    /// As [`boot`](Self::boot).
    pub fn boot_standalone(
        suite: Suite,
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        Self::boot_tree(suite, None, |tree| {
            tree::without_xinetd(tree)?;
            tree::make_standalone(tree)?;
            prepare(tree)
        })
    }

    /// Boots the suite's root as `prepare` leaves it, without xinetd-bridge.
    ///
    /// # Errors
    /// As [`boot`](Self::boot).
    pub fn boot_bare(suite: Suite, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        Self::boot_tree(suite, None, prepare)
    }

    fn boot_tree(
        suite: Suite,
        dropped: Option<&'static str>,
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = suite.root()?;
        let run = cache().join("run");
        leftover::clear(&run);
        let dir = run.join(format!("{}-{}-{number}", suite.name(), std::process::id()));
        let tree = overlay(&root, &dir)?;
        let booted = prepare(&tree).and_then(|()| start(&dir, dropped));
        let (nspawn, leader) = booted.inspect_err(|_| remove(&dir))?;
        let container = Self {
            dir,
            nspawn,
            dropped,
            leader,
        };
        container.await_boot()?;
        Ok(container)
    }

    /// Boots it anew: what is on its disk stays.
    ///
    /// # Errors
    /// What kept it from going down or from booting.
    pub fn reboot(&mut self) -> Result<()> {
        self.sh("systemctl reboot --no-block")?;
        // With --keep-unit systemd-nspawn leaves, so that the program that has started it does so again.
        let end = Instant::now() + PATIENCE;
        while matches!(self.nspawn.try_wait(), Ok(None)) {
            if Instant::now() > end {
                return Err("the container does not go down".to_owned());
            }
            sleep(Duration::from_millis(20));
        }
        (self.nspawn, self.leader) = start(&self.dir, self.dropped)?;
        self.await_boot()
    }

    /// Waits until systemd has booted; trixie is `degraded` here, for want of kernel modules.
    fn await_boot(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let state = self.output(&["systemctl", "is-system-running", "--wait"])?;
            match state.1.trim() {
                "running" => return Ok(()),
                "degraded" => {
                    let failed = self.sh("systemctl list-units --failed --plain --no-legend")?;
                    let ours = |line: &&str| !line.starts_with("systemd-modules-load.service");
                    return match failed.lines().find(ours) {
                        None => Ok(()),
                        Some(unit) => {
                            let name = unit.split_whitespace().next().unwrap_or_default();
                            let why = self.sh(&format!("journalctl -b -o cat -u {name}"))?;
                            Err(format!("failed at boot: {unit}\n{why}"))
                        }
                    };
                }
                _ => sleep(Duration::from_millis(50)),
            }
        }
        let log = fs::read_to_string(self.dir.join("console")).unwrap_or_default();
        Err(format!("the container did not boot:\n{log}"))
    }

    /// Runs a shell script inside; its standard output.
    ///
    /// # Errors
    /// The script and its output, if it fails.
    pub fn sh(&self, script: &str) -> Result<String> {
        let (success, stdout, stderr) = self.output(&["sh", "-c", script])?;
        if success {
            Ok(stdout)
        } else {
            Err(format!("{script}\nfailed:\n{stdout}{stderr}"))
        }
    }

    /// Runs a shell script inside that may fail; whether it succeeded, and all that it said.
    ///
    /// # Errors
    /// Only if it could not be run.
    pub fn try_sh(&self, script: &str) -> Result<(bool, String)> {
        let (success, stdout, stderr) = self.output(&["sh", "-c", script])?;
        Ok((success, stdout + &stderr))
    }

    /// Runs a command inside that may fail; whether it succeeded, and its standard output.
    ///
    /// # Errors
    /// Only if it could not be run.
    pub fn run(&self, command: &[&str]) -> Result<(bool, String)> {
        let (success, stdout, _) = self.output(command)?;
        Ok((success, stdout))
    }

    /// A property of a unit, as `systemctl show` has it.
    ///
    /// # Errors
    /// If systemctl could not be run.
    pub fn property(&self, unit: &str, name: &str) -> Result<String> {
        let (_, text) = self.run(&["systemctl", "show", "-P", name, unit])?;
        Ok(text.trim().to_owned())
    }

    /// Whether a process inside has ended, and its parent has not taken notice of it yet.
    pub fn has_unnoticed_end(&self) -> bool {
        let space = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let own = space(&self.leader.to_string());
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        pids.filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .any(|pid| is_ending(&pid) && own.is_some() && space(&pid) == own)
    }

    fn output(&self, command: &[&str]) -> Result<(bool, String, String)> {
        let output = context(self.command(command).output(), command.join(" "))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        ))
    }

    /// A command that will run inside, with nothing on its standard input.
    pub fn command(&self, command: &[&str]) -> Command {
        let mut nsenter = Command::new("nsenter");
        nsenter
            .args(["-t", &self.leader.to_string(), "-a"])
            .args(command)
            .stdin(Stdio::null());
        // What a login shell there would have.
        nsenter
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8");
        nsenter
    }

    /// Writes a file inside, with this mode.
    ///
    /// # Errors
    /// What kept it from being written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        tree::write(
            &PathBuf::from(format!("/proc/{}/root", self.leader)),
            path,
            content,
            mode,
        )
    }

    /// Waits until the script succeeds inside.
    ///
    /// # Errors
    /// What the script said at last, if it never does.
    pub fn wait_until(&self, script: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let (success, said) = self.try_sh(script)?;
            if success {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("this never came true:\n{script}\n{said}"));
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Moves the calling thread into the container's network, for good.
    ///
    /// # Errors
    /// What kept it out.
    pub fn enter_network(&self) -> Result<()> {
        enter_network(self.leader)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Its own PID 1, so that nothing of this machine is hit; what fails here has no program left
        // to tell.
        // All in there end with it. A poweroff would wait for what is gone: 25 s for a bus that a
        // scenario had restarted, and 10 s in the shutdown of systemd 252.
        let _ = Command::new("kill")
            .args(["-KILL", &self.leader.to_string()])
            .status();
        let end = Instant::now() + Duration::from_secs(20);
        while matches!(self.nspawn.try_wait(), Ok(None)) && Instant::now() < end {
            sleep(Duration::from_millis(50));
        }
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
        remove(&self.dir);
    }
}

fn start(dir: &Path, dropped: Option<&str>) -> Result<(Child, i32)> {
    let console = context(File::create(dir.join("console")), "console")?;
    let errors = context(console.try_clone(), "console")?;
    // It moves itself into its groups before it becomes systemd-nspawn.
    const ENTER: &str = r#"
        while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit; shift; done
        shift; exec "$@""#;
    let machine = machine(dir);
    let nspawn = Command::new("sh")
        .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
        .args(["-c", ENTER, "sh"])
        .args(group::make(&machine)?)
        .args(["--", "systemd-nspawn", "-D"])
        .arg(dir.join("root"))
        .arg(format!("--machine={machine}"))
        .args(["--register=no", "--keep-unit", "-b", "--private-network"])
        .args(["--capability=all", "--console=pipe", "--quiet"])
        .args(dropped.map(|capability| format!("--drop-capability={capability}")))
        .stdin(Stdio::null())
        .stdout(console)
        .stderr(errors)
        .spawn();
    let mut nspawn = context(nspawn, "systemd-nspawn")?;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && matches!(nspawn.try_wait(), Ok(None)) {
        // PID 1 takes requests when it has made this socket.
        if let Some(leader) = first_child(&nspawn)
            && Path::new(&format!("/proc/{leader}/root/run/systemd/private")).exists()
        {
            return Ok((nspawn, leader));
        }
        sleep(Duration::from_millis(20));
    }
    let _ = nspawn.kill();
    let _ = nspawn.wait();
    let log = fs::read_to_string(dir.join("console")).unwrap_or_default();
    Err(format!("systemd-nspawn did not start:\n{log}"))
}

/// Whether a process ends, or has ended: see proc_pid_stat(5).
fn is_ending(pid: &str) -> bool {
    /// Of the kernel's flags of a process: it ends.
    const PF_EXITING: u32 = 4;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(") ") else {
        return false;
    };
    let mut fields = fields.split(' ');
    let is_dead = matches!(fields.next(), Some("Z" | "X"));
    let flags = fields.nth(5).and_then(|flags| flags.parse::<u32>().ok());
    is_dead || flags.is_some_and(|flags| flags & PF_EXITING != 0)
}

fn machine(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Mounts the root in `dir`, so that what is written there stays there: the tree.
pub(crate) fn overlay(root: &Path, dir: &Path) -> Result<PathBuf> {
    for part in ["upper", "work", "root"] {
        context(fs::create_dir_all(dir.join(part)), dir.display())?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        root.display(),
        dir.join("upper").display(),
        dir.join("work").display()
    );
    let tree = dir.join("root");
    let overlay = mount(
        Some("overlay"),
        &tree,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    );
    context(overlay, "mount of the overlay")?;
    Ok(tree)
}

/// Removes what is left of a container.
pub(crate) fn remove(dir: &Path) {
    group::remove(&machine(dir));
    let _ = umount2(&dir.join("root"), MntFlags::MNT_DETACH);
    let _ = fs::remove_dir_all(dir);
}
