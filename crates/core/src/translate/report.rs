//! What becomes of each service and of each of its attributes: nothing is dropped in silence.

use std::path::PathBuf;

use serde::Serialize;

use super::name::Native;
use super::obstacle::Obstacle;
use crate::bytes::ByteString;
use crate::config::Attribute;
use crate::problem::Place;
use crate::service::Port;

/// One service: what becomes of it, and of each attribute that has a say in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceReport {
    /// Its id.
    pub id: ByteString,
    /// Where its `service` keyword stands.
    pub place: Place,
    /// What becomes of it as a whole.
    pub standing: Standing,
    /// The attribute lines, in the order of the files.
    pub attributes: Vec<AttributeReport>,
}

/// What becomes of a service as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It has units: `<unit>.socket` and `<unit>.service`.
    Served {
        /// The name of the units, without suffix.
        unit: String,
        /// Whether `xinetd.target` starts its socket.
        enabled: bool,
        /// The port of its socket, unless that has none.
        port: Option<Port>,
    },
    /// A unit of the administrator has its name: that one counts, none is written.
    Native {
        /// The name of the units, without suffix.
        unit: String,
        /// The administrator's unit file, or the link that masks the name.
        path: PathBuf,
        /// What that is.
        native: Native,
    },
    /// This version can't serve it; there is at least one obstacle.
    NotServed(Vec<Obstacle>),
}

/// One attribute line of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeReport {
    /// Which attribute.
    pub attribute: Attribute,
    /// Where the line stands.
    pub place: Place,
    /// Whether a defaults section said it.
    pub from_defaults: bool,
    /// The operator and values as written.
    pub text: ByteString,
    /// What becomes of it: one answer for each thing that it says, at least one.
    pub fates: Vec<Fate>,
}

/// Who sees to an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// systemd, told by these directives of the units.
    Unit {
        /// Their names with `=`, separated by commas.
        directives: &'static str,
    },
    /// The generator: it decides about the units themselves.
    Generator {
        /// What it decides.
        what: &'static str,
    },
    /// The helper, for each connection.
    Helper {
        /// What it does, as the rest of "the helper …".
        what: &'static str,
    },
    /// The service does not run, because of this.
    NotServed {
        /// What can't be served.
        why: String,
    },
    /// No part: it says what holds anyway, or xinetd ignores it too.
    NoEffect {
        /// Why.
        why: &'static str,
    },
}
