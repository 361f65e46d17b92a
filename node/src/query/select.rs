//! What is asked for: a reveal, or an aggregate.

use std::collections::BTreeSet;

use crate::engine::sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem,
};

use super::{
    After, ColumnName, QueryError,
    after::Clauses,
    name::quoted,
    scope::{CUSTOMER, Named, Scope},
};
use crate::policy::Decimal;

/// The kind of question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Which of the asker's own customers are at the partner too.
    Reveal(Reveal),
    /// Noisy figures over one partner's table.
    Aggregate(Aggregates),
    /// Noisy figures over the overlap.
    Join(Aggregates),
}

/// The columns of a reveal's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reveal {
    /// In the order asked; `customer` is among them.
    pub outputs: Vec<Output>,
}

/// One column of a reveal's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The column; `None` is the asker's own name for the customer.
    pub column: Option<ColumnName>,
    /// What it is called in the answer.
    pub label: String,
}

/// The figures of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregates {
    /// The columns it is grouped by.
    pub groups: Vec<ColumnName>,
    /// In the order asked.
    pub figures: Vec<(Aggregate, String)>,
    /// What the asker does with the released figures.
    pub after: After,
}

/// One figure per group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aggregate {
    /// The value of a column that the answer is grouped by.
    Group(ColumnName),
    /// `COUNT(*)` or `COUNT(DISTINCT customer)`: the privacy unit makes them one.
    Count,
    /// The clamped sum.
    Sum(ColumnName),
    /// Noisy sum over noisy count.
    Average(ColumnName),
    /// From Σ, Σ² and n.
    StandardDeviation(ColumnName),
    /// The value below which this share of the customers lies, in millionths.
    Quantile(ColumnName, u32),
}

/// What stands behind a figure's name in the answer: its interval, and why it is not there.
pub const BESIDE: [&str; 3] = ["low95", "high95", "suppressed"];

/// What a question does with a column. A contract lists these per column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Usage {
    /// A condition looks at it.
    Filter,
    /// The answer has a row per value.
    Group,
    /// It is summed.
    Measure,
    /// Its values stand in the answer of a reveal.
    Show,
}

impl Aggregate {
    /// As SQL.
    pub(super) fn sql(&self) -> String {
        match self {
            Self::Group(column) => column.sql(),
            Self::Count => "COUNT(*)".to_owned(),
            Self::Sum(column) => format!("SUM({})", column.sql()),
            Self::Average(column) => format!("AVG({})", column.sql()),
            Self::StandardDeviation(column) => format!("STDDEV({})", column.sql()),
            Self::Quantile(column, share) => {
                format!("QUANTILE({}, {})", column.sql(), Decimal::of_micro(u64::from(*share)))
            }
        }
    }

    /// The column that it measures.
    pub const fn measure(&self) -> Option<&ColumnName> {
        match self {
            Self::Group(_) | Self::Count => None,
            Self::Sum(column)
            | Self::Average(column)
            | Self::StandardDeviation(column)
            | Self::Quantile(column, _) => Some(column),
        }
    }

    /// What it is called in the answer when nobody says.
    fn own_label(&self) -> String {
        match self {
            Self::Group(column) => column.column.clone(),
            Self::Count => "count".to_owned(),
            Self::Sum(column) => format!("sum_{}", column.column),
            Self::Average(column) => format!("avg_{}", column.column),
            Self::StandardDeviation(column) => format!("stddev_{}", column.column),
            Self::Quantile(column, 500_000) => format!("median_{}", column.column),
            Self::Quantile(column, share) => {
                let share = Decimal::of_micro(u64::from(*share)).to_string();
                format!("quantile_{}_{}", column.column, share.trim_start_matches("0."))
            }
        }
    }
}

impl Aggregates {
    /// The figures that the partner computes: each once, in one order, without the asker's names for them. The
    /// values of groups are not figures.
    pub fn computed(&self) -> BTreeSet<&Aggregate> {
        let figures = self.figures.iter().map(|(figure, _)| figure);
        figures.filter(|figure| !matches!(figure, Aggregate::Group(_))).collect()
    }
}

impl Ask {
    /// The columns outside the conditions, with what is done with them.
    pub(super) fn uses(&self) -> BTreeSet<(ColumnName, Usage)> {
        match self {
            Self::Reveal(reveal) => {
                reveal.outputs.iter().filter_map(|o| Some((o.column.clone()?, Usage::Show))).collect()
            }
            Self::Aggregate(aggregates) | Self::Join(aggregates) => aggregates
                .groups
                .iter()
                .map(|column| (column.clone(), Usage::Group))
                .chain(
                    aggregates
                        .figures
                        .iter()
                        .filter_map(|(figure, _)| Some((figure.measure()?.clone(), Usage::Measure))),
                )
                .collect(),
        }
    }

