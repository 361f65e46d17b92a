//! What a training job is made of, before a row is read.
//!
//! Every node that takes part makes the same plan of the job and its own copy of the contract: how each column becomes
//! numbers, who gets the weights, who is charged what for learning of whose customers. Nothing of it depends on data,
//! and nothing of it can be chosen by the one who asks.

mod error;
mod figures;
mod score;

use tacit_protocol::{
    learn::{
        encode,
        vertical::{self, Linkage, Shares, Variable},
    },
    log::Amount,
    noise::DiscreteGaussian,
};

use super::{
    AggregateError, Align, Decimal, PADDING, Price, Terms, TrainTerms, Values, Weights, error::Under,
};
use crate::query::{ColumnName, Job, JobShape, ModelKind, TableName};

pub use error::TrainError;
pub use score::ScorePlan;

/// What whoever hears two padded numbers of the other's customers is charged: of all, and of those in common.
const HEARD: Amount = Amount { nano_rho: 2 * PADDING.nano_rho, atto_delta: 2 * PADDING.atto_delta };

/// The plan of a training job; see the module.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainPlan {
    job: Job,
    sides: Vec<TrainSide>,
    terms: TrainTerms,
    price: Option<Price>,
}

/// What one partner brings.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSide {
    /// Its dataset.
    pub table: TableName,
    /// What is learned from, in the job's order.
    pub features: Vec<Feature>,
    /// What is predicted, if this partner has it.
    pub target: Option<Feature>,
    /// What metrics are told apart by: columns of listed values.
    pub groups: Vec<Feature>,
}

/// A column and how its cells become numbers. Both follow from the contract alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// The column, in the owner's spelling.
    pub name: ColumnName,
    /// How its cells become numbers.
    pub encoding: Encoding,
}

/// How a cell becomes numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoding {
    /// (clamped − low) / (high − low).
    Scaled {
        /// The least value.
        low: Decimal,
        /// The largest.
        high: Decimal,
    },
    /// A 0 or 1 for each of these, in order.
    Choice(Vec<String>),
    /// A 1 for yes.
    Boolean,
}

impl Feature {
    /// The values that customers are told apart by in a group; of a number there are none.
    pub fn values(&self) -> Vec<String> {
        match &self.encoding {
            Encoding::Scaled { .. } => Vec::new(),
            Encoding::Boolean => vec!["false".to_owned(), "true".to_owned()],
            Encoding::Choice(values) => values.clone(),
        }
    }

    /// How many numbers it becomes.
    pub fn width(&self) -> usize {
        match &self.encoding {
            Encoding::Scaled { .. } | Encoding::Boolean => 1,
            Encoding::Choice(values) => values.len(),
        }
    }

    /// What its numbers say together, which bounds what one customer can do to a sum of them.
    pub fn variable(&self) -> Variable {
        match &self.encoding {
            Encoding::Scaled { .. } => Variable::Number,
            Encoding::Boolean => Variable::Choice(1),
            // A job with more columns than there may be is refused when it is planned (LEARNV-02).
            Encoding::Choice(values) => Variable::Choice(u16::try_from(values.len()).unwrap_or(u16::MAX)),
        }
    }

    /// What its numbers are called: `owner.dataset.column`, and `…=value` for each value.
    pub fn labels(&self) -> Vec<String> {
        match &self.encoding {
            Encoding::Scaled { .. } | Encoding::Boolean => vec![self.name.to_string()],
            Encoding::Choice(values) => values.iter().map(|value| format!("{}={value}", self.name)).collect(),
        }
    }
}

impl TrainSide {
    /// How many numbers its features become.
    pub fn width(&self) -> usize {
        self.features.iter().map(Feature::width).sum()
    }

    /// What they are called.
    pub fn labels(&self) -> Vec<String> {
        self.features.iter().flat_map(Feature::labels).collect()
    }

    /// What they say together.
    pub fn variables(&self) -> Vec<Variable> {
        self.features.iter().map(Feature::variable).collect()
    }
}

impl TrainPlan {
    /// The job.
    pub const fn job(&self) -> &Job {
        &self.job
    }

    /// Every partner's part, in order of their names.
    pub fn sides(&self) -> &[TrainSide] {
        &self.sides
    }

    /// A partner's part.
    pub fn side(&self, owner: &str) -> Option<&TrainSide> {
        self.sides.iter().find(|side| side.table.owner == owner)
    }

