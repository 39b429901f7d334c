//! System calls, counted by strace(1).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use testbed::Result;

use crate::kind::Kind;
use crate::stage::{Crowd, Stage, text};

/// Connections of the shorter and of the longer run.
const RUNS: [u32; 2] = [20, 220];

/// System calls by name.
pub(crate) type Calls = BTreeMap<String, f64>;

/// The system calls of one connection: the difference of a long run and a short one, in which the
/// start and the end of the helper drop out.
pub(crate) fn count(kind: Kind, folder: &Path) -> Result<Calls> {
    let [short, long] = RUNS.map(|connections| run(kind, folder, connections));
    let (short, long) = (short?, long?);
    let more = f64::from(RUNS[1] - RUNS[0]);
    let difference = |name: &String| {
        let [before, after] = [&short, &long].map(|run| run.get(name).copied().unwrap_or(0));
        // What happens once a second, however many connections there are, is none of theirs.
        ((f64::from(after) - f64::from(before)) / more).round()
    };
    let calls = long.keys().map(|name| (name.clone(), difference(name)));
    Ok(calls.filter(|(_, count)| *count > 0.0).collect())
}

fn run(kind: Kind, folder: &Path, connections: u32) -> Result<BTreeMap<String, u32>> {
    let trace = folder.with_extension("strace");
    let helper = {
        let output = trace.to_string_lossy();
        let strace = [
            "strace",
            "-f",
            "-qq",
            "-s",
            "0",
            "-e",
            "signal=none",
            "-o",
            &output,
        ];
        let stage = Stage::open(kind, &Crowd::default(), &strace, folder)?;
        for _ in 0..connections {
            stage.exchange()?;
        }
        stage.helper()
    };
    let trace = fs::read_to_string(&trace).map_err(text)?;
    Ok(parse(&trace, &helper.to_string()))
}

/// The calls of the helper, and of its children up to the server's first instruction.
fn parse(trace: &str, helper: &str) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    let mut servers = Vec::new();
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, _)) = rest.trim_start().split_once('(') else {
            continue;
        };
        // The second half of a call, or no call.
        if name.contains([' ', '<', '+', '-']) || servers.contains(&pid) {
            continue;
        }
        if pid != helper && name == "execve" {
            servers.push(pid);
        }
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    counts
}
