//! The log's own word on which key signs it, held against the heads and against what the auditor's keys say (LOG-19).
//!
//! The attack it stops: a retired key that somebody found and that signs on, and a hand-over that the node tells its
//! partners and keeps out of its log.

use super::{Fault, Finding};
use crate::log::{checkpoint::Keys, export::LOG, handover::Succession};

/// A head that was met, and the place of its signer among the keys.
pub(super) struct SignedBy<'a> {
    pub(super) file: &'a str,
    pub(super) size: u64,
    pub(super) signer: usize,
}

/// Hand-overs that the keys name and the records lack, and heads by keys that were retired; each with the index of the
/// record where it shows.
pub(super) fn judge<'h>(
    succession: &Succession,
    keys: &Keys,
    records: u64,
    heads: impl Iterator<Item = SignedBy<'h>>,
) -> Vec<(u64, Finding)> {
    let mut findings = Vec::new();
    for handover in &keys.handovers {
        let size = handover.size();
        if size <= records && !succession.tells_of(handover) {
            let key = handover.new_key().to_string();
            findings.push((size - 1, Finding::at(LOG, size, Fault::HandoverNotInLog { key, size })));
        }
    }
    for head in heads {
        let retired = keys.log.get(head.signer).and_then(|key| succession.retired(key));
        if let Some(size) = retired.filter(|size| *size <= head.size) {
            findings.push((size - 1, Finding::of(head.file, Fault::RetiredKey { size })));
        }
    }
    findings
}
