//! A small private join with somebody in between: `cargo fuzz run -s none join` (in `protocol/`).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tacit_protocol::testing::fuzz::join_operations(bytes));
