//! Both codes, and plain arithmetic, give the same rows.
