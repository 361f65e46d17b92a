//! The expressions that a node is willing to run: a closed set, total on every row.

use std::fmt;

use super::name::quoted;
use crate::policy::Decimal;

/// A value or a condition over the columns of one table.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A column of the table, in the owner's spelling.
    Column(String),
    /// A constant of the question.
    Literal(Literal),
    /// `left op right`.
    Compare { op: Comparison, left: Box<Expr>, right: Box<Expr> },
    /// All of them; at least two.
    And(Vec<Expr>),
    /// Any of them; at least two.
    Or(Vec<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// `IS [NOT] NULL`.
    IsNull { negated: bool, operand: Box<Expr> },
    /// `IS [NOT] TRUE`, `IS [NOT] FALSE`: never null.
    IsTruth { negated: bool, truth: bool, operand: Box<Expr> },
    /// `[NOT] IN (…)`, over constants.
    In { negated: bool, operand: Box<Expr>, list: Vec<Literal> },
    /// `[NOT] BETWEEN low AND high`.
    Between { negated: bool, operand: Box<Expr>, low: Box<Expr>, high: Box<Expr> },
    /// `[NOT] LIKE` or `ILIKE`, with a constant pattern.
    Like { negated: bool, any_case: bool, operand: Box<Expr>, pattern: String },
    /// `CASE … WHEN … THEN … ELSE … END`.
    Case { operand: Option<Box<Expr>>, branches: Vec<(Expr, Expr)>, otherwise: Option<Box<Expr>> },
    /// A function that has a result for every argument.
    Call { function: Function, arguments: Vec<Expr> },
    /// `a || b || …`; at least two.
    Concat(Vec<Expr>),
}

/// A constant. Its `Debug` shows the kind alone: errors and logs never carry a value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Literal {
    /// `'…'`
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Digits, a point, digits; without trailing zeros.
    Decimal(String),
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// `DATE '2026-12-01'`.
    Date(String),
    /// `TIMESTAMP '2026-12-01 08:00:00'`.
    Timestamp(String),
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Integer(_) => "Integer(..)",
            Self::Decimal(_) => "Decimal(..)",
            Self::Boolean(_) => "Boolean(..)",
            Self::Date(_) => "Date(..)",
            Self::Timestamp(_) => "Timestamp(..)",
        })
    }
}

impl Literal {
    /// The value as a contract lists it among a column's values: without quotes, numbers in shortest form.
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) | Self::Date(text) | Self::Timestamp(text) => text.clone(),
            Self::Decimal(digits) => {
                digits.parse::<Decimal>().map_or_else(|_| digits.clone(), |number| number.to_string())
            }
            Self::Integer(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
        }
    }

    pub(super) fn sql(&self) -> String {
        match self {
            Self::Text(text) => text_sql(text),
            Self::Integer(number) => number.to_string(),
            Self::Decimal(digits) => digits.clone(),
            Self::Boolean(truth) => if *truth { "TRUE" } else { "FALSE" }.to_owned(),
            Self::Date(day) => format!("DATE {}", text_sql(day)),
            Self::Timestamp(moment) => format!("TIMESTAMP {}", text_sql(moment)),
        }
    }
}

fn text_sql(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Comparison {
    Equal,
    Different,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Different => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// The functions that have a result for every argument they can be given here.
///
/// Left out on purpose: `abs` (overflows on the smallest integer), `power`, `sqrt`, `ln` and `log` (domain
/// errors), `repeat` and `lpad` (memory), `to_date` and its kin (parse errors), `random` and `now` (not a
/// function of the row).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Function {
    Lower,
    Upper,
    Length,
    Trim,
    LeftTrim,
    RightTrim,
    Substring,
    StartsWith,
    EndsWith,
    Coalesce,
    NullIf,
}

impl Function {
    /// The name under which the engine knows it.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Length => "character_length",
            Self::Trim => "btrim",
            Self::LeftTrim => "ltrim",
            Self::RightTrim => "rtrim",
            Self::Substring => "substr",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::Coalesce => "coalesce",
            Self::NullIf => "nullif",
        }
    }

    /// By any of the names in use.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "length" | "char_length" | "character_length" => Self::Length,
            "trim" | "btrim" => Self::Trim,
            "ltrim" => Self::LeftTrim,
            "rtrim" => Self::RightTrim,
            "substr" | "substring" => Self::Substring,
            "starts_with" => Self::StartsWith,
            "ends_with" => Self::EndsWith,
            "coalesce" | "ifnull" => Self::Coalesce,
            "nullif" => Self::NullIf,
            _ => return None,
        })
    }
}

