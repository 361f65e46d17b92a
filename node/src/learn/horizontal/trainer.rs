//! A trainer's part: it is asked by the coordinator, and pays for what it learns of every other trainer's customers.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::{PartnerId, QueryId},
    learn::horizontal::{Breach, Message, Sum, Trainer},
    log::book::Past,
    session::{Produced, Session, Step},
    wire::{Wire, codec::Bulk},
};

use super::{Business, Own};
use crate::{
    exchange::{Answering, Aside, ExchangeError, Served, Spoke, Star},
    learn::{Part, Registry, TrainFault, fit},
    ledger::Reserved,
    policy::{self, Circumstances, Permitted, day, permit_training, role_between},
    release,
    report::Report,
    rooms::{Rooms, blocking},
    run::till,
};

/// Takes part in a training that a partner coordinates.
pub(crate) async fn tell(
    rooms: &Rooms,
    reserved: &Reserved,
    run: QueryId,
    answering: &mut Answering,
) -> Result<(), Report> {
    let mut others = Vec::new();
    let walked = walk(rooms, reserved, run, answering, &mut others).await;
    if let Err(report) = &walked {
        for pair in &others {
            rooms.ledger.abort(pair, &report.code, Timestamp::now()).await?;
        }
    }
    walked
}

async fn walk(
    rooms: &Rooms,
    reserved: &Reserved,
    run: QueryId,
    answering: &mut Answering,
    others: &mut Vec<Reserved>,
) -> Result<(), Report> {
    let permitted = reserved.permitted();
    // A job that no plan can be made of ends before anything is spent on it.
    permitted.train().map(fit::plan).transpose()?;
    reserve_others(rooms, permitted, run, others).await?;
    answering.say(Aside::Preparing).await?;
    // From here on the time we take, and whether we fail, depends on data.
    for paid in std::iter::once(reserved).chain(others.iter()) {
        rooms.ledger.spend(paid, Timestamp::now()).await?;
    }
    let own = tokio::select! {
        own = Own::read(rooms, permitted) => own?,
        left = answering.asker_left() => return Err(left.into()),
    };
    let (rooms_, permitted_, snapshot) = (rooms.clone(), permitted.clone(), own.snapshot());
    let (own, mut business) = blocking(move || {
        let business = Business::open(&rooms_, &permitted_, run, &own)?;
        Ok::<_, TrainFault>((own, business))
    })
    .await?;
    answering.say(Aside::Ready).await?;
    let mut spoke = answering.spoke(reserved);
    let running = train(rooms, permitted, &mut business, &mut spoke);
    let limit = rooms.config.limits.max_session_time;
    let partner = permitted.partner().name.clone();
    tokio::time::timeout(limit, running)
        .await
        .unwrap_or(Err(ExchangeError::TookTooLong { partner }.into()))?;
    let model = tokio::task::block_in_place(|| business.model(permitted, Part::Trainer, &own))?;
    let registry = Registry::at(rooms.home.models_dir());
    blocking(move || registry.keep(&model, None)).await?;
    let seen = Served {
        own_size: 0,
        partner_size: 0,
        transcript: business.kept.history.unwrap_or_default(),
        traffic: spoke.traffic(),
    };
    let outcome = release::told_outcome(&seen, Some(snapshot));
    for paid in others.iter().chain([reserved]) {
        rooms.ledger.record(paid, &outcome, Timestamp::now()).await.map(drop)?;
    }
    business.over().await;
    tracing::info!(%run, "a model was trained with partners");
    Ok(())
}

/// What this node and the trainers that do not ask it learn of each other's customers is charged as well. What an
/// earlier attempt at the run has paid is paid.
async fn reserve_others(
    rooms: &Rooms,
    permitted: &Permitted,
    run: QueryId,
    others: &mut Vec<Reserved>,
) -> Result<(), Report> {
    let (contract, me) = (permitted.contract(), rooms.identity.id());
    let Some(plan) = permitted.train() else { return Ok(()) };
    for other in contract.partners() {
        let known = [me, permitted.partner().id()].contains(&other.id());
        if known || plan.side(&other.name).is_none() {
            continue;
        }
        let Some(query) =
            due(|query| rooms.ledger.past(query), |reserve| is_spent(rooms, reserve), (run, me, other.id()))
        else {
            continue;
        };
        let id = permitted.contract_id().to_string();
        let at = Circumstances {
            me,
            role: role_between(me, other.id()),
            contract: Some(&id),
            purpose: None,
            peer_profile: None,
            today: day(Timestamp::now()),
        };
        let pair =
            permit_training(permitted.parsed().clone(), other.id(), &at, &rooms.contracts.list(), rooms)
                .map_err(Report::from)?;
        let (cost, told) = (till::cost(rooms, &pair), till::told(rooms, &pair).await);
        others.push(rooms.ledger.reserve(pair, query, cost, told, Timestamp::now()).await?);
    }
    Ok(())
}

/// Whether what was set aside by this record was spent, though nothing came of it.
fn is_spent(rooms: &Rooms, reserve: u64) -> bool {
    rooms.ledger.book(|book| book.is_unfinished(reserve))
}

