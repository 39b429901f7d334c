//! The file that outlives a boot, written beside the rest: a slow disk holds no ban up.

use std::path::Path;
use std::time::{Duration, Instant};

use super::saved;
use super::shared::Shared;

/// Changes of this time are written together.
const INTERVAL: Duration = Duration::from_secs(1);
/// When a disk that does not take them is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// Writes the bans whenever they have changed, until the coordinator ends and all is written.
pub(super) fn run(shared: &Shared, path: &Path) {
    loop {
        let mut store = shared.lock();
        loop {
            store.tidy();
            if store.is_unsaved() {
                break;
            }
            if shared.is_closing() {
                return;
            }
            // Where the table can't be written that is tried again meanwhile.
            let retry = store.retry_due();
            let time = retry.map(|retry| retry.saturating_duration_since(Instant::now()));
            store = shared.wait(store, time);
        }
        let text = store.take_text();
        drop(store);
        let written =
            text.and_then(|text| saved::write(path, &text).map_err(|error| error.to_string()));
        let mut store = shared.lock();
        let pause = match written {
            Ok(()) => INTERVAL,
            Err(error) => {
                let path = path.display();
                log::error!("{path}: {error}; the bans would not outlive a boot");
                store.save_again();
                RETRY
            }
        };
        match shared.is_closing() {
            // One more turn removes the table where no address is banned any more.
            true if pause == INTERVAL => {}
            true => return,
            false => drop(shared.wait(store, Some(pause))),
        }
    }
}
