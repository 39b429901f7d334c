//! A systemd that a test plays: units, their properties, and what comes of the calls.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_core::Stream;
use zbus::connection::Builder;
use zbus::message::{Header, Type};
use zbus::{Connection, Guid, Message, MessageStream, ObjectPath, OwnedObjectPath, Variant};
use zruntime::{block_on, spawn};

use super::UnitRow;
use super::direct::{MANAGER, MANAGER_PATH, Systemd};

/// What the played systemd does at a call, such as `StartUnit a.socket replace`. Of a job it says the result,
/// such as `done`; nothing where it refuses to begin one.
type Reaction = Box<dyn FnMut(&str, &mut PlayedUnits) -> &'static str + Send>;

/// A unit in memory.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    is_lost: bool,
    active: String,
    sub: String,
    has_job: bool,
    properties: BTreeMap<&'static str, Variant<'static>>,
}

impl Unit {
    /// Its file is found no more.
    pub(crate) fn lose(&mut self) -> &mut Self {
        self.is_lost = true;
        self
    }

    /// A job for it waits or runs, or does not any more.
    pub(crate) fn has_job(&mut self, has_job: bool) -> &mut Self {
        self.has_job = has_job;
        self
    }

    /// A property has this value from now on.
    pub(crate) fn set<T>(&mut self, property: &'static str, value: T) -> &mut Self
    where
        T: Into<Variant<'static>>,
    {
        self.properties.insert(property, value.into());
        self
    }
}

/// All units in memory.
#[derive(Debug, Default)]
pub(crate) struct PlayedUnits(BTreeMap<String, Unit>);

impl PlayedUnits {
    /// A unit has these states from now on: `ActiveState` and `SubState`.
    pub(crate) fn put(&mut self, name: &str, active: &str, sub: &str) -> &mut Unit {
        let unit = self.0.entry(name.to_owned()).or_default();
        (unit.active, unit.sub) = (active.to_owned(), sub.to_owned());
        unit
    }
}

struct Stage {
    units: PlayedUnits,
    /// The calls so far, but for those that only look.
    calls: Vec<String>,
    jobs: u32,
    reaction: Reaction,
}

/// A systemd that a test plays.
pub(crate) struct Played(Arc<Mutex<Stage>>);

impl Played {
    /// One that has no units, and reacts so.
    pub(crate) fn new(
        reaction: impl FnMut(&str, &mut PlayedUnits) -> &'static str + Send + 'static,
    ) -> Self {
        Self(Arc::new(Mutex::new(Stage {
            units: PlayedUnits::default(),
            calls: Vec::new(),
            jobs: 0,
            reaction: Box::new(reaction),
        })))
    }

    /// One that does as it is told.
    pub(crate) fn obedient() -> Self {
        Self::new(obey)
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap()
    }

    /// As [`PlayedUnits::put`]; the properties are set by `with`.
    pub(crate) fn put(&self, name: &str, active: &str, sub: &str, with: impl FnOnce(&mut Unit)) {
        with(self.stage().units.put(name, active, sub));
    }

    /// The calls since this was asked the last time, but for those that only look.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.stage().calls)
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> Systemd {
        let (near, far) = UnixStream::pair().unwrap();
        let stage = Arc::clone(&self.0);
        let far = Builder::unix_stream(far).server(Guid::generate()).p2p();
        let far = spawn(async { far.build().await.map(MessageStream::from) });
        let near = block_on(Builder::unix_stream(near).p2p().build()).unwrap();
        // From here on no call is lost.
        let messages = block_on(far).unwrap().unwrap();
        spawn(play(messages, stage)).detach();
        block_on(Systemd::over(near)).unwrap()
    }
}

/// What systemd does of which all goes well, and of helpers that have sessions.
pub(crate) fn obey(call: &str, units: &mut PlayedUnits) -> &'static str {
    let words: Vec<&str> = call.split(' ').collect();
    if let [method, unit, ..] = words[..] {
        let (active, sub) = match (method, unit.ends_with(".socket")) {
            ("StartUnit" | "RestartUnit", true) => ("active", "listening"),
            ("StartUnit" | "RestartUnit" | "ReloadUnit", false) => ("active", "running"),
            ("StopUnit", _) | ("ResetFailedUnit", _) => ("inactive", "dead"),
            ("KillUnit", _) => ("activating", "auto-restart"),
            _ => return "done",
        };
        units.put(unit, active, sub);
    }
    "done"
}

