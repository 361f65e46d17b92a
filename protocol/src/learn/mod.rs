//! Learning together: a model over the rows of several nodes, of which no row leaves its node.
//!
//! The attack: a gradient gives the rows away that it was computed from, and a sum with one partner in it and one
//! without gives that partner's away. So what crosses is sums over many nodes under masks ([`horizontal`]: same
//! columns, different customers), and both the sums' noise and who is in them is for each trainer to enforce, not
//! for the coordinator.
//!
//! ```text
//!   encode ──► Design, targets: bounded numbers from public bounds and values
//!   glm ─────► Plan (rounds, sensitivity, price), statistics of a round, the step that all nodes agree on
//!   horizontal ► roster, masked sums, drop-outs, noise shares
//!   union ─────► one order for the customers of two ends that shows neither who is in both
//! ```

pub mod align;
pub mod encode;
pub mod evaluate;
pub mod glm;
pub mod horizontal;
pub mod recall;
pub mod union;
pub mod vertical;
