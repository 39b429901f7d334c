//! /etc/services and its like: what names mean, read from text without any lookup.

/// The databases of the machine that is configured, from the files below its /etc.
#[derive(Debug, Default)]
pub struct Databases {}