async fn play(mut messages: MessageStream, stage: Arc<Mutex<Stage>>) {
    let connection = Connection::from(&messages);
    while let Some(Ok(message)) =
        poll_fn(|context| Pin::new(&mut messages).poll_next(context)).await
    {
        if message.message_type() == Type::MethodCall {
            let answers = stage.lock().unwrap().answer(&message).unwrap();
            for answer in answers {
                let _ = connection.send(&answer).await;
            }
        }
    }
}

/// The object of a unit.
fn path(unit: &str) -> OwnedObjectPath {
    let letters: String = unit.bytes().map(|byte| format!("{byte:02x}")).collect();
    OwnedObjectPath::try_from(format!("/unit/{letters}")).unwrap()
}

impl Stage {
    fn answer(&mut self, call: &Message) -> zbus::Result<Vec<Message>> {
        let header = call.header();
        let method = header.member().unwrap().to_string();
        let done = || {
            Message::method_return(&header)
                .build(&())
                .map(|one| vec![one])
        };
        match method.as_str() {
            "ListUnits" => {
                (self.reaction)(&method, &mut self.units);
                let rows = self.rows();
                Ok(vec![Message::method_return(&header).build(&rows)?])
            }
            "Get" => {
                let (_, name): (String, String) = call.body().deserialize()?;
                Ok(vec![self.property(&header, &name)?])
            }
            "KillUnit" => {
                let (unit, which, signal): (String, String, i32) = call.body().deserialize()?;
                self.note(format!("{method} {unit} {which} {signal}"));
                done()
            }
            "ResetFailedUnit" => {
                let (unit,): (String,) = call.body().deserialize()?;
                self.note(format!("{method} {unit}"));
                done()
            }
            "EnableUnitFiles" => {
                let (units, ..): (Vec<String>, bool, bool) = call.body().deserialize()?;
                self.note(format!("{method} {}", units.join(" ")));
                done()
            }
            "Reload" => {
                self.note(method);
                done()
            }
            "Subscribe" => done(),
            _ => {
                let (unit, mode): (String, String) = call.body().deserialize()?;
                let result = self.note(format!("{method} {unit} {mode}"));
                self.job(&header, unit, result)
            }
        }
    }

    fn note(&mut self, call: String) -> &'static str {
        let result = (self.reaction)(&call, &mut self.units);
        self.calls.push(call);
        result
    }

    fn rows(&self) -> Vec<UnitRow> {
        let none = || OwnedObjectPath::from(ObjectPath::from_static_str_unchecked("/"));
        let units = self.units.0.iter();
        let rows = units.map(|(name, unit)| {
            (
                name.clone(),
                String::new(),
                if unit.is_lost { "not-found" } else { "loaded" }.to_owned(),
                unit.active.clone(),
                unit.sub.clone(),
                String::new(),
                path(name),
                u32::from(unit.has_job),
                String::new(),
                none(),
            )
        });
        rows.collect()
    }

    fn property(&self, header: &Header<'_>, name: &str) -> zbus::Result<Message> {
        let asked = header.path().unwrap().as_str();
        let mut units = self.units.0.iter();
        let unit = units.find(|(name, _)| path(name).as_str() == asked);
        match unit.and_then(|(_, unit)| unit.properties.get(name)) {
            Some(value) => Message::method_return(header).build(value),
            None => Message::error(header, "org.freedesktop.DBus.Error.UnknownProperty").build(&()),
        }
    }

    fn job(
        &mut self,
        header: &Header<'_>,
        unit: String,
        result: &'static str,
    ) -> zbus::Result<Vec<Message>> {
        if result.is_empty() {
            let name = "org.freedesktop.systemd1.NoSuchUnit";
            return Ok(vec![Message::error(header, name).build(&())?]);
        }
        self.jobs += 1;
        let job = OwnedObjectPath::try_from(format!("/job/{}", self.jobs))?;
        let removed = (self.jobs, job.clone(), unit, result);
        Ok(vec![
            Message::method_return(header).build(&job)?,
            Message::signal(MANAGER_PATH, MANAGER, "JobRemoved").build(&removed)?,
        ])
    }
}
