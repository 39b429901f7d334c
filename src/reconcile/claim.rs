//! The name xinetd.service, once real xinetd, which had it, is removed.

use std::path::Path;

use xinetd_core::translate::{Daemon, SCRIPT};

use crate::bus::systemd::{JobVerb, Loaded, Property, Systemd};

const UNIT: &str = "xinetd.service";
const TARGET: &str = "xinetd.target";

/// What is to be done about the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// systemd makes its units anew: the one that it has in memory is that of real xinetd, or of the init script
    /// that is left over.
    Reload,
    /// Our unit is started, as the services are.
    Start {
        /// Whether it is to be started at boot from now on: what switched real xinetd off switched off the unit
        /// of that name.
        enable: bool,
    },
}

/// A unit as systemd has it in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct UnitState {
    is_inactive: bool,
    has_job: bool,
    /// Whether it was made of an init script, or of a file that has gone.
    is_foreign: bool,
}

/// Decides. A unit that is not in memory is none that could be called.
fn claim(daemon: Daemon, is_target_active: bool, unit: Option<UnitState>) -> Option<Claim> {
    let enable = match daemon {
        Daemon::Bridge { enabled } => !enabled,
        Daemon::Unclaimed => false,
        Daemon::Script | Daemon::Other => return None,
    };
    match unit {
        Some(UnitState { has_job: true, .. }) => None,
        Some(UnitState {
            is_foreign: true, ..
        }) => Some(Claim::Reload),
        Some(UnitState {
            is_inactive: true, ..
        }) if is_target_active => Some(Claim::Start { enable }),
        None if is_target_active => Some(Claim::Reload),
        Some(_) | None => None,
    }
}

/// Has xinetd.service be ours where real xinetd has gone, and be active where the services are.
///
/// `daemon` is what has the name in the files. With `may_reload`, units are made anew where that is needed, which
/// brings about another run.
pub(super) fn take_over(daemon: Daemon, systemd: &Systemd, may_reload: bool) {
    let Ok(units) = systemd.units() else {
        return;
    };
    let unit = units.get(UNIT).map(|unit| UnitState {
        is_inactive: unit.active == "inactive",
        has_job: unit.has_job,
        is_foreign: is_foreign(systemd, unit),
    });
    let is_target_active = units
        .get(TARGET)
        .is_some_and(|target| target.active == "active" && !target.has_job);
    match claim(daemon, is_target_active, unit) {
        Some(Claim::Reload) if may_reload => {
            log::info!("{UNIT} is the bridge's, as real xinetd is removed: units are made anew");
            if let Err(error) = systemd.reload() {
                log::warn!("{UNIT} is still real xinetd's: {error}; run `systemctl daemon-reload`");
            }
        }
        Some(Claim::Start { enable }) => start(systemd, enable),
        Some(Claim::Reload) | None => {}
    }
}

fn start(systemd: &Systemd, enable: bool) {
    if enable && let Err(error) = systemd.enable(UNIT) {
        log::warn!("{UNIT} does not start at boot: {error}; run `systemctl enable {UNIT}`");
    }
    // It waits for the end of this program.
    if let Err(error) = systemd.begin_job(JobVerb::Start, UNIT) {
        log::warn!("{UNIT} is not active: {error}; run `systemctl start {UNIT}`");
    }
}

