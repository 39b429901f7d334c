//! `-limit` of xinetd(8): how many servers of all services run at most.
//!
//! The supervisor has a table in memory, and passes it to each helper: the limit, and the servers of each helper. A
//! helper that wants one more server writes that first, and then adds up what all have written. So two helpers may keep
//! each other from the last place, but never take it both. The number of a helper that was killed stays until its
//! successor has counted the sessions.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// How the name of the descriptor begins that a helper gets; the number of its row follows.
const NAME: &str = "process-limit-";

/// The table is an array of numbers: the limit, how many rows are in use, and the rows.
const NUMBER: usize = size_of::<u32>();
const LIMIT: u32 = 0;
const USED: u32 = 1;
const ROWS: u32 = 2;

/// The rows that there are: more than ports. No helper can make the table longer.
const MOST: u32 = 65_536;

/// The supervisor's table.
#[derive(Debug)]
pub(crate) struct ProcessLimit(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    file: File,
    rows: RefCell<Rows>,
}

/// Which rows services have.
#[derive(Debug, Default)]
struct Rows {
    /// All below this have been used.
    used: u32,
    /// Those of them that were given back.
    free: BTreeSet<u32>,
}

/// A service's row in the table; it is given back at the end.
#[derive(Debug)]
pub(crate) struct Row {
    table: Rc<Shared>,
    index: u32,
}

impl ProcessLimit {
    /// A table in which no service has a row.
    ///
    /// # Errors
    /// If there is no descriptor or memory for it.
    pub(crate) fn new(limit: NonZeroU32) -> io::Result<Self> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let file = File::from(memfd_create(c"process-limit", flags)?);
        file.set_len(offset(MOST))?;
        let seals = SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        write(&file, LIMIT, limit.get())?;
        Ok(Self(Rc::new(Shared {
            file,
            rows: RefCell::default(),
        })))
    }

    /// A row for one more service. Behind the last one that there is, the service's helper refuses to serve.
    pub(crate) fn row(&self) -> Row {
        let mut rows = self.0.rows.borrow_mut();
        let index = rows.free.pop_first().unwrap_or_else(|| {
            let next = rows.used;
            rows.used = next.saturating_add(1);
            next
        });
        // The table is there, and is long enough for this.
        let _ = write(&self.0.file, USED, rows.used);
        Row {
            table: Rc::clone(&self.0),
            index,
        }
    }
}

impl Row {
    /// The name under which a helper gets the table.
    pub(crate) fn name(&self) -> String {
        format!("{NAME}{}", self.index)
    }

    /// The helper has ended, and has left no server.
    pub(crate) fn clear(&self) {
        // The table is there, and has this row.
        let _ = write(&self.table.file, ROWS + self.index, 0);
    }
}

impl AsFd for Row {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.table.file.as_fd()
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        self.clear();
        self.table.rows.borrow_mut().free.insert(self.index);
    }
}

/// A helper's row in the table.
#[derive(Debug)]
pub(crate) struct Share {
    file: File,
    index: u32,
    written: Option<u32>,
    /// What was read last.
    bytes: Vec<u8>,
}

impl Share {
    /// The row that this descriptor has been passed for, by its name; gives the descriptor back if it was not.
    ///
    /// # Errors
    /// See above.
    pub(crate) fn of(name: &str, descriptor: OwnedFd) -> Result<Self, OwnedFd> {
        let index = name.strip_prefix(NAME).and_then(|index| index.parse().ok());
        match index.filter(|index| *index < MOST) {
            Some(index) => Ok(Self {
                file: descriptor.into(),
                index,
                written: None,
                bytes: Vec::new(),
            }),
            None => Err(descriptor),
        }
    }

    /// Whether one more server may run beside the `running` of this helper.
    ///
    /// # Errors
    /// If the table can't be read or written.
    pub(crate) fn admits(&mut self, running: u32) -> io::Result<bool> {
        self.publish(running.saturating_add(1))?;
        let limit = u64::from(read(&self.file, LIMIT)?);
        let used = read(&self.file, USED)?.clamp(self.index + 1, MOST);
        self.bytes.resize(used as usize * NUMBER, 0);
        self.file.read_exact_at(&mut self.bytes, offset(0))?;
        let (rows, _) = self.bytes.as_chunks();
        let all: u64 = rows
            .iter()
            .map(|row| u64::from(u32::from_ne_bytes(*row)))
            .sum();
        Ok(all <= limit)
    }

    /// This helper has so many servers.
    ///
    /// # Errors
    /// If the table can't be written.
    pub(crate) fn publish(&mut self, running: u32) -> io::Result<()> {
        if self.written != Some(running) {
            write(&self.file, ROWS + self.index, running)?;
            self.written = Some(running);
        }
        Ok(())
    }
}

/// Where a row begins, in bytes.
fn offset(row: u32) -> u64 {
    u64::from(ROWS + row) * NUMBER as u64
}

fn write(file: &File, at: u32, number: u32) -> io::Result<()> {
    file.write_all_at(&number.to_ne_bytes(), u64::from(at) * NUMBER as u64)
}

fn read(file: &File, at: u32) -> io::Result<u32> {
    let mut bytes = [0; NUMBER];
    file.read_exact_at(&mut bytes, u64::from(at) * NUMBER as u64)?;
    Ok(u32::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(most: u32) -> ProcessLimit {
        ProcessLimit::new(NonZeroU32::new(most).unwrap()).unwrap()
    }

    /// The helper that gets this row.
    fn helper(row: &Row) -> Share {
        let descriptor = row.as_fd().try_clone_to_owned().unwrap();
        Share::of(&row.name(), descriptor).unwrap()
    }

    #[test]
    fn servers_of_all_helpers_count() {
        let limit = limit(3);
        let rows = [0, 1].map(|_| limit.row());
        let [mut one, mut other] = [&rows[0], &rows[1]].map(helper);
        assert!(one.admits(0).unwrap() && one.admits(1).unwrap());
        assert!(other.admits(0).unwrap());
        assert!(!other.admits(1).unwrap(), "three run");
        other.publish(1).unwrap();
        one.publish(1).unwrap();
        assert!(other.admits(1).unwrap(), "one has ended");
    }

    #[test]
    fn a_killed_helpers_servers_count_until_its_successor_has_counted_them() {
        let limit = limit(2);
        let rows = [0, 1].map(|_| limit.row());
        helper(&rows[0]).publish(2).unwrap();
        let mut other = helper(&rows[1]);
        assert!(!other.admits(0).unwrap());
        helper(&rows[0]).publish(1).unwrap();
        assert!(other.admits(0).unwrap());
    }

    #[test]
    fn a_service_that_goes_leaves_its_row() {
        let limit = limit(1);
        let [first, second] = [0, 1].map(|_| limit.row());
        helper(&first).publish(1).unwrap();
        let mut other = helper(&second);
        assert!(!other.admits(0).unwrap());
        drop(first);
        assert!(other.admits(0).unwrap());
        assert_eq!(limit.row().index, 0);
    }

    #[test]
    fn a_helper_can_not_make_the_table_longer() {
        let limit = limit(1);
        let row = limit.row();
        let file = File::from(row.as_fd().try_clone_to_owned().unwrap());
        assert!(file.set_len(1 << 30).is_err() && write(&file, ROWS + MOST, 1).is_err());
        let descriptor = row.as_fd().try_clone_to_owned().unwrap();
        assert!(Share::of("process-limit-65536", descriptor).is_err());
    }
}
