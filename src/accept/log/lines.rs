//! The lines that wait for a log file, and how they get there: each by one write(2), so that
//! services can share a file.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xinetd_core::service::SizeLimits;

use crate::journal::{Event, ServiceLog, Stamp, file_line};
use crate::protocol::log_file::Identity;

use super::super::clock::{Moment, local_time};

/// The bytes that wait at most.
const ROOM: usize = 256 * 1024;
/// How long a file counts as the right one.
const FRESH: Duration = Duration::from_secs(1);

/// Where lines go.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The service.
    pub(super) id: String,
    /// The file's name.
    pub(super) path: PathBuf,
    /// The sizes at which it warns and stops.
    pub(super) limits: Option<SizeLimits>,
}

/// An open log file.
#[derive(Debug)]
pub(super) struct Held {
    file: File,
    /// Which one it is.
    pub(super) identity: Identity,
    /// When it was known to have its name.
    pub(super) checked: Moment,
}

impl Held {
    /// One that the coordinator has passed.
    ///
    /// # Errors
    /// As fstat(2).
    pub(super) fn new(file: File, now: Moment) -> io::Result<Self> {
        let identity = Identity::of(&file.metadata()?);
        Ok(Self {
            file,
            identity,
            checked: now,
        })
    }

    /// Whether it is known to have this name: looked at once a second.
    pub(super) fn is_right(&mut self, path: &Path, now: Moment) -> bool {
        if now.since(self.checked) >= FRESH {
            if !self.has_name(path) {
                return false;
            }
            self.checked = now;
        }
        true
    }

    fn has_name(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| Identity::of(&found) == self.identity)
    }
}

/// What has become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineOutcome {
    /// It is in the file.
    Line,
    /// The file is too large for it.
    Withheld,
    /// The file has been removed; the line still waits.
    Removed,
}

/// The lines that wait.
#[derive(Debug, Default)]
pub(super) struct LogLines {
    queue: VecDeque<Vec<u8>>,
    bytes: usize,
    /// What had no room.
    lost: u64,
    /// What was left out since the hard limit was exceeded; none below it.
    withheld: Option<u64>,
    /// The soft limit is exceeded, which was said.
    is_large: bool,
    /// A second since 1970, and its stamp.
    stamp: Option<(u64, Stamp)>,
}

