//! Services in, units and specs out.
#![forbid(unsafe_code)]
