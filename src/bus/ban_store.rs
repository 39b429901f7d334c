//! The bans of the machine: the list, the table that helpers read, and the file that outlives a boot.

mod unwritten;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use xinetd_core::bans::table::Slot;
use xinetd_core::bans::{
    Ban, BanList, BanOptions, BootId, BootTime, Clocks, Full, Ipv6Prefix, Origin, SavedBans,
    Subject, Until,
};
use xinetd_core::options;
use xinetd_core::service::DenyTime;

use super::saved;
use super::settings::Settings;
use super::table::Table;
use unwritten::{Unwritten, put_aside};

/// A ban of a hundred years or more is for ever: the file's times have 63 bits.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Where everything lies.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The table.
    pub(crate) table: PathBuf,
    /// What is kept across a boot.
    pub(crate) saved: PathBuf,
    /// The last reading of the clock before the machine was shut down.
    pub(crate) shutdown: PathBuf,
    /// [`options::FILE`].
    pub(crate) options: PathBuf,
}

/// Why a peer can't be banned.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The peer is on the allow-list.
    Allowed,
    /// The list is full of what administrators have said.
    Full,
    /// There is no clock.
    Clock(io::Error),
    /// The list has it, but the table can't be written yet, for this reason.
    Table(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allowed => f.write_str("it is loopback or on the allow-list"),
            Self::Full => f.write_str("the list is full"),
            Self::Clock(error) => write!(f, "the clock can't be read: {error}"),
            Self::Table(why) => write!(
                f,
                "the table of bans can't be written, and it counts as soon as it can: {why}"
            ),
        }
    }
}

/// The bans that the socket and the bus share.
#[derive(Debug)]
pub(crate) struct BanStore {
    list: BanList,
    table: Table,
    /// What of the list the table does not have, while it can't be written.
    unwritten: Option<Unwritten>,
    table_path: PathBuf,
    settings: Settings,
    boot: BootId,
    /// Whether the file does not have all yet.
    unsaved: bool,
    last_use: Instant,
}

impl BanStore {
    /// Takes over what a predecessor has left: the table of this boot where there is one, else the
    /// file.
    ///
    /// Where no table can be written, that is tried again from time to time.
    ///
    /// # Errors
    /// If there is no clock.
    pub(crate) fn open(paths: &Paths, boot: BootId) -> io::Result<Self> {
        let clocks = clocks(boot)?;
        let saved = saved::read(&paths.saved);
        let last_good = saved.as_ref().and_then(SavedBans::options);
        let settings = Settings::open(&paths.options, last_good);
        let options = settings.in_force();
        let mut list = BanList::new(options.ipv6_prefix(), options.allow_list());
        let shutdown = saved::shutdown(&paths.shutdown);
        let kept = saved
            .as_ref()
            .map(|saved| saved.bans(list.prefix(), shutdown, clocks));
        let kept = kept.unwrap_or_default();
        let now = clocks.boot.at;
        let left = Table::left(&paths.table, boot).unwrap_or_else(|error| {
            put_aside(&paths.table, &error, saved.is_some());
            None
        });
        let bans = match left {
            Some((prefix, slots)) => in_table(&kept, prefix, slots, list.prefix(), now),
            None => kept.clone(),
        };
        let count = bans.len();
        let lost = bans.iter().filter(|ban| !list.restore((*ban).clone(), now));
        let lost = lost.count();
        if lost > 0 {
            log::warn!("{lost} of {count} bans were not taken over: the peers are allowed now");
        }
        let unsaved = match &saved {
            Some(saved) => {
                let noted = saved.noted().map(|noted| noted.boot);
                noted != Some(boot) || saved.options() != Some(options) || !agree(&kept, &bans)
            }
            None => !list.is_empty() || *options != BanOptions::default(),
        };
        let table = Table::unwritten(&paths.table, boot, list.prefix());
        let mut this = Self {
            list,
            table,
            unwritten: None,
            table_path: paths.table.clone(),
            settings,
            boot,
            unsaved,
            last_use: Instant::now(),
        };
        this.write_anew(now);
        this.tidy();
        Ok(this)
    }

