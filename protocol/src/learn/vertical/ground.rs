//! What every session stands on: terms compared, keys exchanged, and a record of what was said.

use zeroize::Zeroizing;

use super::{
    bfv::{PublicKey, Request, SecretKey},
    draws::Draws,
    half::Correlations,
    message::{Message, Record, Stage},
    params::{NAME, Params, Party},
};
use crate::{
    ot::{Chooser, ChooserSetup, Keeper, KeeperSetup},
    secret::Secret,
    session::{Abort, PeerMisbehaved},
    transcript::Transcript,
    wire::codec::Bulk,
};

/// Keys and record of one end of one session.
pub(super) struct Ground {
    pub params: Params,
    pub party: Party,
    pub draws: Draws,
    pub key: SecretKey,
    record: Record,
    /// Fresh for the session.
    seed: Secret<[u8; 32]>,
    /// The last round that this end has kept.
    round: u16,
    opening: Opening,
    public: Option<PublicKey>,
    correlations: Option<Correlations>,
}

/// How far the opening is.
#[derive(Default)]
struct Opening {
    announced: bool,
    theirs: Option<(u16, [u8; 32])>,
    asked: bool,
    keeper: Option<KeeperSetup<1>>,
    answer: Option<Vec<u8>>,
    chooser: Option<Chooser<1>>,
    kept: Option<Keeper<1>>,
    answered: bool,
}

impl Ground {
    /// `secret` belongs to the job, `seed` to the session. `purpose` tells kinds of session apart.
    pub(super) fn new(
        params: Params,
        party: Party,
        purpose: &[u8],
        round: u16,
        secret: &Secret<[u8; 32]>,
        seed: Secret<[u8; 32]>,
    ) -> Self {
        let draws = Draws::new(secret, &params, purpose, party);
        let key = SecretKey::new(&draws.seed("key", 0, 0, &[0; 32]));
        Self {
            record: Record::new(&params, purpose, party),
            params,
            party,
            draws,
            key,
            seed,
            round,
            opening: Opening::default(),
            public: None,
            correlations: None,
        }
    }

    fn fresh(&self, purpose: &str) -> Secret<[u8; 32]> {
        let mut transcript = Transcript::new(NAME);
        transcript.absorb("session", self.params.agreed().session.as_bytes());
        transcript.absorb("fresh", purpose.as_bytes());
        transcript.absorb("by", self.party.name().as_bytes());
        transcript.absorb("seed", self.seed.expose());
        Secret::new(transcript.hash())
    }

    fn nonce(&self) -> [u8; 32] {
        *self.fresh("nonce").expose()
    }

    /// A value under which what will be opened is committed to.
    pub(super) fn opening_nonce(&self) -> [u8; 32] {
        *self.fresh("opening").expose()
    }

    /// The id of the correlation that `keeper` keeps: new for every session, whatever ids the callers give.
    fn correlation(&self, keeper: Party, theirs: &[u8; 32]) -> [u8; 32] {
        let ours = self.nonce();
        let (label, features) = match self.party {
            Party::Label => (&ours, theirs),
            Party::Features => (theirs, &ours),
        };
        let mut transcript = Transcript::new(NAME);
        transcript.absorb("session", self.params.agreed().session.as_bytes());
        transcript.absorb("label's nonce", label);
        transcript.absorb("features' nonce", features);
        transcript.absorb("keeper", keeper.name().as_bytes());
        transcript.hash()
    }

    /// Notes a message on its way out.
    pub(super) fn say(&mut self, message: Message) -> Message {
        self.record.say(message)
    }

    pub(super) fn part(&mut self, stage: Stage, number: u32, bytes: Vec<u8>) -> Message {
        self.say(Message::Part { party: self.party, stage, number, bytes: Bulk(bytes) })
    }

    /// Notes a message that came in.
    ///
    /// # Errors
    /// LEARNV-31: [`PeerMisbehaved::RoleReflected`].
    pub(super) fn hear(&mut self, message: &Message) -> Result<(), PeerMisbehaved> {
        if message.party() != self.party.peer() {
            return Err(PeerMisbehaved::RoleReflected);
        }
        self.record.hear(message);
        Ok(())
    }

    pub(super) fn hash(&self, purpose: &str, content: &[u8]) -> [u8; 32] {
        self.record.hash(self.party, purpose, content)
    }

    pub(super) fn compare(
        &self,
        theirs: &[u8; 32],
        purpose: &str,
        content: &[u8],
    ) -> Result<(), PeerMisbehaved> {
        self.record.compare(theirs, purpose, content)
    }

