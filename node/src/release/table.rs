//! The asker's answer: a row a group, each figure with its interval or the reason why it is not there.

use std::{path::Path, sync::Arc};

use tacit_protocol::{aggregate::Figures, noise::NoiseError};

use super::{
    ReleaseError,
    estimate::{Estimate, Estimator, Widths},
};
use crate::{
    config::files::write_private,
    data::Value,
    engine::{
        arrow::{
            array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray},
            datatypes::{DataType, Field, Schema},
            error::ArrowError,
        },
        parquet::arrow::ArrowWriter,
    },
    policy::{AggregatePlan, Decimal, JoinPlan, Measure, Moment, Quantity, Roles, pair_steps, product_steps},
    query::{Aggregate, Aggregates, BESIDE, ColumnName},
};

/// An answer as rows, in the order and with the rows that the question wanted.
pub struct Answered {
    /// What was asked for, with its name.
    columns: Vec<(Aggregate, String)>,
    rows: Vec<Vec<Entry>>,
    /// Groups of the plan, without those that the own condition leaves out.
    pub groups: u64,
    /// Those with something hidden.
    pub suppressed: u64,
    /// Why figures are hidden.
    reason: String,
}

/// What stands in a row for an item of the SELECT list.
enum Entry {
    Group(String),
    Figure(Option<Estimate>),
}

impl Answered {
    /// Makes the answer's rows of the figures that came.
    ///
    /// # Errors
    /// The sampler's; the plan has checked that there is none.
    pub fn of(plan: &AggregatePlan, asked: &Aggregates, figures: &Figures) -> Result<Self, NoiseError> {
        Ok(Self::by(plan, Widths::of(plan)?, asked, figures, None))
    }

    /// Makes the answer's rows of the figures over an overlap; of the groups that are left, where the own condition
    /// leaves some out.
    ///
    /// # Errors
    /// The sampler's; the plan has checked that there is none.
    pub fn of_join(
        plan: &JoinPlan,
        roles: &Roles,
        asked: &Aggregates,
        figures: &Figures,
        left: Option<&[bool]>,
    ) -> Result<Self, NoiseError> {
        Ok(Self::by(plan.figures(), Widths::of_join(plan, roles)?, asked, figures, left))
    }

    fn by(
        plan: &AggregatePlan,
        widths: Widths,
        asked: &Aggregates,
        figures: &Figures,
        left: Option<&[bool]>,
    ) -> Self {
        let estimator = Estimator::new(plan, widths);
        let width = plan.columns().len();
        let (mut suppressed, mut groups) = (0, 0);
        let mut rows: Vec<Vec<Entry>> = figures
            .as_slice()
            .chunks(width.max(1))
            .enumerate()
            .filter(|(number, _)| left.is_none_or(|left| left.get(*number).is_none_or(|left| *left)))
            .map(|(number, group)| {
                groups += 1;
                suppressed += u64::from(group.contains(&None));
                let values = plan.cell(number);
                let value = |column: &ColumnName| {
                    let axis = plan.axes().iter().position(|axis| axis.name == *column);
                    axis.map_or("", |axis| values[axis]).to_owned()
                };
                let entry = |figure: &Aggregate| match figure {
                    Aggregate::Group(column) => Entry::Group(value(column)),
                    figure => Entry::Figure(estimator.figure(figure, group)),
                };
                asked.figures.iter().map(|(figure, _)| entry(figure)).collect()
            })
            .collect();
        asked.after.apply(&mut rows, |row, place| row[place].value(&asked.figures[place].0));
        let reason = format!("fewer than {} customers, with noise", plan.min_group());
        Self { columns: asked.figures.clone(), rows, groups, suppressed, reason }
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Writes it as Parquet, mode 0600, whole or not at all.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let batch = self.batch().map_err(std::io::Error::other)?;
        let mut bytes = Vec::new();
        let written = ArrowWriter::try_new(&mut bytes, batch.schema(), None).and_then(|mut writer| {
            writer.write(&batch)?;
            writer.close()
        });
        written.map_err(std::io::Error::other)?;
        write_private(path, &bytes).map_err(std::io::Error::other)
    }

