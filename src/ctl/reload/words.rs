//! What `xinetdctl reload` says of the files, and of what it does not do.

use std::collections::HashMap;
use std::io::{self, Write};

use xinetd_core::problem::{Problem, Severity};

use super::super::check::{self, Check};
use super::super::manager;
use super::super::output::Output;

/// The codes of lines that xinetd and the bridge ignore: what they were to restrict is not restricted.
const IGNORED: [&str; 7] = [
    "unknown-attribute",
    "not-in-defaults",
    "not-in-service",
    "value-count",
    "trailing-comment",
    "operator",
    "already-set",
];

/// How many ignored lines are told: they may have been there for years.
const MOST_IGNORED: usize = 20;

/// What a reload says of the files: errors, and lines that are ignored.
pub(super) fn told(checks: &[Check]) -> impl Iterator<Item = &Problem> {
    let problems = checks.iter().flat_map(|check| &check.problems);
    problems.filter(|problem| problem.severity == Severity::Error || is_ignored(problem))
}

fn is_ignored(problem: &Problem) -> bool {
    problem.severity == Severity::Warning && IGNORED.contains(&problem.code)
}

/// Prints them, and how many warnings there are besides.
pub(in crate::ctl) fn print_problems(checks: &[Check], out: &mut Output<'_>) -> io::Result<()> {
    let mut ignored = 0;
    for check in checks {
        for problem in told(std::slice::from_ref(check)) {
            ignored += usize::from(is_ignored(problem));
            if is_ignored(problem) && ignored > MOST_IGNORED {
                continue;
            }
            let line = check.sources.line(&problem.place);
            writeln!(out, "{}", problem.render(line))?;
        }
    }
    let warnings = check::Counts::of(checks).warnings;
    let more = warnings.saturating_sub(ignored.min(MOST_IGNORED));
    if more > 0 {
        let warnings = if more == 1 { "warning" } else { "warnings" };
        writeln!(out, "{more} {warnings} more: `xinetdctl check` shows them.")?;
    }
    Ok(())
}

/// How many sessions each unit has, as far as the service manager knows.
pub(super) fn sessions() -> HashMap<String, u64> {
    let listed = manager::of_this_machine().list_services();
    let rows = listed.map_or_else(|_| Vec::new(), |(rows, _)| rows);
    rows.into_iter()
        .map(|row| (row.unit, row.running))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::check::tests::sample;
    use super::*;
    use crate::ctl::output::Screen;

    #[test]
    fn lines_that_are_ignored_are_told_and_other_warnings_counted() {
        let mut check = sample();
        let other = Problem {
            code: "quotes",
            ..check.problems[0].clone()
        };
        check.problems.push(other);
        let mut text = Vec::new();
        let mut out = Output::new(&mut text, Screen::default());
        print_problems(&[check], &mut out).unwrap();
        out.flush().unwrap();
        drop(out);
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains(":3:2: warning: `cps` takes 2 values"),
            "{text}"
        );
        assert!(
            text.ends_with("\n1 warning more: `xinetdctl check` shows them.\n"),
            "{text}"
        );
    }
}
