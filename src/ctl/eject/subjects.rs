//! Which services are ejected, and whether they can be.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use xinetd_core::bans::{TABLE, table};
use xinetd_core::config::{self, Configuration, Databases, DiskTree, FileTree};
use xinetd_core::installed::ejected::SPECS;
use xinetd_core::problem::{Place, printable};
use xinetd_core::service::{Internal, Reach, Serving};
use xinetd_core::spec::{Spec, Task};
use xinetd_core::startup::Startup;
use xinetd_core::translate::{
    self, Ejection, Form, Native, SpecDirectory, Standing, Surroundings, eject,
};

use super::super::machine::{Found, Machine};
use super::super::output::Failure;
use super::super::row::row;
use super::super::show::at;
use super::super::switch::edits::Edits;
use crate::accept::clock::Moment;

/// The services that are to be ejected.
pub(super) struct Subjects {
    configuration: Configuration,
    surroundings: Surroundings,
    /// Their units, without suffix.
    units: BTreeSet<String>,
    /// Units and places of those that are switched off in their files: all but lines of inetd.conf.
    blocks: Vec<(String, Place)>,
    /// Where they stand in inetd.conf, which knows no switch.
    inetd: Vec<Place>,
    has_wrappers: bool,
    has_bans: bool,
}

impl Subjects {
    /// The services with these ids, or all that are served if there are none.
    ///
    /// # Errors
    /// If one is not there, or is not served by generated units.
    pub(super) fn find(tree: &DiskTree, ids: &[String]) -> Result<Self, Failure> {
        let machine = Machine::of(tree)?;
        let mut found = Vec::new();
        for id in ids {
            let named = machine.find(id)?;
            named.iter().try_for_each(fits)?;
            found.extend(named);
        }
        if ids.is_empty() {
            found = machine
                .services()
                .filter(|found| fits(found).is_ok())
                .collect();
        }
        if found.is_empty() {
            let why = "no service is served; `xinetdctl list` says why";
            return Err(Failure::undone(why));
        }
        let units: BTreeSet<String> = found
            .iter()
            .filter_map(|found| found.unit().map(str::to_owned))
            .collect();
        together(&machine, &units)?;
        let startup = Startup::read(tree);
        let roots = startup.roots();
        let configuration = config::load(tree, roots, &Databases::read(tree));
        let inetd = roots.inetd.map(Path::to_owned);
        let is_line = |found: &Found<'_>| Some(&*found.service.place.file) == inetd.as_deref();
        let (lines, blocks): (Vec<_>, Vec<_>) = found.into_iter().partition(is_line);
        let place = |found: &Found<'_>| found.service.place.clone();
        let block = |found: &Found<'_>| Some((found.unit()?.to_owned(), place(found)));
        Ok(Self {
            configuration,
            blocks: blocks.iter().filter_map(block).collect(),
            units,
            inetd: lines.iter().map(place).collect(),
            has_wrappers: ["/etc/hosts.allow", "/etc/hosts.deny"].iter().any(|file| {
                tree.read(Path::new(file))
                    .is_ok_and(|text| has_rules(&text))
            }),
            has_bans: has_sensors(tree, &machine) || has_bans(tree),
            surroundings: {
                let mut surroundings = Surroundings::read(tree, SpecDirectory::usual(), startup);
                let manager = manager(tree);
                surroundings.confinement.restricted =
                    manager.is_some_and(|manager| manager != "systemd-nspawn");
                surroundings
            },
        })
    }

    /// Their units, and of those that can't be ejected so, why not.
    pub(super) fn eject(&self, form: Form) -> (Vec<Ejection>, Vec<String>) {
        let units = self.units.iter().map(String::as_str).collect();
        let (mut ejections, mut unfit) = (Vec::new(), Vec::new());
        for result in eject(&self.configuration, &self.surroundings, &units, form) {
            match result {
                Ok(ejection) => ejections.push(ejection),
                Err(why) => unfit.push(why),
            }
        }
        (ejections, unfit)
    }

