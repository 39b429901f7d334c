//! What the threads of the coordinator share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ban_store::BanStore;
use super::objects::Objects;
use super::questions::Questions;
use super::services::Services;

/// What all threads share.
pub(super) struct Shared {
    /// The bans.
    store: Mutex<BanStore>,
    changed: Condvar,
    pub(super) services: Services,
    pub(super) objects: Objects,
    pub(super) questions: Questions,
    closing: AtomicBool,
}

impl Shared {
    /// All of it, with the bans of this store.
    pub(super) fn new(store: BanStore, questions: Questions) -> Self {
        Self {
            store: Mutex::new(store),
            changed: Condvar::new(),
            services: Services::default(),
            objects: Objects::default(),
            questions,
            closing: AtomicBool::new(false),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BanStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something that may change the bans.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut BanStore) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits for a change, or so long.
    pub(super) fn wait<'a>(
        &self,
        store: MutexGuard<'a, BanStore>,
        time: Option<Duration>,
    ) -> MutexGuard<'a, BanStore> {
        match time {
            None => {
                let waited = self.changed.wait(store);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
            // Changes have to wait, the end has not.
            Some(time) => {
                let open = |_: &mut BanStore| !self.is_closing();
                let waited = self.changed.wait_timeout_while(store, time, open);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        let store = self.lock();
        self.closing.store(true, Ordering::Release);
        self.changed.notify_all();
        drop(store);
    }
}
