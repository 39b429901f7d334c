//! `make bench`: the bridge beside its peers, in one container, in turn, several rounds.
//!
//! Medians are written as Markdown into docs/performance.md. The machine may be noisy: only ratios
//! within one run mean something.
#![forbid(unsafe_code)]

mod clients;
mod connections;
mod datagrams;
mod figures;
mod flood;
mod generator;
mod memory;
mod refusals;
mod relay;
mod report;
mod scale;
mod servers;
mod wake;

use std::process::ExitCode;

use testbed::{Container, Result, Suite, allow_descriptors, missing, say};

use report::{Table, write_page};

/// A part of the bench: the word that asks for it, and what measures it.
type Part = (&'static str, fn(&Container) -> Result<Vec<Table>>);

/// In the order of the page. The last one takes the services away that the others need.
const PARTS: [Part; 9] = [
    ("connections", connections::measure),
    ("refusals", refusals::measure),
    ("flood", flood::measure),
    ("wake", wake::measure),
    ("relay", relay::measure),
    ("datagrams", datagrams::measure),
    ("memory", memory::measure),
    ("scale", scale::measure),
    ("generator", generator::measure),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    match missing().map_or_else(|| bench(&wanted), Err) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("no figures: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn bench(wanted: &[String]) -> Result<()> {
    let names = PARTS.map(|(name, _)| name);
    if let Some(unknown) = wanted.iter().find(|word| !names.contains(&word.as_str())) {
        let names = names.join(", ");
        return Err(format!("there is no part {unknown}; there are {names}"));
    }
    // Thousands of sessions, and both ends of each.
    allow_descriptors(16 * 1024)?;
    let container = Container::boot(Suite::Bench, servers::prepare)?;
    servers::start(&container)?;
    container.enter_network()?;
    let mut all = Vec::new();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            let tables = measure(&container).map_err(|error| format!("{name}: {error}"))?;
            for table in &tables {
                say(&table.to_string());
            }
            all.extend(tables);
        }
    }
    match wanted.is_empty() {
        true => write_page(&all),
        false => Ok(()),
    }
}
