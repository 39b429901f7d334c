//! The services of the machine, and what each is doing now.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use xinetd_core::installed::ejected::UNITS;
use xinetd_core::problem::printable;
use xinetd_core::translate::{SpecDirectory, runtime_directory};
use zbus::Connection;
use zruntime::lock::Mutex as TurnMutex;

use crate::installed;
use crate::status::{KICK, OK, REOPEN, STATUS, SessionRow, Status};

use super::client::ServiceRow;
use super::{helper, systemd};

/// The characters of a unit's name at most, as systemd has it.
const LONGEST_NAME: usize = 255;

/// How long an answer counts: a caller that reads all properties of an object asks once.
const FRESH: Duration = Duration::from_millis(200);

/// A service for which the generator has written units, or `xinetdctl eject`, or which the supervisor serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BridgeService {
    /// Its id.
    pub(crate) id: String,
    /// Its units, without suffix.
    pub(crate) unit: String,
    /// Where it stands: file, line and column, or where it was ejected to.
    pub(crate) source: String,
    /// The RuntimeDirectory of its helper.
    pub(crate) runtime: PathBuf,
}

/// A service, and what it is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Active {
    /// For lists.
    pub(crate) row: ServiceRow,
    /// Its sessions.
    pub(crate) sessions: Vec<SessionRow>,
}

/// What the service manager tells of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Managed<'a> {
    /// Which one it is.
    pub(crate) service: &'a BridgeService,
    /// The state of its socket: `active` or `failed`, or another one, or none, where it does not listen.
    pub(crate) socket: Option<&'a str>,
    /// Whether its helper runs.
    pub(crate) runs: bool,
}

/// What is known of the services, and since when.
#[derive(Debug, Default)]
pub(super) struct Services {
    known: Mutex<ServicesCache>,
    /// All helpers are asked by one caller at a time, however many want to know.
    turn: TurnMutex<()>,
}

#[derive(Debug, Default)]
struct ServicesCache {
    /// The directory of the specs, when they were read: each daemon-reload makes a new one.
    directory: Option<(u64, i64, i64)>,
    services: Arc<Vec<BridgeService>>,
    /// All of them, when they were asked last.
    active: Option<(Instant, Arc<Vec<Active>>)>,
    /// The one that was asked alone last, and when.
    alone: Option<(Instant, Active)>,
}

/// Whose helpers have to be asked for what one service is doing.
#[derive(Debug, PartialEq, Eq)]
enum Whom {
    /// No helper: this is the answer of just now.
    Nobody(Box<Active>),
    /// Its own.
    One,
    /// All: a caller that comes to a second object in so short a time goes on to the others.
    All,
}

impl ServicesCache {
    fn whom(&self, unit: &str, now: Instant) -> Whom {
        let fresh = |taken: Instant| now.saturating_duration_since(taken) < FRESH;
        if let Some((_, all)) = self.active.as_ref().filter(|(taken, _)| fresh(*taken)) {
            let this = all.iter().find(|active| active.row.unit == unit);
            return this.map_or(Whom::All, |active| Whom::Nobody(Box::new(active.clone())));
        }
        match &self.alone {
            Some((taken, active)) if fresh(*taken) => match active.row.unit == unit {
                true => Whom::Nobody(Box::new(active.clone())),
                false => Whom::All,
            },
            _ => Whom::One,
        }
    }
}

impl Services {
    /// All services, in the order of their units.
    pub(super) fn all(&self) -> Arc<Vec<BridgeService>> {
        let mut known = self.lock();
        let directory = fs::metadata(SpecDirectory::usual().path())
            .map(|now| (now.ino(), now.mtime(), now.mtime_nsec()))
            .ok();
        if directory != known.directory || directory.is_none() {
            known.services = Arc::new(read());
            known.directory = directory;
            known.active = None;
            known.alone = None;
        }
        Arc::clone(&known.services)
    }

