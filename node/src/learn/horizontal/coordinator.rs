//! The coordinator's part: it asks every other partner, carries the messages, and trains with its own rows too.

use std::collections::{BTreeSet, VecDeque};

use jiff::Timestamp;
use tacit_protocol::{
    ids::{PartnerId, QueryId},
    learn::horizontal::{Breach, Coordinator, Message, Routed, Sum, Trainer},
    session::{Produced, Session, Step},
    wire::{Wire, codec::Bulk},
};

use super::{Business, Kept, Own, STATE};
use crate::{
    control::{Event, Reply},
    exchange::{Asking, ExchangeError, Hub, SeatSaid, Served, Star, witness},
    learn::{
        self, Part, Registry, TrainFault, fit,
        state::{self, RunFolder},
    },
    ledger::Reserved,
    policy::{Circumstances, Permitted, day, permit_training},
    query::{Parsed, QueryRequest},
    release,
    report::Report,
    rooms::{Rooms, blocking},
    run::{
        Events,
        ending::{self, About},
        steps::{self, Stages},
        till,
    },
};

/// Asks every other partner of a job and trains with them.
///
/// # Errors
/// A [`Report`] of whichever room said no. It has been recorded by then.
pub(crate) async fn coordinate(
    rooms: &Rooms,
    request: QueryRequest,
    events: Events,
) -> Result<Reply, Report> {
    let (mut reserved, mut hub) = (Vec::new(), None);
    let walked = tokio::select! {
        walked = walk(rooms, &request, &events, &mut reserved, &mut hub) => walked,
        () = events.closed() => Err(ExchangeError::Interrupted.into()),
    };
    if let Err(report) = &walked {
        for paid in &reserved {
            rooms.ledger.abort(paid, &report.code, Timestamp::now()).await?;
        }
        if reserved.is_empty() {
            let query = steps::fresh_query_id()?;
            let about = About::own(rooms, &request);
            ending::record_ending(rooms, query, None, about, &request.sql, report).await?;
        }
    }
    if let Some(hub) = hub {
        hub.farewell(walked.as_ref().err().map(|report| report.code.to_string())).await;
    }
    if walked.is_ok() {
        for paid in &reserved {
            witness::settle(rooms, paid.permitted().partner().id()).await;
        }
    }
    walked
}

