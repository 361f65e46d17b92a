//! What a node brings to a union of customers: its items, and dummies that hide how many there are and how many of them
//! the partner has too (`tacit_protocol::learn::union`).

use tacit_protocol::{
    ids::{ContractId, SessionId},
    learn::union::{Padding, Params},
};

use super::{
    error::ExchangeError,
    reveal::{Rules, dummies},
};
use crate::policy;

/// Customers with their dummies, for one session.
#[derive(Debug, Clone)]
pub struct Bringing {
    /// Of each customer the item that it is found by, if it has one.
    pub items: Vec<Option<[u8; 32]>>,
    /// Our dummies.
    pub padding: Padding,
    /// The most dummies that either end draws for the number in common; half of it on average.
    pub pool: u32,
    contract: ContractId,
    cap: u32,
}

impl Bringing {
    /// Draws the dummies: for the same customers under the same contract the same, so asking again averages nothing
    /// away (B05).
    ///
    /// # Errors
    /// [`ExchangeError::TooManyItems`], by the padded number, because whether this fails is seen.
    pub fn of(
        rules: &Rules,
        contract: ContractId,
        items: Vec<Option<[u8; 32]>>,
    ) -> Result<Self, ExchangeError> {
        let padding = policy::padding().ok_or(ExchangeError::NoRandomness)?;
        let pool = padding.bound();
        let own: Vec<[u8; 32]> = items.iter().flatten().copied().collect();
        let alone = dummies("union alone", &padding, rules, contract, &own)?;
        let shared = dummies("union shared", &padding, rules, contract, &own)?;
        let limit = rules.max_items.saturating_add(3 * u64::from(pool));
        let brought = own.len() as u64 + u64::from(alone) + 2 * u64::from(pool);
        if brought > limit {
            return Err(ExchangeError::TooManyItems { items: brought, limit });
        }
        let cap = u32::try_from(limit).unwrap_or(u32::MAX);
        Ok(Self { items, padding: Padding { alone, shared }, pool, contract, cap })
    }

    /// What both ends agree on; a session ends when about fewer than `least` are in common.
    pub const fn params(&self, session: SessionId, least: u32) -> Params {
        Params::new(session, self.contract, self.cap, self.cap, self.pool, least)
    }
}
