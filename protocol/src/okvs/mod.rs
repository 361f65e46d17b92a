//! Oblivious key-value stores: a table that says nothing about the keys it was made from.
