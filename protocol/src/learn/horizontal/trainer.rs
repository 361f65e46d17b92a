//! A trainer's part in one attempt of one round.
//!
//! It believes the coordinator nothing: who is in the sum it hears from those who are, under keys that the
//! coordinator does not have.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    Breach, Contribution, JobKey, Message, Promises, Roster, Round, Shape, Sum, Survivors,
    mask::{Sign, mask, open, seal},
    message::{Boxes, to_bytes},
    promises::Begun,
    round::{Pair, commitment},
    shamir::{Share, deal},
};
use crate::{
    session::{Abort, Produced, Progress, Session, Step},
    wire::{Wire, codec::Points},
};

/// One trainer in one attempt.
pub struct Trainer {
    roster: Roster,
    round: Round,
    shape: Shape,
    seat: usize,
    context: [u8; 32],
    /// None in our own place.
    pairs: Vec<Option<Pair>>,
    /// The shares of our own seeds that we keep.
    kept: Zeroizing<Vec<Share>>,
    promises: Promises,
    stage: Stage,
}

enum Stage {
    Begin(Message),
    AwaitSurvivors,
    /// Each survivor's shares for us.
    AwaitConsents {
        survivors: Survivors,
        shares: Vec<(usize, Zeroizing<Vec<Share>>)>,
    },
    AwaitSum {
        survivors: Survivors,
    },
}

impl Trainer {
    /// Masks a contribution. `promises` are those of this job so far; the new ones
    /// ([`promises`](Self::promises)) are to be stored before anything is sent.
    ///
    /// # Errors
    /// [`Abort`]: the roster does not have us at this seat, the attempt was begun before, the round was begun with
    /// another history, or a seat's key is none.
    pub fn start(
        roster: &Roster,
        seat: usize,
        key: &JobKey,
        round: Round,
        shape: &Shape,
        contribution: &Contribution,
        promises: &Promises,
    ) -> Result<Self, Abort> {
        let seats = roster.seats().len();
        if roster.seats().get(seat).is_none_or(|own| own.key != key.public()) {
            return Err(Breach::NotSeated.into());
        }
        if shape.trainers() != seats || contribution.entries.len() != shape.entries() {
            return Err(Breach::OwnVector.into());
        }
        let mut promises = promises.clone();
        let entries: Vec<u8> = contribution.entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let vector = blake3::keyed_hash(key.draw("vector", roster.hash()).expose(), &entries).into();
        let subject = round.subject(roster, shape);
        promises.begin(Begun { round: round.number, attempt: round.attempt, subject, vector })?;
        let context = round.context(roster, shape);
        let mut pairs = Vec::with_capacity(seats);
        for other in 0..seats {
            let pair = (other != seat).then(|| Pair::new(key, roster, context, seat, other)).transpose()?;
            pairs.push(pair);
        }
        let (message, kept) = masked(roster, seat, key, context, &pairs, contribution)?;
        Ok(Self {
            roster: roster.clone(),
            round,
            shape: shape.clone(),
            seat,
            context,
            pairs,
            kept,
            promises,
            stage: Stage::Begin(message),
        })
    }

    /// LEARNH-11: what to store before the message is sent that came with this state.
    pub const fn promises(&self) -> &Promises {
        &self.promises
    }

    fn pair(&self, other: usize) -> Result<&Pair, Abort> {
        self.pairs.get(other).and_then(Option::as_ref).ok_or(Breach::NotASurvivor.into())
    }

    fn on_survivors(&mut self, survivors: u16, boxes: &Boxes) -> Result<Message, Abort> {
        let seats = self.roster.seats().len();
        let survivors = Survivors::of_bits(survivors, seats).ok_or(Breach::NotASurvivor)?;
        if !survivors.contains(self.seat) {
            return Err(Breach::NotASurvivor.into());
        }
        // LEARNH-09: the trainer counts, not the coordinator.
        if survivors.len() < self.roster.rules().least() {
            return Err(Breach::CohortTooSmall.into());
        }
        let others = survivors.without(self.seat);
        if boxes.as_slice().len() != others.len() {
            return Err(Breach::MessageShape.into());
        }
        let mut shares = vec![(self.seat, self.kept.clone())];
        for (other, sealed) in others.seats().zip(boxes.as_slice()) {
            shares.push((other, open(&self.pair(other)?.open_key(), &self.context, sealed, seats)?));
        }
        shares.sort_by_key(|(dealer, _)| *dealer);
        self.promises.agree(self.roster.rules(), &self.round, survivors)?;
        let words: Result<Vec<_>, Abort> =
            others.seats().map(|other| Ok(self.pair(other)?.consent(survivors))).collect();
        self.stage = Stage::AwaitConsents { survivors, shares };
        Ok(Message::Consent { context: self.context, survivors: survivors.bits(), words: Points(words?) })
    }

