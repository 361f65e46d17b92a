//! Arithmetic of amounts: exact, and an overflow is an answer rather than a wrap.

use crate::log::Amount;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self { nano_rho: 0, atto_delta: 0 };

    /// The sum, or `None` where a column overflows.
    pub const fn plus(self, other: Self) -> Option<Self> {
        match (self.nano_rho.checked_add(other.nano_rho), self.atto_delta.checked_add(other.atto_delta)) {
            (Some(nano_rho), Some(atto_delta)) => Some(Self { nano_rho, atto_delta }),
            _ => None,
        }
    }

    /// The difference, or `None` where a column would fall below zero.
    pub const fn minus(self, other: Self) -> Option<Self> {
        match (self.nano_rho.checked_sub(other.nano_rho), self.atto_delta.checked_sub(other.atto_delta)) {
            (Some(nano_rho), Some(atto_delta)) => Some(Self { nano_rho, atto_delta }),
            _ => None,
        }
    }

    /// The sum, where a full column stays full: for what is given up, where more than everything is everything.
    pub const fn plus_at_most(self, other: Self) -> Self {
        Self {
            nano_rho: self.nano_rho.saturating_add(other.nano_rho),
            atto_delta: self.atto_delta.saturating_add(other.atto_delta),
        }
    }

    /// What of this is left after `used`, column by column, never below zero.
    pub const fn less(self, used: Self) -> Self {
        Self {
            nano_rho: self.nano_rho.saturating_sub(used.nano_rho),
            atto_delta: self.atto_delta.saturating_sub(used.atto_delta),
        }
    }

    /// Whether no column is above that of `limit`.
    pub const fn within(self, limit: Self) -> bool {
        self.nano_rho <= limit.nano_rho && self.atto_delta <= limit.atto_delta
    }
}
