//! What a node keeps of a model of two partners' columns beside its card, so that scores can be made with it later: its
//! halves of the weights, and how its own columns were whitened.
//!
//! The attacks this stops: halves that outlive their model on a disk, so they are written over before they are removed;
//! halves of one model under the name of another, so they are held against the model's part and width before anything is
//! said; and scores that are made again and again, whose roundings average away, so every scoring is counted durably
//! before it begins (LEARNV-49).

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use tacit_protocol::{
    ids::{QueryId, SnapshotHash},
    learn::vertical::{Basis, Party, State},
};
use zeroize::Zeroizing;

use super::{
    Model, Registry, ScoreError,
    model::{Part, Shape},
    registry::{ModelError, SHARES, Scores},
};
use crate::{
    config::{FileError, files},
    data::hex,
    policy::Permitted,
    report::Report,
    rooms::{Rooms, blocking},
};

const BASIS: &str = "basis";
const SCORINGS: &str = "scorings";

/// 512 columns have a basis of 2 MiB.
const LARGEST_BASIS: u64 = 4 << 20;

/// LEARNV-49: how often scores of one model are made, beside those at the end of its training. Whoever keeps its halves of
/// all of them knows a score to about a seventh of what one shows.
pub const MOST_SCORINGS: u32 = 12;

/// A node's halves of a model, as they are needed for scoring. **Secret**: with the partner's they give the model, and
/// the basis tells of the rows of the training.
#[derive(Debug, Clone)]
pub(crate) struct Halves {
    pub(crate) state: State,
    pub(crate) basis: Basis,
}

/// A model that scores can be made with, and how often that was done.
#[derive(Debug, Clone)]
pub(crate) struct Scorable {
    pub(crate) model: Model,
    pub(crate) halves: Halves,
    made: u32,
}

impl Scorable {
    /// The model of a scoring, if this node has its halves of it, it is of that contract and job, and it has not been used
    /// too often.
    ///
    /// # Errors
    /// [`ScoreError::NotHere`], [`ScoreError::TooOften`]; [`ModelError`] of its files.
    pub(crate) async fn of(rooms: &Rooms, permitted: &Permitted) -> Result<Self, Report> {
        let registry = rooms.models.clone();
        let not_here = |id: QueryId| ScoreError::NotHere { model: id.short() };
        // Invariant: the hallway comes here with scorings alone.
        let Some(plan) = permitted.score().cloned() else {
            return Err(not_here(QueryId::new([0; 32])).into());
        };
        let (contract, me) = (permitted.contract_id(), permitted.me().to_owned());
        let scorable = blocking(move || -> Result<Option<Self>, ModelError> {
            let id = plan.model();
            let model = match registry.read(id) {
                Ok(model) => model,
                Err(ModelError::File(error)) if error.is_missing() => return Ok(None),
                Err(error) => return Err(error),
            };
            let ours = plan.trained().side(&me);
            let has_target = ours.is_some_and(|side| side.target.is_some());
            let part = if has_target { Part::Label } else { Part::Features };
            let is_it = model.contract.id == contract
                && model.shape == Shape::Vertical
                && model.job.hash == hex(plan.job())
                && model.part == part
                && model.us == me;
            let halves = registry.halves(id, ours.map_or(0, |side| side.width()))?;
            let made = registry.scorings(id)?;
            let party = if has_target { Party::Label } else { Party::Features };
            let halves = halves.filter(|halves| is_it && halves.state.party() == party);
            Ok(halves.map(|halves| Self { model, halves, made }))
        })
        .await?;
        let Some(scorable) = scorable else {
            return Err(not_here(permitted.score().map_or(QueryId::new([0; 32]), |plan| plan.model())).into());
        };
        if scorable.made >= MOST_SCORINGS {
            let model = scorable.model.name.clone();
            return Err(ScoreError::TooOften { model, most: MOST_SCORINGS }.into());
        }
        Ok(scorable)
    }

    /// Which scoring of the model this is, from 1.
    pub(crate) const fn number(&self) -> u32 {
        self.made + 1
    }

    /// LEARNV-49: counts it, durably; from here on it has been made, whatever comes of it. Nobody else may be at it.
    ///
    /// # Errors
    /// [`ScoreError::TooOften`] if others have been made meanwhile; [`ModelError::File`].
    pub(crate) async fn count(&self, rooms: &Rooms) -> Result<(), Report> {
        let (registry, id, number) = (rooms.models.clone(), self.model.id, self.number());
        let counted = blocking(move || registry.count_scoring(id, number)).await?;
        if !counted {
            return Err(ScoreError::UnderWay { model: self.model.name.clone() }.into());
        }
        Ok(())
    }
}

