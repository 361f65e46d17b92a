//! An end's own set as the protocol speaks of it: each item once, dummies among them, in random order.
//!
//! Three kinds of dummies stand among the customers, all of them items like any other (UNION-05). Of the pool that is
//! named after *this* end it brings as many as it has drawn, the other end all: so many more are in common, and only
//! this end knows how many. Of the pool named after the other end it brings all. The rest are its own: as many as hide
//! the size of its set, and as many as it left in its pool, so that its whole number does not tell what it left.

use std::collections::HashSet;

use super::{
    draws::{Draws, Use},
    message::Role,
    params::{NAME, Padding, Params},
};
use crate::{secret::Secret, session::Abort, transcript::Transcript};

pub(super) struct Own {
    /// In the order in which the peer will see them.
    items: Secret<Vec<[u8; 32]>>,
    /// For each of them the customer, if it is one.
    customers: Vec<Option<u32>>,
}

impl Own {
    /// # Errors
    /// [`Abort::OwnSetAboveCap`] when the customers and the dummies are more than the cap together.
    pub(super) fn new(
        params: &Params,
        role: Role,
        items: &[Option<[u8; 32]>],
        padding: Padding,
        draws: &Draws,
    ) -> Result<Self, Abort> {
        let (pool, cap) = (params.pool(), params.max_own());
        if padding.shared > pool {
            return Err(Abort::OwnSetAboveCap { count: padding.shared.into(), cap: pool });
        }
        // UNION-03: of several customers with one item the first.
        let mut seen = HashSet::with_capacity(items.len());
        let customers = (0u32..).zip(items).filter_map(|(customer, item)| Some((Some(customer), (*item)?)));
        let mut all: Vec<_> = customers.filter(|(_, item)| seen.insert(*item)).collect();
        let count = all.len() as u64 + u64::from(padding.alone) + 2 * u64::from(pool);
        let total = match u32::try_from(count) {
            Ok(total) if total <= cap => total,
            _ => return Err(Abort::OwnSetAboveCap { count, cap }),
        };
        let shared = draws.order(Use::Pool, pool).into_iter().take(padding.shared as usize);
        all.extend(shared.map(|number| (None, pooled(params, role, number))));
        all.extend((0..pool).map(|number| (None, pooled(params, role.peer(), number))));
        let alone = draws.dummies(padding.alone + (pool - padding.shared));
        all.extend(alone.expose().iter().map(|dummy| (None, *dummy)));
        // UNION-04.
        let order = draws.order(Use::Own, total);
        let (customers, items) = order.iter().map(|place| all[*place as usize]).unzip();
        Ok(Self { items: Secret::new(items), customers })
    }

    /// Customers and dummies: what is announced.
    pub(super) const fn count(&self) -> u32 {
        // Invariant: `new` has checked that it fits.
        self.customers.len() as u32
    }

    pub(super) fn items(&self) -> &[[u8; 32]] {
        self.items.expose()
    }

    /// By place in the protocol.
    pub(super) fn customers(&self) -> &[Option<u32>] {
        &self.customers
    }
}

/// An item that both ends can name: number so and so of the pool from which `drawer` draws.
fn pooled(params: &Params, drawer: Role, number: u32) -> [u8; 32] {
    let mut transcript = Transcript::new(NAME);
    transcript.absorb("session", params.session().as_bytes());
    transcript.absorb("pool of", drawer.name().as_bytes());
    transcript.absorb("dummy", &number.to_le_bytes());
    transcript.hash()
}
