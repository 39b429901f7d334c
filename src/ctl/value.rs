//! What an attribute of a service comes to, and where it is from.

use xinetd_core::bytes::ByteString;
use xinetd_core::config::{Attribute, TABLE};
use xinetd_core::service::{
    AccessRule, FailureFlags, Limit, Pattern, Port, Principal, Protocol, Reach, Service, Serving,
    SocketType, SuccessFlags, WrittenAttribute,
};

/// An attribute as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meant<'a> {
    pub(super) attribute: Attribute,
    /// As it would be written behind `=`.
    pub(super) value: String,
    pub(super) origin: Origin<'a>,
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    /// These lines, at least one.
    Lines(Vec<&'a WrittenAttribute>),
    /// Nothing is written: it follows from something else, which this names.
    Derived(&'static str),
    /// Nothing is written: xinetd has it so.
    Xinetd,
}

/// All attributes of a service that have a value, in the order of the table.
pub(super) fn meant(service: &Service) -> Vec<Meant<'_>> {
    TABLE
        .iter()
        .filter_map(|row| one(service, row.attribute))
        .collect()
}

fn one(service: &Service, attribute: Attribute) -> Option<Meant<'_>> {
    let mine = |written: &&WrittenAttribute| written.attribute == attribute;
    let lines: Vec<_> = service.attributes.iter().filter(mine).collect();
    let (value, origin) = match lines.as_slice() {
        [] => unwritten(service, attribute)?,
        [.., last] => {
            let value = merged(service, attribute).unwrap_or_else(|| plain(&last.text));
            (value, Origin::Lines(lines))
        }
    };
    Some(Meant {
        attribute,
        value,
        origin,
    })
}

/// The values of a line, without the operator.
fn plain(text: &ByteString) -> String {
    let text = text.to_text();
    let values = text.trim_start_matches(['+', '-']).trim_start_matches('=');
    values.trim().to_owned()
}

/// What all lines of an attribute together come to, for those that may have several.
fn merged(service: &Service, attribute: Attribute) -> Option<String> {
    let texts = |list: &[ByteString]| {
        let texts: Vec<_> = list.iter().map(ByteString::to_text).collect();
        texts.join(" ")
    };
    Some(match attribute {
        Attribute::OnlyFrom => patterns(service.access.only_from.as_deref().unwrap_or_default()),
        Attribute::NoAccess => patterns(&service.access.no_access),
        Attribute::LogOnSuccess => success(service.logging.success),
        Attribute::LogOnFailure => failure(service.logging.failure),
        Attribute::Env => texts(&service.environment.set),
        Attribute::Passenv => texts(service.environment.pass.as_deref().unwrap_or_default()),
        _ => return None,
    })
}

fn patterns(rules: &[AccessRule]) -> String {
    let words: Vec<_> = rules.iter().map(|rule| pattern(&rule.pattern)).collect();
    words.join(" ")
}

/// An entry of a list as it may be written: a net that is one address has no length.
pub(super) fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
        Pattern::Net(net) => net.to_string(),
        Pattern::Host(name) | Pattern::Domain(name) => name.clone(),
    }
}

fn named(words: &[(&str, bool)]) -> String {
    let set = words.iter().filter(|(_, set)| *set);
    set.map(|(word, _)| *word).collect::<Vec<_>>().join(" ")
}

fn success(flags: SuccessFlags) -> String {
    named(&[
        ("PID", flags.pid),
        ("HOST", flags.host),
        ("USERID", flags.userid),
        ("EXIT", flags.exit),
        ("DURATION", flags.duration),
        ("TRAFFIC", flags.traffic),
    ])
}

fn failure(flags: FailureFlags) -> String {
    named(&[
        ("HOST", flags.host),
        ("USERID", flags.userid),
        ("ATTEMPT", flags.attempt),
    ])
}

/// The value of an attribute that is not written; none where its absence is all there is to say.
fn unwritten(service: &Service, attribute: Attribute) -> Option<(String, Origin<'static>)> {
    let xinetd = |value: &str| Some((value.to_owned(), Origin::Xinetd));
    let derived = |value: String, from| Some((value, Origin::Derived(from)));
    let credentials = service.credentials.as_ref();
    let runs = matches!(service.serving, Serving::Program(_));
    let listens = matches!(service.reach, Reach::Listen(_));
    match attribute {
        Attribute::Id => derived(service.id.to_text(), "the service's name"),
        Attribute::Disable => xinetd("no"),
        Attribute::SocketType => {
            let kind = match service.socket_type {
                SocketType::Stream => "stream",
                SocketType::Dgram => "dgram",
                SocketType::Raw => "raw",
                SocketType::Seqpacket => "seqpacket",
            };
            derived(kind.to_owned(), "the protocol")
        }
        Attribute::Protocol => {
            let name = match &service.protocol {
                Protocol::Tcp => "tcp".to_owned(),
                Protocol::Udp => "udp".to_owned(),
                Protocol::Other(name, _) => name.to_text(),
            };
            derived(name, "the socket type")
        }
        Attribute::Wait => xinetd(if service.wait { "yes" } else { "no" }),
        Attribute::User => derived(principal(&credentials?.user), "the service's type"),
        Attribute::Group if credentials?.group.is_none() => {
            derived("the user's own".to_owned(), "the user")
        }
        Attribute::Groups if runs => xinetd("no"),
        Attribute::Instances => xinetd(&limit(service.limits.instances)),
        Attribute::PerSource => xinetd(&limit(service.limits.per_source)),
        Attribute::Cps => {
            let rate = service.limits.rate?;
            xinetd(&format!("{} {}", rate.max, rate.wait))
        }
        Attribute::Umask if runs => xinetd("022"),
        Attribute::Libwrap => derived(service.libwrap_daemon()?.to_text(), "the server's name"),
        Attribute::Port if listens => match &service.reach {
            Reach::Listen(listen) if listen.port != Port(0) => {
                derived(listen.port.to_string(), "/etc/services")
            }
            _ => None,
        },
        _ => None,
    }
}

/// `UNLIMITED`, or a number.
pub(super) fn limit(limit: Limit) -> String {
    match limit {
        Limit::Unlimited => "UNLIMITED".to_owned(),
        Limit::AtMost(most) => most.to_string(),
    }
}

fn principal(principal: &Principal) -> String {
    match principal {
        Principal::Name(name) => name.to_text(),
        Principal::Id(id) => id.to_string(),
    }
}
