//! Customers and their match items: what a reading comes to.

use std::{fmt, ops::Range};

use tacit_protocol::{identity::KeyKind, ids::SnapshotHash};

use super::collect::Counts;

/// What this side brings to the exchange. Only [`collect`](super::collect()) makes one.
pub struct LocalInput {
    pub(super) items: Vec<[u8; 32]>,
    pub(super) customers: Customers,
    pub(super) counts: Counts,
    pub(super) snapshot: SnapshotHash,
}

/// Customers without their items: what is kept while the items are in the exchange.
pub struct Customers {
    /// For each customer its first row.
    pub(super) rows: Vec<u32>,
    /// For each customer where its items begin; and the number of all items.
    pub(super) offsets: Vec<u32>,
    /// Further rows of customers: (customer, row), in order.
    pub(super) others: Vec<(u32, u32)>,
    /// For each item the place of its kind in the contract's order.
    pub(super) ranks: Vec<u8>,
    pub(super) kinds: Vec<KeyKind>,
}

/// One customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The number of its first row that takes part; rows count from 1.
    pub row: u64,
    /// Its items, as numbers into [`LocalInput::items`], in the contract's order of kinds.
    pub items: Range<usize>,
}

/// A customer that the partner has too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Its first row.
    pub row: u64,
    /// Its other rows that take part, in order; most customers have none.
    pub others: Vec<u64>,
    /// The first kind in the contract's order by which it matched.
    pub kind: KeyKind,
}

/// Shows the counts: items are digests that can be guessed back.
impl fmt::Debug for LocalInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalInput").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// Shows how many there are.
impl fmt::Debug for Customers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Customers({})", self.len())
    }
}

impl LocalInput {
    /// The different items of all customers, customer by customer. 32 bytes each, for PSI.
    pub fn items(&self) -> &[[u8; 32]] {
        &self.items
    }

    /// The customers, in the order of their first rows.
    pub fn customers(&self) -> &Customers {
        &self.customers
    }

    /// What became of the rows.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The content that it was collected from.
    pub fn snapshot(&self) -> SnapshotHash {
        self.snapshot
    }

    /// See [`Customers::matched`].
    pub fn matched(&self, bits: &[bool]) -> Vec<Match> {
        self.customers.matched(bits)
    }

    /// The items to give away, and the customers to keep.
    pub fn into_parts(self) -> (Vec<[u8; 32]>, Customers) {
        (self.items, self.customers)
    }
}

impl Customers {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Customer> {
        self.rows.iter().zip(self.offsets.windows(2)).map(|(&row, range)| Customer {
            row: u64::from(row),
            items: range[0] as usize..range[1] as usize,
        })
    }

    /// Calls `each` with the number of every customer and its rows that take part, in order.
    pub(super) fn rows(&self, mut each: impl FnMut(usize, &mut dyn Iterator<Item = u32>)) {
        let mut others = self.others.as_slice();
        for (number, &first) in self.rows.iter().enumerate() {
            let (own, later) = others.split_at(others.partition_point(|&(of, _)| of as usize <= number));
            others = later;
            each(number, &mut std::iter::once(first).chain(own.iter().map(|&(_, row)| row)));
        }
    }

    /// The items of a customer, as numbers.
    pub(super) fn items(&self, number: usize) -> Range<usize> {
        self.offsets[number] as usize..self.offsets[number + 1] as usize
    }

    /// How many customers have more than one item of a kind. A join brings one of them.
    pub fn several(&self) -> u64 {
        let several = |range: &[u32]| {
            let ranks = &self.ranks[range[0] as usize..range[1] as usize];
            // Of one kind stand together.
            ranks.windows(2).any(|pair| pair[0] == pair[1])
        };
        self.offsets.windows(2).filter(|range| several(range)).count() as u64
    }

    /// The kind of an item.
    pub(super) fn kind(&self, item: usize) -> &KeyKind {
        &self.kinds[usize::from(self.ranks[item])]
    }

    /// The customers of whom any item is set in `bits` (one for each item, in the order of
    /// [`LocalInput::items`]; what is beyond its end counts as not set), sorted by row.
    pub fn matched(&self, bits: &[bool]) -> Vec<Match> {
        let mut others = self.others.as_slice();
        self.iter()
            .enumerate()
            .filter_map(|(number, customer)| {
                let (own, later) = others.split_at(others.partition_point(|&(of, _)| of as usize <= number));
                others = later;
                let first = customer.items.clone().find(|&item| bits.get(item).copied().unwrap_or(false))?;
                let kind = self.kinds[usize::from(self.ranks[first])].clone();
                Some(Match {
                    row: customer.row,
                    others: own.iter().map(|&(_, row)| u64::from(row)).collect(),
                    kind,
                })
            })
            .collect()
    }
}
