//! Noisy answers that were paid for, kept so that asking again is free.
//!
//! The attack it stops: the same question ten thousand times, to average the noise away (B05). Who asks the same of
//! the same content gets the same bytes, and pays nothing, because there is nothing new to learn. An answer is kept
//! before it leaves; whether it was paid for, the log says.
//!
//! A question over an overlap has nothing to keep until its figures are opened. Until then there is a note that it was
//! begun: who retries it after a crash pays no second time, and who has seen the figures pays.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tacit_protocol::ids::{ContractId, PartnerId, QueryId, SnapshotHash};

use crate::{config::files, data::hex};

/// What makes two questions the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sameness {
    /// The contract they are asked under.
    pub contract: ContractId,
    /// Who asks.
    pub asker: PartnerId,
    /// The question as both nodes read it, its ε included.
    pub question: [u8; 32],
    /// The content it is asked of.
    pub snapshot: SnapshotHash,
}

/// An answer as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptAnswer {
    /// The question that paid for it.
    pub query: QueryId,
    /// The figures, noise and all.
    pub figures: Vec<u8>,
}

/// The answers that are kept.
#[derive(Debug, Clone)]
pub struct Kept {
    directory: PathBuf,
}

impl Sameness {
    fn name(&self) -> String {
        let mut hash = Sha256::new_with_prefix(b"tacit kept answer 1\n");
        for part in
            [self.contract.as_bytes(), self.asker.as_bytes(), &self.question, self.snapshot.as_bytes()]
        {
            hash.update(part);
        }
        hex(hash.finalize())
    }
}

impl Kept {
    /// In the ledger's directory.
    pub fn at(ledger: &Path) -> Self {
        Self { directory: ledger.join("answers") }
    }

    /// The answer to the same question of the same content, if one was kept whole.
    pub fn find(&self, same: &Sameness) -> Option<KeptAnswer> {
        let bytes = std::fs::read(self.directory.join(same.name())).ok()?;
        let (answer, sum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        // A byte that the disk has changed would be another answer.
        (Sha256::digest(answer)[..] == *sum).then(|| serde_json::from_slice(answer).ok()).flatten()
    }

    /// Notes durably that a question was begun. Called before anything of it leaves; the note stays until
    /// [`opened`](Self::opened), and is not replaced by that of a question which takes this one up again.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(&self, same: &Sameness, query: QueryId) -> io::Result<()> {
        files::make_private_dir(&self.directory).map_err(io::Error::other)?;
        files::write_atomic(&self.begun_file(same), query.as_bytes()).map_err(io::Error::other)
    }

    /// The question that was begun and that nobody has had figures of, if there is one.
    pub fn begun(&self, same: &Sameness) -> Option<QueryId> {
        let bytes = std::fs::read(self.begun_file(same)).ok()?;
        bytes.try_into().ok().map(QueryId::new)
    }

    /// From now on somebody may have had figures of it: it is not begun again for nothing. Called before they leave.
    ///
    /// # Errors
    /// That could not be made durable; then they may not leave.
    pub fn opened(&self, same: &Sameness) -> io::Result<()> {
        match std::fs::remove_file(self.begun_file(same)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed?,
        }
        std::fs::File::open(&self.directory)?.sync_all()
    }

    fn begun_file(&self, same: &Sameness) -> PathBuf {
        self.directory.join(format!("{}.begun", same.name()))
    }

    /// Keeps an answer durably. Called before it leaves.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, same: &Sameness, answer: &KeptAnswer) -> io::Result<()> {
        files::make_private_dir(&self.directory).map_err(io::Error::other)?;
        let mut bytes = serde_json::to_vec(answer)?;
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        files::write_atomic(&self.directory.join(same.name()), &bytes).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b05_an_answer_is_found_for_the_same_question_of_the_same_content_alone() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::at(folder.path());
        let same = Sameness {
            contract: ContractId::new([1; 32]),
            asker: PartnerId::new([2; 32]),
            question: [3; 32],
            snapshot: SnapshotHash::new([4; 32]),
        };
        let answer = KeptAnswer { query: QueryId::new([5; 32]), figures: vec![1, 2, 3] };
        assert_eq!(kept.find(&same), None);
        kept.keep(&same, &answer).unwrap();
        assert_eq!(kept.find(&same), Some(answer));
        for other in [
            Sameness { contract: ContractId::new([9; 32]), ..same },
            Sameness { asker: PartnerId::new([9; 32]), ..same },
            Sameness { question: [9; 32], ..same },
            Sameness { snapshot: SnapshotHash::new([9; 32]), ..same },
        ] {
            assert_eq!(kept.find(&other), None);
        }
        let file = std::fs::read_dir(folder.path().join("answers")).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[3] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(kept.find(&same), None, "a changed answer is none");
    }

    #[test]
    fn t21_a_question_is_begun_until_its_figures_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::at(folder.path());
        let same = Sameness {
            contract: ContractId::new([1; 32]),
            asker: PartnerId::new([2; 32]),
            question: [3; 32],
            snapshot: SnapshotHash::new([4; 32]),
        };
        let other = Sameness { question: [9; 32], ..same };
        assert_eq!(kept.begun(&same), None);
        kept.opened(&same).unwrap();
        kept.begin(&same, QueryId::new([5; 32])).unwrap();
        assert_eq!((kept.begun(&same), kept.begun(&other)), (Some(QueryId::new([5; 32])), None));
        assert_eq!(kept.find(&same), None, "a note is no answer");
        kept.opened(&same).unwrap();
        assert_eq!(kept.begun(&same), None);
    }
}
