//! systemd's own manager of units, as far as we ask something of it.

mod direct;
mod job;
#[cfg(test)]
pub(crate) mod played;
mod relay;

use std::collections::HashMap;

use zbus::{Connection, OwnedObjectPath, proxy};

pub(crate) use direct::{Loaded, Property, Systemd};
pub(crate) use job::{Job, Verb as JobVerb};

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Units {
    fn list_units_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<UnitRow>>;
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
pub(crate) enum Verb {
    /// They are started.
    Start,
    /// They are stopped.
    Stop,
}

impl Verb {
    /// The word of systemctl.
    pub(crate) fn word(self) -> &'static str {
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
pub(crate) fn apply(verb: Verb, units: &[String]) -> Result<(), String> {
    let unreachable = |error: String| {
        let (verb, units) = (verb.word(), units.join(" "));
        format!("{error}; run `systemctl daemon-reload`, and then `systemctl {verb} {units}`")
    };
    let mut systemd = Systemd::connect().map_err(unreachable)?;
    systemd.reload().map_err(unreachable)?;
    let job = match verb {
        Verb::Start => JobVerb::Start,
        Verb::Stop => JobVerb::Stop,
    };
    for unit in units {
        let failed = |why: &str| {
            let verb = verb.word();
            format!("{unit} did not {verb} ({why}); `systemctl status {unit}` says more")
        };
        if let Some(Err(why)) = systemd.run(&[(job, unit.clone())]).pop() {
            return Err(failed(&why));
        }
        // systemd takes a condition that does not hold for no failure.
        if verb == Verb::Start {
            let loaded = systemd.units().map_err(|error| failed(&error))?;
            if loaded.get(unit).is_none_or(|unit| unit.active != "active") {
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
