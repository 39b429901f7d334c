//! What comes of the checks.

use xinetd_core::config::Sources;
use xinetd_core::policy::Reason;
use xinetd_core::problem::Place;

/// What became of a client.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) steps: Vec<CheckResult>,
    /// The reason in the words of the log, if it is refused.
    pub(super) refused: Option<&'static str>,
    /// What would have to be known, and how it can be, if it is not refused anyway.
    pub(super) open: Option<&'static str>,
}

/// One check.
#[derive(Debug)]
pub(super) struct CheckResult {
    /// The attribute that it is about, or another short name.
    pub(super) check: &'static str,
    pub(super) result: CheckOutcome,
    pub(super) detail: String,
    /// The rule that decides.
    pub(super) rule: Option<Rule>,
}

/// A rule, where it is written.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) place: Place,
    /// Its line, if it is known.
    pub(super) text: Option<String>,
}

impl Rule {
    /// The one at this place.
    pub(super) fn at(place: &Place, sources: &Sources) -> Self {
        let line = sources.line(place);
        let text = line.map(|line| String::from_utf8_lossy(line.trim_ascii()).into_owned());
        Self {
            place: place.clone(),
            text,
        }
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckOutcome {
    Passed,
    Refused,
    /// There is nothing to check.
    NoRule,
    /// No check: something that one depends on was found out.
    Found,
    /// Something could not be found out, or only a real client can tell.
    Unknown,
}

impl CheckOutcome {
    /// The word for programs.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            other => other.word(),
        }
    }

    /// The word for people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::NoRule => "no rule",
            Self::Found => "found",
            Self::Unknown => "unknown",
        }
    }
}

impl Verdict {
    /// Whether the client gets its server, as far as that can be told.
    pub(super) fn answer(&self) -> Option<bool> {
        match (self.admits(), self.open) {
            (true, Some(_)) => None,
            (admits, _) => Some(admits),
        }
    }

    pub(super) fn admits(&self) -> bool {
        self.refused.is_none()
    }

    /// Whether a check is noted.
    pub(super) fn has(&self, check: &str) -> bool {
        self.steps.iter().any(|step| step.check == check)
    }

    /// Notes a check that is no refusal.
    pub(super) fn note(
        &mut self,
        check: &'static str,
        result: CheckOutcome,
        detail: impl Into<String>,
        rule: Option<Rule>,
    ) {
        self.steps.push(CheckResult {
            check,
            result,
            detail: detail.into(),
            rule,
        });
    }

    /// Notes before all checks what the reader is to know of them.
    pub(super) fn begin_with(&mut self, check: &'static str, detail: impl Into<String>) {
        let step = CheckResult {
            check,
            result: CheckOutcome::Found,
            detail: detail.into(),
            rule: None,
        };
        self.steps.insert(0, step);
    }

    /// Notes the check that refuses.
    pub(super) fn refuse(
        &mut self,
        check: &'static str,
        reason: Reason,
        detail: impl Into<String>,
        rule: Option<Rule>,
    ) {
        self.note(check, CheckOutcome::Refused, detail, rule);
        self.refused = Some(reason.words());
    }
}
