//! podman, with a storage of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testbed::{Result, Suite, cache, enter_network};

/// How long a container takes at most for what it is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The image that `make image` makes.
const IMAGE: &str = "localhost/xinetd-bridge-tests";

/// The image of the challenge.
pub(crate) const CHALLENGE: &str = "localhost/xinetd-bridge-tests-challenge";

/// An image that has nothing but the programs.
pub(crate) const EMPTY: &str = "localhost/xinetd-bridge-tests-empty";

/// Why no image can be made on this machine, if none can.
pub(crate) fn missing() -> Option<String> {
    let absent = |tool| Command::new(tool).arg("--version").output().is_err();
    if absent("podman") {
        return Some("podman is not installed; tests/setup installs it".into());
    }
    // Debian's own toolchain has the target of the machine alone.
    absent("rustup").then(|| "images need a toolchain of rustup".into())
}

/// The images.
pub(crate) struct Images {
    /// Where podman is told to keep them.
    storage: PathBuf,
    /// How it is told to run them.
    engine: PathBuf,
}

impl Images {
    /// Makes all of them, as the page on images says.
    pub(crate) fn make() -> Result<Self> {
        let file = |name: &str, text: String| {
            let path = cache().join(name);
            fs::write(&path, text)
                .map(|()| path)
                .map_err(|error| format!("{name}: {error}"))
        };
        let [storage, running] = ["containers", "containers-run"].map(|name| cache().join(name));
        let this = Self {
            storage: file(
                "storage.conf",
                format!("[storage]\ndriver = \"overlay\"\ngraphroot = {storage:?}\nrunroot = {running:?}\n"),
            )?,
            // crun refuses a machine that has control groups of both versions, and no limit may be above this
            // machine's own.
            engine: file(
                "containers.conf",
                "[containers]\ndefault_ulimits = [\"nofile=1024:4096\", \"nproc=1000:1000\"]\n[engine]\nruntime = \"runc\"\n"
                    .into(),
            )?,
        };
        let base = this.base()?;
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        // The release's optimisation of the whole program takes minutes.
        let make = this
            .command("make")
            .args(["--silent", "image", "IMAGE=localhost/xinetd-bridge-tests"])
            .env("BASE", base)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env_remove("CARGO_MANIFEST_DIR")
            .current_dir(&repository)
            .output();
        said("make image", make)?;
        let challenge = repository.join("packaging/container/challenge");
        let base = format!("BASE={IMAGE}");
        let folder = challenge.display().to_string();
        this.podman(&[
            "build",
            "--quiet",
            "--build-arg",
            &base,
            "-t",
            CHALLENGE,
            &folder,
        ])?;
        let tree = repository.join("target/static").display().to_string();
        let empty = repository.join("tests/images/Containerfile.empty");
        let empty = empty.display().to_string();
        this.podman(&["build", "--quiet", "-t", EMPTY, "-f", &empty, &tree])?;
        // Those of an earlier run, which have lost their names to these.
        this.podman(&["image", "prune", "--force"])?;
        Ok(this)
    }

    /// Debian's smallest root as an image.
    fn base(&self) -> Result<String> {
        let root = Suite::Plain.root()?;
        let name = root.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("localhost/{name}");
        if self.podman(&["image", "exists", &name]).is_err() {
            let import = format!(
                "tar -C '{}' -c . | podman import --quiet - {name}",
                root.display()
            );
            said(
                "podman import",
                self.command("sh").args(["-c", &import]).output(),
            )?;
        }
        Ok(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("CONTAINERS_STORAGE_CONF", &self.storage)
            .env("CONTAINERS_CONF", &self.engine)
            // The steps of a Containerfile need no container of their own.
            .env("BUILDAH_ISOLATION", "chroot")
            .stdin(Stdio::null());
        command
    }

    /// Runs podman; its standard output.
    pub(crate) fn podman(&self, words: &[&str]) -> Result<String> {
        said(
            &words.join(" "),
            self.command("podman").args(words).output(),
        )
    }

    /// Starts a container of an image, with these options and arguments of its program.
    pub(crate) fn run(
        &self,
        options: &[&str],
        image: &str,
        arguments: &[&str],
    ) -> Result<Running<'_>> {
        let fixed = ["run", "--detach", "--network=none"];
        let words = [&fixed, options, &[image], arguments].concat();
        let id = self.podman(&words)?.trim().to_owned();
        Ok(Running { images: self, id })
    }
}

/// A container that runs.
pub(crate) struct Running<'a> {
    images: &'a Images,
    id: String,
}

impl Running<'_> {
    /// What podman knows of it, by a template of podman-inspect(1).
    pub(crate) fn inspect(&self, template: &str) -> Result<String> {
        let told = self
            .images
            .podman(&["inspect", "--format", template, &self.id]);
        told.map(|text| text.trim().to_owned())
    }

    /// Runs a podman command on it, such as `stop`.
    pub(crate) fn podman(&self, words: &[&str], rest: &[&str]) -> Result<String> {
        self.images
            .podman(&[words, &[self.id.as_str()], rest].concat())
    }

    /// All that it has logged so far.
    pub(crate) fn logged(&self) -> Result<String> {
        let logs = self
            .images
            .command("podman")
            .args(["logs", &self.id])
            .output();
        let logs = logs.map_err(|error| format!("podman logs: {error}"))?;
        Ok(String::from_utf8_lossy(&[logs.stdout, logs.stderr].concat()).into_owned())
    }

    /// Waits until this stands in its log.
    pub(crate) fn wait_for(&self, part: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let logged = self.logged()?;
            if logged.contains(part) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("never: {part}; the log:\n{logged}"));
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Moves the calling thread into its network, for good.
    pub(crate) fn enter_network(&self) -> Result<()> {
        let pid = self.inspect("{{.State.Pid}}")?;
        enter_network(pid.parse().map_err(|_| format!("no process: {pid}"))?)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.podman(&["rm", "--force", "--time=0"], &[]);
    }
}

/// The standard output of a command; an error where it has failed.
fn said(what: &str, output: std::io::Result<std::process::Output>) -> Result<String> {
    let output = output.map_err(|error| format!("{what}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!(
            "{what} failed:\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        )),
    }
}
