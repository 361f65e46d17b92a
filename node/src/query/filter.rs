//! One side's condition.

use std::collections::BTreeSet;

use super::{Expr, Kind, Literal, QueryError, TableName, expr::Comparison, kind};

/// What one side's rows must satisfy: conditions joined by AND, each over that side's columns alone.
///
/// They are sorted and none stands twice, so that two ways of writing one filter are one filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    conditions: Vec<Expr>,
    columns: BTreeSet<String>,
}

impl Filter {
    /// Takes the conditions of one side; none when there are none.
    pub(super) fn new(mut conditions: Vec<Expr>) -> Option<Self> {
        if conditions.is_empty() {
            return None;
        }
        conditions.sort_by_cached_key(|condition| condition.sql(None));
        conditions.dedup();
        let mut columns = BTreeSet::new();
        conditions.iter().for_each(|condition| collect(condition, &mut columns));
        Some(Self { conditions, columns })
    }

    /// The filter that `WHERE sql` is, over the columns of one table.
    #[cfg(test)]
    pub(crate) fn of(sql: &str) -> Result<Self, QueryError> {
        let parsed = super::parse(&format!("SELECT COUNT(*) FROM own.rows WHERE {sql}"), &super::NoColumns)?;
        // Invariant: a question with a WHERE over its one table has a filter there.
        Ok(parsed.filter_of("own").cloned().unwrap())
    }

    /// The condition as SQL over bare, quoted column names, for an engine that reads this one table.
    pub fn sql(&self) -> String {
        self.links(None).join(" AND ")
    }

    /// Its conditions as SQL, ready to be joined by AND; `table` is put before every column.
    pub(super) fn links(&self, table: Option<&TableName>) -> Vec<String> {
        let table = table.map(TableName::sql);
        let link = |condition: &Expr| match (condition, condition.sql(table.as_deref())) {
            (Expr::Or(_), sql) => format!("({sql})"),
            (_, sql) => sql,
        };
        self.conditions.iter().map(link).collect()
    }

    /// The conditions.
    pub fn conditions(&self) -> &[Expr] {
        &self.conditions
    }

    /// The columns that it looks at.
    pub const fn columns(&self) -> &BTreeSet<String> {
        &self.columns
    }

    /// How `column` is looked at.
    pub fn tests(&self, column: &str) -> Tests<'_> {
        let mut tests = Tests::default();
        self.conditions.iter().for_each(|condition| tests.collect(condition, column));
        tests
    }

    /// Checks that everything in it compares like with like, given the kinds of the columns.
    ///
    /// # Errors
    ///
    /// [`QueryError::KindsDiffer`]; a column that `kind_of` does not know is [`QueryError::UnknownColumn`].
    pub fn check(&self, table: &TableName, kind_of: &dyn Fn(&str) -> Option<Kind>) -> Result<(), QueryError> {
        self.conditions.iter().try_for_each(|condition| kind::check(condition, table, kind_of))
    }

    /// As [`check`](Self::check), of the conditions over nothing but columns whose kind is known here.
    ///
    /// # Errors
    ///
    /// [`QueryError::KindsDiffer`].
    pub fn check_known(
        &self,
        table: &TableName,
        kind_of: &dyn Fn(&str) -> Option<Kind>,
    ) -> Result<(), QueryError> {
        self.conditions.iter().try_for_each(|condition| {
            let mut columns = BTreeSet::new();
            collect(condition, &mut columns);
            if columns.iter().any(|column| kind_of(column).is_none()) {
                return Ok(());
            }
            kind::check(condition, table, kind_of)
        })
    }
}

fn collect(expr: &Expr, columns: &mut BTreeSet<String>) {
    if let Expr::Column(name) = expr {
        columns.insert(name.clone());
    }
    expr.parts().into_iter().for_each(|part| collect(part, columns));
}

/// How a filter looks at one column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tests<'a> {
    /// The constants it is tested against for equality, wherever that stands.
    pub values: Vec<&'a Literal>,
    /// Whether it is looked at in any other way, save for null: by a pattern, an order, a function, another
    /// column. Such a test can tell values apart that are not among the constants.
    pub otherwise: bool,
}

impl<'a> Tests<'a> {
    fn collect(&mut self, expr: &'a Expr, column: &str) {
        let is_column = |expr: &Expr| matches!(expr, Expr::Column(name) if name == column);
        let (own, rest): (&[&'a Literal], Vec<&'a Expr>) = match expr {
            Expr::Compare { op: Comparison::Equal | Comparison::Different, left, right } => {
                match (left.as_ref(), right.as_ref()) {
                    (one, Expr::Literal(literal)) | (Expr::Literal(literal), one) if is_column(one) => {
                        (&[literal], Vec::new())
                    }
                    _ => (&[], expr.parts()),
                }
            }
            Expr::In { operand, list, .. } if is_column(operand) => {
                self.values.extend(list);
                (&[], Vec::new())
            }
            Expr::IsNull { operand, .. } if is_column(operand) => (&[], Vec::new()),
            Expr::Case { operand: Some(operand), branches, otherwise } if is_column(operand) => {
                let mut rest: Vec<&Expr> = otherwise.iter().map(AsRef::as_ref).collect();
                for (when, then) in branches {
                    match when {
                        Expr::Literal(literal) => self.values.push(literal),
                        other => {
                            // Compared with something that is no constant.
                            self.otherwise = true;
                            rest.push(other);
                        }
                    }
                    rest.push(then);
                }
                (&[], rest)
            }
            Expr::Column(_) => {
                self.otherwise |= is_column(expr);
                (&[], Vec::new())
            }
            _ => (&[], expr.parts()),
        };
        self.values.extend(own);
        rest.into_iter().for_each(|part| self.collect(part, column));
    }
}
