//! From rows to customers: rows that share an identifier are one.
//!
//! The partner's privacy budget and the owner's counts are both per customer, so a customer with ten rows,
//! or with one row for the phone and one for the mail, must not count ten times or twice. Who is a customer
//! is a property of the dataset: rows that the question's filter or a missing consent leaves out still tell
//! that two other rows are the same person, they just give no identifier to the answer.
//!
//! How many identifiers a set has is told to the partner, padded as if no customer could change it by more than
//! [`KEYS_A_CUSTOMER`]. So none may: of a customer who has more, the rest stays at home.
//!
//! Union–find over identifiers, in flat arrays of 32-bit numbers: about 54 bytes an identifier
//! and 8 a row.

use std::hash::{BuildHasher, RandomState};

/// A row without a number.
const NONE: u32 = u32::MAX;

/// Identifiers and rows that can be told apart; one number is taken for "none".
pub(super) const MOST: u64 = NONE as u64 - 1;

/// The most identifiers that one customer brings to a set. The padding of sizes is calibrated for as many.
pub const KEYS_A_CUSTOMER: u32 = 4;

/// Collects rows.
pub(super) struct Linker {
    items: Vec<[u8; 32]>,
    /// Which kind of key each item is: its place in the contract's order.
    ranks: Vec<u8>,
    /// The first row taken that has the item.
    rows: Vec<u32>,
    /// Union–find: the item that stands for this one's customer, in the end.
    parents: Vec<u32>,
    withdrawn: Vec<bool>,
    /// Rows taken, each with one of its items.
    taken: Vec<(u32, u32)>,
    /// Open addressing: numbers of items, at most three quarters full.
    slots: Vec<u32>,
    seed: u64,
}

/// Customers of a dataset, in the order of their first row; see [`Linker::finish`].
#[derive(Default)]
pub(super) struct Linked {
    /// The items of all customers, each customer's in the contract's order.
    pub items: Vec<[u8; 32]>,
    /// For each item the place of its kind in the contract's order.
    pub ranks: Vec<u8>,
    /// For each customer its first row.
    pub rows: Vec<u32>,
    /// For each customer where its items begin, and the end of the last one's.
    pub offsets: Vec<u32>,
    /// The rows taken that are not their customer's first: (customer, row), in order.
    pub others: Vec<(u32, u32)>,
    /// Customers left out because one of their identifiers is withdrawn.
    pub withdrawn: u64,
    /// Identifiers left out because their customer has [`KEYS_A_CUSTOMER`] others.
    pub surplus: u64,
}

impl Linker {
    pub fn new() -> Self {
        Self {
            items: Vec::new(),
            ranks: Vec::new(),
            rows: Vec::new(),
            parents: Vec::new(),
            withdrawn: Vec::new(),
            taken: Vec::new(),
            slots: vec![NONE; 1 << 10],
            // Customers choose their own identifiers; without a seed they could choose one slot.
            seed: RandomState::new().hash_one(0),
        }
    }

    /// How many different items there are so far.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds a row with its keys (place in the contract's order, item). Only a row that is `taken` gives its
    /// items to the result; any row links, and any `withdrawn` row takes its whole customer out.
    pub fn add(
        &mut self,
        row: u32,
        keys: impl IntoIterator<Item = (u8, [u8; 32])>,
        taken: bool,
        withdrawn: bool,
    ) {
        let mut first = None;
        for (rank, item) in keys {
            let index = self.intern(rank, &item);
            if taken {
                let known = &mut self.rows[index as usize];
                *known = (*known).min(row);
            }
            match first {
                None => {
                    first = Some(index);
                    self.withdrawn[index as usize] |= withdrawn;
                }
                Some(first) => self.join(first, index),
            }
        }
        if let (true, Some(first)) = (taken, first) {
            self.taken.push((row, first));
        }
    }

