//! The way of a client through the checks of the helper.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::machine::{Found, Machine};
use super::super::output::Failure;
use super::super::value::{limit, pattern};
use super::client::Client;
use super::rules::libwrap;
use crate::accept::internal::datagram::is_client;
use crate::bans::{Subject, Until};
use crate::config::{Attribute, FileTree, Sources};
use crate::libwrap::User;
use crate::policy::{Access, Check, Note, Policy, Reason, Refusal};
use crate::problem::Place;
use crate::service::{Bind, DenyTime, Family, Limit, Listen, Reach, Service, SocketType};
use crate::spec::{Sensor, Spec, Task};

/// The port of tcpmux (RFC 1078).
const TCPMUX: u16 = 1;

/// What became of a client.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) steps: Vec<Step>,
    /// The reason in the words of the log, if it is refused.
    pub(super) refused: Option<&'static str>,
}

/// One check.
#[derive(Debug)]
pub(super) struct Step {
    /// The attribute that it is about, or another short name.
    pub(super) check: &'static str,
    pub(super) result: Outcome,
    pub(super) detail: String,
    /// The rule that decides, and its line.
    pub(super) rule: Option<(Place, Option<String>)>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Refused,
    /// There is nothing to check.
    NoRule,
    /// No check: something that one depends on was found out.
    Found,
    /// Something could not be found out, or only a real client can tell.
    Unknown,
}

impl Outcome {
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
    pub(super) fn admits(&self) -> bool {
        self.refused.is_none()
    }

    /// Notes a check that is no refusal.
    pub(super) fn note(
        &mut self,
        check: &'static str,
        result: Outcome,
        detail: impl Into<String>,
        rule: Option<(Place, Option<String>)>,
    ) {
        self.steps.push(Step {
            check,
            result,
            detail: detail.into(),
            rule,
        });
    }

    /// Notes the check that refuses.
    pub(super) fn refuse(
        &mut self,
        check: &'static str,
        reason: Reason,
        detail: impl Into<String>,
        rule: Option<(Place, Option<String>)>,
    ) {
        self.note(check, Outcome::Refused, detail, rule);
        self.refused = Some(reason.words());
    }
}

/// A service, ready to be asked.
pub(super) struct Asked<'a> {
    pub(super) service: &'a Service,
    pub(super) spec: Spec,
    policy: Policy,
    pub(super) sources: &'a Sources,
}

/// Takes a client through all checks, up to the one that refuses it.
pub(super) fn walk(
    found: &Found<'_>,
    machine: &Machine,
    tree: &dyn FileTree,
    client: &mut Client,
) -> Result<Verdict, Failure> {
    let spec = found.spec().map_err(Failure::unanswered)?;
    let asked = Asked {
        service: found.service,
        policy: Policy::new(&spec),
        spec,
        sources: &machine.configuration.sources,
    };
    let mut verdict = Verdict::default();
    let checks = [limits, bans, lists];
    let peer = match asked.peer(client.address) {
        Ok(peer) => peer,
        Err(why) => {
            verdict.note("listener", Outcome::Refused, why, None);
            verdict.refused = Some("no connection");
            return Ok(verdict);
        }
    };
    if asked.service.socket_type == SocketType::Dgram
        && let (Task::Internal(_), Reach::Listen(listen)) = (&asked.spec.task, &asked.service.reach)
        && !is_client(client.port, listen.port.0)
    {
        let detail = format!("a datagram from port {} is not answered", client.port);
        verdict.note("port", Outcome::Refused, detail, None);
        verdict.refused = Some("possible denial of service attack");
        return Ok(verdict);
    }
    for check in checks {
        check(&asked, peer, client, &mut verdict);
        if !verdict.admits() {
            return Ok(verdict);
        }
    }
    libwrap(&asked, tree, client, &mut verdict);
    if verdict.admits() && asked.spec.idonly && asked.spec.logging.success.userid {
        ident(&asked, client, &mut verdict);
    }
    Ok(verdict)
}