    /// What the contract says of training.
    pub const fn terms(&self) -> &TrainTerms {
        &self.terms
    }

    /// The privacy that it spends of each partner's customers; nothing without noise.
    pub const fn price(&self) -> Option<&Price> {
        self.price.as_ref()
    }

    /// Whether a partner gets the weights of all columns, and not of its own alone.
    pub fn receives(&self, owner: &str) -> bool {
        match &self.terms.weights {
            Weights::To(partner) if self.job.shape == JobShape::Vertical => partner == owner,
            _ => true,
        }
    }

    /// Whether nobody may learn which customers both have: rows are the places of a union.
    pub fn hides_overlap(&self) -> bool {
        self.job.shape == JobShape::Vertical && self.terms.align == Align::Hidden
    }

    /// Where nobody learns who is in both, the price of the two padded numbers that each hears of the other's customers: of
    /// all, and of those in common.
    pub fn heard(&self) -> Option<Amount> {
        self.hides_overlap().then_some(HEARD)
    }

    /// What a partner is charged for what it learns of another's customers: the noise, and what it [hears](Self::heard);
    /// nothing without either. Whoever gets no more than the weights of its own columns has learned of the others' customers
    /// too, for all weights were fitted together.
    pub fn charged(&self, learner: &str) -> Option<Amount> {
        let heard = self.heard();
        let Some(price) = self.price.as_ref() else { return heard };
        // A sampler's error for each number that has noise in it, of each that adds noise to it and is not the learner.
        let rounds = u64::from(self.job.rounds);
        let opened = match self.job.shape {
            JobShape::Horizontal => {
                rounds.saturating_mul(self.entries()).saturating_mul(self.sides.len() as u64)
            }
            JobShape::Vertical => {
                let others = self.sides.iter().filter(|side| side.table.owner != learner);
                let moments: u64 = others.map(|side| vertical::moments_entries(&side.variables())).sum();
                let weights: u64 = self.sides.iter().map(|side| side.width() as u64).sum();
                let counts = if self.counts() { self.cells() } else { 0 };
                rounds.saturating_mul(weights + 1).saturating_add(moments).saturating_add(counts)
            }
        };
        let opened = opened.saturating_add(self.reviewed_entries().saturating_mul(self.sides.len() as u64));
        let heard = heard.unwrap_or(Amount { nano_rho: 0, atto_delta: 0 });
        Some(Amount {
            nano_rho: price.amount().nano_rho.saturating_add(heard.nano_rho),
            atto_delta: opened.saturating_add(heard.atto_delta),
        })
    }

    /// Of the price, in billionths of ρ, what the evaluation of all partners' rows together costs; the rest is the
    /// training's. `None` if there is no such evaluation.
    pub fn review(&self) -> Option<u64> {
        let evaluate = &self.job.evaluate;
        let is_due = self.job.shape == JobShape::Horizontal
            && self.job.kind == ModelKind::Logistic
            && evaluate.holdout_micro > 0
            && evaluate.share_micro > 0;
        let nano_rho = self.price.as_ref().map_or(0, |price| price.amount().nano_rho);
        let share = u128::from(nano_rho) * u128::from(evaluate.share_micro) / 1_000_000;
        is_due.then_some(share as u64)
    }

    /// Numbers that the evaluation opens, at most.
    fn reviewed_entries(&self) -> u64 {
        if self.review().is_none() {
            return 0;
        }
        let (bins, sides) = (u64::from(self.job.evaluate.bins), self.sides.len() as u64);
        let first = self.sides.first();
        let groups: u64 =
            first.map_or(0, |side| side.groups.iter().map(|group| group.values().len() as u64).sum());
        let width = first.map_or(0, |side| side.width() as u64 + 1);
        let by_partner = if self.job.evaluate.leave_one_out { sides * (2 * bins + width) } else { 0 };
        3 * bins + 4 * groups + by_partner
    }

    /// Numbers that one round of sums opens, at most.
    fn entries(&self) -> u64 {
        let widest = self.sides.iter().map(|side| side.width() as u64 + 1).max().unwrap_or(1);
        widest * (widest + 1) / 2 + widest + 2
    }

    /// What the columns of the one who has the target say together, and those of the other.
    pub fn variables(&self) -> [Vec<Variable>; 2] {
        let of = |target: bool| {
            let sides = self.sides.iter().filter(|side| side.target.is_some() == target);
            sides.flat_map(TrainSide::variables).collect()
        };
        [of(true), of(false)]
    }

