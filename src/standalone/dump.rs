//! SIGUSR1: the state of all services, where xinetd writes its own.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Zoned;
use xinetd_core::startup::MAIN;
use xinetd_core::translate::SocketPlan;

use super::options::Invocation;
use super::service::Supervised;

/// Where it goes.
const FILE: &str = "/var/run/xinetd.dump";

/// Appends the state, with what is said of services that are not served; returns the file's name.
///
/// # Errors
/// In words, if it can't be written.
pub(super) fn write<'a>(
    services: impl Iterator<Item = &'a Supervised>,
    unserved: impl Iterator<Item = String>,
    invocation: &Invocation,
) -> Result<&'static str, String> {
    let main = invocation.main.as_deref().unwrap_or(Path::new(MAIN));
    let mut text = format!(
        "INTERNAL STATE DUMP: xinetd-bridge {}\nCurrent time: {}\nconfig_file = {}\n\nServices:\n",
        env!("CARGO_PKG_VERSION"),
        Zoned::now().strftime("%a %b %e %H:%M:%S %Y"),
        main.display(),
    );
    for service in services {
        let socket = &service.planned().socket;
        let protocol = match socket {
            SocketPlan::Port(plan) if plan.is_datagram => "udp",
            SocketPlan::Port(_) => "tcp",
            SocketPlan::Mux(_) => "tcpmux",
        };
        let helper = service.helper().map(|pid| format!(", helper {pid}"));
        text.push_str(&format!(
            "service {}: {protocol}, {}{}, {}\n",
            service.id(),
            socket,
            helper.unwrap_or_default(),
            service.state()
        ));
    }
    for service in unserved {
        text.push_str(&format!("service {service}\n"));
    }
    text.push_str("END OF DUMP\n\n");
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o644);
    let opened = options
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(FILE);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .map(|()| FILE)
        .map_err(|error| format!("the state dump {FILE}: {error}"))
}
