//! The only unsafe code: what neither the standard library nor nix offers.
//!
//! Each function here is small, and safe to call; nothing here decides anything.
#![allow(unsafe_code)]

pub(crate) mod credentials;
pub(crate) mod daemon;
pub(crate) mod descriptor;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod handover;
pub(crate) mod memory_file;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod scheduling;
pub(crate) mod signals;
pub(crate) mod socket;
pub(crate) mod spawn;
pub(crate) mod start;
