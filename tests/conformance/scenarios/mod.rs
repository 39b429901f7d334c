//! The scenarios, one file for each part of xinetd's behaviour.

mod access;
mod banners;
mod identity;
mod language;
mod limits;
mod log;
mod order;
mod process;
mod rate;

use crate::scenario::Scenario;

/// All of them, in the order of the report.
pub(crate) fn all() -> Vec<Scenario> {
    [
        language::SCENARIOS,
        access::SCENARIOS,
        order::SCENARIOS,
        banners::SCENARIOS,
        limits::SCENARIOS,
        rate::SCENARIOS,
        process::SCENARIOS,
        identity::SCENARIOS,
        log::SCENARIOS,
    ]
    .concat()
}
