//! xinetd without systemd: a supervisor that plays the part of the socket units, with the same helper.
//!
//! It reads the configuration through the same library as the generator, binds what the socket units would
//! ([`Plan`](xinetd_core::translate::Plan)), and has a helper ([`accept`](crate::accept)) for each service that is in
//! use. It accepts no connection and decides about none: a helper can't tell it from systemd.
#![forbid(unsafe_code)]

mod administration;
mod bind;
mod change;
pub(crate) mod client;
mod coordinator;
mod dump;
mod helper;
mod life;
mod load;
mod log;
mod notice;
pub(crate) mod options;
mod pid_file;
mod places;
mod processes;
mod registrar;
mod saver;
mod service;
mod supervisor;
mod takeover;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use nix::unistd::{Uid, chdir};
use xinetd_core::config::DiskTree;
use xinetd_core::options::Options;
use xinetd_core::spec::MuxSecret;
use xinetd_core::translate::MuxPlace;

use ::log::{error, info, warn};

use coordinator::Coordinator;
use load::{Loaded, Means, Occasion, load};
use log::Logs;
use options::{CommandLine, Invocation};
use pid_file::PidFile;
use places::Places;
use service::Supervised;
use supervisor::{Parts, Supervisor, block_signals};

use crate::protocol::process_limit::ProcessLimit;
use crate::sys::daemon::go_to_background;
use crate::sys::random::random_bytes;

/// The whole program, with the options of xinetd(8).
///
/// Exits with 0 if it was told to end, or has gone to the background; with 1 if it can't serve, and says why.
pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    let invocation = match options::parse(words) {
        Ok(CommandLine::Serve(invocation)) => invocation,
        Ok(CommandLine::Version) => {
            return print(&format!("xinetd-bridge {}\n", env!("CARGO_PKG_VERSION")));
        }
        Ok(CommandLine::Help) => return print(&options::usage()),
        Err(wrong) => {
            // There is no other place to say it.
            let _ = writeln!(io::stderr(), "xinetd: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    let logs = match Logs::start(&invocation.log, invocation.is_debugging) {
        Ok(logs) => logs,
        Err(error) => {
            let _ = writeln!(io::stderr(), "xinetd: {error}");
            return ExitCode::FAILURE;
        }
    };
    match run(invocation, logs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(invocation: Invocation, logs: &'static Logs) -> Result<(), String> {
    let options = Options::read(&DiskTree::new(None));
    let options = options.standalone();
    logs.set_format(options.log_format);
    info!("xinetd-bridge {} started.", env!("CARGO_PKG_VERSION"));
    invocation
        .remarks
        .iter()
        .for_each(|remark| warn!("{remark}"));
    invocation
        .pid_file
        .as_deref()
        .map_or(Ok(()), PidFile::check)?;
    let background = match invocation.is_foreground {
        true => None,
        false => Some(go_to_background().map_err(|error| error.to_string())?),
    };
    let signals = block_signals().map_err(|error| format!("sigprocmask: {error}"))?;
    bind::raise_limit();
    let places = Places::find(invocation.main())?;
    let coordinator = match Uid::effective().is_root() {
        true => Coordinator::open(options.bans_file.as_deref())
            .inspect_err(|error| error!("no log files of services and no bans: {error}"))
            .map_err(|error| error.to_string()),
        false => Err("start xinetd as root".to_owned()),
    };
    takeover::take_over(&places);
    let secret = random_bytes().map_err(|error| format!("getrandom: {error}"))?;
    let means = Means {
        without_coordinator: coordinator.as_ref().err().cloned(),
        mux: MuxPlace::supervised(places.open_mux()?, MuxSecret::new(secret)),
    };
    let Loaded {
        services,
        unserved,
        unread,
        ..
    } = load(&invocation, &means, Occasion::Serve)?;
    let limit = invocation.limit.map(ProcessLimit::new).transpose();
    let limit = limit.map_err(|error| format!("-limit can't be kept: {error}"))?;
    let now = Instant::now();
    let services: Vec<_> = services
        .into_iter()
        .map(|one| Supervised::new(one, limit.as_ref().map(ProcessLimit::row), now))
        .collect();
    let count = services
        .iter()
        .filter(|service| service.is_served())
        .count();
    if count == 0 && !invocation.stays {
        return Err("No available services. Exiting".to_owned());
    }
    // Where xinetd is from then on; a file system that it was started on can be unmounted.
    let _ = chdir("/");
    let pid_file = invocation
        .pid_file
        .clone()
        .map(PidFile::write)
        .transpose()?;
    let parts = Parts {
        invocation,
        logs,
        places,
        coordinator: coordinator.ok(),
        means,
        limit,
        services,
        unserved,
        signals,
        unread,
    };
    let mut supervisor = Supervisor::new(parts).map_err(|error| error.to_string())?;
    info!(
        "Started working: {count} available service{}",
        if count == 1 { "" } else { "s" }
    );
    if let Some(background) = background {
        if let Some(text) = logs.lost_in_background() {
            warn!("{text}");
        }
        let gone = background.ready().and_then(|()| logs.leave_streams());
        gone.map_err(|error| format!("dup2: {error}"))?;
    }
    let ran = supervisor.run().map_err(|error| error.to_string());
    drop(pid_file);
    ran
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_option_ends_it() {
        let words = ["-dontfrok"].map(OsString::from);
        assert_eq!(main(words.into_iter()), ExitCode::FAILURE);
    }
}