/// Under which question two trainers pay for what they learn of each other in this run; `None` if they have paid. The
/// attack: a coordinator that breaks off while the price is set aside, and has it back, must not find it paid for when
/// it comes again. A question that ended without a price leaves its number, and the next one pays.
fn due(
    past: impl Fn(&QueryId) -> Option<Past>,
    is_spent: impl Fn(u64) -> bool,
    (run, one, other): (QueryId, PartnerId, PartnerId),
) -> Option<QueryId> {
    for number in 0_u32.. {
        let query = between(run, (one, other), number);
        match past(&query) {
            None => return Some(query),
            Some(Past::Aborted { reserve, .. }) if !is_spent(reserve) => {}
            Some(Past::Refused { .. }) => {}
            Some(_) => return None,
        }
    }
    None
}

/// The id under which both ledgers have what two trainers learn of each other, when it is set aside for this time.
fn between(run: QueryId, (one, other): (PartnerId, PartnerId), number: u32) -> QueryId {
    let (first, second) = if one < other { (one, other) } else { (other, one) };
    let hash = Sha256::new_with_prefix(b"tacit two trainers 1\n").chain_update(run.as_bytes());
    let hash = hash.chain_update(first.as_bytes()).chain_update(second.as_bytes());
    QueryId::new(hash.chain_update(number.to_le_bytes()).finalize().into())
}

async fn train(
    rooms: &Rooms,
    permitted: &policy::Permitted,
    business: &mut Business,
    spoke: &mut Spoke<'_>,
) -> Result<(), Report> {
    let me = rooms.identity.id();
    let out_of_turn = |business: &Business, star: &Star, expected| {
        let got = star.kind();
        Report::from(business.protocol(tacit_protocol::session::Abort::OutOfTurn { expected, got }))
    };
    let seat = business.seat(rooms, permitted);
    spoke.say(&Star::Seat { seat, next: business.due(), attempts: business.kept.attempts }).await?;
    match spoke.hear().await? {
        Star::Roster { seats } => business.take_roster(rooms, permitted, &seats)?,
        other => return Err(out_of_turn(business, &other, "Roster")),
    }
    business.keep()?;
    while !business.is_closed() {
        match spoke.hear().await? {
            Star::Late { number, attempt, sum } => {
                if number != business.due() {
                    return Err(TrainFault::OutOfStep { partner: permitted.partner().name.clone() }.into());
                }
                let (round, shape) = (business.round(attempt), business.shape());
                let message = read(business, &sum)?;
                let late = Sum::late(business.roster()?, &round, &shape, &business.promises, &message)
                    .map_err(|abort| business.protocol(abort))?;
                step(business, &late, attempt, &sum)?;
            }
            Star::Round { number, attempt } => {
                if number != business.due() {
                    return Err(TrainFault::OutOfStep { partner: permitted.partner().name.clone() }.into());
                }
                let trainer = tokio::task::block_in_place(|| business.begin(me, attempt))?;
                round(business, trainer, attempt, spoke).await?;
            }
            other => return Err(out_of_turn(business, &other, "Round")),
        }
    }
    Ok(())
}

/// One attempt at a round. Promises are durable before what came with them leaves.
async fn round(
    business: &mut Business,
    mut trainer: Trainer,
    attempt: u32,
    spoke: &mut Spoke<'_>,
) -> Result<(), Report> {
    loop {
        match trainer.produce().map_err(|abort| business.protocol(abort))? {
            Produced::Message { state, message } => {
                trainer = state;
                business.promise(&trainer)?;
                spoke.say(&Star::said(&message)).await?;
            }
            Produced::Idle(state) => {
                let Star::Said(bytes) = spoke.hear().await? else {
                    return Err(business.protocol(Breach::MessageShape.into()).into());
                };
                let message = read(business, &bytes)?;
                match state.handle(message).map_err(|abort| business.protocol(abort))? {
                    Step::Wait { state, send } => {
                        trainer = state;
                        business.promise(&trainer)?;
                        for message in &send {
                            spoke.say(&Star::said(message)).await?;
                        }
                    }
                    Step::Done { output, .. } => {
                        step(business, &output, attempt, &bytes)?;
                        return Ok(());
                    }
                }
            }
        }
    }
}

fn read(business: &Business, bytes: &Bulk) -> Result<Message, ExchangeError> {
    let limits = Message::limits(&business.shape());
    Message::decode(&bytes.0, &limits).map_err(|error| business.protocol(error.into()))
}

fn step(business: &mut Business, sum: &Sum, attempt: u32, message: &Bulk) -> Result<(), Report> {
    if let Some(line) = business.take(sum, attempt, message)? {
        tracing::info!("{}", fit::told(&line, business.bench.plan().rounds()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b10_two_trainers_pay_once_in_a_run_and_not_never() {
        let ids = (QueryId::new([1; 32]), PartnerId::new([2; 32]), PartnerId::new([3; 32]));
        let first = between(ids.0, (ids.2, ids.1), 0);
        let aborted = |reserve| Past::Aborted { reserve, abort: 9, code: "E-PEER-GONE".into() };
        let after = |past: Option<Past>, spent: bool| {
            due(|query| past.clone().filter(|_| *query == first), |_| spent, ids)
        };
        assert_eq!(after(None, false), Some(first));
        let second = between(ids.0, (ids.1, ids.2), 1);
        assert_eq!(after(Some(aborted(4)), false), Some(second), "the price went back, so it is due");
        let refused = Past::Refused { refusal: 4, code: "E-BUDGET".into() };
        assert_eq!(after(Some(refused), false), Some(second));
        for paid in [aborted(4), Past::Answered { reserve: 4, answer: 5 }, Past::Open { reserve: 4 }] {
            assert_eq!(after(Some(paid), true), None);
        }
    }
}
