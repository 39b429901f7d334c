//! A file of rules, compiled.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::problem::{Place, Problem, Severity};

use super::index::Index;
use super::line::{RuleLine, lines};
use super::list::{self, ClientPattern, Daemon, List};
use super::option::{self, End, OptionAction, RuleOptions};
use super::pattern::{Host, find_outside_brackets};
use super::problem::RuleProblems;

/// The rules of one file, in their order.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) rules: Vec<Rule>,
    index: Index,
    /// A line that ends the file before its time: without a line feed, or with a NUL.
    pub(super) cut: Option<Place>,
    /// What is wrong or surprising in it.
    pub problems: Vec<Problem>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Where it begins.
    pub(super) place: Place,
    pub(super) daemons: List<Daemon>,
    pub(super) clients: List<ClientPattern>,
    pub(super) options: RuleOptions,
}

impl Rules {
    /// The rules that `text` holds, which stands in `file`.
    ///
    /// A line that is no rule is skipped, as by the C library. A last line without a line feed is
    /// where that stops reading: [`Tables::decide`](super::Tables::decide) knows what follows.
    pub fn parse(file: &Path, text: &[u8]) -> Self {
        let file: Arc<Path> = file.into();
        let mut result = Self::default();
        let mut problems = RuleProblems::default();
        for line in lines(&file, text) {
            if !line.is_ended || line.text.contains(&0) {
                let place = line.place(line.text.len(), 0);
                let message = match line.is_ended {
                    false => {
                        "the last line has no line feed: it is no rule, and refuses in hosts.deny"
                    }
                    true => {
                        "the line has a NUL byte: nothing counts from here on, and hosts.deny refuses"
                    }
                };
                let help = match line.is_ended {
                    false => "end the line",
                    true => "write the line anew",
                };
                problems.add(Severity::Error, "libwrap-cut", place.clone(), message, help);
                result.cut = Some(place);
                break;
            }
            if line.text.starts_with(b"#") || line.text.trim_ascii().is_empty() {
                continue;
            }
            if let Some(rule) = rule(&line, &mut problems)
                && let Ok(number) = u32::try_from(result.rules.len())
            {
                result.index.add(number, &rule.clients);
                result.rules.push(rule);
            }
        }
        result.problems = problems.0;
        result
    }

    /// Whether a rule has `spawn` or `twist`.
    pub(crate) fn run_commands(&self) -> bool {
        let runs = |step: &OptionAction| matches!(step, OptionAction::Spawn(_));
        self.rules.iter().any(|rule| {
            let RuleOptions { steps, end } = &rule.options;
            matches!(end, End::Twist(_)) || steps.iter().any(runs)
        })
    }

    /// The rules that a client at this address may match, in their order.
    pub(super) fn candidates(&self, client: Option<IpAddr>) -> impl Iterator<Item = &Rule> {
        let numbers = self.index.candidates(client);
        numbers.filter_map(|number| self.rules.get(usize::try_from(number).ok()?))
    }

    /// The patterns for hosts of all rules.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.rules.iter().flat_map(|rule| {
            let daemons = rule
                .daemons
                .iter()
                .filter_map(|daemon| daemon.host.as_ref());
            daemons.chain(rule.clients.iter().map(|client| &client.host))
        })
    }
}

fn rule(line: &RuleLine<'_>, problems: &mut RuleProblems) -> Option<Rule> {
    let text = &line.text;
    let start = text.len() - text.trim_ascii_start().len();
    let length = text.trim_ascii().len();
    let Some(colon) = find_outside_brackets(text, b':') else {
        problems.add(
            Severity::Error,
            "libwrap-line",
            line.place(start, length),
            "this is no rule, and is skipped: there is no `:` between daemons and clients",
            "write `DAEMONS : CLIENTS`; a comment begins with `#` at the beginning of the line",
        );
        return None;
    };
    let rest = colon + 1;
    let second = find_outside_brackets(&text[rest..], b':').map(|at| rest + at);
    let clients = rest..second.unwrap_or(text.len());
    for (range, what) in [(0..colon, "daemons"), (clients.clone(), "clients")] {
        if text[range.clone()]
            .iter()
            .all(|byte| byte.is_ascii_whitespace() || *byte == b',')
        {
            problems.add(
                Severity::Warning,
                "libwrap-empty",
                line.place(range.start, range.len()),
                format!("the rule matches nobody: it has no {what}"),
                "write names, or ALL",
            );
        }
    }
    Some(Rule {
        place: line.place(start, length),
        daemons: list::daemons(line, 0..colon, problems),
        clients: list::clients(line, clients, problems),
        options: match second {
            Some(second) => option::parse(line, second + 1..text.len(), problems),
            None => RuleOptions::default(),
        },
    })
}
