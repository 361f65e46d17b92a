//! What a scoring is made of, before a row is read: a model's columns, of the datasets that it is applied to.

use tacit_protocol::ids::QueryId;

use super::{TrainError, TrainPlan, TrainSide, side};
use crate::{
    policy::{Align, Terms, error::Under},
    query::{Job, Scoring},
};

/// The plan of a scoring: both nodes make the same of the question and their own copies of the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorePlan {
    model: QueryId,
    trained: TrainPlan,
    sides: Vec<TrainSide>,
}

impl ScorePlan {
    /// The model, by the id of its training.
    pub const fn model(&self) -> QueryId {
        self.model
    }

    /// The plan of its training, as the contract has it.
    pub const fn trained(&self) -> &TrainPlan {
        &self.trained
    }

    /// The hash of the job that it was trained by.
    pub fn job(&self) -> [u8; 32] {
        crate::query::Parsed::of_job(self.trained.job().clone()).hash()
    }

    /// What a partner brings: features alone.
    pub fn side(&self, owner: &str) -> Option<&TrainSide> {
        self.sides.iter().find(|side| side.table.owner == owner)
    }

    /// Makes the plan, and says no where the contract does. `asker` is who would get the scores.
    pub(in crate::policy) fn of(
        scoring: &Scoring,
        terms: &Terms,
        asker: &str,
        under: &dyn Fn() -> Under,
    ) -> Result<Self, TrainError> {
        let trained = TrainPlan::of(&scoring.job, terms, under)?;
        let train = trained.terms();
        if train.score.as_deref() != Some(asker) {
            let (asker, to) = (asker.to_owned(), train.score.clone());
            return Err(TrainError::Score { contract: under(), asker, to });
        }
        // Who is scored is known to both: whoever agreed to have that hidden has not agreed to this.
        if train.align == Align::Hidden {
            return Err(TrainError::Alignment { contract: under() });
        }
        let features = scoring.features();
        let over = Job { targets: Vec::new(), features: features.clone(), ..scoring.job.clone() };
        let sides = features.keys().map(|table| side(&over, table, terms, under));
        let sides: Vec<TrainSide> = sides.collect::<Result<_, _>>()?;
        let sides: Vec<TrainSide> =
            sides.into_iter().map(|side| TrainSide { groups: Vec::new(), ..side }).collect();
        // The weight of a column that is encoded otherwise is the weight of nothing.
        for (was, is) in trained.sides().iter().zip(&sides) {
            let differs = |(was, is): &(&super::Feature, &super::Feature)| was.encoding != is.encoding;
            if let Some((was, is)) = was.features.iter().zip(&is.features).find(differs) {
                let (one, other) = (Box::new(was.name.clone()), Box::new(is.name.clone()));
                return Err(TrainError::Differ { contract: under(), one, other });
            }
        }
        Ok(Self { model: scoring.model, trained, sides })
    }
}
