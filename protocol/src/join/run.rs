//! One end of a run, whichever part it plays: announcements, set-up, slabs, the last word, the opening.
//!
//! The parts differ in what they compute of a slab ([`End`]); when what is said, how long it must be, and what must have
//! been compared before anything is opened is the same for both and stands here. The attack this stops is a part
//! that forgets a check its twin has.
//!
//! ```text
//!   Await::Announce ─► Await::Setup ─► Await::Slab ─► Await::Finished ─► Await::Open ─► done
//!   sizes              base transfers  stages         transcripts,       if this end
//!                                                     commitments        learns
//! ```

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::{
    draws::Draws,
    figures::{Figures, Joined},
    message::{Message, Record, Role},
    params::{Learns, NAME, Params},
    plan::Plan,
    rows::Rows,
    stage::{Stage, Stages},
};
use crate::{
    ot::Batch,
    secret::Secret,
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    transcript::Transcript,
    wire::{Wire, codec::Bulk},
};

/// The commitment of an end that opens nothing.
const NOTHING: [u8; 32] = [0; 32];

/// A part was asked for what does not belong to it, or not yet. The stages keep that from happening.
pub(super) const NOT_OURS: Abort = Abort::OutOfTurn { expected: "another stage", got: "Slab" };
pub(super) const NOT_SET_UP: Abort = Abort::OutOfTurn { expected: "Setup", got: "Slab" };
pub(super) const NOT_ASKED: Abort = Abort::OutOfTurn { expected: "an earlier stage", got: "Slab" };

/// The transfers of a slab's stage: each pair of stage and slab is used once (JOIN-51).
pub(super) const fn batch(stage: Stage, slab: u32) -> Batch {
    Batch { stage: stage as u16, slab }
}

/// The transfers of one of several parts of a slab's stage.
pub(super) const fn part(stage: Stage, slab: u32, part: usize) -> Batch {
    Batch { stage: stage as u16 + PARTS * (1 + part as u16), slab }
}

/// More than there are stages.
const PARTS: u16 = 64;

/// What one part computes.
pub(super) trait End: Sized + Send {
    /// Which part it is.
    const ROLE: Role;

    /// Puts the rows where the plan says, and begins the set-up.
    fn begin(ground: Ground) -> Result<(Self, Vec<u8>), Abort>;
    /// The answer to the peer's part of the set-up.
    fn respond(&mut self, message: &[u8]) -> Result<Vec<u8>, Abort>;
    /// The peer's answer to this end's.
    fn settle(&mut self, message: &[u8]) -> Result<(), Abort>;
    /// This end's message of a slab's stage; everything it needs was taken before.
    fn make(&mut self, stage: Stage, slab: u32) -> Result<Vec<u8>, Abort>;
    /// The peer's, of the length the plan says.
    fn take(&mut self, stage: Stage, slab: u32, bytes: Vec<u8>) -> Result<(), Abort>;
    /// All slabs before this one are through.
    fn release(&mut self, finished: u32);
    /// This end's halves of the figures, without noise.
    fn halves(&mut self) -> Vec<u64>;
}

/// What a part begins with.
pub(super) struct Ground {
    pub(super) params: Params,
    pub(super) plan: Plan,
    pub(super) rows: Rows,
    pub(super) draws: Draws,
    /// Public, of this run alone, and nobody's choice: a hash over both ends' random values.
    pub(super) common: [u8; 32],
}

/// One end, whatever it is waiting for.
pub(super) struct Run<E: End>(Await<E>);

enum Await<E: End> {
    Announce(Box<Talk>, Box<Start>),
    Setup(Box<Talk>, Box<Middle<E>>),
    Slab(Box<Talk>, Box<Middle<E>>),
    Finished(Box<Talk>, Box<Closing>),
    Open(Box<Talk>, Box<Closing>, [u8; 32]),
}

/// What an end has from the first word to the last.
struct Talk {
    params: Params,
    role: Role,
    record: Record,
    own_count: u32,
    nonce: [u8; 32],
    /// Ready to leave, before anything else does.
    queue: VecDeque<Message>,
}

struct Start {
    rows: Rows,
    draws: Draws,
    noise: Option<Zeroizing<Vec<i64>>>,
}

struct Middle<E> {
    end: E,
    plan: Plan,
    stages: Stages,
    noise: Option<Zeroizing<Vec<i64>>>,
    cover: [u8; 32],
    /// Steps of the peer's set-up that are here.
    steps: u32,
}

struct Closing {
    /// This end's halves of the figures, with its noise.
    halves: Zeroizing<Vec<u64>>,
    cover: [u8; 32],
    plan: Plan,
    progress: Progress,
    finished: bool,
}

