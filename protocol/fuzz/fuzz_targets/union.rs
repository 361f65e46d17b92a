//! A union with a message that is altered on the way: `cargo fuzz run -s none union` (in `protocol/`).
#![no_main]

libfuzzer_sys::fuzz_target!(|operations: &[u8]| tacit_protocol::testing::fuzz::union_operations(operations));
