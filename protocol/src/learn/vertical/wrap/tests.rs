//! The rules of `docs/protocols/learn-sigmoid.md`, with both ends in memory.
