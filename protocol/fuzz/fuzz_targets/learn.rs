//! Lists of operations against a round of masked sums: `cargo fuzz run -s none learn` (in `protocol/`).
#![no_main]

libfuzzer_sys::fuzz_target!(|operations: &[u8]| tacit_protocol::testing::fuzz::learn_operations(operations));
