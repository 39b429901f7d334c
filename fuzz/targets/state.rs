//! See `xinetd_bridge::fuzzing::state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xinetd_bridge::fuzzing::state(bytes));
