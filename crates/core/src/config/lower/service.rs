//! Validation: from a filled entry to a service that can be served (docs/xinetd-behaviour.md, section 1.4).

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use ipnet::IpNet;

use super::super::databases::Databases;
use super::super::entry::ServiceEntry;
use super::super::report::quoted;
use super::super::values::Values;
use super::super::values::logging::{failure_flags, success_flags};
use super::super::values::socket::{flag, kind};
use super::{program, socket};
use crate::problem::Remark;
use crate::problem::{Place, Problem, Severity};
use crate::service::Attribute;
use crate::service::{
    AccessRules, Credentials, DenyTime, Environment, Flags, Limit, Limits, Logging, Pattern,
    Principal, Protocol, Reach, Service, Serving, SocketType,
};

/// An entry under validation.
pub(super) struct Validation<'a> {
    pub(super) entry: &'a ServiceEntry,
    pub(super) values: &'a Values,
    pub(super) databases: &'a Databases,
    problems: &'a mut Vec<Problem>,
    failed: bool,
}

impl Validation<'_> {
    /// Where an attribute is written, or else the service.
    pub(super) fn place(&self, attribute: Attribute) -> Place {
        let place = self.entry.section.place(attribute);
        place.unwrap_or(&self.entry.place).clone()
    }

    /// Says something that does not keep the service from being served.
    pub(super) fn remark(
        &mut self,
        severity: Severity,
        code: &'static str,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let remark = Remark::new(severity, code, message, help);
        self.problems.push(remark.at(place));
    }

    /// Says why the service is lost.
    pub(super) fn fail<T>(
        &mut self,
        code: &'static str,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.remark(Severity::Error, code, place, message, help);
        self.failed = true;
        None
    }

    /// Says that an attribute must be there.
    pub(super) fn missing<T>(&mut self, attribute: Attribute) -> Option<T> {
        let message = format!(
            "{} has no {}",
            quoted(self.entry.id().as_bytes()),
            attribute.name()
        );
        let help = match attribute {
            Attribute::Wait => "write wait = no where each connection gets a server of its own",
            Attribute::SocketType => "write socket_type = stream or dgram",
            Attribute::Protocol => "write protocol = and a name of /etc/protocols",
            Attribute::User => "write user = and the name of the user that runs the server",
            Attribute::Port => "write port = and its number, as an UNLISTED service needs",
            Attribute::Server => "write server = and the absolute path of the program",
            Attribute::RpcVersion => "write rpc_version = and a number, or two such as 2-4",
            _ => "write rpc_number = and a number",
        };
        self.fail("missing-attribute", self.entry.place.clone(), message, help)
    }

    pub(super) fn has_type(&self, bit: u32) -> bool {
        self.values.kind.unwrap_or(0) & bit != 0
    }

    pub(super) fn has_flag(&self, bit: u32) -> bool {
        self.values.flags.unwrap_or(0) & bit != 0
    }
}