async fn walk(
    rooms: &Rooms,
    request: &QueryRequest,
    events: &Events,
    reserved: &mut Vec<Reserved>,
    kept_hub: &mut Option<Hub>,
) -> Result<Reply, Report> {
    let mut stages = Stages::new(events);
    let parsed = steps::parse_own(rooms, request).await?;
    let mut permitted = permit_all(rooms, &parsed, request)?;
    // Invariant: a job has two other partners at least, or `permit_all` has refused it.
    let Some(first) = permitted.first().cloned() else { return Err(nobody()) };
    if first.needs_own_approval() {
        steps::approve(rooms, &first, request.wait, events).await?;
        permitted = permit_all(rooms, &parsed, request)?;
    }
    stages.begin("read own data");
    let own = Own::read(rooms, &first).await?;
    let content = till::pseudonym(rooms, &first, own.snapshot()).await;
    let job = state::same_job(&first.contract_id(), &first.question_for_partner(), Some(&content));
    if let Some(reply) = learn::again(rooms, &job)? {
        return Ok(reply);
    }
    for pair in &permitted {
        if till::under_way(rooms, pair, own.snapshot()).await {
            return Err(TrainFault::UnderWay.into());
        }
    }
    for pair in &permitted {
        witness::present(rooms, pair.partner().id()).await?;
    }
    // Either every ledger goes on with what it has paid, or every ledger is charged.
    let mut resumes = state::last_run(&rooms.home, &job)?
        // What was promised in it has to be there still.
        .filter(|run| RunFolder::of(&rooms.home, run).goes_on());
    for pair in &permitted {
        let goes_on = match resumes {
            Some(_) => till::goes_on(rooms, pair, request.wait, own.snapshot()).await?,
            None => false,
        };
        resumes = resumes.filter(|_| goes_on);
    }
    if resumes.is_none()
        && let Some(run) = unkept(rooms, &job)?
    {
        // All was summed, and those who have their model do not go on: ours was all that was still to be kept.
        let (own, business) = opened(rooms, &first, run, own).await?;
        let model = business.model(&first, Part::Coordinator, &own)?;
        let (registry, kept) = (Registry::at(rooms.home.models_dir()), model.clone());
        blocking(move || registry.keep(&kept, None)).await?;
        business.over().await;
        return Ok(learn::shown(&model, stages.end()));
    }
    let run = match resumes {
        Some(run) => run,
        None => steps::fresh_query_id()?,
    };
    // Before anything is spent on it: a run without its folder is not taken up again.
    RunFolder::of(&rooms.home, &run).make()?;
    state::begin_run(&rooms.home, &job, &run)?;
    let mut questions = Vec::new();
    for pair in permitted {
        let query = steps::fresh_query_id()?;
        let snapshot = Some(own.snapshot());
        let (paid, how, question) =
            till::ask_anew(rooms, pair, query, request.wait, snapshot, resumes.is_none()).await?;
        let partner = paid.permitted().partner().name.clone();
        reserved.push(paid);
        if how.resumes != resumes.is_some() {
            return Err(TrainFault::OutOfStep { partner }.into());
        }
        questions.push(question.of_run(run));
    }
    let permitted = reserved[0].permitted().clone();
    let (mut own, mut business) = opened(rooms, &permitted, run, own).await?;
    stages.begin("partners decide and read");
    let mut asked = Vec::new();
    for (paid, question) in reserved.iter().zip(&questions) {
        asked.push((paid.permitted().partner().id(), Asking::open(&rooms.link, paid, question).await?));
    }
    for (_, asking) in &mut asked {
        asking.granted(request.wait + steps::READING, |aside| steps::tell(events, aside)).await?;
    }
    if !own.is_fresh(rooms).await {
        // Somebody withdrew while the partners made up their minds: from that moment on they take no part.
        drop(business);
        let read = Own::read(rooms, &permitted).await?;
        (own, business) = opened(rooms, &permitted, run, read).await?;
    }
    for paid in reserved.iter() {
        rooms.ledger.spend(paid, Timestamp::now()).await?;
    }
    let hub = kept_hub.insert(Hub::of(asked));
    stages.begin("train");
    let running = train(rooms, &permitted, &mut business, hub, events);
    let limit = rooms.config.limits.max_session_time;
    let partner = "the trainers".to_owned();
    tokio::time::timeout(limit, running)
        .await
        .unwrap_or(Err(ExchangeError::TookTooLong { partner }.into()))?;
    let traffic = hub.traffic();
    stages.moved(traffic.sent + traffic.received);
    stages.begin("write model");
    let model = tokio::task::block_in_place(|| business.model(&permitted, Part::Coordinator, &own))?;
    let (registry, kept) = (Registry::at(rooms.home.models_dir()), model.clone());
    blocking(move || registry.keep(&kept, None)).await?;
    let transcript = business.kept.history.unwrap_or_default();
    let outcome = release::told_outcome(
        &Served { own_size: 0, partner_size: 0, transcript, traffic },
        Some(own.snapshot()),
    );
    for paid in reserved.iter() {
        rooms.ledger.record(paid, &outcome, Timestamp::now()).await.map(drop)?;
    }
    business.over().await;
    Ok(learn::shown(&model, stages.end()))
}

/// The last run of a job, if its last sum is kept here and what it came to is not: the node was killed in between.
fn unkept(rooms: &Rooms, job: &str) -> Result<Option<QueryId>, TrainFault> {
    let Some(run) = state::last_run(&rooms.home, job)? else { return Ok(None) };
    let kept: Option<Kept> = RunFolder::of(&rooms.home, &run).kept_value(STATE)?;
    Ok(kept.filter(|kept| kept.closed).map(|_| run))
}

/// Takes up our part of the run, with the rows that were read for it.
async fn opened(
    rooms: &Rooms,
    permitted: &Permitted,
    run: QueryId,
    own: Own,
) -> Result<(Own, Business), Report> {
    let (rooms, permitted) = (rooms.clone(), permitted.clone());
    let opening = blocking(move || {
        let business = Business::open(&rooms, &permitted, run, &own)?;
        Ok::<_, TrainFault>((own, business))
    });
    Ok(opening.await?)
}

