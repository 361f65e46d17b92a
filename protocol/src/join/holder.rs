//! The end that ...

use super::{figures::Joined, message::Message, params::Params, rows::Rows};
use crate::{
    secret::Secret,
    session::{Abort, Produced, Progress, Session, Step},
    wire::Wire,
};

/// The holder of a run.
pub struct Holder {
    params: Params,
}

impl Holder {
    /// Begins a run with these rows. `padded` is the size that is announced, at least the number of rows;
    /// `noise` has this end's full share for each figure, and is there exactly if the other end learns them;
    /// `seed` must be 32 bytes fresh from a secure generator.
    ///
    /// # Errors
    /// [`Abort`]: more rows than may be, rows or noise that are not of the agreed shape, a key that stands twice.
    pub fn start(
        params: Params,
        rows: Rows,
        padded: u32,
        noise: Option<Vec<i64>>,
        seed: Secret<[u8; 32]>,
    ) -> Result<Self, Abort> {
        Ok(Self { params })
    }
}

impl Session for Holder {
    type Message = Message;
    type Output = Joined;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        Err(Abort::after_the_end(message.kind()))
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