    pub(super) fn conversation(&self) -> [u8; 32] {
        self.record.conversation()
    }

    /// The next message of the opening, if it can be made.
    pub(super) fn open(&mut self) -> Option<Message> {
        let party = self.party;
        if !self.opening.announced {
            self.opening.announced = true;
            let (terms, round, nonce) = (self.params.terms(), self.round, self.nonce());
            return Some(self.say(Message::Announce { party, terms, round, nonce }));
        }
        let (_, theirs) = self.opening.theirs?;
        if !self.opening.asked {
            self.opening.asked = true;
            let mut bytes = self.key.public(&self.draws.seed("public", 0, 0, &[0; 32]));
            let (keeper, message) =
                KeeperSetup::start(&self.correlation(party, &theirs), &self.fresh("keeper"));
            bytes.extend(message);
            self.opening.keeper = Some(keeper);
            return Some(self.say(Message::Setup { party, step: 0, bytes: Bulk(bytes) }));
        }
        let bytes = self.opening.answer.take()?;
        self.opening.answered = true;
        self.settle();
        Some(self.say(Message::Setup { party, step: 1, bytes: Bulk(bytes) }))
    }

    /// The peer's announcement: the round from which both can go on.
    ///
    /// # Errors
    /// LEARNV-01: [`PeerMisbehaved::TranscriptDiffers`] when the terms are others.
    pub(super) fn announced(&mut self, terms: &[u8; 32], round: u16, nonce: [u8; 32]) -> Result<u16, Abort> {
        if self.opening.theirs.is_some() {
            return Err(Abort::OutOfTurn { expected: self.expects(), got: "Announce" });
        }
        if *terms != self.params.terms() {
            return Err(PeerMisbehaved::TranscriptDiffers.into());
        }
        self.opening.theirs = Some((round, nonce));
        Ok(self.round.min(round))
    }

    /// A step of the peer's set-up.
    ///
    /// # Errors
    /// [`Abort`]: out of turn, or malformed keys.
    pub(super) fn set_up(&mut self, step: u32, bytes: &[u8]) -> Result<(), Abort> {
        let out_of_turn = Abort::OutOfTurn { expected: self.expects(), got: "Setup" };
        let Some((_, theirs)) = self.opening.theirs else { return Err(out_of_turn) };
        match (step, self.public.is_some()) {
            (0, false) => {
                let expected = Request::BYTES + KeeperSetup::<1>::MESSAGE;
                let (key, message) = bytes
                    .split_at_checked(Request::BYTES)
                    .filter(|_| bytes.len() == expected)
                    .ok_or(PeerMisbehaved::CountDiffers { expected, got: bytes.len() })?;
                self.public = Some(PublicKey::read(key)?);
                let id = self.correlation(self.party.peer(), &theirs);
                let (chooser, answer) = ChooserSetup::respond(&id, &self.fresh("chooser"), message)?;
                self.opening.chooser = Some(chooser);
                self.opening.answer = Some(answer);
            }
            (1, true) => {
                let keeper = self.opening.keeper.take().ok_or(out_of_turn)?;
                self.opening.kept = Some(keeper.finish(bytes)?);
                self.settle();
            }
            _ => return Err(out_of_turn),
        }
        Ok(())
    }

    fn settle(&mut self) {
        let Opening { chooser, kept, answered: true, .. } = &mut self.opening else { return };
        if kept.is_some()
            && let (Some(chooser), Some(keeper)) = (chooser.take(), kept.take())
        {
            self.correlations = Some(Correlations::new(chooser, keeper));
        }
    }

    /// The keys, when the opening is over.
    pub(super) fn keys(&self) -> Option<(&PublicKey, &Correlations)> {
        self.public.as_ref().zip(self.correlations.as_ref())
    }

    pub(super) fn expects(&self) -> &'static str {
        if self.opening.theirs.is_none() { "Announce" } else { "Setup" }
    }

    /// The hash of numbers, for binding what hides them.
    pub(super) fn digest(&self, numbers: &[u64]) -> Zeroizing<[u8; 32]> {
        self.draws.digest(numbers)
    }
}

/// A number that is due next, and nothing else.
pub(super) fn in_order(expected: u32, got: u32) -> Result<(), PeerMisbehaved> {
    if expected == got { Ok(()) } else { Err(PeerMisbehaved::ChunkOutOfOrder { expected, got }) }
}
