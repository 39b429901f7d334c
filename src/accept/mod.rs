//! The helper: accept, decide, act.
