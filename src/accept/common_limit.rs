//! The limit that the services of a supervisor have in common: `-limit` of xinetd(8).

use crate::protocol::process_limit::Share;

/// This helper's part in it. Under systemd there is no such limit.
#[derive(Debug, Default)]
pub(super) struct CommonLimit(Option<Share>);

impl CommonLimit {
    /// With the part that the supervisor has passed, if it has.
    pub(super) fn new(share: Option<Share>) -> Self {
        Self(share)
    }

    /// Whether one more server may run beside the `running` of this helper. Where that can't be known, none may.
    pub(super) fn admits(&mut self, running: u32) -> bool {
        let Some(share) = &mut self.0 else {
            return true;
        };
        share.admits(running).unwrap_or(false)
    }

    /// This helper has so many servers: others may take the places of those that have ended.
    pub(super) fn publish(&mut self, running: u32) {
        if let Some(share) = &mut self.0 {
            // What stands there goes on to count.
            let _ = share.publish(running);
        }
    }
}