    /// The SELECT list. For a `reader`, it lists nothing of the asker's own, not even its labels.
    pub(super) fn list(&self, reader: Option<&str>) -> String {
        let labelled = |sql: String, label: &str| format!("{sql} AS {}", quoted(label));
        let items: Vec<String> = match (self, reader) {
            (Self::Reveal(reveal), Some(reader)) => {
                let theirs = reveal.outputs.iter().filter_map(|output| output.column.as_ref());
                let theirs = theirs.filter(|column| column.table.owner == reader).map(ColumnName::sql);
                [CUSTOMER.to_owned()].into_iter().chain(theirs).collect()
            }
            (Self::Reveal(reveal), None) => reveal
                .outputs
                .iter()
                .map(|output| {
                    let sql = output.column.as_ref().map_or(CUSTOMER.to_owned(), ColumnName::sql);
                    labelled(sql, &output.label)
                })
                .collect(),
            (Self::Aggregate(aggregates) | Self::Join(aggregates), Some(_)) => {
                aggregates.computed().into_iter().map(Aggregate::sql).collect()
            }
            (Self::Aggregate(aggregates) | Self::Join(aggregates), None) => {
                aggregates.figures.iter().map(|(figure, label)| labelled(figure.sql(), label)).collect()
            }
        };
        items.join(", ")
    }
}

/// Reads the SELECT list and the GROUP BY.
pub(super) fn ask(
    items: &[SelectItem],
    group_by: &[ast::Expr],
    distinct: bool,
    clauses: &Clauses,
    scope: &Scope,
) -> Result<Ask, QueryError> {
    let groups = group_by.iter().map(|group| grouped(group, scope)).collect::<Result<Vec<_>, _>>()?;
    let items = items.iter().map(|item| figure(item, scope)).collect::<Result<Vec<_>, _>>()?;
    let joined = scope.tables().len() > 1;
    let aggregated = |item: &Item| matches!(item, Item::Figure(..));
    if groups.is_empty() && !items.iter().any(aggregated) {
        if clauses.having.is_some() {
            return Err(QueryError::unsupported("HAVING without a figure", "WHERE, for conditions on rows"));
        }
        return reveal(items, joined);
    }
    if distinct {
        return Err(QueryError::unsupported(
            "SELECT DISTINCT with aggregates",
            "GROUP BY, which already does it",
        ));
    }
    let mut figures = Vec::new();
    for item in items {
        figures.push(match item {
            Item::Figure(figure, label) => (figure, label),
            Item::Column(column, label) if groups.contains(&column) => (Aggregate::Group(column), label),
            Item::Column(column, _) => return Err(QueryError::NotGrouped { column }),
            Item::Customer(_) => {
                return Err(QueryError::unsupported(
                    "customer beside an aggregate",
                    "COUNT(DISTINCT customer), or SELECT customer alone",
                ));
            }
        });
    }
    unambiguous(&figures)?;
    let after = After::read(clauses, scope, &figures)?;
    let aggregates = Aggregates { groups, figures, after };
    if aggregates.computed().is_empty() {
        return Err(QueryError::unsupported(
            "GROUP BY without a figure",
            "SELECT column, COUNT(*) … GROUP BY column",
        ));
    }
    Ok(if joined { Ask::Join(aggregates) } else { Ask::Aggregate(aggregates) })
}

/// Every column of the answer has a name of its own, those beside the figures included.
fn unambiguous(figures: &[(Aggregate, String)]) -> Result<(), QueryError> {
    let mut names = BTreeSet::new();
    let mut free = |name: String| names.insert(name);
    let all_free = figures.iter().all(|(figure, label)| {
        let beside: &[&str] = if matches!(figure, Aggregate::Group(_)) { &[] } else { &BESIDE };
        free(label.clone()) && beside.iter().all(|beside| free(format!("{label}_{beside}")))
    });
    if all_free {
        return Ok(());
    }
    Err(QueryError::unsupported("two columns of one name in the answer", "SUM(column) AS another_name"))
}

fn reveal(items: Vec<Item>, joined: bool) -> Result<Ask, QueryError> {
    let mut outputs: Vec<Output> = Vec::new();
    for item in items {
        let output = match item {
            Item::Customer(label) => Output { column: None, label },
            Item::Column(column, label) => Output { column: Some(column), label },
            // A figure makes the question an aggregate; `ask` has sorted that out.
            Item::Figure(..) => continue,
        };
        if outputs.iter().any(|other| other.label == output.label) {
            return Err(QueryError::unsupported(
                "two columns of one name in the answer",
                "column AS another_name",
            ));
        }
        outputs.push(output);
    }
    if !joined {
        return Err(QueryError::unsupported(
            "the rows of one table",
            "SELECT customer FROM us.ours JOIN them.theirs USING (customer): which of our customers they know",
        ));
    }
    if !outputs.iter().any(|output| output.column.is_none()) {
        return Err(QueryError::unsupported(
            "columns without customer",
            "SELECT customer, and then columns of your own dataset",
        ));
    }
    Ok(Ask::Reveal(Reveal { outputs }))
}

/// One item of the SELECT list with its label.
enum Item {
    Customer(String),
    Column(ColumnName, String),
    Figure(Aggregate, String),
}

