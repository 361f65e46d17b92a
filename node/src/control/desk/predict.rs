//! `tacit predict`: what a model says of our own customers.
//!
//! Nothing is spent: the model was paid for when it was trained. What holds all the same is the contract's consent column
//! and the withdrawal list, and that the use of the model is on record before its scores are anywhere to be seen. Nobody is
//! asked either, unless the model is of two partners' columns and there are no scores of the dataset as it is now: those
//! are made with the partner, which is a question like any other ([`run::ask`]).

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;
use tacit_protocol::identity::KeyKind;

use super::{Events, models};
use crate::{
    control::{Answer, Event, Prediction, Reply},
    data::hex,
    exchange::ExchangeError,
    learn::{self, Model, ScoreError, Scored, Shape},
    ledger::Kind,
    policy::{Consent, IdentityTerms, State, day},
    query::{self, NoColumns, QueryRequest, Scoring, Wish},
    release::{self, ReleaseError},
    report::Report,
    rooms::{Rooms, blocking},
    run,
    scan::{self, CollectPlan, Counts, ScanError},
};

/// Scores a dataset's customers and puts the scores among the answers.
pub async fn predict(rooms: &Rooms, asked: Prediction, events: &Events) -> Result<Reply, Report> {
    let model = models::find(rooms, &asked.model).await?;
    let mut told = Vec::new();
    if needs_partner(rooms, &model, &asked).await? {
        let request = QueryRequest {
            sql: scoring(&model, &asked.dataset)?,
            contract: Some(model.contract.id.to_string()),
            purpose: asked.purpose.clone(),
            wish: Wish::default(),
            wait: asked.wait,
        };
        told = run::ask(rooms, request, events.clone()).await?.notes;
    }
    let document = rooms.contracts.find(&model.contract.id.to_string(), day(Timestamp::now()))?;
    let terms = document.contract().terms();
    let consent = consent(&model, &terms.datasets, &asked.dataset);
    let begin = |stage: &str| drop(events.send(Event::Stage { stage: stage.to_owned() }));
    begin("read own data");
    let Read { customers, scores, counts, snapshot, of } =
        read(rooms, &model, &asked, terms.identity.clone(), consent).await?;
    begin("write answer");
    let id = fresh()?;
    let path = rooms.home.answers_dir().join(format!("{id}.parquet"));
    let partial = path.with_extension("partial");
    let (target, rows) = (partial.clone(), customers.len() as u64);
    blocking(move || release::write_scores(&target, &customers, &scores)).await?;
    let body = json!({
        "model": model.id,
        "name": model.name,
        "job": model.job.hash,
        "dataset": asked.dataset,
        "snapshot": snapshot,
        "customers": of,
        "listed": rows,
    });
    let mut record = body.clone();
    if let (Shape::Vertical, Some(fields)) = (model.shape, record.as_object_mut()) {
        // How many both have is in no log.
        fields.retain(|name, _| !["customers", "listed"].contains(&name.as_str()));
    }
    rooms.ledger.note(Kind::Model, Some(model.contract.id), None, "used", record, Timestamp::now()).await?;
    std::fs::rename(&partial, &path)
        .map_err(|source| ReleaseError::Unwritten { path: path.clone(), source })?;
    let mut notes = told;
    notes.push(match rows == of {
        true => format!("{of} customers of {} scored by {}", asked.dataset, model.name),
        false => format!("the first {rows} of {of} customers of {}, scored by {}", asked.dataset, model.name),
    });
    let left_out = counts.without_consent + counts.without_key;
    if left_out > 0 {
        notes.push(format!("{left_out} rows without consent or without a usable identifier have no score"));
    }
    notes.extend(counts.surplus());
    if !matches!(document.state(day(Timestamp::now())), State::InForce) {
        let title = document.contract().title();
        notes.push(format!(
            "warning: {title} is not in force any more; whether its models may still be used is between its partners"
        ));
    }
    Ok(Reply { document: Some(body), answer: Some(Answer { path, rows }), notes, ..Reply::default() })
}

/// Whether scores have to be made with the partner: of a model of two partners' columns that this node cannot apply
/// alone, over a dataset that it has no scores of as it is now, or is to have anew.
async fn needs_partner(rooms: &Rooms, model: &Model, asked: &Prediction) -> Result<bool, Report> {
    if model.shape != Shape::Vertical || learn::features(model).is_ok() {
        return Ok(false);
    }
    let (registry, datasets, id) = (rooms.models.clone(), rooms.datasets.clone(), model.id);
    let (dataset, again) = (asked.dataset.clone(), asked.again);
    let wanted = blocking(move || -> Result<bool, Trouble> {
        let registration = datasets.open(&dataset, Timestamp::now(), &mut |_| true)?;
        let made = registry.scores_of(id, &registration.snapshot_hash())?.is_some();
        Ok((again || !made) && registry.has_halves(id))
    })
    .await
    .map_err(|error| error.0)?;
    Ok(wanted)
}

