//! What the parser finds in the files, as written.

use super::section::Section;
use crate::bytes::ByteString;
use crate::problem::Place;
use crate::service::Attribute;

/// A service as written.
#[derive(Debug)]
pub(super) struct ServiceEntry {
    /// How many services stand before it.
    pub(super) ordinal: usize,
    /// The word after `service`.
    pub(super) name: ByteString,
    /// Where that word stands.
    pub(super) place: Place,
    /// Its attributes.
    pub(super) section: Section,
}

impl ServiceEntry {
    /// Its id, or the name where it has none.
    pub(super) fn id(&self) -> &ByteString {
        self.section.values.id.as_ref().unwrap_or(&self.name)
    }
}

/// A line of `defaults` about something that services copy when their blocks begin.
#[derive(Debug)]
pub(super) struct LateDefault {
    /// The attribute.
    pub(super) attribute: Attribute,
    /// Where its name stands.
    pub(super) place: Place,
    /// How many services stand before it and don't have it.
    pub(super) services_before: usize,
}
