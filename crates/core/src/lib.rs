//! What xinetd-bridge decides, as functions of plain data: no socket is opened here, no clock read, no
//! process made. Files are read through [`config::FileTree`] alone.
//!
//! Data flows one way. [`config`] reads xinetd's files into [`service`] values, [`translate`] turns those into
//! units and [`spec`]s. With a spec, [`admission`] says of each client whether it is served: it knows the
//! order of the checks, and asks [`policy`], [`libwrap`] and [`bans`].

pub mod admission;
pub mod bans;
pub mod bytes;
mod catch;
pub mod config;
pub mod installed;
pub mod libwrap;
pub mod nearest;
pub mod options;
pub mod parallel;
pub mod policy;
pub mod portmap;
pub mod problem;
pub mod service;
pub mod spec;
pub mod startup;
pub mod translate;
pub mod visible;
