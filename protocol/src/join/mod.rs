//! The private join: noisy counts and sums over an overlap that nobody sees.
pub mod permute;
