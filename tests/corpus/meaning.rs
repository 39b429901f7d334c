//! A service of ours in the words of xinetd's dump. It is long as each line of the dump has its function.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use xinetd_core::bytes::ByteString;
use xinetd_core::config::Databases;
use xinetd_core::service::{
    AccessRule, Bind, DenyTime, Family, Limit, Listen, LogTarget, Mux, Port, Principal, Protocol,
    Reach, Service, Serving, SizeLimits, SocketType,
};

use crate::oracle::{self, Verdict};

/// The port as the dump has it: none for what has no port of its own.
pub(crate) fn port(service: &Service) -> String {
    match &service.reach {
        Reach::Rpc(_, Listen { port: Port(0), .. }) | Reach::Mux(_) => String::new(),
        Reach::Listen(listen) | Reach::Rpc(_, listen) => listen.port.to_string(),
    }
}

/// Each attribute in which the two differ, with xinetd's value and ours.
pub(crate) fn compare(
    ours: &Service,
    theirs: &oracle::Service,
    verdict: &Verdict,
    databases: &Databases,
) -> Vec<(&'static str, String, String)> {
    // What a service inherits after parsing is shown in the defaults alone.
    let inherited = |name: &str, unset: &str| {
        let value = theirs.get(name).or_else(|| verdict.defaults.get(name));
        value.unwrap_or(unset).to_owned()
    };
    let words = |name: &str| set(theirs.text(name).split_whitespace());
    let rows = [
        ("flags", flags_of(&words("flags")), flags(ours)),
        ("type", types_of(ours, &words("type")), types(ours)),
        (
            "socket_type",
            theirs.text("socket_type").into(),
            socket_type(ours),
        ),
        (
            "protocol",
            theirs.text("Protocol (name,number)").into(),
            protocol(&ours.protocol),
        ),
        (
            "wait",
            theirs.text("wait").into(),
            if ours.wait { "yes" } else { "no" }.into(),
        ),
        ("user", theirs.text("user").into(), user(ours, databases)),
        ("group", theirs.text("group").into(), group(ours, databases)),
        ("groups", theirs.text("Groups").into(), groups(ours, theirs)),
        (
            "instances",
            inherited("Instances", "UNLIMITED"),
            limit(ours.limits.instances, "UNLIMITED"),
        ),
        (
            "per_source",
            theirs.text("PER_SOURCE").into(),
            limit(ours.limits.per_source, "-1"),
        ),
        (
            "cps",
            inherited("CPS", "max conn:50 wait:10"),
            rate(ours, &inherited("CPS", "")),
        ),
        (
            "nice",
            theirs.text("Nice").into(),
            ours.nice.map(|nice| nice.to_string()).unwrap_or_default(),
        ),
        (
            "umask",
            theirs.text("umask").into(),
            ours.umask
                .map(|umask| format!("{umask:o}"))
                .unwrap_or_default(),
        ),
        ("bind", bound(theirs.text("Bind")), bind(ours)),
        ("server", theirs.text("Server").into(), server(ours)),
        (
            "server_args",
            theirs.text("Server argv").trim_end_matches(' ').into(),
            argv(ours),
        ),
        (
            "redirect",
            redirect_of(theirs.text("Redirect")),
            redirect(ours),
        ),
        (
            "access_times",
            theirs.text("Access times").into(),
            access_times(ours),
        ),
        (
            "only_from",
            access_of(theirs.text("Only from")),
            access(ours.access.only_from.as_deref()),
        ),
        (
            "no_access",
            access_of(theirs.text("No access")),
            access(
                Some(&ours.access.no_access)
                    .filter(|list| !list.is_empty())
                    .map(Vec::as_slice),
            ),
        ),
        (
            "log_type",
            logging_of(theirs, verdict),
            logging(&ours.logging.target),
        ),
        (
            "rpc_version",
            theirs.text("rpc_version").into(),
            rpc_version(ours),
        ),
        (
            "rpc_number",
            theirs.text("program number").into(),
            rpc_number(ours),
        ),
        (
            "env",
            join(&set(theirs.environment.iter().map(String::as_str))),
            join(&set(ours
                .environment
                .set
                .iter()
                .map(ByteString::to_text)
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str))),
        ),
        (
            "passenv",
            theirs.get("Passenv").unwrap_or("-").into(),
            passenv(ours),
        ),
        (
            "deny_time",
            theirs.text("Deny Time").into(),
            deny_time(ours),
        ),
        (
            "log_on_success",
            join(&words("Log_on_success flags")),
            success(ours, theirs),
        ),
        (
            "log_on_failure",
            join(&words("Log_on_failure flags")),
            failure(ours, theirs),
        ),
    ];
    rows.into_iter()
        .filter(|(_, theirs, ours)| theirs != ours)
        .collect()
}

