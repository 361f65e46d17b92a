//! Whole runs: against a second road to the same answer, and whether anything that is said tells more than it may.

mod leakage;
mod reference;