    /// The changes that switch these of them off in xinetd's files.
    ///
    /// # Errors
    /// If one would not be off.
    pub(super) fn edits<'t>(
        &self,
        tree: &'t DiskTree,
        ejections: &[Ejection],
    ) -> Result<Edits<'t>, Failure> {
        let is_ejected = |unit: &str| ejections.iter().any(|ejection| ejection.unit == unit);
        let blocks = self.blocks.iter().filter(|(unit, _)| is_ejected(unit));
        let (units, places): (Vec<_>, Vec<_>) = blocks.cloned().unzip();
        let edits = Edits::new(tree, places, true)?;
        for unit in units {
            edits.outcome(&format!("{unit}.socket"), true)?;
        }
        Ok(edits)
    }

    /// What of the machine systemd alone does not replace.
    pub(super) fn machine(&self) -> translate::Protections {
        translate::Protections {
            has_wrappers: self.has_wrappers,
            has_bans: self.has_bans,
            filters: manager(&DiskTree::new(None)).is_none(),
        }
    }

    /// Those that can't be switched off there, in words.
    pub(super) fn lines_that_stay(&self) -> impl Iterator<Item = String> {
        self.inetd.iter().map(at)
    }
}

/// Whether a service is one that can be ejected.
fn fits(found: &Found<'_>) -> Result<(), Failure> {
    let id = printable(&found.service.id.to_text());
    let why = match found.standing() {
        Standing::Served { enabled: true, .. } => return Ok(()),
        Standing::Served { .. } => {
            format!("{id} is switched off; `xinetdctl enable {id}` switches it on")
        }
        Standing::Native { path, native, .. } => {
            let path = path.display();
            match native {
                Native::Own | Native::Copy => format!("{id} is left to {path} already"),
                Native::Mask => format!("{id} is masked by {path}"),
                Native::Ejected => format!("{id} was ejected to {path} already"),
            }
        }
        Standing::NotServed(_) => {
            let reason = row(found).reason.unwrap_or_default();
            format!("{id} is not served: {}", printable(&reason))
        }
    };
    Err(Failure::undone(why))
}

/// tcpmux and the services that it leads to know each other by their units.
fn together(machine: &Machine, units: &BTreeSet<String>) -> Result<(), Failure> {
    let is_muxed = |found: &Found<'_>| {
        matches!(found.service.reach, Reach::Mux(_))
            || matches!(found.service.serving, Serving::Internal(Internal::Tcpmux))
    };
    let is_chosen = |found: &Found<'_>| found.unit().is_some_and(|unit| units.contains(unit));
    let muxed: Vec<Found<'_>> = machine
        .services()
        .filter(|found| is_muxed(found) && fits(found).is_ok())
        .collect();
    let left: Vec<String> = muxed
        .iter()
        .filter(|found| !is_chosen(found))
        .map(|found| printable(&found.service.id.to_text()))
        .collect();
    if left.is_empty() || !muxed.iter().any(is_chosen) {
        return Ok(());
    }
    Err(Failure::undone(format!(
        "tcpmux and the services that it leads to are ejected together: name {} as well",
        left.join(", ")
    )))
}

/// Whether there are sensors: in the files, or ejected.
fn has_sensors(tree: &DiskTree, machine: &Machine) -> bool {
    let mut services = machine.services().map(|found| found.service);
    let is_ejected = |path: &Path| {
        let text = tree.read(path).unwrap_or_default();
        let spec: Option<Spec> = str::from_utf8(&text)
            .ok()
            .and_then(|text| toml::from_str(text).ok());
        spec.is_some_and(|spec| matches!(spec.task, Task::Sensor(_)))
    };
    let mut ejected = tree.list(Path::new(SPECS)).unwrap_or_default().into_iter();
    services.any(|service| service.enabled && matches!(service.serving, Serving::Sensor(_)))
        || ejected.any(|(path, _)| is_ejected(&path))
}

/// Whether clients are banned now; those of a table that can't be read are.
fn has_bans(tree: &DiskTree) -> bool {
    match tree.read(Path::new(TABLE)) {
        Ok(table) => Moment::now().map_or(true, |now| table::has_bans(&table, now.0)),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Whether a file of hosts.allow or hosts.deny says anything.
fn has_rules(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// What has made the container that this machine is, if it is one, by systemd's own note of it.
fn manager(tree: &DiskTree) -> Option<String> {
    let text = tree.read(Path::new("/run/systemd/container")).ok()?;
    Some(String::from_utf8_lossy(&text).trim().to_owned())
}
