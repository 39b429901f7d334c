//! Why `xinetdctl reload` applies nothing, and what it says then.

use std::collections::HashMap;
use std::io::{self, Write};

use xinetd_core::config::Unread;
use xinetd_core::problem::{Problem, printable};
use xinetd_core::translate::Standing;

use super::super::check::Check;
use super::super::output::{BAD, Output};
use super::endangered::{Served, endangered};

/// How many services are named.
const MOST: usize = 20;

/// What speaks against a reload. All of it needs services that listen now.
#[derive(Debug)]
pub(super) struct Refusal<'a> {
    /// Services that would be stopped, for errors in the files.
    pub(super) endangered: Vec<&'a Served>,
    /// What was read for the services that run and can't be read now: their restrictions may stand there.
    pub(super) lost: Vec<&'a Problem>,
    /// All of them, where no service would be left.
    pub(super) last: Vec<&'a Served>,
}

impl<'a> Refusal<'a> {
    /// By what the files say now, what listens, and what could not be read when that was applied.
    pub(super) fn of(checks: &'a [Check], served: &'a [Served], unread: &Unread) -> Self {
        let problems = checks.iter().flat_map(|check| &check.problems);
        let lost = match served {
            [] => Vec::new(),
            _ => unread.new_in(problems),
        };
        let mut services = checks.iter().flat_map(|check| &check.services);
        let is_left = services
            .any(|service| matches!(service.standing, Standing::Served { enabled: true, .. }));
        Self {
            endangered: endangered(checks, served),
            lost,
            last: served.iter().filter(|_| !is_left).collect(),
        }
    }

    /// Whether anything speaks against it.
    pub(super) fn is_needed(&self) -> bool {
        !(self.endangered.is_empty() && self.lost.is_empty() && self.last.is_empty())
    }

    /// Says what would happen, and how it can be done all the same; `suffix` stands behind the name of a unit.
    pub(super) fn print(
        &self,
        suffix: &str,
        sessions: &HashMap<String, u64>,
        out: &mut Output<'_>,
    ) -> io::Result<()> {
        writeln!(out, "{}", out.paint(BAD, "Nothing was applied."))?;
        if !self.lost.is_empty() {
            let begin = "This was read before and is not now, and restrictions of services that run may stand in it:";
            writeln!(out, "{begin}")?;
            for Problem { place, message, .. } in &self.lost {
                writeln!(out, "  {}", printable(&format!("{place}: {message}")))?;
            }
        }
        let (begin, closed) = match self.last.is_empty() {
            false => (
                "With the files as they are no service would be left:",
                &self.last,
            ),
            true => (
                "With the files as they are these would no longer be served:",
                &self.endangered,
            ),
        };
        if !closed.is_empty() {
            writeln!(out, "{begin}")?;
        }
        for Served { unit, file, .. } in closed.iter().take(MOST) {
            let sessions = match sessions.get(unit) {
                None | Some(0) => String::new(),
                Some(1) => ", and 1 session would end".to_owned(),
                Some(number) => format!(", and {number} sessions would end"),
            };
            let line = format!(
                "  {unit}{suffix} of {} would be closed{sessions}",
                file.display()
            );
            writeln!(out, "{}", printable(&line))?;
        }
        if let more @ 1.. = closed.len().saturating_sub(MOST) {
            writeln!(out, "  and {more} more")?;
        }
        let what = match (self.lost.is_empty(), closed.is_empty()) {
            (true, _) => "stops these services,\nand applies the rest of the files.",
            (false, true) => "applies what can be\nread, without what stands there.",
            (false, false) => "applies what can be\nread, and stops these services.",
        };
        writeln!(
            out,
            "Correct the files and reload again. `xinetdctl reload --force` {what}"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use xinetd_core::problem::Severity;

    use super::super::super::check::tests::sample;
    use super::*;
    use crate::ctl::output::Screen;

    fn served(unit: &str) -> Served {
        Served {
            unit: unit.into(),
            id: unit.into(),
            file: Path::new("/etc/xinetd.d/foo").into(),
        }
    }

    fn printed(refusal: &Refusal<'_>) -> String {
        let sessions = HashMap::from([("a".to_owned(), 2), ("b".to_owned(), 0)]);
        let mut text = Vec::new();
        let mut out = Output::new(&mut text, Screen::default());
        refusal.print(".socket", &sessions, &mut out).unwrap();
        out.flush().unwrap();
        drop(out);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_refusal_says_what_would_be_closed_and_how_many_sessions_would_end() {
        let all = [served("a"), served("b")];
        let refusal = Refusal {
            endangered: all.iter().collect(),
            lost: Vec::new(),
            last: Vec::new(),
        };
        let expected = "\
Nothing was applied.
With the files as they are these would no longer be served:
  a.socket of /etc/xinetd.d/foo would be closed, and 2 sessions would end
  b.socket of /etc/xinetd.d/foo would be closed
Correct the files and reload again. `xinetdctl reload --force` stops these services,
and applies the rest of the files.
";
        assert_eq!(printed(&refusal), expected);
        let many: Vec<_> = (0..MOST + 2)
            .map(|number| served(&format!("s{number}")))
            .collect();
        let refusal = Refusal {
            endangered: many.iter().collect(),
            ..refusal
        };
        assert!(printed(&refusal).contains("would be closed\n  and 2 more\nCorrect"));
    }

    #[test]
    fn what_may_restrict_must_be_read_again_where_a_service_listens() {
        let mut check = sample();
        check.problems[0].code = "not-a-file";
        check.problems[0].severity = Severity::Error;
        let problems = check.problems.clone();
        let checks = [check];
        let listening = [served("foo")];
        let lost = |served: &[Served], unread: &Unread| {
            let refusal = Refusal::of(&checks, served, unread);
            (refusal.lost.len(), refusal.is_needed())
        };
        assert_eq!(lost(&listening, &Unread::default()), (1, true));
        assert_eq!(lost(&listening, &Unread::of(&problems)), (0, false));
        assert_eq!(lost(&[], &Unread::default()), (0, false));
        let refusal = Refusal::of(&checks, &listening, &Unread::default());
        assert!(printed(&refusal).contains("\n  /etc/xinetd.d/foo:3:2: `cps` takes"));
    }

    #[test]
    fn the_last_service_is_not_stopped_without_a_word() {
        let mut check = sample();
        check.problems.clear();
        check.dropped.clear();
        let unread = Unread::default();
        let listening = [served("foo")];
        assert!(!Refusal::of(&[check], &listening, &unread).is_needed());
        let mut check = sample();
        check.problems.clear();
        check.services.clear();
        let checks = [check];
        let refusal = Refusal::of(&checks, &listening, &unread);
        assert!(refusal.is_needed());
        assert!(printed(&refusal).contains("no service would be left:\n  foo.socket"));
        assert!(!Refusal::of(&checks, &[], &unread).is_needed());
    }
}