    fn lock(&self) -> MutexGuard<'_, ServicesCache> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one service is doing, or was doing just now; none if it is gone.
    ///
    /// # Errors
    /// If systemd can't be asked.
    pub(super) async fn recent(
        &self,
        connection: &Connection,
        service: &BridgeService,
    ) -> zbus::Result<Option<Active>> {
        if !self.all().contains(service) {
            return Ok(None);
        }
        let whom = self.lock().whom(&service.unit, Instant::now());
        let asked = match whom {
            Whom::Nobody(active) => return Ok(Some(*active)),
            Whom::All => {
                let all = self.active(connection).await?;
                let mut all = all.iter();
                return Ok(all.find(|active| active.row.unit == service.unit).cloned());
            }
            Whom::One => service.clone(),
        };
        let names = [".socket", ".service"].map(|suffix| format!("{}{suffix}", asked.unit));
        let units = systemd::states(connection, &names.each_ref().map(String::as_str)).await?;
        let answer = zruntime::unblock(move || ask(&[asked], &units).pop()).await;
        self.lock().alone = answer.clone().map(|active| (Instant::now(), active));
        Ok(answer)
    }

    /// All services with what they are doing, or were doing just now: any user may ask, as often as it
    /// likes.
    ///
    /// # Errors
    /// If systemd can't be asked.
    pub(super) async fn active(&self, connection: &Connection) -> zbus::Result<Arc<Vec<Active>>> {
        let services = self.all();
        let _turn = self.turn.lock().await;
        if let Some((taken, active)) = &self.lock().active
            && taken.elapsed() < FRESH
        {
            return Ok(Arc::clone(active));
        }
        let units = systemd::states(connection, &["*.socket", "*.service"]).await?;
        let active = zruntime::unblock(move || ask(&services, &units)).await;
        let active = Arc::new(active);
        self.lock().active = Some((Instant::now(), Arc::clone(&active)));
        Ok(active)
    }
}

impl Services {
    /// Has all helpers that run open their log files anew; the units that do not answer.
    ///
    /// # Errors
    /// If systemd can't be asked.
    pub(super) async fn reopen(&self, connection: &Connection) -> zbus::Result<Vec<String>> {
        let services = self.all();
        let units = systemd::states(connection, &["*.service"]).await?;
        Ok(zruntime::unblock(move || {
            let running = services.iter().filter(|service| runs(service, &units));
            reopen_logs(&running.collect::<Vec<_>>())
        })
        .await)
    }
}

/// Has the helpers of these services, which run, open their log files anew; the units of those that do not answer.
pub(crate) fn reopen_logs(running: &[&BridgeService]) -> Vec<String> {
    let directories = running.iter().map(|service| service.runtime.as_path());
    let answers = helper::ask(directories, REOPEN);
    let pairs = running.iter().zip(answers);
    pairs
        .filter(|(_, answer)| answer.as_deref() != Some(OK))
        .map(|(service, _)| service.unit.clone())
        .collect()
}

/// What is said where helpers did not open their log files anew.
pub(crate) fn not_reopened(silent: &[String]) -> String {
    format!(
        "no answer from {}: they write to the files of before until they notice",
        silent.join(", ")
    )
}

/// Ends the session of a server's process, or those of a client's address and port, with the helper that has this
/// RuntimeDirectory.
///
/// # Errors
/// In words, if there is none.
pub(crate) fn kick(runtime: &Path, whom: &str) -> Result<(), String> {
    // It is a line of what the helper is told.
    if whom.parse::<i32>().is_err() && whom.parse::<SocketAddr>().is_err() {
        let why = "is neither a process nor an address with a port";
        return Err(format!("{} {why}", beginning(whom)));
    }
    let mut answers = helper::ask([runtime].into_iter(), &format!("{KICK}{whom}"));
    match answers.pop().flatten().as_deref() {
        Some(OK) => Ok(()),
        // Where a server has put a socket in the place of its helper's, that is the server's word.
        Some(why) => Err(beginning(why)),
        None => Err("the service has no sessions".to_owned()),
    }
}

/// Says in the log that a session was ended.
pub(crate) fn note_kick(id: &str, whom: &str) {
    log::info!("the session of {whom} with {id} was ended by an administrator");
}

/// The beginning of a text that strangers may have written, for people.
fn beginning(text: &str) -> String {
    printable(text).chars().take(100).collect()
}

fn runs(service: &BridgeService, units: &HashMap<String, String>) -> bool {
    let state = units.get(&format!("{}.service", service.unit));
    matches!(
        state.map(String::as_str),
        Some("active" | "reloading" | "deactivating")
    )
}

