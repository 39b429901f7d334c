//! The objects of services on the bus, one for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use zbus::message::Header;
use zbus::{Connection, ObjectServer, OwnedObjectPath, fdo, interface};

use super::authority::{self, Action};
use super::client::{MANAGER, ServiceRow, SessionInfo};
use super::error::Error;
use super::services::{self, Active, BridgeService};
use super::shared::Shared;

/// Makes and removes objects, so that there is one for each service.
pub(super) async fn follow(server: &ObjectServer, shared: &Arc<Shared>) -> zbus::Result<()> {
    let services = shared.services.all();
    let (gone, come): (Vec<String>, Vec<BridgeService>) = {
        let there = shared.objects.lock();
        let is_there = |service: &BridgeService| there.get(&service.unit) == Some(service);
        let gone = there.values().filter(|old| !services.contains(old));
        let come = services.iter().filter(|service| !is_there(service));
        (
            gone.map(|old| old.unit.clone()).collect(),
            come.cloned().collect(),
        )
    };
    for unit in gone {
        server.remove::<Object, _>(path(&unit)).await?;
        shared.objects.lock().remove(&unit);
    }
    // Another thread may do the same just now: what is there already stays, and counts as there
    // only when it is.
    for service in come {
        let object = Object {
            path: path(&service.unit),
            service: service.clone(),
            shared: Arc::clone(shared),
        };
        server.at(object.path.clone(), object).await?;
        shared.objects.lock().insert(service.unit.clone(), service);
    }
    Ok(())
}

/// The object of a unit: letters and digits stand for themselves, all else as `_` and two
/// hexadecimal digits, as systemd has it.
pub(super) fn path(unit: &str) -> OwnedObjectPath {
    let mut path = format!("{MANAGER}/service/");
    for (index, byte) in unit.bytes().enumerate() {
        let plain = byte.is_ascii_alphabetic() || byte.is_ascii_digit() && index > 0;
        match plain {
            true => path.push(char::from(byte)),
            false => path.push_str(&format!("_{byte:02x}")),
        }
    }
    // It can't be wrong: it has no other characters.
    OwnedObjectPath::try_from(path).unwrap_or_default()
}

/// `/org/xinetd/Bridge1/service/UNIT`.
struct Object {
    path: OwnedObjectPath,
    service: BridgeService,
    shared: Arc<Shared>,
}

impl Object {
    async fn active(&self, connection: &Connection) -> fdo::Result<Active> {
        let active = self.shared.services.recent(connection, &self.service);
        active
            .await?
            .ok_or_else(|| fdo::Error::UnknownObject(format!("{} is gone", self.service.unit)))
    }

    async fn row(&self, connection: &Connection) -> fdo::Result<ServiceRow> {
        self.active(connection).await.map(|active| active.row)
    }
}

#[interface(name = "org.xinetd.Bridge1.Service")]
impl Object {
    /// The id in xinetd's files.
    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> &str {
        &self.service.id
    }

    /// The units, without suffix.
    #[zbus(property(emits_changed_signal = "const"))]
    fn unit(&self) -> &str {
        &self.service.unit
    }

    /// Where it stands: file, line and column.
    #[zbus(property(emits_changed_signal = "const"))]
    fn source(&self) -> &str {
        &self.service.source
    }

    /// What it is doing, in a word.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn state(&self, #[zbus(connection)] connection: &Connection) -> fdo::Result<String> {
        Ok(self.row(connection).await?.state)
    }

    /// The sessions that are open.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn running(&self, #[zbus(connection)] connection: &Connection) -> fdo::Result<u64> {
        Ok(self.row(connection).await?.running)
    }

    /// The clients that wait for something.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn waiting(&self, #[zbus(connection)] connection: &Connection) -> fdo::Result<u64> {
        Ok(self.row(connection).await?.waiting)
    }

    /// Seconds that a pause lasts on; 0 is none.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn pause(&self, #[zbus(connection)] connection: &Connection) -> fdo::Result<u64> {
        Ok(self.row(connection).await?.pause)
    }

    /// Clients that were let in.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn served(&self, #[zbus(connection)] connection: &Connection) -> fdo::Result<u64> {
        Ok(self.row(connection).await?.served)
    }

    /// Clients that were turned away, by what for.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn refused(
        &self,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<BTreeMap<String, u64>> {
        Ok(self.row(connection).await?.refused)
    }

    /// How many sessions took how long.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn durations(
        &self,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<Vec<u64>> {
        Ok(self.row(connection).await?.durations)
    }

    /// The sessions: process, client, age in seconds.
    async fn list_sessions(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<SessionInfo>, Error> {
        authority::check(Action::Inspect, connection, &header).await?;
        let gone = |error: fdo::Error| Error::NoService(error.to_string());
        let active = self.active(connection).await.map_err(gone)?;
        let rows = active.sessions.iter();
        Ok(rows.map(SessionInfo::from).collect())
    }

    /// Ends the session of a server's process, or those of a client's address and port.
    async fn kick(
        &self,
        whom: String,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        authority::check(Action::Manage, connection, &header).await?;
        let directory = self.service.runtime.clone();
        let asked = whom.clone();
        let kicked = zruntime::unblock(move || services::kick(&directory, &asked)).await;
        kicked.map_err(Error::NoSession)?;
        services::note_kick(&self.service.id, &whom);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_differ_as_units_do() {
        let of = |unit: &str| {
            path(unit)
                .as_str()
                .replace("/org/xinetd/Bridge1/service/", "")
        };
        assert_eq!(of("telnet"), "telnet");
        assert_eq!(of("9p"), "_39p");
        assert_eq!(of(r"time-dgram_\x20"), "time_2ddgram_5f_5cx20");
    }
}
