//! Our expressions in the engine's terms.
//!
//! The closed set of [`query::Expr`](crate::query::Expr) is translated term by term: no SQL text is read a
//! second time, so there is no second reader to disagree with the first.

use crate::{
    engine::{
        arrow::datatypes::{DataType, TimeUnit},
        common::Column,
        functions::{core, string, unicode},
        logical_expr::{
            BinaryExpr, Case, Cast, Expr, Like, Operator,
            expr::{Between, InList, ScalarFunction},
            lit,
        },
    },
    query::{self, Comparison, Filter, Function, Literal},
};

/// The conditions of a filter, all of which must hold.
pub(super) fn conjunction(filter: &Filter) -> Expr {
    joined(filter.conditions(), Operator::And)
}

fn joined(parts: &[query::Expr], operator: Operator) -> Expr {
    let mut parts = parts.iter().map(term);
    // Of nothing, the neutral element; the parser makes no empty ones.
    let first = parts.next().unwrap_or_else(|| lit(operator == Operator::And));
    parts.fold(first, |left, right| binary(left, operator, right))
}

fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

fn boxed(expr: &query::Expr) -> Box<Expr> {
    Box::new(term(expr))
}

fn term(expr: &query::Expr) -> Expr {
    use query::Expr as Ours;
    match expr {
        Ours::Column(name) => Expr::Column(Column::from_name(name)),
        Ours::Literal(literal) => constant(literal),
        Ours::Compare { op, left, right } => binary(term(left), operator(*op), term(right)),
        Ours::And(parts) => joined(parts, Operator::And),
        Ours::Or(parts) => joined(parts, Operator::Or),
        Ours::Concat(parts) => joined(parts, Operator::StringConcat),
        Ours::Not(operand) => Expr::Not(boxed(operand)),
        Ours::IsNull { negated: false, operand } => Expr::IsNull(boxed(operand)),
        Ours::IsNull { negated: true, operand } => Expr::IsNotNull(boxed(operand)),
        Ours::IsTruth { negated, truth, operand } => match (negated, truth) {
            (false, true) => Expr::IsTrue(boxed(operand)),
            (true, true) => Expr::IsNotTrue(boxed(operand)),
            (false, false) => Expr::IsFalse(boxed(operand)),
            (true, false) => Expr::IsNotFalse(boxed(operand)),
        },
        Ours::In { negated, operand, list } => {
            Expr::InList(InList::new(boxed(operand), list.iter().map(constant).collect(), *negated))
        }
        Ours::Between { negated, operand, low, high } => {
            Expr::Between(Between::new(boxed(operand), *negated, boxed(low), boxed(high)))
        }
        Ours::Like { negated, any_case, operand, pattern } => {
            let pattern = Box::new(lit(pattern.as_str()));
            Expr::Like(Like::new(*negated, boxed(operand), pattern, None, *any_case))
        }
        Ours::Case { operand, branches, otherwise } => Expr::Case(Case::new(
            operand.as_deref().map(boxed),
            branches.iter().map(|(when, then)| (boxed(when), boxed(then))).collect(),
            otherwise.as_deref().map(boxed),
        )),
        Ours::Call { function, arguments } => {
            let function = match function {
                Function::Lower => string::lower(),
                Function::Upper => string::upper(),
                Function::Length => unicode::character_length(),
                Function::Trim => string::btrim(),
                Function::LeftTrim => string::ltrim(),
                Function::RightTrim => string::rtrim(),
                Function::Substring => unicode::substr(),
                Function::StartsWith => string::starts_with(),
                Function::EndsWith => string::ends_with(),
                Function::Coalesce => core::coalesce(),
                Function::NullIf => core::nullif(),
            };
            Expr::ScalarFunction(ScalarFunction::new_udf(function, arguments.iter().map(term).collect()))
        }
    }
}

fn operator(comparison: Comparison) -> Operator {
    match comparison {
        Comparison::Equal => Operator::Eq,
        Comparison::Different => Operator::NotEq,
        Comparison::Less => Operator::Lt,
        Comparison::LessOrEqual => Operator::LtEq,
        Comparison::Greater => Operator::Gt,
        Comparison::GreaterOrEqual => Operator::GtEq,
    }
}

fn constant(literal: &Literal) -> Expr {
    let spelt = |text: &str, kind: DataType| Expr::Cast(Cast::new(Box::new(lit(text)), kind));
    match literal {
        Literal::Text(text) => lit(text.as_str()),
        Literal::Integer(number) => lit(*number),
        // The parser lets only digits with a point through; what does not read is no number: never true.
        Literal::Decimal(digits) => lit(digits.parse::<f64>().unwrap_or(f64::NAN)),
        Literal::Boolean(truth) => lit(*truth),
        Literal::Date(day) => spelt(day, DataType::Date32),
        Literal::Timestamp(moment) => spelt(moment, DataType::Timestamp(TimeUnit::Nanosecond, None)),
    }
}
