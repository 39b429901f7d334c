//! The way out: units of a service that need neither its file nor the generator.
//!
//! They have the names of the generated ones, whose place they take: systemd goes on with the sockets,
//! helpers and sessions that it has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::name::Choice;
use super::output::{GeneratedFile, GeneratedLink};
use super::plain;
use super::prepare::{Prepared, prepare};
use super::servable::Servable;
use super::surroundings::{SpecDirectory, Surroundings};
use super::unit::{Directive, UnitFile, Value};
use super::unit_name::{UnitName, rpc_unit, simple};
use super::{log_files, rpc, service, socket, spec};
use crate::bytes::ByteString;
use crate::config::Configuration;
use crate::installed::ejected::{LOG_FILES, MARK, UNITS};
use crate::service::Service;

/// What serves an ejected service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The helper, as before.
    Helper,
    /// systemd alone.
    Plain(Protections),
}

/// What of a machine systemd alone does not replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protections {
    /// hosts.allow or hosts.deny has rules.
    pub has_wrappers: bool,
    /// Clients are banned from all services, or there are sensors to ban them.
    pub has_bans: bool,
    /// systemd may filter packets, as far as can be known: in containers it may not.
    pub filters: bool,
}

/// A service, ejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// Its id.
    pub id: ByteString,
    /// Its units, without suffix.
    pub unit: String,
    /// Its files, in the order in which they are to be written; paths are relative to the root.
    pub files: Vec<GeneratedFile>,
    /// The links to be made when they are there: what `systemctl enable` makes.
    pub links: Vec<GeneratedLink>,
    /// What is lost.
    pub losses: Vec<Loss>,
}

/// Something that an ejected service no longer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What, with its consequence: a sentence without a full stop.
    pub what: String,
    /// Whether it lets in clients that were refused, or refuses some that were let in.
    pub changes_access: bool,
}

/// What the files begin with.
const HEAD: &str = "\
# Made once by `xinetdctl eject`, and yours from then on: neither xinetd's files
# nor the generator change it.
";

/// What ties a generated unit to the bridge.
const TIES: &[(&str, Option<&str>)] = &[
    ("Documentation", None),
    ("SourcePath", None),
    ("PartOf", Some("xinetd.target")),
    ("Wants", Some("xinetd-reconcile.path")),
    ("OnFailure", Some("xinetd-reconcile.timer")),
];

/// The units of the services with these units, in the order of the files.
///
/// # Errors
/// For a service that can't be ejected so, why not: a sentence without a full stop.
pub fn eject(
    configuration: &Configuration,
    surroundings: &Surroundings,
    units: &BTreeSet<&str>,
    form: Form,
) -> Vec<Result<Ejection, String>> {
    let surroundings = Surroundings {
        specs: SpecDirectory::ejected(),
        ..surroundings.clone()
    };
    let (prepared, switchboard) = prepare(configuration, &surroundings);
    let ejection = |prepared: &Prepared<'_>| {
        let (Choice::Ours { unit, .. }, Ok(servable)) = (&prepared.choice, &prepared.servable)
        else {
            return None;
        };
        let subject = EjectedService {
            service: prepared.service,
            servable,
            unit,
        };
        units.contains(unit.as_str()).then(|| match form {
            Form::Helper => {
                let spec = spec::spec(prepared.service, servable, &switchboard);
                let spec = toml::to_string(&spec).map_err(|error| error.to_string())?;
                Ok(subject.with_helper(spec, &surroundings))
            }
            Form::Plain(machine) => {
                let id = prepared.service.id.to_text();
                subject
                    .plain(machine)
                    .map_err(|why| format!("{id} can't do without the helper: {why}"))
            }
        })
    };
    prepared.iter().filter_map(ejection).collect()
}

