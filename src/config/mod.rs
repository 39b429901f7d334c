//! The language: configuration files in, [`Service`]s and [`Problem`]s out.
//!
//! Nothing here touches the operating system: files and databases come in as parameters.
#![forbid(unsafe_code)]

mod address;
mod attribute;
mod databases;
mod edit;
mod include;
mod lexer;
mod lower;
mod parser;
mod report;
mod section;
mod sources;
mod statement;
mod table;
#[cfg(test)]
mod testing;
mod values;

pub use address::{Reading, Remark, read as read_addresses};
pub use attribute::Attribute;
pub use databases::{Databases, User};
pub use edit::set_disable;
pub use sources::{DiskTree, Entry, FileTree, MAX_FILE_SIZE, MemoryTree, Sources};
pub use table::{Class, Row, Sections, Served, TABLE};

use std::path::Path;

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
}

/// Reads the configuration that begins with the file `main` of `tree`.
pub fn load(tree: &dyn FileTree, main: &Path, databases: &Databases) -> Configuration {
    let mut reader = parser::Reader::new(tree, databases);
    reader.read_main(main);
    lower::lower(reader)
}