    /// A peer has touched the sensor `id`.
    ///
    /// # Errors
    /// If it is not banned.
    pub(crate) fn hit(&mut self, peer: IpAddr, time: DenyTime, id: &str) -> Result<(), Refused> {
        let now = self.now()?;
        let subject = self.list.subject(peer).ok_or(Refused::Allowed)?;
        let Some(until) = Until::after(time, now) else {
            return Ok(());
        };
        let change = self.list.hit(subject, until, id, now);
        self.follow(&change.map_err(|Full| Refused::Full)?, now)
    }

    /// An administrator bans an address for this long, or for ever.
    ///
    /// # Errors
    /// If it is not banned.
    pub(super) fn add(&mut self, peer: IpAddr, time: Option<Duration>) -> Result<Subject, Refused> {
        let now = self.now()?;
        let subject = self.list.subject(peer).ok_or(Refused::Allowed)?;
        let time = time.filter(|time| *time < LONGEST);
        let until = time.map_or(Until::Forever, |time| Until::At(now.saturating_add(time)));
        let change = self.list.add(subject, until, now);
        self.follow(&change.map_err(|Full| Refused::Full)?, now)?;
        Ok(subject)
    }

    /// Ends the ban that hits `peer`; false if there is none.
    ///
    /// # Errors
    /// If the table can't be written.
    pub(super) fn remove(&mut self, peer: IpAddr) -> Result<bool, Refused> {
        let now = self.now()?;
        let subject = Subject::of(peer, self.list.prefix());
        let (ban, change) = self.list.remove(subject, now);
        self.follow(&change, now)?;
        Ok(ban.is_some())
    }

    /// Ends all bans; tells how many there were.
    ///
    /// # Errors
    /// If the table can't be written.
    pub(super) fn flush(&mut self) -> Result<usize, Refused> {
        let now = self.now()?;
        let count = self.list.bans(now).count();
        let change = self.list.flush();
        self.follow(&change, now)?;
        Ok(count)
    }

    /// The bans that hold now, the newest first, and the clocks that their times are for.
    ///
    /// # Errors
    /// If there is no clock.
    pub(super) fn bans(&mut self) -> Result<(Vec<Ban>, Clocks), Refused> {
        let now = self.now()?;
        let clocks = clocks(self.boot).map_err(Refused::Clock)?;
        let mut bans: Vec<_> = self.in_force(now).cloned().collect();
        bans.sort_by_key(|ban| (std::cmp::Reverse(ban.last), ban.subject));
        Ok((bans, clocks))
    }

    /// How many bans hold now.
    ///
    /// # Errors
    /// If there is no clock.
    pub(super) fn count(&mut self) -> Result<usize, Refused> {
        let now = self.now()?;
        Ok(self.in_force(now).count())
    }

    /// Why the file of options can't be read, in words; none if what it says is in force.
    pub(crate) fn problem(&mut self) -> Result<Option<String>, Refused> {
        self.now()?;
        Ok(self.settings.problem().map(str::to_owned))
    }

    /// The table, for a helper that may not open it.
    ///
    /// # Errors
    /// As open(2).
    pub(crate) fn table(&mut self) -> io::Result<File> {
        // A helper that can't read it asks for it, too.
        let _ = self.now();
        File::open(&self.table_path)
    }

    /// A helper or caller wants something, be it of bans or not.
    pub(super) fn wanted(&mut self) {
        self.last_use = Instant::now();
    }

    /// When a helper or caller has last wanted something.
    pub(super) fn last_use(&self) -> Instant {
        self.last_use
    }

    /// Whether there is something to save.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    /// What was taken to be saved could not be.
    pub(crate) fn save_again(&mut self) {
        self.unsaved = true;
    }

