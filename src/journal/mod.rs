//! Events: the xinetd log line and the structured journal fields.
//!
//! An [`Event`] of a service becomes one journal entry: its `MESSAGE` is the line that xinetd
//! writes (docs/xinetd-behaviour.md, section 5), its fields carry the parts, and its `MESSAGE_ID` leads to an
//! explanation in the journal's catalog (`journalctl -x`). Messages that belong to no event go through the
//! `log` crate to the same [`Journal`].
#![forbid(unsafe_code)]

mod entry;
mod event;
mod examples;
mod fields;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod kind;
mod line;
mod logger;
mod service;
mod sink;

pub use event::{Ending, Event, PauseCause, Peer};
pub use examples::{Example, examples};
pub use file::{Stamp, file_line};
pub use kind::Kind;
pub use line::{ErrorText, Line};
pub use service::ServiceLog;
pub use sink::Journal;
