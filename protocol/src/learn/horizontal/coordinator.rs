//! The node that all others talk to. It routes, counts and adds; it is trusted with nothing but liveness.

use super::{
    Breach, Message, Roster, Round, Shape, Sum, Survivors,
    mask::{Sign, mask},
    message::{Boxes, TAG, from_bytes},
    round::commitment,
    shamir::{Share, join},
};
use crate::{
    secret::Secret,
    session::Abort,
    wire::{
        Wire,
        codec::{Bulk, Points},
    },
};

/// The coordinator in one attempt of one round.
pub struct Coordinator {
    roster: Roster,
    round: Round,
    shape: Shape,
    context: [u8; 32],
    /// Who went away.
    gone: Survivors,
    /// What each trainer began with, by seat.
    masked: Vec<Option<Masked>>,
    stage: Stage,
}

struct Masked {
    commitments: Vec<[u8; 32]>,
    entries: Vec<u64>,
    /// By the seat that each is for; empty in its own place.
    boxes: Vec<Bulk>,
}

#[expect(clippy::enum_variant_names, reason = "states are named after the message that is due")]
enum Stage {
    AwaitMasked,
    /// The words of each that has agreed, by the seat they are for.
    AwaitConsent {
        survivors: Survivors,
        words: Vec<Option<Vec<[u8; 32]>>>,
    },
    /// The shares of each that was asked.
    AwaitUnmask {
        survivors: Survivors,
        asked: Survivors,
        opened: Vec<(usize, Vec<Share>)>,
    },
}

/// What came of a message, or of a trainer's going.
#[must_use]
#[expect(clippy::large_enum_variant, reason = "moved a few times a round")]
pub enum Routed {
    /// Send these, each to its seat, and wait.
    Wait {
        /// The state.
        coordinator: Coordinator,
        /// Messages by seat.
        send: Vec<(usize, Message)>,
    },
    /// The sum is open; these still have to leave.
    Done {
        /// The sum.
        sum: Sum,
        /// Messages by seat.
        send: Vec<(usize, Message)>,
    },
}

impl Coordinator {
    /// Waits for everybody's masked vector.
    ///
    /// # Errors
    /// [`Abort`] for a shape of another number of trainers.
    pub fn start(roster: &Roster, round: Round, shape: &Shape) -> Result<Self, Abort> {
        if shape.trainers() != roster.seats().len() {
            return Err(Breach::OwnVector.into());
        }
        Ok(Self {
            context: round.context(roster, shape),
            gone: Survivors::none(),
            masked: roster.seats().iter().map(|_| None).collect(),
            stage: Stage::AwaitMasked,
            roster: roster.clone(),
            round,
            shape: shape.clone(),
        })
    }

    /// Takes a trainer's message.
    ///
    /// # Errors
    /// [`Abort`]: the message is not one of this attempt, of its shape and due from this seat; or the attempt
    /// cannot end, because too few agree or shares do not fit.
    pub fn handle(mut self, from: usize, message: Message) -> Result<Routed, Abort> {
        // LEARNH-06, LEARNH-14.
        if *message.context() != self.context {
            return Err(Breach::ContextDiffers.into());
        }
        if from >= self.masked.len() || self.gone.contains(from) {
            return Err(Breach::NotDue.into());
        }
        let expected = self.expects();
        let kind = message.kind();
        match (&mut self.stage, message) {
            (Stage::AwaitMasked, Message::Masked { commitments, entries, boxes, .. }) => {
                let masked = masked(&self.shape, from, commitments, &entries, &boxes)?;
                fill(&mut self.masked[from], masked)?;
            }
            (
                Stage::AwaitConsent { survivors, words },
                Message::Consent { survivors: set, words: said, .. },
            ) => {
                if set != survivors.bits() {
                    return Err(Breach::ConsentDiffers.into());
                }
                if !survivors.contains(from) || said.0.len() + 1 != survivors.len() {
                    return Err(Breach::MessageShape.into());
                }
                let mut by_seat = vec![[0; 32]; words.len()];
                for (to, word) in survivors.without(from).seats().zip(said.0) {
                    by_seat[to] = word;
                }
                fill(&mut words[from], by_seat)?;
            }
            (Stage::AwaitUnmask { survivors, asked, opened }, Message::Unmask { shares, .. }) => {
                let dropped = self.masked.len() - survivors.len();
                if shares.0.len() != survivors.len() * (1 + dropped) {
                    return Err(Breach::MessageShape.into());
                }
                if !asked.contains(from) || opened.iter().any(|(seat, _)| *seat == from) {
                    return Err(Breach::NotDue.into());
                }
                opened.push((from, shares.0));
            }
            _ => return Err(Abort::OutOfTurn { expected, got: kind }),
        }
        self.advance()
    }