impl Registry {
    /// Keeps this side's halves of a model, durably, before the model itself.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub(crate) fn keep_halves(&self, id: QueryId, halves: &Halves) -> Result<(), ModelError> {
        let folder = self.folder(id);
        files::make_private_dir(&folder).map_err(ModelError::File)?;
        files::write_private(&folder.join(BASIS), &halves.basis.to_bytes()).map_err(ModelError::File)?;
        files::write_private(&folder.join(SHARES), &halves.state.to_bytes()).map_err(ModelError::File)
    }

    /// Whether there are halves of a model, read or not.
    pub(crate) fn has_halves(&self, id: QueryId) -> bool {
        [SHARES, BASIS].iter().all(|name| self.folder(id).join(name).exists())
    }

    /// This side's halves of a model with so many columns of ours; nothing if it has none, or none that are whole.
    ///
    /// # Errors
    /// [`ModelError::Damaged`], [`ModelError::File`].
    pub(crate) fn halves(&self, id: QueryId, columns: usize) -> Result<Option<Halves>, ModelError> {
        let read = |name: &str| match files::read_private_up_to(&self.folder(id).join(name), LARGEST_BASIS) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(ModelError::File(error)),
        };
        let damaged = || ModelError::Damaged { model: id.short(), problem: "its halves do not read" };
        let (Some(shares), Some(basis)) = (read(SHARES)?, read(BASIS)?) else { return Ok(None) };
        let state = State::from_bytes(&shares).map_err(|_| damaged())?;
        let basis = Basis::from_bytes(&basis, columns).map_err(|_| damaged())?;
        Ok(Some(Halves { state, basis }))
    }

    /// How often scores were made with a model, beside those at the end of its training.
    ///
    /// # Errors
    /// [`ModelError::Damaged`], [`ModelError::File`].
    pub(crate) fn scorings(&self, id: QueryId) -> Result<u32, ModelError> {
        let damaged = || ModelError::Damaged { model: id.short(), problem: "its scorings are not counted" };
        match files::read_private(&self.folder(id).join(SCORINGS)) {
            Ok(bytes) => {
                std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok()).ok_or_else(damaged)
            }
            Err(error) if error.is_missing() => Ok(0),
            Err(error) => Err(ModelError::File(error)),
        }
    }

    /// Counts a scoring as this one; `false` if another has this number.
    fn count_scoring(&self, id: QueryId, number: u32) -> Result<bool, ModelError> {
        let folder = self.folder(id);
        let unwritable =
            |source| ModelError::File(FileError::Unwritable { path: folder.join(SCORINGS), source });
        // Of two at a time one waits here for the other, and then has the wrong number.
        let held = fs::File::open(&folder).map_err(unwritable)?;
        held.lock().map_err(unwritable)?;
        if self.scorings(id)? + 1 != number {
            return Ok(false);
        }
        files::write_private(&folder.join(SCORINGS), format!("{number}\n").as_bytes())
            .map_err(ModelError::File)?;
        Ok(true)
    }

    /// Keeps scores that were made with the partner under a name that nothing reads, until they are on record.
    ///
    /// # Errors
    /// [`ModelError::NotFinite`]; [`ModelError::File`].
    pub(crate) fn set_scores_aside(
        &self,
        id: QueryId,
        snapshot: &SnapshotHash,
        scores: &Scores,
    ) -> Result<(), ModelError> {
        let not_finite = || ModelError::NotFinite { model: id.short() };
        if scores.scores.iter().any(|(_, score)| !score.is_finite()) {
            return Err(not_finite());
        }
        let text = Zeroizing::new(serde_json::to_vec(scores).map_err(|_| not_finite())?);
        files::write_private(&self.folder(id).join(aside(snapshot)), &text).map_err(ModelError::File)
    }

    /// Gives scores that were set aside the name that they are read by.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub(crate) fn show_scores(&self, id: QueryId, snapshot: &SnapshotHash) -> Result<(), ModelError> {
        let folder = self.folder(id);
        let path = folder.join(of_content(snapshot));
        fs::rename(folder.join(aside(snapshot)), &path)
            .map_err(|source| ModelError::File(FileError::Unwritable { path, source }))
    }

    /// The scores of the customers of this content: made with the partner since, or else at the end of the training.
    ///
    /// # Errors
    /// [`ModelError::Damaged`], [`ModelError::File`].
    pub fn scores_of(&self, id: QueryId, snapshot: &SnapshotHash) -> Result<Option<Scores>, ModelError> {
        if let Some(made) = self.scores_in(id, &of_content(snapshot))? {
            return Ok(Some(made));
        }
        Ok(self.scores(id)?.filter(|made| made.snapshot == snapshot.to_string()))
    }
}

