//! Which files change, and whether that does what is wanted: all before anything is written.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use xinetd_core::config::{Attribute, DiskTree, EntryKind, FileTree, Unfit, set_disable};
use xinetd_core::problem::{Place, printable};
use xinetd_core::service::Service;

use super::super::machine::Machine;
use super::super::output::Failure;
use super::super::show::at;

/// The files that change.
#[derive(Debug)]
pub(in crate::ctl) struct Edits<'t> {
    tree: &'t DiskTree,
    /// By where they lie on disk: one may be read under several names.
    pub(in crate::ctl) files: BTreeMap<PathBuf, Edit>,
}

/// A file that changes.
#[derive(Debug)]
pub(in crate::ctl) struct Edit {
    /// Its path as it is configured.
    pub(in crate::ctl) path: PathBuf,
    /// What it held.
    pub(in crate::ctl) old: Vec<u8>,
    /// What it is to hold.
    pub(in crate::ctl) new: Vec<u8>,
    /// The lines, from 1, in which the services that change begin; the last first.
    pub(in crate::ctl) services: Vec<u32>,
}

impl<'t> Edits<'t> {
    /// The changes that switch the services at these places on or off.
    pub(in crate::ctl) fn new(
        tree: &'t DiskTree,
        mut places: Vec<Place>,
        disabled: bool,
    ) -> Result<Self, Failure> {
        // From the last on: a line more moves those behind it.
        places.sort();
        places.reverse();
        let mut edits = Self {
            tree,
            files: BTreeMap::new(),
        };
        for place in places {
            let path = printable(&place.file.to_string_lossy());
            let failed = |error: io::Error| Failure::undone(format!("{path}: {error}"));
            let on_disk = tree.locate(&place.file).map_err(failed)?;
            if !edits.files.contains_key(&on_disk) {
                let old = tree.read(&place.file).map_err(failed)?;
                let edit = Edit {
                    path: place.file.to_path_buf(),
                    new: old.clone(),
                    old,
                    services: Vec::new(),
                };
                edits.files.insert(on_disk.clone(), edit);
            }
            let Some(edit) = edits.files.get_mut(&on_disk) else {
                continue;
            };
            if edit.services.contains(&place.line) {
                continue;
            }
            let at = at(&place);
            match set_disable(&edit.new, place.line, disabled) {
                Ok(new) => edit.new = new,
                // A line of inetd.conf is on, unless defaults keep it out.
                Err(Unfit::NoService) if !disabled => {}
                Err(Unfit::NoService) => {
                    return Err(Failure::undone(format!(
                        "{at} is a line of inetd.conf; write # before it, \
                         and run `systemctl daemon-reload`"
                    )));
                }
                Err(Unfit::Block) => {
                    let why = "can't be read; `xinetdctl check` says why";
                    return Err(Failure::undone(format!("the block of {at} {why}")));
                }
            }
            edit.services.push(place.line);
        }
        edits.files.retain(|_, edit| edit.old != edit.new);
        Ok(edits)
    }

    /// What the machine would be with them.
    ///
    /// # Errors
    /// If the services with the id `wanted` would not all be on, or off.
    pub(in crate::ctl) fn outcome(&self, wanted: &str, disabled: bool) -> Result<Machine, Failure> {
        let machine = Machine::of(self)?;
        let found = machine.find(wanted);
        // What has errors is off in any case.
        let found = match found {
            Err(_) if disabled && machine.dropped(wanted).is_some() => return Ok(machine),
            found => found?,
        };
        let mut wrong = found
            .iter()
            .filter(|found| !found.is_ejected() && found.service.enabled == disabled);
        if let Some(found) = wrong.next() {
            return Err(Failure::undone(in_the_way(found.service)));
        }
        Ok(machine)
    }
}

/// What keeps a service on or off beside its own `disable`.
fn in_the_way(service: &Service) -> String {
    let id = printable(&service.id.to_text());
    let mut lines = service.attributes.iter().rev();
    let list = lines.find(|line| match line.attribute {
        Attribute::Enabled | Attribute::Disabled => true,
        Attribute::Flags => service.flags.disable,
        _ => false,
    });
    match list {
        Some(line) if line.attribute == Attribute::Flags => format!(
            "{id} ({}) is off by DISABLE in its flags; take it away there, \
             and call `xinetdctl enable {id}` again",
            at(&service.place)
        ),
        Some(line) if line.attribute == Attribute::Enabled => format!(
            "{id} is not among the services that enabled names in {}; add it there, \
             and call `xinetdctl enable {id}` again",
            at(&line.place)
        ),
        Some(line) => format!(
            "{id} is kept out by disabled in {}; take it away there, \
             and call `xinetdctl enable {id}` again",
            at(&line.place)
        ),
        None => format!(
            "disable can't be changed in {}; `xinetdctl check` says why",
            at(&service.place)
        ),
    }
}

/// The tree with the changes made.
impl FileTree for Edits<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let edit = self.tree.locate(path).ok();
        match edit.and_then(|on_disk| self.files.get(&on_disk)) {
            Some(edit) => Ok(edit.new.clone()),
            None => self.tree.read(path),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(PathBuf, EntryKind)>> {
        self.tree.list(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.tree.read_link(path)
    }
}
