//! The files, links and report of each service.

use std::path::Path;

use super::daemon::{self, Daemon};
use super::fate::report;
use super::log_files;
use super::mux::Switchboard;
use super::name::Choice;
use super::obstacle::{Obstacle, Reason};
use super::output::{GeneratedFile, GeneratedLink, TranslatedService, Translation};
use super::prepare::{Prepared, prepare};
use super::problems::Problems;
use super::report::{ServiceReport, Standing};
use super::servable::{Door, Servable};
use super::surroundings::{SpecDirectory, Surroundings};
use super::unit::GENERATED;
use super::unit_name::{UnitName, rpc_unit};
use super::{escape, rpc, service, socket, spec};
use crate::catch::{TranslationStep, contained};
use crate::config::{Attribute, Configuration};
use crate::parallel::in_halves;
use crate::service::{Service, SocketType};
use crate::spec::Task;

/// Where xinetd.target lies, which is installed beside the programs.
const UNITDIR: &str = match option_env!("XINETD_BRIDGE_UNITDIR") {
    Some(path) => path,
    None => "/usr/lib/systemd/system",
};

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
    let target = GeneratedLink {
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

fn translate_services(
    prepared: &[Prepared<'_>],
    surroundings: &Surroundings,
    switchboard: &Switchboard,
) -> (Vec<TranslatedService>, Problems) {
    let mut problems = Problems::default();
    let translate = |prepared: &Prepared<'_>| {
        let service = prepared.service;
        let translated = contained(TranslationStep::Translate, service.id.as_bytes(), || {
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
                    links.extend(service.enabled.then(|| GeneratedLink {
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
    let report = report(service, standing, &surroundings.startup);
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
) -> Result<Vec<GeneratedFile>, toml::ser::Error> {
    let spec = toml::to_string(&spec::spec(service, servable, switchboard))?;
    let file = |path: String, content: String, private| GeneratedFile {
        path: path.into(),
        content: content.into_bytes(),
        private,
    };
    let Surroundings {
        specs, confinement, ..
    } = surroundings;
    let service_unit = service::service(service, servable, unit, specs, *confinement).text();
    // Administrators type systemctl disable, as for any other unit, and read the unit when it did not help.
    let id = escape::prose(service.id.as_bytes());
    let head = format!(
        "{GENERATED}# `systemctl disable` has no effect on it: `xinetdctl disable {id}` switches the service \
         off,\n# and `systemctl mask {unit}.socket` keeps it closed whatever its file says.\n"
    );
    let socket_unit = socket::socket(service, servable, unit).text_below(&head);
    let rpc_unit = rpc::unit(service, servable, unit)
        .map(|text| file(rpc_unit(unit.as_str()), text.text(), false));
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
