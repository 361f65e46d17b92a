//! The two walks' middle part for a training of two partners with different columns about the same customers.
//!
//! Both find out which of their own customers the other has too (the contract says that they may), bring these into one
//! order, divide it by a public hash into customers that are learned from and customers that are held back, and fit the
//! model in shares that neither can read. After every round this node's share is durable before the next word leaves; a
//! run that was cut goes on from there with the same randomness, so it comes to the same model, and nothing is learned
//! or paid for twice.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use tacit_protocol::{
    ids::{QueryId, SessionId, SnapshotHash},
    learn::{
        align::{self, Aligned, Confirmer, Proposer},
        encode::kept,
        vertical::{
            Agreed, Basis, Held as Brought, Input, Keep, Linkage, NotKept, Opens, Params, Party, Scored,
            Scorer, State, Trained, Trainer,
        },
    },
    secret::Secret,
    session::{Abort, Session},
    wire::Limits,
};

use super::{
    Events,
    steps::{self, Stages},
};
use crate::{
    control::{Event, Reply},
    exchange::{Answering, Aside, Asking, ExchangeError, Served, Watch},
    learn::{
        self, Ended, Exact, Held, Metric, Model, Own, Part, Registry, Rows, Scores, TrainFault, is_held_out,
        state::{RoundLine, RunFolder, secret},
    },
    ledger::Reserved,
    policy::{Permitted, TrainPlan, Weights},
    query::ModelKind,
    release,
    report::Report,
    rooms::{Rooms, blocking},
};

/// The states of the last two rounds, and how it went.
const STATES: [&str; 2] = ["state-even", "state-odd"];
const STORY: &str = "story";

/// Trains with the partner that was asked.
pub(super) async fn take(
    rooms: &Rooms,
    reserved: &Reserved,
    (run, own): (QueryId, Own),
    asking: &mut Asking,
    wait: Duration,
    (mut stages, events): (Stages<'_>, &Events),
) -> Result<Reply, Report> {
    stages.begin("partner decides and reads");
    steps::granted(rooms, reserved, asking, wait, events).await?;
    let own = own.fresh(rooms, reserved.permitted()).await?;
    let ended = train(rooms, reserved, run, own, End::Asking(asking), &mut stages, events).await?;
    stages.begin("write model");
    let model = keep(rooms, reserved, ended).await?;
    Ok(learn::shown(&model, stages.end()))
}

/// Trains with the partner that asks.
pub(super) async fn tell(
    rooms: &Rooms,
    reserved: &Reserved,
    run: QueryId,
    answering: &mut Answering,
) -> Result<(), Report> {
    answering.say(Aside::Preparing).await?;
    // From here on the time we take, and whether we fail, depends on data.
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    let own = tokio::select! {
        own = Own::read(rooms, reserved.permitted()) => own?,
        left = answering.asker_left() => return Err(left.into()),
    };
    let events = steps::unheard();
    let mut stages = Stages::new(&events);
    let ended = train(rooms, reserved, run, own, End::Answering(answering), &mut stages, &events).await?;
    keep(rooms, reserved, ended).await?;
    tracing::info!(%run, "a model was trained with a partner");
    Ok(())
}

/// One end of the channel.
enum End<'a> {
    Asking(&'a mut Asking),
    Answering(&'a mut Answering),
}

impl End<'_> {
    async fn part<S>(
        &mut self,
        reserved: &Reserved,
        name: &'static str,
        start: impl FnOnce(SessionId) -> Result<(S, Limits), Abort> + Send + 'static,
        watch: Watch,
    ) -> Result<S::Output, ExchangeError>
    where
        S: Session + 'static,
        S::Message: 'static,
    {
        match self {
            Self::Asking(asking) => asking.part(reserved, name, start, watch).await,
            Self::Answering(answering) => answering.part(reserved, name, start, watch).await,
        }
    }

    /// Which of our items the partner has too; the asker alone learns it here, and says so in the next part.
    async fn common(
        &mut self,
        rooms: &Rooms,
        reserved: &Reserved,
        items: Vec<[u8; 32]>,
        watch: Watch,
    ) -> Result<(HashSet<[u8; 32]>, Served), ExchangeError> {
        let rules = rooms.rules();
        match self {
            Self::Asking(asking) => {
                let joint = asking.run(reserved, items.clone(), &rules, watch).await?;
                let matched = items.into_iter().zip(joint.matches).filter(|(_, matched)| *matched);
                Ok((matched.map(|(item, _)| item).collect(), joint.seen))
            }
            Self::Answering(answering) => {
                let seen = answering.run(reserved, items, &rules, watch).await?;
                Ok((HashSet::new(), seen))
            }
        }
    }

    async fn align(
        &mut self,
        reserved: &Reserved,
        own: &Own,
        common: HashSet<[u8; 32]>,
        watch: Watch,
    ) -> Result<Aligned, ExchangeError> {
        let keys = own.keys().clone();
        match self {
            Self::Asking(_) => {
                let start =
                    move |id: SessionId| Ok((Proposer::start(id.as_bytes(), &keys, &common), align::LIMITS));
                self.part(reserved, "align", start, watch).await
            }
            Self::Answering(_) => {
                let start = move |id: SessionId| Ok((Confirmer::start(id.as_bytes(), &keys), align::LIMITS));
                self.part(reserved, "align", start, watch).await
            }
        }
    }

    fn traffic(&self) -> crate::link::Traffic {
        match self {
            Self::Asking(asking) => asking.traffic(),
            Self::Answering(answering) => answering.traffic(),
        }
    }
}

/// What a training came to at this end.
struct Fitted {
    run: QueryId,
    party: Party,
    trained: Trained,
    snapshot: SnapshotHash,
    rows: Rows,
    seen: Served,
    metrics: Vec<Metric>,
    /// Of our rows, where they are ours to see: what the weights make of each.
    scores: Option<Vec<(u64, f64)>>,
    story: Story,
}

/// How a run went, over its cuts.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    begun: bool,
    resumed: u32,
}