impl LogLines {
    /// Has the line of an event wait, if it has one.
    pub(super) fn note(&mut self, service: &ServiceLog, event: &Event<'_>) {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        if self.stamp.as_ref().is_none_or(|(at, _)| *at != since_1970) {
            self.stamp = Some((since_1970, Stamp::of(&local_time())));
        }
        let stamp = self.stamp.as_ref();
        let line = stamp.and_then(|(_, stamp)| file_line(service, event, stamp));
        if let Some(line) = line {
            self.push(line);
        }
    }

    pub(super) fn push(&mut self, line: Vec<u8>) {
        if self.bytes + line.len() > ROOM {
            self.lost += 1;
            return;
        }
        self.bytes += line.len();
        self.queue.push_back(line);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Nothing waits any more: it is lost.
    pub(super) fn give_up(&mut self) {
        self.lost += self.queue.len() as u64;
        self.queue.clear();
        self.bytes = 0;
    }

    /// Writes the oldest line.
    ///
    /// # Errors
    /// As write(2); the line, or what is left of it, still waits.
    pub(super) fn write(&mut self, held: &mut Held, target: &Target) -> io::Result<LineOutcome> {
        let found = held.file.metadata()?;
        if found.nlink() == 0 {
            return Ok(LineOutcome::Removed);
        }
        if !self.has_room(found.size(), target) {
            self.pop();
            return Ok(LineOutcome::Withheld);
        }
        while let Some(line) = self.queue.front_mut() {
            match held.file.write(line) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) if count == line.len() => break,
                Ok(count) => {
                    // The disk is full just now: the rest goes on where this ends.
                    line.drain(..count);
                    self.bytes -= count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.pop();
        Ok(LineOutcome::Line)
    }

    fn pop(&mut self) {
        if let Some(line) = self.queue.pop_front() {
            self.bytes -= line.len();
        }
    }

    /// Whether a file of this size takes another line; says when a limit is exceeded, and when the
    /// file is smaller again. The line that crosses the limit is still written, as xinetd does.
    fn has_room(&mut self, size: u64, target: &Target) -> bool {
        let Some(SizeLimits { soft, hard }) = target.limits else {
            return true;
        };
        let id = &target.id;
        let is_large = size > soft;
        if is_large && !self.is_large && size <= hard {
            log::warn!("Size of {id} log exceeded soft limit");
        }
        self.is_large = is_large;
        if size > hard {
            if self.withheld.is_none() {
                log::error!("Size of {id} log exceeded hard limit");
            }
            *self.withheld.get_or_insert(0) += 1;
            return false;
        }
        self.report_withheld(target);
        true
    }

    /// Says how many lines were left out, if there were any.
    pub(super) fn report_withheld(&mut self, target: &Target) {
        if let Some(count) = self.withheld.take() {
            let (id, path) = (&target.id, target.path.display());
            log::warn!("Service={id}: {count} lines were left out of {path}, which was too large");
        }
    }

    /// Says how many lines were lost, if there were any.
    pub(super) fn report_lost(&mut self, id: &str) {
        if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            log::error!("Service={id}: {lost} lines of the log file were lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    fn file(name: &str) -> (Held, Target) {
        let path = std::env::temp_dir().join(format!("lines-{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        (open(&path), target(path, None))
    }

    fn open(path: &Path) -> Held {
        let file = OpenOptions::new().append(true).create(true).open(path);
        Held::new(file.unwrap(), Moment::default()).unwrap()
    }

    fn target(path: PathBuf, limits: Option<SizeLimits>) -> Target {
        Target {
            id: "x".to_owned(),
            path,
            limits,
        }
    }

    fn lines(all: &[&str]) -> LogLines {
        let mut lines = LogLines::default();
        for line in all {
            lines.push(line.as_bytes().to_vec());
        }
        lines
    }

    #[test]
    fn a_file_that_is_too_large_takes_the_line_that_crosses_and_goes_on_when_cut() {
        let (mut held, mut to) = file("limits");
        to.limits = Some(SizeLimits { soft: 1, hard: 5 });
        let mut lines = lines(&["one\n", "two\n", "three\n", "four\n"]);
        let mut write = |held: &mut Held| lines.write(held, &to).unwrap();
        assert_eq!(write(&mut held), LineOutcome::Line);
        assert_eq!(write(&mut held), LineOutcome::Line);
        assert_eq!(write(&mut held), LineOutcome::Withheld);
        assert_eq!(fs::read_to_string(&to.path).unwrap(), "one\ntwo\n");
        held.file.set_len(0).unwrap();
        assert_eq!(write(&mut held), LineOutcome::Line);
        assert_eq!(fs::read_to_string(&to.path).unwrap(), "four\n");
        assert!(lines.is_empty() && lines.withheld.is_none());
        fs::remove_file(&to.path).unwrap();
    }

    #[test]
    fn a_file_that_was_renamed_or_removed_is_noticed() {
        let (mut held, to) = file("renamed");
        assert!(held.has_name(&to.path));
        let old = to.path.with_extension("1");
        fs::rename(&to.path, &old).unwrap();
        assert!(!held.has_name(&to.path));
        let _ = open(&to.path);
        assert!(!held.has_name(&to.path));
        fs::remove_file(&old).unwrap();
        let mut lines = lines(&["line\n"]);
        assert_eq!(lines.write(&mut held, &to).unwrap(), LineOutcome::Removed);
        assert!(!lines.is_empty());
        fs::remove_file(&to.path).unwrap();
    }

    #[test]
    fn a_full_disk_keeps_lines_waiting_and_memory_is_bounded() {
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut held = Held::new(full, Moment::default()).unwrap();
        let mut lines = lines(&["first\n"]);
        let error = lines.write(&mut held, &target("/dev/full".into(), None));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::StorageFull);
        for _ in 0..ROOM / 1000 + 10 {
            lines.push(vec![b'x'; 1000]);
        }
        assert!(lines.bytes <= ROOM && lines.lost >= 10);
        let (mut held, to) = file("full");
        while !lines.is_empty() {
            assert_eq!(lines.write(&mut held, &to).unwrap(), LineOutcome::Line);
        }
        assert_eq!(lines.bytes, 0);
        assert!(fs::read(&to.path).unwrap().starts_with(b"first\nxxx"));
        fs::remove_file(&to.path).unwrap();
    }
}
