//! The helper: see [`xinetd_bridge::accept`].
fn main() {}