    fn batch(&self) -> Result<RecordBatch, ArrowError> {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        let mut add = |name: String, array: ArrayRef, nullable: bool| {
            fields.push(Field::new(name, array.data_type().clone(), nullable));
            arrays.push(array);
        };
        for (place, (figure, label)) in self.columns.iter().enumerate() {
            let entries = || self.rows.iter().map(|row| &row[place]);
            if matches!(figure, Aggregate::Group(_)) {
                let texts: StringArray = entries()
                    .map(|entry| match entry {
                        Entry::Group(value) => Some(value.as_str()),
                        Entry::Figure(_) => None,
                    })
                    .collect();
                add(label.clone(), Arc::new(texts), false);
                continue;
            }
            let estimates: Vec<Option<Estimate>> = entries()
                .map(|entry| match entry {
                    Entry::Figure(estimate) => *estimate,
                    Entry::Group(_) => None,
                })
                .collect();
            let whole = if *figure == Aggregate::Count { DataType::Int64 } else { DataType::Float64 };
            let estimates: Vec<Option<Estimate>> = match whole {
                DataType::Int64 => estimates,
                _ => estimates.into_iter().map(|estimate| estimate.map(rounded)).collect(),
            };
            let numbers = |of: &dyn Fn(&Estimate) -> f64| -> ArrayRef {
                let cells = estimates.iter().map(|estimate| estimate.as_ref().map(of));
                match whole {
                    // Counts are whole and far below 2⁵³.
                    DataType::Int64 => Arc::new(cells.map(|c| c.map(|c| c as i64)).collect::<Int64Array>()),
                    _ => Arc::new(cells.collect::<Float64Array>()),
                }
            };
            let [low, high, hidden] = BESIDE.map(|beside| format!("{label}_{beside}"));
            let reasons = estimates.iter().map(|e| e.is_none().then_some(self.reason.as_str()));
            add(label.clone(), numbers(&|estimate| estimate.value), true);
            add(low, numbers(&|estimate| estimate.low), true);
            add(high, numbers(&|estimate| estimate.high), true);
            add(hidden, Arc::new(reasons.collect::<StringArray>()), true);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }
}

/// As many digits as the noise leaves a meaning; the interval is rounded outward.
fn rounded(estimate: Estimate) -> Estimate {
    let half = (estimate.high - estimate.low) / 2.0;
    if !half.is_finite() || half <= 0.0 {
        return estimate;
    }
    let scale = 10_f64.powf((2.0 - half.log10().floor()).clamp(0.0, 6.0));
    Estimate {
        // Adding 0 makes −0 a plain one.
        value: (estimate.value * scale).round() / scale + 0.0,
        low: (estimate.low * scale).floor() / scale,
        high: (estimate.high * scale).ceil() / scale,
    }
}

impl Entry {
    /// For conditions and order: a figure's value, null where it is hidden.
    fn value(&self, figure: &Aggregate) -> Value {
        match self {
            Self::Group(value) => Value::Text(value.clone()),
            Self::Figure(None) => Value::Null,
            Self::Figure(Some(estimate)) if *figure == Aggregate::Count => {
                Value::Integer(estimate.value as i64)
            }
            Self::Figure(Some(estimate)) => Value::Real(estimate.value),
        }
    }
}

/// How exact a figure will be.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Its name in the answer.
    pub label: String,
    /// Half the length of its 95 % interval.
    pub half_width: f64,
    /// Whether that depends on the group, and is for an example.
    pub of_group: bool,
}

/// How exact the figures of a plan will be; where that depends on the group, for one of this many customers whose
/// measures lie in the middle of their bounds, or evenly in their buckets.
///
/// # Errors
/// [`ReleaseError::Noise`]
pub fn expected(
    plan: &AggregatePlan,
    asked: Option<&Aggregates>,
    customers: u64,
) -> Result<Vec<Expected>, ReleaseError> {
    Ok(expected_by(plan, Widths::of(plan).map_err(ReleaseError::Noise)?, asked, customers))
}

/// How exact the figures over an overlap will be, for groups of so many; see [`expected`].
///
/// # Errors
/// [`ReleaseError::Noise`]
pub fn expected_of_join(
    plan: &JoinPlan,
    roles: &Roles,
    asked: Option<&Aggregates>,
    customers: u64,
) -> Result<Vec<Expected>, ReleaseError> {
    let widths = Widths::of_join(plan, roles).map_err(ReleaseError::Noise)?;
    Ok(expected_by(plan.figures(), widths, asked, customers))
}

