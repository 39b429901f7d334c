//! The scenarios, one file for each part of xinetd's behaviour.

mod access;
mod banners;
mod files;
mod ident;
mod identity;
mod inetd;
mod inside;
mod kinds;
mod language;
mod libwrap;
mod limits;
mod lists;
mod log;
mod log_file;
mod mux;
mod order;
mod process;
mod rate;
mod readers;
mod reload;
mod rpc;
mod sensors;
mod sessions;

use crate::scenario::Scenario;

/// All of them, in the order of the report.
pub(crate) fn all() -> Vec<Scenario> {
    [
        language::SCENARIOS,
        files::SCENARIOS,
        access::SCENARIOS,
        lists::SCENARIOS,
        order::SCENARIOS,
        banners::SCENARIOS,
        libwrap::SCENARIOS,
        limits::SCENARIOS,
        rate::SCENARIOS,
        process::SCENARIOS,
        identity::SCENARIOS,
        sessions::SCENARIOS,
        log::SCENARIOS,
        log_file::SCENARIOS,
        ident::SCENARIOS,
        readers::SCENARIOS,
        rpc::SCENARIOS,
        inside::SCENARIOS,
        sensors::SCENARIOS,
        reload::SCENARIOS,
        kinds::SCENARIOS,
        mux::SCENARIOS,
        inetd::SCENARIOS,
    ]
    .concat()
}