fn of_content(snapshot: &SnapshotHash) -> String {
    format!("scores-{snapshot}.json")
}

fn aside(snapshot: &SnapshotHash) -> String {
    format!("scores-{snapshot}.partial")
}

/// Writes zeros over what is secret in a model's folder. A file system that never writes in place keeps the old blocks
/// until it needs them; there is no more that can be done from here.
pub(super) fn wipe(folder: &Path) -> io::Result<()> {
    for name in [SHARES, BASIS] {
        let mut file = match fs::File::options().write(true).open(folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let zeros = vec![0; file.metadata()?.len() as usize];
        file.write_all(&zeros)?;
        file.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use tacit_protocol::{
        ids::{ContractId, SessionId},
        learn::vertical::{Agreed, Linkage, Opens, Params},
    };

    use super::*;
    use crate::learn::registry::tests::example;

    fn halves() -> Halves {
        let params = Params::new(Agreed {
            session: SessionId::new([1; 32]),
            contract: ContractId::new([2; 32]),
            job: [3; 32],
            linkage: Linkage::Logistic,
            rows: 100,
            label_columns: 0,
            feature_columns: 1,
            rounds: 1,
            l2_micro: 0,
            opens: Opens::Nobody,
            noise: None,
        });
        let bytes = [&[0][..], &0.25_f64.to_le_bytes(), &0.5_f64.to_le_bytes()].concat();
        let basis = Basis::from_bytes(&bytes, 1).unwrap();
        Halves { state: State::new(&params.unwrap(), Party::Features), basis }
    }

    fn registry(folder: &tempfile::TempDir) -> (Registry, Model) {
        let registry = Registry::at(folder.path().join("models"));
        let model = example();
        registry.keep_halves(model.id, &halves()).unwrap();
        registry.keep(&model, None).unwrap();
        (registry, model)
    }

    #[test]
    fn halves_come_back_for_their_owner_alone_and_go_with_their_model() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, Model { id, .. }) = registry(&folder);
        let back = registry.halves(id, 1).unwrap().unwrap();
        assert_eq!((back.state, back.basis), (halves().state, halves().basis));
        assert!(matches!(registry.halves(id, 2), Err(ModelError::Damaged { .. })), "of other columns");
        let shares = registry.folder(id).join(SHARES);
        assert_eq!(fs::metadata(&shares).unwrap().permissions().mode() & 0o777, 0o600);
        // A second name for the same blocks shows what became of them.
        let linked = folder.path().join("linked");
        fs::hard_link(&shares, &linked).unwrap();
        assert_eq!(fs::metadata(&linked).unwrap().nlink(), 2);
        registry.delete(id).unwrap();
        assert!(!registry.has_halves(id) && registry.halves(id, 1).unwrap().is_none());
        let left = fs::read(&linked).unwrap();
        assert!(!left.is_empty() && left.iter().all(|byte| *byte == 0), "written over before it was removed");
    }

    #[test]
    fn learnv_49_every_scoring_has_a_number_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, Model { id, .. }) = registry(&folder);
        assert_eq!(registry.scorings(id).unwrap(), 0);
        assert!(registry.count_scoring(id, 1).unwrap());
        assert!(!registry.count_scoring(id, 1).unwrap(), "two that began at once are two");
        assert!(registry.count_scoring(id, 2).unwrap());
        assert_eq!(registry.scorings(id).unwrap(), 2);
        files::write_private(&registry.folder(id).join(SCORINGS), b"few\n").unwrap();
        assert!(matches!(registry.scorings(id), Err(ModelError::Damaged { .. })));
    }

    #[test]
    fn scores_are_read_when_they_are_on_record_and_the_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, Model { id, .. }) = registry(&folder);
        let snapshot = SnapshotHash::new([7; 32]);
        let made = |score| Scores { snapshot: snapshot.to_string(), scores: vec![(1, score)] };
        registry.keep_scores(id, &made(0.5)).unwrap();
        assert_eq!(registry.scores_of(id, &snapshot).unwrap(), Some(made(0.5)));
        assert_eq!(registry.scores_of(id, &SnapshotHash::new([8; 32])).unwrap(), None);
        registry.set_scores_aside(id, &snapshot, &made(0.75)).unwrap();
        assert_eq!(registry.scores_of(id, &snapshot).unwrap(), Some(made(0.5)));
        registry.show_scores(id, &snapshot).unwrap();
        assert_eq!(registry.scores_of(id, &snapshot).unwrap(), Some(made(0.75)));
    }
}
