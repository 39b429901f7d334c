//! The world of an admission that the command's options describe, and what its checks find, in words.

use std::io::ErrorKind;
use std::net::IpAddr;

use xinetd_core::admission::{Finding, NoUser, UserAnswer, World};
use xinetd_core::bans::{Subject, Until};
use xinetd_core::config::{Attribute, FileTree};
use xinetd_core::libwrap::{self, Tables};
use xinetd_core::policy::{
    Access, Check, Facts, MonotonicSeconds, NameAnswer, Note, Reason, Refusal, State,
};
use xinetd_core::problem::Place;
use xinetd_core::service::{DenyTime, Limit, MinuteOfDay};
use xinetd_core::spec::{Sensor, Task};

use super::super::value::{limit, pattern};
use super::asked::ExplainedService;
use super::client::Client;
use super::rules::{AskedConnection, RuleTables, ruling};
use super::verdict::{CheckOutcome, Verdict};

/// The check of bans.
const BANS: &str = "bans";

/// A client as the options describe it, and the verdict so far.
pub(super) struct ExplainedClient<'a> {
    asked: &'a ExplainedService<'a>,
    tree: &'a dyn FileTree,
    client: &'a mut Client,
    verdict: &'a mut Verdict,
    rules: Option<RuleTables>,
    /// hosts.allow and hosts.deny have been asked.
    are_rules_asked: bool,
}

impl<'a> ExplainedClient<'a> {
    /// None of the checks was made.
    pub(super) fn new(
        asked: &'a ExplainedService<'a>,
        tree: &'a dyn FileTree,
        client: &'a mut Client,
        verdict: &'a mut Verdict,
    ) -> Self {
        Self {
            asked,
            tree,
            client,
            verdict,
            rules: None,
            are_rules_asked: false,
        }
    }

    /// The name of the client, or of the address that it would have connected to.
    pub(super) fn name(&mut self, address: IpAddr) -> NameAnswer {
        if address != self.client.address.to_canonical() {
            return self.client.look_up(address);
        }
        self.client.find_name();
        let (found, about) = (self.client.name_found(), self.client.about_name());
        self.verdict.note("name", found, about, None);
        self.client.name.clone()
    }

    /// The client's user.
    pub(super) fn user(&mut self) -> UserAnswer {
        if let libwrap::User::Known(user) = &self.client.user {
            return Ok(format!("UNIX:{user}"));
        }
        if !self.are_rules_asked {
            let detail = "taken for unknown; --user says what the ident server would";
            self.verdict
                .note("user", CheckOutcome::Unknown, detail, None);
        }
        Err(NoUser::NoServer)
    }

    /// The end of the checks: IDONLY, where it applies.
    pub(super) fn identified(&mut self, is_admitted: bool) {
        let spec = &self.asked.spec;
        if !spec.idonly || !spec.logging.success.userid {
            return;
        }
        let rule = self.asked.written(Attribute::Flags);
        let (result, detail) = match &self.client.user {
            libwrap::User::Known(user) if is_admitted => (
                CheckOutcome::Passed,
                format!("the client's machine says {user}"),
            ),
            _ => (
                CheckOutcome::Unknown,
                "refused unless the client's ident server says who it is; --user says it"
                    .to_owned(),
            ),
        };
        self.verdict.note("IDONLY", result, detail, rule);
    }

    /// The client has touched a sensor.
    pub(super) fn sense(&mut self) {
        if let Task::Sensor(sensor) = &self.asked.spec.task {
            let detail = sense(sensor, self.client.address);
            let rule = self.asked.written(Attribute::Flags);
            self.verdict.refuse("sensor", Reason::Address, detail, rule);
        }
    }
}

impl World for ExplainedClient<'_> {
    type Rules = AskedConnection;

    fn now(&self) -> MonotonicSeconds {
        self.client.now.seconds()
    }

    fn minute(&mut self) -> MinuteOfDay {
        self.client.minute
    }

    fn load(&mut self) -> Option<f64> {
        self.client.load
    }

    fn is_banned(&mut self, peer: IpAddr) -> bool {
        let (client, verdict) = (&mut *self.client, &mut *self.verdict);
        if verdict.has(BANS) {
            // Asked again when the client's name is known: nothing has changed since.
            return false;
        }
        match client.bans.find(peer, client.now) {
            Err(error) => {
                let detail = match error.kind() {
                    ErrorKind::PermissionDenied => "root alone may see the bans".to_owned(),
                    _ => format!("the table of bans can't be read: {error}"),
                };
                verdict.note(BANS, CheckOutcome::Unknown, detail, None);
                verdict.open =
                    Some("whether the client is banned is not known; run the command as root");
                false
            }
            Ok(None) => {
                verdict.note(BANS, CheckOutcome::Passed, "not banned", None);
                false
            }
            Ok(Some(until)) => {
                let time = match until {
                    Until::Forever => "for ever".to_owned(),
                    Until::At(end) => {
                        let left = end.saturating_sub(client.now.0).as_secs();
                        for_minutes(left.div_ceil(60)) + " more"
                    }
                };
                let address = client.address;
                let detail =
                    format!("banned {time}; `xinetdctl bans remove {address}` lets it in again");
                verdict.refuse(BANS, Refusal::by_ban().reason, detail, None);
                true
            }
        }
    }

    fn rules(&mut self) -> (&Tables, &mut AskedConnection) {
        let Self {
            asked,
            tree,
            client,
            rules,
            ..
        } = self;
        let rules = rules.get_or_insert_with(|| RuleTables::read(asked, *tree, client));
        rules.parts()
    }

    fn found(&mut self, finding: Finding<'_>) {
        match finding {
            Finding::Limit {
                check,
                facts,
                state,
                refusal,
            } => self.limit(check, facts, state, refusal),
            Finding::Lists(access, by) => self.lists(access, by),
            Finding::Rules(decided) => {
                self.are_rules_asked = true;
                ruling(self.asked, decided, self.rules.as_ref(), self.verdict);
            }
        }
    }
}

