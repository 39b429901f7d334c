//! What is read, and what comes of it.

use std::io::ErrorKind;
use std::path::Path;

use super::sources::{FileTree, Sources};
use crate::bytes::ByteString;
use crate::problem::{Place, Problem};
use crate::service::Service;

/// What a configuration says, and what is wrong with it.
#[derive(Debug)]
pub struct Configuration {
    /// The services that can be served, in the order of the files.
    pub services: Vec<Service>,
    /// The services that can't, each with at least one problem that says why.
    pub dropped: Vec<Dropped>,
    /// All that is wrong or surprising, in the order in which it stands.
    pub problems: Vec<Problem>,
    /// The files that were read: for showing the lines of problems.
    pub sources: Sources,
}

/// A service entry that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its id, or the name where it got no further.
    pub id: ByteString,
    /// Where its `service` keyword stands.
    pub place: Place,
    /// Of one that is switched off, what would keep it from being served: a note, and no error.
    pub note: Option<String>,
}

/// The files that a configuration begins with.
#[derive(Clone, Copy, Debug)]
pub struct Roots<'a> {
    /// xinetd's own, usually /etc/xinetd.conf.
    pub main: &'a Path,
    /// An inetd.conf that is read behind all files of xinetd.
    pub inetd: Option<&'a Path>,
    /// Whether xinetd's own may be missing and be [assumed](Roots::is_assumed).
    pub may_assume: bool,
}

impl<'a> Roots<'a> {
    /// Files of xinetd alone.
    pub fn xinetd(main: &'a Path) -> Self {
        Self {
            main,
            inetd: None,
            may_assume: true,
        }
    }

    /// Whether nothing is configured at all: none of them is there, and no folder of services.
    pub fn are_missing(&self, tree: &dyn FileTree) -> bool {
        self.inetd.is_none() && is_missing(tree, self.main) && !self.is_assumed(tree)
    }

    /// Whether xinetd's own file is missing, and read as if it said `includedir /etc/xinetd.d`: a purge of xinetd's package
    /// removes the file and leaves the services of others in their folder.
    pub fn is_assumed(&self, tree: &dyn FileTree) -> bool {
        self.may_assume
            && self.main == Path::new(MAIN)
            && is_missing(tree, self.main)
            && tree.list(Path::new(FOLDER)).is_ok()
    }
}

/// The file that xinetd begins with.
pub(super) const MAIN: &str = "/etc/xinetd.conf";

/// Where packages put services.
const FOLDER: &str = "/etc/xinetd.d";

/// What the file says that packages bring (packaging/xinetd.conf), comments and empty sections aside.
pub(super) const ASSUMED: &str = "includedir /etc/xinetd.d";

/// The code of the warning that says so.
pub const ASSUMED_CODE: &str = "main-assumed";

/// Whether there is no such file.
pub(super) fn is_missing(tree: &dyn FileTree, path: &Path) -> bool {
    let read = tree.read(path);
    read.is_err_and(|error| error.kind() == ErrorKind::NotFound)
}
