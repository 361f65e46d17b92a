//! From the parser's tree to the small one, or to the reason why not.

use crate::engine::sqlparser::ast::{
    self, BinaryOperator, DataType, FunctionArg, FunctionArgExpr, FunctionArguments, TimezoneInfo,
    TrimWhereField, UnaryOperator, Value,
};

use super::{
    Comparison, Expr, Function, Literal, QueryError,
    kind::{is_date, is_timestamp},
    scope::{Named, Scope},
    words::unknown_function,
};

/// The deepest tree that is kept.
const DEPTH: usize = 64;
/// The longest constant in bytes, and the longest pattern: a pattern becomes an automaton.
const TEXT: usize = 4096;
const PATTERN: usize = 256;

/// Splits a WHERE clause at its outermost ANDs and gives each condition to the table whose columns it uses.
///
/// Returns one list of conditions per table of the scope, in its order.
pub(super) fn conditions(clause: &ast::Expr, scope: &Scope) -> Result<Vec<Vec<Expr>>, QueryError> {
    let mut sides = vec![Vec::new(); scope.tables().len()];
    for condition in chain(clause, &BinaryOperator::And) {
        let mut converter = Converter { scope, table: None };
        let expr = converter.expr(condition, DEPTH)?;
        let Some(table) = converter.table else {
            return Err(QueryError::unsupported(
                "a condition that looks at no column",
                "leave the condition out: it is the same for every row",
            ));
        };
        sides[table].push(expr);
    }
    Ok(sides)
}

/// The operands of a chain of one operator, left to right. Brackets around a link are looked through.
pub(super) fn chain<'e>(expr: &'e ast::Expr, operator: &BinaryOperator) -> Vec<&'e ast::Expr> {
    // A chain of a thousand ANDs is a tree a thousand deep: it is walked with a list, not by recursion.
    let (mut left, mut found) = (vec![expr], Vec::new());
    while let Some(expr) = left.pop() {
        match expr {
            ast::Expr::Nested(inner) => left.push(inner),
            ast::Expr::BinaryOp { left: l, op, right: r } if op == operator => left.extend([l.as_ref(), r]),
            _ => found.push(expr),
        }
    }
    found.reverse();
    found
}

struct Converter<'a> {
    scope: &'a Scope<'a>,
    /// The table that the condition's columns belong to, once one was seen.
    table: Option<usize>,
}

