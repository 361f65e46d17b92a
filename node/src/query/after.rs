//! What an asker does with the figures once they are released: conditions, order and a limit.
//!
//! All of it looks at noisy values alone, so it costs nothing (post-processing: Dwork and Roth, *The Algorithmic
//! Foundations of Differential Privacy*, 2014, proposition 2.1), and the owner of the data never hears of it. The
//! attack it stops is a condition on an exact figure: there is no way to write one.

use std::cmp::Ordering;

use crate::engine::sqlparser::ast::{self, BinaryOperator, UnaryOperator};

use super::{
    Aggregate, Comparison, Literal, QueryError,
    convert::{chain, literal},
    figure::aggregate,
    name::quoted,
    scope::{Named, Scope},
    select::named,
};
use crate::data::Value;

/// The deepest condition that is kept.
const DEPTH: usize = 32;

/// The clauses as the parser has them.
#[derive(Debug, Default)]
pub(super) struct Clauses {
    pub having: Option<ast::Expr>,
    order: Vec<ast::OrderByExpr>,
    limit: Option<u64>,
    offset: u64,
}

/// What is done with the rows of an answer: some are kept, they are put in order, and that is cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct After {
    having: Option<Test>,
    order: Vec<Order>,
    limit: Option<u64>,
    offset: u64,
    /// What the answer calls its columns, for printing.
    labels: Vec<String>,
}

/// A condition on a row of the answer. A suppressed figure is null: a comparison with it is neither true nor
/// false.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Compare(Comparison, Term, Term),
    Between { negated: bool, operand: Term, low: Term, high: Term },
    In { negated: bool, operand: Term, list: Vec<Literal> },
    IsNull { negated: bool, operand: Term },
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    /// The place of a column in the SELECT list.
    Place(usize),
    Literal(Literal),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Order {
    place: usize,
    descending: bool,
    nulls_first: bool,
}

impl Clauses {
    /// With this condition, and nothing else yet.
    pub fn having(having: Option<ast::Expr>) -> Self {
        Self { having, ..Self::default() }
    }

    /// Takes ORDER BY, LIMIT, OFFSET and FETCH apart.
    pub fn cut(
        &mut self,
        order: Option<ast::OrderBy>,
        limit: Option<ast::LimitClause>,
        fetch: Option<ast::Fetch>,
    ) -> Result<(), QueryError> {
        match order.map(|order| (order.kind, order.interpolate)) {
            None => {}
            Some((ast::OrderByKind::Expressions(order), None))
                if order.iter().all(|by| by.with_fill.is_none()) =>
            {
                self.order = order;
            }
            Some(_) => return Err(QueryError::unsupported("ORDER BY in this form", "ORDER BY column DESC")),
        }
        let this_form = || QueryError::unsupported("LIMIT in this form", "LIMIT 10 OFFSET 20");
        match limit {
            None => {}
            Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                self.limit = limit.as_ref().map(number).transpose()?;
                self.offset = offset.map_or(Ok(0), |offset| number(&offset.value))?;
            }
            Some(_) => return Err(this_form()),
        }
        match fetch {
            None => {}
            Some(ast::Fetch { with_ties: false, percent: false, quantity }) if self.limit.is_none() => {
                self.limit = Some(quantity.as_ref().map_or(Ok(1), number)?);
            }
            Some(_) => return Err(this_form()),
        }
        Ok(())
    }
}

fn number(expr: &ast::Expr) -> Result<u64, QueryError> {
    match literal(expr) {
        Ok(Literal::Integer(number)) if number >= 0 => Ok(number.unsigned_abs()),
        _ => Err(QueryError::unsupported("LIMIT and OFFSET other than whole numbers", "LIMIT 10 OFFSET 20")),
    }
}

impl After {
    /// Reads the clauses against the SELECT list.
    pub(super) fn read(
        clauses: &Clauses,
        scope: &Scope,
        figures: &[(Aggregate, String)],
    ) -> Result<Self, QueryError> {
        let reader = Reader { scope, figures };
        let having = clauses.having.as_ref().map(|having| reader.test(having, DEPTH)).transpose()?;
        let order = clauses.order.iter().map(|by| {
            let place = match literal(&by.expr) {
                Ok(Literal::Integer(ordinal)) => usize::try_from(ordinal - 1)
                    .ok()
                    .filter(|place| *place < figures.len())
                    .ok_or_else(not_in_the_list)?,
                _ => reader.place(&by.expr)?,
            };
            Ok(Order {
                place,
                descending: by.options.asc == Some(false),
                nulls_first: by.options.nulls_first == Some(true),
            })
        });
        Ok(Self {
            having,
            order: order.collect::<Result<_, _>>()?,
            limit: clauses.limit,
            offset: clauses.offset,
            labels: figures.iter().map(|(_, label)| label.clone()).collect(),
        })
    }

