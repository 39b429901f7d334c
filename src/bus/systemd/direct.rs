//! systemd by its private socket, which is there without a bus; many jobs go at once.

use std::collections::HashMap;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::pin::Pin;

use futures_core::Stream;
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::names::InterfaceName;
use zbus::{
    Connection, MatchRule, Message, MessageStream, ObjectPath, OwnedObjectPath, OwnedVariant,
};
use zruntime::{block_on, spawn};

use super::job::{Job, JobError, Verb};
use super::relay::relay;
use super::{UnitRow, said};

/// The socket that systemctl uses for root, too.
const SOCKET: &str = "/run/systemd/private";

const DESTINATION: &str = "org.freedesktop.systemd1";
pub(super) const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
pub(super) const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Ends of jobs that may wait until they are read: more than a machine has units, as a full queue would
/// hold up the answers behind it.
const QUEUE: NonZeroUsize = NonZeroUsize::new(1 << 17).unwrap();

/// How often a job is begun that others replace.
const ATTEMPTS: u32 = 5;

/// A connection to systemd itself.
#[derive(Debug)]
pub(crate) struct Systemd {
    connection: Connection,
    /// The ends of jobs.
    ended: MessageStream,
}

/// A unit that systemd has in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Whether it has a file: a unit that runs stays in memory without one.
    pub(crate) has_file: bool,
    /// `ActiveState`, such as `active`.
    pub(crate) active: String,
    /// `SubState`, such as `auto-restart`.
    pub(crate) sub: String,
    /// Whether a job for it waits or runs.
    pub(crate) has_job: bool,
    /// Its object.
    path: OwnedObjectPath,
}

/// A property of a unit that systemd has in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Property<'a> {
    /// The unit.
    pub(crate) of: &'a Loaded,
    /// `Unit`, `Socket` or `Service`.
    pub(crate) interface: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
}

/// A call that waits for its answer.
type PendingReply = zruntime::Task<zbus::Result<Message>, zruntime::Shared>;

impl Systemd {
    /// Connects; over the bus where the private socket is not for the caller.
    ///
    /// # Errors
    /// In words, as of all calls here: what systemd says, or that it can't be asked.
    pub(crate) fn connect() -> Result<Self, String> {
        let connect = async {
            let builder = match UnixStream::connect(SOCKET).and_then(relay) {
                Ok(stream) => Builder::unix_stream(stream).p2p(),
                Err(_) => Builder::system(),
            };
            Self::over(builder.build().await?).await
        };
        block_on(connect).map_err(unreachable)
    }

