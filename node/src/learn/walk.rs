//! From a job file to a trained model: which walk it takes, and what is shown at its end.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tacit_protocol::ids::{PartnerId, QueryId};

use super::{
    Model, Registry, Story, TrainFault, document, horizontal,
    state::{self, RunFolder},
    text,
};
use crate::{
    control::Reply,
    exchange::Question,
    query::{Job, JobShape, QueryError, QueryRequest, Wish},
    report::Report,
    rooms::Rooms,
    run::{self, Events},
};

/// A job, as it is handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainRequest {
    /// The job file's text.
    pub toml: String,
    /// How long to wait for people at the partners.
    pub wait: Duration,
}

impl TrainRequest {
    /// The question that this job is.
    ///
    /// # Errors
    /// [`QueryError::Job`].
    pub(super) fn question(&self) -> Result<(Job, QueryRequest), QueryError> {
        let (job, contract) = Job::of_toml(&self.toml).map_err(QueryError::Job)?;
        let request =
            QueryRequest { sql: job.text(), contract, purpose: None, wish: Wish::default(), wait: self.wait };
        Ok((job, request))
    }
}

/// Trains a model with the partners that the job names. The model lies in the registry when this returns.
///
/// # Errors
/// A [`Report`] of whichever room said no. It has been recorded by then, unless the job could not be read.
pub async fn train(rooms: &Rooms, request: TrainRequest, events: Events) -> Result<Reply, Report> {
    let (job, question) = request.question()?;
    match job.shape {
        JobShape::Vertical => run::ask(rooms, question, events).await,
        JobShape::Horizontal => horizontal::coordinate(rooms, question, events).await,
    }
}

/// The model of the same job over the same content, if it was trained: it is shown again, and nothing is asked or paid.
pub(crate) fn again(rooms: &Rooms, job: &str) -> Result<Option<Reply>, Report> {
    let Some(run) = state::last_run(&rooms.home, job)? else { return Ok(None) };
    let Ok(model) = Registry::at(rooms.home.models_dir()).read(run) else { return Ok(None) };
    let mut reply = shown(&model, Value::Null);
    reply.notes.push(
        "this job was trained over the same data before: here is its model, and nothing was paid".to_owned(),
    );
    Ok(Some(reply))
}

/// A model for people and programs.
pub(crate) fn shown(model: &Model, stages: Value) -> Reply {
    let mut shown = document(model);
    if !stages.is_null() {
        shown["stages"] = stages;
    }
    let notes = vec![format!(
        "tacit model show {} shows its card, tacit predict {} scores with it",
        model.name, model.name
    )];
    Reply { document: Some(shown), text: Some(text(model)), notes, ..Reply::default() }
}

/// The id of the run that an asker begins or goes on with, noted.
pub(crate) fn begin(rooms: &Rooms, job: &str, resumes: bool, query: QueryId) -> Result<QueryId, Report> {
    let last = state::last_run(&rooms.home, job)?.filter(|_| resumes);
    let run = last.unwrap_or(query);
    let folder = RunFolder::of(&rooms.home, &run);
    if last.is_some() {
        Story::may_go_on(&folder)?;
    }
    // Before anything is spent on it: a run without its folder is not taken up again.
    folder.make()?;
    state::begin_run(&rooms.home, job, &run)?;
    Ok(run)
}

/// Whether the last run of a job can be taken up here: what was kept of it is there still.
pub(crate) fn may_go_on(rooms: &Rooms, job: &str) -> bool {
    let last = state::last_run(&rooms.home, job).ok().flatten();
    last.is_some_and(|run| RunFolder::of(&rooms.home, &run).goes_on())
}

/// The run that a partner's question begins or goes on with. One that goes on has to be the one that was cut, and one that
/// is paid for anew may not take up what another has left: noise drawn twice for one price would average away.
pub(crate) fn run_of(
    rooms: &Rooms,
    question: &Question,
    resumes: bool,
    partner: PartnerId,
) -> Result<QueryId, TrainFault> {
    let out_of_step = || TrainFault::OutOfStep { partner: rooms.partner_name(partner).unwrap_or_default() };
    let run = question.run.ok_or_else(out_of_step)?;
    let job = state::same_job(&question.contract, &question.sql, question.content.as_deref());
    let last = state::last_run(&rooms.home, &job)?;
    let folder = RunFolder::of(&rooms.home, &run);
    let is_there = if resumes { folder.goes_on() } else { folder.exists() };
    if !may_begin(is_there, last == Some(run), resumes) {
        return Err(out_of_step());
    }
    if resumes {
        Story::may_go_on(&folder)?;
    }
    folder.make()?;
    state::begin_run(&rooms.home, &job, &run)?;
    Ok(run)
}

/// A run that goes on is the last of its job, and what it has promised is still there: without that, the same masks
/// would be laid a second time, over another set of trainers. A run that begins was never here.
const fn may_begin(exists: bool, is_last: bool, resumes: bool) -> bool {
    if resumes { exists && is_last } else { !exists }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b10_a_run_whose_promises_are_lost_does_not_go_on() {
        assert!(may_begin(false, false, false) && may_begin(true, true, true));
        assert!(!may_begin(false, true, true), "its folder was removed");
        assert!(!may_begin(true, false, true) && !may_begin(true, true, false));
    }
}
