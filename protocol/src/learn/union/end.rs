//! One end of a run.
//!
//! ```text
//!   Announce ──Announce──► Comparing ──all Blinded, Keyed, Shuffled──► Placing ──all Asked, Answered──► Closing ──► done
//! ```
//!
//! All that is said in bulk comes from `produce`, never from `handle`, so that two ends that speak and hear at the same
//! time cannot wait for each other (`docs/decisions/0002-streaming-sessions.md`).

use super::{
    compare::Comparing,
    message::{Message, Role},
    params::{Padding, Params},
    party::Party,
    place::{Closing, Placing},
};
use crate::{
    secret::Secret,
    session::{Abort, Produced, Progress, Session, Step},
};

/// One end of a run. Both ends are the same. Its memory: some 180 bytes an own item and 140 for each of the peer's.
pub struct Uniter(pub(super) Await);

pub(super) enum Await {
    Announce(Box<Party>),
    Comparing(Box<Comparing>),
    Placing(Box<Placing>),
    Closing(Box<Closing>),
}

/// What an end goes out with.
#[derive(Clone, PartialEq, Eq)]
pub struct United {
    /// For each place of the union, dummies included: this end's customer there, if it has one (an index into what was
    /// given to [`Uniter::start`]). The other end has as many places, in the same order.
    pub places: Vec<Option<u32>>,
    /// How many customers are in common, estimated: off by what the other end's dummies are off their mean. Can be
    /// below 0. The two ends' estimates differ.
    pub about: i64,
    /// Items of this end, its dummies included, as the peer saw them.
    pub own_count: u32,
    /// Items of the peer, its dummies included.
    pub peer_count: u32,
    /// The hash of what was said and of the union: the same at both ends.
    pub transcript: [u8; 32],
}

/// Shows sizes.
impl std::fmt::Debug for United {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "United({} places)", self.places.len())
    }
}

impl Uniter {
    /// Begins a run with this end's customers: for each its item, 32 uniform bytes (a hash), if it has one. One
    /// without takes no part and has no place; of several with the same item the first takes part. `seed` must be 32
    /// bytes fresh from a secure generator, never used for another run.
    ///
    /// # Errors
    /// [`Abort::OwnSetAboveCap`], also when more dummies are to be shared than there are in the pool.
    pub fn start(
        params: Params,
        role: Role,
        items: &[Option<[u8; 32]>],
        padding: Padding,
        seed: Secret<[u8; 32]>,
    ) -> Result<Self, Abort> {
        let party = Party::new(params, role, items, padding, &seed)?;
        Ok(Self(Await::Announce(Box::new(party))))
    }
}

impl Await {
    fn party(&self) -> &Party {
        match self {
            Self::Announce(party) => party,
            Self::Comparing(comparing) => comparing.party(),
            Self::Placing(placing) => placing.party(),
            Self::Closing(closing) => closing.party(),
        }
    }

    /// On to what follows, where all is said and heard.
    fn advance(mut self) -> Result<Self, Abort> {
        loop {
            self = match self {
                Self::Comparing(comparing) if comparing.is_done() => {
                    Self::Placing(Box::new(comparing.compare()?))
                }
                Self::Placing(placing) if placing.is_done() => Self::Closing(Box::new(placing.unite()?)),
                other => return Ok(other),
            }
        }
    }
}

impl Session for Uniter {
    type Message = Message;
    type Output = United;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        self.0.party().by_peer(&message)?;
        let (state, send) = match self.0 {
            Await::Announce(party) => {
                let (comparing, send) = Comparing::begin(party, &message)?;
                (Await::Comparing(Box::new(comparing)), send)
            }
            Await::Comparing(mut comparing) => {
                comparing.handle(&message)?;
                (Await::Comparing(comparing), Vec::new())
            }
            Await::Placing(mut placing) => {
                placing.handle(&message)?;
                (Await::Placing(placing), Vec::new())
            }
            Await::Closing(closing) => {
                let (send, output) = closing.hear(&message)?;
                return Ok(Step::Done { output, send });
            }
        };
        Ok(Step::Wait { state: Self(state.advance()?), send })
    }

    fn produce(mut self) -> Result<Produced<Self>, Abort> {
        let message = match &mut self.0 {
            Await::Announce(party) => party.announce(),
            Await::Comparing(comparing) => comparing.produce()?,
            Await::Placing(placing) => placing.produce()?,
            Await::Closing(closing) => closing.finish(),
        };
        Ok(match message {
            Some(message) => Produced::Message { state: Self(self.0.advance()?), message },
            None => Produced::Idle(self),
        })
    }

    fn expects(&self) -> &'static str {
        match &self.0 {
            Await::Announce(_) => "Announce",
            Await::Comparing(comparing) => comparing.expects(),
            Await::Placing(placing) => placing.expects(),
            Await::Closing(_) => "Finished",
        }
    }

    fn progress(&self) -> Progress {
        let own = u64::from(self.0.party().own.count());
        let (peer, done) = match &self.0 {
            Await::Announce(_) => (0, 0),
            Await::Comparing(comparing) => (comparing.peer_count(), comparing.done()),
            Await::Placing(placing) => {
                let peer = placing.peer_count();
                (peer, 3 * (own + u64::from(peer)) + placing.done())
            }
            Await::Closing(closing) => {
                let peer = closing.peer_count();
                (peer, 4 * (own + u64::from(peer)))
            }
        };
        Progress { done, total: 4 * (own + u64::from(peer)) }
    }
}
