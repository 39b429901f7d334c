//! Transcripts: what is expected, and the verdict.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use testbed::{Release, Result};

use crate::known;
use crate::scenario::Scenario;
use crate::side::Which;

/// The first section of a file: what xinetd and the bridge show alike, or xinetd alone.
const BOTH: &str = "both";
const XINETD: &str = "xinetd";
/// What the bridge shows, where it differs; without systemd it shows the same.
const BRIDGE: &str = "xinetd-bridge";
/// What the newer release of xinetd shows, where it differs from the older.
const NEWER: &str = "xinetd 2.3.15.4";

/// The bridge's transcript where it does not serve the scenario's kind of service yet.
pub(crate) const NOT_SERVED: &str = "not served\n";

/// What one side is expected to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected(String);

impl Expected {
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

/// What all sides are expected to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transcript {
    xinetd: Expected,
    /// Only where it differs from xinetd.
    bridge: Option<Expected>,
    newer: Option<Expected>,
}

impl Transcript {
    pub(crate) fn of(&self, which: Which) -> &Expected {
        let own = match which {
            Which::Xinetd(Release::Bookworm) => None,
            Which::Xinetd(Release::Trixie) => self.newer.as_ref(),
            Which::Bridge | Which::Standalone => self.bridge.as_ref(),
        };
        own.unwrap_or(&self.xinetd)
    }

    /// Whether the bridge is not expected to serve it.
    pub(crate) fn is_not_served(&self) -> bool {
        self.of(Which::Bridge).0 == NOT_SERVED
    }

    /// What the two releases of xinetd show, where they differ.
    pub(crate) fn releases(&self) -> Option<[&str; 2]> {
        let newer = self.newer.as_ref()?;
        Some([&self.xinetd.0, &newer.0])
    }
}

fn path(scenario: &Scenario) -> PathBuf {
    crate::repository()
        .join("tests/conformance/transcripts")
        .join(format!("{}.txt", scenario.name))
}

/// The transcript that is checked in, if there is one yet.
pub(crate) fn read(scenario: &Scenario) -> Result<Option<Transcript>> {
    let path = path(scenario);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(None);
    };
    let parsed = parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some(parsed))
}

/// Sections, each below a line with `==` and its name.
fn parse(text: &str) -> Result<Transcript> {
    let sections = format!("\n{text}");
    let mut sections = sections.split("\n== ").skip(1).map(|section| {
        let (name, content) = section.split_once('\n').unwrap_or((section, ""));
        (name.to_owned(), Expected(with_newline(content)))
    });
    let Some((first, xinetd)) = sections.next() else {
        return Err("it is no transcript".into());
    };
    let mut transcript = Transcript {
        xinetd,
        bridge: None,
        newer: None,
    };
    for (name, content) in sections {
        match name.as_str() {
            BRIDGE => transcript.bridge = Some(content),
            NEWER => transcript.newer = Some(content),
            _ => return Err(format!("it has a section {name}")),
        }
    }
    let is_shared = transcript.bridge.is_none();
    match first.as_str() {
        BOTH if is_shared => Ok(transcript),
        XINETD if !is_shared => Ok(transcript),
        _ => Err(format!("it begins with a section {first}")),
    }
}

/// The line end that splitting has taken from the last line.
fn with_newline(content: &str) -> String {
    match content.is_empty() || content.ends_with('\n') {
        true => content.to_owned(),
        false => format!("{content}\n"),
    }
}

/// What was seen of one side.
fn of(seen: &[(Which, String)], wanted: Which) -> Option<&str> {
    let mut seen = seen.iter();
    seen.find_map(|(which, text)| (*which == wanted).then_some(text.as_str()))
}

/// What was seen of the sides that play in each scenario: xinetd, and the bridge.
fn both(seen: &[(Which, String)]) -> Result<[&str; 2]> {
    let xinetd = of(seen, Which::Xinetd(Release::Bookworm));
    let both = xinetd.zip(of(seen, Which::Bridge));
    both.map(Into::into)
        .ok_or_else(|| "a side has not played".into())
}

/// Writes what was seen.
pub(crate) fn write(scenario: &Scenario, seen: &[(Which, String)]) -> Result<()> {
    let [xinetd, bridge] = both(seen)?;
    let mut text = match xinetd == bridge {
        true => format!("== {BOTH}\n{xinetd}"),
        false => format!("== {XINETD}\n{xinetd}== {BRIDGE}\n{bridge}"),
    };
    let newer = of(seen, Which::Xinetd(Release::Trixie));
    if let Some(newer) = newer.filter(|newer| *newer != xinetd) {
        let _ = write!(text, "== {NEWER}\n{newer}");
    }
    let path = path(scenario);
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Fails unless all sides have shown what is expected, and xinetd and the bridge differ if and only if it
/// is known.
pub(crate) fn verdict(
    scenario: &Scenario,
    expected: Option<&Transcript>,
    seen: &[(Which, String)],
) -> Result<()> {
    for id in scenario.differs {
        known::reason(id)?;
    }
    for (which, seen) in seen {
        let wanted = expected.map_or("", |expected| expected.of(*which).0.as_str());
        if wanted != seen {
            return Err(format!(
                "{} does not show what is expected:\n{}",
                which.name(),
                difference(wanted, seen)
            ));
        }
    }
    let [xinetd, bridge] = both(seen)?;
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