async fn train(
    rooms: &Rooms,
    reserved: &Reserved,
    run: QueryId,
    own: Own,
    mut end: End<'_>,
    stages: &mut Stages<'_>,
    events: &Events,
) -> Result<Fitted, Report> {
    let permitted = reserved.permitted();
    // Invariant: the hallway comes here with jobs alone, and those have a plan.
    let plan = permitted.train().ok_or(TrainFault::StateDamaged)?.clone();
    let party = party(&plan, permitted.me());
    stages.begin("find common customers");
    let items: Vec<[u8; 32]> = own.keys().iter().flatten().flatten().copied().collect();
    let watch = |name| steps::watch(events, name, "steps");
    let running = end.common(rooms, reserved, items, watch("find common customers"));
    let (common, mut seen) = steps::in_time(rooms, reserved, running).await?;
    let aligning = end.align(reserved, &own, common, watch("find common customers"));
    let aligned = steps::in_time(rooms, reserved, aligning).await?;
    stages.moved(end.traffic().sent + end.traffic().received);
    let before = end.traffic().sent + end.traffic().received;
    let job = permitted.parsed().hash();
    let split = divide(permitted, &plan, &own, &aligned, &job)?;
    let folder = RunFolder::of(&rooms.home, &run);
    let _held = folder.hold()?;
    let mut story: Story = folder.kept_value(STORY)?.unwrap_or_default();
    story.resumed += u32::from(story.begun);
    story.begun = true;
    folder.keep_value(STORY, &story)?;
    let binding = bound(&job, &run, &aligned.customers);
    let terms = Terms { plan: plan.clone(), contract: permitted.contract_id(), job: binding };
    let states = states(&folder)?;
    let secret = secret(&rooms.identity.padding_key(), "vertical", &run, &own.snapshot());
    let rows = split.learn.rows as u32;
    let alone = without_partner(&plan, &split).await;
    stages.begin("train");
    let (input, seed) = (split.learn, fresh_seed()?);
    let (of, told, keeping) = (plan.job().rounds, events.clone(), folder.clone());
    let learning = terms.clone();
    let start = move |session: SessionId| {
        let params = learning.params(session, rows)?;
        let limits = params.limits();
        let mut last = None;
        let kept: Keep = Box::new(move |state: &State| {
            let name = STATES[usize::from(state.round() % 2)];
            keeping.keep(name, &state.to_bytes()).map_err(|_| NotKept)?;
            // LEARNV-35: the last round's state is kept again when it has been shown; that is no round of its own.
            if last.replace(state.round()) != Some(state.round()) {
                let line = RoundLine { round: state.round().into(), ..RoundLine::default() };
                let _ = told.send(Event::Note { text: learn::round_line(&line, of) });
            }
            Ok(())
        });
        let input = Input { columns: input.columns, target: input.target };
        Ok((Trainer::start(params, party, &input, states, &secret, seed, kept)?, limits))
    };
    let running = end.part(reserved, "train", start, watch("train"));
    let trained: Trained = steps::in_time(rooms, reserved, running).await?;
    stages.moved(end.traffic().sent + end.traffic().received - before);
    let judged = (split.all, split.held_out.as_slice(), alone);
    let (metrics, scores) =
        evaluate(rooms, reserved, &terms, party, &trained, judged, &mut end, stages, events).await?;
    seen.transcript = trained.conversation;
    seen.traffic = end.traffic();
    Ok(Fitted {
        run,
        party,
        snapshot: own.snapshot(),
        rows: Rows {
            trained: Some(rows.into()),
            held_out: Some(split.held_out.iter().filter(|held| **held).count() as u64),
            own: own.len() as u64,
        },
        trained,
        seen,
        metrics,
        scores: scores.map(|scores| split.rows.into_iter().zip(scores).collect()),
        story,
    })
}

