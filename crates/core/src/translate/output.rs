//! What the generator has to write and to say.

use std::path::PathBuf;

use super::report::ServiceReport;
use crate::problem::Problem;

/// All that comes of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// The services, in the order of the files.
    pub services: Vec<TranslatedService>,
    /// Files that are no service's own.
    pub files: Vec<GeneratedFile>,
    /// Links that serve all services together.
    pub links: Vec<GeneratedLink>,
    /// What is worth saying about the translation itself.
    pub problems: Vec<Problem>,
}

/// One service: its files, and what becomes of it.
#[derive(Clone, Debug)]
pub struct TranslatedService {
    /// For reports.
    pub report: ServiceReport,
    /// Its files, in the order in which they are to be written.
    pub files: Vec<GeneratedFile>,
    /// The links to them, to be made when all files are there.
    pub links: Vec<GeneratedLink>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Its path, relative to the output directory.
    pub path: PathBuf,
    /// What stands in it.
    pub content: Vec<u8>,
    /// Whether root alone may read it.
    pub private: bool,
}

/// A symbolic link to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedLink {
    /// Its path, relative to the output directory.
    pub path: PathBuf,
    /// What it points to.
    pub target: PathBuf,
}
