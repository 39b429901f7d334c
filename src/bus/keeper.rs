//! The bans of the machine: the list, the table that helpers read, and the file that outlives a boot.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::bans::{
    Ban, BanList, Change, Clocks, Full, Ipv6Prefix, Options, Origin, SavedBans, Subject, Until,
};
use crate::config::DiskTree;
use crate::options;
use crate::service::DenyTime;

use super::table::Table;

/// A ban of a hundred years or more is for ever: the file's times have 63 bits.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Where everything lies.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    /// The table.
    pub(super) table: PathBuf,
    /// What is kept across a boot.
    pub(super) saved: PathBuf,
    /// [`options::FILE`].
    pub(super) options: PathBuf,
}

/// Why someone can't be banned.
#[derive(Debug)]
pub(super) enum Refused {
    /// The peer is on the allow-list.
    Allowed,
    /// The list is full of what administrators have said.
    Full,
    /// Who must not be banned can't be known, in words why.
    Options(String),
    /// The table can't be written.
    Table(io::Error),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allowed => f.write_str("it is loopback or on the allow-list"),
            Self::Full => f.write_str("the list is full"),
            Self::Options(why) => write!(f, "{} can't be read: {why}", options::FILE),
            Self::Table(error) => write!(f, "the table can't be written: {error}"),
        }
    }
}

/// What both doors share.
#[derive(Debug)]
pub(super) struct Keeper {
    list: BanList,
    table: Table,
    options: Result<Options, String>,
    /// Whether the file does not have all yet.
    unsaved: bool,
    last_use: Instant,
}

impl Keeper {
    /// Takes over what a predecessor has left: the table of this boot where there is one, else the
    /// file.
    ///
    /// # Errors
    /// If no table can be made.
    pub(super) fn open(paths: &Paths) -> io::Result<Self> {
        let clocks = clocks()?;
        let options = options::Options::read_at(&DiskTree::new(None), &paths.options).bans();
        let settings = options.clone().unwrap_or_else(|why| {
            log::error!("{}: {why}; nobody is banned meanwhile", options::FILE);
            Options::default()
        });
        let mut list = BanList::new(settings.ipv6_prefix(), settings.allow_list());
        let bans = left(paths, list.prefix(), clocks);
        let count = bans.len();
        let restored = bans
            .into_iter()
            .filter(|ban| !ban.until.is_past(clocks.boot));
        let lost = restored
            .filter(|ban| !list.restore(ban.clone(), clocks.boot))
            .count();
        if lost > 0 {
            log::warn!("{lost} of {count} bans were not taken over: the peers are allowed now");
        }
        let table = Table::create(&paths.table, list.prefix(), list.bans(clocks.boot))?;
        Ok(Self {
            list,
            table,
            options,
            unsaved: false,
            last_use: Instant::now(),
        })
    }

    /// A peer has touched the sensor `id`.
    ///
    /// # Errors
    /// If it is not banned.
    pub(super) fn hit(&mut self, peer: IpAddr, time: DenyTime, id: &str) -> Result<(), Refused> {
        let now = self.now()?;
        let subject = self.subject(peer)?;
        let Some(until) = Until::after(time, now) else {
            return Ok(());
        };
        let change = self.list.hit(subject, until, id, now);
        self.follow(&change.map_err(|Full| Refused::Full)?)
    }

    /// An administrator bans someone for this long, or for ever.
    ///
    /// # Errors
    /// If it is not banned.
    pub(super) fn add(&mut self, peer: IpAddr, time: Option<Duration>) -> Result<Subject, Refused> {
        let now = self.now()?;
        let subject = self.subject(peer)?;
        let time = time.filter(|time| *time < LONGEST);
        let until = time.map_or(Until::Forever, |time| Until::At(now.saturating_add(time)));
        let change = self.list.add(subject, until, now);
        self.follow(&change.map_err(|Full| Refused::Full)?)?;
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
        self.follow(&change)?;
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
        self.follow(&change)?;
        Ok(count)
    }

