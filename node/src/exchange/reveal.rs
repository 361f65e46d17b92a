//! Which of the asker's own customers match: the two ends of one revelation.

use std::time::Duration;

use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use tacit_protocol::{
    ids::{ContractId, SessionId},
    noise::{DummyCount, Rational},
    psi,
    secret::Secret,
    wire::{Inbox, Outbox, Role, hello::session_id},
};

use super::{
    drive::{Ends, Watch, drive},
    error::ExchangeError,
    question::{Aside, Question, Spoken, take_apart},
};
use crate::{
    ledger::Reserved,
    link::{Channel, Link, LinkError, Traffic},
    rooms::joined,
    scan::KEYS_A_CUSTOMER,
};

/// How long the partner is given to take our last word.
const FAREWELL: Duration = Duration::from_secs(5);

/// Words that a partner says before the protocol, at most: it waits, it prepares, it is ready.
const MOST_ASIDES: usize = 4;

/// What this node brings to every session.
pub struct Rules {
    /// The most items of one side.
    pub max_items: u64,
    /// Under which the dummies of a set are drawn.
    pub padding_key: Secret<[u8; 32]>,
}

/// What a revelation shares: the asker's matches and what both saw.
#[derive(Debug)]
pub struct Joint {
    /// For each of our items whether the partner has it.
    pub matches: Vec<bool>,
    /// Sizes and the transcript, as both sides record them.
    pub seen: Served,
}

/// What either side saw of the other.
#[derive(Debug, Clone)]
pub struct Served {
    /// Our padded size.
    pub own_size: u64,
    /// The partner's padded size.
    pub partner_size: u64,
    /// The hash of what was said.
    pub transcript: [u8; 32],
    /// Bytes on the wire.
    pub traffic: Traffic,
}

/// An asked question, before the protocol.
pub struct Asking {
    pub(super) ends: Ends,
    pub(super) session: SessionId,
}

impl Asking {
    /// Sends the question. The partner's node starts to walk its own rooms while we read our data.
    ///
    /// # Errors
    /// [`ExchangeError::Link`] if the partner cannot be reached.
    pub async fn open(link: &Link, reserved: &Reserved, question: &Question) -> Result<Self, ExchangeError> {
        let permitted = reserved.permitted();
        let partner = permitted.partner().name.clone();
        let channel = link
            .open(permitted.partner().id(), question.encode())
            .await
            .map_err(|source| ExchangeError::Link { partner: partner.clone(), source })?;
        Ok(Self { session: session_of(Binding::of(&channel), reserved), ends: Ends::of(channel, partner) })
    }

    /// Waits until the partner's people and policies have said yes.
    ///
    /// # Errors
    /// [`ExchangeError::Refused`] with the partner's code.
    pub async fn granted(
        &mut self,
        patience: Duration,
        hear: impl FnMut(&Aside),
    ) -> Result<(), ExchangeError> {
        let partner = self.ends.partner.clone();
        let granted = tokio::time::timeout(patience, self.hear_asides(hear)).await;
        granted.unwrap_or(Err(ExchangeError::Silent { partner }))
    }

    async fn hear_asides(&mut self, mut hear: impl FnMut(&Aside)) -> Result<(), ExchangeError> {
        let partner = &self.ends.partner;
        let out_of_place =
            || ExchangeError::OutOfPlace { partner: partner.clone(), expected: "an answer to the question" };
        for _ in 0..MOST_ASIDES {
            let message = self
                .ends
                .receiver
                .recv()
                .await
                .map_err(|source| ExchangeError::Link { partner: partner.clone(), source })?
                .ok_or_else(out_of_place)?;
            match take_apart(message) {
                Some(Spoken::Aside(Aside::Ready)) => return Ok(()),
                Some(Spoken::Aside(Aside::Refused { code, reason })) => {
                    return Err(ExchangeError::Refused { partner: partner.clone(), code, reason });
                }
                Some(Spoken::Aside(Aside::Ended { code })) => {
                    return Err(ExchangeError::Ended { partner: partner.clone(), code });
                }
                Some(Spoken::Aside(aside)) => hear(&aside),
                Some(Spoken::Protocol(_)) | None => return Err(out_of_place()),
            }
        }
        Err(out_of_place())
    }

