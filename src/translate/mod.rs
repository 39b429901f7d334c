//! Services in, units and specs out.
#![forbid(unsafe_code)]

mod report;
mod servable;

pub use report::{AttributeReport, Fate, ServiceReport, Standing};
pub use servable::{Obstacle, Reason};

use std::path::PathBuf;

use crate::config::Configuration;
use crate::problem::{Place, Severity};

/// What a translation has to know besides the configuration.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The directory that the generated units lie in at run time: absolute.
    pub directory: PathBuf,
}

/// What the generator has to write and to say.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The services, in the order of the files.
    pub services: Vec<TranslatedService>,
    /// Links that serve all services together.
    pub links: Vec<Link>,
    /// What is worth saying about the translation.
    pub messages: Vec<Message>,
}

/// One service: its files, and what becomes of it.
#[derive(Clone, Debug)]
pub struct TranslatedService {
    /// For reports.
    pub report: ServiceReport,
    /// Its files, the spec first and the socket last.
    pub files: Vec<File>,
    /// The links to them.
    pub links: Vec<Link>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, relative to the output directory.
    pub path: PathBuf,
    /// What stands in it.
    pub content: Vec<u8>,
    /// Whether root alone may read it.
    pub private: bool,
}

/// A symbolic link to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its path, relative to the output directory.
    pub path: PathBuf,
    /// What it points to.
    pub target: PathBuf,
}

/// Something to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub place: Place,
    /// One sentence, without a full stop.
    pub text: String,
}

/// The units and specs of a configuration.
pub fn translate(configuration: &Configuration, surroundings: &Surroundings) -> Translation {
    let _ = (configuration, surroundings);
    Translation {
        services: Vec::new(),
        links: Vec::new(),
        messages: Vec::new(),
    }
}