fn figure(item: &SelectItem, scope: &Scope) -> Result<Item, QueryError> {
    let (expr, alias) = match item {
        SelectItem::UnnamedExpr(expr) => (expr, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(super::statement::name(alias)?)),
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
            return Err(QueryError::unsupported(
                "every column (*)",
                "customer, and the columns of your own dataset by name",
            ));
        }
        SelectItem::ExprWithAliases { .. } => {
            return Err(QueryError::unsupported("several names for one column", "column AS name"));
        }
    };
    let label = |own: &str| alias.clone().unwrap_or_else(|| own.to_owned());
    match expr {
        ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) => Ok(match named(expr, scope)? {
            Named::Customer => Item::Customer(label(CUSTOMER)),
            Named::Column(at, column) => Item::Column(scope.column(at, column.clone()), label(&column)),
        }),
        ast::Expr::Function(call) => {
            let figure = aggregate(call, scope)?;
            let own = figure.own_label();
            Ok(Item::Figure(figure, label(&own)))
        }
        _ => Err(QueryError::unsupported(
            "an expression in the SELECT list",
            "customer, columns, COUNT(*), SUM(column), AVG(column), STDDEV(column), QUANTILE(column, 0.9)",
        )),
    }
}

/// Reads a figure.
pub(super) fn aggregate(call: &ast::Function, scope: &Scope) -> Result<Aggregate, QueryError> {
    let unknown = || {
        QueryError::unsupported(
            "this function in the SELECT list",
            "COUNT(*), COUNT(DISTINCT customer), SUM(column), AVG(column), STDDEV(column), MEDIAN(column), \
             QUANTILE(column, 0.9)",
        )
    };
    let FunctionArguments::List(list) = &call.args else { return Err(unknown()) };
    let plain = matches!(call.parameters, FunctionArguments::None)
        && call.filter.is_none()
        && call.over.is_none()
        && call.null_treatment.is_none()
        && call.within_group.is_empty()
        && list.clauses.is_empty();
    let (argument, share) = match list.args.as_slice() {
        [FunctionArg::Unnamed(argument)] => (argument, None),
        [FunctionArg::Unnamed(argument), FunctionArg::Unnamed(FunctionArgExpr::Expr(share))] => {
            (argument, Some(part_of_one(share)?))
        }
        _ => return Err(unknown()),
    };
    if !plain {
        return Err(unknown());
    }
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let name = call.name.to_string().to_ascii_lowercase();
    let argument = match argument {
        FunctionArgExpr::Wildcard if name == "count" && !distinct && share.is_none() => {
            return Ok(Aggregate::Count);
        }
        FunctionArgExpr::Expr(argument) => named(argument, scope)?,
        _ => return Err(unknown()),
    };
    let column = |(at, column)| scope.column(at, column);
    match (name.as_str(), argument, distinct, share) {
        ("count", Named::Customer, _, None) => Ok(Aggregate::Count),
        ("sum", Named::Column(at, name), false, None) => Ok(Aggregate::Sum(column((at, name)))),
        ("avg" | "mean", Named::Column(at, name), false, None) => Ok(Aggregate::Average(column((at, name)))),
        ("stddev" | "stddev_samp", Named::Column(at, name), false, None) => {
            Ok(Aggregate::StandardDeviation(column((at, name))))
        }
        ("median", Named::Column(at, name), false, None) => {
            Ok(Aggregate::Quantile(column((at, name)), 500_000))
        }
        ("quantile" | "approx_quantile" | "percentile_cont", Named::Column(at, name), false, Some(share)) => {
            Ok(Aggregate::Quantile(column((at, name)), share))
        }
        ("quantile" | "approx_quantile" | "percentile_cont", Named::Column(..), false, None) => {
            Err(QueryError::unsupported("a quantile without its share", "QUANTILE(column, 0.9)"))
        }
        _ => Err(unknown()),
    }
}

/// A constant between 0 and 1, in millionths.
fn part_of_one(expr: &ast::Expr) -> Result<u32, QueryError> {
    let constant = match expr {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, false) => digits.parse::<Decimal>().ok(),
            _ => None,
        },
        _ => None,
    };
    constant
        .and_then(Decimal::micro)
        .filter(|micro| (1..1_000_000).contains(micro))
        .and_then(|micro| u32::try_from(micro).ok())
        .ok_or_else(|| {
            QueryError::unsupported(
                "this share of a quantile",
                "more than 0, less than 1, as in QUANTILE(column, 0.9)",
            )
        })
}

fn grouped(group: &ast::Expr, scope: &Scope) -> Result<ColumnName, QueryError> {
    match named(group, scope)? {
        Named::Column(at, column) => Ok(scope.column(at, column)),
        Named::Customer => Err(QueryError::unsupported(
            "GROUP BY customer: a group of one person is no aggregate",
            "SELECT customer without aggregates, if the contract allows a reveal",
        )),
    }
}

pub(super) fn named(expr: &ast::Expr, scope: &Scope) -> Result<Named, QueryError> {
    match expr {
        ast::Expr::Identifier(name) => scope.resolve(std::slice::from_ref(name)),
        ast::Expr::CompoundIdentifier(parts) => scope.resolve(parts),
        _ => Err(QueryError::unsupported(
            "an expression in this place",
            "a column by its name; give the dataset a column that holds what you need",
        )),
    }
}
