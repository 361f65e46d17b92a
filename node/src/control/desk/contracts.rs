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
    let mut reply = stated(rooms, &document, "proposed").await?;
    let drawbacks = policy::before_signing(&document, &rooms.identity.id(), rooms);
    reply.notes.extend(drawbacks.iter().map(|error| format!("warning: {error}")));
    if matches!(state(&document), State::Proposed { .. }) {
        let short = document.contract().id().short();
        reply.notes.push(format!("your partner signs with: tacit contract accept {short}"));
    }
    Ok(reply)
}

/// Takes a document in.
pub async fn import(rooms: &Rooms, text: &str) -> Result<Reply, Report> {
    let id = rooms.take_contract(text, None).await?;
    let document = rooms.contracts.find(&id.to_string(), day(Timestamp::now()))?;
    let text = format!("{} is {}\n", document.contract().title(), standing(&document));
    Ok(Reply { document: Some(describe(rooms, &document)), text: Some(text), ..Reply::default() })
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
    let none =
        || "no contracts yet: tacit contract propose FILE, or take one in with tacit contract import FILE";
    let notes = if table.rows.is_empty() { vec![none().to_owned()] } else { Vec::new() };
    Ok(Reply { table: Some(table), notes, ..Reply::default() })
}

/// One of them, with what this node agrees to.
pub fn show(rooms: &Rooms, wanted: &str) -> Result<Reply, Report> {
    let document = rooms.contracts.find(wanted, day(Timestamp::now()))?;
    let contract = document.contract();
    let terms = contract.terms();
    let mut text = format!("{} is {}\n", contract.title(), standing(&document));
    text.push_str(&format!("  id        {}\n", contract.id()));
    text.push_str(&format!("  partners  {}\n", terms.partners.join(", ")));
    text.push_str(&format!("  purpose   {}\n", terms.purpose));
    if let Some(basis) = &terms.legal_basis {
        text.push_str(&format!("  basis     {basis}\n"));
    }
    text.push_str(&format!("  days      {} to {}, both included\n", terms.starts, terms.ends));
    let keys: Vec<String> = terms.identity.keys.iter().map(ToString::to_string).collect();
    let region = terms.identity.default_region.map(|region| format!(", national numbers are {region}'s"));
    text.push_str(&format!(
        "  identity  {}, by {}{}\n",
        terms.identity.profile,
        keys.join(", then "),
        region.unwrap_or_default()
    ));
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
    let mut reply = stated(rooms, &document, "accepted").await?;
    let agreed = what_you_agree_to(document.contract(), &rooms.identity.id());
    if let Some(text) = &mut reply.text {
        text.push_str("You agreed:\n");
        text.extend(agreed.into_iter().map(|sentence| format!("  - {sentence}\n")));
    }
    Ok(reply)
}

/// Says no.
pub async fn refuse(rooms: &Rooms, wanted: &str, reason: &str) -> Result<Reply, Report> {
    let document = rooms.contracts.refuse(wanted, reason, &*rooms.identity, Timestamp::now())?;
    stated(rooms, &document, "refused").await
}

/// Ends one that was in force.
pub async fn end(rooms: &Rooms, wanted: &str, reason: &str) -> Result<Reply, Report> {
    let document = rooms.contracts.end(wanted, reason, &*rooms.identity, Timestamp::now())?;
    stated(rooms, &document, "ended").await
}

/// The signed document.
pub fn export(rooms: &Rooms, wanted: &str) -> Result<Reply, Report> {
    let document = rooms.contracts.find(wanted, day(Timestamp::now()))?;
    let text = document.to_json();
    let value = serde_json::from_str(&text).ok();
    Ok(Reply { text: Some(text), document: value, ..Reply::default() })
}

/// Records what this node said, and hands it to the partners that can be reached at once.
async fn stated(rooms: &Rooms, document: &Document, what: &str) -> Result<Reply, Report> {
    let contract = document.contract();
    let body = json!({ "name": contract.terms().name, "state": state(document).name() });
    rooms.ledger.note(Kind::Contract, Some(contract.id()), None, what, body, Timestamp::now()).await?;
    let id = contract.id().to_string();
    let mut notes = Vec::new();
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
    let document = fresh.as_ref().unwrap_or(document);
    let text = format!("{} is {}\n", contract.title(), standing(document));
    Ok(Reply { document: Some(describe(rooms, document)), text: Some(text), notes, ..Reply::default() })
}

fn not_now(partner: &str, short: String) -> String {
    format!(
        "{partner} cannot be reached now: it gets it when both nodes run, or by file: \
         tacit contract export {short} --out FILE"
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
            // What is over is over on purpose: no fault of anything here.
            let over = matches!(standing, State::Refused(_) | State::Ended(_) | State::Expired);
            let ok = over || (matches!(standing, State::InForce) && drawbacks.is_empty());
            let mend = match (&standing, drawbacks.first()) {
                _ if ok => None,
                (State::Proposed { missing, .. }, _) => {
                    Some(format!("{} has to sign", missing.join(" and ")))
                }
                (_, Some(drawback)) => Some(drawback.to_string()),
                _ => Some(format!("it begins on {}", document.contract().terms().starts)),
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

/// The state for people: who is still to sign, who said no.
fn standing(document: &Document) -> String {
    match state(document) {
        State::Proposed { missing, .. } => format!("proposed; {} has still to sign", missing.join(" and ")),
        State::Refused(no) => format!("refused by {}: {}", no.by, no.reason),
        State::Ended(no) => format!("ended by {}: {}", no.by, no.reason),
        other => other.name().to_owned(),
    }
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
