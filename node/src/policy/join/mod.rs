//! What noisy figures over an overlap are made of, before a row is read.
//!
//! Both nodes compute the same plan from the question and the contract: which groups there are, what each side
//! brings of a customer, what is multiplied with what, which integers are opened in each group, how much noise
//! each gets and what that costs. So neither side can bring less than was agreed, be charged more, or be hidden
//! by less noise; and nothing of it depends on data. The figures themselves (groups, integers, suppression, price)
//! are those of an [`AggregatePlan`], over a table that nobody has.
//!
//! ```text
//!   figures ─► build ─┬─► terms    what a side brings of each customer: 1, x, x², on the contract's grid
//!                     ├─► reach    by how much one customer changes an integer, as seeker's and as holder's
//!                     └─► price    ε ─► ρ ─► σ of each integer, for whoever is hidden by it
//!   sizes ──► roles ──► layout     who looks up whom, and what the protocol is told
//! ```
//!
//! # What it costs
//!
//! As over one table, ρ is divided evenly among the integers of a group that the question needs; nothing else is opened.
//!
//! # Who is hidden from whom
//!
//! Who receives the figures can subtract what it added itself, so the noise that hides a party's customers is the
//! one that this party adds, and it adds a full one (privacy test 27). If the asker alone receives, the answerer
//! alone adds noise, and the asker alone pays for figures: for what it learns of the answerer's customers. If both
//! receive, both add and both pay. Each also pays for the other's padded number of customers, which it hears in any case.

mod build;
mod layout;
mod reach;
mod roles;
mod terms;

use tacit_protocol::{
    log::Amount,
    noise::{DiscreteGaussian, DummyCount, NoiseError, Rational, Variance},
};

pub(super) use build::Asked;
pub use build::{pair_steps, product_steps};
pub use roles::{Roles, Sizes};
pub use terms::{Term, TermKind};

use super::{AggregatePlan, Axis, Measure, Price, Receiver};
use crate::query::{Filter, TableName};

/// The most groups of a question over the overlap: each is a column of the tables that are exchanged.
pub const MOST_CELLS: usize = 64;

/// The most terms of one side, and the most products: each is carried along with every customer.
pub const MOST_TERMS: usize = 8;

/// The most kinds of match key.
pub const MOST_KEYS: usize = 8;

/// How the number of customers that a side announces is padded: at ε 0.02 and δ 10⁻⁹, against the absence of one
/// customer, who is one row (`tacit_protocol::noise` has the source). About a thousand dummies; they cost milliseconds.
pub fn padding() -> Option<DummyCount> {
    DummyCount::calibrate(Rational::new(1, 50).ok()?, Rational::new(1, 1_000_000_000).ok()?, 1).ok()
}

/// [`padding`]'s ε, in millionths.
pub const PADDING_EPSILON_MICRO: u64 = 20_000;

/// What a padded number costs whoever hears it: ρ = ε²/2 (Bun and Steinke 2016, proposition 1.4), and the δ.
pub const PADDING: Amount = Amount { nano_rho: 200_000, atto_delta: 1_000_000_000 };

/// One of the two whose customers meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Who asks.
    Asker,
    /// Who is asked.
    Answerer,
}

impl Party {
    /// Both of them, in the order in which a plan has its sides.
    pub const BOTH: [Self; 2] = [Self::Asker, Self::Answerer];

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Asker => Self::Answerer,
            Self::Answerer => Self::Asker,
        }
    }
}

/// The plan of a question; see the module.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinPlan {
    /// The asker's, the answerer's.
    sides: [JoinSide; 2],
    figures: AggregatePlan,
    /// For each integer of a group what it is the sum of.
    sources: Vec<Source>,
    /// What is multiplied: a term of the asker's and a term of the answerer's.
    products: Vec<[usize; 2]>,
    keys: usize,
    receiver: Receiver,
}

/// What one side brings.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinSide {
    /// Its table.
    pub table: TableName,
    /// Its columns among those that are grouped by.
    pub axes: Vec<Axis>,
    /// Its columns among those that are measured.
    pub measures: Vec<Measure>,
    /// What it brings of each customer, beside that it is one.
    pub terms: Vec<Term>,
    /// Whether a row counts only with a value of every measure, as a correlation alone wants it.
    pub complete: bool,
}

/// What an integer of a group adds up, over the customers that both have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// 1.
    One,
    /// A term of one side's.
    Term(Party, usize),
    /// A product of two terms.
    Product(usize),
}

impl JoinSide {
    /// How many groups its columns make; 1 without any.
    pub fn cells(&self) -> usize {
        // Both sides together at most `MOST_CELLS`.
        self.axes.iter().map(|axis| axis.values.len()).product()
    }
}

impl JoinPlan {
    /// One side of it.
    pub const fn side(&self, party: Party) -> &JoinSide {
        match party {
            Party::Asker => &self.sides[0],
            Party::Answerer => &self.sides[1],
        }
    }

