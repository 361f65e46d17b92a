//! The regulator's report: one model, shown as a page, as JSON or as CSV.
//!
//! Everything in it is derived from the log and from contracts that prove themselves; what has to come from
//! elsewhere (the controller's address, its data protection officer) is named as missing and left to be filled
//! in. The attack this stops is the report that looks complete.

mod csv;
mod html;
mod json;
mod law;
mod questions;
mod records;
mod story;

use super::{
    facts::Facts,
    words::{Language, Words, words},
};
use crate::data::Value;

pub use csv::{one_file, tables};
pub use html::page;
pub use json::document;

/// The version of the JSON and CSV forms.
pub const FORM: &str = "tacit-audit-report/1";

/// A column of a section.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Stable, for JSON and CSV.
    pub key: &'static str,
    /// For people.
    pub title: Words,
}

const fn column(key: &'static str, en: &'static str, zh: &'static str) -> Column {
    Column { key, title: words(en, zh) }
}

/// One part of the report: a sentence and a table.
#[derive(Debug, Clone)]
pub struct Section {
    /// Stable, for JSON and the names of CSV files.
    pub key: &'static str,
    /// Its heading.
    pub title: Words,
    /// What it shows and where that comes from.
    pub note: Words,
    /// The columns.
    pub columns: Vec<Column>,
    /// Rows as long as the columns.
    pub rows: Vec<Vec<Value>>,
}

impl Section {
    fn new(key: &'static str, title: Words, note: Words, columns: &[Column]) -> Self {
        Self { key, title, note, columns: columns.to_vec(), rows: Vec::new() }
    }

    fn push(&mut self, row: impl IntoIterator<Item = Value>) {
        let row: Vec<Value> = row.into_iter().collect();
        debug_assert_eq!(row.len(), self.columns.len(), "{}", self.key);
        self.rows.push(row);
    }

    fn filled(mut self, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        rows.into_iter().for_each(|row| self.push(row));
        self
    }
}

/// All sections but the indicators, in order; sentences in their cells are in this language.
pub fn sections(facts: &Facts, language: Language) -> Vec<Section> {
    vec![
        law::node(facts),
        law::verification(facts),
        law::processing(facts, language),
        law::impact(facts, language),
        questions::questions(facts),
        questions::budgets(facts),
        questions::refusal_rules(facts),
        questions::refusals(facts),
        records::approvals(facts),
        records::withdrawals(facts),
        records::datasets(facts),
        records::changes(facts),
        records::incidents(facts),
    ]
}

/// The title of the whole.
pub const TITLE: Words = words("Audit report of a Tacit node", "Tacit 节点审计报告");

#[cfg(test)]
mod tests;