fn set<'a>(words: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    words.map(str::to_owned).collect()
}

fn join(words: &BTreeSet<String>) -> String {
    words
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

fn named(flags: &[(&str, bool)]) -> String {
    join(&set(flags
        .iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| *name)))
}

/// The flags that our model has as such: REUSE has no effect, NAMEINARGS shows in the argv.
fn flags_of(words: &BTreeSet<String>) -> String {
    let kept = words
        .iter()
        .filter(|flag| !matches!(flag.as_str(), "REUSE" | "NAMEINARGS"));
    join(&kept.cloned().collect())
}

fn flags(service: &Service) -> String {
    let family = match &service.reach {
        Reach::Listen(listen) | Reach::Rpc(_, listen) => Some(listen.family),
        _ => None,
    };
    named(&[
        ("NODELAY", service.flags.nodelay),
        ("KEEPALIVE", service.flags.keepalive),
        ("NORETRY", service.flags.noretry),
        ("IDONLY", service.flags.idonly),
        ("NOLIBWRAP", service.flags.nolibwrap),
        ("INTERCEPT", service.flags.intercept),
        ("LABELED", service.flags.labeled),
        ("SENSOR", matches!(service.serving, Serving::Sensor(_))),
        ("IPv4", family == Some(Family::V4)),
        ("IPv6", family.is_none_or(|family| family != Family::V4)),
    ])
}

/// The types that our model has: a sensor need not be internal, and unlisted shows in the port.
fn types_of(ours: &Service, words: &BTreeSet<String>) -> String {
    let sensor = matches!(ours.serving, Serving::Sensor(_));
    let shown = |word: &&String| word.as_str() != "UNLISTED" && !(sensor && *word == "INTERNAL");
    join(&words.iter().filter(shown).cloned().collect())
}

fn types(service: &Service) -> String {
    named(&[
        ("RPC", matches!(service.reach, Reach::Rpc(..))),
        ("TCPMUX", matches!(service.reach, Reach::Mux(Mux::Server))),
        ("TCPMUXPLUS", matches!(service.reach, Reach::Mux(Mux::Plus))),
        ("INTERNAL", matches!(service.serving, Serving::Internal(_))),
    ])
}

fn socket_type(service: &Service) -> String {
    match service.socket_type {
        SocketType::Stream => "stream",
        SocketType::Dgram => "dgram",
        SocketType::Raw => "raw",
        SocketType::Seqpacket => "seqpacket",
    }
    .to_owned()
}

fn protocol(protocol: &Protocol) -> String {
    match protocol {
        Protocol::Tcp => "(tcp,6)".to_owned(),
        Protocol::Udp => "(udp,17)".to_owned(),
        Protocol::Other(name, number) => format!("({},{number})", name.to_text()),
    }
}

fn user(service: &Service, databases: &Databases) -> String {
    let number = |principal: &Principal| match principal {
        Principal::Id(id) => id.to_string(),
        Principal::Name(name) => match databases.user(name.as_bytes()) {
            Some(user) => user.uid.to_string(),
            None => name.to_text(),
        },
    };
    service
        .credentials
        .as_ref()
        .map(|who| number(&who.user))
        .unwrap_or_default()
}