impl<E: End> Run<E> {
    /// Checks what this end brings; see [`Seeker::start`](super::Seeker::start).
    pub(super) fn start(
        params: Params,
        rows: Rows,
        padded: u32,
        noise: Option<Vec<i64>>,
        seed: &Secret<[u8; 32]>,
    ) -> Result<Self, Abort> {
        let noise = noise.map(Zeroizing::new);
        let (cells, terms, cap) = match E::ROLE {
            Role::Seeker => {
                (params.shape().seeker_cells(), params.shape().seeker_terms(), params.max_seeker())
            }
            Role::Holder => {
                (params.shape().holder_cells(), params.shape().holder_terms(), params.max_holder())
            }
        };
        // JOIN-02: what is announced covers what is there, and no more than the contract lets us bring.
        if padded > cap || rows.len() > padded as usize {
            return Err(Abort::OwnSetAboveCap { count: (rows.len() as u64).max(padded.into()), cap });
        }
        rows.check(params.keys(), cells, terms)?;
        // JOIN-47: what the other end learns has this end's noise in it, and nothing has it that nobody learns.
        let due = learns(&params, E::ROLE.peer());
        if noise.is_some() != due || noise.as_ref().is_some_and(|noise| !params.fits_noise(noise)) {
            return Err(Abort::OwnFigures);
        }
        let draws = Draws::new(seed, &params, E::ROLE);
        let nonce = *draws.seed("nonce", 0).expose();
        let mut record = Record::new(&params, E::ROLE);
        let announce = record.say(Message::Announce { role: E::ROLE, count: padded.into(), nonce });
        let queue = VecDeque::from([announce]);
        let talk = Talk { params, role: E::ROLE, record, own_count: padded, nonce, queue };
        Ok(Self(Await::Announce(Box::new(talk), Box::new(Start { rows, draws, noise }))))
    }

    fn talk_mut(&mut self) -> &mut Talk {
        match &mut self.0 {
            Await::Announce(talk, _) | Await::Setup(talk, _) | Await::Slab(talk, _) => talk,
            Await::Finished(talk, _) | Await::Open(talk, ..) => talk,
        }
    }

    fn on_announce(mut talk: Box<Talk>, start: Start, message: &Message) -> Result<Step<Self>, Abort> {
        let Message::Announce { role, count, nonce } = message else {
            return Err(out_of_turn("Announce", message));
        };
        talk.by_peer(*role)?;
        let cap = match E::ROLE {
            Role::Seeker => talk.params.max_holder(),
            Role::Holder => talk.params.max_seeker(),
        };
        // JOIN-02: refused before any work or memory follows from it.
        let theirs = u32::try_from(*count).ok().filter(|count| *count <= cap);
        let theirs = theirs.ok_or(PeerMisbehaved::CountAboveCap { announced: *count, cap })?;
        talk.record.hear(message);
        let (seeker, holder) = match E::ROLE {
            Role::Seeker => (talk.own_count, theirs),
            Role::Holder => (theirs, talk.own_count),
        };
        let plan = Plan::new(&talk.params, seeker, holder)?;
        let common = talk.common(nonce);
        let Start { rows, draws, noise } = start;
        let cover = *draws.seed("cover", 0).expose();
        let ground = Ground { params: talk.params.clone(), plan: plan.clone(), rows, draws, common };
        let (end, first) = E::begin(ground)?;
        talk.setup(0, first);
        let middle = Middle { end, stages: plan.stages(), plan, noise, cover, steps: 0 };
        Ok(wait(Await::Setup(talk, Box::new(middle))))
    }

    fn on_finished(
        talk: Box<Talk>,
        mut closing: Box<Closing>,
        message: &Message,
    ) -> Result<Step<Self>, Abort> {
        let Message::Finished { role, transcript, commitment } = message else {
            return Err(out_of_turn("Finished", message));
        };
        talk.by_peer(*role)?;
        // JOIN-44: nothing is opened before both ends remember the same.
        talk.record.compare(transcript, commitment)?;
        // JOIN-45: who opens nothing commits to nothing.
        if !learns(&talk.params, E::ROLE) && *commitment != NOTHING {
            return Err(PeerMisbehaved::OpeningDiffers.into());
        }
        let mut send = Vec::new();
        if !closing.finished {
            send.push(closing.finish(&talk));
        }
        if learns(&talk.params, E::ROLE.peer()) {
            send.push(closing.open(E::ROLE));
        }
        Ok(if learns(&talk.params, E::ROLE) {
            Step::Wait { state: Self(Await::Open(talk, closing, *commitment)), send }
        } else {
            Step::Done { output: closing.joined(&talk, None), send }
        })
    }

