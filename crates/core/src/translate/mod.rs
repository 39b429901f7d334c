//! Services in, units and specs out.

mod account;
mod daemon;
mod eject;
mod escape;
mod fate;
mod log_files;
mod mux;
mod name;
mod plain;
mod problems;
mod report;
mod rpc;
mod sandbox;
mod servable;
mod service;
mod socket;
mod spec;
mod surroundings;
mod unit;

#[cfg(test)]
mod tests;

pub use daemon::{Daemon, SCRIPT};
pub use eject::{Ejection, Form, Loss, Machine, eject, ejected_files};
pub use log_files::PATH as LOG_FILES;
pub use name::{ExistingUnits, Native};
pub use report::{AttributeReport, Fate, ServiceReport, Standing};
pub use sandbox::Confinement;
pub use servable::{Obstacle, Reason};
pub use socket::PACKET_LISTS;
pub use surroundings::{SpecDirectory, Surroundings, runtime_directory};

use std::path::{Path, PathBuf};

use self::mux::Switchboard;
use self::name::{Choice, Names, UnitName};
use self::problems::Problems;
use self::servable::{Door, Servable};
use self::unit::{Directive, GENERATED, Plain, Value};
use crate::catch::{Step, contained};
use crate::config::{Attribute, Configuration};
use crate::parallel::in_halves;
use crate::problem::Problem;
use crate::service::{Port, Reach, Service, SocketType};
use crate::spec::Task;

/// Where xinetd.target lies, which is installed beside the programs.
const UNITDIR: &str = match option_env!("XINETD_BRIDGE_UNITDIR") {
    Some(path) => path,
    None => "/usr/lib/systemd/system",
};

/// The file that the generator writes last of all, beside the specs: that the units are complete.
pub const STAMP: &str = "changed";

/// Its name once xinetd-reconcile has seen it.
pub const SEEN: &str = "seen";

/// What xinetd-reconcile has applied the last time.
pub const APPLIED: &str = "/run/xinetd-reconcile/applied.toml";

/// What the generator has to write and to say.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// The services, in the order of the files.
    pub services: Vec<TranslatedService>,
    /// Files that are no service's own.
    pub files: Vec<File>,
    /// Links that serve all services together.
    pub links: Vec<Link>,
    /// What is worth saying about the translation itself.
    pub problems: Vec<Problem>,
}

/// One service: its files, and what becomes of it.
#[derive(Clone, Debug)]
pub struct TranslatedService {
    /// For reports.
    pub report: ServiceReport,
    /// Its files, in the order in which they are to be written.
    pub files: Vec<File>,
    /// The links to them, to be made when all files are there.
    pub links: Vec<Link>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, relative to the output directory.
    pub path: PathBuf,
    /// What stands in it.
    pub content: Vec<u8>,
    /// Whether root alone may read it.
    pub private: bool,
}

/// A symbolic link to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its path, relative to the output directory.
    pub path: PathBuf,
    /// What it points to.
    pub target: PathBuf,
}

/// The units and specs of a configuration.
pub fn translate(configuration: &Configuration, surroundings: &Surroundings) -> Translation {
    let mut problems = Problems::default();
    let (prepared, switchboard) = prepare(configuration, surroundings);
    let has_name = |prepared: &Prepared<'_>| match &prepared.choice {
        Choice::Ours { unit, .. } => unit.as_str() == daemon::UNIT,
        Choice::Native { .. } | Choice::TooLong => false,
    };
    // A service of that name has it.
    let daemon = match surroundings.daemon {
        Daemon::Unclaimed if prepared.iter().any(has_name) => Daemon::Other,
        daemon => daemon,
    };
    let halves = in_halves(&prepared, |prepared| {
        translate_services(prepared, surroundings, &switchboard)
    });
    let mut services = Vec::with_capacity(prepared.len());
    for (translated, found) in halves {
        services.extend(translated);
        problems.append(found);
    }
    let served = configuration.services.iter().zip(&services);
    let served = served.filter(|(_, translated)| !translated.files.is_empty());
    let log_files = log_files::drop_in(served.map(|(service, _)| service));
    problems.startup(configuration, &surroundings.startup);
    let is_enabled = |service: &TranslatedService| {
        matches!(
            service.report.standing,
            Standing::Served { enabled: true, .. }
        )
    };
    let mut files = daemon.files();
    files.extend(log_files);
    // Where real xinetd starts at boot, its ports are left to it.
    let is_ours = surroundings.startup.real().is_none() && daemon.starts_at_boot();
    let is_started = is_ours && services.iter().any(is_enabled);
    let target = Link {
        path: "sockets.target.wants/xinetd.target".into(),
        target: Path::new(UNITDIR).join("xinetd.target"),
    };
    Translation {
        files,
        links: is_started.then_some(target).into_iter().collect(),
        services,
        problems: problems.finish(),
    }
}

