//! Which trainers are in a sum.

use std::fmt;

/// A set of seats.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Survivors(u16);

impl Survivors {
    /// The seats whose bits are set; none, if there is a bit beyond `seats`.
    pub const fn of_bits(bits: u16, seats: usize) -> Option<Self> {
        if seats < 16 && bits >> seats != 0 { None } else { Some(Self(bits)) }
    }

    /// Seats 0 to `seats` − 1.
    pub const fn all(seats: usize) -> Self {
        Self(if seats >= 16 { u16::MAX } else { (1 << seats) - 1 })
    }

    /// Nobody.
    pub const fn none() -> Self {
        Self(0)
    }

    /// The same and this one.
    pub const fn with(self, seat: usize) -> Self {
        Self(if seat < 16 { self.0 | 1 << seat } else { self.0 })
    }

    /// The same but this one.
    pub const fn without(self, seat: usize) -> Self {
        Self(if seat < 16 { self.0 & !(1 << seat) } else { self.0 })
    }

    /// Those of the other that are not here.
    pub const fn missing_of(self, all: Self) -> Self {
        Self(all.0 & !self.0)
    }

    /// Those that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether this seat is in it.
    pub const fn contains(self, seat: usize) -> bool {
        seat < 16 && self.0 >> seat & 1 == 1
    }

    /// How many.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The seats in order.
    pub fn seats(self) -> impl Iterator<Item = usize> {
        (0..16).filter(move |seat| self.contains(*seat))
    }
}

impl fmt::Debug for Survivors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.seats()).finish()
    }
}
