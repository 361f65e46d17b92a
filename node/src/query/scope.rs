//! Which table a column belongs to.

use crate::engine::sqlparser::ast::Ident;

use super::{ColumnName, QueryError, TableName};

/// What is known about columns before a contract is chosen: the asker's registrations and contracts.
///
/// It serves only to complete names that were left short. Whether a column may be used is decided by
/// `policy::permit`, from the full name.
pub trait Columns {
    /// The columns of a table; `None` when nothing is known about it.
    fn columns(&self, table: &TableName) -> Option<Vec<String>>;
}

/// Knows nothing, so every column has to come with its table: for questions that a partner sends.
#[derive(Debug, Clone, Copy)]
pub struct NoColumns;

impl Columns for NoColumns {
    fn columns(&self, _table: &TableName) -> Option<Vec<String>> {
        None
    }
}

/// The name that stands for the contract's match keys.
pub(super) const CUSTOMER: &str = "customer";

/// What a name in the question turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Named {
    /// The match key, which both sides have.
    Customer,
    /// A column: the table's place in the question, and the column's spelling there.
    Column(usize, String),
}

/// The tables of one question and the names they go by.
pub(super) struct Scope<'a> {
    tables: Vec<(TableName, Option<String>)>,
    known: &'a dyn Columns,
}

impl<'a> Scope<'a> {
    pub(super) fn new(tables: Vec<(TableName, Option<String>)>, known: &'a dyn Columns) -> Self {
        Self { tables, known }
    }

    pub(super) fn table(&self, at: usize) -> &TableName {
        &self.tables[at].0
    }

    pub(super) fn tables(&self) -> Vec<TableName> {
        self.tables.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The full name of a column.
    pub(super) fn column(&self, at: usize, column: String) -> ColumnName {
        ColumnName { table: self.table(at).clone(), column }
    }

    /// Finds what `a.b.c`, `b.c`, `alias.c` or `c` means.
    pub(super) fn resolve(&self, parts: &[Ident]) -> Result<Named, QueryError> {
        let Some((column, qualifier)) = parts.split_last() else {
            return Err(QueryError::unsupported("an empty name", "owner.dataset.column"));
        };
        if qualifier.is_empty() {
            return self.bare(column);
        }
        let at = self.qualified(qualifier)?;
        if is_customer(column) {
            return Ok(Named::Customer);
        }
        let spelling = self.spelling(at, column).unwrap_or_else(|| column.value.clone());
        Ok(Named::Column(at, spelling))
    }

    fn qualified(&self, qualifier: &[Ident]) -> Result<usize, QueryError> {
        let fits = |(name, alias): &(TableName, Option<String>)| match qualifier {
            [one] => {
                alias.as_deref() == Some(one.value.as_str()) || (alias.is_none() && name.dataset == one.value)
            }
            [owner, dataset] => name.owner == owner.value && name.dataset == dataset.value,
            _ => false,
        };
        let found: Vec<usize> = (0..self.tables.len()).filter(|&at| fits(&self.tables[at])).collect();
        let [at] = found[..] else {
            let qualifier: Vec<&str> = qualifier.iter().map(|part| part.value.as_str()).collect();
            return Err(QueryError::UnknownQualifier {
                qualifier: qualifier.join("."),
                tables: self.tables(),
            });
        };
        Ok(at)
    }

    fn bare(&self, column: &Ident) -> Result<Named, QueryError> {
        if is_customer(column) {
            return Ok(Named::Customer);
        }
        if self.tables.len() == 1 {
            let spelling = self.spelling(0, column).unwrap_or_else(|| column.value.clone());
            return Ok(Named::Column(0, spelling));
        }
        let all_known = self.tables.iter().all(|(table, _)| self.known.columns(table).is_some());
        let found: Vec<(usize, String)> = (0..self.tables.len())
            .filter_map(|at| self.spelling(at, column).map(|spelling| (at, spelling)))
            .collect();
        match found.as_slice() {
            // One table has it, but another's columns are unknown: it may be there as well.
            [(at, spelling)] if all_known => Ok(Named::Column(*at, spelling.clone())),
            [] if all_known => Err(QueryError::UnknownColumn {
                column: column.value.clone(),
                tables: self.tables(),
                double_quoted: column.quote_style == Some('"'),
            }),
            _ => Err(QueryError::AmbiguousColumn { column: column.value.clone(), tables: self.tables() }),
        }
    }

    /// The owner's spelling: exact, or for a name without quotes the only one that differs in case alone.
    fn spelling(&self, at: usize, column: &Ident) -> Option<String> {
        let known = self.known.columns(self.table(at))?;
        if known.contains(&column.value) {
            return Some(column.value.clone());
        }
        let mut alike = known.into_iter().filter(|name| {
            column.quote_style.is_none() && name.to_lowercase() == column.value.to_lowercase()
        });
        alike.next().filter(|_| alike.next().is_none())
    }
}

fn is_customer(name: &Ident) -> bool {
    match name.quote_style {
        None => name.value.eq_ignore_ascii_case(CUSTOMER),
        Some(_) => name.value == CUSTOMER,
    }
}