fn group(service: &Service, databases: &Databases) -> String {
    let number = |principal: &Principal| match principal {
        Principal::Id(id) => id.to_string(),
        Principal::Name(name) => match databases.group(name.as_bytes()) {
            Some(gid) => gid.to_string(),
            None => name.to_text(),
        },
    };
    let group = service
        .credentials
        .as_ref()
        .and_then(|who| who.group.as_ref());
    group.map(number).unwrap_or_default()
}

fn groups(service: &Service, theirs: &oracle::Service) -> String {
    match &service.credentials {
        Some(who) if who.supplementary => "yes".to_owned(),
        Some(_) => "no".to_owned(),
        // Without a user the attribute has no meaning.
        None => theirs.text("Groups").to_owned(),
    }
}

fn limit(limit: Limit, unlimited: &str) -> String {
    match limit {
        Limit::Unlimited => unlimited.to_owned(),
        Limit::AtMost(most) => most.to_string(),
    }
}

/// A rate of 0 is none, whatever the wait.
fn rate(service: &Service, theirs: &str) -> String {
    match service.limits.rate {
        Some(rate) => format!("max conn:{} wait:{}", rate.max, rate.wait),
        None if theirs.starts_with("max conn:0 ") => theirs.to_owned(),
        None => "none".to_owned(),
    }
}

/// An address stands in the dump by its name, if it has one: all that is told is that there is one.
fn bound(text: &str) -> String {
    if text == "All addresses." {
        "all"
    } else {
        "some"
    }
    .to_owned()
}

fn bind(service: &Service) -> String {
    let any = |address: &IpAddr| address.is_unspecified() && address.is_ipv6();
    match &service.reach {
        Reach::Listen(listen) | Reach::Rpc(_, listen) => match &listen.bind {
            None => "all",
            Some(Bind::Address(address, _)) if any(address) => "all",
            Some(_) => "some",
        },
        _ => "all",
    }
    .to_owned()
}

fn server(service: &Service) -> String {
    match &service.serving {
        Serving::Program(program) => program.path.to_text(),
        _ => String::new(),
    }
}

fn argv(service: &Service) -> String {
    match &service.serving {
        Serving::Program(program) => {
            let words: Vec<_> = program.argv.iter().map(ByteString::to_text).collect();
            words.join(" ")
        }
        _ => String::new(),
    }
}

/// The host stands in the dump as `unknown`: no resolver answered.
fn redirect_of(text: &str) -> String {
    text.rsplit(':').next().unwrap_or_default().to_owned()
}

fn redirect(service: &Service) -> String {
    match &service.serving {
        Serving::Redirect { port, .. } => port.to_string(),
        _ => String::new(),
    }
}

fn access_times(service: &Service) -> String {
    let windows = service.access_times.iter();
    let windows: Vec<_> = windows
        .map(|window| format!("{}-{}", window.from, window.to))
        .collect();
    windows.join(" ")
}

