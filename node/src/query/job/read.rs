//! Jobs as people write them, and as nodes send them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Evaluate, Job, JobError, JobNoise, JobShape, LARGEST_JOB, ModelKind};
use crate::{
    policy::Decimal,
    query::{ColumnName, TableName},
};

/// What the canonical form begins with.
pub(in crate::query) const TRAIN: &str = "TRAIN ";

/// The most columns of a job.
const COLUMNS: usize = 512;

/// As a person writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    contract: Option<String>,
    kind: ModelKind,
    shape: Option<JobShape>,
    target: String,
    /// Where columns differ: by owner.
    features: Option<BTreeMap<String, Vec<String>>>,
    /// Where customers differ: the datasets, and their columns.
    datasets: Option<Vec<String>>,
    columns: Option<Vec<String>>,
    #[serde(default)]
    privacy: Privacy,
    rounds: Option<u32>,
    l2: Option<f64>,
    clip: Option<f64>,
    tolerated: Option<u32>,
    #[serde(default)]
    evaluate: EvaluateFile,
    #[serde(default)]
    seed: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Privacy {
    mechanism: Option<Mechanism>,
    epsilon: Option<f64>,
    delta: Option<f64>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mechanism {
    Gaussian,
    None,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvaluateFile {
    holdout: Option<f64>,
    bins: Option<u32>,
    groups: Option<Vec<String>>,
    #[serde(default)]
    leave_one_out: bool,
    share: Option<f64>,
}

/// As nodes send it. Numbers are texts in their shortest form, names are complete.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    bins: u32,
    clip: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    delta: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    epsilon: Option<String>,
    features: Vec<ColumnName>,
    groups: Vec<ColumnName>,
    holdout: String,
    kind: ModelKind,
    l2: String,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    leave_one_out: bool,
    name: String,
    rounds: u32,
    seed: u64,
    shape: JobShape,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    share: Option<String>,
    targets: Vec<ColumnName>,
    tolerated: u32,
}

pub(super) fn of_toml(text: &str) -> Result<(Job, Option<String>), JobError> {
    if text.len() > LARGEST_JOB {
        return Err(JobError::TooLarge { limit: LARGEST_JOB });
    }
    let file: File = toml::from_str(text).map_err(|error| {
        let line =
            text.bytes().take(error.span().map_or(0, |span| span.start)).filter(|&b| b == b'\n').count();
        JobError::Unreadable { problem: format!("line {}: {}", line + 1, error.message()) }
    })?;
    let contract = file.contract.clone();
    Ok((job(file)?, contract))
}

fn job(file: File) -> Result<Job, JobError> {
    let shape = match (file.shape, &file.features, &file.columns) {
        (Some(shape), ..) => shape,
        (None, None, Some(_)) => JobShape::Horizontal,
        (None, ..) => JobShape::Vertical,
    };
    let (targets, features) = match shape {
        JobShape::Vertical => vertical(&file)?,
        JobShape::Horizontal => horizontal(&file)?,
    };
    let groups = match (file.evaluate.groups, shape) {
        (None, _) => Vec::new(),
        (Some(groups), JobShape::Vertical) => {
            groups.iter().map(|name| column("evaluate.groups", name)).collect::<Result<_, _>>()?
        }
        (Some(groups), JobShape::Horizontal) => of_each(features.keys(), &groups),
    };
    let noise = match (file.privacy.mechanism, file.privacy.epsilon, file.privacy.delta) {
        (Some(Mechanism::None), None, None) => None,
        (Some(Mechanism::None), ..) => {
            return Err(JobError::WrongShape {
                field: "privacy.epsilon",
                shape: "noiseless",
                instead: "mechanism = \"none\" alone, or epsilon and delta without a mechanism",
            });
        }
        (_, Some(epsilon), Some(delta)) => Some(JobNoise {
            epsilon_micro: decimal("privacy.epsilon", epsilon)?.micro().unwrap_or(0),
            delta_femto: decimal("privacy.delta", delta)?.femto().unwrap_or(0),
        }),
        _ => {
            return Err(JobError::Missing {
                field: "privacy.epsilon",
                example: "[privacy] epsilon = 1.0, delta = 1e-6; or mechanism = \"none\" where the contract allows it",
            });
        }
    };
    let holdout = decimal("evaluate.holdout", file.evaluate.holdout.unwrap_or(0.25))?;
    let leave_one_out = file.evaluate.leave_one_out;
    if let (JobShape::Vertical, Some(_)) = (shape, file.evaluate.share) {
        return Err(JobError::WrongShape {
            field: "evaluate.share",
            shape: "vertical",
            instead: "nothing: it is for partners with the same columns",
        });
    }
    let share_micro = match file.evaluate.share {
        None => Evaluate::usual_share(shape, leave_one_out),
        Some(share) => micro(decimal("evaluate.share", share)?),
    };
    Job {
        name: file.name,
        kind: file.kind,
        shape,
        targets,
        features,
        noise,
        rounds: file.rounds.unwrap_or(10),
        l2: decimal("l2", file.l2.unwrap_or(1.0))?,
        clip: decimal("clip", file.clip.unwrap_or(2.0))?,
        tolerated: file.tolerated.unwrap_or(1),
        evaluate: Evaluate {
            holdout_micro: micro(holdout),
            bins: file.evaluate.bins.unwrap_or(32),
            groups,
            leave_one_out,
            share_micro,
        },
        seed: file.seed,
    }
    .checked()
}

type Columns = (Vec<ColumnName>, BTreeMap<TableName, Vec<ColumnName>>);

fn vertical(file: &File) -> Result<Columns, JobError> {
    let wrong = |field, instead| Err(JobError::WrongShape { field, shape: "vertical", instead });
    if file.columns.is_some() {
        return wrong("columns", "[features] with a list for each partner");
    }
    if file.datasets.is_some() {
        return wrong(
            "datasets",
            "[features] with a list for each partner: the datasets are in the columns' names",
        );
    }
    let target = column("target", &file.target)?;
    let mut features: BTreeMap<TableName, Vec<ColumnName>> = BTreeMap::new();
    features.entry(target.table.clone()).or_default();
    let lists = file.features.as_ref().ok_or(JobError::Missing {
        field: "features",
        example: "[features] brand = [\"customers.age\"], bank = [\"accounts.balance\"]",
    })?;
    for (owner, names) in lists {
        for name in names {
            let full = if name.matches('.').count() > 1 { name.clone() } else { format!("{owner}.{name}") };
            let column = column("features", &full)?;
            if column.table.owner != *owner {
                return Err(out_of_range("features", name, "dataset.column, under the name of its owner"));
            }
            features.entry(column.table.clone()).or_default().push(column);
        }
    }
    let owners: BTreeSet<&String> = features.keys().map(|table| &table.owner).collect();
    if owners.len() != 2 || features.len() != 2 {
        let found = format!("{} datasets of {} partners", features.len(), owners.len());
        return Err(JobError::OutOfRange {
            field: "features",
            found,
            allowed: "one dataset of each of two partners; with the same columns at three partners or more, write \
                      datasets and columns",
        });
    }
    Ok((vec![target], features))
}

fn horizontal(file: &File) -> Result<Columns, JobError> {
    if file.features.is_some() {
        return Err(JobError::WrongShape {
            field: "features",
            shape: "horizontal",
            instead: "datasets = [\"north.customers\", …], columns = [\"age\", …]",
        });
    }
    let datasets = file.datasets.as_ref().ok_or(JobError::Missing {
        field: "datasets",
        example: "datasets = [\"north.customers\", \"south.customers\", \"west.customers\"]",
    })?;
    let names = file
        .columns
        .as_ref()
        .ok_or(JobError::Missing { field: "columns", example: "columns = [\"age\", \"income\"]" })?;
    let mut features = BTreeMap::new();
    for dataset in datasets {
        let table = table("datasets", dataset)?;
        let columns = of_each([&table], names);
        if features.insert(table, columns).is_some() {
            return Err(JobError::Twice { column: shown(dataset) });
        }
    }
    let owners: BTreeSet<&String> = features.keys().map(|table| &table.owner).collect();
    if owners.len() != features.len() || !(3..=10).contains(&features.len()) {
        return Err(JobError::OutOfRange {
            field: "datasets",
            found: format!("{} datasets of {} partners", features.len(), owners.len()),
            allowed: "one dataset of each of three to ten partners; with two, each would see the other's sums by \
                      subtracting its own",
        });
    }
    let targets = of_each(features.keys(), std::slice::from_ref(&file.target));
    Ok((targets, features))
}

/// The same columns of each table.
fn of_each<'a>(tables: impl IntoIterator<Item = &'a TableName>, names: &[String]) -> Vec<ColumnName> {
    let of = |table: &TableName| {
        let column = |name: &String| ColumnName { table: table.clone(), column: name.clone() };
        names.iter().map(column).collect::<Vec<_>>()
    };
    tables.into_iter().flat_map(of).collect()
}