impl ExplainedClient<'_> {
    fn limit(&mut self, check: Check, facts: &Facts, state: &State, refusal: Option<&Refusal>) {
        let limits = &self.asked.spec.limits;
        let count = |limit: Limit, running: u32| match limit {
            Limit::Unlimited => None,
            Limit::AtMost(most) => Some(format!("{running} of {most} run")),
        };
        let (name, attribute, detail) = match check {
            Check::Rate => (
                "cps",
                Attribute::Cps,
                limits.rate.map(|rate| {
                    format!(
                        "{} a second on average: one connection alone is less",
                        rate.max
                    )
                }),
            ),
            Check::Load => (
                "max_load",
                Attribute::MaxLoad,
                limits.load.map(|most| match facts.load {
                    Some(load) => format!("the load is {load}, the limit {most}"),
                    None => "the load is not known".to_owned(),
                }),
            ),
            Check::Time => (
                "access_times",
                Attribute::AccessTimes,
                (!self.asked.spec.access_times.is_empty()).then(|| {
                    let inside = if refusal.is_some() {
                        "outside"
                    } else {
                        "inside"
                    };
                    format!("{} is {inside}", facts.minute)
                }),
            ),
            Check::Instances => (
                "instances",
                Attribute::Instances,
                count(limits.instances, state.running()),
            ),
            Check::PerSource => (
                "per_source",
                Attribute::PerSource,
                count(limits.per_source, state.running_for(facts.peer)),
            ),
        };
        let rule = self.asked.written(attribute);
        let verdict = &mut *self.verdict;
        match (refusal, detail) {
            (Some(refusal), detail) => {
                verdict.refuse(name, refusal.reason, detail.unwrap_or_default(), rule);
            }
            (None, Some(detail)) => verdict.note(name, CheckOutcome::Passed, detail, rule),
            (None, None) => {
                let detail = match check {
                    Check::Rate => "switched off".to_owned(),
                    Check::Instances | Check::PerSource => limit(Limit::Unlimited),
                    Check::Load | Check::Time => "not set".to_owned(),
                };
                verdict.note(name, CheckOutcome::NoRule, detail, rule);
            }
        }
    }

    /// `only_from` and `no_access`.
    fn lists(&mut self, access: &Access, by: Option<&Place>) {
        const NAME: &str = "access";
        let (asked, verdict) = (self.asked, &mut *self.verdict);
        let rules = &asked.spec.access;
        let entry = |place: &Place| {
            let mut all = rules.only_from.iter().flatten().chain(&rules.no_access);
            let rule = all.find(|rule| rule.place == *place);
            rule.map(|rule| pattern(&rule.pattern)).unwrap_or_default()
        };
        match (access, by) {
            // The name is noted when it is known.
            (Access::NeedName, _) => {}
            (Access::Deny(refusal), _) => {
                let place = refusal.rule.as_ref();
                let is_in = |place: &Place| rules.no_access.iter().any(|rule| rule.place == *place);
                let detail = match place {
                    Some(place) if refusal.note == Note::NameUnknown && is_in(place) => {
                        "no_access has names, and the client may have one of them".to_owned()
                    }
                    Some(_) if refusal.note == Note::NameUnknown => {
                        "only_from has names, and the client may have none of them".to_owned()
                    }
                    Some(place) if is_in(place) => format!("no_access has {}", entry(place)),
                    Some(_) => "only_from does not have it".to_owned(),
                    None => "only_from is empty".to_owned(),
                };
                let rule = place.map(|place| asked.rule(place));
                let rule = rule.or_else(|| asked.written(Attribute::OnlyFrom));
                verdict.refuse(NAME, refusal.reason, detail, rule);
            }
            (Access::Allow, Some(place)) => {
                let detail = format!("only_from has {}", entry(place));
                verdict.note(NAME, CheckOutcome::Passed, detail, Some(asked.rule(place)));
            }
            (Access::Allow, None) if rules.no_access.is_empty() => {
                let detail = "neither only_from nor no_access is set";
                verdict.note(NAME, CheckOutcome::NoRule, detail, None);
            }
            (Access::Allow, None) => {
                let rule = asked.written(Attribute::NoAccess);
                verdict.note(
                    NAME,
                    CheckOutcome::Passed,
                    "no_access does not have it",
                    rule,
                );
            }
        }
    }
}

/// What a sensor does.
fn sense(sensor: &Sensor, peer: IpAddr) -> String {
    let subject = Subject::of(peer, sensor.ipv6_prefix);
    match sensor.deny_time {
        _ if sensor.allow.protects(subject) => {
            "the client is logged; it is never banned, being on the allow-list".to_owned()
        }
        DenyTime::Never | DenyTime::Minutes(0) => "the client is logged".to_owned(),
        DenyTime::Minutes(minutes) => {
            let time = for_minutes(minutes.into());
            format!("{subject} is banned from all services {time}")
        }
        DenyTime::Forever => format!("{subject} is banned from all services for ever"),
    }
}

/// A time in words.
fn for_minutes(minutes: u64) -> String {
    match minutes {
        1 => "for 1 minute".to_owned(),
        _ => format!("for {minutes} minutes"),
    }
}
