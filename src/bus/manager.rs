//! `org.xinetd.Bridge1` on the system bus, for administrators and their programs.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use zbus::message::Header;
use zbus::{Connection, OwnedObjectPath, connection, fdo, interface};
use zruntime::block_on;

use crate::status::BOUNDS;

use super::authority::{self, Action};
use super::ban_store::Refused;
use super::banning;
use super::client::{BanRow, MANAGER, NAME, ServiceRow};
use super::error::Error;
use super::shared::Shared;
use super::{service, services};

/// How often it is looked whether the bus is still there, or there again.
const RETRY: Duration = Duration::from_secs(2);

/// The thread that serves the bus.
pub(super) struct Bus {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Bus {
    /// Gives the name back, so that the next call starts another coordinator.
    pub(super) fn leave(self) {
        drop(self.end);
        let _ = self.thread.join();
    }
}

/// Serves the bus from now on, where there is one; comes back to it when it was gone.
pub(super) fn serve(shared: Arc<Shared>) -> Bus {
    let (end, ended) = channel();
    let thread = thread::spawn(move || {
        let mut connection: Option<Connection> = None;
        loop {
            let alive = connection.as_ref().is_some_and(is_alive);
            if !alive {
                connection = connect(&shared);
            }
            if let Some(connection) = &connection {
                let followed = service::follow(connection.object_server(), &shared);
                if let Err(error) = block_on(followed) {
                    log::error!("the objects of services: {error}");
                }
            }
            if ended.recv_timeout(RETRY) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        if let Some(connection) = connection {
            let _ = block_on(connection.release_name(NAME));
            // What came before is answered.
            thread::sleep(Duration::from_millis(50));
        }
    });
    Bus { end, thread }
}

fn connect(shared: &Arc<Shared>) -> Option<Connection> {
    let manager = Manager(Arc::clone(shared));
    shared.objects.forget();
    let builder = connection::Builder::system()
        .name(NAME)
        .serve_at(MANAGER, manager)
        .serve_at(MANAGER, fdo::ObjectManager);
    // Sensors do not need the bus: that it is not there is not worth a line.
    block_on(builder.build()).ok()
}

fn is_alive(connection: &Connection) -> bool {
    block_on(async { fdo::DBusProxy::new(connection).await?.get_id().await }).is_ok()
}

/// `/org/xinetd/Bridge1`.
struct Manager(Arc<Shared>);

#[interface(name = "org.xinetd.Bridge1.Manager")]
impl Manager {
    /// The version of the bridge.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The upper bounds of the classes of durations, in milliseconds.
    #[zbus(property(emits_changed_signal = "const"))]
    fn duration_bounds(&self) -> Vec<u64> {
        BOUNDS.to_vec()
    }

    /// All services, and what each is doing.
    async fn list_services(
        &self,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<ServiceRow>, Error> {
        self.0.lock().wanted();
        let active = self.0.services.active(connection).await?;
        Ok(active.iter().map(|active| active.row.clone()).collect())
    }

    /// The object of a service, by its id or one of its units.
    async fn get_service(
        &self,
        name: String,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, Error> {
        self.0.lock().wanted();
        let services = self.0.services.all();
        let service = services::find(&services, &name).map_err(Error::NoService)?;
        service::follow(connection.object_server(), &self.0).await?;
        Ok(service::path(&service.unit))
    }

    /// Has all services that run open their log files anew; when it returns, they write no more to
    /// those of before.
    async fn reopen_logs(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        authority::check(Action::Manage, connection, &header).await?;
        self.0.lock().wanted();
        let silent = self.0.services.reopen(connection).await?;
        match silent.is_empty() {
            true => Ok(()),
            false => Err(Error::Failed(services::not_reopened(&silent))),
        }
    }

    /// How many bans hold now.
    #[zbus(property(emits_changed_signal = "false"))]
    fn ban_count(&self) -> fdo::Result<u32> {
        let failed = |why: Refused| fdo::Error::Failed(why.to_string());
        let count = self.0.lock().count().map_err(failed)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// What is wrong in /etc/xinetd-bridge.toml, so that bans go by what it said before; nothing if all
    /// is well.
    #[zbus(property(emits_changed_signal = "false"))]
    fn options_problem(&self) -> fdo::Result<String> {
        let failed = |why: Refused| fdo::Error::Failed(why.to_string());
        let problem = self.0.lock().problem().map_err(failed)?;
        Ok(problem.unwrap_or_default())
    }

    /// Why the table of bans can't be written, and how many bans are not in force for that; nothing if all is well.
    #[zbus(property(emits_changed_signal = "false"))]
    fn table_problem(&self) -> fdo::Result<String> {
        let failed = |why: Refused| fdo::Error::Failed(why.to_string());
        let problem = self.0.lock().table_problem().map_err(failed)?;
        Ok(problem.unwrap_or_default())
    }

    /// All bans that hold now.
    async fn list_bans(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<BanRow>, Error> {
        authority::check(Action::Inspect, connection, &header).await?;
        Ok(banning::list(&mut self.0.lock())?)
    }

    /// Bans a peer for so many seconds; 0 is for ever. Tells whom the ban hits.
    async fn add_ban(
        &self,
        peer: String,
        seconds: u64,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, Error> {
        authority::check(Action::Manage, connection, &header).await?;
        Ok(self.0.change(|store| banning::add(store, &peer, seconds))?)
    }

    /// Ends the ban that hits a peer.
    async fn remove_ban(
        &self,
        peer: String,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        authority::check(Action::Manage, connection, &header).await?;
        Ok(self.0.change(|store| banning::remove(store, &peer))?)
    }

    /// Ends all bans. Tells how many there were.
    async fn flush_bans(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<u32, Error> {
        authority::check(Action::Manage, connection, &header).await?;
        Ok(self.0.change(banning::flush)?)
    }
}
