//! See `xinetd_bridge::fuzzing::control`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xinetd_bridge::fuzzing::control(bytes));
