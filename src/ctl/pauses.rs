//! Which services cps has paused, as the service manager knows it.

use std::collections::HashMap;
use std::path::Path;

use super::machine::is_own;
use super::manager;

/// The services that are paused: units without suffix, and the seconds that are left.
#[derive(Debug, Default)]
pub(super) struct Pauses(HashMap<String, u64>);

impl Pauses {
    /// Asks the service manager; nothing is known where it can't be asked, and of the files below another
    /// root than the machine's.
    pub(super) fn look(root: Option<&Path>) -> Self {
        let listed = is_own(root).then(|| manager::of_this_machine().list_services());
        let rows = listed
            .and_then(Result::ok)
            .map_or_else(Vec::new, |(rows, _)| rows);
        let paused = rows.into_iter().filter(|row| row.state == "paused");
        Self(paused.map(|row| (row.unit, row.pause)).collect())
    }

    /// How many seconds the pause of a unit lasts on, if it is paused.
    pub(super) fn of(&self, unit: &str) -> Option<u64> {
        self.0.get(unit).copied()
    }
}
