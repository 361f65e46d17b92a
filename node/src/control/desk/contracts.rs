//! Contracts: proposing, signing, refusing, ending, carrying.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::ids::PartnerId;

use crate::{
    control::Reply,
    data::{Table, Value},
    exchange::papers,
    ledger::Kind,
    link::Check,
    policy::{self, Document, State, day, what_you_agree_to},
    report::Report,
    rooms::Rooms,
};

/// How long a command waits to hand its paper over at once; after that a running node goes on trying.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Signs an own contract and offers it.
pub async fn propose(rooms: &Rooms, toml: &str) -> Result<Reply, Report> {
    let document = rooms.contracts.propose(toml, &*rooms.identity, rooms, Timestamp::now())?;
    let mut reply = stated(rooms, &document, "proposed", Kind::Contract).await?;
    let drawbacks = policy::before_signing(&document, &rooms.identity.id(), rooms);
    reply.notes.extend(drawbacks.iter().map(|error| format!("warning: {error}")));
    let short = document.contract().id().short();
    reply.notes.push(format!("your partner signs with: tacit contract accept {short}"));
    Ok(reply)
}

/// Takes a document in.
pub async fn import(rooms: &Rooms, text: &str) -> Result<Reply, Report> {
    let id = rooms.take_contract(text, None).await?;
    let document = rooms.contracts.find(&id.to_string(), day(Timestamp::now()))?;
    let note = format!("{} is {}", document.contract().title(), state(&document).name());
    Ok(Reply { document: Some(describe(rooms, &document)), notes: vec![note], ..Reply::default() })
}

/// All of them.
pub fn list(rooms: &Rooms) -> Result<Reply, Report> {
    let mut table = Table::new(&["name", "id", "state", "partners", "signed", "from", "to", "purpose"]);
    for document in rooms.contracts.list() {
        let terms = document.contract().terms();
        table.push([
            Value::from(terms.name.as_str()),
            Value::from(document.contract().id().short()),
            Value::from(state(&document).name()),
            Value::from(terms.partners.join(" ")),
            Value::from(document.signed_by().join(" ")),
            Value::from(terms.starts.to_string()),
            Value::from(terms.ends.to_string()),
            Value::from(terms.purpose.as_str()),
        ]);
    }
    Ok(Reply { table: Some(table), ..Reply::default() })
}

/// One of them, with what this node agrees to.
pub fn show(rooms: &Rooms, wanted: &str) -> Result<Reply, Report> {
    let document = rooms.contracts.find(wanted, day(Timestamp::now()))?;
    let contract = document.contract();
    let terms = contract.terms();
    let mut text = format!("{} — {}\n", contract.title(), state(&document).name());
    text.push_str(&format!("  id        {}\n", contract.id()));
    text.push_str(&format!("  partners  {}\n", terms.partners.join(", ")));
    text.push_str(&format!("  purpose   {}\n", terms.purpose));
    if let Some(basis) = &terms.legal_basis {
        text.push_str(&format!("  basis     {basis}\n"));
    }
    text.push_str(&format!("  days      {} to {}, both included\n", terms.starts, terms.ends));
    text.push_str(&format!("  identity  {}\n", terms.identity.profile));
    for statement in document.statements() {
        let by = contract.partner(&statement.by).map_or_else(|| statement.by.short(), |p| p.name.clone());
        text.push_str(&format!("  {:<9} by {by}, {}\n", statement.says.name(), statement.at));
        if let Some(reason) = &statement.reason {
            text.push_str(&format!("            {reason}\n"));
        }
    }
    text.push_str("\nBy signing you agree:\n");
    for sentence in what_you_agree_to(contract, &rooms.identity.id()) {
        text.push_str(&format!("  - {sentence}\n"));
    }
    let notes = policy::before_signing(&document, &rooms.identity.id(), rooms)
        .iter()
        .map(|error| format!("warning: {error}"))
        .collect();
    Ok(Reply { document: Some(describe(rooms, &document)), text: Some(text), notes, ..Reply::default() })
}

/// Signs.
pub async fn accept(rooms: &Rooms, wanted: &str) -> Result<Reply, Report> {
    let now = Timestamp::now();
    let found = rooms.contracts.find(wanted, day(now))?;
    // What cannot be kept is not signed.
    if let Some(error) = policy::before_signing(&found, &rooms.identity.id(), rooms).into_iter().next() {
        return Err(error.into());
    }
    let id = found.contract().id().to_string();
    let document = rooms.contracts.accept(&id, &*rooms.identity, now)?;
    let mut reply = stated(rooms, &document, "accepted", Kind::Contract).await?;
    let agreed = what_you_agree_to(document.contract(), &rooms.identity.id());
    reply.notes.push("you agreed:".to_owned());
    reply.notes.extend(agreed.into_iter().map(|sentence| format!("  - {sentence}")));
    Ok(reply)
}

