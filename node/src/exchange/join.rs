//! Noisy figures over an overlap: the two ends of one private join.
//!
//! Before the protocol both ends say how many customers they bring, padded; from these two numbers and the plan both
//! work out who looks up whom, so neither can choose. The figures are opened with the noise of everybody whose
//! customers they are about; a [`Reserved`] says that it was paid for.

use std::io;

use tacit_protocol::{
    ids::{ContractId, SessionId},
    join::{Agreed, Holder, Joined, Message, Params, Seeker},
    noise::DummyCount,
    secret::Secret,
    wire::{Inbox, Outbox, Role},
};

use super::{
    drive::{Before, Ends, SILENCE, Watch, drive_with},
    error::ExchangeError,
    question::{Aside, Spoken, take_apart},
    reveal::{Answering, Asking, Rules, Served, dummies, seed, session_of},
};
use crate::{
    ledger::Reserved,
    policy::{self, Party, Roles, Sizes},
    rooms::joined,
    scan::JoinInput,
};

/// Is called before this end's half of the figures leaves, which it does not if this fails.
pub type Opening = Box<dyn FnMut() -> io::Result<()> + Send>;

/// The most customers of one side that the protocol carries.
const MOST_CUSTOMERS: u64 = 1 << 26;

/// Who does what in a join, and what this end adds to the figures.
#[derive(Debug)]
pub struct Sides {
    /// What both ends announced.
    pub sizes: Sizes,
    /// Who looks up whom.
    pub roles: Roles,
    /// This end's noise in the protocol's order; none if the other end learns nothing.
    pub noise: Option<Secret<Vec<i64>>>,
    /// The largest magnitude of one end's noise, for each integer of a group.
    pub most_noise: Vec<u64>,
}

/// What a join comes to.
#[derive(Debug)]
pub struct Overlapped {
    /// The figures as they were opened, in the protocol's order, for an end that gets them.
    pub figures: Option<Vec<i64>>,
    /// Sizes and the transcript, as both sides record them.
    pub seen: Served,
}

impl Asking {
    /// Says how many customers this end brings, padded, and hears how many the other does.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn sizes(
        &mut self,
        reserved: &Reserved,
        input: &JoinInput,
        rules: &Rules,
    ) -> Result<Sizes, ExchangeError> {
        sizes(&mut self.ends, reserved, input, rules).await
    }

    /// Runs a join with what this end brings.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn join(
        &mut self,
        reserved: &Reserved,
        sides: Sides,
        input: JoinInput,
        (watch, opening): (Watch, Opening),
    ) -> Result<Overlapped, ExchangeError> {
        let end = (self.session, Role::Initiator);
        run(&mut self.ends, end, reserved, sides, input, (watch, opening)).await
    }
}

impl Answering {
    /// As [`Asking::sizes`], once this end is ready.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn sizes(
        &mut self,
        reserved: &Reserved,
        input: &JoinInput,
        rules: &Rules,
    ) -> Result<Sizes, ExchangeError> {
        self.say(Aside::Ready).await?;
        sizes(&mut self.ends, reserved, input, rules).await
    }

    /// Runs a join with what this end brings.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn join(
        &mut self,
        reserved: &Reserved,
        sides: Sides,
        input: JoinInput,
        (watch, opening): (Watch, Opening),
    ) -> Result<Overlapped, ExchangeError> {
        let end = (session_of(self.binding, reserved), Role::Responder);
        run(&mut self.ends, end, reserved, sides, input, (watch, opening)).await
    }
}

async fn run(
    ends: &mut Ends,
    (session, role): (SessionId, Role),
    reserved: &Reserved,
    sides: Sides,
    input: JoinInput,
    (watch, mut opening): (Watch, Opening),
) -> Result<Overlapped, ExchangeError> {
    let permitted = reserved.permitted();
    let me = permitted.party();
    let aborted = |source| ExchangeError::Protocol { partner: permitted.partner().name.clone(), source };
    let params = agreed(session, reserved, &sides).and_then(|agreed| Params::new(agreed).map_err(aborted))?;
    let Sides { sizes, roles, noise, .. } = sides;
    let (own, theirs) = (sizes.of(me), sizes.of(me.other()));
    // `sizes` has made both of 32 bits.
    let announced = u32::try_from(own).unwrap_or(u32::MAX);
    let (limits, seed) = (params.limits(), seed()?);
    let mail = (Outbox::new(session, role), Inbox::new(session, role));
    let noise = noise.map(|noise| noise.expose().clone());
    let (rows, ..) = input.into_parts();
    let before: Before<Message> = Box::new(move |message| match message {
        // JOIN-45: what leaves here is this end's half of the figures; before, every half was uniform.
        Message::Open { .. } => opening().map_err(ExchangeError::Unnoted),
        _ => Ok(()),
    });
    // Sorting a few million rows is no work for an I/O thread.
    let output: Joined = if roles.seeker == me {
        let start = move || Seeker::start(params, rows, announced, noise, seed);
        let seeker = joined(tokio::task::spawn_blocking(start).await).map_err(aborted)?;
        drive_with(seeker, mail, limits, ends, watch, before).await?
    } else {
        let start = move || Holder::start(params, rows, announced, noise, seed);
        let holder = joined(tokio::task::spawn_blocking(start).await).map_err(aborted)?;
        drive_with(holder, mail, limits, ends, watch, before).await?
    };
    let seen = Served {
        own_size: own,
        partner_size: theirs,
        transcript: output.transcript,
        traffic: ends.sender.traffic(),
    };
    Ok(Overlapped { figures: output.figures.map(|figures| figures.as_slice().to_vec()), seen })
}

