//! See `xinetd_bridge::fuzzing::options`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xinetd_bridge::fuzzing::options(bytes));