impl Converter<'_> {
    fn boxed(&mut self, expr: &ast::Expr, depth: usize) -> Result<Box<Expr>, QueryError> {
        self.expr(expr, depth).map(Box::new)
    }

    fn expr(&mut self, expr: &ast::Expr, depth: usize) -> Result<Expr, QueryError> {
        let Some(depth) = depth.checked_sub(1) else { return Err(QueryError::TooDeep { limit: DEPTH }) };
        Ok(match expr {
            ast::Expr::Nested(inner) => self.expr(inner, depth)?,
            ast::Expr::Identifier(name) => self.column(std::slice::from_ref(name))?,
            ast::Expr::CompoundIdentifier(parts) => self.column(parts)?,
            ast::Expr::Value(_) | ast::Expr::TypedString(_) => Expr::Literal(literal(expr)?),
            ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => Expr::Not(self.boxed(expr, depth)?),
            ast::Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, .. } => {
                Expr::Literal(literal(expr)?)
            }
            ast::Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right, depth)?,
            ast::Expr::IsNull(e) => Expr::IsNull { negated: false, operand: self.boxed(e, depth)? },
            ast::Expr::IsNotNull(e) => Expr::IsNull { negated: true, operand: self.boxed(e, depth)? },
            ast::Expr::IsTrue(e) => self.truth(e, true, false, depth)?,
            ast::Expr::IsNotTrue(e) => self.truth(e, true, true, depth)?,
            ast::Expr::IsFalse(e) => self.truth(e, false, false, depth)?,
            ast::Expr::IsNotFalse(e) => self.truth(e, false, true, depth)?,
            ast::Expr::InList { expr, list, negated } => {
                let operand = self.boxed(expr, depth)?;
                let mut list = list.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
                list.sort();
                list.dedup();
                Expr::In { negated: *negated, operand, list }
            }
            ast::Expr::Between { expr, negated, low, high } => Expr::Between {
                negated: *negated,
                operand: self.boxed(expr, depth)?,
                low: self.boxed(low, depth)?,
                high: self.boxed(high, depth)?,
            },
            ast::Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(*negated, false, expr, pattern, depth)?
            }
            ast::Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(*negated, true, expr, pattern, depth)?
            }
            ast::Expr::Case { operand, conditions, else_result, .. } => Expr::Case {
                operand: operand.as_ref().map(|operand| self.boxed(operand, depth)).transpose()?,
                branches: conditions
                    .iter()
                    .map(|when| Ok((self.expr(&when.condition, depth)?, self.expr(&when.result, depth)?)))
                    .collect::<Result<Vec<_>, QueryError>>()?,
                otherwise: else_result.as_ref().map(|result| self.boxed(result, depth)).transpose()?,
            },
            ast::Expr::Function(function) => self.call(function, depth)?,
            ast::Expr::Trim { expr, trim_where, trim_what, trim_characters: None } => {
                let function = match trim_where {
                    None | Some(TrimWhereField::Both) => Function::Trim,
                    Some(TrimWhereField::Leading) => Function::LeftTrim,
                    Some(TrimWhereField::Trailing) => Function::RightTrim,
                };
                let mut arguments = vec![self.expr(expr, depth)?];
                if let Some(what) = trim_what {
                    arguments.push(self.expr(what, depth)?);
                }
                Expr::Call { function, arguments }
            }
            ast::Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let mut arguments = vec![self.expr(expr, depth)?, position(from)?];
                if let Some(length) = substring_for {
                    arguments.push(position(length)?);
                }
                Expr::Call { function: Function::Substring, arguments }
            }
            other => return Err(refused(other)),
        })
    }

    fn column(&mut self, parts: &[ast::Ident]) -> Result<Expr, QueryError> {
        match self.scope.resolve(parts)? {
            Named::Customer => Err(QueryError::unsupported(
                "a condition on customer, which stands for the match keys",
                "a condition on a column of your own dataset",
            )),
            Named::Column(table, name) => match self.table {
                Some(other) if other != table => Err(QueryError::BothSides {
                    left: self.scope.table(other).clone(),
                    right: self.scope.table(table).clone(),
                }),
                _ => {
                    self.table = Some(table);
                    Ok(Expr::Column(name))
                }
            },
        }
    }

    fn binary(
        &mut self,
        whole: &ast::Expr,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        depth: usize,
    ) -> Result<Expr, QueryError> {
        let comparison = match op {
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::Different,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            BinaryOperator::And | BinaryOperator::Or | BinaryOperator::StringConcat => {
                let links = chain(whole, op);
                let parts =
                    links.into_iter().map(|part| self.expr(part, depth)).collect::<Result<Vec<_>, _>>()?;
                return Ok(match op {
                    BinaryOperator::And => Expr::And(parts),
                    BinaryOperator::Or => Expr::Or(parts),
                    _ => Expr::Concat(parts),
                });
            }
            BinaryOperator::Divide | BinaryOperator::Modulo => {
                return Err(QueryError::can_fail("a division", "compare the column itself with a constant"));
            }
            BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply => {
                return Err(QueryError::can_fail(
                    "arithmetic (it may overflow)",
                    "compare the column itself with a constant that you have worked out",
                ));
            }
            _ => return Err(refused(whole)),
        };
        Ok(Expr::Compare { op: comparison, left: self.boxed(left, depth)?, right: self.boxed(right, depth)? })
    }

    fn truth(&mut self, e: &ast::Expr, truth: bool, negated: bool, depth: usize) -> Result<Expr, QueryError> {
        Ok(Expr::IsTruth { negated, truth, operand: self.boxed(e, depth)? })
    }

    fn like(
        &mut self,
        negated: bool,
        any_case: bool,
        operand: &ast::Expr,
        pattern: &ast::Expr,
        depth: usize,
    ) -> Result<Expr, QueryError> {
        match literal(pattern) {
            Ok(Literal::Text(pattern)) if pattern.len() <= PATTERN => {
                Ok(Expr::Like { negated, any_case, operand: self.boxed(operand, depth)?, pattern })
            }
            _ => Err(QueryError::unsupported(
                "LIKE with a pattern that is not a short constant",
                "LIKE 'prefix%', at most 256 bytes",
            )),
        }
    }

    fn call(&mut self, call: &ast::Function, depth: usize) -> Result<Expr, QueryError> {
        let name = call.name.to_string();
        let Some(function) = Function::named(&name) else { return Err(unknown_function(&name)) };
        let FunctionArguments::List(list) = &call.args else { return Err(unknown_function(&name)) };
        let plain = matches!(call.parameters, FunctionArguments::None)
            && call.filter.is_none()
            && call.over.is_none()
            && call.null_treatment.is_none()
            && call.within_group.is_empty()
            && list.duplicate_treatment.is_none()
            && list.clauses.is_empty();
        let mut arguments = Vec::new();
        for (at, argument) in list.args.iter().enumerate() {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else {
                return Err(unknown_function(&name));
            };
            let constant = function == Function::Substring && at > 0;
            arguments.push(if constant { position(argument)? } else { self.expr(argument, depth)? });
        }
        let fits = match function {
            Function::Lower | Function::Upper | Function::Length => arguments.len() == 1,
            Function::Trim | Function::LeftTrim | Function::RightTrim => (1..=2).contains(&arguments.len()),
            Function::Substring => (2..=3).contains(&arguments.len()),
            Function::StartsWith | Function::EndsWith | Function::NullIf => arguments.len() == 2,
            Function::Coalesce => (1..=16).contains(&arguments.len()),
        };
        if !plain || !fits {
            return Err(QueryError::unsupported(
                format!("{} with these arguments", function.sql()),
                "the plain form, as in lower(column) or substr(column, 1, 3)",
            ));
        }
        Ok(Expr::Call { function, arguments })
    }
}