    fn on_open(
        talk: &Talk,
        closing: &Closing,
        commitment: &[u8; 32],
        message: &Message,
    ) -> Result<Step<Self>, Abort> {
        let Message::Open { role, nonce, figures } = message else {
            return Err(out_of_turn("Open", message));
        };
        talk.by_peer(*role)?;
        let (expected, got) = (8 * closing.halves.len(), figures.0.len());
        if got != expected {
            return Err(PeerMisbehaved::FigureCount { expected: expected / 8, got: got / 8 }.into());
        }
        // JOIN-45: what was computed is what is opened.
        if commit(*role, nonce, &figures.0) != *commitment {
            return Err(PeerMisbehaved::OpeningDiffers.into());
        }
        let theirs = figures.0.as_chunks::<8>().0.iter().map(|half| u64::from_le_bytes(*half));
        let sum = |(own, other): (&u64, u64)| own.wrapping_add(other).cast_signed();
        let figures: Vec<i64> = closing.halves.iter().zip(theirs).map(sum).collect();
        // JOIN-46: no data and no noise could have given more.
        let most = talk.params.most(closing.plan.seeker(), closing.plan.holder());
        let beyond = |(figure, most): (&i64, &u128)| u128::from(figure.unsigned_abs()) > *most;
        if let Some(position) = figures.iter().zip(most.iter().cycle()).position(beyond) {
            return Err(PeerMisbehaved::FigureOutOfBounds { position }.into());
        }
        let figures = Figures::new(talk.params.shape().clone(), figures);
        Ok(Step::Done { output: closing.joined(talk, Some(figures)), send: Vec::new() })
    }
}

impl<E: End> Session for Run<E> {
    type Message = Message;
    type Output = Joined;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        match self.0 {
            Await::Announce(talk, start) => Self::on_announce(talk, *start, &message),
            Await::Setup(mut talk, mut middle) => {
                let Message::Setup { role, step, bytes } = &message else {
                    return Err(out_of_turn("Setup", &message));
                };
                talk.by_peer(*role)?;
                if *step != middle.steps {
                    return Err(PeerMisbehaved::ChunkOutOfOrder { expected: middle.steps, got: *step }.into());
                }
                match step {
                    0 => {
                        let answer = middle.end.respond(&bytes.0)?;
                        talk.record.hear(&message);
                        talk.setup(1, answer);
                    }
                    _ => {
                        // JOIN-41: no answer to what was not asked yet.
                        if talk.queue.iter().any(|waiting| matches!(waiting, Message::Setup { step: 0, .. }))
                        {
                            return Err(PeerMisbehaved::AnswerUnasked(*step).into());
                        }
                        middle.end.settle(&bytes.0)?;
                        talk.record.hear(&message);
                    }
                }
                middle.steps += 1;
                let done = middle.steps == 2;
                Ok(wait(if done { Await::Slab(talk, middle) } else { Await::Setup(talk, middle) }))
            }
            Await::Slab(mut talk, mut middle) => match message {
                Message::Finished { .. } if middle.stages.all_done() => {
                    Self::on_finished(talk, Box::new(middle.close()), &message)
                }
                Message::Slab { stage, slab, .. } => {
                    // JOIN-40: a message that only this end may send did not come from the peer.
                    talk.by_peer(stage.by())?;
                    middle.stages.accept(stage, slab)?;
                    talk.record.hear(&message);
                    let Message::Slab { bytes, .. } = message else {
                        return Err(out_of_turn("Slab", &message));
                    };
                    middle.take(stage, slab, bytes.0)?;
                    Ok(wait(Await::Slab(talk, middle)))
                }
                other => Err(out_of_turn(middle.expects(), &other)),
            },
            Await::Finished(talk, closing) => Self::on_finished(talk, closing, &message),
            Await::Open(talk, closing, commitment) => Self::on_open(&talk, &closing, &commitment, &message),
        }
    }

    fn produce(mut self) -> Result<Produced<Self>, Abort> {
        if let Some(message) = self.talk_mut().queue.pop_front() {
            return Ok(Produced::Message { state: self, message });
        }
        Ok(match self.0 {
            Await::Slab(mut talk, mut middle) => {
                if let Some(stage) = middle.stages.next_of(E::ROLE) {
                    let message = talk.record.say(middle.make(stage)?);
                    Produced::Message { state: Self(Await::Slab(talk, middle)), message }
                } else if middle.stages.all_done() {
                    let mut closing = Box::new(middle.close());
                    let message = closing.finish(&talk);
                    Produced::Message { state: Self(Await::Finished(talk, closing)), message }
                } else {
                    Produced::Idle(Self(Await::Slab(talk, middle)))
                }
            }
            other => Produced::Idle(Self(other)),
        })
    }

    fn expects(&self) -> &'static str {
        match &self.0 {
            Await::Announce(..) => "Announce",
            Await::Setup(..) => "Setup",
            Await::Slab(_, middle) => middle.expects(),
            Await::Finished(..) => "Finished",
            Await::Open(..) => "Open",
        }
    }

    fn progress(&self) -> Progress {
        match &self.0 {
            Await::Announce(..) => Progress::default(),
            Await::Setup(_, middle) | Await::Slab(_, middle) => middle.progress(),
            Await::Finished(_, closing) | Await::Open(_, closing, _) => closing.progress,
        }
    }
}