impl Expr {
    /// As SQL. `table` is put before every column; without it the columns stand alone.
    pub fn sql(&self, table: Option<&str>) -> String {
        let at = |expr: &Expr, level: u8| {
            let text = expr.sql(table);
            if expr.level() < level { format!("({text})") } else { text }
        };
        let not = |negated: bool| if negated { "NOT " } else { "" };
        let joined = |parts: &[Expr], level: u8, by: &str| {
            parts.iter().map(|part| at(part, level)).collect::<Vec<_>>().join(by)
        };
        match self {
            Self::Column(name) => match table {
                Some(table) => format!("{table}.{}", quoted(name)),
                None => quoted(name),
            },
            Self::Literal(literal) => literal.sql(),
            Self::Compare { op, left, right } => format!("{} {} {}", at(left, 4), op.sql(), at(right, 4)),
            Self::And(parts) => joined(parts, 2, " AND "),
            Self::Or(parts) => joined(parts, 2, " OR "),
            Self::Not(operand) => format!("NOT {}", at(operand, 5)),
            Self::IsNull { negated, operand } => format!("{} IS {}NULL", at(operand, 4), not(*negated)),
            Self::IsTruth { negated, truth, operand } => {
                let truth = if *truth { "TRUE" } else { "FALSE" };
                format!("{} IS {}{truth}", at(operand, 4), not(*negated))
            }
            Self::In { negated, operand, list } => {
                let list = list.iter().map(Literal::sql).collect::<Vec<_>>().join(", ");
                format!("{} {}IN ({list})", at(operand, 4), not(*negated))
            }
            Self::Between { negated, operand, low, high } => {
                format!("{} {}BETWEEN {} AND {}", at(operand, 4), not(*negated), at(low, 4), at(high, 4))
            }
            Self::Like { negated, any_case, operand, pattern } => {
                let like = if *any_case { "ILIKE" } else { "LIKE" };
                format!("{} {}{like} {}", at(operand, 4), not(*negated), text_sql(pattern))
            }
            Self::Case { operand, branches, otherwise } => {
                let mut text = "CASE".to_owned();
                let mut word = |keyword: &str, expr: &Expr| {
                    text.push_str(keyword);
                    text.push_str(&expr.sql(table));
                };
                operand.iter().for_each(|operand| word(" ", operand));
                for (when, then) in branches {
                    word(" WHEN ", when);
                    word(" THEN ", then);
                }
                otherwise.iter().for_each(|otherwise| word(" ELSE ", otherwise));
                text + " END"
            }
            Self::Call { function, arguments } => {
                let arguments = arguments.iter().map(|argument| argument.sql(table)).collect::<Vec<_>>();
                format!("{}({})", function.sql(), arguments.join(", "))
            }
            Self::Concat(parts) => joined(parts, 5, " || "),
        }
    }

    /// How tightly it binds: what binds less than its place needs brackets.
    const fn level(&self) -> u8 {
        match self {
            Self::Or(_) => 0,
            Self::And(_) => 1,
            Self::Not(_) => 2,
            Self::Compare { .. }
            | Self::IsNull { .. }
            | Self::IsTruth { .. }
            | Self::In { .. }
            | Self::Between { .. }
            | Self::Like { .. } => 3,
            Self::Concat(_) => 4,
            Self::Column(_) | Self::Literal(_) | Self::Case { .. } | Self::Call { .. } => 5,
        }
    }

    /// The expressions directly inside this one.
    pub(super) fn parts(&self) -> Vec<&Expr> {
        match self {
            Self::Column(_) | Self::Literal(_) => Vec::new(),
            Self::Compare { left, right, .. } => vec![left, right],
            Self::And(parts) | Self::Or(parts) | Self::Concat(parts) => parts.iter().collect(),
            Self::Not(operand)
            | Self::IsNull { operand, .. }
            | Self::IsTruth { operand, .. }
            | Self::In { operand, .. }
            | Self::Like { operand, .. } => vec![operand],
            Self::Between { operand, low, high, .. } => vec![operand, low, high],
            Self::Case { operand, branches, otherwise } => operand
                .iter()
                .chain(otherwise)
                .map(AsRef::as_ref)
                .chain(branches.iter().flat_map(|(when, then)| [when, then]))
                .collect(),
            Self::Call { arguments, .. } => arguments.iter().collect(),
        }
    }
}
