//! How two ends come to a correlation: 128·G base transfers and 32·G trees, in two messages.
//!
//! The keeper speaks first: its base transfers choose along the paths to the leaves Δ. The chooser answers
//! with its point and the trees' sums. OT-01: everything is bound to the session's id, so an id must not be
//! used for two correlations.

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use super::{
    base::{self, ANSWER, Context},
    block::Engine,
    field::COLUMNS,
    pprf::{self, LEAVES, LEVELS, SUMS},
    vole::{Chooser, Keeper},
};
use crate::{secret::Secret, session::PeerMisbehaved, transcript::Transcript};

const NAME: &str = "tacit ot/1";

/// What a correlation's id and shape are hashed to.
fn session<const G: usize>(sid: &[u8]) -> Transcript {
    let mut transcript = Transcript::new(NAME);
    transcript.absorb("session", sid);
    transcript.absorb("groups", &(G as u64).to_le_bytes());
    transcript
}

fn context<const G: usize>(sid: &[u8]) -> Context {
    Context::new(&session::<G>(sid).hash())
}

/// OT-06: the public key from which the hash's keys come.
fn hash_context<const G: usize>(sid: &[u8]) -> [u8; 16] {
    let mut transcript = session::<G>(sid);
    transcript.absorb("purpose", b"hash");
    let mut key = [0; 16];
    key.copy_from_slice(&transcript.hash()[..16]);
    key
}

/// OT-04: all randomness of an end comes from one seed, hashed with role and session, so that the same seed
/// at both ends or in two sessions repeats nothing.
fn draws<const G: usize>(sid: &[u8], role: &str, seed: &Secret<[u8; 32]>) -> ChaCha20Rng {
    let mut transcript = session::<G>(sid);
    transcript.absorb("draws of", role.as_bytes());
    transcript.absorb("seed", seed.expose());
    ChaCha20Rng::from_seed(*Zeroizing::new(transcript.hash()))
}

/// The keeper, between its message and the chooser's.
pub struct KeeperSetup<const G: usize> {
    receiver: base::Receiver,
    delta: Secret<Vec<u8>>,
    hash: [u8; 16],
    engine: Engine,
}

impl<const G: usize> KeeperSetup<G> {
    /// Bytes of the keeper's message.
    pub const MESSAGE: usize = G * COLUMNS * LEVELS * 64;

    /// The first message. `sid` is public, the same at both ends, and new for every correlation; `seed` is
    /// 32 fresh bytes.
    pub fn start(sid: &[u8], seed: &Secret<[u8; 32]>) -> (Self, Vec<u8>) {
        Self::start_on(Engine::detect(), sid, seed)
    }

    pub(super) fn start_on(engine: Engine, sid: &[u8], seed: &Secret<[u8; 32]>) -> (Self, Vec<u8>) {
        let mut stream = draws::<G>(sid, "keeper", seed);
        let mut delta = vec![0; G * COLUMNS];
        stream.fill_bytes(&mut delta);
        delta.iter_mut().for_each(|symbol| *symbol &= 15);
        let choices = Secret::new(delta.iter().flat_map(|leaf| pprf::choices(*leaf)).collect());
        let (receiver, message) = base::Receiver::start(context::<G>(sid), choices, &mut stream);
        (Self { receiver, delta: Secret::new(delta), hash: hash_context::<G>(sid), engine }, message)
    }

    #[cfg(test)]
    pub(super) const fn symbols(&self) -> &Vec<u8> {
        self.delta.expose()
    }

    /// The keeper of the correlation, from the chooser's message.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] for a message of another length, [`PeerMisbehaved::PointRefused`]
    /// for a point that is none or the identity.
    pub fn finish(self, message: &[u8]) -> Result<Keeper<G>, PeerMisbehaved> {
        let expected = ChooserSetup::<G>::MESSAGE;
        let Some((answer, sums)) = message.split_at_checked(ANSWER).filter(|_| message.len() == expected)
        else {
            return Err(PeerMisbehaved::CountDiffers { expected, got: message.len() });
        };
        let keys = self.receiver.finish(answer)?;
        let mut seeds = Zeroizing::new(Vec::with_capacity(G * COLUMNS * LEAVES));
        let mut delta = Zeroizing::new([0; G]);
        let trees = keys.chunks(LEVELS).zip(sums.as_chunks::<SUMS>().0).zip(self.delta.expose());
        for (column, ((keys, sums), leaf)) in trees.enumerate() {
            seeds.extend_from_slice(&*pprf::punctured(*leaf, keys, sums));
            for plane in 0..4 {
                let bit = u128::from((leaf >> plane) & 1);
                delta[column / COLUMNS] |= bit << (plane as usize * COLUMNS + column % COLUMNS);
            }
        }
        Ok(Keeper::new(self.engine, &seeds, &delta, self.hash))
    }
}

/// The chooser, which answers at once.
pub struct ChooserSetup<const G: usize>;

impl<const G: usize> ChooserSetup<G> {
    /// Bytes of the chooser's message.
    pub const MESSAGE: usize = ANSWER + G * COLUMNS * SUMS;

    /// The chooser of the correlation and its message, from the keeper's.
    ///
    /// # Errors
    /// As [`KeeperSetup::finish`].
    pub fn respond(
        sid: &[u8],
        seed: &Secret<[u8; 32]>,
        message: &[u8],
    ) -> Result<(Chooser<G>, Vec<u8>), PeerMisbehaved> {
        Self::respond_on(Engine::detect(), sid, seed, message)
    }

    pub(super) fn respond_on(
        engine: Engine,
        sid: &[u8],
        seed: &Secret<[u8; 32]>,
        message: &[u8],
    ) -> Result<(Chooser<G>, Vec<u8>), PeerMisbehaved> {
        let mut stream = draws::<G>(sid, "chooser", seed);
        let count = G * COLUMNS * LEVELS;
        let (keys, answer) = base::send(&context::<G>(sid), count, message, &mut stream)?;
        let mut out = Vec::with_capacity(Self::MESSAGE);
        out.extend_from_slice(&answer);
        let mut seeds = Zeroizing::new(Vec::with_capacity(G * COLUMNS * LEAVES));
        for keys in keys.chunks(LEVELS) {
            let mut root = Zeroizing::new([0; 16]);
            stream.fill_bytes(root.as_mut());
            let (leaves, sums) = pprf::whole(&root, keys);
            seeds.extend_from_slice(&*leaves);
            out.extend_from_slice(&sums);
        }
        Ok((Chooser::new(engine, &seeds, hash_context::<G>(sid)), out))
    }
}
