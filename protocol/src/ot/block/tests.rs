//! Both codes give the same bytes, and the bytes of the standard.
