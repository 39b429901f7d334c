//! The coordinator as programs see it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xinetd_core::bans::{Ban, Clocks, Origin, Until};
use zbus::wire::Type;
use zbus::{Connection, OwnedObjectPath, fdo, proxy};
use zruntime::block_on;

use crate::status::SessionRow;

/// The name on the bus.
pub const NAME: &str = "org.xinetd.Bridge1";

/// The object for people.
pub const MANAGER: &str = "/org/xinetd/Bridge1";

/// [`BanRow::until`] of a ban that does not end.
pub(crate) const FOREVER: u64 = u64::MAX;

/// A ban; times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub(crate) struct BanRow {
    /// Whom it hits: an address, or an IPv6 network.
    pub(crate) peer: String,
    /// Since when.
    pub(crate) since: u64,
    /// When it was made or last extended.
    pub(crate) last: u64,
    /// When it ends; [`FOREVER`] is never.
    pub(crate) until: u64,
    /// `sensor` or `administrator`.
    pub(crate) origin: String,
    /// The id of the sensor, if it is known.
    pub(crate) sensor: String,
}

impl BanRow {
    /// The row of a ban, whose times are for these clocks.
    pub(super) fn of(ban: &Ban, clocks: Clocks) -> Self {
        let until = match ban.until {
            Until::At(end) => clocks.wall_seconds(end),
            Until::Forever => FOREVER,
        };
        let (origin, sensor) = match &ban.origin {
            Origin::Sensor(id) => ("sensor", id.clone().unwrap_or_default()),
            Origin::Administrator => ("administrator", String::new()),
        };
        Self {
            peer: ban.subject.to_string(),
            since: clocks.wall_seconds(ban.since),
            last: clocks.wall_seconds(ban.last),
            until,
            origin: origin.to_owned(),
            sensor,
        }
    }
}

/// A service and what it is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub(crate) struct ServiceRow {
    /// The id in xinetd's files.
    pub(crate) id: String,
    /// The units, without suffix.
    pub(crate) unit: String,
    /// Where it stands: file, line and column.
    pub(crate) source: String,
    /// `stopped`, `listening`, `serving`, `paused`, `failed`, or `silent`: its helper does not answer.
    pub(crate) state: String,
    /// The sessions that are open.
    pub(crate) running: u64,
    /// The clients that wait for something.
    pub(crate) waiting: u64,
    /// Seconds that a pause lasts on; 0 is none.
    pub(crate) pause: u64,
    /// Clients that were let in since the machine was started.
    pub(crate) served: u64,
    /// Clients that were turned away, by what for.
    pub(crate) refused: BTreeMap<String, u64>,
    /// How many sessions took how long: a class for each of the property DurationBounds, and one for
    /// longer ones.
    pub(crate) durations: Vec<u64>,
    /// All of them together, in milliseconds.
    pub(crate) duration_sum: u64,
}

impl ServiceRow {
    /// All clients that were turned away.
    pub(crate) fn all_refused(&self) -> u64 {
        let counts = self.refused.values();
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub(crate) struct SessionInfo {
    /// The server's process; 0 where there is none.
    pub(crate) pid: i32,
    /// The client's address and port.
    pub(crate) peer: String,
    /// Its age in seconds.
    pub(crate) age: u64,
}

impl From<&SessionRow> for SessionInfo {
    fn from(row: &SessionRow) -> Self {
        Self {
            pid: row.pid,
            peer: row.peer.to_string(),
            age: row.age,
        }
    }
}

#[proxy(
    interface = "org.xinetd.Bridge1.Manager",
    default_service = "org.xinetd.Bridge1",
    default_path = "/org/xinetd/Bridge1"
)]
trait Manager {
    fn list_bans(&self) -> zbus::Result<Vec<BanRow>>;
    fn add_ban(&self, peer: &str, seconds: u64) -> zbus::Result<String>;
    fn remove_ban(&self, peer: &str) -> zbus::Result<()>;
    fn flush_bans(&self) -> zbus::Result<u32>;
    fn reopen_logs(&self) -> zbus::Result<()>;
    fn list_services(&self) -> zbus::Result<Vec<ServiceRow>>;
    fn get_service(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    #[zbus(property(emits_changed_signal = "const"))]
    fn duration_bounds(&self) -> zbus::Result<Vec<u64>>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn ban_count(&self) -> zbus::Result<u32>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn options_problem(&self) -> zbus::Result<String>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn table_problem(&self) -> zbus::Result<String>;
}

#[proxy(
    interface = "org.xinetd.Bridge1.Service",
    default_service = "org.xinetd.Bridge1"
)]
trait Service {
    fn kick(&self, whom: &str) -> zbus::Result<()>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn unit(&self) -> zbus::Result<String>;
    fn list_sessions(&self) -> zbus::Result<Vec<SessionInfo>>;
}

/// The bans, as far as the caller may see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bans {
    /// What is wrong in /etc/xinetd-bridge.toml, so that bans go by what it said before.
    pub(crate) problem: Option<String>,
    /// Why the table can't be written, and how many bans are not in force for that.
    pub(crate) table_problem: Option<String>,
    /// All bans, the newest first.
    pub(crate) rows: Vec<BanRow>,
}

