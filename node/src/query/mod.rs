//! (under construction)

mod request;

pub use request::{QueryRequest, default_wait};