/// Makes a service of an entry that has everything from `defaults`, without its `attributes`.
pub(super) fn build(
    entry: &ServiceEntry,
    databases: &Databases,
    problems: &mut Vec<Problem>,
) -> Option<Service> {
    let mut check = Validation {
        entry,
        values: &entry.section.values,
        databases,
        problems,
        failed: false,
    };
    let values = check.values;
    let protocol = socket::protocol(&mut check);
    let socket_type = socket::socket_type(&mut check);
    let wait = values.wait.or_else(|| check.missing(Attribute::Wait));
    let serving = program::serving(&mut check, socket_type, wait);
    let credentials = credentials(&mut check);
    let reach = socket::reach(&mut check, protocol.as_ref());
    let (protocol, socket_type, wait) = (protocol?, socket_type?, wait?);
    let (serving, reach) = (serving?, reach?);
    let logging = logging(&mut check, &serving, &protocol, &reach);
    let flags = flags(&mut check, &serving, socket_type, wait);
    let access = access(&mut check);
    let limits = limits(values);
    warn_of_none(&mut check, limits.instances, Attribute::Instances);
    warn_of_none(&mut check, limits.per_source, Attribute::PerSource);
    if socket_type == SocketType::Dgram && !wait {
        let place = check.place(Attribute::Wait);
        check.remark(
            Severity::Warning,
            "dgram-nowait",
            place,
            "a dgram service with wait = no goes wrong in xinetd at its first datagram",
            "write wait = yes",
        );
    }
    if values.deny_time.is_some() && !matches!(serving, Serving::Sensor(_)) {
        let place = check.place(Attribute::DenyTime);
        check.remark(
            Severity::Warning,
            "deny-time",
            place,
            "deny_time has no effect without the flag SENSOR",
            "write flags = SENSOR, or leave deny_time out",
        );
    }
    if check.failed {
        return None;
    }
    Some(Service {
        id: entry.id().clone(),
        name: entry.name.clone(),
        place: entry.place.clone(),
        enabled: true,
        socket_type,
        protocol,
        wait,
        reach,
        serving,
        credentials,
        limits,
        access,
        access_times: values.access_times.clone(),
        logging,
        environment: Environment {
            pass: values
                .copied
                .passenv
                .as_ref()
                .map(|names| names.iter().cloned().collect()),
            set: values.env.clone(),
        },
        banners: values.copied.banners.clone(),
        nice: values.nice,
        umask: values.umask,
        resource_limits: values.resource_limits.clone(),
        libwrap_name: values.libwrap.clone(),
        flags,
        attributes: Vec::new(),
    })
}

fn limits(values: &Values) -> Limits {
    Limits {
        instances: values.instances.unwrap_or(Limit::Unlimited),
        per_source: values.per_source.unwrap_or(Limit::Unlimited),
        rate: values.rate.unwrap_or(Limits::default().rate),
        load: values.load.flatten(),
    }
}

/// The user and groups of the server; none are needed for internal services.
fn credentials(check: &mut Validation<'_>) -> Option<Credentials> {
    let Some(user) = check.values.user.clone() else {
        if !check.has_type(kind::INTERNAL) {
            check.missing::<()>(Attribute::User);
        }
        return None;
    };
    let supplementary = check.values.groups.unwrap_or(false);
    if let Principal::Id(uid) = user
        && supplementary
        && check.databases.user_of(uid).is_none()
    {
        let place = check.place(Attribute::User);
        check.remark(
            Severity::Warning,
            "unknown-user",
            place,
            format!("groups = yes needs a user of the number {uid}, and /etc/passwd has none"),
            "write the name of a user, or groups = no",
        );
    }
    Some(Credentials {
        user,
        group: check.values.group.clone(),
        supplementary,
    })
}

fn logging(
    check: &mut Validation<'_>,
    serving: &Serving,
    protocol: &Protocol,
    reach: &Reach,
) -> Logging {
    let mut logging = Logging {
        target: check.values.log_type.clone().unwrap_or_default(),
        success: success_flags(check.values.copied.success.unwrap_or(0)),
        failure: failure_flags(check.values.copied.failure.unwrap_or(0)),
    };
    if logging.success.traffic && !matches!(serving, Serving::Redirect { .. }) {
        let place = check.place(Attribute::LogOnSuccess);
        check.fail::<()>(
            "traffic",
            place,
            format!(
                "{} logs TRAFFIC, which is for services with redirect alone",
                quoted(check.entry.id().as_bytes())
            ),
            "take TRAFFIC away, or write log_on_success -= TRAFFIC in the service",
        );
    }
    let ident = matches!(reach, Reach::Listen(listen) if listen.port.0 == 113);
    if ident && *protocol == Protocol::Tcp && (logging.success.userid || logging.failure.userid) {
        let place = check.place(match logging.success.userid {
            true => Attribute::LogOnSuccess,
            false => Attribute::LogOnFailure,
        });
        check.remark(
            Severity::Warning,
            "ident-loop",
            place,
            "USERID is left out on port 113: to ask would make the peer ask as well",
            "take USERID away",
        );
        logging.success.userid = false;
        logging.failure.userid = false;
    }
    logging
}