    /// The bans that hold now, the newest first, and the clocks that their times are for.
    ///
    /// # Errors
    /// If there is no clock.
    pub(super) fn bans(&mut self) -> Result<(Vec<Ban>, Clocks), Refused> {
        self.last_use = Instant::now();
        let clocks = clocks().map_err(Refused::Table)?;
        let mut bans: Vec<_> = self.list.bans(clocks.boot).cloned().collect();
        bans.sort_by_key(|ban| (std::cmp::Reverse(ban.last), ban.subject));
        Ok((bans, clocks))
    }

    /// Someone wants something, be it of bans or not.
    pub(super) fn wanted(&mut self) {
        self.last_use = Instant::now();
    }

    /// When someone has last wanted something.
    pub(super) fn last_use(&self) -> Instant {
        self.last_use
    }

    /// Whether there is something to save.
    pub(super) fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    /// What is to be kept across a boot; from now on only changes count as unsaved.
    pub(super) fn take_text(&mut self) -> Result<String, String> {
        self.unsaved = false;
        let clocks = clocks().map_err(|error| error.to_string())?;
        SavedBans::new(self.list.bans(clocks.boot), clocks).to_text()
    }

    fn now(&mut self) -> Result<Duration, Refused> {
        self.last_use = Instant::now();
        clocks().map(|clocks| clocks.boot).map_err(Refused::Table)
    }

    fn subject(&self, peer: IpAddr) -> Result<Subject, Refused> {
        if let Err(why) = &self.options {
            return Err(Refused::Options(why.clone()));
        }
        self.list.subject(peer).ok_or(Refused::Allowed)
    }

    fn follow(&mut self, change: &Change) -> Result<(), Refused> {
        if *change == Change::default() {
            return Ok(());
        }
        let list = &self.list;
        let followed = self.table.follow(change, |subject| list.get(subject));
        self.unsaved = true;
        followed.map_err(Refused::Table)
    }
}

fn clocks() -> io::Result<Clocks> {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(Clocks {
        boot: clock_gettime(ClockId::CLOCK_BOOTTIME)?.into(),
        wall: wall.unwrap_or_default(),
    })
}

/// What a predecessor has left.
fn left(paths: &Paths, prefix: Ipv6Prefix, clocks: Clocks) -> Vec<Ban> {
    let saved = read_saved(&paths.saved);
    let saved = saved.iter().flat_map(|saved| saved.bans(prefix, clocks));
    let Some((old, slots)) = Table::left(&paths.table) else {
        return saved.collect();
    };
    // The table is exact and complete, the file says who wanted each ban.
    let mut known: HashMap<Subject, Ban> = saved.map(|ban| (ban.subject, ban)).collect();
    let bans = slots.into_iter().filter_map(|slot| {
        let address = Ipv6Addr::from_bits(slot.address);
        if address.to_ipv4_mapped().is_none() && old < prefix {
            return None;
        }
        let subject = Subject::of(address.into(), prefix);
        let ban = known.remove(&subject).unwrap_or(Ban {
            subject,
            until: slot.until,
            since: clocks.boot,
            last: clocks.boot,
            origin: match slot.administrator {
                true => Origin::Administrator,
                false => Origin::Sensor(None),
            },
        });
        Some(Ban {
            until: slot.until,
            ..ban
        })
    });
    bans.collect()
}

/// The file, if it is there; what is none of ours is put aside, so that it can be looked at.
fn read_saved(path: &Path) -> Option<SavedBans> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                log::error!("{}: {error}", path.display());
            }
            return None;
        }
    };
    match SavedBans::parse(&text) {
        Ok(saved) => Some(saved),
        Err(why) => {
            let aside = path.with_extension("broken");
            let (from, to) = (path.display(), aside.display());
            log::error!("{from}: {why}; it is put aside as {to}");
            if let Err(error) = fs::rename(path, &aside) {
                log::error!("{to}: {error}");
            }
            None
        }
    }
}
