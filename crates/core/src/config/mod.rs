//! The language: configuration files in, [`Service`](crate::service::Service)s and [`Problem`](crate::problem::Problem)s out.
//!
//! Nothing here touches the operating system: files and databases come in as parameters.

mod address;
mod attribute;
mod configuration;
mod databases;
mod edit;
mod entry;
mod include;
mod inetd;
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
mod unread;
mod values;

pub use crate::service::Attribute;
pub use configuration::{ASSUMED_CODE, Configuration, Dropped, Roots};
pub use databases::{Databases, PasswdEntry};
pub use edit::{Unfit, set_disable};
pub use inetd::{Conversion, Converted, convert as convert_inetd};
pub use sources::{DiskTree, EntryKind, FileTree, MemoryTree, Sources};
pub use table::{AttributeRow, Class, Sections, TABLE};
pub use unread::Unread;

use configuration::is_missing;

/// Reads the configuration that begins with these files of `tree`.
///
/// With an inetd.conf there need not be a file of xinetd.
pub fn load(tree: &dyn FileTree, roots: Roots<'_>, databases: &Databases) -> Configuration {
    let mut reader = parser::Reader::new(tree, databases);
    if roots.is_assumed(tree) {
        reader.read_assumed(roots.main);
    } else if roots.inetd.is_none() || !is_missing(tree, roots.main) {
        reader.read_main(roots.main);
    } else {
        reader.do_without_main(roots.main);
    }
    if let Some(path) = roots.inetd {
        reader.read_inetd(path);
    }
    lower::lower(reader)
}