/// The service with this socket or service unit or unit without suffix, or else with this id, in
/// whose case xinetd sees no difference.
///
/// # Errors
/// In words, if there is none, or several have the id.
pub(crate) fn find<'a>(
    services: &'a [BridgeService],
    name: &str,
) -> Result<&'a BridgeService, String> {
    let unit = name.strip_suffix(".socket");
    let unit = unit
        .or_else(|| name.strip_suffix(".service"))
        .unwrap_or(name);
    let mut named = services.iter().filter(|service| service.unit == unit);
    let mut called = services
        .iter()
        .filter(|service| service.id.eq_ignore_ascii_case(name));
    match (named.next(), called.next(), called.next()) {
        (Some(service), ..) | (None, Some(service), None) => Ok(service),
        (None, Some(_), Some(_)) => Err(format!(
            "several services have the id {name}: name the unit"
        )),
        (None, None, _) => {
            let name: String = printable(name).chars().take(LONGEST_NAME).collect();
            Err(format!("there is no service {name}"))
        }
    }
}

fn read() -> Vec<BridgeService> {
    let known = |units: std::io::Result<Vec<String>>| {
        units.unwrap_or_else(|error| {
            log::error!("the specs can't be read: {error}");
            Vec::new()
        })
    };
    let [generated, ejected] = [installed::units(), installed::ejected_units()].map(known);
    let generated: BTreeMap<String, bool> =
        generated.into_iter().map(|unit| (unit, false)).collect();
    let mut units: BTreeMap<String, bool> = ejected.into_iter().map(|unit| (unit, true)).collect();
    units.extend(generated);
    let services = units.into_iter().filter_map(|(unit, is_ejected)| {
        let spec = installed::spec(&unit).ok()?;
        Some(BridgeService {
            id: spec.id.to_text(),
            source: match is_ejected {
                true => format!("ejected to {UNITS}/{unit}.socket"),
                false => spec.place.to_string(),
            },
            runtime: runtime_directory(&unit),
            unit,
        })
    });
    services.collect()
}

fn ask(services: &[BridgeService], units: &HashMap<String, String>) -> Vec<Active> {
    let managed = services.iter().map(|service| Managed {
        service,
        socket: units
            .get(&format!("{}.socket", service.unit))
            .map(String::as_str),
        runs: runs(service, units),
    });
    ask_helpers(&managed.collect::<Vec<_>>())
}

/// Asks the helpers that run what each service is doing.
pub(crate) fn ask_helpers(services: &[Managed<'_>]) -> Vec<Active> {
    let running = services.iter().filter(|managed| managed.runs);
    let directories = running.map(|managed| managed.service.runtime.as_path());
    let mut answers = helper::ask(directories, STATUS).into_iter();
    services
        .iter()
        .map(|managed| {
            let answer = managed.runs.then(|| answers.next().flatten()).flatten();
            let status = answer.and_then(|text| Status::parse(&text).ok());
            let word = word(managed.socket, managed.runs, status.as_ref());
            let status = status.unwrap_or_else(|| Status {
                counters: helper::counters(&managed.service.runtime).unwrap_or_default(),
                ..Status::default()
            });
            active(managed.service, word, status)
        })
        .collect()
}

/// The state of a service, in a word.
fn word(socket: Option<&str>, runs: bool, status: Option<&Status>) -> &'static str {
    match (runs, status, socket) {
        (true, None, _) => "silent",
        (true, Some(status), _) if status.paused_for.is_some() => "paused",
        (true, Some(_), _) => "serving",
        (false, _, Some("active")) => "listening",
        (false, _, Some("failed")) => "failed",
        (false, ..) => "stopped",
    }
}

fn active(service: &BridgeService, state: &str, status: Status) -> Active {
    let counters = status.counters;
    let refused = counters.refused.iter();
    Active {
        row: ServiceRow {
            id: service.id.clone(),
            unit: service.unit.clone(),
            source: service.source.clone(),
            state: state.to_owned(),
            running: status.running,
            waiting: status.waiting,
            pause: status.paused_for.unwrap_or(0),
            served: counters.served,
            refused: refused
                .map(|(cause, count)| (cause.word().to_owned(), *count))
                .collect(),
            durations: counters.durations.classes.to_vec(),
            duration_sum: counters.durations.sum,
        },
        sessions: status.sessions,
    }
}
