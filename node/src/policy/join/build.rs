//! From the figures of a question to what each side brings and what is opened.

use std::collections::BTreeSet;

use tacit_protocol::noise::{Cover, DiscreteGaussian};

use super::{JoinPlan, JoinSide, MOST_CELLS, MOST_KEYS, MOST_TERMS, Party, Source, Term, TermKind, reach};
use crate::{
    policy::{
        AggregateError, AggregatePlan, DatasetTerms, Decimal, Measure, Moment, NoisyColumn, Price, Quantity,
        Receiver, Terms,
        aggregate::{affordable, axes, few_enough, measure},
        error::Under,
    },
    query::{Aggregate, Aggregates, ColumnName, Filter, Parsed, TableName},
};

/// The largest factor and the largest product: 2³² customers of it stay below 2⁶².
const LARGEST: i64 = 1 << 30;
const ROOT: i64 = 1 << 15;

/// The largest distance from the middle in a correlation. A correlation has no unit, so four thousand steps on
/// either side are plenty; fewer bits are multiplied so.
const PAIR: i64 = 1 << 12;

/// One side of a question, as the contract and the question have it.
pub(in crate::policy) struct Asked<'a> {
    pub table: &'a TableName,
    pub dataset: &'a DatasetTerms,
    /// Its condition, if it has one; none where that stays at home and one node alone knows it.
    pub condition: Option<Option<&'a Filter>>,
}

impl JoinPlan {
    /// The plan of a question, with its price.
    pub(in crate::policy) fn of(
        aggregates: &Aggregates,
        asked: [Asked<'_>; 2],
        parsed: &Parsed,
        terms: &Terms,
        under: &dyn Fn() -> Under,
    ) -> Result<Self, AggregateError> {
        let keys = terms.identity.keys.len();
        if keys > MOST_KEYS {
            return Err(AggregateError::TooManyKeys { contract: under(), keys, most: MOST_KEYS });
        }
        let figures = aggregates.computed();
        // SQL's CORR is over rows that have both values. Alone in its question, each side leaves the others out at
        // home; beside other figures, it takes sums of its own over what has both.
        let complete = figures.len() == 1 && figures.iter().all(|f| matches!(f, Aggregate::Correlation(..)));
        let side = |asked: Asked<'_>| -> Result<JoinSide, AggregateError> {
            let names: BTreeSet<&ColumnName> = figures.iter().flat_map(|figure| figure.measures()).collect();
            let names = names.into_iter().filter(|name| name.table == *asked.table);
            Ok(JoinSide {
                table: asked.table.clone(),
                axes: axes(aggregates, asked.condition.flatten(), asked.dataset, under).map_err(|error| {
                    match (error, asked.condition) {
                        // A condition that stays at home cannot list values for both.
                        (AggregateError::NoValues { contract, column, .. }, None) => {
                            AggregateError::NoValues { contract, column, public: false }
                        }
                        (error, _) => error,
                    }
                })?,
                measures: names
                    .map(|name| measure(name, false, asked.dataset, under))
                    .collect::<Result<_, _>>()?,
                terms: Vec::new(),
                complete,
            })
        };
        let [asker, answerer] = asked;
        let home = asker.condition.is_none().then(|| asker.table.owner.clone());
        let sides = [side(asker)?, side(answerer)?];
        few_enough(sides.iter().flat_map(|side| &side.axes), MOST_CELLS, home.as_deref())?;
        let mut builder = Builder { sides, products: Vec::new(), complete };
        let quantities = builder.quantities(&figures);
        let sources: Vec<Source> = quantities.iter().map(|quantity| builder.source(*quantity)).collect();
        let Builder { sides, products, .. } = builder;
        let all = |of: fn(&JoinSide) -> Vec<_>| sides.iter().flat_map(of).collect();
        let figures = AggregatePlan::of_join(
            sides.iter().flat_map(|side| side.axes.clone()).collect(),
            all(|side| side.measures.clone()),
            Vec::new(),
            terms.privacy.min_group,
        );
        let receiver = terms.privacy.receiver;
        let plan = Self { sides, figures, sources, products, keys, receiver };
        let most = plan.sides.iter().map(|side| side.terms.len()).chain([plan.products.len()]).max();
        if let Some(sums) = most.filter(|sums| *sums > MOST_TERMS) {
            return Err(AggregateError::TooManyTerms { sums, most: MOST_TERMS });
        }
        plan.with_columns(&quantities, terms.privacy.min_group).settled(parsed, terms, under)
    }

