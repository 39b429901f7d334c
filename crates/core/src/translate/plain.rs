//! What systemd alone does for a service, and what it does not.

use super::account::is_root;
use super::eject::{Loss, Protections};
use super::servable::{Door, Servable};
use super::service::{nice, umask};
use super::unit::{Directive, Plain, UnitFile, Value};
use crate::bytes::ByteString;
use crate::policy::PacketLists;
use crate::service::{Family, Limit, LogTarget, Principal, Program, Rlimit, Service, Serving};
use crate::spec::Task;

/// systemd has no word for "without limit", and the default is 64.
const UNLIMITED: i64 = u32::MAX as i64;

/// Whether each client gets a service of its own, made of a template.
pub(super) fn is_template(servable: &Servable) -> bool {
    matches!(servable.task, Task::Execute(_))
}

/// The unit of the server.
///
/// # Errors
/// What nothing but the helper can do.
pub(super) fn service(service: &Service, servable: &Servable) -> Result<UnitFile, String> {
    let program = program(service, servable)?;
    let mut description = service.id.as_bytes().to_vec();
    description.extend_from_slice(b" (was a xinetd service)");
    let mut head = vec![Directive::new("Description", Value::Prose(description))];
    match is_template(servable) {
        // A server that fails leaves nothing behind that needs `systemctl reset-failed`.
        true => head.push(literal("CollectMode", "inactive-or-failed")),
        // Each client may be a start.
        false => head.push(Directive::new("StartLimitIntervalSec", Value::Number(0))),
    }
    let mut words = vec![program.path.as_bytes().to_vec()];
    words.extend(program.argv.iter().map(|word| word.as_bytes().to_vec()));
    let mut body = vec![
        Directive::new("ExecStart", Value::Command("-@", words)),
        literal("StandardInput", "socket"),
        literal("StandardOutput", "socket"),
        literal("StandardError", "socket"),
    ];
    body.extend(account(servable)?);
    body.extend(nice(service).map(|nice| Directive::new("Nice", Value::Number(nice.into()))));
    body.extend([
        Directive::new("UMask", Value::Octal(umask(service))),
        literal("IgnoreSIGPIPE", "no"),
        // What a server leaves behind lives on, as with xinetd.
        literal("KillMode", "process"),
    ]);
    let passed = service.environment.pass.iter().flatten();
    let passed = passed.filter_map(|name| Plain::new(name.as_bytes()));
    body.extend(passed.map(|name| Directive::new("PassEnvironment", Value::Plain(name))));
    let set = service.environment.set.iter();
    let set = set.map(|variable| Value::Assignment(variable.as_bytes().to_vec()));
    body.extend(set.map(|variable| Directive::new("Environment", variable)));
    body.extend(limits(service));
    Ok(UnitFile {
        sections: vec![("Unit", head), ("Service", body)],
    })
}

/// Makes the socket one that needs no helper.
///
/// # Errors
/// As [`service`].
pub(super) fn adapt(
    socket: &mut UnitFile,
    service: &Service,
    servable: &Servable,
    machine: Protections,
) -> Result<(), String> {
    socket.without(&[
        ("Accept", Some("no")),
        ("FileDescriptorName", Some("listener")),
    ]);
    let Some((_, body)) = socket.sections.last_mut() else {
        return Ok(());
    };
    if is_template(servable) {
        let most = |limit, key, unlimited, attribute| match limit {
            Limit::AtMost(0) => Err(format!(
                "{attribute} = 0 refuses every client: leave the service off"
            )),
            Limit::AtMost(most) => Ok(Directive::new(key, Value::Number(most.into()))),
            Limit::Unlimited => Ok(Directive::new(key, Value::Number(unlimited))),
        };
        body.extend([
            literal("Accept", "yes"),
            most(
                service.limits.instances,
                "MaxConnections",
                UNLIMITED,
                "instances",
            )?,
            most(
                service.limits.per_source,
                "MaxConnectionsPerSource",
                0,
                "per_source",
            )?,
        ]);
    }
    let lists = PacketLists::new(&service.access, is_dual(servable));
    if machine.filters && !lists.is_empty() {
        let nets = |key, nets: Vec<ipnet::IpNet>| {
            let plain = move |net: ipnet::IpNet| {
                Plain::new(net.to_string().as_bytes())
                    .map(|net| Directive::new(key, Value::Plain(net)))
            };
            nets.into_iter().filter_map(plain)
        };
        match lists.remaining() {
            Some(remaining) => {
                body.extend(nets("IPAddressAllow", remaining));
                body.push(literal("IPAddressDeny", "any"));
            }
            None => body.extend(nets("IPAddressDeny", lists.denied)),
        }
    }
    Ok(())
}