    /// Closes the channel; with a code if nothing came of the question.
    pub async fn farewell(self, code: Option<&str>) {
        self.ends.farewell(code.map(|code| Aside::Ended { code: code.to_owned() })).await;
    }

    /// Runs the protocol as its receiver.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn run(
        &mut self,
        reserved: &Reserved,
        items: Vec<[u8; 32]>,
        rules: &Rules,
        watch: Watch,
    ) -> Result<Joint, ExchangeError> {
        let params = params(reserved, self.session, items.len(), rules)?;
        let contract = reserved.permitted().contract_id();
        let (seed, dummies) = (seed()?, dummies("reveal", &padding()?, rules, contract, &items)?);
        let partner = self.ends.partner.clone();
        let limits = params.limits();
        // Sorting and shuffling a few million items is no work for an I/O thread.
        let started =
            tokio::task::spawn_blocking(move || psi::Receiver::start(params, items, dummies, seed)).await;
        let session = joined(started).map_err(|source| ExchangeError::Protocol { partner, source })?;
        let role = Role::Initiator;
        let mail = (Outbox::new(self.session, role), Inbox::new(self.session, role));
        let output = drive(session, mail, limits, &mut self.ends, watch).await?;
        let traffic = self.ends.sender.traffic();
        Ok(Joint {
            matches: output.matched,
            seen: Served {
                own_size: output.own_count.into(),
                partner_size: output.peer_count.into(),
                transcript: output.transcript,
                traffic,
            },
        })
    }
}

/// The answering end.
pub struct Answering {
    pub(super) ends: Ends,
    pub(super) binding: Binding,
}

impl Answering {
    /// Takes a channel on which a partner asks.
    pub fn new(channel: Channel, partner: String) -> Self {
        Self { binding: Binding::of(&channel), ends: Ends::of(channel, partner) }
    }

    /// Closes the channel, with a last word if there is one.
    pub async fn farewell(self, last: Option<Aside>) {
        self.ends.farewell(last).await;
    }

    /// Says something before the protocol.
    ///
    /// # Errors
    /// [`ExchangeError::Link`] if nobody hears it.
    pub async fn say(&mut self, aside: Aside) -> Result<(), ExchangeError> {
        let partner = self.ends.partner.clone();
        self.ends.sender.send(aside.encode()).await.map_err(|source| ExchangeError::Link { partner, source })
    }

    /// Completes when the asker goes away, or speaks before its turn; for use beside a wait.
    pub async fn asker_left(&mut self) -> ExchangeError {
        let partner = self.ends.partner.clone();
        match self.ends.receiver.recv().await {
            Err(source) => ExchangeError::Link { partner, source },
            Ok(Some(message)) => match take_apart(message) {
                Some(Spoken::Aside(Aside::Ended { code })) => ExchangeError::Ended { partner, code },
                _ => {
                    ExchangeError::OutOfPlace { partner, expected: "silence until the question is answered" }
                }
            },
            Ok(None) => ExchangeError::Ended { partner, code: "E-ASKER-LEFT".to_owned() },
        }
    }

    /// Runs the protocol as its sender.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn run(
        &mut self,
        reserved: &Reserved,
        items: Vec<[u8; 32]>,
        rules: &Rules,
        watch: Watch,
    ) -> Result<Served, ExchangeError> {
        let session_id = session_of(self.binding, reserved);
        let params = params(reserved, session_id, items.len(), rules)?;
        let contract = reserved.permitted().contract_id();
        let (seed, dummies) = (seed()?, dummies("reveal", &padding()?, rules, contract, &items)?);
        let partner = self.ends.partner.clone();
        let limits = params.limits();
        let started =
            tokio::task::spawn_blocking(move || psi::Sender::start(params, items, dummies, seed)).await;
        let session = joined(started).map_err(|source| ExchangeError::Protocol { partner, source })?;
        self.say(Aside::Ready).await?;
        let role = Role::Responder;
        let mail = (Outbox::new(session_id, role), Inbox::new(session_id, role));
        let output = drive(session, mail, limits, &mut self.ends, watch).await?;
        let traffic = self.ends.sender.traffic();
        Ok(Served {
            own_size: output.own_count.into(),
            partner_size: output.peer_count.into(),
            transcript: output.transcript,
            traffic,
        })
    }
}

