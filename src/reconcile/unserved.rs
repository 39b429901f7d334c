//! Sockets that listen, and whose clients get nothing all the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::thread;
use std::time::{Duration, Instant};

use xinetd_core::translate::rpc_unit;

use super::cause::shared;
use super::trouble::Trouble;
use crate::bus::systemd::{Loaded, Property, Systemd};

/// How long a helper that is started anew, or a registration that has begun, is waited for: a helper that
/// fails takes a second for it.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(50);

/// How often at most.
const LOOKS: u32 = 30;

/// How long a registration takes at most where rpcbind answers.
const REGISTRATION: Duration = Duration::from_millis(300);

/// What systemd tells of the service of a helper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Helper {
    /// `ActiveState`.
    active: String,
    /// `SubState`.
    sub: String,
    /// `Result`.
    result: String,
    /// `ExecMainStatus`.
    status: i32,
    /// `StatusText`: empty from its start until it is ready.
    text: String,
    /// `NRestarts`.
    restarts: u32,
}

impl Helper {
    /// Whether systemd starts it anew just now.
    fn is_coming_back(&self) -> bool {
        self.active == "activating" && !self.has_ended() && self.restarts > 0
    }

    fn has_ended(&self) -> bool {
        matches!(
            self.sub.as_str(),
            "auto-restart" | "auto-restart-queued" | "failed"
        )
    }

    /// Why clients get nothing. One that was ready before it failed comes back.
    fn trouble(&self, unit: &str) -> Option<Trouble> {
        if self.active == "active" {
            return Trouble::of_status(&self.text);
        }
        let has_failed = self.has_ended() && self.result != "success" && self.text.is_empty();
        has_failed.then(|| Trouble::Unstartable {
            unit: unit.to_owned(),
            result: match self.result.as_str() {
                "exit-code" => format!("exit status {}", self.status),
                other => other.to_owned(),
            },
        })
    }
}

/// Whether it is worth looking again after so long: a helper comes back, or something registers.
fn may_change(passed: Duration, is_coming_back: bool, registers: bool) -> bool {
    is_coming_back && passed < PATIENCE || registers && passed < REGISTRATION
}

