//! Events: the xinetd log line and the structured journal fields.
//!
//! An [`Event`] of a service becomes one journal entry: its `MESSAGE` is the line that xinetd
//! writes (docs/xinetd-behaviour.md, section 5), its fields carry the parts, and its `MESSAGE_ID` leads to an
//! explanation in the journal's catalog (`journalctl -x`). All of it stands in table.rs, one row for each
//! kind. Messages that belong to no event go through the `log` crate to the same [`Journal`].
#![forbid(unsafe_code)]

mod entry;
mod event;
mod examples;
mod fields;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod heard;
mod kind;
mod line;
mod logger;
mod received;
mod service;
mod sink;
mod table;
mod text;

pub(crate) use event::{Ending, PauseCause, Peer};
pub(crate) use examples::{Example, examples};
pub(crate) use file::{Stamp, file_line};
#[cfg(test)]
pub(crate) use heard::heard;
pub(crate) use received::{Received, fields_of};
pub(crate) use service::ServiceLog;
pub(crate) use sink::Journal;
pub(crate) use table::{Event, Kind};
pub(crate) use text::ErrorText;
