//! Vertical training with a message that is altered on the way: `cargo fuzz run -s none vertical` (in `protocol/`).
#![no_main]

libfuzzer_sys::fuzz_target!(|operations: &[u8]| tacit_protocol::testing::fuzz::vertical_operations(operations));
