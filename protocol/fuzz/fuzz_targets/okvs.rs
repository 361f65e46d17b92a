//! Pairs in a key-value store and in a map: `cargo fuzz run -s none okvs` (in `protocol/`).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tacit_protocol::testing::fuzz::okvs_against_a_map(bytes));