/// Says no.
pub async fn refuse(rooms: &Rooms, wanted: &str, reason: &str) -> Result<Reply, Report> {
    let document = rooms.contracts.refuse(wanted, reason, &*rooms.identity, Timestamp::now())?;
    stated(rooms, &document, "refused", Kind::Contract).await
}

/// Ends one that was in force.
pub async fn end(rooms: &Rooms, wanted: &str, reason: &str) -> Result<Reply, Report> {
    let document = rooms.contracts.end(wanted, reason, &*rooms.identity, Timestamp::now())?;
    stated(rooms, &document, "ended", Kind::Contract).await
}

/// The signed document.
pub fn export(rooms: &Rooms, wanted: &str) -> Result<Reply, Report> {
    let document = rooms.contracts.find(wanted, day(Timestamp::now()))?;
    let text = document.to_json();
    let value = serde_json::from_str(&text).ok();
    Ok(Reply { text: Some(text), document: value, ..Reply::default() })
}

/// Records what this node said, and hands it to the partners that can be reached at once.
async fn stated(rooms: &Rooms, document: &Document, what: &str, kind: Kind) -> Result<Reply, Report> {
    let contract = document.contract();
    let body = json!({ "name": contract.terms().name, "state": state(document).name() });
    rooms.ledger.note(kind, Some(contract.id()), None, what, body, Timestamp::now()).await?;
    let id = contract.id().to_string();
    let mut notes = vec![format!("{} is {what} and now {}", contract.title(), state(document).name())];
    for partner in contract.partners().iter().filter(|partner| partner.id() != rooms.identity.id()) {
        let offer = papers::offer(rooms, partner.id(), &id);
        notes.push(match tokio::time::timeout(AT_ONCE, offer).await {
            Ok(Ok(())) => format!("{} has it", partner.name),
            Ok(Err(report)) if report.code.starts_with("E-LINK") => {
                not_now(&partner.name, contract.id().short())
            }
            Ok(Err(report)) => format!("{} did not take it: {}", partner.name, report.code),
            Err(_) => not_now(&partner.name, contract.id().short()),
        });
    }
    rooms.papers_have_changed();
    let fresh = rooms.contracts.find_id(&contract.id());
    Ok(Reply {
        document: Some(describe(rooms, fresh.as_ref().unwrap_or(document))),
        notes,
        ..Reply::default()
    })
}

fn not_now(partner: &str, short: String) -> String {
    format!(
        "{partner} cannot be reached now; running nodes hand it over, or carry it: tacit contract export {short} --out FILE"
    )
}

/// What doctor says of the contracts with a partner.
pub fn checks(rooms: &Rooms, partner: PartnerId) -> Vec<Check> {
    rooms
        .contracts
        .list()
        .into_iter()
        .filter(|document| document.contract().partner(&partner).is_some())
        .map(|document| {
            let standing = state(&document);
            let drawbacks = policy::before_signing(&document, &rooms.identity.id(), rooms);
            let ok = matches!(standing, State::InForce) && drawbacks.is_empty();
            let mend = match (&standing, drawbacks.first()) {
                (State::Proposed { missing, .. }, _) => {
                    Some(format!("{} has to sign", missing.join(" and ")))
                }
                (_, Some(drawback)) => Some(drawback.to_string()),
                _ if ok => None,
                _ => Some("propose a new contract".to_owned()),
            };
            Check {
                name: format!("contract {}", document.contract().title()),
                ok,
                found: format!(
                    "{}, identities by {}",
                    standing.name(),
                    document.contract().terms().identity.profile
                ),
                mend,
            }
        })
        .collect()
}

fn state(document: &Document) -> State {
    document.state(day(Timestamp::now()))
}

fn describe(rooms: &Rooms, document: &Document) -> serde_json::Value {
    let contract = document.contract();
    let mut value: serde_json::Value = serde_json::from_str(&document.to_json()).unwrap_or_default();
    value["name"] = json!(contract.terms().name);
    value["state"] = json!(state(document).name());
    value["signed_by"] = json!(document.signed_by());
    value["you_agree"] = json!(what_you_agree_to(contract, &rooms.identity.id()));
    value
}