    /// The integers of a group with what one match changes each.
    fn with_columns(mut self, quantities: &BTreeSet<Quantity>, min_group: u32) -> Self {
        let reach = |source: &Source| {
            let [low, high] = self.span(*source);
            low.unsigned_abs().max(high.unsigned_abs())
        };
        let columns = quantities
            .iter()
            .zip(&self.sources)
            .map(|(&quantity, source)| NoisyColumn { quantity, sensitivity: reach(source) })
            .collect();
        let axes = self.figures.axes().to_vec();
        let measures = self.figures.measures().to_vec();
        self.figures = AggregatePlan::of_join(axes, measures, columns, min_group);
        self
    }

    /// With the price that the question, its asker's wishes and the contract come to.
    fn settled(
        self,
        parsed: &Parsed,
        terms: &Terms,
        under: &dyn Fn() -> Under,
    ) -> Result<Self, AggregateError> {
        let shares = self.figures.shares();
        let touched = reach::touched(self.keys, self.figures.cells());
        let price_of = |epsilon, delta| Price::of(epsilon, delta, shares);
        let half_width = |epsilon: u64, delta: u64| {
            let share = price_of(epsilon, delta).ok()?.share();
            // Who looks up whom is not known yet; a holder's customer takes the wider noise.
            let counted = *self.sources.get(self.figures.threshold())?;
            let widest = self.variance(counted, Party::Answerer, Party::Asker, share).ok()?;
            Some(self.half_width(&DiscreteGaussian::new(widest).ok()?))
        };
        let (epsilon, delta) = affordable(&half_width, parsed, &terms.privacy, under)?;
        let price = price_of(epsilon, delta)?.touching(touched);
        let possible = |source: Source, share: u64| {
            let seekers =
                Party::BOTH.map(|seeker| Party::BOTH.map(|of| self.variance(source, of, seeker, share)));
            seekers.iter().flatten().all(Result::is_ok)
        };
        if !self.sources.iter().all(|source| possible(*source, price.share())) {
            return Err(AggregateError::TooLittle { asked: Decimal::of_micro(epsilon), figures: shares });
        }
        Ok(Self { figures: self.figures.clone().at(price), ..self })
    }

    /// Half the length of the 95 % interval of a figure that each who adds noise adds this much to.
    fn half_width(&self, noise: &DiscreteGaussian) -> u64 {
        match self.receiver {
            Receiver::Asker => noise.half_width95(),
            Receiver::Both => noise.half_width_of_two(Cover::Alone),
        }
    }
}

struct Builder {
    sides: [JoinSide; 2],
    products: Vec<[usize; 2]>,
    complete: bool,
}

impl Builder {
    /// A column's place among the measures of both sides, the asker's first.
    fn place(&self, wanted: &ColumnName) -> usize {
        let mut all = self.sides.iter().flat_map(|side| &side.measures);
        all.position(|measure| measure.name == *wanted).unwrap_or_default()
    }

    /// Whose measure it is, and its place among those of that side.
    fn owner(&self, of: usize) -> (Party, usize) {
        match of.checked_sub(self.sides[0].measures.len()) {
            None => (Party::Asker, of),
            Some(of) => (Party::Answerer, of),
        }
    }

    fn measure(&self, of: usize) -> &Measure {
        let (party, of) = self.owner(of);
        &self.sides[party as usize].measures[of]
    }

    /// What the figures need, each once.
    fn quantities(&self, figures: &BTreeSet<&Aggregate>) -> BTreeSet<Quantity> {
        let summed = |of: usize| {
            figures.iter().any(|f| matches!(f, Aggregate::Sum(column) if self.place(column) == of))
        };
        let pair = |one: &ColumnName, other: &ColumnName| {
            let (one, other) = (self.place(one), self.place(other));
            (one.min(other), one.max(other))
        };
        let mut quantities = BTreeSet::new();
        for figure in figures {
            match figure {
                // Quantiles are refused when a join is read.
                Aggregate::Group(_) | Aggregate::Quantile(..) => {}
                Aggregate::Count => drop(quantities.insert(Quantity::Customers)),
                Aggregate::Sum(of) => drop(quantities.insert(Quantity::Sum(self.place(of)))),
                Aggregate::Average(of) | Aggregate::StandardDeviation(of) => {
                    let of = self.place(of);
                    quantities.insert(Quantity::Values(of));
                    // A sum that is asked for anyway tells the mean as well.
                    quantities.insert(if summed(of) { Quantity::Sum(of) } else { Quantity::Centred(of) });
                    if matches!(figure, Aggregate::StandardDeviation(_)) {
                        quantities.insert(Quantity::Squares(of));
                    }
                }
                Aggregate::Product(one, other) => {
                    let (one, other) = pair(one, other);
                    quantities.insert(Quantity::Product(one, other));
                }
                Aggregate::Correlation(one, other) => {
                    let (one, other) = pair(one, other);
                    let moments = Moment::ALL.into_iter().filter(|m| *m != Moment::Count || !self.complete);
                    quantities.extend(moments.map(|moment| Quantity::Pair(one, other, moment)));
                }
            }
        }
        // Somebody has to say whether a group is large enough to be shown.
        let counts = |quantity: &Quantity| {
            matches!(
                quantity,
                Quantity::Customers | Quantity::Values(_) | Quantity::Pair(_, _, Moment::Count)
            )
        };
        if !quantities.iter().any(counts) {
            quantities.insert(Quantity::Customers);
        }
        quantities
    }

