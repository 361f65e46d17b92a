//! Learning together: models over partners' tables without pooling a row.

pub mod evaluate;
pub mod vertical;
