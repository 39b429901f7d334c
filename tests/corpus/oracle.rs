//! What xinetd said of a file in debug mode.

use std::collections::BTreeMap;

/// All that it said.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// The section `Service defaults`.
    pub(crate) defaults: Service,
    /// Each `Service configuration`, those included that failed to start afterwards.
    pub(crate) services: Vec<Service>,
    /// Warnings and errors with their lines.
    pub(crate) problems: Vec<(u32, String)>,
    /// The ids in `Service ... failed to start`.
    failed: Vec<String>,
}

/// One section of the dump.
#[derive(Debug, Default)]
pub(crate) struct Service {
    /// The values, by what stands before `=` or `:`.
    values: BTreeMap<String, String>,
    /// The lines below `Environment additions:`.
    pub(crate) environment: Vec<String>,
}

impl Service {
    /// A value, if the section has it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A value, empty where the section lacks it.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }
}

impl Verdict {
    /// The services that run in the end. Where two have the id of one that failed, xinetd does not
    /// say which it was: in this corpus it is always the later one.
    pub(crate) fn started(&self) -> Vec<&Service> {
        let mut started: Vec<_> = self.services.iter().collect();
        for id in &self.failed {
            if let Some(index) = started.iter().rposition(|service| service.text("id") == id) {
                started.remove(index);
            }
        }
        started
    }
}

/// Reads the words of xinetd.
pub(crate) fn parse(text: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut in_defaults = false;
    let mut in_environment = false;
    for line in text.split('\n') {
        if let Some(message) = message(line) {
            if let Some(line) = number_after(message, "[line=") {
                verdict.problems.push((line, message.to_owned()));
            }
            if let Some((_, rest)) = message.split_once("} Service ")
                && let Some(id) = rest.strip_suffix(" failed to start and is deactivated.")
            {
                verdict.failed.push(id.to_owned());
            }
        } else if line.starts_with("Service defaults") {
            in_defaults = true;
        } else if line.starts_with("Service configuration: ") {
            in_defaults = false;
            verdict.services.push(Service::default());
        } else if let Some(line) = line.strip_prefix('\t') {
            let section = match verdict.services.last_mut() {
                Some(service) if !in_defaults => service,
                _ => &mut verdict.defaults,
            };
            if let Some(line) = line.strip_prefix('\t') {
                match line.split_once(" = ") {
                    // Below `RPC data`.
                    Some((name, value)) => {
                        section.values.insert(name.to_owned(), value.to_owned());
                    }
                    None if in_environment => section.environment.push(line.to_owned()),
                    None => {}
                }
            } else {
                in_environment = line == "Environment additions:";
                let (name, value) = value(line);
                section.values.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    verdict
}

/// A line of the log that tells of a problem.
fn message(line: &str) -> Option<&str> {
    let (severity, _) = line.split_once(": {")?;
    matches!(severity, "ERROR" | "WARNING" | "CRITICAL").then_some(line)
}

fn number_after(text: &str, mark: &str) -> Option<u32> {
    let (_, rest) = text.split_once(mark)?;
    rest.split(']').next()?.parse().ok()
}

/// Name and value of a line of the dump: `name = value`, `name: value`, or the line alone.
fn value(line: &str) -> (&str, &str) {
    if line.starts_with("Logging") || line == "No logging" {
        return ("logging", line);
    }
    let split = line.split_once(" =").or_else(|| line.split_once(':'));
    let (name, value) = split.unwrap_or((line, ""));
    (name, value.trim_matches(' '))
}
