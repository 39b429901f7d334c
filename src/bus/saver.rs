//! The file that outlives a boot, written beside the rest: a slow disk holds nobody up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::Shared;

/// Changes of this time are written together.
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes the bans whenever they have changed, until the coordinator ends and all is written.
pub(super) fn run(shared: &Shared, path: &Path) {
    loop {
        let mut keeper = shared.lock();
        while !keeper.is_unsaved() {
            if shared.is_closing() {
                return;
            }
            keeper = shared.wait(keeper, None);
        }
        let text = keeper.take_text();
        drop(keeper);
        let written = text.and_then(|text| write(path, &text).map_err(|error| error.to_string()));
        if let Err(error) = written {
            log::error!(
                "{}: {error}; the bans would not outlive a boot",
                path.display()
            );
        }
        let keeper = shared.lock();
        if !shared.is_closing() {
            drop(shared.wait(keeper, Some(INTERVAL)));
        }
    }
}

/// Replaces the file whole or not at all, also where the power fails.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
