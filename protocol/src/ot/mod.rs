//! Oblivious transfer: base transfers on Ristretto, extended by small-field VOLE.
//!
//! What it is for: one end, the *chooser*, holds a bit, a nibble or a byte, the other, the *keeper* of a secret Δ,
//! holds a table or words. The chooser gets the entry it chose, or both get shares of bit × words. The attack
//! it stops is the obvious one: the keeper learns nothing of the choice, the chooser nothing of what it did
//! not choose.
//!
//! ```text
//!   base ──► pprf ──► vole ──► lookup       1 of 16 entries of up to 16 bits
//!   128·G    32·G     rows  ├► wide         1 of 256 entries of some bytes
//!   transfers trees   q = v ├► correlated   bit × words, shares mod 2^64
//!                      ⊕    └► pad          1 of 2 random bytes
//!                   code⊙Δ
//! ```
//!
//! Papers: Masny and Rindal 2019 (`base`), Goldreich, Goldwasser and Micali 1986 with a puncture (`pprf`),
//! Roy 2022, eprint 2022/192, sections 3 to 5 (`vole`), Guo, Katz, Wang and Yu 2020 (`block`). The adversary
//! is **semi-honest**; lengths and encodings are checked, so that a malformed message can only end the run.
//! `docs/protocols/ot.md` has the rules, OT-01 and on.

mod base;
mod block;
mod conjunction;
mod correlated;
mod field;
mod lookup;
mod pad;
mod piece;
mod pprf;
mod setup;
mod transpose;
mod vole;
mod wide;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use block::Engine;
pub use conjunction::{PendingConjunction, answer_conjunction, conjoin};
pub use correlated::{CorrelatedOt, CotChooser, CotSender, PendingCot, SoftSpoken};
pub use lookup::{LookupChooser, LookupSender, PendingLookup};
pub use pad::{PadChooser, PadSender};
pub use setup::{ChooserSetup, KeeperSetup};
pub use vole::{Batch, Chooser, Keeper};
pub use wide::{ENTRIES, PendingWide, Plane, WideChooser, WideSender};
