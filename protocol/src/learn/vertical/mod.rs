//! Two ends with different columns about the same customers.

pub mod half;
pub mod histogram;
pub mod sigmoid;
pub mod wrap;