impl Asked<'_> {
    /// The client's address as accept(2) gives it, or why it does not get as far.
    fn peer(&self, address: IpAddr) -> Result<IpAddr, &'static str> {
        let (family, bind) = match &self.service.reach {
            Reach::Listen(Listen { family, bind, .. })
            | Reach::Rpc(_, Listen { family, bind, .. }) => (*family, bind.as_ref()),
            // tcpmux has accepted it already.
            Reach::Mux(_) => return Ok(address),
        };
        let bound = match bind {
            Some(Bind::Address(bound, _)) => !bound.is_unspecified(),
            _ => false,
        };
        match (family, address) {
            (Family::V4, IpAddr::V6(_)) => Err("the service listens on IPv4 alone"),
            (Family::V6Only, IpAddr::V4(_)) => Err("the service listens on IPv6 alone"),
            (Family::V6 | Family::Any, IpAddr::V4(_)) if bound => {
                Err("the service listens on an IPv6 address alone")
            }
            // Nobody knows who connects before the server accepts it.
            _ if self.is_blind() => Ok(Ipv4Addr::UNSPECIFIED.into()),
            (Family::V6 | Family::Any, IpAddr::V4(address)) => Ok(address.to_ipv6_mapped().into()),
            _ => Ok(address),
        }
    }

    /// Whether the server takes its clients itself.
    pub(super) fn is_blind(&self) -> bool {
        self.service.socket_type == SocketType::Stream && self.hands_over()
    }

    /// A place, and its line.
    pub(super) fn rule(&self, place: &Place) -> (Place, Option<String>) {
        let line = self.sources.line(place);
        let text = line.map(|line| String::from_utf8_lossy(line.trim_ascii()).into_owned());
        (place.clone(), text)
    }

    /// Where an attribute was last written.
    fn written(&self, attribute: Attribute) -> Option<(Place, Option<String>)> {
        let mut lines = self.service.attributes.iter().rev();
        let line = lines.find(|line| line.attribute == attribute)?;
        Some(self.rule(&line.place))
    }
}