/// A constant, with its sign.
pub(super) fn literal(expr: &ast::Expr) -> Result<Literal, QueryError> {
    let constant = || {
        QueryError::unsupported(
            "something other than a constant in this place",
            "'text', 12, 1.5, TRUE or DATE '2026-12-01'",
        )
    };
    match expr {
        ast::Expr::Nested(inner) if !matches!(**inner, ast::Expr::Nested(_)) => literal(inner),
        ast::Expr::UnaryOp { op: op @ (UnaryOperator::Minus | UnaryOperator::Plus), expr } => {
            let ast::Expr::Value(value) = expr.as_ref() else { return Err(constant()) };
            let Value::Number(digits, false) = &value.value else { return Err(constant()) };
            number(digits, *op == UnaryOperator::Minus)
        }
        ast::Expr::Value(value) => match &value.value {
            Value::Number(digits, false) => number(digits, false),
            Value::SingleQuotedString(text) if text.len() <= TEXT && !text.contains('\0') => {
                Ok(Literal::Text(text.clone()))
            }
            Value::SingleQuotedString(_) => {
                Err(QueryError::TooLong { what: "bytes in one constant", limit: TEXT })
            }
            Value::Boolean(truth) => Ok(Literal::Boolean(*truth)),
            Value::Null => Err(QueryError::unsupported(
                "NULL as a value: a comparison with it is never true",
                "column IS NULL, or IS NOT NULL",
            )),
            _ => Err(constant()),
        },
        ast::Expr::TypedString(typed) => match (&typed.data_type, &typed.value.value) {
            (DataType::Date, Value::SingleQuotedString(day)) if is_date(day) => {
                Ok(Literal::Date(day.clone()))
            }
            (DataType::Timestamp(None, TimezoneInfo::None), Value::SingleQuotedString(moment))
                if is_timestamp(moment) =>
            {
                Ok(Literal::Timestamp(moment.clone()))
            }
            _ => Err(QueryError::unsupported(
                "a date or time in this form",
                "DATE '2026-12-01' or TIMESTAMP '2026-12-01 08:00:00'",
            )),
        },
        _ => Err(constant()),
    }
}

/// Digits to a number in its one canonical spelling.
fn number(digits: &str, negative: bool) -> Result<Literal, QueryError> {
    let unreadable = || {
        QueryError::unsupported("a number in this form", "digits, and a decimal point if need be: 12 or 1.5")
    };
    let sign = if negative { "-" } else { "" };
    if let Some((whole, fraction)) = digits.split_once('.') {
        let plain = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit()) && part.len() <= 18;
        if !plain(whole) || !plain(fraction) || whole.len() + fraction.len() == 0 {
            return Err(unreadable());
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let (whole, fraction) =
            (if whole.is_empty() { "0" } else { whole }, if fraction.is_empty() { "0" } else { fraction });
        return Ok(Literal::Decimal(format!("{sign}{whole}.{fraction}")));
    }
    format!("{sign}{digits}").parse().map(Literal::Integer).map_err(|_| unreadable())
}

/// A position or a length: a constant, so that no row can make it fail.
fn position(expr: &ast::Expr) -> Result<Expr, QueryError> {
    match literal(expr) {
        Ok(Literal::Integer(number)) if (0..=1_000_000).contains(&number) => {
            Ok(Expr::Literal(Literal::Integer(number)))
        }
        _ => Err(QueryError::can_fail(
            "substr with a position or length that is not a small constant",
            "substr(column, 1, 3)",
        )),
    }
}

/// Says for the commoner refusals what would do instead.
fn refused(expr: &ast::Expr) -> QueryError {
    match expr {
        ast::Expr::Cast { .. } | ast::Expr::Convert { .. } => QueryError::can_fail(
            "a cast",
            "compare the column in its own type; give the dataset a column of the type you need",
        ),
        ast::Expr::Subquery(_) | ast::Expr::InSubquery { .. } | ast::Expr::Exists { .. } => {
            QueryError::unsupported(
                "a subquery",
                "one SELECT over one join, with constants in its conditions",
            )
        }
        ast::Expr::Extract { .. } | ast::Expr::AtTimeZone { .. } | ast::Expr::Interval(_) => {
            QueryError::unsupported(
                "arithmetic with dates",
                "day BETWEEN DATE '2026-01-01' AND DATE '2026-12-31'",
            )
        }
        ast::Expr::Like { .. } | ast::Expr::ILike { .. } => {
            QueryError::unsupported("LIKE … ESCAPE", "starts_with(column, 'text') takes every sign literally")
        }
        ast::Expr::SimilarTo { .. } | ast::Expr::RLike { .. } => {
            QueryError::unsupported("a regular expression", "LIKE, ILIKE or starts_with")
        }
        ast::Expr::IsDistinctFrom(..) | ast::Expr::IsNotDistinctFrom(..) => {
            QueryError::unsupported("IS DISTINCT FROM", "a = 'x', and a IS NULL where that is meant")
        }
        _ => QueryError::unsupported(
            "an expression of this kind",
            "=, <>, <, <=, >, >=, IN, BETWEEN, LIKE, IS NULL, AND, OR, NOT, CASE",
        ),
    }
}
