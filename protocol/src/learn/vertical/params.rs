//! What both ends agree on before the first message.

use crate::{
    ids::{ContractId, SessionId},
    noise::DiscreteGaussian,
    session::Abort,
    transcript::Transcript,
};

/// The protocol's name and version, in every hash.
pub(super) const NAME: &str = "tacit learn-vertical/1";

/// Rows of one job, with the pseudo-rows of its penalty.
pub const MOST_ROWS: u32 = 1 << 23;
/// Columns of one end, with the intercept.
pub const MOST_COLUMNS: u32 = 512;
/// Rounds of one job.
pub const LARGEST_ROUNDS: u16 = 64;

/// Which of the two parts an end plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Party {
    /// Has the target, the intercept, and perhaps columns.
    Label,
    /// Has columns alone.
    Features,
}

impl Party {
    /// The other part.
    pub const fn peer(self) -> Self {
        match self {
            Self::Label => Self::Features,
            Self::Features => Self::Label,
        }
    }

    /// The part's name, as it enters hashes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Features => "features",
        }
    }
}

/// How the target hangs on the sum of weighted columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Linkage {
    /// The chance of a target of 1 is 1/(1 + e⁻ᶻ).
    Logistic,
    /// The target, in [0, 1], is z and an error.
    Linear,
}

/// Who learns weights at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Opens {
    /// Nobody: they stay split, and the two ends score together.
    Nobody,
    /// Each end those of its own columns.
    Own,
    /// As [`Own`](Self::Own), and this end those of the other's columns too.
    To(Party),
    /// Both ends all of them.
    Both,
}

impl Opens {
    /// Whether this end gets the weights of the other's columns.
    pub fn shows_all_to(self, party: Party) -> bool {
        self == Self::Both || self == Self::To(party)
    }
}

/// Noise in the shares of each gradient, before anything opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noise {
    /// What each end adds to every entry of every gradient, in the units of [`Params::sensitivity`].
    pub width: DiscreteGaussian,
    /// The largest norm of one end's row, twice as long as it is encoded; longer ones are scaled down.
    pub clip: u32,
}

/// The terms of a job, to be checked by [`Params::new`].
#[derive(Debug, Clone)]
pub struct Agreed {
    /// The session this run is; another one after a cut.
    pub session: SessionId,
    /// The contract it runs under.
    pub contract: ContractId,
    /// The hash of the job as both ends read it; the same after a cut.
    pub job: [u8; 32],
    /// How the target hangs on the columns.
    pub linkage: Linkage,
    /// Customers, the same at both ends and in the same order.
    pub rows: u32,
    /// Columns of the label end, without the intercept.
    pub label_columns: u32,
    /// Columns of the feature end.
    pub feature_columns: u32,
    /// How many rounds in all.
    pub rounds: u16,
    /// The weight of the quadratic penalty, in millionths: λ of λ/2·‖w‖² beside the sum of losses.
    pub l2_micro: u64,
    /// Who learns weights at the end.
    pub opens: Opens,
    /// Noise, if there is any.
    pub noise: Option<Noise>,
}

/// What both ends of a job agree on.
#[derive(Debug, Clone)]
pub struct Params {
    agreed: Agreed,
}

impl Params {
    /// Checks that nothing can overflow.
    ///
    /// # Errors
    /// [`Abort::LearnShape`]: no rows, columns or rounds, or more than there may be; a penalty above
    /// 10⁶, a clip outside of 1 to 64.
    pub fn new(agreed: Agreed) -> Result<Self, Abort> {
        let params = Self { agreed };
        let Agreed { rounds, l2_micro, label_columns, feature_columns, .. } = params.agreed;
        // LEARNV-02: refused when planned.
        let fits = params.agreed.rows > 0
            && label_columns < MOST_COLUMNS
            && (1..=MOST_COLUMNS).contains(&feature_columns)
            && params.rows() <= MOST_ROWS
            && (1..=LARGEST_ROUNDS).contains(&rounds)
            && l2_micro <= 1_000_000_000_000
            && params.agreed.noise.as_ref().is_none_or(|noise| (1..=64).contains(&noise.clip));
        if fits { Ok(params) } else { Err(Abort::LearnShape) }
    }

    /// The terms.
    pub const fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The same without rows for a penalty.
    pub(super) fn without_penalty(self) -> Self {
        Self { agreed: Agreed { l2_micro: 0, ..self.agreed } }
    }

    /// The same of another job: of what is asked about this one.
    pub(super) fn of_job(mut self, job: [u8; 32]) -> Self {
        self.agreed.job = job;
        self
    }

    /// How the target hangs on the columns.
    pub const fn linkage(&self) -> Linkage {
        self.agreed.linkage
    }

    /// Columns of an end, the label end's with its intercept.
    pub const fn columns(&self, party: Party) -> u32 {
        match party {
            Party::Label => self.agreed.label_columns.saturating_add(1),
            Party::Features => self.agreed.feature_columns,
        }
    }

    /// LEARNV-04, pseudo-rows of the penalty for one column: for the logistic model pairs with targets 0 and 1, for the
    /// linear one a row with target 0. A pair's loss is 2·log(2·cosh(cw/2)), which is c²w²/4 and a constant as long as cw
    /// is small; so there are as many as keep c at ½, up to 64.
    pub(super) const fn rows_of_a_penalty(&self) -> u32 {
        match (self.agreed.l2_micro, self.agreed.linkage) {
            (0, _) => 0,
            (_, Linkage::Linear) => 1,
            (8_000_000.., Linkage::Logistic) => 128,
            (l2, Linkage::Logistic) => 2 * (l2 * 8).div_ceil(1_000_000) as u32,
        }
    }

    /// Rows with the pseudo-rows; those of the label end's columns come first, and none is for the intercept.
    pub const fn rows(&self) -> u32 {
        let columns = self.agreed.label_columns as u64 + self.agreed.feature_columns as u64;
        let rows = self.agreed.rows as u64 + columns * self.rows_of_a_penalty() as u64;
        if rows > u32::MAX as u64 { u32::MAX } else { rows as u32 }
    }

    /// Everything both ends must have in common (LEARNV-01); the session's id apart, the same after a cut.
    pub(super) fn absorb_into(&self, transcript: &mut Transcript) {
        let Agreed { contract, job, linkage, rows, label_columns, feature_columns, rounds, l2_micro, .. } =
            &self.agreed;
        transcript.absorb("contract", contract.as_bytes());
        transcript.absorb("job", job);
        transcript.absorb("linkage", &[*linkage as u8]);
        for count in [rows, label_columns, feature_columns] {
            transcript.absorb("count", &count.to_le_bytes());
        }
        transcript.absorb("rounds", &rounds.to_le_bytes());
        transcript.absorb("l2", &l2_micro.to_le_bytes());
        transcript.absorb("opens", format!("{:?}", self.agreed.opens).as_bytes());
        if let Some(noise) = &self.agreed.noise {
            transcript.absorb("noise", format!("{:?}", noise.width.variance()).as_bytes());
            transcript.absorb("clip", &noise.clip.to_le_bytes());
        }
    }

    /// The hash of the terms, without the session.
    pub fn terms(&self) -> [u8; 32] {
        let mut transcript = Transcript::new(NAME);
        self.absorb_into(&mut transcript);
        transcript.hash()
    }
}