    /// By a connection that is there.
    pub(super) async fn over(connection: Connection) -> zbus::Result<Self> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface(MANAGER)
            .member("JobRemoved")
            .build()?;
        let ended = MessageStream::for_match_rule(rule, &connection, Some(QUEUE)).await?;
        let this = Self { connection, ended };
        // Without it systemd may not tell of the end of jobs.
        this.call("Subscribe", ()).await?;
        Ok(this)
    }

    /// All units that systemd has in memory, by their names.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub(crate) fn units(&self) -> Result<HashMap<String, Loaded>, String> {
        let ask = async {
            let answer = self.call("ListUnits", ()).await?;
            let rows: Vec<UnitRow> = answer.body().deserialize()?;
            Ok(rows)
        };
        let rows = block_on(ask).map_err(unreachable)?;
        let loaded = |row: UnitRow| {
            let loaded = Loaded {
                has_file: row.2 != "not-found",
                active: row.3,
                sub: row.4,
                has_job: row.7 != 0,
                path: row.6,
            };
            (row.0, loaded)
        };
        Ok(rows.into_iter().map(loaded).collect())
    }

    /// The values of properties, each in its place; none where a unit is gone meanwhile or the value is
    /// of another type.
    pub(crate) fn properties<T>(&self, wanted: &[Property<'_>]) -> Vec<Option<T>>
    where
        T: TryFrom<OwnedVariant>,
    {
        let ask = |property: &Property<'_>| {
            let interface = format!("{DESTINATION}.{}", property.interface);
            let path = property.of.path.clone().into_inner();
            self.begin(path, PROPERTIES, "Get", (interface, property.name))
        };
        let answers: Vec<PendingReply> = wanted.iter().map(ask).collect();
        block_on(async {
            let mut values = Vec::with_capacity(answers.len());
            for answer in answers {
                let value = answered(answer).await.ok();
                let value = value.and_then(|message| message.body().deserialize().ok());
                let value = value.and_then(|value: OwnedVariant| T::try_from(value).ok());
                values.push(value);
            }
            values
        })
    }

    /// What systemd is doing with a unit, such as `restart`; none if it has no job for it.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub(crate) fn job(&self, unit: &str) -> Result<Option<String>, String> {
        let ask = async {
            let answer = self.call("ListJobs", ()).await?;
            let rows: Vec<JobRow> = answer.body().deserialize()?;
            Ok(rows)
        };
        let rows = block_on(ask).map_err(unreachable)?;
        let mut rows = rows.into_iter();
        Ok(rows.find(|row| row.1 == unit).map(|row| row.2))
    }

    /// Has systemd do something, and does not wait for the end.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub(crate) fn begin_job(&self, verb: Verb, unit: &str) -> Result<(), String> {
        let call = self.call(verb.method(), (unit.to_owned(), verb.mode()));
        block_on(call).map_err(said).map(drop)
    }

    /// Has systemd do all of them at once, and waits for their ends; what came of each, in its place.
    pub(crate) fn run(&mut self, jobs: &[Job]) -> Vec<Result<(), String>> {
        let ends = self.run_once(jobs).into_iter();
        ends.map(|end| end.map_err(|fault| fault.to_string()))
            .collect()
    }

    /// The same, and begins those anew in whose place systemd has put a contrary job of another caller, such as
    /// xinetd-reconcile: the last word counts, and is to be this one.
    pub(crate) fn insist(&mut self, jobs: &[Job]) -> Vec<Result<(), String>> {
        let mut ends = self.run_once(jobs);
        for _ in 1..ATTEMPTS {
            let is_replaced =
                |place: &usize| ends[*place].as_ref().is_err_and(JobError::is_replaced);
            let again: Vec<usize> = (0..ends.len()).filter(is_replaced).collect();
            if again.is_empty() {
                break;
            }
            let jobs: Vec<Job> = again.iter().map(|&place| jobs[place].clone()).collect();
            for (place, end) in again.into_iter().zip(self.run_once(&jobs)) {
                ends[place] = end;
            }
        }
        let ends = ends.into_iter();
        ends.map(|end| end.map_err(|fault| fault.to_string()))
            .collect()
    }

    fn run_once(&mut self, jobs: &[Job]) -> Vec<Result<(), JobError>> {
        let begin = |(verb, unit): &Job| {
            let body = (unit.clone(), verb.mode());
            self.begin(MANAGER_PATH, MANAGER, verb.method(), body)
        };
        let answers: Vec<_> = jobs.iter().map(begin).collect();
        block_on(async {
            let mut begun = Vec::with_capacity(jobs.len());
            for answer in answers {
                let job = answered(answer).await.and_then(|message| {
                    let job: OwnedObjectPath = message.body().deserialize()?;
                    Ok(job)
                });
                begun.push(job.map_err(|error| JobError::Said(said(error))));
            }
            let mut results: HashMap<OwnedObjectPath, Option<String>> = HashMap::new();
            let paths = begun.iter().flatten();
            results.extend(paths.map(|path| (path.clone(), None)));
            let mut left = results.len();
            while left > 0 {
                let Some(Ok(message)) =
                    poll_fn(|context| Pin::new(&mut self.ended).poll_next(context)).await
                else {
                    break;
                };
                let removed = message.body().deserialize();
                let Ok((_, path, _, result)) = removed as zbus::Result<Removed> else {
                    continue;
                };
                if let Some(place @ None) = results.get_mut(&path) {
                    *place = Some(result);
                    left -= 1;
                }
            }
            let end = |path: OwnedObjectPath| match results.get(&path) {
                Some(Some(result)) if result == "done" => Ok(()),
                Some(Some(result)) => Err(JobError::Ended(result.clone())),
                _ => Err(JobError::Said(
                    "systemd has closed the connection".to_owned(),
                )),
            };
            begun.into_iter().map(|path| path.and_then(end)).collect()
        })
    }

    /// Has systemd make all units anew; returns when it is done.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub(crate) fn reload(&self) -> Result<(), String> {
        block_on(self.call("Reload", ())).map_err(said).map(drop)
    }

    /// Sends a signal to the main process of a service.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); also if there is no such process.
    pub(crate) fn signal_main(&self, unit: &str, signal: i32) -> Result<(), String> {
        let call = self.call("KillUnit", (unit.to_owned(), "main", signal));
        block_on(call).map_err(said).map(drop)
    }

    /// Has a unit start at boot, as its `[Install]` says. systemd knows of it when units are made anew.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub(crate) fn enable(&self, unit: &str) -> Result<(), String> {
        // Not until the next boot alone, and no other unit's link is replaced.
        let (is_for_now, is_forced) = (false, false);
        let call = self.call(
            "EnableUnitFiles",
            (vec![unit.to_owned()], is_for_now, is_forced),
        );
        block_on(call).map_err(said).map(drop)
    }

    /// Has a unit be no longer called failed.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); also if systemd does not have it in memory.
    pub(crate) fn forget_failure(&self, unit: &str) -> Result<(), String> {
        let call = self.call("ResetFailedUnit", (unit.to_owned(),));
        block_on(call).map_err(said).map(drop)
    }

    /// Calls a method of the manager.
    async fn call<B>(&self, method: &'static str, body: B) -> zbus::Result<Message>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let to = Some(DESTINATION);
        let manager = Some(MANAGER);
        self.connection
            .call_method(to, MANAGER_PATH, manager, method, &body)
            .await
    }

    /// Calls a method without waiting for the answer.
    fn begin<P, I, B>(&self, path: P, interface: I, method: &'static str, body: B) -> PendingReply
    where
        P: TryInto<ObjectPath<'static>> + Send + 'static,
        P::Error: Into<zbus::Error>,
        I: TryInto<InterfaceName<'static>> + Send + 'static,
        I::Error: Into<zbus::Error>,
        B: serde::Serialize + zbus::DynamicType + Send + Sync + 'static,
    {
        let connection = self.connection.clone();
        spawn(async move {
            let to = Some(DESTINATION);
            connection
                .call_method(to, path, Some(interface), method, &body)
                .await
        })
    }
}

/// A job: number, unit, what it does, state, its object and that of the unit.
type JobRow = (
    u32,
    String,
    String,
    String,
    OwnedObjectPath,
    OwnedObjectPath,
);

/// The signal JobRemoved: number, object, unit and result of a job.
type Removed = (u32, OwnedObjectPath, String, String);

/// The answer to a call, once it is there.
async fn answered(answer: PendingReply) -> zbus::Result<Message> {
    answer.await?
}

fn unreachable(error: zbus::Error) -> String {
    format!("systemd can't be asked: {}", said(error))
}
