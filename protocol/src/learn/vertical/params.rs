//! What both ends agree on before the first message.

use super::{
    moments::{self, Variable},
    plan::gradient_one,
};
use crate::{
    ids::{ContractId, SessionId},
    noise::{DiscreteGaussian, NoiseError, Variance},
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

/// Noise in what an end whitens its columns by, and in the shares of each gradient, before anything opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noise {
    /// What the label end's columns say together, and the feature end's; without the intercept.
    pub variables: [Vec<Variable>; 2],
    /// What the label end adds to its moments, and the feature end to its own, in units of [`moments_sensitivity`].
    ///
    /// [`moments_sensitivity`]: super::moments_sensitivity
    pub moments: [DiscreteGaussian; 2],
    /// What each end adds to every entry of a round's gradient, in units of [`Params::sensitivity`]: one for each round.
    pub gradients: Vec<DiscreteGaussian>,
}

impl Noise {
    /// The noise that a price buys, in billionths of ρ: what either end pays for what it learns of the other's customers.
    ///
    /// # Errors
    /// [`NoiseError`]: a price that buys less noise than can be drawn, or none.
    pub fn of_price(
        nano_rho: u64,
        linkage: Linkage,
        rounds: u16,
        variables: [Vec<Variable>; 2],
    ) -> Result<Self, NoiseError> {
        let (moments, gradients) = Shares::of(nano_rho, rounds).widths(linkage, &variables)?;
        let [label, features] = moments.map(DiscreteGaussian::new);
        let gradients = gradients.into_iter().map(DiscreteGaussian::new);
        Ok(Self { moments: [label?, features?], gradients: gradients.collect::<Result<_, _>>()?, variables })
    }

    /// An end's variables, and what it adds to its moments.
    pub(super) fn of(&self, party: Party) -> (&[Variable], &DiscreteGaussian) {
        (&self.variables[party as usize], &self.moments[party as usize])
    }

    fn fits(&self, agreed: &Agreed) -> bool {
        let width = |variables: &[Variable]| variables.iter().map(|v| u64::from(v.width())).sum::<u64>();
        let [label, features] = self.variables.each_ref().map(|variables| width(variables));
        label == u64::from(agreed.label_columns)
            && features == u64::from(agreed.feature_columns)
            && self.gradients.len() == usize::from(agreed.rounds)
    }
}

/// LEARNV-43, how a price is shared out, in billionths of ρ: all of them together are the price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    /// For the other end's moments: three twentieths.
    pub moments: u64,
    /// For each round's gradient, a fifth more than for the one before: what the noise of a round does to the weights the
    /// next round undoes in part, so it is the last ones that count.
    pub rounds: Vec<u64>,
}

impl Shares {
    /// Of a price, over so many rounds.
    pub fn of(nano_rho: u64, rounds: u16) -> Self {
        let moments = (u128::from(nano_rho) * 3 / 20) as u64;
        let left = nano_rho - moments;
        // 5²⁰, 6·5¹⁹, …, 6²⁰ over the last rounds, 5²⁰ for those before.
        let weight = |round: u16| {
            let before = u32::from(rounds - 1 - round).min(20);
            6u128.pow(20 - before) * 5u128.pow(before)
        };
        let whole: u128 = (0..rounds).map(weight).sum();
        let share = |round| (u128::from(left) * weight(round) / whole) as u64;
        let mut rounds: Vec<u64> = (0..rounds).map(share).collect();
        let spent: u64 = rounds.iter().sum();
        if let Some(last) = rounds.last_mut() {
            *last += left - spent;
        }
        Self { moments, rounds }
    }

    /// How wide the noise is that they buy: of the label end's moments and the feature end's, and of each round's gradient.
    ///
    /// # Errors
    /// [`NoiseError`]: a share that buys none.
    pub fn widths(
        &self,
        linkage: Linkage,
        variables: &[Vec<Variable>; 2],
    ) -> Result<([Variance; 2], Vec<Variance>), NoiseError> {
        // An end without columns has no moments; what is never drawn may be as wide as anything.
        let moments =
            |variables: &[Variable]| Variance::of_price(self.moments, moments::sensitivity(variables).max(1));
        let width = |variables: &[Variable]| variables.iter().map(|variable| variable.width()).sum::<u32>();
        let sensitivity = Params::sensitivity(linkage, width(&variables[0]) + 1 + width(&variables[1]));
        let gradients = self.rounds.iter().map(|share| Variance::of_price(*share, sensitivity));
        Ok(([moments(&variables[0])?, moments(&variables[1])?], gradients.collect::<Result<_, _>>()?))
    }

