//! The commands of xinetdctl that need nothing but files, as users call them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic here is the verdict of the test"
)]

mod bed;
mod documentation;
mod eject;
mod explain;
mod look;
mod pages;
mod switch;
