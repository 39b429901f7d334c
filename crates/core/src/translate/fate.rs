//! What becomes of an attribute: one row for each, so that none is forgotten.

use super::account::is_root;
use super::name::Native;
use super::obstacle::{Obstacle, Reason};
use super::report::{AttributeReport, Fate, ServiceReport, Standing};
use super::servable::is_tcpmux;
use super::service::nice;
use crate::config::Attribute;
use crate::service::{Limit, LogTarget, Reach, Service, Serving, SocketType};
use crate::startup::Startup;

/// What becomes of a service and of its attributes.
pub(super) fn report(service: &Service, standing: Standing, startup: &Startup) -> ServiceReport {
    let has_targets = has_targets(service, startup);
    let obstacles = match &standing {
        Standing::NotServed(obstacles) => obstacles.as_slice(),
        Standing::Served { .. } | Standing::Native { .. } => &[],
    };
    let attributes = service.attributes.iter().map(|written| AttributeReport {
        attribute: written.attribute,
        place: written.place.clone(),
        from_defaults: written.from_defaults,
        text: written.text.clone(),
        fates: match &standing {
            Standing::Native { native, .. } => vec![Fate::NoEffect {
                why: match native {
                    Native::Own | Native::Copy => {
                        "a unit of the administrator has the service's name"
                    }
                    Native::Mask => "the service's unit is masked",
                    Native::Ejected => "the service was ejected to units of its own",
                },
            }],
            Standing::Served { .. } if written.attribute == Attribute::Redirect && has_targets => {
                vec![Fate::Helper {
                    what: "passes the bytes of the client on, but to the targets of /etc/xinetd-bridge.toml",
                }]
            }
            _ => fates(written.attribute, service, obstacles),
        },
    });
    ServiceReport {
        id: service.id.clone(),
        place: service.place.clone(),
        attributes: attributes.collect(),
        standing,
    }
}

/// Whether /etc/xinetd-bridge.toml says where the service redirects to.
fn has_targets(service: &Service, startup: &Startup) -> bool {
    let options = startup.options();
    let options = options.service(&service.id.to_text());
    let redirect = options.and_then(|options| options.redirect.as_ref());
    redirect.is_some_and(|redirect| !redirect.targets.is_empty())
}

/// What becomes of an attribute of a service with these obstacles: one answer for each thing
/// that the attribute says, at least one.
pub(super) fn fates(attribute: Attribute, service: &Service, obstacles: &[Obstacle]) -> Vec<Fate> {
    let mine = |obstacle: &&Obstacle| obstacle.attribute == Some(attribute);
    let blocked = obstacles
        .iter()
        .filter(mine)
        .map(|obstacle| not_served(&obstacle.reason));
    let mut fates: Vec<Fate> = blocked.collect();
    match attribute {
        Attribute::Flags => flags(service, &mut fates),
        Attribute::Banner | Attribute::BannerSuccess | Attribute::BannerFail if waits(service) => {
            fates.push(Fate::NoEffect {
                why: "with wait = yes the client that it is for has not been accepted",
            });
        }
        Attribute::LogOnSuccess => {
            fates.push(helper(match service.logging.success.traffic {
                true => "writes the START, TRAFFIC and EXIT lines",
                false => "writes the START and EXIT lines",
            }));
            let identifies = service.logging.success.userid && !waits(service);
            fates.extend(identifies.then(|| helper("asks the client's machine for its user")));
        }
        Attribute::LogOnFailure => {
            fates.push(helper("writes the FAIL lines"));
            let identifies = service.logging.failure.userid && !waits(service);
            fates.extend(identifies.then(|| helper("asks the client's machine for its user")));
        }
        _ if fates.is_empty() => fates.push(fate(attribute, service)),
        _ => {}
    }
    fates
}

