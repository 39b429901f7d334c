//! Decisions: pure functions of plain data.
#![forbid(unsafe_code)]
