//! The few kinds of value that a condition can compare.

use super::{
    Expr, Literal, QueryError, TableName,
    expr::{Comparison, Function},
};

/// What a column or a value is, as far as comparing goes.
///
/// Engines convert silently between these, row by row, and such a conversion can fail on one row (a text
/// column compared with a number is cast to a number). So kinds are compared here, and nothing is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Strings.
    Text,
    /// Integers, decimals, floats: they compare with each other without failing.
    Number,
    /// True or false.
    Boolean,
    /// A calendar day.
    Date,
    /// A moment, without a zone.
    Timestamp,
    /// Lists, bytes, intervals: not comparable here.
    Other,
}

impl Kind {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Date => "a date",
            Self::Timestamp => "a timestamp",
            Self::Other => "a value of another kind",
        }
    }
}

/// Checks a condition: its kinds fit, and it is true or false in the end.
pub(super) fn check(
    condition: &Expr,
    table: &TableName,
    kind_of: &dyn Fn(&str) -> Option<Kind>,
) -> Result<(), QueryError> {
    let checker = Checker { table, kind_of };
    checker.expect(condition, Kind::Boolean, "a condition")
}

struct Checker<'a> {
    table: &'a TableName,
    kind_of: &'a dyn Fn(&str) -> Option<Kind>,
}

impl Checker<'_> {
    fn kind(&self, expr: &Expr) -> Result<Kind, QueryError> {
        Ok(match expr {
            Expr::Column(name) => match (self.kind_of)(name) {
                None => {
                    return Err(QueryError::UnknownColumn {
                        column: name.clone(),
                        tables: vec![self.table.clone()],
                        double_quoted: false,
                    });
                }
                Some(Kind::Other) => return Err(differ("a condition", Kind::Other, Kind::Text)),
                Some(kind) => kind,
            },
            Expr::Literal(literal) => literal.kind(),
            Expr::Compare { op, left, right } => {
                let kind = self.alike(left, right, "a comparison")?;
                let ordered = !matches!(op, Comparison::Equal | Comparison::Different);
                if ordered && kind == Kind::Boolean {
                    return Err(differ("a comparison", kind, kind));
                }
                Kind::Boolean
            }
            Expr::And(parts) | Expr::Or(parts) => {
                parts.iter().try_for_each(|part| self.expect(part, Kind::Boolean, "AND or OR"))?;
                Kind::Boolean
            }
            Expr::Not(operand) => {
                self.expect(operand, Kind::Boolean, "NOT")?;
                Kind::Boolean
            }
            Expr::IsNull { operand, .. } => {
                self.kind(operand)?;
                Kind::Boolean
            }
            Expr::IsTruth { operand, .. } => {
                self.expect(operand, Kind::Boolean, "IS TRUE")?;
                Kind::Boolean
            }
            Expr::In { operand, list, .. } => {
                let kind = self.kind(operand)?;
                for literal in list {
                    fits(kind, literal).then_some(()).ok_or_else(|| differ("IN", kind, literal.kind()))?;
                }
                Kind::Boolean
            }
            Expr::Between { operand, low, high, .. } => {
                self.alike(operand, low, "BETWEEN")?;
                self.alike(operand, high, "BETWEEN")?;
                Kind::Boolean
            }
            Expr::Like { operand, .. } => {
                self.expect(operand, Kind::Text, "LIKE")?;
                Kind::Boolean
            }
            Expr::Case { operand, branches, otherwise } => {
                for (when, _) in branches {
                    match operand {
                        Some(operand) => drop(self.alike(operand, when, "CASE")?),
                        None => self.expect(when, Kind::Boolean, "WHEN")?,
                    }
                }
                self.same(branches.iter().map(|(_, then)| then).chain(otherwise.as_deref()), "CASE")?
            }
            Expr::Call { function, arguments } => self.call(*function, arguments)?,
            Expr::Concat(parts) => {
                parts.iter().try_for_each(|part| self.expect(part, Kind::Text, "||"))?;
                Kind::Text
            }
        })
    }

    fn call(&self, function: Function, arguments: &[Expr]) -> Result<Kind, QueryError> {
        let text = |arguments: &[Expr]| {
            arguments.iter().try_for_each(|argument| self.expect(argument, Kind::Text, function.sql()))
        };
        Ok(match function {
            Function::Lower | Function::Upper | Function::Trim | Function::LeftTrim | Function::RightTrim => {
                text(arguments)?;
                Kind::Text
            }
            Function::Length => {
                text(arguments)?;
                Kind::Number
            }
            // Its numbers are constants; `convert` has looked at them.
            Function::Substring => {
                text(&arguments[..1])?;
                Kind::Text
            }
            Function::StartsWith | Function::EndsWith => {
                text(arguments)?;
                Kind::Boolean
            }
            Function::Coalesce | Function::NullIf => self.same(arguments.iter(), function.sql())?,
        })
    }

    fn expect(&self, expr: &Expr, expected: Kind, place: &str) -> Result<(), QueryError> {
        let kind = self.kind(expr)?;
        if kind == expected { Ok(()) } else { Err(differ(place, kind, expected)) }
    }

    /// Both of one kind; a text constant may stand for the date or timestamp that it spells.
    fn alike(&self, left: &Expr, right: &Expr, place: &str) -> Result<Kind, QueryError> {
        let (l, r) = (self.kind(left)?, self.kind(right)?);
        let spelt = match (left, right) {
            (_, Expr::Literal(literal)) => fits(l, literal),
            (Expr::Literal(literal), _) => fits(r, literal),
            _ => false,
        };
        if (l == r || spelt) && l != Kind::Other {
            Ok(if l == Kind::Text { r } else { l })
        } else {
            Err(differ(place, l, r))
        }
    }

    fn same<'e>(&self, mut exprs: impl Iterator<Item = &'e Expr>, place: &str) -> Result<Kind, QueryError> {
        let Some(first) = exprs.next() else { return Ok(Kind::Other) };
        let kind = self.kind(first)?;
        exprs.try_for_each(|expr| self.expect(expr, kind, place))?;
        Ok(kind)
    }
}

fn differ(what: &str, left: Kind, right: Kind) -> QueryError {
    QueryError::KindsDiffer { what: what.to_owned(), left: left.name(), right: right.name() }
}

/// Whether a constant can stand beside a value of this kind.
fn fits(kind: Kind, literal: &Literal) -> bool {
    match (kind, literal) {
        (Kind::Date, Literal::Text(text)) => is_date(text),
        (Kind::Timestamp, Literal::Text(text)) => is_timestamp(text),
        _ => kind == literal.kind(),
    }
}

/// `2026-12-01`, and nothing looser: an engine must read it as we do.
pub(super) fn is_date(text: &str) -> bool {
    let shaped =
        |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(shaped) && text.parse::<jiff::civil::Date>().is_ok()
}

/// `2026-12-01 08:00:00`, of the centuries that nanoseconds in 64 bits can tell.
pub(super) fn is_timestamp(text: &str) -> bool {
    let shaped = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b' ',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 19
        && text.bytes().enumerate().all(shaped)
        && text.parse::<jiff::civil::DateTime>().is_ok_and(|moment| (1678..=2261).contains(&moment.year()))
}

impl Literal {
    /// What it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Integer(_) | Self::Decimal(_) => Kind::Number,
            Self::Boolean(_) => Kind::Boolean,
            Self::Date(_) => Kind::Date,
            Self::Timestamp(_) => Kind::Timestamp,
        }
    }
}