/// What both ends tell the protocol.
#[derive(Clone)]
struct Terms {
    plan: TrainPlan,
    contract: tacit_protocol::ids::ContractId,
    job: [u8; 32],
}

impl Terms {
    fn params(&self, session: SessionId, rows: u32) -> Result<Params, Abort> {
        let job = self.plan.job();
        let width = |of: Party| {
            let side = self.plan.sides().iter().find(|side| (of == Party::Label) == side.target.is_some());
            side.map_or(0, |side| side.width() as u32)
        };
        Params::new(Agreed {
            session,
            contract: self.contract,
            job: self.job,
            linkage: if job.kind == ModelKind::Logistic { Linkage::Logistic } else { Linkage::Linear },
            rows,
            label_columns: width(Party::Label),
            feature_columns: width(Party::Features),
            rounds: u16::try_from(job.rounds).unwrap_or(u16::MAX),
            l2_micro: job.l2.micro().unwrap_or(0),
            opens: match &self.plan.terms().weights {
                Weights::Both => Opens::Both,
                Weights::Shared => Opens::Nobody,
                Weights::To(partner) => Opens::To(party(&self.plan, partner)),
            },
            noise: None,
        })
    }
}

/// Who has the target is the label end.
fn party(plan: &TrainPlan, name: &str) -> Party {
    match plan.side(name).is_some_and(|side| side.target.is_some()) {
        true => Party::Label,
        false => Party::Features,
    }
}

/// The job, its run and who takes part, in one hash: a state of other customers fits nothing.
fn bound(job: &[u8; 32], run: &QueryId, customers: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("tacit job of a run 1");
    hasher.update(job).update(run.as_bytes()).update(customers);
    *hasher.finalize().as_bytes()
}

/// What a training is given, and all common customers, some of whom are held back.
struct Split {
    learn: Half,
    all: Half,
    /// Of all, in their order.
    held_out: Vec<bool>,
    /// Their rows of our table.
    rows: Vec<u64>,
}