fn table(field: &'static str, name: &str) -> Result<TableName, JobError> {
    match name.split('.').collect::<Vec<_>>()[..] {
        [owner, dataset] if !owner.is_empty() && !dataset.is_empty() => Ok(TableName::new(owner, dataset)),
        _ => Err(out_of_range(field, name, "owner.dataset")),
    }
}

fn column(field: &'static str, name: &str) -> Result<ColumnName, JobError> {
    match name.splitn(3, '.').collect::<Vec<_>>()[..] {
        [owner, dataset, column] if ![owner, dataset, column].contains(&"") => {
            Ok(ColumnName { table: TableName::new(owner, dataset), column: column.to_owned() })
        }
        _ => Err(out_of_range(field, name, "owner.dataset.column")),
    }
}

fn decimal(field: &'static str, number: f64) -> Result<Decimal, JobError> {
    let wrong = || out_of_range(field, &number.to_string(), "a finite number of at most 15 decimals");
    number.to_string().parse().map_err(|_| wrong())
}

/// In millionths; what is none is beyond every range.
fn micro(number: Decimal) -> u32 {
    number.micro().and_then(|micro| u32::try_from(micro).ok()).unwrap_or(u32::MAX)
}

fn out_of_range(field: &'static str, found: &str, allowed: &'static str) -> JobError {
    JobError::OutOfRange { field, found: shown(found), allowed }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

impl Job {
    /// What has to hold whoever wrote it.
    fn checked(self) -> Result<Self, JobError> {
        let name = self.name.as_bytes();
        let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(byte);
        if !(1..=64).contains(&name.len()) || !name.iter().all(letter) || b"-_.".contains(&name[0]) {
            let allowed = "up to 64 lower-case letters, digits, -, _ and ., a letter or digit first";
            return Err(out_of_range("name", &self.name, allowed));
        }
        let columns: Vec<&ColumnName> = self.features.values().flatten().chain(&self.targets).collect();
        let mut seen = BTreeSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(**column)) {
            return Err(JobError::Twice { column: shown(&twice.to_string()) });
        }
        let names = columns.iter().copied().chain(&self.evaluate.groups);
        for column in names {
            let parts = [&column.table.owner, &column.table.dataset, &column.column];
            if parts
                .iter()
                .any(|part| part.is_empty() || part.len() > 128 || part.chars().any(char::is_control))
            {
                return Err(out_of_range("features", &column.to_string(), "names of 1 to 128 characters"));
            }
        }
        let most = self.features.values().map(Vec::len).max().unwrap_or(0);
        if columns.len() > COLUMNS || most == 0 {
            return Err(out_of_range("features", &columns.len().to_string(), "1 to 512 columns in all"));
        }
        if self.shape == JobShape::Vertical
            && self.features.iter().any(|(table, list)| list.is_empty() && *table != self.targets[0].table)
        {
            return Err(JobError::Missing {
                field: "features",
                example: "at least one column of the partner that does not have the target",
            });
        }
        if !(1..=1000).contains(&self.rounds) {
            return Err(out_of_range("rounds", &self.rounds.to_string(), "1 to 1000"));
        }
        if let Some(JobNoise { epsilon_micro, delta_femto }) = self.noise {
            if !(1..=100_000_000).contains(&epsilon_micro) {
                return Err(out_of_range("privacy.epsilon", "this", "more than 0, at most 100"));
            }
            if !(1..1_000_000_000_000_000).contains(&delta_femto) {
                return Err(out_of_range(
                    "privacy.delta",
                    "this",
                    "more than 0 and less than 1; 1e-6 is usual",
                ));
            }
        }
        let within = |number: Decimal, most: i64| {
            number >= Decimal::ZERO && number.units() <= i128::from(most) * Decimal::ONE.units()
        };
        if !within(self.l2, 1_000_000_000) {
            return Err(out_of_range("l2", &self.l2.to_string(), "0 to 1000000000"));
        }
        if !within(self.clip, 1_000) || self.clip == Decimal::ZERO {
            return Err(out_of_range("clip", &self.clip.to_string(), "more than 0, at most 1000"));
        }
        if self.tolerated as usize + 1 > self.features.len() {
            let allowed = "fewer than there are partners";
            return Err(out_of_range("tolerated", &self.tolerated.to_string(), allowed));
        }
        let Evaluate { holdout_micro, bins, groups, leave_one_out, share_micro } = &self.evaluate;
        if *leave_one_out && self.shape == JobShape::Vertical {
            return Err(JobError::WrongShape {
                field: "evaluate.leave_one_out",
                shape: "vertical",
                instead: "nothing: without its partner, the one who has the target has its own model",
            });
        }
        // LEARNH-24.
        if *leave_one_out && self.noise.is_none() {
            return Err(JobError::WrongShape {
                field: "evaluate.leave_one_out",
                shape: "noiseless",
                instead: "[privacy] epsilon and delta: of exact sums, what one partner adds is its own statistics",
            });
        }
        let least = if *leave_one_out { 1 } else { 0 };
        if !(least..=500_000).contains(share_micro) {
            let allowed = "0 to 0.5, of the job's privacy; more than 0 with leave_one_out";
            return Err(out_of_range("evaluate.share", "this", allowed));
        }
        if !(0..=900_000).contains(holdout_micro) {
            return Err(out_of_range("evaluate.holdout", "this", "0 to 0.9"));
        }
        if !(2..=64).contains(bins) {
            return Err(out_of_range("evaluate.bins", &bins.to_string(), "2 to 64"));
        }
        let mut told_apart = BTreeSet::new();
        if let Some(twice) = groups.iter().find(|group| !told_apart.insert(*group)) {
            return Err(JobError::Twice { column: shown(&twice.to_string()) });
        }
        // Where customers differ, figures of a group are of everybody's customers: each dataset has the same columns.
        let of = |table: &TableName| {
            groups.iter().filter(|group| group.table == *table).map(|group| &group.column).collect::<Vec<_>>()
        };
        let lists: BTreeSet<_> = self.features.keys().map(of).collect();
        if self.shape == JobShape::Horizontal && lists.len() > 1 {
            return Err(JobError::OutOfRange {
                field: "evaluate.groups",
                found: "other columns for one dataset than for another".to_owned(),
                allowed: "the same columns for all",
            });
        }
        if groups.iter().any(|group| !self.features.contains_key(&group.table)) {
            return Err(JobError::OutOfRange {
                field: "evaluate.groups",
                found: "a column of another dataset".to_owned(),
                allowed: "columns of the datasets that train",
            });
        }
        Ok(self)
    }
}

