//! xinetd-bridge: xinetd's configuration files, served through systemd.
//!
//! These are the parts that act: the helper ([`accept`]), the coordinator ([`bus`]), what brings a change into
//! force ([`reconcile`]) and the administrator's tool ([`ctl`]). What they decide by is in `xinetd_core`.

pub mod accept;
pub mod bus;
pub mod ctl;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod installed;
mod journal;
mod protocol;
pub mod reconcile;
pub mod standalone;
mod status;
mod sys;
