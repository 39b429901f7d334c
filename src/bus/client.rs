//! The coordinator as programs see it.

use serde::{Deserialize, Serialize};
use zbus::wire::Type;
use zbus::{Connection, proxy};
use zruntime::block_on;

/// [`BanRow::until`] of a ban that does not end.
pub const FOREVER: u64 = u64::MAX;

/// A ban; times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct BanRow {
    /// Whom it hits: an address, or an IPv6 network.
    pub peer: String,
    /// Since when.
    pub since: u64,
    /// When it was made or last extended.
    pub last: u64,
    /// When it ends; [`FOREVER`] is never.
    pub until: u64,
    /// `sensor` or `administrator`.
    pub origin: String,
    /// The id of the sensor, if it is known.
    pub sensor: String,
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
}

/// What to ask the coordinator for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// All bans.
    List,
    /// Ban a peer for so many seconds; 0 is for ever.
    Add(String, u64),
    /// End the ban of a peer.
    Remove(String),
    /// End all bans.
    Flush,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The bans.
    Bans(Vec<BanRow>),
    /// Whom the new ban hits.
    Added(String),
    /// It is done.
    Removed,
    /// So many bans were ended.
    Flushed(u32),
}

/// Asks the coordinator over the system bus, which starts it where it does not run.
///
/// # Errors
/// In words.
pub fn call(call: &Call) -> Result<Outcome, String> {
    block_on(ask(call)).map_err(|error| match error {
        zbus::Error::MethodError(name, text, _) => text.unwrap_or_else(|| name.to_string()),
        other => format!("the coordinator can't be reached over the system bus: {other}"),
    })
}

async fn ask(call: &Call) -> zbus::Result<Outcome> {
    let connection = Connection::system().await?;
    let manager = ManagerProxy::new(&connection).await?;
    Ok(match call {
        Call::List => Outcome::Bans(manager.list_bans().await?),
        Call::Add(peer, seconds) => Outcome::Added(manager.add_ban(peer, *seconds).await?),
        Call::Remove(peer) => {
            manager.remove_ban(peer).await?;
            Outcome::Removed
        }
        Call::Flush => Outcome::Flushed(manager.flush_bans().await?),
    })
}
