//! Look-ups on split values whose messages are altered on the way: `cargo fuzz run -s none look_ups` (in `protocol/`).
#![no_main]

libfuzzer_sys::fuzz_target!(|operations: &[u8]| tacit_protocol::testing::fuzz::look_up_operations(operations));
