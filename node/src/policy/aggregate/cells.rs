//! The groups of an answer, all of them public before a row is read.
//!
//! The attack this stops: a group that exists only because somebody is in it. So groups are the product of lists
//! that the contract, or the question itself, has; every one is in the answer, the empty ones too.

use std::collections::BTreeSet;

use super::AggregateError;
use crate::{
    policy::{DatasetTerms, Values, error::Under},
    query::{Aggregates, ColumnName, Comparison, Expr, Filter},
};

/// The most groups of an answer.
pub(super) const MOST: usize = 4096;

/// A column that the answer is grouped by, and its public values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The column, in the owner's spelling.
    pub name: ColumnName,
    /// Its values as contracts list them, in order.
    pub values: Vec<String>,
}

impl Axis {
    /// Which of the values a condition leaves; all of them where it leaves none, as [`axes`] has it.
    pub(in crate::policy) fn left_by(&self, filter: &Filter) -> Vec<bool> {
        let Some(named) = named(filter, &self.name.column) else { return vec![true; self.values.len()] };
        let left: Vec<bool> = self.values.iter().map(|value| named.contains(value)).collect();
        if left.contains(&true) { left } else { vec![true; left.len()] }
    }
}

/// The axes of a question in one dataset, in the order of their columns' names.
pub(in crate::policy) fn axes(
    aggregates: &Aggregates,
    filter: Option<&Filter>,
    dataset: &DatasetTerms,
    under: &dyn Fn() -> Under,
) -> Result<Vec<Axis>, AggregateError> {
    let is_here = |column: &&ColumnName| dataset.is(&column.table);
    let columns: BTreeSet<&ColumnName> = aggregates.groups.iter().filter(is_here).collect();
    let mut axes = Vec::new();
    for column in columns {
        let terms = dataset.columns.get(&column.column);
        let values = terms.map_or(&Values::Unlisted, |terms| &terms.values);
        let asked = filter.map(|filter| named(filter, &column.column)).unwrap_or_default();
        let values: BTreeSet<String> = match (values, asked) {
            (Values::Listed(listed), asked) => match asked.map(|asked| &asked & listed) {
                // Conditions that no value meets: the groups are empty, and are those of the contract.
                Some(both) if !both.is_empty() => both,
                _ => listed.clone(),
            },
            (Values::Public, Some(asked)) if !asked.is_empty() => asked,
            (values, _) => {
                return Err(AggregateError::NoValues {
                    contract: under(),
                    column: column.clone(),
                    public: *values == Values::Public,
                });
            }
        };
        axes.push(Axis { name: column.clone(), values: values.into_iter().collect() });
    }
    Ok(axes)
}

/// Checks that axes make no more than so many groups.
pub(in crate::policy) fn few_enough<'a>(
    axes: impl IntoIterator<Item = &'a Axis>,
    most: usize,
    home: Option<&str>,
) -> Result<(), AggregateError> {
    let cells = axes.into_iter().try_fold(1_usize, |cells, axis| cells.checked_mul(axis.values.len()));
    match cells {
        Some(cells) if cells <= most => Ok(()),
        _ => {
            let (groups, home) = (cells.map(|cells| cells as u64), home.map(str::to_owned));
            Err(AggregateError::TooManyGroups { groups, most, home })
        }
    }
}

/// The values that a filter lets a column have, where it lists them: what else would be empty groups.
fn named(filter: &Filter, column: &str) -> Option<BTreeSet<String>> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(name) if name == column);
    let lists = filter.conditions().iter().filter_map(|condition| match condition {
        Expr::In { negated: false, operand, list } if is_column(operand) => {
            Some(list.iter().map(|literal| literal.plain()).collect::<BTreeSet<_>>())
        }
        Expr::Compare { op: Comparison::Equal, left, right } => match (left.as_ref(), right.as_ref()) {
            (one, Expr::Literal(literal)) | (Expr::Literal(literal), one) if is_column(one) => {
                Some(BTreeSet::from([literal.plain()]))
            }
            _ => None,
        },
        _ => None,
    });
    lists.reduce(|all, list| &all & &list)
}
