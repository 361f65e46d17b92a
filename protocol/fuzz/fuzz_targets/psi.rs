//! Lists of operations against a run of private set intersection: `cargo fuzz run -s none psi` (in `protocol/`).
#![no_main]

libfuzzer_sys::fuzz_target!(|operations: &[u8]| tacit_protocol::testing::fuzz::psi_operations(operations));