struct Half {
    rows: usize,
    columns: Vec<Vec<f64>>,
    target: Option<Vec<f64>>,
}

/// Divides the common customers by a hash of their place in the order, which both ends know.
fn divide(
    permitted: &Permitted,
    plan: &TrainPlan,
    own: &Own,
    aligned: &Aligned,
    job: &[u8; 32],
) -> Result<Split, Report> {
    let share = plan.job().evaluate.holdout_micro;
    let all: Vec<usize> = aligned.rows.iter().map(|row| *row as usize).collect();
    let held_out: Vec<bool> =
        (0_u32..).take(all.len()).map(|place| is_held_out(job, &place.to_le_bytes(), share)).collect();
    let learn: Vec<usize> = kept(&all, &held_out.iter().map(|held| !held).collect::<Vec<bool>>());
    let least = u64::from(permitted.terms().privacy.min_group);
    if (learn.len() as u64) < least {
        return Err(TrainFault::TooFew { found: learn.len() as u64, least }.into());
    }
    let (design, target) = (own.design(false)?, own.target()?);
    let part = |rows: &[usize]| Half {
        rows: rows.len(),
        columns: design
            .columns()
            .iter()
            .map(|column| rows.iter().map(|row| f64::from(column[*row])).collect())
            .collect(),
        // A customer without a target was left out when the table was read.
        target: target
            .as_ref()
            .map(|target| rows.iter().map(|row| target[*row].map_or(0.0, f64::from)).collect()),
    };
    let rows = all.iter().map(|row| own.rows()[*row]).collect();
    Ok(Split { learn: part(&learn), all: part(&all), held_out, rows })
}

/// What was kept of an earlier attempt: the last two rounds, the earlier one first.
fn states(folder: &RunFolder) -> Result<Vec<State>, TrainFault> {
    let mut states = Vec::new();
    for name in STATES {
        if let Some(bytes) = folder.kept(name)? {
            states.push(State::from_bytes(&bytes).map_err(|_| TrainFault::StateDamaged)?);
        }
    }
    states.sort_by_key(State::round);
    Ok(states)
}

/// The scores that our own columns alone give to the customers that were held back, if the target is ours.
async fn without_partner(plan: &TrainPlan, split: &Split) -> Option<Vec<f64>> {
    let Split { learn, all, held_out, .. } = split;
    let target = learn.target.clone().filter(|_| plan.job().kind == ModelKind::Logistic)?;
    let held: Vec<Vec<f64>> = all.columns.iter().map(|column| kept(column, held_out)).collect();
    let (columns, l2) = (learn.columns.clone(), plan.job().l2.real());
    blocking(move || learn::alone(&columns, &target, l2, &held)).await
}

