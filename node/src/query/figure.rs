//! The figures that a question can ask for, one by one.

use crate::engine::sqlparser::ast::{
    self, BinaryOperator, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::{
    ColumnName, QueryError,
    scope::{Named, Scope},
    select::named,
};
use crate::policy::Decimal;

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
    /// The sum of the products of two partners' clamped columns; the lesser name first.
    Product(ColumnName, ColumnName),
    /// Pearson's coefficient of two partners' clamped columns; the lesser name first.
    Correlation(ColumnName, ColumnName),
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
            Self::Product(one, other) => format!("SUM({} * {})", one.sql(), other.sql()),
            Self::Correlation(one, other) => format!("CORR({}, {})", one.sql(), other.sql()),
        }
    }

    /// The columns that it measures.
    pub fn measures(&self) -> impl Iterator<Item = &ColumnName> {
        let (one, other) = match self {
            Self::Group(_) | Self::Count => (None, None),
            Self::Sum(column)
            | Self::Average(column)
            | Self::StandardDeviation(column)
            | Self::Quantile(column, _) => (Some(column), None),
            Self::Product(one, other) | Self::Correlation(one, other) => (Some(one), Some(other)),
        };
        one.into_iter().chain(other)
    }

    /// What it is called in the answer when nobody says.
    pub(super) fn own_label(&self) -> String {
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
            Self::Product(one, other) => format!("sum_{}_{}", one.column, other.column),
            Self::Correlation(one, other) => format!("corr_{}_{}", one.column, other.column),
        }
    }
}

/// Reads a figure.
pub(super) fn aggregate(call: &ast::Function, scope: &Scope) -> Result<Aggregate, QueryError> {
    let unknown = || {
        QueryError::unsupported(
            "this function in the SELECT list",
            "COUNT(*), COUNT(DISTINCT customer), SUM(column), AVG(column), STDDEV(column), MEDIAN(column), \
             QUANTILE(column, 0.9); over a JOIN also SUM(ours.x * theirs.y), CORR(ours.x, theirs.y)",
        )
    };
    let FunctionArguments::List(list) = &call.args else { return Err(unknown()) };
    let plain = matches!(call.parameters, FunctionArguments::None)
        && call.filter.is_none()
        && call.over.is_none()
        && call.null_treatment.is_none()
        && call.within_group.is_empty()
        && list.clauses.is_empty();
    if !plain {
        return Err(unknown());
    }
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let name = call.name.to_string().to_ascii_lowercase();
    let (argument, second) = match list.args.as_slice() {
        [FunctionArg::Unnamed(argument)] => (argument, None),
        [FunctionArg::Unnamed(argument), FunctionArg::Unnamed(FunctionArgExpr::Expr(second))] => {
            (argument, Some(second))
        }
        _ => return Err(unknown()),
    };
    let argument = match argument {
        FunctionArgExpr::Wildcard if name == "count" && !distinct && second.is_none() => {
            return Ok(Aggregate::Count);
        }
        FunctionArgExpr::Expr(argument) => argument,
        _ => return Err(unknown()),
    };
    match (name.as_str(), second, factors(argument)) {
        ("corr", Some(second), None) if !distinct => {
            let (one, other) = across(argument, second, "CORR", scope)?;
            return Ok(Aggregate::Correlation(one, other));
        }
        ("sum", None, Some((left, right))) if !distinct => {
            let (one, other) = across(left, right, "SUM of a product", scope)?;
            return Ok(Aggregate::Product(one, other));
        }
        _ => {}
    }
    let share = second.map(part_of_one).transpose()?;
    let argument = named(argument, scope)?;
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
        ("corr", ..) => {
            Err(QueryError::unsupported("CORR with these arguments", "CORR(us.ours.x, them.theirs.y)"))
        }
        _ => Err(unknown()),
    }
}

/// The two factors of a product.
fn factors(expr: &ast::Expr) -> Option<(&ast::Expr, &ast::Expr)> {
    match expr {
        ast::Expr::Nested(inner) if !matches!(**inner, ast::Expr::Nested(_)) => factors(inner),
        ast::Expr::BinaryOp { left, op: BinaryOperator::Multiply, right } => Some((left, right)),
        _ => None,
    }
}

/// Two columns of two partners, in the order of their names: what they make together does not depend on which
/// stood first.
fn across(
    left: &ast::Expr,
    right: &ast::Expr,
    what: &str,
    scope: &Scope,
) -> Result<(ColumnName, ColumnName), QueryError> {
    let (Named::Column(one, left), Named::Column(other, right)) = (named(left, scope)?, named(right, scope)?)
    else {
        return Err(QueryError::unsupported(
            format!("{what} with customer, which stands for the match keys"),
            "two columns by their names",
        ));
    };
    if one == other {
        return Err(QueryError::unsupported(
            format!("{what} over two columns of one table"),
            "one column of each partner's; give the dataset a column that holds the product of its own two",
        ));
    }
    let (left, right) = (scope.column(one, left), scope.column(other, right));
    Ok(if left <= right { (left, right) } else { (right, left) })
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
