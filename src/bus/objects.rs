//! Which services have an object on the bus.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::services::BridgeService;

/// The objects that are there, by unit.
#[derive(Debug, Default)]
pub(super) struct Objects(Mutex<HashMap<String, BridgeService>>);

impl Objects {
    /// By unit.
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<String, BridgeService>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them are gone with their connection.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }
}
