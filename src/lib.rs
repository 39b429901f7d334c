//! xinetd-bridge: xinetd's configuration files, served through systemd.
//!
//! A connection's way through the folders: [`config`] reads the files into [`service`] values,
//! [`translate`] turns those into units and [`spec`]s, and the helper ([`accept`]) leads each
//! client through the checks of `admission`, which asks [`policy`], [`libwrap`] and [`bans`], runs the server
//! and tells the journal.

#[cfg(feature = "accept")]
pub mod accept;
#[cfg(feature = "accept")]
mod admission;
pub mod bans;
#[cfg(feature = "bus")]
pub mod bus;
pub mod bytes;
pub mod config;
mod contain;
#[cfg(feature = "ctl")]
pub mod ctl;
mod ejected;
#[cfg(all(any(test, fuzzing), feature = "ctl"))]
pub mod fuzzing;
#[cfg(feature = "accept")]
mod generated;
pub mod halves;
#[cfg(feature = "accept")]
mod journal;
pub mod libwrap;
#[cfg(feature = "accept")]
mod log_file;
pub mod options;
pub mod policy;
pub mod portmap;
pub mod problem;
#[cfg(feature = "bus")]
pub mod reconcile;
pub mod service;
pub mod spec;
pub mod startup;
#[cfg(feature = "accept")]
mod status;
#[cfg(feature = "accept")]
mod sys;
pub mod translate;
mod visible;