    /// A trainer went away, or took longer than one waits: goes on without it if that can be.
    ///
    /// # Errors
    /// [`Abort`]: too few are left.
    pub fn gone(mut self, seat: usize) -> Result<Routed, Abort> {
        self.gone = self.gone.with(seat);
        self.advance()
    }

    /// The message that is due.
    pub const fn expects(&self) -> &'static str {
        match self.stage {
            Stage::AwaitMasked => "Masked",
            Stage::AwaitConsent { .. } => "Consent",
            Stage::AwaitUnmask { .. } => "Unmask",
        }
    }

    /// The trainers whose message is due and has not come.
    pub fn awaited(&self) -> Survivors {
        let open = |due: Survivors, came: &dyn Fn(usize) -> bool| {
            due.seats()
                .filter(|seat| !self.gone.contains(*seat) && !came(*seat))
                .fold(Survivors::none(), Survivors::with)
        };
        match &self.stage {
            Stage::AwaitMasked => open(self.roster.everybody(), &|seat| self.masked[seat].is_some()),
            Stage::AwaitConsent { survivors, words } => open(*survivors, &|seat| words[seat].is_some()),
            Stage::AwaitUnmask { asked, opened, .. } => {
                open(*asked, &|seat| opened.iter().any(|(from, _)| *from == seat))
            }
        }
    }

    fn advance(mut self) -> Result<Routed, Abort> {
        if !self.awaited().is_empty() {
            return Ok(Routed::Wait { coordinator: self, send: Vec::new() });
        }
        let rules = *self.roster.rules();
        let seats = self.masked.len();
        match self.stage {
            Stage::AwaitMasked => {
                // Who sent its vector and then went is in the sum all the same.
                let came = |seat: &usize| self.masked[*seat].is_some();
                let survivors = (0..seats).filter(came).fold(Survivors::none(), Survivors::with);
                if survivors.len() < rules.least() {
                    return Err(Breach::CohortTooSmall.into());
                }
                if !agree(&self.masked) {
                    return Err(Breach::ShareDiffers.into());
                }
                let send = self.present(survivors).map(|to| (to, self.boxes_for(to, survivors))).collect();
                self.stage = Stage::AwaitConsent { survivors, words: vec![None; seats] };
                self.wait(send)
            }
            Stage::AwaitConsent { survivors, ref words } => {
                let agreed = (0..seats).filter(|seat| words[*seat].is_some());
                let agreed = agreed.fold(Survivors::none(), Survivors::with);
                if agreed.len() < rules.threshold() {
                    return Err(Breach::ConsentMissing.into());
                }
                let asked: Vec<usize> = self.present(agreed).collect();
                let send = asked.iter().map(|to| (*to, self.words_for(*to, agreed, words))).collect();
                let asked = asked.into_iter().fold(Survivors::none(), Survivors::with);
                self.stage = Stage::AwaitUnmask { survivors, asked, opened: Vec::new() };
                self.wait(send)
            }
            Stage::AwaitUnmask { survivors, ref opened, .. } => {
                if opened.len() < rules.threshold() {
                    return Err(Breach::ConsentMissing.into());
                }
                let sum = self.open(survivors, opened)?;
                let message = sum.message(self.context);
                let send = self.present(survivors).map(|to| (to, message.clone())).collect();
                Ok(Routed::Done { sum, send })
            }
        }
    }

    /// With everybody gone that was waited for, the next stage may have nobody to wait for either.
    fn wait(self, send: Vec<(usize, Message)>) -> Result<Routed, Abort> {
        if self.awaited().is_empty() {
            Err(Breach::ConsentMissing.into())
        } else {
            Ok(Routed::Wait { coordinator: self, send })
        }
    }

    fn present(&self, set: Survivors) -> impl Iterator<Item = usize> {
        set.and(self.gone.missing_of(self.roster.everybody())).seats()
    }

    fn boxes_for(&self, to: usize, survivors: Survivors) -> Message {
        let dealers = survivors.without(to).seats().filter_map(|dealer| self.masked[dealer].as_ref());
        let boxes = Boxes::new(dealers.map(|dealer| dealer.boxes[to].clone()));
        Message::Survivors { context: self.context, survivors: survivors.bits(), boxes }
    }

    fn words_for(&self, to: usize, agreed: Survivors, words: &[Option<Vec<[u8; 32]>>]) -> Message {
        let agreed = agreed.without(to);
        let words = agreed.seats().filter_map(|from| words[from].as_ref()).map(|words| words[to]);
        Message::Consents { context: self.context, agreed: agreed.bits(), words: Points(words.collect()) }
    }

    /// Adds the survivors' vectors and takes off the masks that are left over.
    fn open(&self, survivors: Survivors, opened: &[(usize, Vec<Share>)]) -> Result<Sum, Abort> {
        let dropped = survivors.missing_of(self.roster.everybody());
        let mut total = vec![0u64; self.shape.entries()];
        let mut number = 0;
        for dealer in survivors.seats() {
            let masked = self.masked[dealer].as_ref().ok_or(Breach::NotDue)?;
            total.iter_mut().zip(&masked.entries).for_each(|(sum, entry)| *sum = sum.wrapping_add(*entry));
            for place in std::iter::once(dealer).chain(dropped.seats()) {
                let shares: Vec<(usize, Share)> =
                    opened.iter().map(|(seat, shares)| (*seat, shares[number])).collect();
                number += 1;
                let seed = self.seed(&shares, dealer, place, &masked.commitments[place])?;
                let sign = if place == dealer { Sign::Plus } else { Sign::between(dealer, place) };
                mask(&mut total, &seed, sign.undone());
            }
        }
        let entries = total.into_iter().map(u64::cast_signed).collect();
        Sum::new(&self.round, &self.shape, survivors, entries)
    }

    /// LEARNH-08: the seed that these shares come to, each of them: another share gives another seed, and another sum.
    fn seed(
        &self,
        shares: &[(usize, Share)],
        dealer: usize,
        place: usize,
        due: &[u8; 32],
    ) -> Result<Secret<[u8; 32]>, Abort> {
        let threshold = self.roster.rules().threshold();
        let seed = join(&shares[..threshold]);
        let extra = shares[threshold..].iter().map(|extra| {
            let mut others = shares[1..threshold].to_vec();
            others.push(*extra);
            join(&others)
        });
        let fits = |seed: &Secret<[u8; 32]>| commitment(&self.context, dealer, place, seed) == *due;
        if fits(&seed) && extra.into_iter().all(|seed| fits(&seed)) {
            Ok(seed)
        } else {
            Err(Breach::ShareDiffers.into())
        }
    }
}

