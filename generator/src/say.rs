//! What is said about a configuration: little, as it goes to the kernel's log at each reload.

use log::Level;
use xinetd_core::problem::{Problem, Severity};

/// How many problems are told one by one.
const MAX_LINES: usize = 50;

/// The notes that are worth a line: what a service is called is decided here.
const TOLD: [&str; 2] = ["native-unit", "vendor-unit"];

/// Tells how many problems there are and where to read more, and then each, errors first.
///
/// The sum comes first: where systemd has not lifted it, the kernel's limit of 10 lines in 5 s
/// cuts the end.
pub(crate) fn problems<'a>(problems: impl Iterator<Item = &'a Problem>) {
    let is_told =
        |problem: &&Problem| problem.severity > Severity::Note || TOLD.contains(&problem.code);
    let mut told: Vec<&Problem> = problems.filter(is_told).collect();
    told.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let count = |severity| {
        let same = told.iter().filter(|problem| problem.severity == severity);
        same.count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if errors + warnings > 0 {
        let left_out = match told.len().checked_sub(MAX_LINES) {
            None | Some(0) => String::new(),
            Some(number) => format!(", {number} of them left out here"),
        };
        log::warn!("errors: {errors}, warnings: {warnings}{left_out}; run `xinetdctl check`");
    }
    for problem in told.iter().take(MAX_LINES) {
        let Problem {
            place,
            message,
            help,
            ..
        } = problem;
        log::log!(level(problem.severity), "{place}: {message}; {help}");
    }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warn,
        Severity::Note => Level::Info,
    }
}