/// Whether the unit was made of an init script, or of a file that has gone. systemd itself does not see the former:
/// the script stays as it is when its program goes.
fn is_foreign(systemd: &Systemd, unit: &Loaded) -> bool {
    let property = |name| Property {
        of: unit,
        interface: "Unit",
        name,
    };
    let paths = systemd.properties::<String>(&["SourcePath", "FragmentPath"].map(property));
    match paths.as_slice() {
        [Some(source), Some(file)] => source == SCRIPT || !Path::new(file).exists(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::systemd::played::Played;

    const AT_REST: UnitState = UnitState {
        is_inactive: true,
        has_job: false,
        is_foreign: false,
    };

    const GONE: [Daemon; 3] = [
        Daemon::Bridge { enabled: true },
        Daemon::Bridge { enabled: false },
        Daemon::Unclaimed,
    ];

    #[test]
    fn what_is_left_of_real_xinetd_makes_way() {
        for is_inactive in [true, false] {
            let left = UnitState {
                is_inactive,
                is_foreign: true,
                ..AT_REST
            };
            for daemon in GONE {
                for is_target_active in [true, false] {
                    let found = claim(daemon, is_target_active, Some(left));
                    assert_eq!(found, Some(Claim::Reload), "{daemon:?}");
                }
            }
            assert_eq!(claim(Daemon::Script, true, Some(left)), None);
            assert_eq!(claim(Daemon::Other, true, Some(left)), None);
        }
        assert_eq!(
            claim(Daemon::Unclaimed, true, None),
            Some(Claim::Reload),
            "none to call"
        );
        assert_eq!(claim(Daemon::Unclaimed, false, None), None, "nor a need");
    }

    #[test]
    fn ours_is_started_where_the_services_are_and_nothing_else_does_so() {
        let is_enabled = GONE.map(|daemon| claim(daemon, true, Some(AT_REST)));
        assert_eq!(
            is_enabled,
            [false, true, false].map(|enable| Some(Claim::Start { enable }))
        );
        let busy = UnitState {
            has_job: true,
            ..AT_REST
        };
        let active = UnitState {
            is_inactive: false,
            ..AT_REST
        };
        for daemon in GONE {
            assert_eq!(claim(daemon, false, Some(AT_REST)), None);
            assert_eq!(claim(daemon, true, Some(busy)), None);
            assert_eq!(claim(daemon, true, Some(active)), None);
        }
    }

    /// A systemd that has the name, made of this script and of this file.
    fn played(target: &str, script: &str, file: &str) -> Played {
        let played = Played::obedient();
        let paths = [script.to_owned(), file.to_owned()];
        played.put(UNIT, "inactive", "dead", |unit| {
            let [script, file] = paths;
            unit.set("SourcePath", script).set("FragmentPath", file);
        });
        played.put(TARGET, target, "active", |_| {});
        played
    }

    /// What systemd is told.
    fn calls(played: &Played, daemon: Daemon, may_reload: bool) -> Vec<String> {
        take_over(daemon, &played.connect(), may_reload);
        played.calls()
    }

    #[test]
    fn units_are_made_anew_where_the_name_is_that_of_a_script_or_of_a_file_that_has_gone() {
        for (script, file) in [(SCRIPT, "/proc/self/exe"), ("", "/nonexistent")] {
            let played = played("active", script, file);
            assert_eq!(calls(&played, Daemon::Unclaimed, true), ["Reload"]);
            assert_eq!(calls(&played, Daemon::Unclaimed, false), [""; 0]);
            assert_eq!(calls(&played, Daemon::Other, true), [""; 0]);
        }
    }

    #[test]
    fn our_unit_is_enabled_where_it_is_not_and_started_where_the_services_are() {
        let start = "StartUnit xinetd.service replace";
        let ours = |target| played(target, "", "/proc/self/exe");
        let (enabled, disabled) = (
            Daemon::Bridge { enabled: true },
            Daemon::Bridge { enabled: false },
        );
        assert_eq!(calls(&ours("active"), enabled, true), [start]);
        let both = ["EnableUnitFiles xinetd.service", start];
        assert_eq!(calls(&ours("active"), disabled, true), both);
        assert_eq!(calls(&ours("inactive"), enabled, true), [""; 0]);
        let busy = ours("active");
        busy.put(TARGET, "active", "active", |target| {
            target.has_job(true);
        });
        assert_eq!(calls(&busy, enabled, true), [""; 0]);
    }
}
