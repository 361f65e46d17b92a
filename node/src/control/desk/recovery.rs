//! Going on after a log was lost, rolled back or changed.
//!
//! The attack it stops: losing the log to win the budget back. What the lost span may have spent counts as spent, to
//! the limit of every contract; and the partners, who hold heads of the log that is gone, go on only when a person
//! there says so.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::log::{
    Account, Amount, Kind,
    book::{Lost, Recovery},
};

use crate::{
    control::Reply, exchange::witness::WitnessError, policy::lifetime, report::Report, rooms::Rooms,
};

/// Gives up what is missing of our own log.
pub async fn recover(rooms: &Rooms) -> Result<Reply, Report> {
    let lost = all_that_was_granted(rooms);
    let (accounts, witnessed) = (lost.len(), 0);
    let partners: Vec<String> = rooms.partners.list().iter().map(|p| p.card().name().to_owned()).collect();
    let body = json!(Recovery { witnessed, lost });
    rooms.ledger.note(Kind::Recovery, None, None, "recovered", body, Timestamp::now()).await?;
    for partner in rooms.partners.list() {
        rooms.heads.forget_cosigned(partner.card().id()).map_err(WitnessError::Unkept)?;
    }
    if let Some(witness) = &rooms.config.witness {
        rooms.heads.forget_cosigned(witness.id()).map_err(crate::exchange::witness::WitnessError::Unkept)?;
    }
    let me = rooms.identity.name();
    let notes = vec![
        format!(
            "{accounts} accounts count as spent to their limits; a new contract with new limits grants anew"
        ),
        format!(
            "each partner that has seen the lost log says `tacit partner recovered {me}` before it goes on: {}",
            partners.join(", ")
        ),
    ];
    Ok(Reply { notes, ..Reply::default() })
}

/// A partner has lost a part of its log and says so: we let it begin anew. The last head that we saw stays as evidence.
pub async fn forgive(rooms: &Rooms, partner: &str) -> Result<Reply, Report> {
    let partner = rooms.partners.find(partner)?;
    let name = partner.card().name().to_owned();
    let known = rooms.heads.forget(partner.card().id()).map_err(WitnessError::Unkept)?;
    let body = json!({ "id": partner.card().id(), "had_seen_a_head": known });
    rooms
        .ledger
        .note(Kind::Partner, None, Some(name.clone()), "log begins anew", body, Timestamp::now())
        .await?;
    let note = format!("{name}'s log may begin anew; the head that it had before is kept in ledger/witness");
    Ok(Reply { notes: vec![note], ..Reply::default() })
}

/// Every account that a contract here lets somebody draw on, with the most that any contract grants it.
fn all_that_was_granted(rooms: &Rooms) -> Vec<Lost> {
    let me = rooms.identity.id();
    let mut granted: BTreeMap<Account, Amount> = BTreeMap::new();
    for document in rooms.contracts.list() {
        let contract = document.contract();
        let limit = lifetime(&contract.terms().privacy);
        let id = |name: &str| contract.partners().iter().find(|partner| partner.name == name).map(|p| p.id());
        for dataset in &contract.terms().datasets {
            let Some(owner) = id(&dataset.owner) else { continue };
            for asker in contract.partners().iter().map(|partner| partner.id()) {
                if asker == owner || (asker != me && owner != me) {
                    continue;
                }
                let population = dataset.population().to_owned();
                let account = Account { owner, population, unit: "customer".to_owned(), asker };
                let most = granted.entry(account).or_default();
                most.nano_rho = most.nano_rho.max(limit.nano_rho);
                most.atto_delta = most.atto_delta.max(limit.atto_delta);
            }
        }
    }
    granted.into_iter().map(|(account, amount)| Lost { account, amount }).collect()
}