const fn wait<E: End>(state: Await<E>) -> Step<Run<E>> {
    Step::Wait { state: Run(state), send: Vec::new() }
}

impl Talk {
    /// JOIN-40: a message that only this end may send did not come from the peer.
    fn by_peer(&self, role: Role) -> Result<(), PeerMisbehaved> {
        if role == self.role.peer() { Ok(()) } else { Err(PeerMisbehaved::RoleReflected) }
    }

    fn setup(&mut self, step: u32, bytes: Vec<u8>) {
        let message = Message::Setup { role: self.role, step, bytes: Bulk(bytes) };
        let message = self.record.say(message);
        self.queue.push_back(message);
    }

    /// JOIN-01: of this session, contract, question, these sizes and both random values.
    fn common(&self, theirs: &[u8; 32]) -> [u8; 32] {
        let (seeker, holder) = match self.role {
            Role::Seeker => (&self.nonce, theirs),
            Role::Holder => (theirs, &self.nonce),
        };
        let mut common = Transcript::new(NAME);
        self.params.absorb_into(&mut common);
        common.absorb("seeker", seeker);
        common.absorb("holder", holder);
        common.hash()
    }
}

impl<E: End> Middle<E> {
    fn make(&mut self, stage: Stage) -> Result<Message, Abort> {
        let slab = self.stages.said(stage);
        let bytes = self.end.make(stage, slab)?;
        self.advance(stage);
        Ok(Message::Slab { stage, slab, bytes: Bulk(bytes) })
    }

    fn take(&mut self, stage: Stage, slab: u32, bytes: Vec<u8>) -> Result<(), Abort> {
        // JOIN-41: as long as the announced sizes say.
        let (expected, got) = (self.plan.bytes_of(stage, slab), bytes.len());
        if expected != got {
            return Err(PeerMisbehaved::CountDiffers { expected, got }.into());
        }
        self.end.take(stage, slab, bytes)?;
        self.advance(stage);
        Ok(())
    }

    fn advance(&mut self, stage: Stage) {
        self.stages.advance(stage);
        self.end.release(self.stages.finished());
    }

    fn expects(&self) -> &'static str {
        self.stages.next_of(E::ROLE.peer()).map_or("Finished", Stage::name)
    }

    fn progress(&self) -> Progress {
        let (done, total) = self.stages.progress();
        Progress { done, total }
    }

    /// Everything is computed: adds the noise.
    fn close(mut self) -> Closing {
        let mut halves = Zeroizing::new(self.end.halves());
        for (half, noise) in halves.iter_mut().zip(self.noise.iter().flat_map(|noise| noise.iter())) {
            *half = half.wrapping_add(noise.cast_unsigned());
        }
        let progress = self.progress();
        Closing { halves, cover: self.cover, plan: self.plan, progress, finished: false }
    }
}

impl Closing {
    /// This end's last word before the opening.
    fn finish(&mut self, talk: &Talk) -> Message {
        self.finished = true;
        let opens = learns(&talk.params, talk.role.peer());
        let commitment = if opens { commit(talk.role, &self.cover, &self.bytes()) } else { NOTHING };
        talk.record.finished(talk.role, commitment)
    }

    fn open(&self, role: Role) -> Message {
        Message::Open { role, nonce: self.cover, figures: Bulk(self.bytes()) }
    }

    fn bytes(&self) -> Vec<u8> {
        self.halves.iter().flat_map(|half| half.to_le_bytes()).collect()
    }

    fn joined(&self, talk: &Talk, figures: Option<Figures>) -> Joined {
        Joined {
            figures,
            seeker_count: self.plan.seeker(),
            holder_count: self.plan.holder(),
            transcript: talk.record.conversation(),
        }
    }
}

fn learns(params: &Params, role: Role) -> bool {
    match params.learns() {
        Learns::Both => true,
        Learns::Seeker => role == Role::Seeker,
        Learns::Holder => role == Role::Holder,
    }
}

/// Binds an end to its halves without showing them: they are under 32 random bytes.
pub(super) fn commit(role: Role, cover: &[u8; 32], figures: &[u8]) -> [u8; 32] {
    let mut commitment = Transcript::new(NAME);
    commitment.absorb("opened by", role.name().as_bytes());
    commitment.absorb("cover", cover);
    commitment.absorb("figures", figures);
    commitment.hash()
}

fn out_of_turn(expected: &'static str, got: &Message) -> Abort {
    Abort::OutOfTurn { expected, got: got.kind() }
}
