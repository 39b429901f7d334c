//! The process 1 of a container, as this machine numbers it.

use std::fs::{self, File};
use std::process::Child;

use nix::sched::{CloneFlags, setns};

use crate::{Result, context};

/// The first child of the process that makes the container, once there is one.
pub(crate) fn first_child(maker: &Child) -> Option<i32> {
    let children = format!("/proc/{0}/task/{0}/children", maker.id());
    let children = fs::read_to_string(children).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Moves the calling thread into the network of this process, for good.
///
/// # Errors
/// What kept it out.
pub fn enter_network(leader: i32) -> Result<()> {
    let path = format!("/proc/{leader}/ns/net");
    let namespace = context(File::open(&path), &path)?;
    context(setns(namespace, CloneFlags::CLONE_NEWNET), "setns")
}