    /// The groups, the integers of each, and the price. Groups are numbered with the asker's first, the
    /// answerer's fastest.
    pub const fn figures(&self) -> &AggregatePlan {
        &self.figures
    }

    /// Which groups a condition of one side's leaves. One that stays at home has no part in the plan; its owner knows that
    /// the others are empty.
    pub fn left_by(&self, party: Party, filter: &Filter) -> Vec<bool> {
        let axes = self.figures.axes();
        let own = &self.side(party).axes;
        let left: Vec<Option<Vec<bool>>> =
            axes.iter().map(|axis| own.contains(axis).then(|| axis.left_by(filter))).collect();
        let is_left = |cell: usize| {
            self.figures.cell(cell).into_iter().zip(axes).zip(&left).all(|((value, axis), left)| {
                let place = axis.values.iter().position(|known| known == value);
                left.as_ref().zip(place).is_none_or(|(left, place)| left[place])
            })
        };
        (0..self.figures.cells()).map(is_left).collect()
    }

    /// How many kinds of match key there are: the first by which customers match wins.
    pub const fn keys(&self) -> usize {
        self.keys
    }

    /// What it costs each who learns of the other's customers.
    pub const fn price(&self) -> &Price {
        self.figures.price()
    }

    /// What a party is charged in all: for the other's padded number, and for the figures if it gets them.
    pub fn charged(&self, party: Party) -> Amount {
        match self.receives(party) {
            true => self.price().amount().plus_at_most(PADDING),
            false => PADDING,
        }
    }

    /// Whether a party gets the figures.
    pub fn receives(&self, party: Party) -> bool {
        party == Party::Asker || self.receiver == Receiver::Both
    }

    /// Whether a party adds noise: whose customers the other learns of.
    pub fn adds_noise(&self, party: Party) -> bool {
        self.receives(party.other())
    }

    /// The noise by which a party hides its customers in an integer of a group; `column` is its place in the plan.
    ///
    /// # Errors
    /// The sampler's, for noise wider than it goes; the plan has checked that there is none such.
    pub fn noise(&self, column: usize, of: Party, roles: &Roles) -> Result<DiscreteGaussian, NoiseError> {
        let source = *self.sources.get(column).ok_or(NoiseError::SensitivityOutOfRange)?;
        DiscreteGaussian::new(self.variance(source, of, roles.seeker, self.price().share())?)
    }

    /// The noise by which a party hides its customers in everything that the protocol opens of a group, in the
    /// protocol's order.
    ///
    /// # Errors
    /// As [`noise`](Self::noise).
    pub fn noises(&self, of: Party, roles: &Roles) -> Result<Vec<DiscreteGaussian>, NoiseError> {
        let opened = self.opened_sources(roles.seeker).into_iter();
        let share = self.price().share();
        opened.map(|source| DiscreteGaussian::new(self.variance(source, of, roles.seeker, share)?)).collect()
    }

    /// Δ² of an integer of a group for a party's customers, where this party looks up: the most that one of them changes
    /// it, over all groups together. `column` is its place in the plan.
    pub fn sensitivity_squared(&self, column: usize, of: Party, seeker: Party) -> Option<u128> {
        self.sources.get(column).map(|source| self.squared(*source, of, seeker))
    }

    /// σ² = Δ²/2ρ′ (Canonne, Kamath and Steinke 2020, theorem 4), Δ² as [`reach`] has it, ρ′ in billionths.
    fn variance(
        &self,
        source: Source,
        of: Party,
        seeker: Party,
        nano_rho: u64,
    ) -> Result<Variance, NoiseError> {
        if nano_rho == 0 {
            return Err(NoiseError::PriceTooSmall);
        }
        let num = self.squared(source, of, seeker).checked_mul(500_000_000);
        Variance::new(num.ok_or(NoiseError::VarianceOutOfRange)?, nano_rho.into())
    }

    /// Δ² of an integer: the most that one customer of a party's changes it, over all groups together.
    fn squared(&self, source: Source, of: Party, seeker: Party) -> u128 {
        if of == seeker {
            return reach::of_seekers(self.span(source));
        }
        let depends = match source {
            Source::One => false,
            Source::Term(party, _) => party == of,
            Source::Product(_) => true,
        };
        reach::of_holders(self.span(source), depends, self.side(of).cells() > 1, self.keys)
    }

    /// Between what an integer changes by one customer on each side that match.
    fn span(&self, source: Source) -> [i64; 2] {
        match source {
            Source::One => [0, 1],
            Source::Term(party, term) => self.side(party).terms[term].span(),
            Source::Product(product) => {
                let [asker, answerer] = self.products[product];
                let [a, b] = self.side(Party::Asker).terms[asker].span();
                let [c, d] = self.side(Party::Answerer).terms[answerer].span();
                // `build` has kept the factors so small.
                let products = [a * c, a * d, b * c, b * d];
                [products.into_iter().fold(0, i64::min), products.into_iter().fold(0, i64::max)]
            }
        }
    }
}