pub(super) fn text(job: &Job) -> String {
    let sent = Sent {
        bins: job.evaluate.bins,
        clip: job.clip.to_string(),
        delta: job.noise.map(|noise| Decimal::of_femto(noise.delta_femto).to_string()),
        epsilon: job.noise.map(|noise| Decimal::of_micro(noise.epsilon_micro).to_string()),
        features: job.features.values().flatten().cloned().collect(),
        groups: job.evaluate.groups.clone(),
        holdout: Decimal::of_micro(job.evaluate.holdout_micro.into()).to_string(),
        kind: job.kind,
        l2: job.l2.to_string(),
        leave_one_out: job.evaluate.leave_one_out,
        name: job.name.clone(),
        rounds: job.rounds,
        seed: job.seed,
        shape: job.shape,
        share: (job.evaluate.share_micro != Evaluate::usual_share(job.shape, job.evaluate.leave_one_out))
            .then(|| Decimal::of_micro(job.evaluate.share_micro.into()).to_string()),
        targets: job.targets.clone(),
        tolerated: job.tolerated,
    };
    // Invariant: a struct of texts and numbers always has a JSON form.
    format!("{TRAIN}{}", serde_json::to_string(&sent).unwrap_or_default())
}

/// Reads what [`text`] wrote, or a stranger did; without `TRAIN`.
pub(in crate::query) fn of_text(text: &str) -> Result<Job, JobError> {
    if text.len() > LARGEST_JOB {
        return Err(JobError::TooLarge { limit: LARGEST_JOB });
    }
    let unreadable = || JobError::Unreadable { problem: "it is not in the form that nodes send".to_owned() };
    let sent: Sent = serde_json::from_str(text).map_err(|_| unreadable())?;
    let number = |text: &str| text.parse::<Decimal>().map_err(|_| unreadable());
    let noise = match (&sent.epsilon, &sent.delta) {
        (None, None) => None,
        (Some(epsilon), Some(delta)) => Some(JobNoise {
            epsilon_micro: number(epsilon)?.micro().ok_or_else(unreadable)?,
            delta_femto: number(delta)?.femto().ok_or_else(unreadable)?,
        }),
        _ => return Err(unreadable()),
    };
    let mut features: BTreeMap<TableName, Vec<ColumnName>> = BTreeMap::new();
    for target in &sent.targets {
        features.entry(target.table.clone()).or_default();
    }
    for column in sent.features {
        features.entry(column.table.clone()).or_default().push(column);
    }
    let owners: BTreeSet<&String> = features.keys().map(|table| &table.owner).collect();
    let (tables, targets) = (features.len(), sent.targets.len());
    let fits = owners.len() == tables
        && match sent.shape {
            JobShape::Vertical => tables == 2 && targets == 1,
            JobShape::Horizontal => {
                let mut lists =
                    features.values().map(|list| list.iter().map(|c| &c.column).collect::<Vec<_>>());
                let first = lists.next();
                // As many as there are tables, and each another's: one each.
                let owned: BTreeSet<&TableName> = sent.targets.iter().map(|target| &target.table).collect();
                let one_name = sent.targets.windows(2).all(|pair| pair[0].column == pair[1].column);
                (3..=10).contains(&tables)
                    && targets == tables
                    && owned.len() == tables
                    && one_name
                    && lists.all(|list| Some(list) == first)
            }
        };
    if !fits {
        return Err(unreadable());
    }
    let holdout = number(&sent.holdout)?.micro().and_then(|micro| u32::try_from(micro).ok());
    let share_micro = match &sent.share {
        None => Evaluate::usual_share(sent.shape, sent.leave_one_out),
        Some(share) => micro(number(share)?),
    };
    Job {
        name: sent.name,
        kind: sent.kind,
        shape: sent.shape,
        targets: sent.targets,
        features,
        noise,
        rounds: sent.rounds,
        l2: number(&sent.l2)?,
        clip: number(&sent.clip)?,
        tolerated: sent.tolerated,
        evaluate: Evaluate {
            holdout_micro: holdout.ok_or_else(unreadable)?,
            bins: sent.bins,
            groups: sent.groups,
            leave_one_out: sent.leave_one_out,
            share_micro,
        },
        seed: sent.seed,
    }
    .checked()
}
