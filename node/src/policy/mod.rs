//! (under construction)

pub mod consent;