/// The same job with each other partner of it.
fn permit_all(rooms: &Rooms, parsed: &Parsed, request: &QueryRequest) -> Result<Vec<Permitted>, Report> {
    let at = Circumstances {
        me: rooms.identity.id(),
        role: crate::policy::Role::Asker,
        contract: request.contract.as_deref(),
        purpose: request.purpose.as_deref(),
        peer_profile: None,
        today: day(Timestamp::now()),
    };
    let contracts = rooms.contracts.list();
    // The first says which contract, and so who the others are.
    let first = crate::policy::permit(parsed.clone(), &at, &contracts, rooms)?;
    let contract = first.contract().clone();
    let others = contract.partners().iter().filter(|partner| partner.id() != at.me);
    let trains = others.filter(|partner| parsed.table_of(&partner.name).is_some());
    trains
        .map(|partner| {
            permit_training(parsed.clone(), partner.id(), &at, &contracts, rooms).map_err(Report::from)
        })
        .collect()
}

fn nobody() -> Report {
    ExchangeError::OutOfPlace { partner: "nobody".to_owned(), expected: "partners to train with" }.into()
}

/// Seats, then round after round until all have the same weights.
async fn train(
    rooms: &Rooms,
    permitted: &Permitted,
    business: &mut Business,
    hub: &mut Hub,
    events: &Events,
) -> Result<(), Report> {
    let me = rooms.identity.id();
    let mut here = seats(rooms, permitted, business, hub).await?;
    let noisy = permitted.train().is_some_and(|plan| plan.price().is_some());
    while !business.is_closed() {
        let attempt = business.kept.attempts;
        let line = round(me, business, hub, &mut here, attempt).await?;
        if let Some(line) = line {
            let text = fit::told(&line, business.bench.plan().rounds());
            let _ = events.send(Event::Note { text });
        }
        let gone = business.roster()?.seats().len() - here.len() - 1;
        if gone > 0 && !noisy {
            return Err(TrainFault::Gone { partner: format!("{gone} of the trainers") }.into());
        }
    }
    Ok(())
}

/// Everybody takes its seat, hears who has the others, and catches up with a sum that it missed.
async fn seats(
    rooms: &Rooms,
    permitted: &Permitted,
    business: &mut Business,
    hub: &mut Hub,
) -> Result<BTreeSet<PartnerId>, Report> {
    let me = rooms.identity.id();
    let mut seats: Vec<(SeatSaid, u32)> = vec![(business.seat(rooms, permitted), business.due())];
    let expected = permitted.train().map_or(0, |plan| plan.sides().len());
    while seats.len() < expected {
        match hub.hear().await {
            Some((from, Ok(Star::Seat { seat, next, attempts }))) if seat.partner == from => {
                // An attempt that one of us has seen is not begun again.
                if next == business.due() {
                    business.kept.attempts = business.kept.attempts.max(attempts);
                }
                seats.push((seat, next));
            }
            Some((_, Err(error))) => return Err(error.into()),
            _ => return Err(business.protocol(Breach::Roster.into()).into()),
        }
    }
    seats.sort_unstable_by_key(|(seat, _)| seat.partner);
    seats.dedup_by_key(|(seat, _)| seat.partner);
    let said: Vec<SeatSaid> = seats.iter().map(|(seat, _)| seat.clone()).collect();
    business.take_roster(rooms, permitted, &said)?;
    business.keep()?;
    let mut here = BTreeSet::new();
    for (seat, next) in seats.iter().filter(|(seat, _)| seat.partner != me) {
        hub.say(seat.partner, &Star::Roster { seats: said.clone() }).await?;
        let behind =
            || TrainFault::OutOfStep { partner: rooms.partner_name(seat.partner).unwrap_or_default() };
        match business.due().checked_sub(*next) {
            Some(0) if !business.is_closed() => {}
            // Whether a trainer has the last sum too its seat does not say; one that has it has gone.
            Some(0 | 1) => {
                let (number, attempt, sum) = business.kept.last.clone().ok_or_else(behind)?;
                let said = hub.say(seat.partner, &Star::Late { number, attempt, sum: Bulk(sum) }).await;
                if !business.is_closed() {
                    said?;
                }
            }
            _ => return Err(behind().into()),
        }
        here.insert(seat.partner);
    }
    Ok(here)
}

