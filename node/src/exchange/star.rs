//! Training among several nodes: the coordinator speaks with each trainer over a channel of its own.
//!
//! What trainers say to each other passes through the coordinator, sealed and signed: it cannot read or change it
//! (`tacit_protocol::learn::horizontal`). So this only carries: who takes which seat, which round begins, and the
//! messages of the rounds. A trainer that falls silent is not waited for for ever.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use tacit_protocol::{
    ids::PartnerId,
    learn::horizontal::{Message, Seat},
    wire::{Inbox, Limits, Outbox, Role, Wire, WireError, codec, codec::Bulk},
};
use tokio::sync::mpsc;

use super::{
    drive::{Ends, SILENCE},
    error::ExchangeError,
    learn::part_of,
    question::{Aside, Spoken, protocol_message, take_apart},
    reveal::{Answering, Asking, session_of},
};
use crate::{
    ledger::Reserved,
    link::{ChannelReceiver, ChannelSender, Traffic},
};

/// How long the partner is given to take our last word.
const FAREWELL: Duration = Duration::from_secs(5);

/// What is said over a spoke of the star.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Star {
    /// A trainer takes its seat, and says which round it awaits.
    Seat {
        /// The seat.
        seat: SeatSaid,
        /// The number of that round.
        next: u32,
        /// The attempts at it that it has seen; the next one has this number.
        attempts: u32,
    },
    /// The coordinator: all seats.
    Roster {
        /// In order of the partners' ids.
        seats: Vec<SeatSaid>,
    },
    /// The coordinator: the sum of a round that this trainer missed.
    Late {
        /// Its number.
        number: u32,
        /// The attempt in which it was opened.
        attempt: u32,
        /// The message.
        sum: Bulk,
    },
    /// The coordinator: this attempt at this round begins.
    Round {
        /// Its number.
        number: u32,
        /// The attempt.
        attempt: u32,
    },
    /// A message of the round.
    Said(Bulk),
}

/// A seat on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatSaid {
    /// Whose.
    pub partner: PartnerId,
    /// Its key for this job.
    pub key: [u8; 32],
    /// Its node's signature, 64 bytes.
    pub signature: Bulk,
}

impl From<&Seat> for SeatSaid {
    fn from(seat: &Seat) -> Self {
        Self { partner: seat.partner, key: seat.key, signature: Bulk(seat.signature.to_vec()) }
    }
}

impl SeatSaid {
    /// The seat, if the signature has its length.
    pub fn seat(&self) -> Option<Seat> {
        let signature = self.signature.0.as_slice().try_into().ok()?;
        Some(Seat { partner: self.partner, key: self.key, signature })
    }
}

impl Star {
    /// A message of a round.
    pub fn said(message: &Message) -> Self {
        Self::Said(Bulk(message.encode()))
    }
}

impl Wire for Star {
    fn kind(&self) -> &'static str {
        match self {
            Self::Seat { .. } => "Seat",
            Self::Roster { .. } => "Roster",
            Self::Late { .. } => "Late",
            Self::Round { .. } => "Round",
            Self::Said(_) => "Said",
        }
    }

    fn encode(&self) -> Vec<u8> {
        let bulk = match self {
            Self::Said(bulk) | Self::Late { sum: bulk, .. } => bulk.0.len(),
            _ => 2048,
        };
        codec::encode(self, 64 + bulk)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}

/// No message of a star is longer; each round's own limits are checked where it is read.
const LARGEST: Limits = Limits::new(24 << 20);

/// A trainer's end of its spoke.
pub struct Spoke<'a> {
    ends: &'a mut Ends,
    outbox: Outbox,
    inbox: Inbox,
}

impl Answering {
    /// The spoke to the coordinator.
    pub fn spoke(&mut self, paid: &Reserved) -> Spoke<'_> {
        let session = part_of(session_of(self.binding, paid), "star");
        let (outbox, inbox) = (Outbox::new(session, Role::Responder), Inbox::new(session, Role::Responder));
        Spoke { ends: &mut self.ends, outbox, inbox }
    }
}

impl Spoke<'_> {
    /// Says something.
    ///
    /// # Errors
    /// The link's.
    pub async fn say(&mut self, star: &Star) -> Result<(), ExchangeError> {
        let partner = self.ends.partner.clone();
        let message = protocol_message(self.outbox.seal(star));
        self.ends.sender.send(message).await.map_err(|source| ExchangeError::Link { partner, source })
    }

    /// Hears the next word.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn hear(&mut self) -> Result<Star, ExchangeError> {
        hear(&mut self.ends.receiver, &mut self.inbox, &self.ends.partner).await
    }

    /// What has travelled over it.
    pub fn traffic(&self) -> Traffic {
        self.ends.sender.traffic()
    }
}

