//! The desk: every [`Request`], answered with the node's rooms.
//!
//! One file a subject; none of them decides anything that a room should decide.

mod approvals;
mod audit;
mod consent;
mod contracts;
mod datasets;
mod doctor;
mod keys;
mod layout;
mod models;
mod partners;
mod predict;
mod recovery;

use super::request::{Event, Reply, Request};
use crate::{
    learn,
    report::{Class, Report},
    rooms::{Rooms, joined},
    run,
};

/// Where events of a command go.
pub type Events = tokio::sync::mpsc::UnboundedSender<Event>;

/// An option whose value is none of those there are.
fn bad_option(problem: impl std::error::Error) -> Report {
    Report {
        code: "E-USAGE-OPTION".into(),
        class: Class::Usage,
        message: problem.to_string(),
        details: Vec::new(),
        retry_helps: false,
    }
}

/// Answers one command.
pub async fn perform(rooms: &Rooms, request: Request, events: Events) -> Result<Reply, Report> {
    match request {
        Request::Status => partners::status(rooms).await,
        Request::Stop => {
            rooms.stop();
            Ok(Reply { notes: vec!["the node stops".to_owned()], ..Reply::default() })
        }
        Request::Card => partners::card(rooms),
        Request::PartnerAdd { card } => partners::add(rooms, &card).await,
        Request::PartnerList => partners::list(rooms).await,
        Request::PartnerRemove { partner } => partners::remove(rooms, &partner).await,
        Request::PartnerRecovered { partner } => recovery::forgive(rooms, &partner).await,
        Request::Recover => recovery::recover(rooms).await,
        Request::CertificateRotate => keys::rotate_tls(rooms).await,
        Request::SigningKeyRotate => keys::rotate_signing(rooms).await,
        Request::KeysShow => keys::show(rooms),
        Request::DatasetAdd(dataset) => datasets::add(rooms, dataset).await,
        Request::DatasetList => datasets::list(rooms),
        Request::DatasetShow { dataset } => datasets::show(rooms, dataset).await,
        Request::DatasetRemove { dataset } => datasets::remove(rooms, &dataset).await,
        Request::IdLint { dataset, profile } => datasets::lint(rooms, dataset, profile).await,
        Request::ConsentWithdraw { identifiers, kind, dataset } => {
            consent::withdraw(rooms, identifiers, kind, dataset).await
        }
        Request::ConsentList => consent::list(rooms).await,
        Request::ContractPropose { toml } => contracts::propose(rooms, &toml).await,
        Request::ContractImport { document } => contracts::import(rooms, &document).await,
        Request::ContractList => contracts::list(rooms),
        Request::ContractShow { contract } => contracts::show(rooms, &contract),
        Request::ContractAccept { contract } => contracts::accept(rooms, &contract).await,
        Request::ContractRefuse { contract, reason } => contracts::refuse(rooms, &contract, &reason).await,
        Request::ContractEnd { contract, reason } => contracts::end(rooms, &contract, &reason).await,
        Request::ContractExport { contract } => contracts::export(rooms, &contract),
        Request::ApprovalList => approvals::list(rooms),
        Request::ApprovalDecide { approval, approve, by, reason } => {
            approvals::decide(rooms, &approval, approve, by, reason).await
        }
        Request::Explain(request) => run::explain(rooms, &request).await,
        Request::TrainExplain(request) => learn::explain(rooms, &request).await,
        Request::Train(request) => {
            let rooms = rooms.clone();
            // As a question: a task of its own.
            joined(tokio::spawn(async move { learn::train(&rooms, request, events).await }).await)
        }
        Request::Query(request) => {
            let rooms = rooms.clone();
            // A task of its own: when the command goes away it is told so, and ends on record.
            joined(tokio::spawn(async move { run::ask(&rooms, request, events).await }).await)
        }
        Request::ModelList => models::list(rooms).await,
        Request::ModelShow { model } => models::show(rooms, &model).await,
        Request::ModelExport { model, by } => models::export(rooms, &model, by).await,
        Request::ModelDelete { model, by } => models::delete(rooms, &model, by).await,
        Request::Predict(asked) => predict::predict(rooms, asked, &events).await,
        Request::AuditExported { records, by } => audit::exported(rooms, records, by).await,
        Request::AuditWitness => audit::witness(rooms).await,
        Request::Doctor { partner } => doctor::examine(rooms, partner).await,
    }
}
