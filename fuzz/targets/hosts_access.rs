//! See `xinetd_bridge::fuzzing::hosts_access`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xinetd_bridge::fuzzing::hosts_access(bytes));
