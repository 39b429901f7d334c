//! The lists of differences that are meant, checked in both directions.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Failed;
use serde::Deserialize;

/// A list, as in `differences.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Differences {
    difference: Vec<Difference>,
}

/// One reason, with all that it explains.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    /// Why the bridge differs.
    reason: String,
    /// By case (`012`, or `012.as-if-enabled`): the differences, as the test words them.
    cases: BTreeMap<String, BTreeSet<String>>,
}

fn read(name: &str, text: &str) -> Result<Differences, String> {
    toml::from_str(text).map_err(|error| format!("{name}: {error}"))
}

impl Differences {
    /// The list for the files of `own`.
    pub(crate) fn own() -> Result<Self, String> {
        read("own/differences.toml", include_str!("own/differences.toml"))
    }

    /// The list for real files.
    pub(crate) fn real() -> Result<Self, String> {
        read("differences.toml", include_str!("differences.toml"))
    }

    /// Compares what was found in a case with what is listed for it.
    pub(crate) fn check(&self, case: &str, found: &BTreeSet<String>) -> Result<(), Failed> {
        let listed = self
            .difference
            .iter()
            .filter_map(|entry| entry.cases.get(case));
        let listed: BTreeSet<String> = listed.flatten().cloned().collect();
        let unlisted = found
            .difference(&listed)
            .map(|text| format!("not listed: {text}"));
        let gone = listed
            .difference(found)
            .map(|text| format!("differs no longer: {text}"));
        let wrong: Vec<_> = unlisted.chain(gone).collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n").into())
        }
    }

    /// Whether each entry has a reason, and names cases that exist.
    pub(crate) fn check_cases(&self, cases: &BTreeSet<String>) -> Result<(), Failed> {
        for entry in &self.difference {
            if entry.reason.trim().is_empty() {
                return Err("an entry without a reason".into());
            }
            if let Some(case) = entry.cases.keys().find(|case| !cases.contains(*case)) {
                return Err(format!("no such case: {case}").into());
            }
        }
        Ok(())
    }
}
