//! Random bytes through every decoder: `cargo fuzz run -s none messages` (in `protocol/`).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tacit_protocol::testing::fuzz::decode_everything(bytes));
