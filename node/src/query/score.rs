//! A request for scores: a model that was trained together, and the customers that it is to be applied to.
//!
//! Nodes send each other `SCORE` and a line of JSON: the model's id, the job that it was trained by, and a dataset of
//! each partner. The attack this stops is the model that is one thing here and another there: the job is in the
//! question, so that policy judges its columns as it would judge a training's, and each node holds it against the model
//! of that id in its own registry before anything is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tacit_protocol::ids::QueryId;

use super::{
    ColumnName, Job, JobError, JobShape, LARGEST_JOB, TableName,
    job::{TRAIN, of_text},
};

/// What the canonical form begins with.
pub(super) const SCORE: &str = "SCORE ";

/// A scoring, with every name complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoring {
    /// The model, by the id of its training.
    pub model: QueryId,
    /// The job that it was trained by.
    pub job: Job,
    /// The dataset of each of the two partners, by owner.
    pub over: BTreeMap<String, String>,
}

/// As nodes send it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    job: String,
    model: QueryId,
    over: BTreeMap<String, String>,
}

impl Scoring {
    /// A scoring of what the model was trained on, but of another dataset of `owner`.
    pub fn of(model: QueryId, job: Job, owner: &str, dataset: &str) -> Self {
        let mut over: BTreeMap<String, String> =
            job.tables().into_iter().map(|table| (table.owner.clone(), table.dataset.clone())).collect();
        over.insert(owner.to_owned(), dataset.to_owned());
        Self { model, job, over }
    }

    /// The one form that is sent and hashed: `SCORE {…}`.
    pub fn text(&self) -> String {
        let sent = Sent { job: self.job.text(), model: self.model, over: self.over.clone() };
        // Invariant: a struct of texts always has a JSON form.
        format!("{SCORE}{}", serde_json::to_string(&sent).unwrap_or_default())
    }

    /// The datasets, in order of their owners.
    pub fn tables(&self) -> Vec<TableName> {
        self.over.iter().map(|(owner, dataset)| TableName::new(owner, dataset)).collect()
    }

    /// The columns that are looked at: those that the model was trained on, of the datasets that it is applied to.
    pub fn features(&self) -> BTreeMap<TableName, Vec<ColumnName>> {
        let over = |table: &TableName| {
            let dataset = self.over.get(&table.owner).unwrap_or(&table.dataset);
            TableName::new(&table.owner, dataset)
        };
        let of = |(table, columns): (&TableName, &Vec<ColumnName>)| {
            let table = over(table);
            let column = |column: &ColumnName| ColumnName { table: table.clone(), ..column.clone() };
            let columns = columns.iter().map(column).collect();
            (table, columns)
        };
        self.job.features.iter().map(of).collect()
    }
}

/// Reads what [`Scoring::text`] wrote, or a stranger did; without `SCORE`.
pub(super) fn of_sent(text: &str) -> Result<Scoring, JobError> {
    // The job's quotation marks are escaped in it.
    if text.len() > 2 * LARGEST_JOB {
        return Err(JobError::TooLarge { limit: LARGEST_JOB });
    }
    let unreadable = || JobError::Unreadable { problem: "it is not in the form that nodes send".to_owned() };
    let Sent { job, model, over } = serde_json::from_str(text).map_err(|_| unreadable())?;
    let job = of_text(job.strip_prefix(TRAIN).ok_or_else(unreadable)?)?;
    let owners = || job.features.keys().map(|table| table.owner.as_str());
    let named = |name: &String| (1..=128).contains(&name.len()) && !name.chars().any(char::is_control);
    // A job's tables are in order of their owners, and so is the map.
    if job.shape != JobShape::Vertical
        || !owners().eq(over.keys().map(String::as_str))
        || !over.values().all(named)
    {
        return Err(unreadable());
    }
    Ok(Scoring { model, job, over })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{NoColumns, QueryError, Usage, parse};

    const JOB: &str = r#"
name = "default"
kind = "logistic"
target = "bank.accounts.defaulted"
[features]
brand = ["customers.spend"]
bank = ["accounts.balance"]
[privacy]
mechanism = "none"
"#;

    fn scoring() -> Scoring {
        let (job, _) = Job::of_toml(JOB).unwrap();
        Scoring::of(QueryId::new([7; 32]), job, "bank", "prospects")
    }

    #[test]
    fn what_is_sent_reads_back_as_the_same_and_looks_at_features_alone() {
        let parsed = parse(&scoring().text(), &NoColumns).unwrap();
        assert_eq!(parsed.scoring(), Some(&scoring()));
        assert!(parsed.training().is_none());
        assert_eq!(parsed.sql(), scoring().text());
        let tables: Vec<String> = parsed.tables().map(ToString::to_string).collect();
        assert_eq!(tables, ["bank.prospects", "brand.customers"]);
        let uses: Vec<(String, Usage)> =
            parsed.uses().into_iter().map(|(column, usage)| (column.to_string(), usage)).collect();
        assert_eq!(
            uses,
            [
                ("bank.prospects.balance".to_owned(), Usage::Feature),
                ("brand.customers.spend".to_owned(), Usage::Feature)
            ],
            "no target: whom a model is applied to need not have one"
        );
        assert_eq!(parse(&parsed.shape().sql(), &NoColumns).unwrap().sql(), parsed.sql());
    }

    #[test]
    fn what_strangers_send_is_no_scoring_unless_it_is_one() {
        let text = scoring().text();
        let refused = |text: &str| {
            let error = parse(text, &NoColumns).unwrap_err();
            assert!(matches!(error, QueryError::Job(_)), "{error:?} of {text}");
        };
        refused("SCORE {}");
        refused(&text.replace("\"bank\":\"prospects\"", "\"shop\":\"prospects\""));
        refused(&text.replace("\"bank\":\"prospects\",", ""));
        refused(&text.replace("\"bank\":\"prospects\"", "\"bank\":\"\""));
        refused(&text.replace("TRAIN ", ""));
        refused(&text.replacen('{', "{\"more\":1,", 1));
    }
}