/// A list of the dump, in our words: `128.138.209.0(NUMERIC) localhost(HOST) 10.0.0.0/255.0.0.0(NET)`.
fn access_of(text: &str) -> String {
    if matches!(text, "All sites" | "No blocked sites") {
        return "-".to_owned();
    }
    let word = |word: &str| match word.trim_end_matches(')').rsplit_once('(') {
        Some((address, "NUMERIC")) => match address.parse::<Ipv4Addr>() {
            Ok(v4) => format!("{address}/{}", 32 - u32::from(v4).trailing_zeros() / 8 * 8),
            Err(_) => format!("{address}/128"),
        },
        Some((net, "NET")) => match net.split_once('/') {
            Some((address, mask)) => format!("{address}/{}", ones(mask)),
            None => net.to_owned(),
        },
        Some((name, "HOST")) if name.starts_with('.') => format!("domain {name}"),
        // Bytes of xinetd's memory: see C13 in docs/deviations.md.
        Some((name, "HOST")) if !name.bytes().all(|byte| byte.is_ascii_graphic()) => {
            "host ?".to_owned()
        }
        Some((name, "HOST")) => format!("host {name}"),
        _ => word.to_owned(),
    };
    text.split_whitespace()
        .map(word)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The one bits of a mask that is written as an address.
fn ones(mask: &str) -> String {
    match mask.parse() {
        Ok(IpAddr::V4(mask)) => u32::from(mask).leading_ones().to_string(),
        Ok(IpAddr::V6(mask)) => u128::from(mask).leading_ones().to_string(),
        Err(_) => mask.to_owned(),
    }
}

fn access(list: Option<&[AccessRule]>) -> String {
    match list {
        None => "-".to_owned(),
        Some(list) => {
            let rules: Vec<_> = list.iter().map(|rule| rule.pattern.to_string()).collect();
            rules.join(", ")
        }
    }
}

fn logging_of(theirs: &oracle::Service, verdict: &Verdict) -> String {
    match theirs.text("logging") {
        "Logging to common log file" => verdict.defaults.text("logging").to_owned(),
        own => own.to_owned(),
    }
}

fn logging(target: &LogTarget) -> String {
    match target {
        LogTarget::Unset => "No logging".to_owned(),
        LogTarget::Syslog { facility, level } => {
            let (facility, level) = (format!("{facility:?}"), format!("{level:?}"));
            let (facility, level) = (facility.to_lowercase(), level.to_lowercase());
            format!("Logging to syslog. Facility = {facility}, level = {level}")
        }
        LogTarget::File { path, limits: None } => {
            format!("Logging to file: {} (no limits)", path.to_text())
        }
        LogTarget::File {
            path,
            limits: Some(SizeLimits { soft, hard }),
        } => {
            format!(
                "Logging to file: {} (soft={soft} hard={hard})",
                path.to_text()
            )
        }
    }
}

fn rpc_version(service: &Service) -> String {
    match &service.reach {
        Reach::Rpc(program, _) if program.versions.first == program.versions.last => {
            program.versions.first.to_string()
        }
        Reach::Rpc(program, _) => format!("{}-{}", program.versions.first, program.versions.last),
        _ => String::new(),
    }
}

fn rpc_number(service: &Service) -> String {
    match &service.reach {
        Reach::Rpc(program, _) => program.number.to_string(),
        _ => String::new(),
    }
}

fn passenv(service: &Service) -> String {
    match &service.environment.pass {
        None => "-".to_owned(),
        Some(names) => names
            .iter()
            .map(ByteString::to_text)
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn deny_time(service: &Service) -> String {
    match service.serving {
        Serving::Sensor(DenyTime::Minutes(minutes)) => minutes.to_string(),
        Serving::Sensor(DenyTime::Forever) => "-1".to_owned(),
        Serving::Sensor(DenyTime::Never) => "0".to_owned(),
        _ => String::new(),
    }
}

/// Where nothing is logged the dump does not show what would be.
fn silent(theirs: &oracle::Service) -> bool {
    theirs.text("logging") == "No logging"
}

fn success(service: &Service, theirs: &oracle::Service) -> String {
    if silent(theirs) {
        return String::new();
    }
    let flags = service.logging.success;
    named(&[
        ("PID", flags.pid),
        ("HOST", flags.host),
        ("USERID", flags.userid),
        ("EXIT", flags.exit),
        ("DURATION", flags.duration),
        ("TRAFFIC", flags.traffic),
    ])
}

fn failure(service: &Service, theirs: &oracle::Service) -> String {
    if silent(theirs) {
        return String::new();
    }
    let flags = service.logging.failure;
    named(&[
        ("HOST", flags.host),
        ("USERID", flags.userid),
        ("ATTEMPT", flags.attempt),
    ])
}
