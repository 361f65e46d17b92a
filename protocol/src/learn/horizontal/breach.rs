//! Rules of the summation that somebody broke.

use crate::session::Abort;

/// A rule of `docs/protocols/learn-horizontal.md` that was not kept. None says whose number was what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Breach {
    /// Rules that cannot be kept together.
    #[error("so many trainers, drop-outs and colluders do not fit together")]
    Rules,
    /// Seats out of order, too many or too few, or one that is there twice.
    #[error("the roster is not one of this job")]
    Roster,
    /// A seat that its node has not signed.
    #[error("a seat of the roster is not signed by its node")]
    SeatUnsigned,
    /// We are not in the roster, or with another key.
    #[error("the roster does not have our seat")]
    NotSeated,
    /// A seat's key is none that a secret can be agreed on with.
    #[error("a seat's key is no key")]
    SeatKey,
    /// Our own vector is not of the round's shape.
    #[error("our own vector is not of this round's shape")]
    OwnVector,
    /// A round, or an attempt of it, that is over.
    #[error("this attempt of this round is over")]
    AttemptRepeated,
    /// A round that was begun with another history.
    #[error("the sums before this round are other ones than those it was begun with")]
    HistoryDiffers,
    /// Our own vector is another one than in the attempt before.
    #[error("our own vector is another one than in the attempt before")]
    VectorChanged,
    /// A message of another round, attempt, roster or history.
    #[error("the message belongs to another attempt")]
    ContextDiffers,
    /// A message of another shape than this round's.
    #[error("the message is not of this round's shape")]
    MessageShape,
    /// Fewer survivors than the cohort.
    #[error("too few trainers are left")]
    CohortTooSmall,
    /// We answered and are said to have dropped out, or a set with strangers.
    #[error("the set of survivors is none that this trainer can be part of")]
    NotASurvivor,
    /// Another set than the one that was agreed to before.
    #[error("another set of survivors was agreed to before")]
    SetChanged,
    /// A sealed share that does not open.
    #[error("a sealed share does not open")]
    BoxBroken,
    /// A consent that is not one to this set.
    #[error("a trainer has not agreed to this set of survivors")]
    ConsentDiffers,
    /// Too few have agreed.
    #[error("too few trainers have agreed to this set of survivors")]
    ConsentMissing,
    /// Shares do not come to what was committed to.
    #[error("a share that was opened is not the one that was dealt")]
    ShareDiffers,
    /// A sum that no vectors within their bounds come to.
    #[error("the sum is beyond what it can be")]
    SumOutOfBounds,
    /// A message from somebody who is not there, or twice.
    #[error("the message was not due from this trainer")]
    NotDue,
}

impl Breach {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Rules => "E-LEARN-RULES",
            Self::Roster => "E-LEARN-ROSTER",
            Self::SeatUnsigned => "E-LEARN-SEAT-UNSIGNED",
            Self::NotSeated => "E-LEARN-NOT-SEATED",
            Self::SeatKey => "E-LEARN-SEAT-KEY",
            Self::OwnVector => "E-LEARN-OWN-VECTOR",
            Self::AttemptRepeated => "E-LEARN-ATTEMPT-REPEATED",
            Self::HistoryDiffers => "E-LEARN-HISTORY",
            Self::VectorChanged => "E-LEARN-VECTOR-CHANGED",
            Self::ContextDiffers => "E-LEARN-CONTEXT",
            Self::MessageShape => "E-LEARN-MESSAGE-SHAPE",
            Self::CohortTooSmall => "E-LEARN-COHORT",
            Self::NotASurvivor => "E-LEARN-NOT-A-SURVIVOR",
            Self::SetChanged => "E-LEARN-SET-CHANGED",
            Self::BoxBroken => "E-LEARN-BOX",
            Self::ConsentDiffers => "E-LEARN-CONSENT",
            Self::ConsentMissing => "E-LEARN-CONSENT-MISSING",
            Self::ShareDiffers => "E-LEARN-SHARE",
            Self::SumOutOfBounds => "E-LEARN-SUM-BOUNDS",
            Self::NotDue => "E-LEARN-NOT-DUE",
        }
    }

    /// Whether a peer broke it, rather than we or the circumstances.
    pub const fn blames_peer(self) -> bool {
        !matches!(
            self,
            Self::Rules
                | Self::OwnVector
                | Self::VectorChanged
                | Self::AttemptRepeated
                | Self::CohortTooSmall
        )
    }
}

impl From<Breach> for Abort {
    fn from(breach: Breach) -> Self {
        Self::Summation(breach)
    }
}
