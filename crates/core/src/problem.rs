//! Problems in a configuration, each with its place and with what to write instead.

mod render;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use render::{printable, wrap};

/// A stretch of one line of one file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file, as its path stands inside the root that was read.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: u32,
    /// The first byte of the stretch, from 1.
    pub column: u32,
    /// How many bytes it covers; 0 points between two bytes, or at the end of the line.
    pub length: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// A place in the spec, and in what is derived from it: the text `file:line:column`.
impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.rsplitn(3, ':');
        let column = parts.next().and_then(|part| part.parse().ok());
        let line = parts.next().and_then(|part| part.parse().ok());
        match (parts.next(), line, column) {
            (Some(file), Some(line), Some(column)) => Ok(Self {
                file: Path::new(file).into(),
                line,
                column,
                length: 0,
            }),
            _ => Err(serde::de::Error::custom("expected file:line:column")),
        }
    }
}

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the configuration does what it says. What is wrong in a service that is
    /// switched off by `disable = yes` is no more than this.
    Note,
    /// Something was written that has no effect, or another one than it seems to have.
    Warning,
    /// A service, or a part of the configuration, is not served.
    Error,
}

/// The [code](Problem::code) of a file that only another user may read.
pub const NO_PERMISSION: &str = "no-permission";

/// One thing that is wrong or surprising in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// A stable name for the kind of problem, such as `value-count`: for `--json` and for tests.
    pub code: &'static str,
    /// Where it is.
    pub place: Place,
    /// What is wrong, naming the word: one sentence without a full stop.
    pub message: String,
    /// What to write instead, or what to do next: one sentence without a full stop.
    pub help: String,
}

/// What there is to say about a word: a [`Problem`] without a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// As in a [`Problem`].
    pub severity: Severity,
    /// As in a [`Problem`].
    pub code: &'static str,
    /// As in a [`Problem`].
    pub message: String,
    /// As in a [`Problem`].
    pub help: String,
}

impl Remark {
    /// A remark of any severity.
    pub(crate) fn new(
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            help: help.into(),
        }
    }

    /// The remark as a problem with a place.
    pub(crate) fn at(self, place: Place) -> Problem {
        Problem {
            severity: self.severity,
            code: self.code,
            place,
            message: self.message,
            help: self.help,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// The form in `--json`: flat, with the place in its parts. Names and meaning are stable.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Problem", 8)?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("code", self.code)?;
        fields.serialize_field("file", &self.place.file.to_string_lossy())?;
        fields.serialize_field("line", &self.place.line)?;
        fields.serialize_field("column", &self.place.column)?;
        fields.serialize_field("length", &self.place.length)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("help", &self.help)?;
        fields.end()
    }
}
