//! systemd's own manager of units, as far as we ask something of it.

mod direct;
mod job;
mod relay;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use zbus::{Connection, OwnedObjectPath, proxy};
use zruntime::block_on;

pub use direct::{Loaded, Property, Systemd};
pub use job::{Job, Verb as JobVerb};

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Units {
    fn subscribe(&self) -> zbus::Result<()>;
    fn reload(&self) -> zbus::Result<()>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn get_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn list_units_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<UnitRow>>;
    #[zbus(signal)]
    fn job_removed(
        &self,
        id: u32,
        job: OwnedObjectPath,
        unit: String,
        result: String,
    ) -> zbus::Result<()>;
}

#[proxy(
    interface = "org.freedesktop.systemd1.Unit",
    default_service = "org.freedesktop.systemd1"
)]
trait Unit {
    #[zbus(property(emits_changed_signal = "false"))]
    fn active_state(&self) -> zbus::Result<String>;
}

/// Name, description, load state, active state, sub state, followed unit, path, and its job.
type UnitRow = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

/// The active states of the units with names like these that are not at rest.
///
/// # Errors
/// If systemd can't be asked.
pub(super) async fn states(
    connection: &Connection,
    patterns: &[&str],
) -> zbus::Result<HashMap<String, String>> {
    let units = UnitsProxy::new(connection).await?;
    let states = [
        "active",
        "activating",
        "reloading",
        "deactivating",
        "failed",
    ];
    let rows = units.list_units_by_patterns(&states, patterns).await?;
    let rows = rows.into_iter();
    Ok(rows.map(|row| (row.0, row.3)).collect())
}

/// What is done with units after all were made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// They are started.
    Start,
    /// They are stopped.
    Stop,
}

impl Verb {
    /// The word of systemctl.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }
}

/// Has systemd make all units anew, and starts or stops some, one after the other; returns when it is
/// done.
///
/// # Errors
/// In words, with the command that does or explains it.
pub fn apply(verb: Verb, units: &[String]) -> Result<(), String> {
    block_on(run(verb, units))
}

async fn run(verb: Verb, units: &[String]) -> Result<(), String> {
    let unreachable = |error: zbus::Error| {
        let (error, verb, units) = (said(error), verb.word(), units.join(" "));
        format!(
            "systemd can't be told: {error}; run `systemctl daemon-reload`, \
             and then `systemctl {verb} {units}`"
        )
    };
    let connection = Connection::system().await.map_err(unreachable)?;
    let manager = UnitsProxy::new(&connection).await.map_err(unreachable)?;
    // Without it systemd may not tell of the end of jobs.
    manager.subscribe().await.map_err(unreachable)?;
    let mut ended = manager.receive_job_removed().await.map_err(unreachable)?;
    manager.reload().await.map_err(unreachable)?;
    for unit in units {
        let failed = |why: &str| {
            let verb = verb.word();
            format!("{unit} did not {verb} ({why}); `systemctl status {unit}` says more")
        };
        let asked = match verb {
            Verb::Start => manager.start_unit(unit, "replace").await,
            Verb::Stop => manager.stop_unit(unit, "replace").await,
        };
        let job = asked.map_err(|error| failed(&said(error)))?;
        loop {
            let signal = poll_fn(|context| Pin::new(&mut ended).poll_next(context)).await;
            let signal = signal.ok_or_else(|| failed("the bus has gone"))?;
            let arguments = signal.args().map_err(|error| failed(&said(error)))?;
            if arguments.job == job {
                match arguments.result.as_str() {
                    "done" => break,
                    other => return Err(failed(other)),
                }
            }
        }
        // systemd takes a condition that does not hold for no failure.
        if verb == Verb::Start {
            let path = manager.get_unit(unit).await;
            let path = path.map_err(|error| failed(&said(error)))?;
            let started = UnitProxy::builder(&connection)
                .path(path)
                .build()
                .await
                .map_err(|error| failed(&said(error)))?;
            let state = started.active_state().await;
            let state = state.map_err(|error| failed(&said(error)))?;
            if state != "active" {
                return Err(failed("is its server there and executable?"));
            }
        }
    }
    Ok(())
}

/// What an error says.
pub(super) fn said(error: zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, text, _) => text.unwrap_or_else(|| name.to_string()),
        other => other.to_string(),
    }
}