    /// How the target hangs on different columns; a model of the frequency has no such training.
    pub const fn linkage(&self) -> Linkage {
        match self.job.kind {
            ModelKind::Logistic => Linkage::Logistic,
            ModelKind::Linear | ModelKind::Poisson => Linkage::Linear,
        }
    }

    /// Whether a price buys noise for every round.
    fn is_possible(&self) -> bool {
        let counted = self.price.is_none()
            || !self.counts()
            || DiscreteGaussian::of_price(self.figures_rho(), 1).is_ok();
        counted && self.shares().is_none_or(|shares| shares.widths(self.linkage(), &self.variables()).is_ok())
    }

    /// How the price of a training over different columns is shared out; none without one.
    pub fn shares(&self) -> Option<Shares> {
        let price = self.price.as_ref().filter(|_| self.job.shape == JobShape::Vertical)?;
        let rounds = u16::try_from(self.job.rounds).unwrap_or(u16::MAX);
        Some(Shares::of(price.amount().nano_rho.saturating_sub(self.figures_rho()), rounds))
    }

    /// The deviation of each partner's noise in the last round of a training over different columns; 0 without noise.
    pub fn deviation(&self) -> f64 {
        let of = |shares: Shares| shares.deviation(self.linkage(), &self.variables()).ok();
        self.shares().and_then(of).unwrap_or(0.0)
    }

    /// Makes the plan, and says no where the contract does.
    pub(super) fn of(job: &Job, terms: &Terms, under: &dyn Fn() -> Under) -> Result<Self, TrainError> {
        let Some(train) = &terms.allow.train else {
            return Err(TrainError::NotAllowed { contract: under() });
        };
        if !train.models.contains(job.kind.name()) {
            let (wanted, allowed) = (job.kind.name(), train.models.iter().cloned().collect());
            return Err(TrainError::Model { contract: under(), wanted, allowed });
        }
        if job.rounds > train.rounds {
            return Err(TrainError::Rounds { contract: under(), wanted: job.rounds, allowed: train.rounds });
        }
        match job.shape {
            // A score is of a row, and rows are places: it would say that the place counts.
            JobShape::Vertical if train.align == Align::Hidden && train.score.is_some() => {
                return Err(TrainError::Alignment { contract: under() });
            }
            JobShape::Horizontal if job.features.len() < train.cohort as usize => {
                let found = job.features.len();
                return Err(TrainError::Cohort { contract: under(), found, wanted: train.cohort });
            }
            JobShape::Horizontal if job.evaluate.leave_one_out && !train.leave_one_out => {
                return Err(TrainError::LeaveOneOut { contract: under() });
            }
            JobShape::Horizontal if train.weights != Weights::Both => {
                let weights = train.weights.name().to_owned();
                return Err(TrainError::Weights { contract: under(), weights });
            }
            JobShape::Vertical | JobShape::Horizontal => {}
        }
        if job.shape == JobShape::Vertical && job.kind == ModelKind::Poisson {
            return Err(TrainError::NotYet {
                what: "a Poisson model over different columns",
                instead: "kind = \"linear\", or the same columns at three partners",
            });
        }
        let price = match job.noise {
            None if !train.without_noise => return Err(TrainError::WithoutNoise { contract: under() }),
            None => None,
            Some(noise) => {
                let privacy = &terms.privacy;
                let cap = privacy.per_query_epsilon_micro;
                if noise.delta_femto > privacy.delta_femto {
                    let (asked, agreed) = (noise.delta_femto, privacy.delta_femto);
                    return Err(AggregateError::DeltaAboveContract {
                        contract: under(),
                        asked: Decimal::of_femto(asked),
                        agreed: Decimal::of_femto(agreed),
                    }
                    .into());
                }
                if noise.epsilon_micro > cap {
                    let (asked, cap) = (Decimal::of_micro(noise.epsilon_micro), Decimal::of_micro(cap));
                    return Err(AggregateError::EpsilonAboveCap { contract: under(), asked, cap }.into());
                }
                Some(Price::of(noise.epsilon_micro, noise.delta_femto, 1)?)
            }
        };
        let sides = job.features.keys().map(|table| side(job, table, terms, under));
        let sides: Vec<TrainSide> = sides.collect::<Result<_, _>>()?;
        if job.shape == JobShape::Horizontal {
            alike(&sides, under)?;
        }
        let plan = Self { job: job.clone(), sides, terms: train.clone(), price };
        plan.groups_fit()?;
        match &plan.price {
            Some(price) if !plan.is_possible() => {
                let asked = Decimal::of_micro(price.epsilon_micro());
                Err(AggregateError::TooLittle { asked, figures: job.rounds }.into())
            }
            _ => Ok(plan),
        }
    }
}

