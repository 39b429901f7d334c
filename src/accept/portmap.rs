//! `--rpc-register` and `--rpc-unregister`: has the portmapper know where an RPC service listens.
//!
//! Without systemd the supervisor starts both. Under systemd the unit `xinetd-rpc@NAME.service` runs the first when
//! the socket or rpcbind starts, and ends when all is registered; the socket runs the second when it stops. Both run
//! as root: what root has registered no other user can take away.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use nix::unistd::getppid;
use xinetd_core::portmap::message::{self, Call};
use xinetd_core::portmap::{Registration, RpcService};
use xinetd_core::service::Level;

use crate::journal::Journal;

/// Where rpcbind listens.
const SOCKET: &str = "/run/rpcbind.sock";

/// How long rpcbind may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long is waited for an rpcbind that is not there, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// xinetd's words, and what it does not say.
fn failed(service: &RpcService, registration: &Registration, why: &str) {
    let id = &service.id;
    let Registration {
        program,
        version,
        netid,
        ..
    } = registration;
    say(
        Level::Err,
        &format!(
            "pmap_set failed. service={id} program={program} version={version}: {netid}: {why}"
        ),
    );
}

/// Registers all versions; waits for rpcbind as long as it is not there. Where it waits and the supervisor was killed
/// that has started it, it is for the next one to register.
pub(super) fn register(service: &RpcService) {
    let (mut pause, longest) = PAUSES;
    let mut failures = 0_u32;
    let starter = getppid();
    while let Err(error) = try_register(service) {
        failures = failures.saturating_add(1);
        // One that has just been started has a socket before it listens there.
        if failures == 2 {
            let id = &service.id;
            say(
                Level::Warning,
                &format!("{id} is not registered: rpcbind: {error}; it is asked until it answers"),
            );
        }
        thread::sleep(pause);
        if getppid() != starter {
            return;
        }
        pause = longest.min(pause * 2);
    }
    if failures >= 2 {
        let id = &service.id;
        say(
            Level::Info,
            &format!("rpcbind answers, and {id} is registered"),
        );
    }
}

/// As xinetd, leaves a registration of another program as it is.
fn try_register(service: &RpcService) -> Result<(), String> {
    let mut rpcbind = Rpcbind::connect()?;
    let known = rpcbind.list()?;
    for registration in service.registrations() {
        match known.iter().find(|other| other.clashes(&registration)) {
            Some(other) if *other == registration => {}
            Some(other) => failed(service, &registration, &format!("{} has it", other.address)),
            None if rpcbind.ask(Call::Set(&registration))? => {}
            None => failed(service, &registration, "rpcbind refuses"),
        }
    }
    Ok(())
}

/// Removes these registrations of a service, but nothing that another program has registered.
///
/// # Errors
/// In words, if rpcbind can't be asked.
pub(crate) fn unregister(
    service: &RpcService,
    registrations: &[Registration],
) -> Result<(), String> {
    let mut rpcbind = Rpcbind::connect()?;
    let known = rpcbind.list()?;
    for registration in registrations {
        if known.contains(registration) && !rpcbind.ask(Call::Unset(registration))? {
            let (id, netid) = (&service.id, &registration.netid);
            let version = registration.version;
            say(
                Level::Warning,
                &format!("pmap_unset failed. service={id} version={version}: {netid}"),
            );
        }
    }
    Ok(())
}

/// Says something on standard error, with the level that systemd reads there: journald itself finds out of which
/// unit a sender is, and fails where that has ended meanwhile. The supervisor does not have to find out.
fn say(level: Level, text: &str) {
    if Journal::is_supervisors() {
        return match level {
            Level::Err => log::error!("{text}"),
            Level::Warning => log::warn!("{text}"),
            _ => log::info!("{text}"),
        };
    }
    // Where that is closed there is no administrator to tell.
    let _ = writeln!(io::stderr(), "<{}>{text}", level as u8);
}

/// A connection to rpcbind.
struct Rpcbind {
    stream: UnixStream,
    calls: u32,
}

impl Rpcbind {
    fn connect() -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        let stream = UnixStream::connect(SOCKET).map_err(text)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(text)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(text)?;
        Ok(Self { stream, calls: 0 })
    }

    /// A call that is answered with yes or no.
    fn ask(&mut self, call: Call<'_>) -> Result<bool, String> {
        let record = self.call(call)?;
        message::done(&record, self.calls).map_err(|wrong| wrong.to_string())
    }

    fn list(&mut self) -> Result<Vec<Registration>, String> {
        let record = self.call(Call::Dump)?;
        message::registrations(&record, self.calls).map_err(|wrong| wrong.to_string())
    }

    fn call(&mut self, call: Call<'_>) -> Result<Vec<u8>, String> {
        let text = |error: io::Error| error.to_string();
        self.calls = self.calls.wrapping_add(1);
        let call = call.encode(self.calls);
        self.stream.write_all(&call).map_err(text)?;
        let mut read = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(record) = message::record(&read).map_err(|wrong| wrong.to_string())? {
                return Ok(record);
            }
            match self.stream.read(&mut buffer).map_err(text)? {
                0 => return Err("it closes the connection".to_owned()),
                count => read.extend_from_slice(&buffer[..count]),
            }
        }
    }
}
