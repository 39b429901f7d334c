//! The only unsafe code: what neither the standard library nor nix offers.
//!
//! Each function here is small, and safe to call; nothing here decides anything.
#![allow(unsafe_code)]

pub mod credentials;
pub mod descriptor;
pub mod handover;
pub mod memory_file;
pub mod process;
pub mod scheduling;
pub mod signals;
pub mod socket;
pub mod spawn;
