//! What a question looks at and what it does with it, without what it looks for.
//!
//! The log keeps this of every question: with it an auditor sees which columns were used, and a changed contract
//! can be tried on what was asked before. The attack this stops is the log that tells more than the answer: a
//! condition's values may name customers, so no constant, no pattern and no label of the asker's is in a shape.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Aggregate, Ask, ColumnName, Job, Parsed, Scoring, TableName, Usage, name::quoted, scope::CUSTOMER,
};
use crate::policy::Decimal;

/// The shape of a question, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// `reveal`, `aggregate`, `join`, `train` or `score`.
    pub kind: String,
    /// Owner and dataset of each table.
    pub tables: Vec<[String; 2]>,
    /// Owner, dataset, column, and `filter`, `group`, `measure`, `show`, `feature` or `target`.
    pub uses: Vec<[String; 4]>,
    /// The figures as SQL, without the names that the asker gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<String>,
    /// ε, if the question sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<String>,
    /// δ, if the question sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<String>,
    /// A training job, or a scoring, as it was sent: it holds names of columns and no values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl Usage {
    /// As shapes spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Group => "group",
            Self::Measure => "measure",
            Self::Show => "show",
            Self::Feature => "feature",
            Self::Target => "target",
        }
    }
}

impl Parsed {
    /// The shape of this question.
    pub fn shape(&self) -> Shape {
        let kind = match self.ask() {
            Ask::Reveal(_) => "reveal",
            Ask::Aggregate(_) => "aggregate",
            Ask::Join(_) => "join",
            Ask::Train(_) => "train",
            Ask::Score(_) => "score",
        };
        let figures: BTreeSet<String> = match self.ask() {
            Ask::Reveal(_) | Ask::Train(_) | Ask::Score(_) => BTreeSet::new(),
            Ask::Aggregate(aggregates) | Ask::Join(aggregates) => aggregates
                .figures
                .iter()
                .filter(|(figure, _)| !matches!(figure, Aggregate::Group(_)))
                .map(|(figure, _)| figure.sql())
                .collect(),
        };
        let of_use = |(column, usage): (ColumnName, Usage)| {
            [column.table.owner, column.table.dataset, column.column, usage.name().to_owned()]
        };
        Shape {
            kind: kind.to_owned(),
            tables: self.tables().map(|table| [table.owner.clone(), table.dataset.clone()]).collect(),
            uses: self.uses().into_iter().map(of_use).collect(),
            figures: figures.into_iter().collect(),
            epsilon: self.epsilon().map(|micro| Decimal::of_micro(micro).to_string()),
            delta: self.delta().map(|femto| Decimal::of_femto(femto).to_string()),
            job: self.training().map(Job::text).or_else(|| self.scoring().map(Scoring::text)),
        }
    }
}

impl Shape {
    /// A question of this shape: it filters by nothing but that a value is there, which is as little as a
    /// condition can ask. To be read again, and held against a contract.
    pub fn sql(&self) -> String {
        if let Some(job) = &self.job {
            return job.clone();
        }
        let uses = |wanted: &str| -> Vec<String> {
            let fitting = self.uses.iter().filter(|[.., usage]| usage == wanted);
            fitting.map(|[owner, dataset, column, _]| column_sql(owner, dataset, column)).collect()
        };
        let groups = uses("group");
        let mut items = if self.kind == "reveal" { vec![CUSTOMER.to_owned()] } else { Vec::new() };
        items.extend(uses("show"));
        items.extend(groups.iter().chain(&self.figures).zip(1..).map(|(sql, n)| format!("{sql} AS f{n}")));
        let mut options = Vec::new();
        options.extend(self.epsilon.iter().map(|epsilon| format!("epsilon = {epsilon}")));
        options.extend(self.delta.iter().map(|delta| format!("delta = {delta}")));
        let private = match options.is_empty() {
            true => String::new(),
            false => format!("WITH DIFFERENTIAL_PRIVACY OPTIONS ({}) ", options.join(", ")),
        };
        let tables: Vec<String> =
            self.tables.iter().map(|[owner, dataset]| TableName::new(owner, dataset).sql()).collect();
        let mut sql = format!("SELECT {private}{} FROM {}", items.join(", "), tables.join(" JOIN "));
        if tables.len() > 1 {
            sql.push_str(" USING (customer)");
        }
        let conditions: Vec<String> =
            uses("filter").iter().map(|column| format!("{column} IS NOT NULL")).collect();
        if !conditions.is_empty() {
            sql.push_str(&format!(" WHERE {}", conditions.join(" AND ")));
        }
        if !groups.is_empty() {
            sql.push_str(&format!(" GROUP BY {}", groups.join(", ")));
        }
        sql
    }
}

fn column_sql(owner: &str, dataset: &str, column: &str) -> String {
    format!("{}.{}", TableName::new(owner, dataset).sql(), quoted(column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{NoColumns, parse};

    fn shape(sql: &str) -> Shape {
        parse(sql, &NoColumns).unwrap().shape()
    }

    #[test]
    fn a_shape_holds_no_value_and_no_name_of_the_askers() {
        let sql =
            "SELECT customer AS \"Alice's list\" FROM brand.customers JOIN bank.accounts USING (customer)
                   WHERE brand.customers.category = 'Alice' AND bank.accounts.tier LIKE 'A%'";
        let found = shape(sql);
        let text = serde_json::to_string(&found).unwrap();
        assert!(!text.contains("Alice") && !text.contains("A%"), "{text}");
        assert_eq!(found.kind, "reveal");
        assert_eq!(found.tables, [["bank", "accounts"], ["brand", "customers"]]);
        let uses: Vec<[&str; 4]> =
            found.uses.iter().map(|[a, b, c, d]| [a.as_str(), b.as_str(), c.as_str(), d.as_str()]).collect();
        assert_eq!(
            uses,
            [["bank", "accounts", "tier", "filter"], ["brand", "customers", "category", "filter"]]
        );
    }

    #[test]
    fn a_question_made_of_a_shape_has_that_shape() {
        for sql in [
            "SELECT customer, brand.customers.city FROM brand.customers JOIN bank.accounts USING (customer)
             WHERE bank.accounts.tier = 'A'",
            "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.5) bank.accounts.region AS r, COUNT(*) AS n,
             SUM(bank.accounts.balance) AS total FROM bank.accounts WHERE bank.accounts.\"odd \"\"name\"\"\" = 'x'
             GROUP BY bank.accounts.region",
            "SELECT AVG(bank.accounts.balance) FROM bank.accounts",
        ] {
            let first = shape(sql);
            assert_eq!(shape(&first.sql()), first, "{}", first.sql());
        }
    }
}
