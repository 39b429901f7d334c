//! From what is written to what is meant (docs/xinetd-behaviour.md, section 1.4).

mod clash;
mod inherit;
mod program;
mod service;
mod socket;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use fnv::FnvHashMap;

use super::configuration::{Configuration, Dropped};
use super::databases::Databases;
use super::entry::{LateDefault, ServiceEntry};
use super::parser::Reader;
use super::report::{counted, quoted};
use super::section::{Fault, Section, copied_alone};
use crate::bytes::ByteString;
use crate::catch::{TranslationStep, contained, fault};
use crate::problem::Remark;
use crate::problem::{Place, Problem, Severity};
use crate::service::Attribute;
use crate::service::{Service, WrittenAttribute};
use clash::Ports;

/// Whether a service is on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Enablement {
    On,
    /// `disable = yes`: `enabled` does not bring it back.
    Disabled,
    /// Kept out by this line of `enabled` or `disabled`.
    KeptOut(Option<WrittenAttribute>),
}

/// The order of the files.
struct Order(FnvHashMap<Arc<Path>, usize>);

impl Order {
    fn new(files: Vec<Arc<Path>>) -> Self {
        let mut order = FnvHashMap::default();
        for file in files {
            let next = order.len();
            order.entry(file).or_insert(next);
        }
        Self(order)
    }

    fn key(&self, place: &Place) -> (usize, u32, u32) {
        let file = self.0.get(&place.file).copied();
        (file.unwrap_or(usize::MAX), place.line, place.column)
    }
}

/// Makes services of all that was read.
pub(super) fn lower(reader: Reader<'_>) -> Configuration {
    let order = Order::new(reader.files);
    let mut problems = reader.problems;
    let mut dropped = reader.dropped;
    warn_of_late_defaults(&reader.entries, &reader.late, &mut problems);
    let switches = Switches::new(&reader.defaults);
    switches.warn_of_unknown(&reader.entries, &dropped, &mut problems);
    let mut services = Vec::new();
    let mut ports = Ports::default();
    for mut entry in reader.entries {
        let state = switches.state(&mut entry);
        let first_problem = problems.len();
        let ordinal = entry.ordinal;
        let mut lost = Dropped {
            id: entry.id().clone(),
            place: entry.place.clone(),
            note: None,
        };
        let made = contained(TranslationStep::Lower, lost.id.as_bytes(), || {
            let service = one(
                entry,
                &reader.defaults,
                reader.databases,
                &order,
                &mut problems,
            );
            service.filter(|service| {
                // What is off takes no port away.
                state != Enablement::On || ports.take(service, &mut problems)
            })
        });
        let service = made.unwrap_or_else(|| {
            problems.push(fault(lost.place.clone(), "the service"));
            None
        });
        if state != Enablement::On {
            let its = &mut problems[first_problem..];
            let errors = its.iter().filter(|one| one.severity == Severity::Error);
            let reasons: Vec<_> = errors.map(|error| error.message.as_str()).collect();
            lost.note = Some(match reasons.as_slice() {
                // They were found when its lines were read.
                [] => "`xinetdctl check` notes what is wrong in it".to_owned(),
                reasons => reasons.join("; "),
            });
            for problem in its {
                problem.severity = Severity::Note;
            }
        }
        match service {
            Some(mut service) => {
                service.enabled = state == Enablement::On;
                if let Enablement::KeptOut(Some(line)) = state {
                    service.attributes.push(line);
                    let key = |line: &WrittenAttribute| order.key(&line.place);
                    service.attributes.sort_by_cached_key(key);
                }
                services.push(service);
            }
            None => dropped.push((ordinal, lost)),
        }
    }
    dropped.sort_by_key(|(ordinal, _)| *ordinal);
    problems.sort_by_key(|problem| order.key(&problem.place));
    let mut said = HashSet::new();
    problems.retain(|problem| {
        let place = order.key(&problem.place);
        said.insert((place, problem.code, problem.message.clone()))
    });
    Configuration {
        services,
        dropped: dropped.into_iter().map(|(_, dropped)| dropped).collect(),
        problems,
        sources: reader.sources,
    }
}

/// Makes a service of one entry.
fn one(
    mut entry: ServiceEntry,
    defaults: &Section,
    databases: &Databases,
    order: &Order,
    problems: &mut Vec<Problem>,
) -> Option<Service> {
    inherit::fill(&mut entry.section, defaults);
    let faults = &entry.section.faults;
    let mut inherited: Vec<&Fault> = faults.iter().filter(|fault| fault.inherited).collect();
    inherited.sort_by(|one, other| one.place.cmp(&other.place));
    for faults in inherited.chunk_by(|one, other| one.place == other.place) {
        let Some(first) = faults.first() else {
            continue;
        };
        let mut names: Vec<_> = faults.iter().map(|fault| fault.attribute.name()).collect();
        names.sort_unstable();
        names.dedup();
        let message = format!(
            "{} takes {} from defaults, where it can't be read ({})",
            quoted(entry.name.as_bytes()),
            names.join(", "),
            first.place
        );
        let help = "correct it in defaults, or write it in the service";
        let remark = Remark::new(Severity::Error, "bad-default", message, help);
        problems.push(remark.at(entry.place.clone()));
    }
    if !faults.is_empty() {
        return None;
    }
    let mut service = service::build(&entry, databases, problems)?;
    let mut lines: Vec<WrittenAttribute> = entry.section.into_lines().collect();
    lines.sort_by_cached_key(|line| order.key(&line.place));
    service.attributes = lines;
    Some(service)
}

