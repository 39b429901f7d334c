//! Real xinetd, asked what it makes of a configuration file: its debug mode tells that.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::container::{overlay, remove};
use crate::root::cache;
use crate::tree::run;
use crate::{Corpus, Result, Suite, context, leftover, write};

/// A release of real xinetd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Release {
    /// 2.3.15.3, of Debian 12.
    Bookworm,
    /// 2.3.15.4, of Debian 13.
    Trixie,
}

impl Release {
    /// Its number.
    pub fn version(self) -> &'static str {
        match self {
            Self::Bookworm => "2.3.15.3",
            Self::Trixie => "2.3.15.4",
        }
    }

    /// The root that has it, or its package.
    pub fn suite(self) -> Suite {
        match self {
            Self::Bookworm => Suite::Conformance,
            Self::Trixie => Suite::Trixie,
        }
    }

    /// Puts its program into a tree of its suite. What else the package brings is left out: its
    /// services would be read besides those of the test.
    ///
    /// # Errors
    /// If the program is not there.
    pub fn install(self, tree: &Path) -> Result<()> {
        let unpack = "test -e usr/sbin/xinetd ||
            dpkg-deb --fsys-tarfile opt/xinetd_*.deb | tar -x ./usr/sbin/xinetd";
        run(Command::new("sh").args(["-c", unpack]).current_dir(tree))
    }
}

/// A release of xinetd, and a machine for a corpus on which it says what it makes of each file.
#[derive(Debug)]
pub struct Oracle {
    dir: PathBuf,
}

impl Oracle {
    /// Makes the machine. Each server that a file of the corpus names is there, if its path is absolute
    /// and not below /nonexistent.
    ///
    /// # Errors
    /// What kept it from being made.
    pub fn new(release: Release, corpus: &Corpus) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = release.suite().root()?;
        let run = cache().join("run");
        leftover::clear(&run);
        let dir = run.join(format!("oracle-{}-{number}", std::process::id()));
        let oracle = Self { dir };
        let tree = overlay(&root, &oracle.dir)?;
        release.install(&tree)?;
        oracle.prepare(&tree, corpus)?;
        Ok(oracle)
    }

    fn prepare(&self, tree: &Path, corpus: &Corpus) -> Result<()> {
        // What Debian's package brings would be included.
        run(Command::new("rm").arg("-rf").arg(tree.join("etc/xinetd.d")))?;
        run(Command::new("cp")
            .arg("-rT")
            .args([corpus.root(), tree.to_path_buf()]))?;
        context(
            fs::create_dir_all(tree.join("etc/xinetd.d")),
            tree.display(),
        )?;
        let files = corpus.files()?.into_iter().map(|file| file.path);
        for path in files.chain(below(&corpus.root())?) {
            let text = context(fs::read(&path), path.display())?;
            for server in servers(&String::from_utf8_lossy(&text)) {
                if !tree.join(&server[1..]).exists() {
                    write(tree, &server, "#!/bin/sh\n", 0o755)?;
                }
            }
        }
        Ok(())
    }

    /// All that it says of a text until it serves, one line for each message and each line of its dump.
    /// What tells of the run and not of the text is left out: times, its process, its version.
    ///
    /// # Errors
    /// If it could not be run.
    pub fn ask(&self, text: &[u8]) -> Result<String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("/tmp/{}.conf", NUMBER.fetch_add(1, Ordering::Relaxed));
        let tree = self.dir.join("root");
        write(&tree, &name, text, 0o644)?;
        // It writes its messages to its terminal, and has a network and processes of its own, which
        // end with it.
        let xinetd = format!(
            "chroot '{}' sh -c 'ip link set lo up; exec env -i /usr/sbin/xinetd -d -dontfork \
             -f {name} -pidfile {name}.pid'",
            tree.display()
        );
        let child = Command::new("unshare")
            .args(["--net", "--pid", "--fork", "--kill-child"])
            .args(["script", "-qefc", &xinetd, "/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = context(child, "unshare")?;
        let mut said = String::new();
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?).split(b'\n');
        for line in lines {
            let line = context(line, "what xinetd says")?;
            let Some(line) = message(&line) else { continue };
            said.push_str(&line);
            said.push('\n');
            if line.contains("{main} Started working") {
                break;
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        Ok(said)
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        remove(&self.dir);
    }
}

/// All files below a folder.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in context(fs::read_dir(folder), folder.display())? {
        let path = context(entry, folder.display())?.path();
        match path.is_dir() {
            true => files.extend(below(&path)?),
            false => files.push(path),
        }
    }
    Ok(files)
}

/// The absolute paths of servers in a text.
fn servers(text: &str) -> Vec<String> {
    let path = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [name, "=", path, ..] if name.eq_ignore_ascii_case("server") && path.starts_with('/') => {
            Some(path.to_owned())
        }
        _ => None,
    };
    let paths = text.lines().filter_map(path);
    paths
        .filter(|path| !path.starts_with("/nonexistent"))
        .collect()
}

/// A line of xinetd's without what differs from run to run; none if all of it does.
fn message(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    // A terminal ends its lines with both.
    let text = text.strip_suffix('\r').unwrap_or(&text);
    // 26/11/26@07:02:05: WARNING: 4711 {function} text [file=/tmp/0.conf] [line=3]
    let is_time = |text: &str| {
        text.contains('@') && text.bytes().all(|byte| b"0123456789/@:".contains(&byte))
    };
    let text = match text.split_once(": ") {
        Some((time, rest)) if is_time(time) => {
            let (level, rest) = rest.split_once(": ")?;
            let (_, rest) = rest.split_once(' ')?;
            format!("{level}: {rest}")
        }
        _ => text.to_owned(),
    };
    let text = match (text.find("[file="), text.find("[line=")) {
        (Some(file), Some(line)) if file < line => format!("{}{}", &text[..file], &text[line..]),
        _ => text,
    };
    let is_of_the_run = text.starts_with("DEBUG: ") || text.contains("{main} 2.3.");
    (!text.is_empty() && !is_of_the_run).then(|| without_rubbish(&text))
}

/// xinetd takes an IPv6 address with a prefix of 128 bits for a name, and shows bytes of its memory.
fn without_rubbish(text: &str) -> String {
    let word = |word: &str| match word.strip_suffix("(HOST)") {
        Some(name) if name.bytes().any(|byte| !byte.is_ascii_graphic()) || name.is_empty() => {
            "?(HOST)".to_owned()
        }
        _ => word.to_owned(),
    };
    match text.starts_with("\tOnly from:") || text.starts_with("\tNo access:") {
        true => text.split(' ').map(word).collect::<Vec<_>>().join(" "),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_without_its_time_process_and_file() {
        let line = b"26/11/26@07:02:05: ERROR: 4711 {wait_parser} Bad value: x [file=/tmp/0.conf] [line=6]\r";
        let told = message(line);
        assert_eq!(
            told.as_deref(),
            Some("ERROR: {wait_parser} Bad value: x [line=6]")
        );
        assert_eq!(message(b"\tport = 7\r").as_deref(), Some("\tport = 7"));
        assert_eq!(
            message(b"26/11/26@07:02:05: DEBUG: 4711 {main_loop} x\r"),
            None
        );
        assert_eq!(
            message(b"\tOnly from:  192.0.2.7(NUMERIC) \xfe\x7f(HOST)").as_deref(),
            Some("\tOnly from:  192.0.2.7(NUMERIC) ?(HOST)")
        );
    }
}