    /// A term of a side's, there once.
    fn term(&mut self, of: usize, kind: impl Fn(usize) -> TermKind) -> (Party, usize) {
        let (party, of) = self.owner(of);
        let side = &mut self.sides[party as usize];
        let term = Term::new(kind(of), &side.measures);
        let place = side.terms.iter().position(|known| *known == term).unwrap_or_else(|| {
            side.terms.push(term);
            side.terms.len() - 1
        });
        (party, place)
    }

    fn alone(&mut self, of: usize, kind: impl Fn(usize) -> TermKind) -> Source {
        let (party, term) = self.term(of, kind);
        Source::Term(party, term)
    }

    /// The asker's measure comes first, as in the numbers of measures.
    fn product(
        &mut self,
        (one, of_one): (usize, impl Fn(usize) -> TermKind),
        (other, of_other): (usize, impl Fn(usize) -> TermKind),
    ) -> Source {
        let (_, asker) = self.term(one, of_one);
        let (_, answerer) = self.term(other, of_other);
        let product = [asker, answerer];
        let place = self.products.iter().position(|known| *known == product).unwrap_or_else(|| {
            self.products.push(product);
            self.products.len() - 1
        });
        Source::Product(place)
    }

    fn source(&mut self, quantity: Quantity) -> Source {
        match quantity {
            // No buckets over the overlap.
            Quantity::Customers | Quantity::Bucket(..) => Source::One,
            Quantity::Values(of) => self.alone(of, TermKind::Values),
            Quantity::Sum(of) => self.alone(of, TermKind::Sum),
            Quantity::Centred(of) => self.alone(of, TermKind::Centred),
            Quantity::Squares(of) => self.alone(of, TermKind::Squares),
            Quantity::Product(one, other) => {
                let (by, also) = product_steps(self.measure(one), self.measure(other));
                self.product((one, |of| TermKind::Coarse(of, by)), (other, |of| TermKind::Coarse(of, also)))
            }
            Quantity::Pair(one, other, moment) => self.moment(one, other, moment),
        }
    }

    /// A sum of a correlation. Where every customer has both values, most are sums of one side's terms.
    fn moment(&mut self, one: usize, other: usize, moment: Moment) -> Source {
        let (by, also) = (pair_steps(self.measure(one)), pair_steps(self.measure(other)));
        let u = |of| TermKind::Distance(of, by);
        let v = |of| TermKind::Distance(of, also);
        let uu = |of| TermKind::DistanceSquare(of, by);
        let vv = |of| TermKind::DistanceSquare(of, also);
        let there = TermKind::Values;
        match (moment, self.complete) {
            (Moment::Product, _) => self.product((one, u), (other, v)),
            (Moment::Count, true) => Source::One,
            (Moment::First, true) => self.alone(one, u),
            (Moment::Second, true) => self.alone(other, v),
            (Moment::FirstSquare, true) => self.alone(one, uu),
            (Moment::SecondSquare, true) => self.alone(other, vv),
            (Moment::Count, false) => self.product((one, there), (other, there)),
            (Moment::First, false) => self.product((one, u), (other, there)),
            (Moment::Second, false) => self.product((one, there), (other, v)),
            (Moment::FirstSquare, false) => self.product((one, uu), (other, there)),
            (Moment::SecondSquare, false) => self.product((one, there), (other, vv)),
        }
    }
}

/// How many steps one coarse step of each measure is in a product: 1 where the product has room.
pub fn product_steps(one: &Measure, other: &Measure) -> (i64, i64) {
    let (one, other) = (one.fixed.largest(), other.fixed.largest());
    // Each at least 1: bounds are apart.
    let fitting = |largest: i64, beside: i64| step(largest, LARGEST / beside.max(1));
    if one <= ROOT {
        (1, fitting(other, one))
    } else if other <= ROOT {
        (fitting(one, other), 1)
    } else {
        (step(one, ROOT), step(other, ROOT))
    }
}

/// How many steps one step is in a correlation.
pub const fn pair_steps(measure: &Measure) -> i64 {
    step(measure.fixed.reach(), PAIR)
}

/// The least step in which `largest` is at most `most`.
const fn step(largest: i64, most: i64) -> i64 {
    // Both are positive.
    let step = (largest + most - 1) / most;
    if step < 1 { 1 } else { step }
}