/// What is lost, what changes who gets in first.
pub(super) fn losses(service: &Service, servable: &Servable, machine: Protections) -> Vec<Loss> {
    let mut losses = Losses(Vec::new());
    access(service, servable, machine, &mut losses);
    let logging = &service.logging;
    if let Some(rate) = service.limits.rate {
        losses.lose(format!(
            "cps: clients are started as fast as they come, not {} in a second",
            rate.max
        ));
    }
    if service.limits.load.is_some() {
        losses.lose("max_load: clients are let in however busy the machine is");
    }
    losses.lose(match is_template(servable) {
        true => {
            "log_on_success, log_on_failure: no START, EXIT and FAIL lines, as fail2ban reads them; \
             systemd logs the start of each instance with its address"
        }
        false => {
            "log_on_success, log_on_failure: no START, EXIT and FAIL lines; systemd logs starts alone"
        }
    });
    if let LogTarget::File { path, .. } = &logging.target {
        let path = path.to_text();
        losses.lose(format!("log_type: nothing is written to {path} any more"));
    }
    let banners = &service.banners;
    if banners.always.is_some() || banners.success.is_some() || banners.failure.is_some() {
        losses.lose("banner, banner_success, banner_fail: clients do not see them");
    }
    if logging.success.userid || logging.failure.userid {
        losses.lose("USERID: no ident server is asked for the client's user");
    }
    let credentials = &servable.credentials;
    if !credentials.supplementary && !is_root(&credentials.user) {
        losses.lose(
            "groups = no: the server has the supplementary groups of its user, as systemd always gives \
             them",
        );
    }
    if service.environment.pass.is_none() && is_template(servable) {
        losses.lose("the server has REMOTE_ADDR and REMOTE_PORT, and no REMOTE_HOST");
    }
    if is_dual(servable) && is_template(servable) {
        losses.lose(
            "the server has IPv4 clients on an IPv6 socket, with addresses like ::ffff:192.0.2.1",
        );
    }
    losses.0
}

/// Whether its socket is an IPv6 one that has IPv4 clients.
fn is_dual(servable: &Servable) -> bool {
    matches!(
        servable.door,
        Door::Port {
            family: Family::Any | Family::V6,
            ..
        }
    )
}

/// What changes who gets in.
fn access(service: &Service, servable: &Servable, machine: Protections, losses: &mut Losses) {
    let lists = PacketLists::new(&service.access, is_dual(servable));
    if !lists.is_empty() {
        match machine.filters {
            false => losses.open(
                "only_from, no_access: systemd may not filter packets in a container; all clients get in",
            ),
            true => losses.lose(
                "only_from, no_access: IPAddressAllow= and IPAddressDeny= drop packets; a client that is \
                 refused waits in vain, and nothing is logged",
            ),
        }
    }
    if lists.denies_names {
        losses.open("no_access: the hosts that it has by name get in");
    }
    if lists.allows_names && machine.filters {
        losses.open("only_from: the hosts that it has by name are kept out");
    }
    if !service.access_times.is_empty() {
        losses.open("access_times: clients get in at any time");
    }
    if machine.has_wrappers && service.libwrap_daemon().is_some() {
        losses.open("hosts.allow, hosts.deny: they are not asked");
    }
    match machine.has_bans {
        true => losses.open("bans: hosts that are banned get in"),
        false => losses.lose(
            "bans: hosts that sensors or `xinetdctl bans add` ban later on get in all the same",
        ),
    }
    if service.flags.idonly && service.logging.success.userid {
        losses.open("IDONLY: clients that no ident server knows get in");
    }
}

