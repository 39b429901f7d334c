//! The way of a client through the checks of the helper.

use std::io::ErrorKind;
use std::net::IpAddr;

use super::super::machine::{Found, Machine};
use super::super::output::Failure;
use super::super::value::{limit, pattern};
use super::asked::Asked;
use super::client::Client;
use super::rules::libwrap;
use super::verdict::{Outcome, Verdict};
use crate::accept::internal::datagram::is_client;
use crate::bans::{Subject, Until};
use crate::config::{Attribute, FileTree};
use crate::libwrap::User;
use crate::policy::{Access, Check, Note, PacketLists, Policy, Reason, Refusal};
use crate::problem::Place;
use crate::service::{DenyTime, Limit, Reach, SocketType};
use crate::spec::{Sensor, Task};

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
        && !is_client(client.port, listen.port.0, &asked.spec.answering)
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

fn bans(_: &Asked<'_>, peer: IpAddr, client: &mut Client, verdict: &mut Verdict) {
    match client.bans.find(peer, client.now) {
        Err(error) => {
            let detail = match error.kind() {
                ErrorKind::PermissionDenied => "root alone may see the bans".to_owned(),
                _ => format!("the table of bans can't be read: {error}"),
            };
            verdict.note("bans", Outcome::Unknown, detail, None);
            verdict.open =
                Some("whether the client is banned is not known; run the command as root");
        }
        Ok(None) => verdict.note("bans", Outcome::Passed, "not banned", None),
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
            verdict.refuse("bans", Refusal::by_ban().reason, detail, None);
        }
    }
}

/// The lists of a server that accepts by itself: packets have no names.
fn filter(asked: &Asked<'_>, address: IpAddr, verdict: &mut Verdict) {
    let lists = PacketLists::new(&asked.spec.access, asked.listens_on_v6());
    let attribute = match lists.denied.iter().any(|net| net.contains(&address)) {
        true => Attribute::NoAccess,
        false => Attribute::OnlyFrom,
    };
    let rule = asked.written(attribute);
    match lists.admits(address) {
        true if lists.is_empty() => {
            let detail = "neither only_from nor no_access is set";
            verdict.note("access", Outcome::NoRule, detail, None);
        }
        true => verdict.note("access", Outcome::Passed, "its packets pass", rule),
        false => {
            let detail = "the kernel drops its packets, and it waits in vain";
            verdict.refuse("access", Reason::Address, detail, rule);
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
    let is_filtered =
        matches!(asked.spec.task, Task::Wait(_)) && asked.service.socket_type == SocketType::Stream;
    if is_filtered {
        // The kernel knows the client, other than the helper.
        return filter(asked, client.address.to_canonical(), verdict);
    }
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
