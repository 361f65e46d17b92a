//! Models: looking, taking out, removing.

use jiff::Timestamp;
use serde_json::json;

use super::{approvals::account, layout::second};
use crate::{
    control::Reply,
    data::{Table, Value},
    learn::{self, Listed, Model},
    ledger::Kind,
    report::Report,
    rooms::{Rooms, blocking},
};

/// All of them, newest first.
pub async fn list(rooms: &Rooms) -> Result<Reply, Report> {
    let registry = rooms.models.clone();
    let listed = blocking(move || registry.list()).await?;
    let columns = [
        "name", "model", "kind", "shape", "target", "trained", "weights", "auc", "epsilon", "contract",
        "partners",
    ];
    let mut table = Table::new(&columns);
    let mut notes = Vec::new();
    for Listed { id, model } in &listed {
        match model {
            Ok(model) => table.push(row(model)),
            Err(error) => {
                table.push([Value::Null, Value::from(id.short()), Value::from("damaged")]);
                notes.push(format!("warning: {error}"));
            }
        }
    }
    if listed.is_empty() {
        notes.push("no models yet: tacit train JOB".to_owned());
    }
    Ok(Reply { table: Some(table), notes, ..Reply::default() })
}

fn row(model: &Model) -> [Value; 11] {
    let joint = model.metrics.iter().find(|metric| metric.group.is_none() && metric.name == "auc");
    let spent = model.price.iter().map(|paid| paid.epsilon_micro).max();
    [
        Value::from(model.name.as_str()),
        Value::from(model.short()),
        Value::from(model.kind.name()),
        Value::from(model.shape.name()),
        Value::from(model.target.as_str()),
        Value::from(second(model.trained)),
        Value::from(model.weights.name()),
        // Whoever wants all digits has the card.
        Value::from(joint.map(|metric| (metric.value.0 * 1e4).round() / 1e4)),
        Value::from(spent.map(|micro| micro as f64 / 1e6)),
        Value::from(model.contract.name.as_str()),
        Value::from(model.partners.join(" ")),
    ]
}

/// One model's card.
pub async fn show(rooms: &Rooms, wanted: &str) -> Result<Reply, Report> {
    let model = find(rooms, wanted).await?;
    Ok(Reply {
        document: Some(learn::document(&model)),
        text: Some(learn::text(&model)),
        page: Some(learn::page(&model)),
        ..Reply::default()
    })
}

/// Its file. What leaves the node leaves it on record.
pub async fn export(rooms: &Rooms, wanted: &str, by: Option<String>) -> Result<Reply, Report> {
    let model = find(rooms, wanted).await?;
    let (registry, id) = (rooms.models.clone(), model.id);
    let text = blocking(move || registry.export(id)).await?;
    note(rooms, &model, "exported", by).await?;
    let document = serde_json::from_str(&text).ok();
    Ok(Reply { document, text: Some(text), ..Reply::default() })
}

/// Removes it. On record first: a model that is gone without a record would look as if it had never been.
pub async fn delete(rooms: &Rooms, wanted: &str, by: Option<String>) -> Result<Reply, Report> {
    let (registry, name) = (rooms.models.clone(), wanted.to_owned());
    let id = blocking(move || registry.find_id(&name)).await?;
    let registry = rooms.models.clone();
    let called = match blocking(move || registry.read(id)).await {
        Ok(model) => {
            note(rooms, &model, "deleted", by).await?;
            model.name
        }
        // Of a damaged one nothing is known but its id, and it can go all the same.
        Err(_) => {
            let body = json!({ "model": id, "by": by.unwrap_or_else(account), "damaged": true });
            rooms.ledger.note(Kind::Model, None, None, "deleted", body, Timestamp::now()).await?;
            id.short()
        }
    };
    let registry = rooms.models.clone();
    blocking(move || registry.delete(id)).await?;
    let text = format!("the model {called} is deleted here\n");
    let notes = vec![
        "its records stay in the log, and what it cost stays spent; the partners keep their copies"
            .to_owned(),
    ];
    Ok(Reply {
        document: Some(json!({ "model": id, "deleted": true })),
        text: Some(text),
        notes,
        ..Reply::default()
    })
}

pub(super) async fn find(rooms: &Rooms, wanted: &str) -> Result<Model, Report> {
    let (registry, wanted) = (rooms.models.clone(), wanted.to_owned());
    Ok(blocking(move || registry.find(&wanted)).await?)
}

async fn note(rooms: &Rooms, model: &Model, what: &str, by: Option<String>) -> Result<(), Report> {
    let body = json!({
        "model": model.id,
        "name": model.name,
        "job": model.job.hash,
        "by": by.unwrap_or_else(account),
    });
    rooms.ledger.note(Kind::Model, Some(model.contract.id), None, what, body, Timestamp::now()).await?;
    Ok(())
}