/// Where the files of an ejected service may lie, by its unit without suffix: relative to the root.
pub fn ejected_files(unit: &str) -> Vec<PathBuf> {
    let log_files = format!(
        "xinetd-coordinator.service.d/{LOG_FILES}{}.conf",
        simple(unit)
    );
    let names = [
        format!("{unit}.socket"),
        format!("{unit}.service"),
        format!("{unit}@.service"),
        format!("xinetd-rpc@{unit}.service"),
        log_files,
    ];
    let units = names.iter().map(|name| Path::new(UNITS).join(name));
    let spec = SpecDirectory::ejected().spec(unit);
    units.chain([spec]).map(|path| relative(&path)).collect()
}

/// A service that is ejected.
struct EjectedService<'a> {
    service: &'a Service,
    servable: &'a Servable,
    unit: &'a UnitName,
}

impl EjectedService<'_> {
    fn with_helper(&self, spec: String, surroundings: &Surroundings) -> Ejection {
        let Self {
            service,
            servable,
            unit,
        } = *self;
        let specs = &surroundings.specs;
        let mut files = vec![GeneratedFile {
            path: relative(&specs.spec(unit.as_str())),
            content: spec.into_bytes(),
            private: true,
        }];
        let mut links = Vec::new();
        if let Some(drop_in) = log_files::unit(std::iter::once(service)) {
            let name = format!("{LOG_FILES}{}.conf", unit.simple());
            let name = format!("xinetd-coordinator.service.d/{name}");
            files.push(file(&name, drop_in));
        }
        if let Some(mut rpc) = rpc::unit(service, servable, unit) {
            let name = rpc_unit(unit.as_str());
            install(&mut rpc, "rpcbind.service");
            files.push(file(&name, rpc));
            links.push(link("rpcbind.service", &name));
        }
        let helper = service::service(service, servable, unit, specs, surroundings.confinement);
        files.push(file(&format!("{unit}.service"), helper));
        self.with_socket(socket::socket(service, servable, unit), files, links)
    }

    fn plain(&self, machine: Protections) -> Result<Ejection, String> {
        let Self {
            service,
            servable,
            unit,
        } = *self;
        let server = plain::service(service, servable)?;
        let name = match plain::is_template(servable) {
            true => format!("{unit}@.service"),
            false => format!("{unit}.service"),
        };
        let mut socket = socket::socket(service, servable, unit);
        plain::adapt(&mut socket, service, servable, machine)?;
        let mut ejection = self.with_socket(socket, vec![file(&name, server)], Vec::new());
        ejection.losses = plain::losses(service, servable, machine);
        Ok(ejection)
    }

    /// The socket comes last, and what starts it at boot.
    fn with_socket(
        &self,
        mut socket: UnitFile,
        mut files: Vec<GeneratedFile>,
        mut links: Vec<GeneratedLink>,
    ) -> Ejection {
        let id = &self.service.id;
        let name = format!("{}.socket", self.unit);
        if let Some((_, head)) = socket.sections.first_mut() {
            head.push(Directive::new(MARK, Value::Prose(id.as_bytes().to_vec())));
        }
        install(&mut socket, "sockets.target");
        files.push(file(&name, socket));
        links.push(link("sockets.target", &name));
        Ejection {
            id: id.clone(),
            unit: self.unit.to_string(),
            files,
            links,
            losses: Vec::new(),
        }
    }
}

/// A unit below /etc/systemd/system, or a drop-in for one.
fn file(name: &str, mut unit: UnitFile) -> GeneratedFile {
    unit.without(TIES);
    GeneratedFile {
        path: relative(&Path::new(UNITS).join(name)),
        content: unit.text_below(HEAD).into_bytes(),
        private: false,
    }
}

fn relative(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}

fn install(unit: &mut UnitFile, wanted_by: &'static str) {
    let wanted_by = Directive::new("WantedBy", Value::Literal(wanted_by));
    unit.sections.push(("Install", vec![wanted_by]));
}

/// What `systemctl enable` makes of that.
fn link(wanted_by: &str, name: &str) -> GeneratedLink {
    let units = Path::new(UNITS);
    GeneratedLink {
        path: relative(&units.join(format!("{wanted_by}.wants")).join(name)),
        target: units.join(name),
    }
}