/// The rows of the attributes that say one thing.
fn fate(attribute: Attribute, service: &Service) -> Fate {
    match attribute {
        Attribute::Id => generator("names the units"),
        Attribute::Type if matches!(service.reach, Reach::Mux(_)) => {
            helper("takes the clients that the tcpmux service hands on")
        }
        Attribute::Type if is_tcpmux(service) => {
            helper("hands each client to the helper of the service that it names")
        }
        Attribute::Type if matches!(service.serving, Serving::Internal(_)) => {
            helper("serves it without a process")
        }
        Attribute::Type if matches!(service.reach, Reach::Rpc(..)) => {
            generator("chooses a port where none is given, and has it registered with rpcbind")
        }
        Attribute::Type => generator("decides how the port is found"),
        Attribute::Disable | Attribute::Enabled | Attribute::Disabled => {
            generator("decides whether xinetd.target starts the socket")
        }
        Attribute::Port | Attribute::Bind | Attribute::V6only | Attribute::Wait
            if matches!(service.reach, Reach::Mux(_)) =>
        {
            Fate::NoEffect {
                why: "clients come through the tcpmux service",
            }
        }
        Attribute::SocketType | Attribute::Protocol | Attribute::Port
            if service.socket_type == SocketType::Dgram =>
        {
            unit("ListenDatagram=")
        }
        Attribute::SocketType | Attribute::Protocol | Attribute::Port => unit("ListenStream="),
        Attribute::Wait if waits(service) => helper("gives the server the service's own socket"),
        Attribute::Wait => unit("Accept="),
        Attribute::Bind if service.socket_type == SocketType::Dgram => {
            unit("ListenDatagram=, FreeBind=")
        }
        Attribute::Bind => unit("ListenStream=, FreeBind="),
        Attribute::V6only => unit("BindIPv6Only="),
        Attribute::User if is_tcpmux(service) && is_root_of(service) => Fate::NoEffect {
            why: "it needs no rights, and runs as a user that owns nothing",
        },
        Attribute::User => helper("looks the user up, and runs the server as that user"),
        Attribute::Group => helper("looks the group up, and runs the server in that group"),
        Attribute::Groups => {
            helper("gives the server the supplementary groups of its user, or none")
        }
        Attribute::OnlyFrom | Attribute::NoAccess
            if matches!(service.serving, Serving::Sensor(_)) =>
        {
            Fate::NoEffect {
                why: "a sensor bans each client that comes, in xinetd too",
            }
        }
        Attribute::Server
        | Attribute::ServerArgs
        | Attribute::Env
        | Attribute::Passenv
        | Attribute::RlimitAs
        | Attribute::RlimitCpu
        | Attribute::RlimitData
        | Attribute::RlimitRss
        | Attribute::RlimitStack
        | Attribute::RlimitFiles
            if !matches!(service.serving, Serving::Program(_)) =>
        {
            Fate::NoEffect {
                why: "the service executes no server",
            }
        }
        Attribute::Nice if nice(service).is_none() => Fate::NoEffect {
            why: "xinetd sets it after the change of user, so that a negative value needs root",
        },
        Attribute::Nice => unit("Nice="),
        Attribute::Umask => unit("UMask="),
        Attribute::Server => {
            helper("executes it; ConditionFileIsExecutable= of the socket asks for it")
        }
        Attribute::ServerArgs => helper("passes them to the server"),
        Attribute::Instances | Attribute::PerSource | Attribute::Cps | Attribute::MaxLoad
            if is_unlimited(attribute, service) =>
        {
            Fate::NoEffect {
                why: "with this value there is no limit",
            }
        }
        Attribute::OnlyFrom | Attribute::NoAccess
            if waits(service) && service.socket_type == SocketType::Stream =>
        {
            helper("has the kernel drop the packets of others, before the server accepts")
        }
        Attribute::Instances
        | Attribute::PerSource
        | Attribute::Cps
        | Attribute::MaxLoad
        | Attribute::AccessTimes
        | Attribute::OnlyFrom
        | Attribute::NoAccess => helper("refuses connections by it"),
        Attribute::Banner | Attribute::BannerSuccess | Attribute::BannerFail => {
            helper("sends it to the client, up to 1 MiB")
        }
        Attribute::Env | Attribute::Passenv => helper("sets the server's environment"),
        Attribute::RlimitAs
        | Attribute::RlimitCpu
        | Attribute::RlimitData
        | Attribute::RlimitRss
        | Attribute::RlimitStack
        | Attribute::RlimitFiles => helper("sets the server's limit"),
        Attribute::LogType => match &service.logging.target {
            LogTarget::File { .. } => {
                helper("writes the lines to this file, which the coordinator opens for it")
            }
            LogTarget::Unset | LogTarget::Syslog { .. } => {
                helper("gives the lines this facility and level in the journal")
            }
        },
        Attribute::Libwrap if service.libwrap_daemon().is_none() => Fate::NoEffect {
            why: "hosts.allow and hosts.deny are not asked for this service",
        },
        Attribute::Libwrap => helper("asks hosts.allow and hosts.deny about this daemon"),
        Attribute::RpcVersion | Attribute::RpcNumber if matches!(service.reach, Reach::Rpc(..)) => {
            generator("has the service registered with rpcbind")
        }
        Attribute::RpcVersion | Attribute::RpcNumber => Fate::NoEffect {
            why: "the service is no RPC service",
        },
        Attribute::DenyTime if is_sensor(service) && service.socket_type == SocketType::Dgram => {
            Fate::NoEffect {
                why: "no address is banned for a datagram, as its sender can be made up",
            }
        }
        Attribute::DenyTime if is_sensor(service) => helper("has its clients banned for so long"),
        Attribute::DenyTime => Fate::NoEffect {
            why: "the service is no sensor",
        },
        Attribute::Redirect if matches!(service.serving, Serving::Redirect { .. }) => {
            helper("passes the bytes of the client on")
        }
        Attribute::Redirect => Fate::NoEffect {
            why: "the service does not redirect",
        },
        Attribute::Mdns => Fate::NoEffect {
            why: "xinetd has no mdns either",
        },
        // Several things each, see fates().
        Attribute::Flags => Fate::NoEffect {
            why: "INTERCEPT has none on internal services and with wait = no",
        },
        Attribute::LogOnSuccess | Attribute::LogOnFailure => helper("writes the lines"),
    }
}