fn flags(
    check: &mut Validation<'_>,
    serving: &Serving,
    socket_type: SocketType,
    wait: bool,
) -> Flags {
    let place = check.place(Attribute::Flags);
    let program = matches!(serving, Serving::Program(_));
    let mut intercept = check.has_flag(flag::INTERCEPT);
    if intercept && (!wait || check.has_type(kind::INTERNAL)) {
        check.remark(
            Severity::Warning,
            "intercept",
            place.clone(),
            "INTERCEPT has no effect on internal services and with wait = no",
            "take INTERCEPT away",
        );
        intercept = false;
    }
    let labeled = check.has_flag(flag::LABELED);
    if labeled && (!program || wait || socket_type != SocketType::Stream) {
        check.fail::<()>(
            "labeled",
            place,
            "LABELED is for stream services with wait = no and a server",
            "take LABELED away",
        );
    }
    Flags {
        reuse: check.has_flag(flag::REUSE),
        nameinargs: check.has_flag(flag::NAMEINARGS),
        family: check.has_flag(flag::IPV4 | flag::IPV6),
        disable: check.has_flag(flag::DISABLE),
        nodelay: check.has_flag(flag::NODELAY),
        keepalive: check.has_flag(flag::KEEPALIVE),
        noretry: check.has_flag(flag::NORETRY),
        idonly: check.has_flag(flag::IDONLY),
        nolibwrap: check.has_flag(flag::NOLIBWRAP),
        intercept,
        labeled,
    }
}

/// Says that no client can get in.
fn warn_of_empty(check: &mut Validation<'_>) {
    let lines = check.entry.section.lines(Attribute::OnlyFrom);
    let place = check.place(Attribute::OnlyFrom);
    let (severity, why) = match lines.iter().any(|line| has_value(line.text.as_bytes())) {
        true => (
            Severity::Error,
            "no word of only_from is left that lets a client in",
        ),
        false => (Severity::Note, "only_from is empty"),
    };
    check.remark(
        severity,
        "only-from-empty",
        place,
        format!(
            "{}: {why}, so that every client is refused",
            check.entry.id().to_text()
        ),
        "write the addresses of clients, or disable = yes",
    );
}

/// Says that a limit lets no client in.
fn warn_of_none(check: &mut Validation<'_>, limit: Limit, attribute: Attribute) {
    if limit != Limit::AtMost(0) {
        return;
    }
    let place = check.place(attribute);
    let id = check.entry.id().to_text();
    check.remark(
        Severity::Note,
        "limit-zero",
        place,
        format!(
            "{id}: {} is 0, so that every client is refused",
            attribute.name()
        ),
        "write a number or UNLIMITED, or disable = yes",
    );
}

/// Whether anything stands behind the operator of a line.
fn has_value(text: &[u8]) -> bool {
    text.iter().any(|byte| !b"+-= \t\r".contains(byte))
}

/// Which clients may connect; says which entries of `only_from` never let any client in.
fn access(check: &mut Validation<'_>) -> AccessRules {
    let copied = &check.values.copied;
    let rules = AccessRules {
        only_from: copied.only_from.as_ref().map(|list| list.list()),
        no_access: copied
            .no_access
            .as_ref()
            .map(|list| list.list())
            .unwrap_or_default(),
    };
    if rules.only_from.as_ref().is_some_and(Vec::is_empty) {
        warn_of_empty(check);
    }
    let net = |pattern: &Pattern| match pattern {
        Pattern::Net(net) => Some(*net),
        Pattern::Host(_) | Pattern::Domain(_) => None,
    };
    let refused: HashSet<IpNet> = rules
        .no_access
        .iter()
        .filter_map(|rule| net(&rule.pattern))
        .collect();
    if refused.is_empty() {
        return rules;
    }
    for rule in rules.only_from.iter().flatten() {
        let around = |net: IpNet| std::iter::successors(Some(net), IpNet::supernet);
        let outer =
            net(&rule.pattern).and_then(|net| around(net).find(|net| refused.contains(net)));
        if let Some(outer) = outer {
            check.remark(
                Severity::Warning,
                "access-overlap",
                rule.place.clone(),
                format!(
                    "{} of only_from is refused: no_access has {outer}, and wins",
                    rule.pattern
                ),
                "take one of them away: the more exact one does not win",
            );
        }
    }
    rules
}

/// How long a sensor keeps a peer out.
pub(super) fn deny_time(values: &Values) -> DenyTime {
    values.deny_time.unwrap_or(DenyTime::Never)
}