/// Scores the common customers, where the contract lets the one who has the target see scores: a score for each, and
/// what those that were held back say of the model. Both stay with it.
#[allow(clippy::too_many_arguments, reason = "one call, of what one function has in hand")]
async fn evaluate(
    rooms: &Rooms,
    reserved: &Reserved,
    terms: &Terms,
    party: Party,
    trained: &Trained,
    (all, held_out, alone): (Half, &[bool], Option<Vec<f64>>),
    end: &mut End<'_>,
    stages: &mut Stages<'_>,
    events: &Events,
) -> Result<(Vec<Metric>, Option<Vec<f64>>), Report> {
    let receiver = terms.plan.sides().iter().find(|side| side.target.is_some()).map(|side| &side.table.owner);
    if receiver != terms.plan.terms().score.as_ref() {
        return Ok((Vec::new(), None));
    }
    stages.begin("evaluate");
    let before = end.traffic().sent + end.traffic().received;
    let (scoring, rows, seed) = (terms.clone(), all.rows as u32, fresh_seed()?);
    let (basis, state): (Basis, State) = (trained.basis.clone(), trained.state.clone());
    let columns = all.columns;
    let start = move |session: SessionId| {
        let params = scoring.params(session, rows)?;
        let limits = params.limits();
        let question = scoring.job;
        let brought = Brought { columns: &columns, basis: &basis, state: &state };
        let scorer = Scorer::start(params, party, Party::Label, &question, brought, seed)?;
        Ok((scorer, limits))
    };
    let running = end.part(reserved, "evaluate", start, steps::watch(events, "evaluate", "steps"));
    let Scored { scores, .. } = steps::in_time(rooms, reserved, running).await?;
    stages.moved(end.traffic().sent + end.traffic().received - before);
    let (Some(scores), Some(target)) = (scores, all.target) else { return Ok((Vec::new(), None)) };
    let (held, outcomes) = (kept(&scores, held_out), kept(&target, held_out));
    if terms.plan.job().kind == ModelKind::Logistic {
        let mut metrics = learn::measured("joint", &held, &outcomes);
        // What we would have without the partner: the joint model is held against it.
        if let Some(alone) = alone {
            metrics.extend(learn::measured(
                &format!("{} alone", reserved.permitted().me()),
                &alone,
                &outcomes,
            ));
        }
        return Ok((metrics, Some(scores)));
    }
    let loss = held.iter().zip(&outcomes).map(|(score, outcome)| (outcome - score).powi(2) / 2.0);
    let loss = (!held.is_empty()).then(|| Metric {
        on: "joint".to_owned(),
        group: None,
        name: "loss".to_owned(),
        value: Exact(loss.sum::<f64>() / held.len() as f64),
        low95: None,
        high95: None,
    });
    Ok((loss.into_iter().collect(), Some(scores)))
}

/// Keeps the model, durably, and records the run.
async fn keep(rooms: &Rooms, reserved: &Reserved, fitted: Fitted) -> Result<Model, Report> {
    let permitted = reserved.permitted();
    let plan = permitted.train().ok_or(TrainFault::StateDamaged)?;
    let Fitted { run, party: me, trained, snapshot, rows, seen, metrics, scores, story } = fitted;
    let mut weights = Vec::new();
    for side in plan.sides() {
        let block = if party(plan, &side.table.owner) == me { &trained.own } else { &trained.theirs };
        match block {
            Some(block) => weights.extend(block.weights.iter().copied().map(Some)),
            None => weights.extend(std::iter::repeat_n(None, side.width())),
        }
    }
    let intercept =
        trained.own.as_ref().zip(trained.theirs.as_ref()).map(|(own, theirs)| own.offset + theirs.offset);
    let held = match (&trained.own, &trained.theirs) {
        (Some(_), Some(_)) => Held::Open,
        (Some(_), None) => Held::Own,
        (None, _) => Held::Shared,
    };
    let lines =
        (1..=u32::from(trained.state.round())).map(|round| RoundLine { round, ..RoundLine::default() });
    let model = Ended {
        run,
        permitted,
        plan,
        part: if me == Party::Label { Part::Label } else { Part::Features },
        snapshot,
        rows,
        held,
        weights: (intercept, weights),
        lines: lines.collect(),
        metrics,
        sigma: 0.0,
        resumed: story.resumed,
        transcript: trained.conversation,
    }
    .model();
    let shares = (held == Held::Shared).then(|| trained.state.to_bytes());
    let scores = scores.map(|scores| Scores { snapshot: snapshot.to_string(), scores });
    let (registry, kept) = (Registry::at(rooms.home.models_dir()), model.clone());
    blocking(move || {
        if let Some(scores) = &scores {
            registry.keep_scores(kept.id, scores)?;
        }
        registry.keep(&kept, shares.as_ref().map(|shares| &shares[..]))
    })
    .await?;
    let outcome = release::told_outcome(&seen, Some(snapshot));
    rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
    Ok(model)
}

fn fresh_seed() -> Result<Secret<[u8; 32]>, ExchangeError> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| ExchangeError::NoRandomness)?;
    Ok(Secret::new(seed))
}