/// Losses as they are found.
struct Losses(Vec<Loss>);

impl Losses {
    fn lose(&mut self, what: impl Into<String>) {
        self.add(what.into(), false);
    }

    /// Adds what changes who gets in.
    fn open(&mut self, what: impl Into<String>) {
        self.add(what.into(), true);
    }

    fn add(&mut self, what: String, changes_access: bool) {
        self.0.push(Loss {
            what,
            changes_access,
        });
    }
}

/// The program that systemd can run for a service.
fn program<'a>(service: &Service, servable: &'a Servable) -> Result<&'a Program, String> {
    let what = match &service.serving {
        Serving::Internal(_) => "an internal service is served by the helper itself",
        Serving::Redirect { .. } => {
            "redirect is done by the helper; systemd-socket-proxyd(8) is the next thing to it"
        }
        Serving::Sensor(_) => "a sensor is the helper's own",
        Serving::Program(_) if servable.rpc.is_some() => {
            "the helper registers RPC services with rpcbind"
        }
        Serving::Program(_) if matches!(servable.door, Door::Mux(_)) => {
            "its clients come from tcpmux, which is the helper's own"
        }
        Serving::Program(_) => "",
    };
    if !what.is_empty() {
        return Err(what.to_owned());
    }
    let program = servable.task.program();
    let program = program.ok_or("it runs no program")?;
    let path = &program.path;
    let is_path = Plain::path(path.as_path()).is_some() && !path.as_bytes().contains(&b'$');
    match is_path {
        true => Ok(program),
        false => Err(format!("no unit can hold the path {}", path.to_text())),
    }
}

/// `User=` and `Group=`, where the server is not simply root's.
fn account(servable: &Servable) -> Result<Vec<Directive>, String> {
    let credentials = &servable.credentials;
    let value = |principal: &Principal| match principal {
        Principal::Id(id) => Ok(Value::Number((*id).into())),
        Principal::Name(name) => name_of(name),
    };
    let group = match (&credentials.group, &credentials.user) {
        (Some(group), _) => Some(value(group)?),
        (None, _) if is_root(&credentials.user) => None,
        // xinetd's group of a user by number.
        (None, Principal::Id(id)) => Some(Value::Number((*id).into())),
        (None, Principal::Name(_)) => None,
    };
    let mut account = Vec::new();
    if !is_root(&credentials.user) {
        account.push(Directive::new("User", value(&credentials.user)?));
    }
    account.extend(group.map(|group| Directive::new("Group", group)));
    Ok(account)
}

fn name_of(name: &ByteString) -> Result<Value, String> {
    let plain = Plain::new(name.as_bytes()).map(Value::Plain);
    plain.ok_or_else(|| format!("no unit can hold the name {}", name.to_text()))
}

/// `rlimit_*`.
fn limits(service: &Service) -> Vec<Directive> {
    let limits = &service.resource_limits;
    let rows = [
        ("LimitNOFILE", limits.files),
        ("LimitAS", limits.address_space),
        ("LimitCPU", limits.cpu),
        ("LimitDATA", limits.data),
        ("LimitRSS", limits.rss),
        ("LimitSTACK", limits.stack),
    ];
    let directive = |(key, limit): (_, Option<Rlimit>)| {
        let value = match limit? {
            Rlimit::Unlimited => Value::Literal("infinity"),
            Rlimit::AtMost(most) => {
                i64::try_from(most).map_or(Value::Literal("infinity"), Value::Number)
            }
        };
        Some(Directive::new(key, value))
    };
    rows.into_iter().filter_map(directive).collect()
}

fn literal(key: &'static str, value: &'static str) -> Directive {
    Directive::new(key, Value::Literal(value))
}
