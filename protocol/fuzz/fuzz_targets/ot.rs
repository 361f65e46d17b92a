//! Oblivious transfers whose messages are altered on the way: `cargo fuzz run -s none ot` (in `protocol/`).
#![no_main]

libfuzzer_sys::fuzz_target!(|operations: &[u8]| tacit_protocol::testing::fuzz::ot_operations(operations));
