//! (under construction)

pub mod consent;
mod decimal;
pub use decimal::Decimal;