    /// The deviation of an end's noise in the last round's gradient, for residuals and whitened columns as real numbers:
    /// for people.
    ///
    /// # Errors
    /// As [`widths`](Self::widths).
    pub fn deviation(&self, linkage: Linkage, variables: &[Vec<Variable>; 2]) -> Result<f64, NoiseError> {
        let (_, gradients) = self.widths(linkage, variables)?;
        let last = gradients.last().ok_or(NoiseError::PriceTooSmall)?;
        Ok((last.num() as f64 / last.den() as f64).sqrt() / gradient_one(linkage) as f64)
    }
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
    /// Over a union, what both know of it.
    over: Option<Over>,
}

/// What both ends know of a union whose places are the rows; each about, and between 1 and the number of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// How many customers both have.
    pub common: u32,
    /// How many the label end has, and how many the feature end.
    pub sizes: [u32; 2],
}

impl Params {
    /// Checks that nothing can overflow.
    ///
    /// # Errors
    /// [`Abort::LearnShape`]: no rows, columns or rounds, or more than there may be; a penalty above
    /// 10⁶, noise for other columns or rounds.
    pub fn new(agreed: Agreed) -> Result<Self, Abort> {
        let params = Self { agreed, over: None };
        let Agreed { rounds, l2_micro, label_columns, feature_columns, .. } = params.agreed;
        // LEARNV-02: refused when planned.
        let fits = params.agreed.rows > 0
            && label_columns < MOST_COLUMNS
            && (1..=MOST_COLUMNS).contains(&feature_columns)
            && params.rows() <= MOST_ROWS
            && (1..=LARGEST_ROUNDS).contains(&rounds)
            && l2_micro <= 1_000_000_000_000
            && params.agreed.noise.as_ref().is_none_or(|noise| noise.fits(&params.agreed));
        if fits { Ok(params) } else { Err(Abort::LearnShape) }
    }

    /// The terms.
    pub const fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The same over the places of a union, of which each end has some: only those that both have count, and nobody learns
    /// which these are (LEARNV-50).
    ///
    /// # Errors
    /// [`Abort::LearnShape`]: none, or more than there are places.
    pub fn over_a_union(self, over: Over) -> Result<Self, Abort> {
        let fits = |count: &u32| (1..=self.agreed.rows).contains(count);
        let fit = fits(&over.common) && over.sizes.iter().all(fits);
        if fit { Ok(Self { over: Some(over), ..self }) } else { Err(Abort::LearnShape) }
    }

    /// Over a union, what both know of it.
    pub const fn over(&self) -> Option<&Over> {
        self.over.as_ref()
    }

    /// The same without rows for a penalty.
    pub(super) fn without_penalty(self) -> Self {
        Self { agreed: Agreed { l2_micro: 0, ..self.agreed }, ..self }
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

    /// As how many the rows count in a step: all, or over a union those that both have, with the pseudo-rows.
    pub(super) const fn counted(&self) -> u32 {
        match self.over {
            None => self.rows(),
            Some(over) => self.rows() - self.agreed.rows + over.common,
        }
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
            for variable in &noise.variables {
                transcript.absorb("variables", format!("{variable:?}").as_bytes());
            }
            for width in noise.moments.iter().chain(&noise.gradients) {
                transcript.absorb("noise", format!("{:?}", width.variance()).as_bytes());
            }
        }
        if let Some(Over { common, sizes }) = self.over {
            transcript.absorb("over a union", &common.to_le_bytes());
            sizes.iter().for_each(|size| transcript.absorb("size", &size.to_le_bytes()));
        }
    }

    /// The hash of the terms, without the session.
    pub fn terms(&self) -> [u8; 32] {
        let mut transcript = Transcript::new(NAME);
        self.absorb_into(&mut transcript);
        transcript.hash()
    }
}
