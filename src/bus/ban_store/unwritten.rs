//! A table that does not have all that the list has: it can't be written, or another program has spoilt it.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use xinetd_core::bans::{Ban, Subject, TableChange};

use super::super::table::Table;
use super::{BanStore, Refused};

/// When a table that can't be written is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// A table that does not have all that the list has.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// Why it can't be written.
    why: String,
    /// The bans that are not in force.
    missing: BTreeSet<Subject>,
    /// When it is tried again.
    retry: Instant,
}

impl BanStore {
    /// The bans that helpers find now: all but those that could not be written into the table yet.
    pub(super) fn in_force(&self, now: Duration) -> impl Iterator<Item = &Ban> {
        let missing = self.unwritten.as_ref().map(|unwritten| &unwritten.missing);
        let is_missing = move |ban: &&Ban| missing.is_some_and(|all| all.contains(&ban.subject));
        self.list.bans(now).filter(move |ban| !is_missing(ban))
    }

    /// Why the table does not have all that was wanted, in words; none if it has.
    ///
    /// # Errors
    /// If there is no clock.
    pub(crate) fn table_problem(&mut self) -> Result<Option<String>, Refused> {
        self.now()?;
        Ok(self.unwritten.as_ref().map(|unwritten| {
            let path = self.table_path.display();
            format!(
                "{path} can't be written: {}; bans that are not in force for that, and not listed: {}; they come into \
                 force as soon as it can be written",
                unwritten.why,
                unwritten.missing.len()
            )
        }))
    }

    /// When the table that can't be written is tried again, by [`tidy`](Self::tidy) or anything else.
    pub(crate) fn retry_due(&self) -> Option<Instant> {
        self.unwritten.as_ref().map(|unwritten| unwritten.retry)
    }

    /// Writes the table anew where it does not have what the list has: it could not be written before, or another
    /// program has changed or removed it.
    pub(super) fn mend(&mut self, now: Duration) {
        let is_intact = self.table.is_intact();
        if self.unwritten.is_none() && is_intact {
            return;
        }
        if self.unwritten.is_none() {
            let path = self.table_path.display();
            log::error!("{path} was changed or removed by another program; it is written anew");
        }
        self.write_anew(now);
    }

    /// Writes the table with all that the list has, or takes note that it can't be written.
    pub(super) fn write_anew(&mut self, now: Duration) {
        let (prefix, bans) = (self.list.prefix(), self.list.bans(now));
        match Table::take_over(&self.table_path, self.boot, prefix, bans) {
            Ok(table) => {
                self.table = table;
                if self.unwritten.take().is_some() {
                    let path = self.table_path.display();
                    log::info!("{path} can be written again: all bans are in force");
                }
            }
            Err(error) => {
                let missing = match &self.unwritten {
                    Some(before) => before.missing.clone(),
                    None => self.list.bans(now).map(|ban| ban.subject).collect(),
                };
                self.put_off(&error, missing);
            }
        }
    }

    /// Takes note that the table can't be written.
    fn put_off(&mut self, error: &io::Error, missing: BTreeSet<Subject>) {
        let why = error.to_string();
        if self.unwritten.is_none() {
            let path = self.table_path.display();
            log::error!(
                "{path} can't be written: {why}; new bans are not in force until it can; make room, it is tried again"
            );
        }
        self.last_use = Instant::now();
        let retry = self.last_use + RETRY;
        self.unwritten = Some(Unwritten {
            why,
            missing,
            retry,
        });
    }

    /// Has the table follow a change of the list.
    ///
    /// # Errors
    /// If it can't be written yet.
    pub(super) fn follow(&mut self, change: &TableChange, now: Duration) -> Result<(), Refused> {
        if *change == TableChange::default() {
            return Ok(());
        }
        self.unsaved = true;
        if let Some(unwritten) = &mut self.unwritten {
            unwritten
                .missing
                .retain(|subject| !change.removed.contains(subject));
            unwritten
                .missing
                .extend(change.set.map(|(subject, _)| subject));
            self.write_anew(now);
        } else {
            let list = &self.list;
            let followed = self.table.follow(change, |subject| list.get(subject));
            if let Err(error) = followed {
                let missing = change.set.map(|(subject, _)| subject);
                self.put_off(&error, missing.into_iter().collect());
            }
        }
        match &self.unwritten {
            None => Ok(()),
            Some(unwritten) => Err(Refused::Table(unwritten.why.clone())),
        }
    }
}

/// Says that the table of a predecessor can't be read, and keeps a copy of it.
pub(super) fn put_aside(path: &Path, error: &io::Error, has_saved: bool) {
    let consequence = match has_saved {
        true => "the bans are those that were saved",
        false => "no bans are left, and the peers are allowed now: ban them again",
    };
    let kept = match Table::put_aside(path) {
        Ok(aside) => format!("it is kept as {}", aside.display()),
        Err(copying) => format!("no copy is kept: {copying}"),
    };
    log::error!("{}: {error}; {consequence}; {kept}", path.display());
}
