//! Calls between partners: contracts on their way, and heads of logs to be cosigned (see `witness`).
//!
//! A signed document is offered to every partner in it until that partner has it in the same state. The
//! document proves itself (signatures over its id), so carrying it by file is just as good.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tacit_protocol::ids::PartnerId;

use super::{Earlier, Question, question::is_code};
use crate::{link::IncomingCall, policy::day, report::Report, rooms::Rooms};

/// What is called over the link, besides questions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Call {
    /// The newest head of the caller's log, to be cosigned.
    Head {
        /// The body of an `add-checkpoint`.
        request: String,
    },
    /// Was this question paid for before?
    Quote {
        /// The question as it would be asked.
        question: Box<Question>,
    },
    /// A contract's document, as far as it is signed.
    Contract {
        /// JSON, as `tacit contract export` writes it.
        document: String,
    },
}

/// What is said to a call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Said {
    /// The head is kept.
    Cosigned {
        /// The line for the note.
        line: String,
    },
    /// What an earlier question has left for this one.
    Quote {
        /// Nothing, if there was none.
        earlier: Earlier,
    },
    /// The head does not begin with the one that was seen.
    Seen {
        /// That one, as its log signed it.
        note: String,
    },
    /// Taken; here is how the document stands on this side.
    Contract {
        /// JSON.
        document: String,
    },
    /// Not taken.
    Refused {
        /// Stable code.
        code: String,
    },
}

/// Offers one contract to one partner and takes in how it stands there.
///
/// # Errors
/// The link's, if the partner cannot be reached; a refusal by the partner's node.
pub async fn offer(rooms: &Rooms, partner: PartnerId, contract: &str) -> Result<(), Report> {
    let document = export(rooms, contract)?;
    let name = rooms.partner_name(partner).unwrap_or_default();
    match say(rooms, partner, &Call::Contract { document }).await? {
        Some(Said::Contract { document }) => {
            rooms.take_contract(&document, Some(partner)).await?;
            rooms.delivered(partner, contract, fingerprint(&document));
            Ok(())
        }
        Some(Said::Refused { code }) => Err(super::ExchangeError::refused(name, code).into()),
        _ => Err(super::ExchangeError::OutOfPlace { partner: name, expected: "a contract" }.into()),
    }
}

/// Calls a partner; `None` if what it says is not of this grammar, or a code that is none.
pub(super) async fn say(rooms: &Rooms, partner: PartnerId, call: &Call) -> Result<Option<Said>, Report> {
    // Invariant: an enum of strings always has a JSON form.
    let body = serde_json::to_vec(call).unwrap_or_default();
    let answer = rooms.link.call(partner, body).await?;
    let said: Option<Said> = serde_json::from_slice(&answer).ok();
    Ok(said.filter(|said| !matches!(said, Said::Refused { code } if !is_code(code))))
}

/// Offers whatever a partner has not got yet, as it stands here. Partners out of reach are left for later.
pub async fn offer_all(rooms: &Rooms) {
    let mut due: BTreeMap<PartnerId, Vec<String>> = BTreeMap::new();
    for (partner, contract) in rooms.papers_due(fingerprint) {
        due.entry(partner).or_default().push(contract);
    }
    // Side by side: one partner that does not answer holds no other up.
    join_all(due.into_iter().map(async |(partner, contracts)| {
        for contract in contracts {
            if let Err(report) = offer(rooms, partner, &contract).await {
                tracing::debug!(code = %report.code, "a contract waits for its partner");
                return;
            }
        }
    }))
    .await;
}

/// Asks a partner what an earlier question has left for one that is the same; nothing if it does not say.
pub async fn quote(rooms: &Rooms, partner: PartnerId, question: Question) -> Earlier {
    quote_of_reachable(rooms, partner, question).await.unwrap_or_default()
}

/// As [`quote`]; a partner that is out of reach has said nothing, and not that it has nothing.
///
/// # Errors
/// The link's.
pub async fn quote_of_reachable(
    rooms: &Rooms,
    partner: PartnerId,
    question: Question,
) -> Result<Earlier, Report> {
    match say(rooms, partner, &Call::Quote { question: Box::new(question) }).await? {
        Some(Said::Quote { earlier }) => Ok(earlier),
        _ => Ok(Earlier::default()),
    }
}

/// Answers a partner's call. `quoted` is the till's word on what an earlier question has left.
pub async fn receive(
    rooms: &Rooms,
    call: IncomingCall,
    quoted: impl AsyncFnOnce(&Rooms, PartnerId, &Question) -> Earlier,
) {
    let from = call.partner;
    let said = match serde_json::from_slice(&call.body) {
        Ok(Call::Quote { question }) => Said::Quote { earlier: quoted(rooms, from, &question).await },
        Ok(Call::Head { request }) => super::witness::consider(rooms, from, &request).await,
        Ok(Call::Contract { document }) => match rooms.take_contract(&document, Some(from)).await {
            Ok(id) => match export(rooms, &id.to_string()) {
                Ok(document) => {
                    rooms.delivered(from, &id.to_string(), fingerprint(&document));
                    Said::Contract { document }
                }
                Err(report) => Said::Refused { code: report.code.into_owned() },
            },
            Err(report) => Said::Refused { code: report.code.into_owned() },
        },
        Err(_) => Said::Refused { code: "E-PEER-OUT-OF-PLACE".to_owned() },
    };
    // Invariant: an enum of strings always has a JSON form.
    // A caller that is gone asks again.
    let _ = call.answer(serde_json::to_vec(&said).unwrap_or_default());
}

fn export(rooms: &Rooms, contract: &str) -> Result<String, Report> {
    Ok(rooms.contracts.find(contract, day(Timestamp::now()))?.to_json())
}

fn fingerprint(document: &str) -> [u8; 32] {
    Sha256::digest(document.as_bytes()).into()
}