/// Those of the units without suffix whose helpers can't serve, and those that are not registered.
///
/// # Errors
/// In words, if systemd does not tell.
pub(super) fn unserved(
    systemd: &Systemd,
    units: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Trouble>, String> {
    let begin = Instant::now();
    let mut unregistered: Option<BTreeSet<&str>> = None;
    let mut looks = 0..LOOKS;
    loop {
        let loaded = systemd.units()?;
        let helpers = helpers(systemd, &loaded, units);
        let registers = |unit: &&str| {
            let unit = loaded.get(&rpc_unit(unit));
            unit.is_some_and(|unit| matches!(unit.active.as_str(), "active" | "activating"))
        };
        let unregistered = match &mut unregistered {
            None => unregistered.insert(units.iter().copied().filter(registers).collect()),
            Some(before) => {
                before.retain(|unit| registers(unit));
                before
            }
        };
        let passed = begin.elapsed();
        let is_coming_back = helpers.values().any(Helper::is_coming_back);
        if may_change(passed, is_coming_back, !unregistered.is_empty()) && looks.next().is_some() {
            thread::sleep(PAUSE);
            continue;
        }
        let unregistered = unregistered.iter();
        let unregistered = unregistered.map(|unit| ((*unit).to_owned(), Trouble::Unregistered));
        let mut troubles: BTreeMap<String, Trouble> = unregistered.collect();
        troubles.extend(shared(systemd, units)?);
        let of_helpers = helpers.into_iter();
        troubles.extend(of_helpers.filter_map(|(unit, helper)| {
            let trouble = helper.trouble(unit)?;
            Some((unit.to_owned(), trouble))
        }));
        return Ok(troubles);
    }
}

/// The helpers of units, as far as systemd has them in memory.
fn helpers<'a>(
    systemd: &Systemd,
    loaded: &HashMap<String, Loaded>,
    units: &BTreeSet<&'a str>,
) -> BTreeMap<&'a str, Helper> {
    let services = units.iter();
    let services: Vec<(&str, &Loaded)> = services
        .filter_map(|unit| Some((*unit, loaded.get(&format!("{unit}.service"))?)))
        .filter(|(_, service)| service.active != "inactive")
        .collect();
    let wanted = |name| {
        let services = services.iter();
        let properties = services.map(|(_, of)| Property {
            of,
            interface: "Service",
            name,
        });
        properties.collect::<Vec<_>>()
    };
    let texts = systemd.properties::<String>(&wanted("StatusText"));
    let results = systemd.properties::<String>(&wanted("Result"));
    let statuses = systemd.properties::<i32>(&wanted("ExecMainStatus"));
    let restarts = systemd.properties::<u32>(&wanted("NRestarts"));
    let told = texts.into_iter().zip(results).zip(statuses).zip(restarts);
    let helpers = services.iter().zip(told);
    let helpers = helpers.map(|((unit, service), (((text, result), status), restarts))| {
        let helper = Helper {
            active: service.active.clone(),
            sub: service.sub.clone(),
            result: result.unwrap_or_else(|| "success".to_owned()),
            status: status.unwrap_or_default(),
            text: text.unwrap_or_default(),
            restarts: restarts.unwrap_or_default(),
        };
        (*unit, helper)
    });
    helpers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::systemd::played::Played;
    use crate::status::{TURNED_AWAY, UNEXECUTABLE};

    fn helper(sub: &str, result: &str, status: i32, text: &str) -> Helper {
        Helper {
            active: match sub {
                "running" => "active",
                "failed" => "failed",
                _ => "activating",
            }
            .to_owned(),
            sub: sub.to_owned(),
            result: result.to_owned(),
            status,
            text: text.to_owned(),
            restarts: 3,
        }
    }

    #[test]
    fn a_helper_that_never_gets_ready_is_told_from_one_that_comes_back() {
        let served = "1 running, 2 served and 0 refused so far";
        let told = |helper: Helper| helper.trouble("x").map(|trouble| trouble.to_string());
        let why = told(helper("auto-restart", "exit-code", 226, "")).unwrap();
        assert!(
            why.contains("exit status 226") && why.contains("journalctl -u x.service"),
            "{why}"
        );
        let why = told(helper("failed", "timeout", 15, "")).unwrap();
        assert!(why.contains("(timeout)"), "{why}");
        for (result, status) in [("signal", 9), ("watchdog", 9), ("exit-code", 1)] {
            assert_eq!(told(helper("auto-restart", result, status, served)), None);
        }
        assert!(helper("start", "success", 0, "").is_coming_back());
        assert_eq!(told(helper("start", "success", 0, "")), None);
        assert_eq!(told(helper("start", "exit-code", 226, "")), None);
        assert_eq!(told(helper("failed", "success", 0, "")), None);
        assert!(!helper("auto-restart", "exit-code", 1, "").is_coming_back());
        assert!(!helper("running", "success", 0, "").is_coming_back());
        let first = Helper {
            restarts: 0,
            ..helper("start", "success", 0, "")
        };
        assert!(!first.is_coming_back(), "it has failed nowhere");
        assert_eq!(told(helper("running", "success", 0, served)), None);
    }

    #[test]
    fn what_may_change_is_waited_for_no_longer_than_it_takes() {
        let moment = Duration::from_millis(1);
        assert!(!may_change(Duration::ZERO, false, false));
        assert!(may_change(PATIENCE - moment, true, false));
        assert!(!may_change(PATIENCE, true, true));
        assert!(may_change(REGISTRATION - moment, false, true));
        assert!(!may_change(REGISTRATION, false, true));
    }

    #[test]
    fn a_running_helper_tells_why_it_turns_clients_away() {
        let told = |begin: &str| {
            let text = format!("{begin}/x can't be executed: no");
            helper("running", "success", 0, &text).trouble("x")
        };
        let why = || "/x can't be executed: no".to_owned();
        assert_eq!(told(TURNED_AWAY), Some(Trouble::TurnedAway { why: why() }));
        assert_eq!(
            told(UNEXECUTABLE),
            Some(Trouble::Unexecutable { why: why() })
        );
    }

    /// A helper in this state.
    fn put(played: &Played, unit: &str, sub: &str, text: &str, restarts: u32) {
        let helper = helper(sub, "exit-code", 226, text);
        played.put(&format!("{unit}.service"), &helper.active, sub, |unit| {
            unit.set("StatusText", text.to_owned())
                .set("Result", "exit-code")
                .set("ExecMainStatus", helper.status)
                .set("NRestarts", restarts);
        });
    }

    fn troubles(played: &Played, units: &[&'static str]) -> BTreeMap<String, String> {
        let units = units.iter().copied().collect();
        let troubles = unserved(&played.connect(), &units).unwrap().into_iter();
        let told = troubles.map(|(unit, trouble)| (unit, trouble.to_string()));
        told.collect()
    }

    #[test]
    fn helpers_that_serve_no_client_are_found() {
        let played = Played::obedient();
        put(&played, "broken", "auto-restart", "", 3);
        put(&played, "serves", "running", "1 running", 0);
        put(&played, "resets", "running", &format!("{TURNED_AWAY}x"), 0);
        played.put("off.service", "inactive", "dead", |_| {});
        let begin = Instant::now();
        let told = troubles(&played, &["broken", "serves", "resets", "off", "gone"]);
        assert!(begin.elapsed() < PATIENCE, "nothing is waited for");
        let names: Vec<_> = told.keys().map(String::as_str).collect();
        assert_eq!(names, ["broken", "resets"]);
        assert!(told["broken"].contains("exit status 226"));
        assert!(told["resets"].contains("as x"));
    }

    #[test]
    fn a_registration_that_has_begun_is_waited_for() {
        let mut looks = 0;
        let played = Played::new(move |call, units| {
            looks += u32::from(call == "ListUnits");
            if looks == 2 {
                units.put(&rpc_unit("known"), "inactive", "dead");
            }
            "done"
        });
        played.put(&rpc_unit("known"), "activating", "start", |_| {});
        assert!(troubles(&played, &["known"]).is_empty());
    }

    #[test]
    fn a_helper_that_is_coming_back_and_a_registration_are_waited_for() {
        let mut looks = 0;
        let played = Played::new(move |call, units| {
            looks += u32::from(call == "ListUnits");
            if looks == 2 {
                units.put("xinetd-rpc@known.service", "inactive", "dead");
                units.put("back.service", "failed", "failed");
            }
            "done"
        });
        put(&played, "back", "start", "", 1);
        for unit in ["known", "unknown"] {
            played.put(&rpc_unit(unit), "activating", "start", |_| {});
        }
        let told = troubles(&played, &["back", "known", "unknown"]);
        let names: Vec<_> = told.keys().map(String::as_str).collect();
        assert_eq!(names, ["back", "unknown"]);
        assert!(told["unknown"].contains("rpcbind"));
    }
}
