//! One end of a run.

use super::{
    message::{Message, Record, Role},
    params::{Padding, Params},
};
use crate::{
    secret::Secret,
    session::{Abort, Produced, Progress, Session, Step},
    wire::Wire,
};

/// One end of a run. Both ends are the same.
pub struct Uniter(Record);

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
        let _ = (items, seed, params.max_own(), params.max_peer(), params.domain(), params.least());
        let _ = params.chunk_items();
        if padding.shared > params.pool() {
            return Err(Abort::OwnSetAboveCap { count: padding.shared.into(), cap: params.pool() });
        }
        Ok(Self(Record::united(&params, role)))
    }
}

impl Session for Uniter {
    type Message = Message;
    type Output = United;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        let _ = (message.role(), self.0.ours(|_| {}));
        Err(Abort::OutOfTurn { expected: "nothing", got: message.kind() })
    }

    fn produce(self) -> Result<Produced<Self>, Abort> {
        Ok(Produced::Idle(self))
    }

    fn expects(&self) -> &'static str {
        "Announce"
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}
