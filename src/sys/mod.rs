//! The only unsafe code.
#![allow(unsafe_code)]
