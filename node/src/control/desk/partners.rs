//! Cards and partners.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::layout::aligned;
use crate::{
    control::Reply,
    data::{Table, Value},
    ledger::Kind,
    link::{Added, Card},
    report::Report,
    rooms::Rooms,
};

/// A partner that was removed has no live connection after this.
const CUT_OFF: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);

/// This node's card, signed now.
pub fn card(rooms: &Rooms) -> Result<Reply, Report> {
    let card = rooms.card()?;
    let note = format!("read these words to your partner over the phone: {}", card.fingerprint());
    Ok(Reply {
        text: Some(card.to_text()),
        document: Some(describe(&card)),
        notes: vec![note],
        ..Reply::default()
    })
}

/// Trusts a card.
pub async fn add(rooms: &Rooms, text: &str) -> Result<Reply, Report> {
    let (partner, added) = rooms.partners.add(text, Timestamp::now())?;
    let card = partner.card();
    let what = match added {
        Added::New => "added",
        Added::Renewed => "renewed",
        Added::Same => "already known",
    };
    if !matches!(added, Added::Same) {
        let body = json!({ "id": card.id(), "addresses": card.addresses() });
        let name = Some(card.name().to_owned());
        rooms.ledger.note(Kind::Partner, None, name, what, body, Timestamp::now()).await?;
    }
    rooms.papers_have_changed();
    let text = format!("{} is {what}\n{}", card.name(), details(card));
    let notes = vec![format!(
        "compare the words with {} over the phone; if they differ: tacit partner remove {}",
        card.name(),
        card.name()
    )];
    Ok(Reply { document: Some(describe(card)), text: Some(text), notes, ..Reply::default() })
}

/// The partners.
pub async fn list(rooms: &Rooms) -> Result<Reply, Report> {
    let live = rooms.link.status();
    let mut table =
        Table::new(&["partner", "id", "addresses", "connected", "certificate_until", "fingerprint"]);
    let mut text = String::new();
    for partner in rooms.partners.list() {
        let card = partner.card();
        let connected = live.iter().any(|connection| connection.partner == card.id());
        table.push([
            Value::from(card.name()),
            Value::from(card.id().short()),
            Value::from(card.addresses().join(" ")),
            Value::from(connected),
            Value::from(card.not_after().to_string()),
            Value::from(card.fingerprint()),
        ]);
        let how = if connected { "connected" } else { "not connected" };
        text.push_str(&format!("{}, {how}\n{}", card.name(), details(card)));
    }
    let notes = if table.rows.is_empty() {
        vec!["no partners yet: tacit partner add CARD".to_owned()]
    } else {
        Vec::new()
    };
    Ok(Reply { table: Some(table), text: Some(text), notes, ..Reply::default() })
}

/// Trusts it no longer. Its live connection is closed before this returns.
pub async fn remove(rooms: &Rooms, which: &str) -> Result<Reply, Report> {
    let partner = rooms.partners.remove(which)?;
    let card = partner.card();
    // The link watches the list of partners. It cuts the connection off itself, and says why: whoever only
    // hears that a connection broke dials again.
    let cut = async {
        while rooms.link.status().iter().any(|live| live.partner == card.id()) {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(CUT_OFF, cut).await.is_err() {
        rooms.link.disconnect(card.id());
    }
    let name = Some(card.name().to_owned());
    let body = json!({ "id": card.id() });
    rooms.ledger.note(Kind::Partner, None, name, "removed", body, Timestamp::now()).await?;
    let note = format!("{} is no partner any more; its connection is closed", card.name());
    Ok(Reply { notes: vec![note], ..Reply::default() })
}

/// Who is running.
pub async fn status(rooms: &Rooms) -> Result<Reply, Report> {
    let live = rooms.link.status();
    let connected: Vec<&str> = live.iter().map(|connection| connection.name.as_str()).collect();
    let document = json!({
        "node": rooms.identity.name(),
        "id": rooms.identity.id(),
        "listens": rooms.link.address().to_string(),
        "connected": connected,
        "bytes_sent": live.iter().map(|connection| connection.bytes_sent).sum::<u64>(),
        "bytes_received": live.iter().map(|connection| connection.bytes_received).sum::<u64>(),
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
    });
    let text = format!(
        "{} ({}) listens on {}; connected: {}\n",
        rooms.identity.name(),
        rooms.identity.id().short(),
        rooms.link.address(),
        if connected.is_empty() { "nobody".to_owned() } else { connected.join(", ") }
    );
    Ok(Reply { document: Some(document), text: Some(text), ..Reply::default() })
}

/// A card for people; the words are what two of them compare.
fn details(card: &Card) -> String {
    let line = |label: &str, text: String| vec![label.to_owned(), text];
    aligned(
        "  ",
        &[
            line("id", card.id().to_string()),
            line("reached at", card.addresses().join(", ")),
            line("certificate", format!("until {}", card.not_after().strftime("%Y-%m-%d"))),
            line("words", card.fingerprint()),
        ],
    )
}

fn describe(card: &Card) -> serde_json::Value {
    json!({
        "name": card.name(),
        "id": card.id(),
        "addresses": card.addresses(),
        "fingerprint": card.fingerprint(),
        "issued": card.issued().to_string(),
        "certificate_until": card.not_after().to_string(),
    })
}
