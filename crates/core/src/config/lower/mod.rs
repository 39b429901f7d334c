//! From what is written to what is meant (docs/xinetd-behaviour.md, section 1.4).

mod clash;
mod inherit;
mod program;
mod service;
mod socket;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use fnv::FnvHashMap;

use super::configuration::{Configuration, Dropped};
use super::databases::Databases;
use super::parser::{LateDefault, Reader, ServiceEntry};
use super::report::{counted, quoted};
use super::section::{Section, copied_alone};
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
    let mut readable = true;
    for fault in &entry.section.faults {
        readable = false;
        if fault.inherited {
            let message = format!(
                "{} takes {} from defaults, where it can't be read ({})",
                quoted(entry.name.as_bytes()),
                fault.attribute.name(),
                fault.place
            );
            let help = "correct it in defaults, or write it in the service";
            let remark = Remark::new(Severity::Error, "bad-default", message, help);
            problems.push(remark.at(entry.place.clone()));
        }
    }
    if !readable {
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

#[cfg(test)]
mod tests {
    use super::super::testing::{codes, load_text};

    fn service(name: &str, lines: &str) -> String {
        format!(
            "service {name}\n{{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n{lines}\n}}\n"
        )
    }

    fn on(text: &str) -> Vec<String> {
        let services = load_text(text).services;
        let on = services.iter().filter(|service| service.enabled);
        on.map(|service| service.id.to_text()).collect()
    }

    #[test]
    fn enabled_and_disabled_choose_by_id_wherever_they_stand() {
        let services = format!(
            "{}{}{}",
            service("telnet", "id = Tel"),
            service("ftp", "disable = yes"),
            service("http", "")
        );
        let text = |defaults: &str| format!("{services}defaults\n{{\n{defaults}\n}}\n");
        assert_eq!(on(&text("")), ["Tel", "http"]);
        assert_eq!(on(&text("enabled = TEL")), ["Tel"]);
        assert_eq!(on(&text("enabled =")), [""; 0]);
        assert_eq!(on(&text("enabled = tel http\ndisabled = http")), ["Tel"]);
        assert_eq!(
            on(&text("disabled += telnet")),
            ["Tel", "http"],
            "the id counts"
        );
        assert_eq!(
            load_text(text("enabled =")).services.len(),
            3,
            "what is off is kept"
        );
        let codes = |defaults: &str| codes(&load_text(text(defaults)));
        assert_eq!(codes("enabled = ftp"), ["W 27 enabled-disabled"]);
        assert_eq!(codes("disabled = telnet"), ["W 27 unknown-id"]);
        assert_eq!(
            codes("disabled = http\ndisabled -= http"),
            ["W 28 remove-adds"]
        );
    }

    #[test]
    fn the_line_that_keeps_a_service_out_has_a_say_in_it() {
        let services = format!(
            "{}{}",
            service("telnet", ""),
            service("ftp", "disable = yes")
        );
        let said = |defaults: &str| {
            let text = format!("defaults\n{{\n{defaults}\n}}\n{services}");
            let services = load_text(text).services;
            let lines = services.iter().flat_map(|service| &service.attributes);
            let lines = lines.filter(|line| line.from_defaults);
            lines
                .map(|line| format!("{} {}", line.attribute.name(), line.place.line))
                .collect::<Vec<_>>()
        };
        assert_eq!(said("disabled = x\ndisabled += telnet ftp"), ["disabled 4"]);
        assert_eq!(said("enabled = x\nenabled += y"), ["enabled 4"]);
        assert_eq!(said("enabled = telnet\ndisabled = x"), [""; 0]);
    }

    #[test]
    fn enabled_lets_a_service_run_without_a_value_that_does_not_matter() {
        let text = format!(
            "{}{}defaults\n{{\nenabled = telnet ftp\n}}\n",
            service("telnet", "log_on_success = X"),
            service("ftp", "instances = X")
        );
        assert_eq!(on(&text), ["telnet"]);
    }

    #[test]
    fn only_from_behind_a_service_does_not_protect_it() {
        let text = format!(
            "{}{}{}defaults\n{{\nonly_from = 10.0.0.1\ninstances = 7\n}}\n{}",
            service("telnet", ""),
            service("ftp", "only_from = 10.0.0.2"),
            service("echo", "disable = yes"),
            service("http", "")
        );
        let configuration = load_text(&text);
        assert_eq!(codes(&configuration), ["W 27 defaults-late"]);
        let message = &configuration.problems[0].message;
        assert!(
            message.contains("1 service ") && message.contains("`telnet`"),
            "{message}"
        );
        let protected = configuration.services.iter();
        let protected: Vec<_> = protected
            .map(|service| service.access.only_from.is_some())
            .collect();
        assert_eq!(protected, [false, true, false, true]);
        let limits = configuration
            .services
            .iter()
            .map(|service| service.limits.instances);
        assert!(
            limits.eq([crate::service::Limit::AtMost(7); 4]),
            "this one is applied at the end"
        );
    }

    #[test]
    fn what_is_wrong_with_a_service_that_is_off_is_a_note() {
        let text = format!(
            "defaults\n{{\ndisabled = nothing\n}}\n{}",
            service("nothing", "")
        );
        assert_eq!(codes(&load_text(text)), ["N 5 unlisted"]);
    }

    #[test]
    fn problems_stand_in_the_order_of_the_files_and_once() {
        let defaults = "defaults\n{\nonly_from = 10.0.0.1\nno_access = 10.0.0.0/8\n}\n";
        let text = format!(
            "{defaults}{}{}",
            service("telnet", "x = y"),
            service("ftp", "port = 1")
        );
        let codes = codes(&load_text(text));
        assert_eq!(
            codes,
            [
                "W 3 access-overlap",
                "W 12 unknown-attribute",
                "E 20 port-mismatch"
            ]
        );
    }
}