    /// Ends bans whose time is over. Where no peer is banned, and the file says so, the table goes:
    /// helpers that come later know that by themselves. As long as the file has other bans, the table
    /// keeps them from coming back.
    pub(crate) fn tidy(&mut self) {
        let tidied = now(self.boot).map_err(Refused::Clock).and_then(|now| {
            self.mend(now.at);
            let change = self.list.expire(now.at);
            self.follow(&change, now.at)?;
            match self.list.is_empty() && !self.unsaved {
                true => self
                    .table
                    .remove()
                    .map_err(|error| Refused::Table(error.to_string())),
                false => Ok(()),
            }
        });
        match tidied {
            // That it can't be written is said once.
            Ok(()) | Err(Refused::Table(_)) => {}
            Err(error) => log::warn!("bans that are over: {error}"),
        }
    }

    /// What is to be kept across a boot; from now on only changes count as unsaved.
    pub(crate) fn take_text(&mut self) -> Result<String, String> {
        self.unsaved = false;
        let now = now(self.boot).map_err(|error| error.to_string())?;
        let options = self.settings.in_force().clone();
        SavedBans::new(self.list.bans(now.at), options, now).to_text()
    }

    /// The time, at which the options of now are in force.
    fn now(&mut self) -> Result<Duration, Refused> {
        self.last_use = Instant::now();
        let now = now(self.boot).map_err(Refused::Clock)?.at;
        self.mend(now);
        if self.settings.refresh() {
            let options = self.settings.in_force();
            let (prefix, allowed) = (options.ipv6_prefix(), options.allow_list());
            let lost = self.list.follow(prefix, allowed, now);
            log::info!(
                "{} has other [bans]: they are in force; bans that ended by that: {lost}",
                options::FILE
            );
            self.unsaved = true;
            self.write_anew(now);
        }
        Ok(now)
    }
}

/// The clock of this boot.
///
/// # Errors
/// As clock_gettime(2).
pub(super) fn now(boot: BootId) -> io::Result<BootTime> {
    let at = clock_gettime(ClockId::CLOCK_BOOTTIME)?.into();
    Ok(BootTime { boot, at })
}

fn clocks(boot: BootId) -> io::Result<Clocks> {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(Clocks {
        boot: now(boot)?,
        wall: wall.unwrap_or_default(),
    })
}

/// The bans in the table of a predecessor, which hold now. It is exact and complete; the file, which has
/// `kept`, says what each was made by.
fn in_table(
    kept: &[Ban],
    old: Ipv6Prefix,
    slots: Vec<Slot>,
    prefix: Ipv6Prefix,
    now: Duration,
) -> Vec<Ban> {
    let known: HashMap<Subject, &Ban> = kept.iter().map(|ban| (ban.subject, ban)).collect();
    let bans = slots.into_iter().filter_map(|slot| {
        let address = Ipv6Addr::from_bits(slot.address);
        if address.to_ipv4_mapped().is_none() && old < prefix || slot.until.is_past(now) {
            return None;
        }
        let subject = Subject::of(address.into(), prefix);
        let origin = match slot.administrator {
            true => Origin::Administrator,
            false => Origin::Sensor(None),
        };
        let known = known.get(&subject);
        Some(Ban {
            subject,
            until: slot.until,
            since: known.map_or(now, |ban| ban.since),
            last: known.map_or(now, |ban| ban.last),
            origin: known.map_or(origin, |ban| ban.origin.clone()),
        })
    });
    bans.collect()
}

/// Whether the file has these bans, but for the part of a second that it leaves out.
fn agree(kept: &[Ban], bans: &[Ban]) -> bool {
    let kept: HashMap<Subject, Until> = kept.iter().map(|ban| (ban.subject, ban.until)).collect();
    let is_kept = |ban: &Ban| match (kept.get(&ban.subject), ban.until) {
        (Some(Until::At(one)), Until::At(other)) => one.abs_diff(other) < Duration::from_secs(1),
        (one, other) => one == Some(&other),
    };
    kept.len() == bans.len() && bans.iter().all(is_kept)
}
