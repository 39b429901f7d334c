//! Transcripts: what is expected, and the verdict.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use testbed::Result;

use crate::known;
use crate::scenario::Scenario;
use crate::side::Which;

const BOTH: &str = "== both\n";
const XINETD: &str = "== xinetd\n";
const BRIDGE: &str = "== xinetd-bridge\n";

/// The bridge's transcript where it does not serve the scenario's kind of service yet.
pub(crate) const NOT_SERVED: &str = "not served\n";

/// What one side is expected to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected(String);

impl Expected {
    /// Whether the bridge is not expected to serve it.
    pub(crate) fn is_not_served(&self) -> bool {
        self.0 == NOT_SERVED
    }

    /// The number of lines that the log with this number has, if there is one.
    pub(crate) fn log(&self, number: usize) -> Option<usize> {
        let block = self.0.split("log:\n").nth(number + 1)?;
        Some(
            block
                .lines()
                .take_while(|line| line.starts_with("  "))
                .count(),
        )
    }
}

/// What both sides are expected to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transcript {
    /// None is there yet.
    Absent,
    /// The same.
    Same(Expected),
    /// Real xinetd, and the bridge.
    Different(Expected, Expected),
}

impl Transcript {
    pub(crate) fn of(&self, which: Which) -> Option<&Expected> {
        match (self, which) {
            (Self::Absent, _) => None,
            (Self::Same(expected), _)
            | (Self::Different(expected, _), Which::Xinetd)
            | (Self::Different(_, expected), Which::Bridge) => Some(expected),
        }
    }
}

fn path(scenario: &Scenario) -> PathBuf {
    crate::repository()
        .join("tests/conformance/transcripts")
        .join(format!("{}.txt", scenario.name))
}

/// The transcript that is checked in; none counts while they are written.
pub(crate) fn read(scenario: &Scenario) -> Result<Transcript> {
    let path = path(scenario);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(Transcript::Absent);
    };
    if let Some(both) = text.strip_prefix(BOTH) {
        return Ok(Transcript::Same(Expected(both.to_owned())));
    }
    let parts = text
        .strip_prefix(XINETD)
        .and_then(|rest| rest.split_once(BRIDGE));
    let (xinetd, bridge) =
        parts.ok_or_else(|| format!("{}: it is no transcript", path.display()))?;
    Ok(Transcript::Different(
        Expected(xinetd.to_owned()),
        Expected(bridge.to_owned()),
    ))
}

/// Writes what was seen.
pub(crate) fn write(scenario: &Scenario, xinetd: &str, bridge: &str) -> Result<()> {
    let path = path(scenario);
    let text = match xinetd == bridge {
        true => format!("{BOTH}{xinetd}"),
        false => format!("{XINETD}{xinetd}{BRIDGE}{bridge}"),
    };
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Fails unless both sides have shown what is expected, and differ if and only if it is known.
pub(crate) fn verdict(
    scenario: &Scenario,
    expected: &Transcript,
    xinetd: &str,
    bridge: &str,
) -> Result<()> {
    for id in scenario.differs {
        known::reason(id)?;
    }
    for (name, which, seen) in [
        ("xinetd", Which::Xinetd, xinetd),
        ("xinetd-bridge", Which::Bridge, bridge),
    ] {
        let wanted = expected
            .of(which)
            .map_or("", |expected| expected.0.as_str());
        if wanted != seen {
            return Err(format!(
                "{name} does not show what is expected:\n{}",
                difference(wanted, seen)
            ));
        }
    }
    if bridge == NOT_SERVED {
        return Ok(());
    }
    match (xinetd == bridge, scenario.differs.is_empty()) {
        (true, true) | (false, false) => Ok(()),
        (false, true) => Err(format!(
            "the two differ, and no entry of docs/deviations.md is named:\n{}",
            difference(xinetd, bridge)
        )),
        (true, false) => Err("a difference is named, and there is none any more".into()),
    }
}

/// Both texts line by line: `-` is in the first alone, `+` in the second alone.
fn difference(first: &str, second: &str) -> String {
    let mut text = String::new();
    for part in diff::lines(first, second) {
        let _ = match part {
            diff::Result::Left(line) => writeln!(text, "-{line}"),
            diff::Result::Right(line) => writeln!(text, "+{line}"),
            diff::Result::Both(line, _) => writeln!(text, " {line}"),
        };
    }
    text
}