/// The question for scores of our customers in a dataset.
fn scoring(model: &Model, dataset: &str) -> Result<String, Report> {
    // The model's job is kept as it was sent, which reads as a question.
    let parsed = query::parse(&model.job.toml, &NoColumns)?;
    let misfit = || ScoreError::Misfit { model: model.name.clone() };
    let job = parsed.training().ok_or_else(misfit)?.clone();
    Ok(Scoring::of(model.id, job, &model.us, dataset).text())
}

/// Which rows take part. A dataset that the contract does not name is held to what our others have to meet.
fn consent(model: &Model, datasets: &[crate::policy::DatasetTerms], name: &str) -> Option<String> {
    let ours = || datasets.iter().filter(|dataset| dataset.owner == model.us);
    let terms = ours().find(|dataset| dataset.name == name).or_else(|| ours().next())?;
    match &terms.consent {
        Consent::Column(column) => Some(column.clone()),
        Consent::WithdrawalList => None,
    }
}

/// What came of reading and scoring.
struct Read {
    customers: Vec<String>,
    scores: Vec<f64>,
    counts: Counts,
    snapshot: String,
    /// Customers that have a score, listed or not.
    of: u64,
}

async fn read(
    rooms: &Rooms,
    model: &Model,
    asked: &Prediction,
    identity: IdentityTerms,
    consent: Option<String>,
) -> Result<Read, Report> {
    let datasets = rooms.datasets.clone();
    let withdrawn = rooms.withdrawn.clone().read_owned().await;
    let (model, dataset, share) = (model.clone(), asked.dataset.clone(), asked.top);
    let registry = rooms.models.clone();
    blocking(move || {
        let registration = datasets.open(&dataset, Timestamp::now(), &mut |_| true)?;
        let made = match model.shape {
            Shape::Vertical => registry.scores_of(model.id, &registration.snapshot_hash())?,
            Shape::Horizontal => None,
        };
        // Nothing is read for a model that cannot be applied here.
        let features = match &made {
            Some(_) => Vec::new(),
            None => match learn::features(&model) {
                // Of a model that was trained before halves were kept, there is nothing but its scores of then.
                Err(_) if registry.scores(model.id)?.is_some() => {
                    return Err(ScoreError::OtherContent { model: model.name.clone(), dataset }.into());
                }
                features => features?,
            },
        };
        let held = |kind: &&KeyKind| registration.key_columns(kind).next().is_some();
        let keys: Vec<KeyKind> = identity.keys.iter().filter(held).cloned().collect();
        let plan = CollectPlan {
            registration: &registration,
            profile: identity.profile,
            keys: &keys,
            default_region: identity.default_region,
            filter: None,
            consent: consent.as_deref(),
            withdrawn: &withdrawn,
        };
        let (scored, counts, snapshot) = match made {
            Some(made) => {
                let input = scan::collect(&plan, &mut |_, _| true)?;
                let everybody = input.matched(&vec![true; input.items().len()]);
                let rows = everybody.iter().flat_map(|one| std::iter::once(&one.row).chain(&one.others));
                let scored = learn::of_training(&model, &made.scores, &rows.copied().collect());
                (scored, input.counts().clone(), input.snapshot())
            }
            None => {
                let input = scan::design(&plan, &identity.keys, &features, &mut |_, _| true)?;
                (learn::scored(&model, &input.rows, &input.columns)?, input.counts, input.snapshot)
            }
        };
        let of = scored.len() as u64;
        let listed: Vec<Scored> =
            share.map_or_else(|| scored.clone(), |share| learn::top(scored.clone(), share));
        let rows: Vec<u64> = listed.iter().map(|one| one.row).collect();
        let customers = scan::names(&registration, snapshot, &rows)?;
        let scores = listed.iter().map(|one| one.score).collect();
        Ok(Read { customers, scores, counts, snapshot: snapshot.to_string(), of })
    })
    .await
    .map_err(|error: Trouble| error.0)
}

/// Either room's error on the way out of the blocking thread.
struct Trouble(Report);

impl From<ScanError> for Trouble {
    fn from(error: ScanError) -> Self {
        Self(error.into())
    }
}

impl From<learn::ModelError> for Trouble {
    fn from(error: learn::ModelError) -> Self {
        Self(error.into())
    }
}

impl From<ScoreError> for Trouble {
    fn from(error: ScoreError) -> Self {
        Self(error.into())
    }
}

/// A name for an answer that no question has.
fn fresh() -> Result<String, ExchangeError> {
    let mut id = [0; 32];
    SystemRandom::new().fill(&mut id).map_err(|_| ExchangeError::NoRandomness)?;
    Ok(hex(id))
}
