//! What an end has from the beginning to the end of a run: its set, its keys, its record.

use curve25519_dalek::Scalar;

use super::{
    draws::{Draws, Use},
    message::{Message, Record, Role},
    own::Own,
    params::{Padding, Params},
};
use crate::{
    ristretto::Engine,
    secret::Secret,
    session::{Abort, PeerMisbehaved},
    wire::Wire,
};

/// The keys of a run, each fresh and for one thing (UNION-06).
pub(super) struct Keys {
    /// k: of the own items, and of the peer's when sets are compared.
    pub(super) compare: Secret<Scalar>,
    /// p: this end's half of the key of the places.
    pub(super) place: Secret<Scalar>,
    /// t: of what is asked.
    pub(super) ask: Secret<Scalar>,
}

impl Keys {
    /// From `under` this key's power to that of the places: multiply by p and undo `under`.
    pub(super) fn to_place(&self, under: &Secret<Scalar>) -> Secret<Scalar> {
        let undo = Secret::new(under.expose().invert());
        Secret::new(self.place.expose() * undo.expose())
    }
}

pub(super) struct Party {
    pub(super) params: Params,
    pub(super) role: Role,
    pub(super) engine: Engine,
    pub(super) own: Own,
    pub(super) shared: u32,
    pub(super) keys: Keys,
    pub(super) draws: Draws,
    pub(super) record: Record,
    announced: bool,
}

impl Party {
    pub(super) fn new(
        params: Params,
        role: Role,
        items: &[Option<[u8; 32]>],
        padding: Padding,
        seed: &Secret<[u8; 32]>,
    ) -> Result<Self, Abort> {
        let draws = Draws::new(seed, &params, role);
        Ok(Self {
            own: Own::new(&params, role, items, padding, &draws)?,
            record: Record::united(&params, role),
            keys: Keys {
                compare: draws.key(Use::Compare),
                place: draws.key(Use::Place),
                ask: draws.key(Use::Ask),
            },
            engine: Engine::detect(),
            shared: padding.shared,
            params,
            role,
            draws,
            announced: false,
        })
    }

    /// This end's announcement, once.
    pub(super) fn announce(&mut self) -> Option<Message> {
        let first = !std::mem::replace(&mut self.announced, true);
        let announce = Message::Announce { role: self.role, count: self.own.count().into() };
        first.then(|| self.record.say(announce))
    }

    /// Takes the peer's announcement; nothing is allocated for it.
    pub(super) fn hear_announce(&mut self, message: &Message) -> Result<u32, Abort> {
        let Message::Announce { count, .. } = message else {
            return Err(out_of_turn("Announce", message));
        };
        // UNION-07: refused before any work or memory follows from it (A07). An honest end brings both pools.
        let cap = self.params.max_peer();
        let least = 2 * u64::from(self.params.pool());
        match u32::try_from(*count) {
            Ok(fits) if fits <= cap && u64::from(fits) >= least => {
                self.record.hear(message);
                Ok(fits)
            }
            Ok(fits) if fits <= cap => {
                Err(PeerMisbehaved::CountDiffers { expected: least as usize, got: fits as usize }.into())
            }
            _ => Err(PeerMisbehaved::CountAboveCap { announced: *count, cap }.into()),
        }
    }

    /// UNION-13: what this end says carries its role, so it cannot be said to it (A15).
    pub(super) fn by_peer(&self, message: &Message) -> Result<(), PeerMisbehaved> {
        if message.role() == self.role.peer() { Ok(()) } else { Err(PeerMisbehaved::RoleReflected) }
    }
}

pub(super) fn out_of_turn(expected: &'static str, got: &Message) -> Abort {
    Abort::OutOfTurn { expected, got: got.kind() }
}

/// The same in order; `None` when a point stands there twice (UNION-10).
pub(super) fn sorted(mut points: Vec<[u8; 32]>) -> Result<Vec<[u8; 32]>, PeerMisbehaved> {
    use rayon::prelude::*;
    points.par_sort_unstable();
    let repeated = points.par_windows(2).any(|pair| pair[0] == pair[1]);
    if repeated { Err(PeerMisbehaved::PointRepeated) } else { Ok(points) }
}