    fn on_consents(
        &mut self,
        survivors: Survivors,
        shares: &[(usize, Zeroizing<Vec<Share>>)],
        agreed: u16,
        words: &Points,
    ) -> Result<Message, Abort> {
        let agreed = Survivors::of_bits(agreed, self.roster.seats().len()).ok_or(Breach::NotASurvivor)?;
        let others = survivors.without(self.seat);
        if agreed.and(others) != agreed || words.0.len() != agreed.len() {
            return Err(Breach::MessageShape.into());
        }
        for (other, word) in agreed.seats().zip(&words.0) {
            // LEARNH-10: each has said so itself, about exactly this set.
            if !bool::from(word[..].ct_eq(&self.pair(other)?.consent_due(survivors))) {
                return Err(Breach::ConsentDiffers.into());
            }
        }
        if agreed.len() + 1 < self.roster.rules().threshold() {
            return Err(Breach::ConsentMissing.into());
        }
        let dropped = survivors.missing_of(self.roster.everybody());
        // LEARNH-08: of a survivor its self-mask and its masks with those who dropped out, of these nothing: never both
        // kinds of one trainer.
        let opened = shares.iter().flat_map(|(dealer, shares)| {
            std::iter::once(*dealer).chain(dropped.seats()).map(|place| shares[place])
        });
        self.stage = Stage::AwaitSum { survivors };
        Ok(Message::Unmask { context: self.context, shares: Points(opened.collect()) })
    }
}

/// The first message, and the shares that we keep ourselves.
fn masked(
    roster: &Roster,
    seat: usize,
    key: &JobKey,
    context: [u8; 32],
    pairs: &[Option<Pair>],
    contribution: &Contribution,
) -> Result<(Message, Zeroizing<Vec<Share>>), Abort> {
    let seats = roster.seats().len();
    let threshold = roster.rules().threshold();
    let mut entries: Vec<u64> = contribution.entries.iter().map(|entry| entry.cast_unsigned()).collect();
    let mut commitments = Vec::with_capacity(seats);
    let mut for_seat = vec![Zeroizing::new(Vec::with_capacity(seats)); seats];
    for (place, pair) in pairs.iter().enumerate() {
        let (seed, sign) = match pair {
            Some(pair) => (pair.mask(), Sign::between(seat, place)),
            None => (key.draw("self-mask", &context), Sign::Plus),
        };
        mask(&mut entries, &seed, sign);
        commitments.push(commitment(&context, seat, place, &seed));
        let polynomial = key.draw(&format!("polynomial {place}"), &context);
        let shares = deal(&seed, threshold, seats, &polynomial);
        for_seat.iter_mut().zip(shares.iter()).for_each(|(list, share)| list.push(*share));
    }
    let mut boxes = Vec::with_capacity(seats - 1);
    for (pair, shares) in pairs.iter().zip(&for_seat) {
        if let Some(pair) = pair {
            boxes.push(seal(&pair.seal_key(), &context, shares)?);
        }
    }
    let kept = for_seat.swap_remove(seat);
    let message = Message::Masked {
        context,
        commitments: Points(commitments),
        entries: to_bytes(&entries),
        boxes: Boxes::new(boxes),
    };
    Ok((message, kept))
}

impl Session for Trainer {
    type Message = Message;
    type Output = Sum;

    fn handle(mut self, message: Message) -> Result<Step<Self>, Abort> {
        let expected = self.expects();
        // LEARNH-06.
        if *message.context() != self.context {
            return Err(Breach::ContextDiffers.into());
        }
        let stage = std::mem::replace(&mut self.stage, Stage::AwaitSurvivors);
        let send = match (stage, message) {
            (Stage::AwaitSurvivors, Message::Survivors { survivors, boxes, .. }) => {
                self.on_survivors(survivors, &boxes)?
            }
            (Stage::AwaitConsents { survivors, shares }, Message::Consents { agreed, words, .. }) => {
                self.on_consents(survivors, &shares, agreed, &words)?
            }
            (Stage::AwaitSum { survivors }, message @ Message::Sum { survivors: opened, .. }) => {
                if opened != survivors.bits() {
                    return Err(Breach::SetChanged.into());
                }
                let sum = Sum::late(&self.roster, &self.round, &self.shape, &self.promises, &message)?;
                return Ok(Step::Done { output: sum, send: Vec::new() });
            }
            // LEARNH-14.
            (_, message) => return Err(Abort::OutOfTurn { expected, got: message.kind() }),
        };
        Ok(Step::Wait { state: self, send: vec![send] })
    }

    fn produce(mut self) -> Result<Produced<Self>, Abort> {
        match self.stage {
            Stage::Begin(message) => {
                self.stage = Stage::AwaitSurvivors;
                Ok(Produced::Message { state: self, message })
            }
            _ => Ok(Produced::Idle(self)),
        }
    }

    fn expects(&self) -> &'static str {
        match self.stage {
            Stage::Begin(_) => "nothing",
            Stage::AwaitSurvivors => "Survivors",
            Stage::AwaitConsents { .. } => "Consents",
            Stage::AwaitSum { .. } => "Sum",
        }
    }

    fn progress(&self) -> Progress {
        let done = match self.stage {
            Stage::Begin(_) => 0,
            Stage::AwaitSurvivors => 1,
            Stage::AwaitConsents { .. } => 2,
            Stage::AwaitSum { .. } => 3,
        };
        Progress { done, total: 4 }
    }
}