fn side(
    job: &Job,
    table: &TableName,
    terms: &Terms,
    under: &dyn Fn() -> Under,
) -> Result<TrainSide, TrainError> {
    let encode = |name: &ColumnName| {
        let dataset = terms.dataset(&name.table.owner, &name.table.dataset);
        let column = dataset.and_then(|dataset| dataset.columns.get(&name.column));
        let encoding = match column.map(|terms| (&terms.values, terms.bounds)) {
            Some((Values::Listed(values), _)) if values.iter().eq(["false", "true"]) => Encoding::Boolean,
            Some((Values::Listed(values), _)) => Encoding::Choice(values.iter().cloned().collect()),
            Some((_, Some((low, high)))) => Encoding::Scaled { low, high },
            _ => return Err(TrainError::NoEncoding { contract: under(), column: name.clone() }),
        };
        Ok(Feature { name: name.clone(), encoding })
    };
    let features = job.features.get(table).into_iter().flatten().map(encode).collect::<Result<_, _>>()?;
    let target = job.targets.iter().find(|target| target.table == *table).map(encode).transpose()?;
    if let Some(target) = &target {
        fits(job.kind, target, under)?;
    }
    let groups = job.evaluate.groups.iter().filter(|group| group.table == *table);
    let groups: Vec<Feature> = groups.map(encode).collect::<Result<_, _>>()?;
    if let Some(group) = groups.iter().find(|group| matches!(group.encoding, Encoding::Scaled { .. })) {
        return Err(TrainError::NoEncoding { contract: under(), column: group.name.clone() });
    }
    Ok(TrainSide { table: table.clone(), features, target, groups })
}

/// A chance is learned from two values, a number from bounds, a frequency from bounds that are not negative.
fn fits(kind: ModelKind, target: &Feature, under: &dyn Fn() -> Under) -> Result<(), TrainError> {
    let wanted = match (kind, &target.encoding) {
        (ModelKind::Logistic, Encoding::Boolean) => return Ok(()),
        (ModelKind::Logistic, Encoding::Scaled { low, high })
            if (*low, *high) == (Decimal::ZERO, Decimal::ONE) =>
        {
            return Ok(());
        }
        (ModelKind::Linear, Encoding::Scaled { .. }) => return Ok(()),
        (ModelKind::Poisson, Encoding::Scaled { low, .. }) if *low == Decimal::ZERO => return Ok(()),
        (ModelKind::Logistic, _) => "values = [false, true], or bounds = [0, 1]",
        (ModelKind::Linear, _) => "bounds",
        (ModelKind::Poisson, _) => "bounds that begin at 0, as in bounds = [0, 20]",
    };
    Err(TrainError::Target { contract: under(), column: target.name.clone(), kind: kind.name(), wanted })
}

/// Where customers differ, the same column is encoded the same way everywhere, or weights would mean nothing.
fn alike(sides: &[TrainSide], under: &dyn Fn() -> Under) -> Result<(), TrainError> {
    let columns = |side: &'_ TrainSide| {
        let all = side.features.iter().chain(&side.target).chain(&side.groups);
        all.cloned().collect::<Vec<Feature>>()
    };
    let Some((first, others)) = sides.split_first() else { return Ok(()) };
    let first = columns(first);
    for side in others {
        for (one, other) in first.iter().zip(columns(side)) {
            if one.encoding != other.encoding {
                let (one, other) = (one.name.clone(), other.name);
                return Err(TrainError::Differ {
                    contract: under(),
                    one: Box::new(one),
                    other: Box::new(other),
                });
            }
        }
    }
    Ok(())
}

impl Feature {
    /// As the protocol encodes it, under the column's own name.
    pub fn encoded(&self) -> encode::Feature {
        let encoding = match &self.encoding {
            Encoding::Scaled { low, high } => encode::Encoding::Number { low: low.real(), high: high.real() },
            Encoding::Choice(values) => encode::Encoding::Values(values.clone()),
            Encoding::Boolean => encode::Encoding::Boolean,
        };
        encode::Feature { name: self.name.column.clone(), encoding }
    }
}
