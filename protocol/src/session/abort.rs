//! Why a run ended without an answer.
//!
//! Each variant is named by the rule that was broken and has a stable code; the code is all that the peer is
//! told. None carries an item, a point, a tag or a key.

use crate::{learn::horizontal::Breach, ristretto::Refusal, wire::WireError};

/// A run that ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Abort {
    /// The peer broke a rule of the protocol.
    #[error("the peer broke a rule of the protocol")]
    Peer(#[source] PeerMisbehaved),
    /// The peer's bytes are not a message, or not the one that is due.
    #[error("the peer's message cannot be taken")]
    Wire(#[source] WireError),
    /// A message of the protocol, but not now.
    #[error("{expected} was due, {got} came")]
    OutOfTurn { expected: &'static str, got: &'static str },
    /// The peer stopped speaking before the end.
    #[error("the peer ended the session while {expected} was due")]
    PeerEnded { expected: &'static str },
    /// Our own set, with its dummies, is larger than the contract lets us bring.
    #[error("the set has {count} items with its dummies, {cap} are allowed")]
    OwnSetAboveCap { count: u64, cap: u32 },
    /// Our own answer is not of the shape that both ends have computed.
    #[error("our own figures are not of the agreed shape")]
    OwnFigures,
    /// The session was set up with chunks that hold no item or do not fit into a message.
    #[error("a chunk must hold at least one item and fit into a message")]
    ChunkSize,
    /// What was to be computed cannot be: too many cells or terms, or a figure that might overflow.
    #[error("the join's shape, bounds and sizes do not fit together")]
    JoinShape,
    /// Our own rows are not of the agreed shape, or a key stands in them twice.
    #[error("our own rows are not of the agreed shape")]
    OwnRows,
    /// The rows could not be put into bins: a chance of 2⁻⁴⁰ a run.
    #[error("the rows could not be put into bins")]
    BinsFull,
    /// A sum over several nodes could not be opened, or must not be.
    #[error("the sum over the trainers was not opened")]
    Summation(#[source] Breach),
    /// A job that cannot be learned as it is: no rows, columns or rounds, or too many.
    #[error("the job's rows, columns and rounds do not fit together")]
    LearnShape,
    /// Our own columns or target are not of the agreed shape, or not finite.
    #[error("our own columns are not of the agreed shape")]
    OwnColumns,
    /// What was kept of an earlier run is of another job, or damaged.
    #[error("the state that was kept does not belong to this job")]
    OwnState,
    /// By this end's estimate the two have fewer customers in common than it wants.
    #[error("too few customers are in common")]
    TooFewInCommon,
    /// The state after a round could not be kept.
    #[error("the state after a round could not be kept")]
    NotKept,
}

impl Abort {
    /// The stable code, the same in every log and answer.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Peer(rule) => rule.code(),
            Self::Wire(rule) => rule.code(),
            Self::OutOfTurn { .. } => "E-PEER-OUT-OF-TURN",
            Self::PeerEnded { .. } => "E-PEER-ENDED",
            Self::OwnSetAboveCap { .. } => "E-SET-ABOVE-CAP",
            Self::OwnFigures => "E-OWN-FIGURES",
            Self::ChunkSize => "E-CHUNK-SIZE",
            Self::JoinShape => "E-JOIN-SHAPE",
            Self::OwnRows => "E-OWN-ROWS",
            Self::BinsFull => "E-JOIN-BINS-FULL",
            Self::Summation(rule) => rule.code(),
            Self::LearnShape => "E-LEARN-SHAPE",
            Self::OwnColumns => "E-OWN-COLUMNS",
            Self::OwnState => "E-OWN-STATE",
            Self::TooFewInCommon => "E-UNION-TOO-FEW",
            Self::NotKept => "E-STATE-NOT-KEPT",
        }
    }

    /// Whether it is the peer that broke a rule, so that the audit can say so (A17). A peer that merely
    /// went away is not blamed.
    pub const fn blames_peer(&self) -> bool {
        match self {
            Self::Summation(rule) => rule.blames_peer(),
            _ => matches!(self, Self::Peer(_) | Self::Wire(_) | Self::OutOfTurn { .. }),
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    pub const fn retry_helps(&self) -> bool {
        matches!(self, Self::PeerEnded { .. } | Self::BinsFull | Self::Summation(Breach::CohortTooSmall))
    }

    /// For a message that arrives after the run is over.
    pub const fn after_the_end(got: &'static str) -> Self {
        Self::OutOfTurn { expected: "nothing", got }
    }
}

impl From<PeerMisbehaved> for Abort {
    fn from(rule: PeerMisbehaved) -> Self {
        Self::Peer(rule)
    }
}

impl From<WireError> for Abort {
    fn from(rule: WireError) -> Self {
        Self::Wire(rule)
    }
}

/// A rule of the protocol that the peer broke; `docs/protocols/` has them by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// It speaks in our role.
    #[error("the message is one that only this side may send")]
    RoleReflected,
    /// It announced more items than the contract lets it bring.
    #[error("{announced} items were announced, {cap} are allowed")]
    CountAboveCap { announced: u64, cap: u32 },
    /// A chunk was left out, repeated, or overtook another.
    #[error("chunk {expected} was due, chunk {got} came")]
    ChunkOutOfOrder { expected: u32, got: u32 },
    /// A chunk has more or fewer items than the announcement leaves for it.
    #[error("{expected} bytes of items were due, {got} came")]
    CountDiffers { expected: usize, got: usize },
    /// It answered a chunk that we have not sent.
    #[error("chunk {0} was answered before it was asked")]
    AnswerUnasked(u32),
    /// Not a group element in its one encoding, or the identity.
    #[error("item {position} of a chunk is not a group element that may stand here")]
    PointRefused {
        position: usize,
        #[source]
        reason: Refusal,
    },
    /// The same group element twice.
    #[error("a group element was sent twice")]
    PointRepeated,
    /// The same tag twice.
    #[error("a tag was sent twice")]
    TagRepeated,
    /// An answer has more or fewer figures than the question.
    #[error("{expected} figures were due, {got} came")]
    FigureCount { expected: usize, got: usize },
    /// An answer ends in the middle of a figure.
    #[error("{bytes} bytes are no whole number of figures")]
    FiguresCut { bytes: usize },
    /// A figure is neither shown nor hidden, or hidden and there all the same.
    #[error("figure {position} is neither shown nor hidden")]
    FigureMark { position: usize },
    /// A figure that no data and no noise could have given.
    #[error("figure {position} is beyond what it can be")]
    FigureOutOfBounds { position: usize },
    /// The two ends do not remember the same conversation under the same contract.
    #[error("the two ends do not remember the same conversation")]
    TranscriptDiffers,
    /// What was opened is not what was committed to.
    #[error("other figures were opened than were committed to")]
    OpeningDiffers,
    /// A number that is not below the modulus it belongs to.
    #[error("a coefficient is not below its modulus")]
    CoefficientAboveModulus,
    /// A ciphertext with more noise than an honest end can have put in: what it would decrypt to is no answer.
    #[error("a ciphertext has more noise than it may have")]
    NoiseAboveBound,
    /// After a cut, the two ends have no round in common from which to go on.
    #[error("the two ends have finished different rounds")]
    RoundDiffers,
    /// An item was named as common that is none of ours.
    #[error("an item was named that is not in common")]
    ItemNotInCommon,
    /// An item came twice, or before one that is less.
    #[error("an item came out of order")]
    ItemOutOfOrder,
}

impl PeerMisbehaved {
    /// The stable code, the same in every log and answer.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RoleReflected => "E-PEER-ROLE-REFLECTED",
            Self::ItemNotInCommon => "E-PEER-ITEM-NOT-IN-COMMON",
            Self::ItemOutOfOrder => "E-PEER-ITEM-OUT-OF-ORDER",
            Self::CountAboveCap { .. } => "E-PEER-COUNT-ABOVE-CAP",
            Self::ChunkOutOfOrder { .. } => "E-PEER-CHUNK-OUT-OF-ORDER",
            Self::CountDiffers { .. } => "E-PEER-COUNT-DIFFERS",
            Self::AnswerUnasked(_) => "E-PEER-ANSWER-UNASKED",
            Self::PointRefused { .. } => "E-PEER-POINT-REFUSED",
            Self::PointRepeated => "E-PEER-POINT-REPEATED",
            Self::TagRepeated => "E-PEER-TAG-REPEATED",
            Self::FigureCount { .. } | Self::FiguresCut { .. } => "E-PEER-FIGURE-COUNT",
            Self::FigureMark { .. } => "E-PEER-FIGURE-MARK",
            Self::FigureOutOfBounds { .. } => "E-PEER-FIGURE-BOUNDS",
            Self::TranscriptDiffers => "E-PEER-TRANSCRIPT-DIFFERS",
            Self::OpeningDiffers => "E-PEER-OPENING-DIFFERS",
            Self::CoefficientAboveModulus => "E-PEER-COEFFICIENT",
            Self::NoiseAboveBound => "E-PEER-NOISE",
            Self::RoundDiffers => "E-PEER-ROUND-DIFFERS",
        }
    }
}