    fn intern(&mut self, rank: u8, item: &[u8; 32]) -> u32 {
        if (self.items.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let mut slot = self.slot(item);
        loop {
            match self.slots[slot] {
                NONE => break,
                index if self.items[index as usize] == *item => return index,
                _ => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
        let index = self.items.len() as u32;
        self.slots[slot] = index;
        self.items.push(*item);
        self.ranks.push(rank);
        self.rows.push(NONE);
        self.parents.push(index);
        self.withdrawn.push(false);
        index
    }

    fn slot(&self, item: &[u8; 32]) -> usize {
        let mut first = [0; 8];
        first.copy_from_slice(&item[..8]);
        let mixed = u128::from(u64::from_le_bytes(first) ^ self.seed) * 0x9e37_79b9_7f4a_7c15;
        ((mixed >> 64) ^ mixed) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        // The old table is freed before the new one is made.
        let larger = self.slots.len() * 2;
        self.slots = Vec::new();
        self.slots = vec![NONE; larger];
        for index in 0..self.items.len() {
            let mut slot = self.slot(&self.items[index]);
            while self.slots[slot] != NONE {
                slot = (slot + 1) & (larger - 1);
            }
            self.slots[slot] = index as u32;
        }
    }

    fn find(&mut self, mut item: u32) -> u32 {
        // Path halving: every other step is shortened on the way.
        while self.parents[item as usize] != item {
            let above = self.parents[self.parents[item as usize] as usize];
            self.parents[item as usize] = above;
            item = above;
        }
        item
    }

    fn join(&mut self, left: u32, right: u32) {
        let (left, right) = (self.find(left), self.find(right));
        let (low, high) = (left.min(right), left.max(right));
        self.parents[high as usize] = low;
    }

    /// The customers that have a row taken and no identifier withdrawn.
    pub fn finish(mut self) -> Linked {
        self.slots = Vec::new();
        let count = self.items.len();
        // For the item that stands for a customer: the customer's first row taken; later its number.
        let mut of_root = vec![NONE; count];
        for index in 0..count {
            let root = self.find(index as u32) as usize;
            self.parents[index] = root as u32;
            of_root[root] = of_root[root].min(self.rows[index]);
            if self.withdrawn[index] {
                self.withdrawn[root] = true;
            }
        }
        let mut withdrawn = 0;
        let mut customers: Vec<(u32, u32)> = Vec::new();
        for (root, row) in of_root.iter_mut().enumerate() {
            let first_row = std::mem::replace(row, NONE);
            if first_row == NONE {
                continue;
            }
            if self.withdrawn[root] {
                withdrawn += 1;
            } else {
                customers.push((first_row, root as u32));
            }
        }
        // A row belongs to one customer, so no two have the same first row.
        customers.sort_unstable();
        for (number, &(_, root)) in customers.iter().enumerate() {
            of_root[root as usize] = number as u32;
        }
        let rows: Vec<u32> = customers.iter().map(|&(row, _)| row).collect();
        drop(customers);
        let mut others: Vec<(u32, u32)> = std::mem::take(&mut self.taken)
            .into_iter()
            .map(|(row, item)| (of_root[self.parents[item as usize] as usize], row))
            .filter(|&(number, row)| number != NONE && rows[number as usize] != row)
            .collect();
        others.sort_unstable();
        others.shrink_to_fit();

        // Counting sort: each customer's items side by side.
        let mut offsets = vec![0u32; rows.len() + 1];
        let customer = |index: usize, parents: &[u32], of_root: &[u32], first_rows: &[u32]| {
            let number = of_root[parents[index] as usize];
            (number != NONE && first_rows[index] != NONE).then_some(number as usize)
        };
        for index in 0..count {
            if let Some(number) = customer(index, &self.parents, &of_root, &self.rows) {
                offsets[number + 1] += 1;
            }
        }
        for number in 0..rows.len() {
            offsets[number + 1] += offsets[number];
        }
        let kept = offsets.last().map_or(0, |&end| end as usize);
        let mut order = vec![NONE; count];
        let mut next = offsets.clone();
        let mut left_out = kept;
        for index in 0..count {
            let place = match customer(index, &self.parents, &of_root, &self.rows) {
                Some(number) => {
                    let place = next[number];
                    next[number] += 1;
                    place as usize
                }
                None => {
                    left_out += 1;
                    left_out - 1
                }
            };
            order[place] = index as u32;
        }
        for number in 0..rows.len() {
            order[offsets[number] as usize..offsets[number + 1] as usize].sort_unstable_by_key(|&index| {
                (self.ranks[index as usize], self.rows[index as usize], index)
            });
        }
        drop((next, of_root));
        let surplus =
            cap(&mut order, &mut offsets, |index| (self.ranks[index as usize], self.items[index as usize]));
        let kept = kept - surplus;
        rearrange(&mut order, &mut self.items, &mut self.ranks);
        self.items.truncate(kept);
        self.ranks.truncate(kept);
        self.items.shrink_to_fit();
        self.ranks.shrink_to_fit();
        let surplus = surplus as u64;
        Linked { items: self.items, ranks: self.ranks, rows, offsets, others, withdrawn, surplus }
    }
}

/// Moves what a customer has beyond [`KEYS_A_CUSTOMER`] behind all that is kept; returns how much that is.
///
/// The strongest kinds stay, and of one kind the lowest `(rank, item)`: the partner, who has the same item,
/// chooses alike, so that most of what both have is kept by both.
fn cap(order: &mut [u32], offsets: &mut [u32], by: impl Fn(u32) -> (u8, [u8; 32])) -> usize {
    let most = KEYS_A_CUSTOMER as usize;
    let all = offsets.last().map_or(0, |&end| end as usize);
    let mut surplus = Vec::new();
    let (mut begin, mut to) = (0, 0);
    for end in offsets.iter_mut().skip(1) {
        let own = begin..*end as usize;
        begin = own.end;
        let mut chosen: Vec<u32> = Vec::new();
        if own.len() > most {
            chosen.extend_from_slice(&order[own.clone()]);
            chosen.sort_unstable_by_key(|&index| by(index));
            chosen.truncate(most);
        }
        for at in own {
            let index = order[at];
            if chosen.is_empty() || chosen.contains(&index) {
                order[to] = index;
                to += 1;
            } else {
                surplus.push(index);
            }
        }
        *end = to as u32;
    }
    // `to..all` is as long as the surplus.
    order[to..all].copy_from_slice(&surplus);
    surplus.len()
}

/// Puts element `order[i]` at place `i`, within the arrays: a copy of 2²⁵ items would be another gigabyte.
/// `order` is a permutation; it is used up.
fn rearrange(order: &mut [u32], items: &mut [[u8; 32]], ranks: &mut [u8]) {
    for start in 0..order.len() {
        if order[start] as usize == start {
            continue;
        }
        let (item, rank) = (items[start], ranks[start]);
        let mut place = start;
        loop {
            let from = order[place] as usize;
            order[place] = place as u32;
            if from == start {
                items[place] = item;
                ranks[place] = rank;
                break;
            }
            items[place] = items[from];
            ranks[place] = ranks[from];
            place = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u8) -> [u8; 32] {
        [number; 32]
    }

    fn phone(number: u8) -> (u8, [u8; 32]) {
        (0, item(number))
    }

    fn email(number: u8) -> (u8, [u8; 32]) {
        (1, item(100 + number))
    }

    fn shape(linked: &Linked) -> Vec<(u32, Vec<u8>)> {
        linked
            .rows
            .iter()
            .enumerate()
            .map(|(customer, &row)| {
                let range = linked.offsets[customer] as usize..linked.offsets[customer + 1] as usize;
                (row, linked.items[range].iter().map(|item| item[0]).collect())
            })
            .collect()
    }

    #[test]
    fn rows_with_one_phone_or_one_email_in_common_are_one_customer() {
        let mut linker = Linker::new();
        linker.add(1, [phone(1)], true, false);
        linker.add(2, [email(1)], true, false);
        linker.add(3, [email(2), phone(1)], true, false);
        linker.add(4, [phone(2)], true, false);
        assert_eq!(shape(&linker.finish()), [(1, vec![1, 102]), (2, vec![101]), (4, vec![2])]);
    }

    #[test]
    fn a_chain_of_rows_is_one_customer_however_late_the_link_comes() {
        let mut linker = Linker::new();
        linker.add(1, [phone(1), email(1)], true, false);
        linker.add(2, [phone(3), email(3)], true, false);
        linker.add(3, [phone(2), email(1)], true, false);
        linker.add(4, [phone(2), email(3)], true, false);
        linker.add(5, [phone(9)], true, false);
        let linked = linker.finish();
        assert_eq!((shape(&linked), linked.surplus), (vec![(1, vec![1, 3, 2, 101]), (5, vec![9])], 1));
        assert_eq!(linked.others, [(0, 2), (0, 3), (0, 4)]);
    }

    #[test]
    fn b05_no_customer_brings_more_than_the_padding_hides() {
        let mut linker = Linker::new();
        // Ten rows with one phone, each with a mail of its own; and two customers of the common kind.
        linker.add(1, [phone(50), email(20)], true, false);
        for number in 0..10 {
            linker.add(2 + u32::from(number), [phone(1), email(19 - number)], true, false);
        }
        linker.add(12, [phone(60)], true, false);
        let linked = linker.finish();
        assert_eq!(linked.surplus, 7);
        // The phone, which is stronger, and the lowest of the mails, in the order of their rows.
        assert_eq!(shape(&linked), [(1, vec![50, 120]), (2, vec![1, 112, 111, 110]), (12, vec![60])]);
        assert_eq!((linked.ranks, linked.others.len()), (vec![0, 1, 0, 1, 1, 1, 0], 9));
        // As many as the padding hides stay as they are, and who has withdrawn has no surplus.
        let mut linker = Linker::new();
        linker.add(1, [phone(4), phone(3), email(2), email(1)], true, false);
        linker.add(2, (5..30).map(phone), true, true);
        let linked = linker.finish();
        assert_eq!((shape(&linked), linked.surplus), (vec![(1, vec![4, 3, 102, 101])], 0));
    }

    #[test]
    fn a_row_left_out_links_but_gives_nothing() {
        let mut linker = Linker::new();
        linker.add(1, [phone(1), email(1)], false, false);
        linker.add(2, [phone(1)], true, false);
        linker.add(3, [email(1)], true, false);
        linker.add(4, [phone(4)], false, false);
        assert_eq!(shape(&linker.finish()), [(2, vec![1, 101])]);
        let mut linker = Linker::new();
        linker.add(1, [phone(1), email(1)], false, false);
        linker.add(2, [email(1)], true, false);
        assert_eq!(shape(&linker.finish()), [(2, vec![101])]);
    }

    #[test]
    fn one_withdrawn_identifier_takes_the_whole_customer_out() {
        let mut linker = Linker::new();
        linker.add(1, [phone(1), email(1)], true, false);
        linker.add(2, [email(1), phone(2)], false, true);
        linker.add(3, [phone(3)], true, false);
        linker.add(4, [email(1)], true, false);
        let linked = linker.finish();
        assert_eq!((shape(&linked), linked.withdrawn), (vec![(3, vec![3])], 1));
        assert_eq!(linked.others, []);
    }

    #[test]
    fn the_table_grows_and_finds_everything_again() {
        let mut linker = Linker::new();
        let many = |number: u32| {
            let mut item = [0; 32];
            item[..4].copy_from_slice(&number.to_le_bytes());
            (0, item)
        };
        for round in 0..2 {
            for number in 0..5000 {
                linker.add(1 + number + round * 5000, [many(number)], true, false);
            }
        }
        let linked = linker.finish();
        assert_eq!((linked.items.len(), linked.rows.len()), (5000, 5000));
        assert!(linked.rows.iter().enumerate().all(|(at, &row)| row as usize == at + 1));
        assert!(linked.items.iter().enumerate().all(|(at, item)| *item == many(at as u32).1));
    }
}
