//! Oblivious transfer: base transfers on Ristretto, extended by small-field VOLE.
