//! Learning together: models over data that stays where it is.

pub mod vertical;
