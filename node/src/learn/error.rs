//! What can go wrong in a training beside what any question can meet.

use tacit_protocol::learn::{encode::EncodeError, glm::LearnError};

use crate::{
    config::FileError,
    report::{Class, Detail, Refusal},
};

/// A training that cannot go on. What was learned until then is kept, and a later run goes on from it.
#[derive(Debug, thiserror::Error)]
pub enum TrainFault {
    /// So few customers that noise or not, single ones would show.
    #[error("{found} customers can be learned from, fewer than the contract's least group of {least}")]
    TooFew {
        /// How many there are.
        found: u64,
        /// `privacy.min_group`.
        least: u64,
    },
    /// A column that is not as the contract says.
    #[error("a column cannot be learned from")]
    Column(#[source] EncodeError),
    /// The model cannot be fitted so, or the sums are none that rows could have given.
    #[error("the model cannot be fitted")]
    Model(#[source] LearnError),
    /// What was learned cannot be kept.
    #[error("the state of the job cannot be kept or read")]
    State(#[source] FileError),
    /// What was kept is of another job, or damaged.
    #[error("the state of the job that was kept does not fit it")]
    StateDamaged,
    /// The partner is at another round than we are.
    #[error("{partner} does not go on where this node stopped")]
    OutOfStep {
        /// Its name.
        partner: String,
    },
    /// A round could not be finished for lack of trainers.
    #[error("{partner} is gone, and the job needs it")]
    Gone {
        /// Its name.
        partner: String,
    },
    /// The same job over the same data, begun before.
    #[error("this job is being trained")]
    UnderWay,
    /// LEARNV-37: a run that was cut, or broken off, so often that going on would tell too much.
    #[error("the run was taken up {resumed} times and broken by the partner {broken} times: it is over")]
    TakenUp {
        /// How often it was taken up.
        resumed: u32,
        /// How often the partner broke the protocol in it.
        broken: u32,
    },
    /// Known, wanted, not built yet.
    #[error("{what}: not in this version of Tacit")]
    NotYet {
        /// What was asked for.
        what: &'static str,
        /// What works now.
        instead: &'static str,
    },
}

impl Refusal for TrainFault {
    fn code(&self) -> &'static str {
        match self {
            Self::TooFew { .. } => "E-TRAIN-TOO-FEW",
            Self::Column(_) => "E-DATA-COLUMN-UNFIT",
            Self::Model(_) => "E-TRAIN-MODEL",
            Self::State(_) => "E-TRAIN-STATE",
            Self::StateDamaged => "E-TRAIN-STATE-DAMAGED",
            Self::OutOfStep { .. } => "E-TRAIN-OUT-OF-STEP",
            Self::Gone { .. } => "E-PEER-GONE",
            Self::UnderWay => "E-TRAIN-UNDER-WAY",
            Self::TakenUp { .. } => "E-TRAIN-TAKEN-UP",
            Self::NotYet { .. } => "E-NOT-IN-THIS-VERSION",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::TooFew { .. } => Class::Policy,
            Self::OutOfStep { .. } | Self::Gone { .. } | Self::TakenUp { .. } => Class::Peer,
            Self::NotYet { .. } => Class::Usage,
            Self::UnderWay | Self::Column(_) | Self::Model(_) | Self::State(_) | Self::StateDamaged => {
                Class::Failed
            }
        }
    }

    fn details(&self) -> Vec<Detail> {
        let mend = match self {
            Self::TooFew { .. } => "more customers in common, or a contract with a smaller min_group",
            Self::Column(_) => "tacit dataset show: the column has another type than the contract says",
            Self::Model(_) => "more l2, fewer columns, or a smaller clip",
            Self::State(_) => "check free space and rights of the home",
            Self::StateDamaged => "remove the job's folder under jobs/: it is trained, and paid for, anew",
            Self::OutOfStep { .. } => "tacit train again: it begins anew where the two do not agree",
            Self::Gone { .. } => {
                "tacit train again when it is back: it goes on after the last finished round"
            }
            Self::UnderWay => {
                "wait for its end, or end the command that waits for it; then it goes on where it stopped"
            }
            Self::TakenUp { .. } => {
                "find out what ends it (tacit audit log, at both), then tacit train again: it begins anew, and is paid \
                 for anew"
            }
            Self::NotYet { instead, .. } => instead,
        };
        vec![Detail::new("would do", mend)]
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::Gone { .. } | Self::UnderWay)
    }
}