/// One attempt at a round. Trainers that fall silent are left out where the noise of the others suffices.
async fn round(
    me: PartnerId,
    business: &mut Business,
    hub: &mut Hub,
    here: &mut BTreeSet<PartnerId>,
    attempt: u32,
) -> Result<Option<super::RoundLine>, Report> {
    let number = business.due();
    let partners: Vec<PartnerId> = business.roster()?.seats().iter().map(|seat| seat.partner).collect();
    let own_seat = partners.iter().position(|partner| *partner == me).unwrap_or_default();
    let (shape, round) = (business.shape(), business.round(attempt));
    let limits = Message::limits(&shape);
    let aborted = |business: &Business, abort| Report::from(business.protocol(abort));
    let mut coordinator =
        Coordinator::start(business.roster()?, round, &shape).map_err(|abort| aborted(business, abort))?;
    let mut own = Some(tokio::task::block_in_place(|| business.begin(me, attempt))?);
    // What goes to a seat, our own among them, and what has come from one.
    let mut inward: VecDeque<(usize, Option<Message>)> = VecDeque::new();
    for (seat, partner) in partners.iter().enumerate().filter(|(seat, _)| *seat != own_seat) {
        let told =
            here.contains(partner) && hub.say(*partner, &Star::Round { number, attempt }).await.is_ok();
        if !told {
            here.remove(partner);
            inward.push_back((seat, None));
        }
    }
    if let Some(trainer) = own.take() {
        let (trainer, said) = produced(business, trainer)?;
        own = Some(trainer);
        inward.extend(said.into_iter().map(|message| (own_seat, Some(message))));
    }
    loop {
        let (from, word) = match inward.pop_front() {
            Some(word) => word,
            None => hear(hub, &partners, here, &limits).await?,
        };
        let routed = match word {
            Some(message) => coordinator.handle(from, message),
            None => coordinator.gone(from),
        };
        let (next, send, done) = match routed.map_err(|abort| aborted(business, abort))? {
            Routed::Wait { coordinator, send } => (Some(coordinator), send, None),
            Routed::Done { sum, send } => (None, send, Some(sum)),
        };
        // The sum is kept before anybody hears it: nobody is ever ahead of the coordinator.
        let mut line = None;
        if let Some(sum) = &done {
            line = finished(business, sum, attempt, &send)?;
        }
        for (to, message) in send {
            if to == own_seat {
                if done.is_none()
                    && let Some(trainer) = own.take()
                {
                    let (trainer, said) = handled(business, trainer, message)?;
                    own = trainer;
                    inward.extend(said.into_iter().map(|message| (own_seat, Some(message))));
                }
            } else if hub.say(partners[to], &Star::said(&message)).await.is_err() {
                here.remove(&partners[to]);
                inward.push_back((to, None));
            }
        }
        match next {
            Some(next) => coordinator = next,
            None => return Ok(line),
        }
    }
}

fn finished(
    business: &mut Business,
    sum: &Sum,
    attempt: u32,
    send: &[(usize, Message)],
) -> Result<Option<super::RoundLine>, Report> {
    // Everybody gets the same message.
    let message = send.first().map(|(_, message)| message.encode()).unwrap_or_default();
    Ok(tokio::task::block_in_place(|| business.take(sum, attempt, &Bulk(message)))?)
}

fn produced(business: &mut Business, trainer: Trainer) -> Result<(Trainer, Vec<Message>), Report> {
    match trainer.produce().map_err(|abort| business.protocol(abort))? {
        Produced::Message { state, message } => {
            business.promise(&state)?;
            Ok((state, vec![message]))
        }
        Produced::Idle(state) => Ok((state, Vec::new())),
    }
}

fn handled(
    business: &mut Business,
    trainer: Trainer,
    message: Message,
) -> Result<(Option<Trainer>, Vec<Message>), Report> {
    match trainer.handle(message).map_err(|abort| business.protocol(abort))? {
        Step::Wait { state, send } => {
            business.promise(&state)?;
            Ok((Some(state), send))
        }
        Step::Done { send, .. } => Ok((None, send)),
    }
}

/// The next message of a trainer that is here, or that it is gone.
async fn hear(
    hub: &mut Hub,
    partners: &[PartnerId],
    here: &mut BTreeSet<PartnerId>,
    limits: &tacit_protocol::wire::Limits,
) -> Result<(usize, Option<Message>), Report> {
    loop {
        let Some((from, word)) = hub.hear().await else { return Err(nobody()) };
        let Some(seat) = partners.iter().position(|partner| *partner == from) else { continue };
        let message = match word {
            Ok(Star::Said(bytes)) => Message::decode(&bytes.0, limits).ok(),
            // B10: whoever speaks out of turn, or not at all, is left out like one that is gone.
            _ => None,
        };
        if message.is_none() && !here.remove(&from) {
            continue;
        }
        return Ok((seat, message));
    }
}