/// Adds what becomes of the flags that can be served.
fn flags(service: &Service, fates: &mut Vec<Fate>) {
    let flags = &service.flags;
    let option = |directive, what| match service.reach {
        Reach::Mux(_) => helper(what),
        Reach::Listen(_) | Reach::Rpc(..) => unit(directive),
    };
    let redirects = matches!(service.serving, Serving::Redirect { .. });
    let executes = matches!(service.serving, Serving::Program(_));
    let rows = [
        (
            flags.reuse,
            Fate::NoEffect {
                why: "systemd sets SO_REUSEADDR on each socket without REUSE too",
            },
        ),
        (
            flags.nameinargs && executes,
            helper("passes the first word of server_args as the server's argv[0]"),
        ),
        (
            flags.nameinargs && !executes,
            Fate::NoEffect {
                why: "the service executes no server",
            },
        ),
        (flags.family, fate(Attribute::Port, service)),
        (
            flags.disable,
            generator("decides whether xinetd.target starts the socket"),
        ),
        (
            is_sensor(service),
            helper(match service.socket_type {
                SocketType::Dgram => "logs each sender of a datagram",
                _ => "has each client that connects banned from all services",
            }),
        ),
        (
            flags.nodelay,
            option("NoDelay=", "has the kernel send small pieces at once"),
        ),
        (
            flags.keepalive,
            option(
                "KeepAlive=",
                "has the kernel ask a silent client whether it is there",
            ),
        ),
        (
            flags.keepalive && redirects,
            helper("has the kernel ask a silent backend whether it is there"),
        ),
        (
            flags.noretry,
            helper("does not try again when it can't start the server"),
        ),
        (
            flags.nolibwrap,
            helper("does not ask hosts.allow and hosts.deny"),
        ),
        (
            flags.idonly && service.logging.success.userid,
            helper("refuses a client that its ident server does not identify"),
        ),
        (
            flags.idonly && !service.logging.success.userid,
            Fate::NoEffect {
                why: "xinetd identifies no client unless log_on_success has USERID",
            },
        ),
    ];
    fates.extend(
        rows.into_iter()
            .filter(|(set, _)| *set)
            .map(|(_, fate)| fate),
    );
    if fates.is_empty() {
        fates.push(fate(Attribute::Flags, service));
    }
}

/// Whether the value of a limit is that there is none.
fn is_unlimited(attribute: Attribute, service: &Service) -> bool {
    let limits = &service.limits;
    match attribute {
        Attribute::Instances => limits.instances == Limit::Unlimited,
        Attribute::PerSource => limits.per_source == Limit::Unlimited,
        Attribute::Cps => limits.rate.is_none(),
        Attribute::MaxLoad => limits.load.is_none(),
        _ => false,
    }
}

/// Whether the server takes its clients itself.
fn waits(service: &Service) -> bool {
    service.wait && matches!(service.serving, Serving::Program(_))
}

fn is_sensor(service: &Service) -> bool {
    matches!(service.serving, Serving::Sensor(_))
}

fn is_root_of(service: &Service) -> bool {
    let credentials = service.credentials.as_ref();
    credentials.is_some_and(|credentials| is_root(&credentials.user))
}

fn unit(directives: &'static str) -> Fate {
    Fate::Unit { directives }
}

fn generator(what: &'static str) -> Fate {
    Fate::Generator { what }
}

fn helper(what: &'static str) -> Fate {
    Fate::Helper { what }
}

fn not_served(reason: &Reason) -> Fate {
    Fate::NotServed {
        why: reason.to_string(),
    }
}