/// The limits, and what a sensor does with those who pass them.
fn limits(asked: &Asked<'_>, peer: IpAddr, client: &mut Client, verdict: &mut Verdict) {
    let mut state = client.state(peer);
    let facts = client.facts(peer);
    let limits = &asked.spec.limits;
    for check in Check::ORDER {
        let refusal = asked.policy.check(check, &mut state, &facts);
        let count = |limit: Limit, running: u32| match limit {
            Limit::Unlimited => None,
            Limit::AtMost(most) => Some(format!("{running} of {most} run")),
        };
        let (name, attribute, detail) = match check {
            Check::Rate => (
                "cps",
                Attribute::Cps,
                limits
                    .rate
                    .map(|rate| format!("{} a second: one connection alone is less", rate.max)),
            ),
            Check::Load => (
                "max_load",
                Attribute::MaxLoad,
                limits.load.map(|most| match client.load {
                    Some(load) => format!("the load is {load}, the limit {most}"),
                    None => "the load is not known".to_owned(),
                }),
            ),
            Check::Time => (
                "access_times",
                Attribute::AccessTimes,
                (!asked.spec.access_times.is_empty()).then(|| {
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
                count(limits.per_source, state.running_for(peer)),
            ),
        };
        let rule = asked.written(attribute);
        match (refusal, detail) {
            (Some(Refusal { reason, .. }), detail) => {
                return verdict.refuse(name, reason, detail.unwrap_or_default(), rule);
            }
            (None, Some(detail)) => verdict.note(name, Outcome::Passed, detail, rule),
            (None, None) => {
                let detail = match check {
                    Check::Rate => "switched off".to_owned(),
                    Check::Instances | Check::PerSource => limit(Limit::Unlimited),
                    Check::Load | Check::Time => "not set".to_owned(),
                };
                verdict.note(name, Outcome::NoRule, detail, rule);
            }
        }
    }
    if let Task::Sensor(sensor) = &asked.spec.task {
        let detail = sense(sensor, peer);
        let rule = asked.written(Attribute::Flags);
        verdict.refuse("sensor", Reason::Address, detail, rule);
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
            format!("{subject} is banned from all services for {minutes} minutes")
        }
        DenyTime::Forever => format!("{subject} is banned from all services for ever"),
    }
}

fn bans(_: &Asked<'_>, peer: IpAddr, client: &mut Client, verdict: &mut Verdict) {
    match client.bans.until(peer, client.now) {
        None => verdict.note("bans", Outcome::Passed, "not banned", None),
        Some(until) => {
            let time = match until {
                Until::Forever => "for ever".to_owned(),
                Until::At(end) => {
                    let left = end.saturating_sub(client.now.0).as_secs();
                    format!("for {} minutes more", left.div_ceil(60))
                }
            };
            let address = client.address;
            let detail =
                format!("banned {time}; `xinetdctl bans remove {address}` lets it in again");
            verdict.refuse("bans", Refusal::by_ban().reason, detail, None);
        }
    }
}

/// `only_from` and `no_access`.
fn lists(asked: &Asked<'_>, peer: IpAddr, client: &mut Client, verdict: &mut Verdict) {
    const NAME: &str = "access";
    let rules = &asked.spec.access;
    let entry = |place: &Place| {
        let mut all = rules.only_from.iter().flatten().chain(&rules.no_access);
        let rule = all.find(|rule| rule.place == *place);
        rule.map(|rule| pattern(&rule.pattern)).unwrap_or_default()
    };
    let (mut access, mut by) = asked.policy.access_by(peer, &client.name);
    if access == Access::NeedName {
        client.find_name();
        verdict.note("name", client.name_found(), client.about_name(), None);
        (access, by) = asked.policy.access_by(peer, &client.name);
    }
    match (access, by) {
        (Access::Deny(refusal), _) => {
            let place = refusal.rule.as_ref();
            let is_in = |place: &Place| rules.no_access.iter().any(|rule| rule.place == *place);
            let detail = match place {
                _ if refusal.note == Note::NameUnknown => {
                    "no_access has names, and the client may have one of them".to_owned()
                }
                Some(place) if is_in(place) => format!("no_access has {}", entry(place)),
                Some(_) => "only_from does not have it".to_owned(),
                None => "only_from is empty".to_owned(),
            };
            let rule = place.map(|place| asked.rule(place));
            let rule = rule.or_else(|| asked.written(Attribute::OnlyFrom));
            verdict.refuse(NAME, refusal.reason, detail, rule);
        }
        (_, Some(place)) => {
            let detail = format!("only_from has {}", entry(place));
            verdict.note(NAME, Outcome::Passed, detail, Some(asked.rule(place)));
        }
        (_, None) if rules.no_access.is_empty() => {
            let detail = "neither only_from nor no_access is set";
            verdict.note(NAME, Outcome::NoRule, detail, None);
        }
        (_, None) => {
            let rule = asked.written(Attribute::NoAccess);
            verdict.note(NAME, Outcome::Passed, "no_access does not have it", rule);
        }
    }
}

/// IDONLY.
fn ident(asked: &Asked<'_>, client: &Client, verdict: &mut Verdict) {
    let rule = asked.written(Attribute::Flags);
    match &client.user {
        User::Known(user) => {
            let detail = format!("the client's machine says {user}");
            verdict.note("IDONLY", Outcome::Passed, detail, rule);
        }
        _ => {
            let detail = "refused unless the client's ident server says who it is; --user says it";
            verdict.note("IDONLY", Outcome::Unknown, detail, rule);
        }
    }
}

impl Asked<'_> {
    /// The end that the client has connected to.
    pub(super) fn local(&self, client: &Client) -> SocketAddr {
        let (Reach::Listen(listen) | Reach::Rpc(_, listen)) = &self.service.reach else {
            return client.local(TCPMUX);
        };
        let port = listen.port.0;
        match (&listen.bind, listen.family) {
            (Some(Bind::Address(bound, _)), _) if !bound.is_unspecified() => {
                SocketAddr::new(*bound, port)
            }
            // It is the listening socket that is asked.
            (_, Family::V4) if self.hands_over() => (Ipv4Addr::UNSPECIFIED, port).into(),
            _ if self.hands_over() => (Ipv6Addr::UNSPECIFIED, port).into(),
            _ => client.local(port),
        }
    }

    fn hands_over(&self) -> bool {
        matches!(self.spec.task, Task::Wait(_))
    }
}