impl Ends {
    fn of(channel: Channel, partner: String) -> Self {
        let (sender, receiver) = channel.split();
        Self { sender, receiver, partner }
    }

    /// Says a last word, if there is one, and closes our half in good order. Called when everything is on
    /// record: how long the partner takes to listen is its own affair.
    async fn farewell(self, last: Option<Aside>) {
        let Self { mut sender, mut receiver, .. } = self;
        let close = async {
            if let Some(last) = last {
                sender.send(last.encode()).await?;
            }
            sender.finish().await
        };
        // What the partner still sends is taken and dropped: it cannot hear us while it waits to be heard.
        let drain = async {
            while let Ok(Some(_)) = receiver.recv().await {}
            std::future::pending::<Result<(), LinkError>>().await
        };
        let closing = async {
            tokio::select! {
                closed = close => closed,
                never = drain => never,
            }
        };
        if !matches!(tokio::time::timeout(FAREWELL, closing).await, Ok(Ok(()))) {
            tracing::debug!("a channel was not closed in good order");
        }
    }
}

/// What a session is bound to besides the question: the connection, and the channel on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding {
    connection: [u8; 32],
    channel: u64,
}

impl Binding {
    fn of(channel: &Channel) -> Self {
        Self { connection: *channel.binding(), channel: channel.number() }
    }
}

/// The session's id binds both hellos, the TLS exporter, the channel, the question and the contract: nothing
/// said in one session means anything in another (A13, A14).
pub(super) fn session_of(binding: Binding, reserved: &Reserved) -> SessionId {
    let contract = reserved.permitted().contract_id();
    session_id(&binding.connection, reserved.query(), contract, binding.channel)
}

fn params(
    reserved: &Reserved,
    session: SessionId,
    items: usize,
    rules: &Rules,
) -> Result<psi::Params, ExchangeError> {
    let limit = rules.max_items;
    if items as u64 > limit {
        return Err(ExchangeError::TooManyItems { items: items as u64, limit });
    }
    // Counts on the wire include dummies, so the caps leave room for them.
    let cap = u32::try_from(limit.saturating_add(u64::from(padding()?.bound()))).unwrap_or(u32::MAX);
    Ok(psi::Params::new(session, reserved.permitted().contract_id(), cap, cap))
}

/// The distribution of dummies: ε 0.1 and δ 10⁻⁹ for each session, against the absence of one customer, who takes
/// no more than [`KEYS_A_CUSTOMER`] match keys out of a set (noise::dummies has the source).
fn padding() -> Result<DummyCount, ExchangeError> {
    let calibrated = || {
        let epsilon = Rational::new(1, 10).ok()?;
        let delta = Rational::new(1, 1_000_000_000).ok()?;
        DummyCount::calibrate(epsilon, delta, KEYS_A_CUSTOMER).ok()
    };
    calibrated().ok_or(ExchangeError::NoRandomness)
}

/// How many dummies pad our size. The draw is a function of the set under a key that never leaves: the same set
/// under the same contract always shows the same size, so asking again and again averages nothing away (B05).
pub(super) fn dummies(
    purpose: &str,
    padding: &DummyCount,
    rules: &Rules,
    contract: ContractId,
    items: &[[u8; 32]],
) -> Result<u32, ExchangeError> {
    // Items are hashes, so their XOR tells sets apart whatever order they are read in.
    let set = items.iter().fold([0; 32], |mut set: [u8; 32], item| {
        set.iter_mut().zip(item).for_each(|(sum, byte)| *sum ^= byte);
        set
    });
    let key = hmac::Key::new(hmac::HMAC_SHA256, rules.padding_key.expose());
    let mut context = hmac::Context::with_key(&key);
    // Each distribution its own draw: two numbers from one would tell the size between them.
    context.update(purpose.as_bytes());
    context.update(&[0]);
    context.update(contract.as_bytes());
    context.update(&(items.len() as u64).to_le_bytes());
    context.update(&set);
    let mut uniform = [0; 16];
    uniform.iter_mut().zip(context.sign().as_ref()).for_each(|(byte, drawn)| *byte = *drawn);
    Ok(padding.sample(uniform))
}

pub(super) fn seed() -> Result<Secret<[u8; 32]>, ExchangeError> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| ExchangeError::NoRandomness)?;
    Ok(Secret::new(seed))
}