/// `enabled` and `disabled`: ids in lower case, each with where it is first written.
struct Switches<'a> {
    defaults: &'a Section,
    enabled: Option<HashMap<Vec<u8>, (&'a ByteString, &'a Place)>>,
    disabled: HashMap<Vec<u8>, (&'a ByteString, &'a Place)>,
}

impl<'a> Switches<'a> {
    fn new(defaults: &'a Section) -> Self {
        let map = |ids: &'a [(ByteString, Place)]| {
            let mut map = HashMap::new();
            for (id, place) in ids {
                let key = id.as_bytes().to_ascii_lowercase();
                map.entry(key).or_insert((id, place));
            }
            map
        };
        Self {
            defaults,
            enabled: defaults.values.enabled.as_deref().map(map),
            disabled: map(&defaults.values.disabled),
        }
    }

    /// Whether an entry is on. One that `enabled` names runs even without values that could not
    /// be read.
    fn state(&self, entry: &mut ServiceEntry) -> Enablement {
        let id = entry.id().as_bytes().to_ascii_lowercase();
        let listed = self
            .enabled
            .as_ref()
            .map(|enabled| enabled.contains_key(&id));
        if listed == Some(true) {
            entry.section.forgive();
        }
        if entry.section.values.disable == Some(true) {
            Enablement::Disabled
        } else if listed == Some(false) {
            Enablement::KeptOut(self.defaults.lines(Attribute::Enabled).last().cloned())
        } else if let Some((_, place)) = self.disabled.get(&id) {
            let mut lines = self.defaults.lines(Attribute::Disabled).iter();
            let is_there = |line: &&WrittenAttribute| {
                line.place.file == place.file && line.place.line == place.line
            };
            Enablement::KeptOut(lines.find(is_there).cloned())
        } else {
            Enablement::On
        }
    }

    /// Says which ids do nothing.
    fn warn_of_unknown(
        &self,
        entries: &[ServiceEntry],
        dropped: &[(usize, Dropped)],
        problems: &mut Vec<Problem>,
    ) {
        if self.enabled.is_none() && self.disabled.is_empty() {
            return;
        }
        // Whether each id has an entry that is not off.
        let mut ids: HashMap<Vec<u8>, bool> = HashMap::new();
        for entry in entries {
            let on = entry.section.values.disable != Some(true);
            *ids.entry(entry.id().as_bytes().to_ascii_lowercase())
                .or_default() |= on;
        }
        for (_, dropped) in dropped {
            ids.insert(dropped.id.as_bytes().to_ascii_lowercase(), true);
        }
        let enabled = self
            .enabled
            .iter()
            .flatten()
            .map(|entry| ("enabled", entry));
        let disabled = self.disabled.iter().map(|entry| ("disabled", entry));
        for (list, (key, (id, place))) in enabled.chain(disabled) {
            let (code, message, help) = match ids.get(key) {
                None => (
                    "unknown-id",
                    format!(
                        "{list} names {}, and no service has that id",
                        quoted(id.as_bytes())
                    ),
                    "write the id of a service, or its name where it has no id",
                ),
                Some(false) if list == "enabled" => (
                    "enabled-disabled",
                    format!("{} stays off: it says disable = yes", quoted(id.as_bytes())),
                    "write disable = no in the service",
                ),
                _ => continue,
            };
            let remark = Remark::new(Severity::Warning, code, message, help);
            problems.push(remark.at((*place).clone()));
        }
    }
}

/// Says which lines of `defaults` come too late for services before them (docs/xinetd-behaviour.md,
/// section 1.5).
fn warn_of_late_defaults(
    entries: &[ServiceEntry],
    late: &[LateDefault],
    problems: &mut Vec<Problem>,
) {
    for attribute in copied_alone() {
        let mut late = late
            .iter()
            .filter(|line| line.attribute == attribute)
            .peekable();
        let (mut without, mut first) = (0, None);
        for (before, entry) in (0..).zip(entries.iter().map(Some).chain([None])) {
            while let Some(line) = late.next_if(|line| line.services_before <= before) {
                let Some(first) = first else {
                    continue;
                };
                let message = format!(
                    "{} does not apply to {} before it, such as {}",
                    attribute.name(),
                    counted(without, "service"),
                    quoted(ServiceEntry::id(first).as_bytes())
                );
                let help = "put defaults before all services";
                let remark = Remark::new(Severity::Warning, "defaults-late", message, help);
                problems.push(remark.at(line.place.clone()));
            }
            let Some(entry) = entry else {
                break;
            };
            if !entry.section.says(attribute) && entry.section.values.disable != Some(true) {
                without += 1;
                first = first.or(Some(entry));
            }
        }
    }
}