/// All services with their names, and which of them lead to which.
fn prepare<'a>(
    configuration: &'a Configuration,
    surroundings: &Surroundings,
) -> (Vec<Prepared<'a>>, Switchboard) {
    let mut names = Names::new(&surroundings.existing);
    let rpc_ports = rpc::ports(&configuration.services);
    let mut prepared: Vec<_> = configuration
        .services
        .iter()
        .zip(rpc_ports)
        .map(|(service, rpc_port)| {
            let prepared = contained(Step::Prepare, service.id.as_bytes(), || {
                Prepared::new(service, rpc_port, surroundings, &mut names)
            });
            prepared.unwrap_or_else(|| Prepared::lost(service))
        })
        .collect();
    let mut switchboard = Switchboard::default();
    for prepared in &mut prepared {
        if let Ok(servable) = &prepared.servable {
            switchboard.note(prepared.service, servable);
        }
        if let (Choice::Ours { unit, .. }, Ok(servable)) = (&prepared.choice, &prepared.servable)
            && !switchboard.add(prepared.service, servable, unit)
        {
            let obstacle = Obstacle::of(prepared.service, Attribute::Type, Reason::TooManyTcpmux);
            prepared.servable = Err(vec![obstacle]);
        }
    }
    (prepared, switchboard)
}

/// A service, its name, and whether it can be served.
struct Prepared<'a> {
    service: &'a Service,
    choice: Choice,
    servable: Result<Servable, Vec<Obstacle>>,
}

impl<'a> Prepared<'a> {
    fn new(
        service: &'a Service,
        rpc_port: Option<Port>,
        surroundings: &Surroundings,
        names: &mut Names<'_>,
    ) -> Self {
        let options = surroundings
            .startup
            .options()
            .service(&service.id.to_text());
        let mut servable = servable::servable(service, options, &surroundings.bans, rpc_port);
        let port = match &service.reach {
            Reach::Listen(listen) => Some(listen.port),
            Reach::Rpc(..) | Reach::Mux(_) => None,
        };
        // Services that are not served keep their names: those of others will not change when
        // they are.
        let choice = names.choose(service.id.as_bytes(), port);
        let fits = |unit: &UnitName| match service.reach {
            Reach::Listen(_) => true,
            Reach::Mux(_) => mux::has_socket(unit),
            Reach::Rpc(..) => rpc::has_unit(unit),
        };
        if let Choice::Ours { unit, .. } = &choice
            && !fits(unit)
        {
            servable = Err(vec![Obstacle::of(
                service,
                Attribute::Id,
                Reason::NameTooLong,
            )]);
        }
        Self {
            service,
            choice,
            servable,
        }
    }

    /// One that can't be served for a fault of this program.
    fn lost(service: &'a Service) -> Self {
        Self {
            service,
            choice: Choice::TooLong,
            servable: Err(vec![Obstacle::internal(service)]),
        }
    }
}

fn translate_services(
    prepared: &[Prepared<'_>],
    surroundings: &Surroundings,
    switchboard: &Switchboard,
) -> (Vec<TranslatedService>, Problems) {
    let mut problems = Problems::default();
    let translate = |prepared: &Prepared<'_>| {
        let service = prepared.service;
        let translated = contained(Step::Translate, service.id.as_bytes(), || {
            translate_service(prepared, surroundings, switchboard, &mut problems)
        });
        translated.unwrap_or_else(|| lost(service, &mut problems))
    };
    (prepared.iter().map(translate).collect(), problems)
}

fn translate_service(
    prepared: &Prepared<'_>,
    surroundings: &Surroundings,
    switchboard: &Switchboard,
    problems: &mut Problems,
) -> TranslatedService {
    let Prepared {
        service,
        choice,
        servable,
    } = prepared;
    let mut files = Vec::new();
    let mut links = Vec::new();
    let standing = match (choice, servable) {
        (Choice::Native { unit, path, native }, _) => {
            problems.native(service, unit, path, *native);
            Standing::Native {
                unit: unit.to_string(),
                path: path.clone(),
                native: *native,
            }
        }
        (_, Err(obstacles)) => Standing::NotServed(obstacles.clone()),
        (Choice::TooLong, Ok(_)) => Standing::NotServed(vec![Obstacle::of(
            service,
            Attribute::Id,
            Reason::NameTooLong,
        )]),
        (Choice::Ours { unit, instead_of }, Ok(servable)) => {
            if let Some(path) = instead_of {
                problems.renamed(service, unit, path);
            }
            if matches!(servable.task, Task::Wait(_)) && service.socket_type == SocketType::Stream {
                problems.unknown_names(service);
            }
            if matches!(servable.door, Door::Mux(_)) && switchboard.is_dead() {
                problems.unreachable(service);
            }
            match files_of(service, servable, unit, switchboard, surroundings) {
                Ok(made) => {
                    files = made;
                    links.extend(servable.rpc.is_some().then(|| rpc::link(unit)));
                    links.extend(service.enabled.then(|| Link {
                        path: format!("xinetd.target.wants/{unit}.socket").into(),
                        target: format!("../{unit}.socket").into(),
                    }));
                    Standing::Served {
                        unit: unit.to_string(),
                        enabled: service.enabled,
                        port: match &servable.door {
                            Door::Port { port, .. } => Some(*port),
                            Door::Mux(_) => None,
                        },
                    }
                }
                Err(error) => Standing::NotServed(vec![Obstacle::of(
                    service,
                    Attribute::Id,
                    Reason::Spec(error.to_string()),
                )]),
            }
        }
    };
    let report = report(service, standing, has_targets(service, surroundings));
    problems.report(service, &report);
    TranslatedService {
        report,
        files,
        links,
    }
}