    /// Keeps, sorts and cuts the rows of an answer. `value` gives what stands at a place of the SELECT list.
    pub fn apply<R>(&self, rows: &mut Vec<R>, value: impl Fn(&R, usize) -> Value) {
        if let Some(having) = &self.having {
            rows.retain(|row| having.holds(&|place| value(row, place)) == Some(true));
        }
        if !self.order.is_empty() {
            rows.sort_by(|a, b| {
                let by = self.order.iter().map(|by| by.compare(&value(a, by.place), &value(b, by.place)));
                by.fold(Ordering::Equal, Ordering::then)
            });
        }
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX).min(rows.len());
        rows.drain(..offset);
        rows.truncate(self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX));
    }

    /// As SQL, with a blank before it; nothing if there is nothing.
    pub(super) fn sql(&self) -> String {
        let mut sql = String::new();
        if let Some(having) = &self.having {
            sql.push_str(&format!(" HAVING {}", having.sql(&self.labels)));
        }
        let order: Vec<String> = self
            .order
            .iter()
            .map(|by| {
                let (way, nulls) = (
                    if by.descending { " DESC" } else { "" },
                    if by.nulls_first { " NULLS FIRST" } else { "" },
                );
                format!("{}{way}{nulls}", quoted(&self.labels[by.place]))
            })
            .collect();
        if !order.is_empty() {
            sql.push_str(&format!(" ORDER BY {}", order.join(", ")));
        }
        self.limit.iter().for_each(|limit| sql.push_str(&format!(" LIMIT {limit}")));
        if self.offset > 0 {
            sql.push_str(&format!(" OFFSET {}", self.offset));
        }
        sql
    }
}

impl Order {
    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        let null = |value: &Value| *value == Value::Null;
        match (null(a), null(b)) {
            (true, true) => Ordering::Equal,
            (true, false) | (false, true) => {
                let first = if null(a) { Ordering::Less } else { Ordering::Greater };
                if self.nulls_first { first } else { first.reverse() }
            }
            (false, false) => {
                let ordering = compare(a, b).unwrap_or(Ordering::Equal);
                if self.descending { ordering.reverse() } else { ordering }
            }
        }
    }
}

/// Numbers by size, words by their letters; what is null, or of two kinds, does not compare.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (real(a), real(b)) {
        (Some(a), Some(b)) => a.partial_cmp(&b),
        _ => match (a, b) {
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        },
    }
}

/// The values of groups are texts, as the contract lists them, also where they spell numbers.
fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        Value::Text(text) if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => text.parse().ok(),
        _ => None,
    }
}

impl Test {
    fn holds(&self, value: &dyn Fn(usize) -> Value) -> Option<bool> {
        let term = |term: &Term| match term {
            Term::Place(place) => value(*place),
            Term::Literal(literal) => constant(literal),
        };
        let by = |ordering: Ordering, op: &Comparison| match op {
            Comparison::Equal => ordering.is_eq(),
            Comparison::Different => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        };
        match self {
            Self::Compare(op, left, right) => compare(&term(left), &term(right)).map(|o| by(o, op)),
            Self::Between { negated, operand, low, high } => {
                let operand = term(operand);
                let (low, high) = (compare(&operand, &term(low))?, compare(&operand, &term(high))?);
                Some((low.is_ge() && high.is_le()) != *negated)
            }
            Self::In { negated, operand, list } => {
                let operand = term(operand);
                let same: Vec<_> = list.iter().map(|literal| compare(&operand, &constant(literal))).collect();
                if same.contains(&Some(Ordering::Equal)) {
                    return Some(!negated);
                }
                same.iter().all(Option::is_some).then_some(*negated)
            }
            Self::IsNull { negated, operand } => Some((term(operand) == Value::Null) != *negated),
            // False decides AND, true decides OR, whatever is unknown beside it.
            Self::And(parts) => parts
                .iter()
                .try_fold(Some(true), |all, part| match part.holds(value) {
                    Some(false) => Err(Some(false)),
                    Some(true) => Ok(all),
                    None => Ok(None),
                })
                .unwrap_or_else(|decided| decided),
            Self::Or(parts) => parts
                .iter()
                .try_fold(Some(false), |any, part| match part.holds(value) {
                    Some(true) => Err(Some(true)),
                    Some(false) => Ok(any),
                    None => Ok(None),
                })
                .unwrap_or_else(|decided| decided),
            Self::Not(test) => test.holds(value).map(|holds| !holds),
        }
    }

    fn sql(&self, labels: &[String]) -> String {
        let term = |term: &Term| match term {
            Term::Place(place) => quoted(&labels[*place]),
            Term::Literal(literal) => literal.sql(),
        };
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        let joined = |parts: &[Self], by: &str| {
            let parts: Vec<String> = parts.iter().map(|part| format!("({})", part.sql(labels))).collect();
            parts.join(by)
        };
        match self {
            Self::Compare(op, left, right) => format!("{} {} {}", term(left), op.sql(), term(right)),
            Self::Between { negated, operand, low, high } => {
                format!("{} {}BETWEEN {} AND {}", term(operand), not(negated), term(low), term(high))
            }
            Self::In { negated, operand, list } => {
                let list: Vec<String> = list.iter().map(Literal::sql).collect();
                format!("{} {}IN ({})", term(operand), not(negated), list.join(", "))
            }
            Self::IsNull { negated, operand } => format!("{} IS {}NULL", term(operand), not(negated)),
            Self::And(parts) => joined(parts, " AND "),
            Self::Or(parts) => joined(parts, " OR "),
            Self::Not(test) => format!("NOT ({})", test.sql(labels)),
        }
    }
}

fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Boolean(truth) => Value::Text(truth.to_string()),
        Literal::Integer(number) => Value::Integer(*number),
        Literal::Decimal(digits) => digits.parse().map_or(Value::Null, Value::Real),
        Literal::Text(text) | Literal::Date(text) | Literal::Timestamp(text) => Value::Text(text.clone()),
    }
}

fn not_in_the_list() -> QueryError {
    QueryError::unsupported(
        "HAVING and ORDER BY on what the SELECT list does not have",
        "put the figure into the SELECT list, and use it by its name",
    )
}

/// Reads expressions against the SELECT list.
struct Reader<'a> {
    scope: &'a Scope<'a>,
    figures: &'a [(Aggregate, String)],
}

impl Reader<'_> {
    /// The place of a label, of a column that is grouped by, or of a figure.
    fn place(&self, expr: &ast::Expr) -> Result<usize, QueryError> {
        let at = |wanted: &Aggregate| self.figures.iter().position(|(figure, _)| figure == wanted);
        let found = match expr {
            ast::Expr::Nested(inner) if !matches!(**inner, ast::Expr::Nested(_)) => return self.place(inner),
            ast::Expr::Function(call) => at(&aggregate(call, self.scope)?),
            ast::Expr::Identifier(name) => {
                let exact = |label: &str| match name.quote_style {
                    Some(_) => label == name.value,
                    None => label.eq_ignore_ascii_case(&name.value),
                };
                match self.figures.iter().position(|(_, label)| exact(label)) {
                    Some(place) => Some(place),
                    None => self.grouped(expr)?,
                }
            }
            ast::Expr::CompoundIdentifier(_) => self.grouped(expr)?,
            _ => None,
        };
        found.ok_or_else(not_in_the_list)
    }

    fn grouped(&self, expr: &ast::Expr) -> Result<Option<usize>, QueryError> {
        let Named::Column(at, column) = named(expr, self.scope)? else { return Ok(None) };
        let wanted = Aggregate::Group(self.scope.column(at, column));
        Ok(self.figures.iter().position(|(figure, _)| *figure == wanted))
    }

    fn term(&self, expr: &ast::Expr) -> Result<Term, QueryError> {
        match literal(expr) {
            Ok(literal) => Ok(Term::Literal(literal)),
            Err(_) => self.place(expr).map(Term::Place),
        }
    }

    fn test(&self, expr: &ast::Expr, depth: usize) -> Result<Test, QueryError> {
        let Some(depth) = depth.checked_sub(1) else { return Err(QueryError::TooDeep { limit: DEPTH }) };
        let parts = |op: &BinaryOperator| {
            let links = chain(expr, op).into_iter();
            links.map(|part| self.test(part, depth)).collect::<Result<Vec<_>, _>>()
        };
        let comparison = |op: &BinaryOperator| {
            Some(match op {
                BinaryOperator::Eq => Comparison::Equal,
                BinaryOperator::NotEq => Comparison::Different,
                BinaryOperator::Lt => Comparison::Less,
                BinaryOperator::LtEq => Comparison::LessOrEqual,
                BinaryOperator::Gt => Comparison::Greater,
                BinaryOperator::GtEq => Comparison::GreaterOrEqual,
                _ => return None,
            })
        };
        Ok(match expr {
            ast::Expr::Nested(inner) => self.test(inner, depth)?,
            ast::Expr::BinaryOp { op: op @ BinaryOperator::And, .. } => Test::And(parts(op)?),
            ast::Expr::BinaryOp { op: op @ BinaryOperator::Or, .. } => Test::Or(parts(op)?),
            ast::Expr::BinaryOp { left, op, right } if comparison(op).is_some() => {
                let op = comparison(op).unwrap_or(Comparison::Equal);
                Test::Compare(op, self.term(left)?, self.term(right)?)
            }
            ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Test::Not(Box::new(self.test(expr, depth)?))
            }
            ast::Expr::IsNull(e) => Test::IsNull { negated: false, operand: self.term(e)? },
            ast::Expr::IsNotNull(e) => Test::IsNull { negated: true, operand: self.term(e)? },
            ast::Expr::Between { expr, negated, low, high } => Test::Between {
                negated: *negated,
                operand: self.term(expr)?,
                low: self.term(low)?,
                high: self.term(high)?,
            },
            ast::Expr::InList { expr, list, negated } => Test::In {
                negated: *negated,
                operand: self.term(expr)?,
                list: list.iter().map(literal).collect::<Result<_, _>>()?,
            },
            _ => {
                return Err(QueryError::unsupported(
                    "a condition of this kind in HAVING",
                    "figures and constants with =, <>, <, <=, >, >=, BETWEEN, IN, IS NULL, AND, OR, NOT",
                ));
            }
        })
    }
}