/// Half the length of the 95 % interval of the count by which groups are shown or not.
///
/// # Errors
/// [`ReleaseError::Noise`]
pub fn count_half_width(plan: &JoinPlan, roles: &Roles) -> Result<u64, ReleaseError> {
    let widths = Widths::of_join(plan, roles).map_err(ReleaseError::Noise)?;
    Ok(widths.alone(plan.figures().threshold()) as u64)
}

fn expected_by(
    plan: &AggregatePlan,
    widths: Widths,
    asked: Option<&Aggregates>,
    customers: u64,
) -> Vec<Expected> {
    let estimator = Estimator::new(plan, widths);
    let customers = i64::try_from(customers).unwrap_or(i64::MAX);
    let group: Vec<Option<i64>> = plan
        .columns()
        .iter()
        .map(|column| {
            Some(match column.quantity {
                Quantity::Customers | Quantity::Values(_) => customers,
                Quantity::Sum(of) => plan.measures()[of].fixed.centre().saturating_mul(customers),
                Quantity::Centred(_) | Quantity::Squares(_) => 0,
                // At most 256 buckets.
                Quantity::Bucket(of, _) => customers / (plan.measures()[of].buckets().max(1) as i64),
                // Evenly between the bounds, and one without the other.
                Quantity::Pair(one, other, moment) => {
                    let square = |of: usize| {
                        let measure = &plan.measures()[of];
                        (measure.fixed.reach() / pair_steps(measure)).pow(2) / 3
                    };
                    customers.saturating_mul(match moment {
                        Moment::Count => 1,
                        Moment::FirstSquare => square(one),
                        Moment::SecondSquare => square(other),
                        Moment::First | Moment::Second | Moment::Product => 0,
                    })
                }
                Quantity::Product(..) => 0,
            })
        })
        .collect();
    let figures = asked.map_or(&[][..], |asked| &asked.figures);
    figures
        .iter()
        .filter_map(|(figure, label)| {
            let Estimate { value, low, high } = estimator.figure(figure, &group)?;
            // A deviation of 0 has no room below.
            let half_width = (high - value).max(value - low);
            let of_group = !matches!(figure, Aggregate::Count | Aggregate::Sum(_) | Aggregate::Product(..));
            Some(Expected { label: label.clone(), half_width, of_group })
        })
        .collect()
}

/// What a reader of the figures has to know beside them.
pub fn labels(plan: &AggregatePlan) -> Vec<String> {
    let one_table = plan.measures().windows(2).all(|pair| pair[0].name.table == pair[1].name.table);
    let named = |measure: &Measure| match one_table {
        true => measure.name.column.clone(),
        false => measure.name.to_string(),
    };
    let clamped = plan.measures().iter().map(|measure| {
        let (fixed, step) = (&measure.fixed, measure.fixed.step_decimal());
        let bound = |steps: i64| Decimal::of_units(i128::from(steps) * step.units());
        format!(
            "{} is clamped to {}–{} and rounded to {step}: the intervals are of the clamped values",
            named(measure),
            bound(fixed.low()),
            bound(fixed.high())
        )
    });
    let grid = plan.measures().iter().filter(|measure| measure.buckets() > 0).map(|measure| {
        format!(
            "quantiles of {} are read from {} public buckets and lie within {}–{}",
            named(measure),
            measure.buckets(),
            measure.shown_edges[0],
            measure.shown_edges[measure.buckets()]
        )
    });
    let rounded = |of: usize, by: i64| {
        let measure = &plan.measures()[of];
        let step = Decimal::of_units(i128::from(by) * measure.fixed.step_decimal().units());
        (by > 1).then(|| format!("{} to {step}", named(measure)))
    };
    let together = plan.columns().iter().filter_map(|column| {
        let (what, one, other, (by, also)) = match column.quantity {
            Quantity::Product(one, other) => {
                let steps = product_steps(&plan.measures()[one], &plan.measures()[other]);
                ("the product", one, other, steps)
            }
            Quantity::Pair(one, other, Moment::Product) => {
                let step = |of: usize| pair_steps(&plan.measures()[of]);
                ("the correlation", one, other, (step(one), step(other)))
            }
            _ => return None,
        };
        let rounded: Vec<String> = rounded(one, by).into_iter().chain(rounded(other, also)).collect();
        (!rounded.is_empty()).then(|| format!("for {what}, values are rounded: {}", rounded.join(", ")))
    });
    clamped.chain(grid).chain(together).collect()
}