/// A service that can't be translated for a fault of this program; nothing that may have caused it
/// is done again.
fn lost(service: &Service, problems: &mut Problems) -> TranslatedService {
    let report = ServiceReport {
        id: service.id.clone(),
        place: service.place.clone(),
        standing: Standing::NotServed(vec![Obstacle::internal(service)]),
        attributes: Vec::new(),
    };
    problems.report(service, &report);
    TranslatedService {
        report,
        files: Vec::new(),
        links: Vec::new(),
    }
}

/// The files of a service that is served. The socket comes last: a program that finds it finds all.
fn files_of(
    service: &Service,
    servable: &Servable,
    unit: &UnitName,
    switchboard: &Switchboard,
    surroundings: &Surroundings,
) -> Result<Vec<File>, toml::ser::Error> {
    let spec = toml::to_string(&spec::spec(service, servable, switchboard))?;
    let file = |path: String, content: String, private| File {
        path: path.into(),
        content: content.into_bytes(),
        private,
    };
    let Surroundings {
        specs, confinement, ..
    } = surroundings;
    let service_unit = service::service(service, servable, unit, specs, *confinement).text();
    // For administrators who type what they type for any other unit, and read it when it did not help.
    let id = escape::prose(service.id.as_bytes());
    let head = format!(
        "{GENERATED}# `systemctl disable` has no effect on it: `xinetdctl disable {id}` switches the service \
         off,\n# and `systemctl mask {unit}.socket` keeps it closed whatever its file says.\n"
    );
    let socket_unit = socket::socket(service, servable, unit).text_below(&head);
    let rpc_unit = rpc::unit(service, servable, unit)
        .map(|text| file(rpc::unit_name(unit), text.text(), false));
    let files = [
        // It may hold passwords (env, server_args), as the configuration file of mode 0600 may.
        file(
            format!("{}/{}.toml", SpecDirectory::NAME, unit.simple()),
            spec,
            true,
        ),
        file(format!("{unit}.service"), service_unit, false),
    ];
    let socket = file(format!("{unit}.socket"), socket_unit, false);
    Ok(files.into_iter().chain(rpc_unit).chain([socket]).collect())
}

/// What both units of a service begin with.
fn unit_section(service: &Service) -> Vec<Directive> {
    let mut description = service.id.as_bytes().to_vec();
    description.extend_from_slice(b" (xinetd service)");
    let mut head = vec![
        Directive::new("Description", Value::Prose(description)),
        Directive::new("Documentation", Value::Literal("man:xinetdctl(8)")),
    ];
    // `systemctl status` shows it, and says when it has changed. A name that no unit can hold is
    // in the spec alone.
    let source = Plain::path(&Path::new("/").join(&service.place.file));
    head.extend(source.map(|path| Directive::new("SourcePath", Value::Plain(path))));
    head
}

/// Whether /etc/xinetd-bridge.toml says where the service redirects to.
fn has_targets(service: &Service, surroundings: &Surroundings) -> bool {
    let options = surroundings.startup.options();
    let options = options.service(&service.id.to_text());
    let redirect = options.and_then(|options| options.redirect.as_ref());
    redirect.is_some_and(|redirect| !redirect.targets.is_empty())
}

/// What becomes of a service and of its attributes; `has_targets`: `redirect` says that it redirects, and not
/// where to.
fn report(service: &Service, standing: Standing, has_targets: bool) -> ServiceReport {
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
            _ => fate::fates(written.attribute, service, obstacles),
        },
    });
    ServiceReport {
        id: service.id.clone(),
        place: service.place.clone(),
        attributes: attributes.collect(),
        standing,
    }
}
