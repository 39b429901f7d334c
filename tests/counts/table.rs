//! What a connection may cost: tests/counts/table.toml, and docs/counts.md, which shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use serde::{Deserialize, Serialize};
use testbed::Result;

use crate::calls::Calls;
use crate::kind::KINDS;
use crate::stage::{repository, text};

/// More than that is a failure, and less is worth a new table. Another version of a system library
/// moves the counts by one or two of a hundred.
const TOLERANCE: f64 = 0.03;

/// A call that happens now and then must not fail for one time more.
const SLACK: f64 = 0.1;

const TABLE: &str = "tests/counts/table.toml";
const PAGE: &str = "docs/counts.md";

const INTRODUCTION: &str = "\
# What one connection costs

System calls and instructions for one connection, from the time the helper hears of it until it waits again. They are
counts, not times: the same on a slow machine and a fast one, and `make check` fails when one of them grows by more than
3 %.

strace counts the system calls: a run of 220 connections less one of 20, divided by 200. Those between the start of a
server's process and its `execve` are among them; the server's own are not. Instructions are those of the helper outside the
kernel, one step of ptrace each; the median of seven connections counts. The helper's clocks stand meanwhile
(tests/counts/clock.c): what it does once a second is not part of a connection. One client comes after the other, so that
nothing is shared between them.

`cargo test -p xinetd-bridge-tests --test counts` counts, as root; `UPDATE_GOLDEN=1` writes tests/counts/table.toml and this
page.
";

/// What one connection costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cost {
    /// Instructions of the helper.
    pub(crate) instructions: u64,
    /// System calls by name.
    pub(crate) calls: Calls,
}

/// Costs by the names of the kinds.
pub(crate) type Table = BTreeMap<String, Cost>;

/// The table of the repository.
///
/// # Errors
/// If it can't be read.
pub(crate) fn read() -> Result<Table> {
    let table = fs::read_to_string(repository().join(TABLE)).map_err(text)?;
    toml::from_str(&table).map_err(text)
}

/// Writes the table and the page.
///
/// # Errors
/// If they can't be written.
pub(crate) fn write(table: &Table) -> Result<()> {
    let written = toml::to_string(table).map_err(text)?;
    fs::write(repository().join(TABLE), written).map_err(text)?;
    fs::write(repository().join(PAGE), page(table)).map_err(text)
}

/// Fails unless the page shows the table.
///
/// # Errors
/// If it does not.
pub(crate) fn check_page() -> Result<()> {
    match fs::read_to_string(repository().join(PAGE))
        .is_ok_and(|text| read().is_ok_and(|table| text == page(&table)))
    {
        true => Ok(()),
        false => Err(format!(
            "{PAGE} does not show {TABLE}; write it with UPDATE_GOLDEN=1"
        )),
    }
}

/// Each count that is further from the table than it may be, in words.
pub(crate) fn differences(allowed: &Cost, found: &Cost) -> Vec<String> {
    let total = |cost: &Cost| cost.calls.values().sum::<f64>();
    let mut said = Vec::new();
    let names: BTreeSet<_> = allowed.calls.keys().chain(found.calls.keys()).collect();
    for name in names {
        let of = |cost: &Cost| cost.calls.get(name).copied().unwrap_or(0.0);
        said.extend(difference(name, of(allowed), of(found), SLACK));
    }
    said.extend(difference(
        "system calls in all",
        total(allowed),
        total(found),
        SLACK,
    ));
    let [before, after] = [allowed, found].map(|cost| {
        // Some ten thousands.
        f64::from(u32::try_from(cost.instructions).unwrap_or(u32::MAX))
    });
    said.extend(difference("instructions", before, after, 0.0));
    said
}

fn difference(what: &str, allowed: f64, found: f64, slack: f64) -> Option<String> {
    if found > allowed * (1.0 + TOLERANCE) + slack {
        return Some(format!("{what} grew from {allowed:.2} to {found:.2}"));
    }
    (found < allowed * (1.0 - TOLERANCE) - slack).then(|| {
        format!(
            "{what} fell from {allowed:.2} to {found:.2}: write the table anew with UPDATE_GOLDEN=1"
        )
    })
}

fn page(table: &Table) -> String {
    let mut page = INTRODUCTION.to_owned();
    let _ = writeln!(
        page,
        "\n| connection | system calls | instructions | which calls |"
    );
    let _ = writeln!(page, "| --- | --- | --- | --- |");
    for kind in KINDS {
        let Some(cost) = table.get(kind.name) else {
            continue;
        };
        let calls: Vec<_> = cost
            .calls
            .iter()
            .map(
                |(name, count)| match format!("{count:.1}").trim_end_matches(".0") {
                    "1" => name.clone(),
                    count => format!("{count} {name}"),
                },
            )
            .collect();
        let total: f64 = cost.calls.values().sum();
        let (title, instructions) = (kind.title, cost.instructions);
        let _ = writeln!(
            page,
            "| {title} | {total:.1} | {instructions} | {} |",
            calls.join(", ")
        );
    }
    page
}
