//! Containers of test programs that were killed: no other program would remove them.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::container::remove;

/// Ends and removes the containers in `run` whose test program is gone.
pub(crate) fn clear(run: &Path) {
    let Ok(entries) = fs::read_dir(run) else {
        return;
    };
    for dir in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        if owner(&name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            end(&dir.join("root"));
            remove(&dir);
        }
    }
}

/// The test program in the name of a container's folder, `SUITE-PID-NUMBER`.
fn owner(name: &str) -> Option<u32> {
    name.rsplit('-').nth(1)?.parse().ok()
}

/// Ends the systemd-nspawn that runs on `tree`; its container ends with it.
fn end(tree: &Path) {
    let Some(nspawn) = nspawn(tree) else { return };
    // It may have ended just now.
    let _ = kill(nspawn, Signal::SIGKILL);
    let limit = Instant::now() + Duration::from_secs(5);
    while self::nspawn(tree).is_some() && Instant::now() < limit {
        sleep(Duration::from_millis(50));
    }
}

fn nspawn(tree: &Path) -> Option<Pid> {
    let is_it = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words
            .next()
            .is_some_and(|word| word.ends_with(b"systemd-nspawn"))
            && words.any(|word| word == tree.as_os_str().as_encoded_bytes())
    };
    let names = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(is_it)
        .map(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_names_the_program_that_made_it() {
        assert_eq!(owner("systemd-252-4711-0"), Some(4711));
        assert_eq!(owner("software-4711-12"), Some(4711));
        assert_eq!(owner("something"), None);
    }
}