async fn hear(
    receiver: &mut ChannelReceiver,
    inbox: &mut Inbox,
    partner: &str,
) -> Result<Star, ExchangeError> {
    let name = || partner.to_owned();
    let heard = tokio::time::timeout(SILENCE, receiver.recv()).await;
    let heard = heard.map_err(|_| ExchangeError::Silent { partner: name() })?;
    let message = heard.map_err(|source| ExchangeError::Link { partner: name(), source })?;
    match message.and_then(take_apart) {
        Some(Spoken::Protocol(envelope)) => inbox
            .open::<Star>(&envelope, &LARGEST)
            .map_err(|error| ExchangeError::Protocol { partner: name(), source: error.into() }),
        Some(Spoken::Aside(Aside::Ended { code } | Aside::Refused { code, .. })) => {
            Err(ExchangeError::Ended { partner: name(), code })
        }
        _ => Err(ExchangeError::OutOfPlace { partner: name(), expected: "a word of the training" }),
    }
}

/// The coordinator's end of all spokes.
pub struct Hub {
    spokes: BTreeMap<PartnerId, HubSpoke>,
    heard: mpsc::Receiver<(PartnerId, Result<Star, ExchangeError>)>,
}

struct HubSpoke {
    sender: ChannelSender,
    outbox: Outbox,
    partner: String,
    reader: tokio::task::JoinHandle<()>,
}

impl Hub {
    /// Of channels on which every partner has said yes.
    pub fn of(asked: Vec<(PartnerId, Asking)>) -> Self {
        // A word a trainer at a time, and room for all.
        let (say, heard) = mpsc::channel(64);
        let spokes = asked.into_iter().map(|(id, Asking { ends, session })| {
            let session = part_of(session, "star");
            let Ends { sender, mut receiver, partner } = ends;
            let mut inbox = Inbox::new(session, Role::Initiator);
            let (name, say) = (partner.clone(), say.clone());
            let reader = tokio::spawn(async move {
                loop {
                    let word = hear(&mut receiver, &mut inbox, &name).await;
                    let over = word.is_err();
                    if say.send((id, word)).await.is_err() || over {
                        break;
                    }
                }
            });
            (id, HubSpoke { sender, outbox: Outbox::new(session, Role::Initiator), partner, reader })
        });
        Self { spokes: spokes.collect(), heard }
    }

    /// Says something to one trainer.
    ///
    /// # Errors
    /// The link's: that trainer is gone.
    pub async fn say(&mut self, to: PartnerId, star: &Star) -> Result<(), ExchangeError> {
        let Some(spoke) = self.spokes.get_mut(&to) else {
            return Err(ExchangeError::OutOfPlace {
                partner: to.short(),
                expected: "a trainer that is here",
            });
        };
        let message = protocol_message(spoke.outbox.seal(star));
        let partner = spoke.partner.clone();
        spoke.sender.send(message).await.map_err(|source| ExchangeError::Link { partner, source })
    }

    /// The next word of anybody, or that somebody is gone.
    pub async fn hear(&mut self) -> Option<(PartnerId, Result<Star, ExchangeError>)> {
        self.heard.recv().await
    }

    /// What has travelled over all spokes.
    pub fn traffic(&self) -> Traffic {
        self.spokes.values().map(|spoke| spoke.sender.traffic()).fold(Traffic::default(), |sum, more| {
            Traffic {
                sent: sum.sent + more.sent,
                received: sum.received + more.received,
                resent: sum.resent + more.resent,
                messages_sent: sum.messages_sent + more.messages_sent,
                messages_received: sum.messages_received + more.messages_received,
            }
        })
    }

    /// Closes all spokes; with a code if nothing came of the job.
    pub async fn farewell(self, code: Option<String>) {
        let Self { spokes, mut heard } = self;
        let close = async |spoke: HubSpoke| {
            let HubSpoke { mut sender, reader, .. } = spoke;
            let last = async {
                if let Some(code) = code.clone() {
                    sender.send(Aside::Ended { code }.encode()).await?;
                }
                sender.finish().await
            };
            if !matches!(tokio::time::timeout(FAREWELL, last).await, Ok(Ok(()))) {
                tracing::debug!("a spoke was not closed in good order");
            }
            reader.abort();
        };
        let closing = futures::future::join_all(spokes.into_values().map(close));
        // What is still on its way is taken and dropped: a reader that cannot hand over holds its channel up.
        let drain = async {
            while heard.recv().await.is_some() {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = closing => {}
            () = drain => {}
        }
    }
}