/// Tells our size and hears the partner's.
async fn sizes(
    ends: &mut Ends,
    reserved: &Reserved,
    input: &JoinInput,
    rules: &Rules,
) -> Result<Sizes, ExchangeError> {
    let own = padded(rules, reserved.permitted().contract_id(), input)?;
    let link = |source| ExchangeError::Link { partner: ends.partner.clone(), source };
    ends.sender.send(Aside::Size { customers: own }.encode()).await.map_err(link)?;
    let partner = ends.partner.clone();
    let silent = || ExchangeError::Silent { partner: partner.clone() };
    let heard =
        tokio::time::timeout(SILENCE, ends.receiver.recv()).await.map_err(|_| silent())?.map_err(link)?;
    let limit = cap(rules.max_items)?;
    let theirs = match heard.and_then(take_apart) {
        Some(Spoken::Aside(Aside::Size { customers })) if u64::from(customers) <= limit => customers,
        Some(Spoken::Aside(Aside::Size { customers })) => {
            return Err(ExchangeError::PartnerTooLarge { partner, customers: customers.into(), limit });
        }
        Some(Spoken::Aside(Aside::Ended { code } | Aside::Refused { code, .. })) => {
            return Err(ExchangeError::Ended { partner, code });
        }
        _ => return Err(ExchangeError::OutOfPlace { partner, expected: "the partner's size" }),
    };
    Ok(match reserved.permitted().party() {
        Party::Asker => Sizes { asker: own.into(), answerer: theirs.into() },
        Party::Answerer => Sizes { asker: theirs.into(), answerer: own.into() },
    })
}

/// What both ends tell the protocol.
fn agreed(session: SessionId, reserved: &Reserved, sides: &Sides) -> Result<Agreed, ExchangeError> {
    let permitted = reserved.permitted();
    let partner = || permitted.partner().name.clone();
    // Invariant: the hallway comes here with questions for figures over an overlap alone, and those have a plan.
    let Some(plan) = permitted.join() else {
        return Err(ExchangeError::OutOfPlace { partner: partner(), expected: "a question over an overlap" });
    };
    let roles = &sides.roles;
    let shape = plan.shape(roles).map_err(|source| ExchangeError::Protocol { partner: partner(), source })?;
    let size = |party| u32::try_from(sides.sizes.of(party)).unwrap_or(u32::MAX);
    Ok(Agreed {
        session,
        contract: permitted.contract_id(),
        question: permitted.join_hash().unwrap_or_default(),
        shape,
        learns: plan.learns(roles),
        // As many as there are kinds of identifier, at most.
        keys: plan.keys() as u32,
        noise: sides.most_noise.clone(),
        max_seeker: size(roles.seeker),
        max_holder: size(roles.holder()),
    })
}

/// How many customers are announced: those that there are, and dummies.
///
/// # Errors
/// [`ExchangeError::TooManyItems`] if a join does not carry so many; an asker finds that out before it pays.
pub fn padded(rules: &Rules, contract: ContractId, input: &JoinInput) -> Result<u32, ExchangeError> {
    let items: Vec<[u8; 32]> = input.rows().keys.iter().flatten().flatten().copied().collect();
    let dummies = dummies("join", &padding()?, rules, contract, &items)?;
    let customers = input.rows().len() as u64 + u64::from(dummies);
    let limit = cap(rules.max_items)?;
    let padded = u32::try_from(customers).ok().filter(|_| customers <= limit);
    // The padded number, because whether this fails is seen.
    padded.ok_or(ExchangeError::TooManyItems { items: customers, limit })
}

/// What either may announce.
fn cap(limit: u64) -> Result<u64, ExchangeError> {
    Ok(limit.saturating_add(u64::from(padding()?.bound())).min(MOST_CUSTOMERS))
}

fn padding() -> Result<DummyCount, ExchangeError> {
    policy::padding().ok_or(ExchangeError::NoRandomness)
}
