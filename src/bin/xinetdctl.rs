//! The administrator's tool: see [`xinetd_bridge::ctl`].
fn main() {}