/// All bans.
///
/// # Errors
/// In words, as of all calls here: the coordinator's, or those of the bus, which starts it where it
/// does not run. A caller that may not see them is told how many there are.
pub(crate) fn list_bans() -> Result<Bans, String> {
    let listed = ask(async || {
        let manager = manager().await?;
        let rows = match manager.list_bans().await {
            Err(error) if is_denied(&error) => {
                return Ok(Err((manager.ban_count().await?, said(error))));
            }
            rows => rows?,
        };
        let problem = manager.options_problem().await?;
        let table_problem = manager.table_problem().await?;
        let said = |text: String| (!text.is_empty()).then_some(text);
        Ok(Ok(Bans {
            problem: said(problem),
            table_problem: said(table_problem),
            rows,
        }))
    });
    listed?.map_err(|(count, why)| format!("peers that are banned: {count}; {why}"))
}

/// Bans a peer for so many seconds, 0 for ever; whom the ban hits.
///
/// # Errors
/// As [`list_bans`].
pub(crate) fn add_ban(peer: &str, seconds: u64) -> Result<String, String> {
    ask(async || manager().await?.add_ban(peer, seconds).await)
}

/// Ends the ban of a peer.
///
/// # Errors
/// As [`list_bans`].
pub(crate) fn remove_ban(peer: &str) -> Result<(), String> {
    ask(async || manager().await?.remove_ban(peer).await)
}

/// Ends all bans; how many there were.
///
/// # Errors
/// As [`list_bans`].
pub(crate) fn flush_bans() -> Result<u32, String> {
    ask(async || manager().await?.flush_bans().await)
}

/// Has all services that run open their log files anew.
///
/// # Errors
/// As [`list_bans`].
pub(crate) fn reopen_logs() -> Result<(), String> {
    ask(async || manager().await?.reopen_logs().await)
}

/// All services, and the upper bounds of the classes of durations, in milliseconds.
///
/// # Errors
/// As [`list_bans`].
pub(crate) fn list_services() -> Result<(Vec<ServiceRow>, Vec<u64>), String> {
    ask(async || {
        let manager = manager().await?;
        Ok((
            manager.list_services().await?,
            manager.duration_bounds().await?,
        ))
    })
}

/// The sessions of a service, or why the caller may not see them.
pub(crate) type Sessions = Result<Vec<SessionInfo>, String>;

/// Why nothing can be said of a service, or done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// No service that systemd has units of has this id or unit.
    NoService,
    /// Something else, in words.
    Said(String),
}

impl Failed {
    fn of(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, ..) if *name == "org.xinetd.Bridge1.Error.NoService" => {
                Self::NoService
            }
            error => Self::Said(said(error)),
        }
    }
}

/// The unit without suffix of the service with this id or unit, and its sessions.
///
/// # Errors
/// As [`list_bans`], and if there is no such service.
pub(crate) fn list_sessions(name: &str) -> Result<(String, Sessions), Failed> {
    let call = async || {
        let service = service(name).await?;
        let sessions = match service.list_sessions().await {
            Err(error) if is_denied(&error) => Err(said(error)),
            sessions => Ok(sessions?),
        };
        Ok((service.unit().await?, sessions))
    };
    twice(call).map_err(Failed::of)
}

/// Ends a session of the service with this id or unit: by the server's process, or by the client's
/// address and port.
///
/// # Errors
/// As [`list_sessions`].
pub(crate) fn kick(name: &str, whom: &str) -> Result<(), Failed> {
    twice(async || service(name).await?.kick(whom).await).map_err(Failed::of)
}

async fn manager() -> zbus::Result<ManagerProxy<'static>> {
    ManagerProxy::new(&Connection::system().await?).await
}

async fn service(name: &str) -> zbus::Result<ServiceProxy<'static>> {
    let manager = manager().await?;
    let path = manager.get_service(name).await?;
    let connection = manager.inner().connection();
    ServiceProxy::builder(connection).path(path).build().await
}

/// Asks; errors are in words.
fn ask<T>(call: impl AsyncFn() -> zbus::Result<T>) -> Result<T, String> {
    twice(call).map_err(said)
}

/// Asks, and once more if the coordinator was just about to leave.
fn twice<T>(call: impl AsyncFn() -> zbus::Result<T>) -> zbus::Result<T> {
    match block_on(call()) {
        Err(error) if has_left(&error) => block_on(call()),
        asked => asked,
    }
}

fn said(error: zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, text, _) => text.unwrap_or_else(|| name.to_string()),
        other => format!("the coordinator can't be reached over the system bus: {other}"),
    }
}

/// Whether the caller may not do what it has asked for.
fn is_denied(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::MethodError(name, ..) if *name == "org.xinetd.Bridge1.Error.Denied")
}

/// Whether the program that was asked has gone without an answer.
fn has_left(error: &zbus::Error) -> bool {
    let no_reply = |name: &str| name == "org.freedesktop.DBus.Error.NoReply";
    match error {
        zbus::Error::MethodError(name, ..) => no_reply(name),
        zbus::Error::FDO(error) => matches!(**error, fdo::Error::NoReply(_)),
        _ => false,
    }
}
