//! Noisy answers that were told or heard, kept so that the same question gets the same answer for nothing.
//!
//! The attack it stops: asking one question again and again and averaging the noise away. A question over content
//! that has not changed is answered with the bytes it was answered with before, at no price, because they tell
//! nothing new; over changed content it is another question, with fresh noise and a price (privacy tests 16, 17).
//!
//! A file that is missing or damaged is an answer that was never kept: the question is then paid for again. None
//! is written before its record is durable, so nothing is told for nothing that was not paid for once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tacit_protocol::{aggregate::Figures, ids::SnapshotHash, transcript::Transcript};

use crate::{
    config::files::{make_private_dir, write_private},
    data::hex,
    policy::{Permitted, Role},
};

/// The answers of a node, told and heard.
#[derive(Debug, Clone)]
pub struct Kept {
    dir: PathBuf,
}

/// An answer that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The record of the answer in this node's ledger.
    pub answer: u64,
    /// The figures, byte for byte.
    pub figures: Figures,
}

/// Under what an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// Of a question for figures: what is asked, by whom, of whom, under which contract. An owner's answers are of
    /// content as well: the snapshot, and how many batches of customers have withdrawn. An asker does not know the
    /// content, and keeps the newest answer. `None` for a reveal.
    pub fn of(permitted: &Permitted, content: Option<(SnapshotHash, usize)>) -> Option<Self> {
        let account = permitted.account()?;
        let mut transcript = Transcript::new("tacit kept answer/1");
        transcript.absorb("question", &permitted.figures_hash()?);
        transcript.absorb("contract", permitted.contract_id().as_bytes());
        transcript.absorb("owner", account.owner.as_bytes());
        transcript.absorb("asker", account.asker.as_bytes());
        transcript.absorb("told", &[u8::from(matches!(permitted.role(), Role::Answerer { .. }))]);
        if let Some((snapshot, withdrawals)) = content {
            transcript.absorb("snapshot", snapshot.as_bytes());
            transcript.absorb("withdrawals", &(withdrawals as u64).to_le_bytes());
        }
        Some(Self(transcript.hash()))
    }
}

/// What an asker says it has: the hash of an answer's figures.
pub fn fingerprint(figures: &Figures) -> [u8; 32] {
    let mut transcript = Transcript::new("tacit figures/1");
    transcript.absorb("figures", &figures.encode());
    transcript.hash()
}

impl Kept {
    /// Keeps answers in this directory, made when first needed.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The answer that is kept under this key, if there is one and it is whole.
    pub fn find(&self, key: Key) -> Option<Past> {
        let bytes = fs::read(self.file(key)).ok()?;
        let (checksum, content) = bytes.split_first_chunk::<32>()?;
        if Sha256::digest(content).as_slice() != checksum {
            return None;
        }
        let (answer, figures) = content.split_first_chunk::<8>()?;
        Some(Past { answer: u64::from_le_bytes(*answer), figures: Figures::decode(figures).ok()? })
    }

    /// Keeps an answer whose record is durable. One that cannot be kept is one that is paid for again.
    pub fn keep(&self, key: Key, past: &Past) {
        let content = [&past.answer.to_le_bytes()[..], &past.figures.encode()].concat();
        let checksum: [u8; 32] = Sha256::digest(&content).into();
        let file = self.file(key);
        let kept = make_private_dir(&self.dir)
            .and_then(|()| write_private(&file, &[&checksum[..], &content].concat()));
        if kept.is_err() {
            tracing::warn!(folder = %Path::new(&self.dir).display(), "an answer could not be kept");
        }
    }

    fn file(&self, Key(key): Key) -> PathBuf {
        self.dir.join(hex(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t16_an_answer_is_kept_byte_for_byte_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().join("answers"));
        let (key, other) = (Key([7; 32]), Key([8; 32]));
        assert_eq!(kept.find(key), None);
        let past = Past { answer: 41, figures: Figures::new(vec![Some(-3), None, Some(i64::MAX)]) };
        kept.keep(key, &past);
        assert_eq!((kept.find(key), kept.find(other)), (Some(past.clone()), None));
        let file = kept.file(key);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&file, &bytes).unwrap();
            assert_eq!(kept.find(key), None, "{at}");
            fs::write(&file, &whole[..at]).unwrap();
            assert_eq!(kept.find(key), None, "{at}");
        }
        let newer = Past { answer: 42, ..past };
        kept.keep(key, &newer);
        assert_eq!(kept.find(key), Some(newer));
    }
}