/// Whether what each two of these trainers have committed to between them is the same: else their masks would not
/// cancel.
fn agree(masked: &[Option<Masked>]) -> bool {
    (0..masked.len()).all(|one| {
        (0..one).all(|other| match (&masked[one], &masked[other]) {
            (Some(a), Some(b)) => a.commitments[other] == b.commitments[one],
            _ => true,
        })
    })
}

/// LEARNH-07: a masked vector of exactly this shape.
fn masked(
    shape: &Shape,
    from: usize,
    commitments: Points,
    entries: &Bulk,
    boxes: &Boxes,
) -> Result<Masked, Abort> {
    let seats = shape.trainers();
    let boxes = boxes.as_slice();
    let whole = boxes.iter().all(|sealed| sealed.0.len() == 32 * seats + TAG);
    if commitments.0.len() != seats || boxes.len() + 1 != seats || !whole {
        return Err(Breach::MessageShape.into());
    }
    let mut by_seat = boxes.to_vec();
    by_seat.insert(from, Bulk::default());
    Ok(Masked { commitments: commitments.0, entries: from_bytes(shape, entries)?, boxes: by_seat })
}

/// LEARNH-14: once each.
fn fill<T>(slot: &mut Option<T>, value: T) -> Result<(), Abort> {
    if slot.is_some() {
        return Err(Breach::NotDue.into());
    }
    *slot = Some(value);
    Ok(())
}
