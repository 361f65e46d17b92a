//! Whole runs: against the model and a second road to the same answer, past a meddler, and whether anything that is
//! said tells more than it may.

mod agreement;
mod leakage;
mod lengths;
mod meddling;
mod reference;
mod steps;
mod vectors;

use std::collections::BTreeSet;

use super::*;
use crate::{
    ids::{ContractId, SessionId},
    secret::Secret,
    session::Abort,
    testing::{Ended, Pair},
};

/// A column of keys for these customers.
fn keys(customers: impl IntoIterator<Item = u32>) -> Vec<Option<[u8; 32]>> {
    customers.into_iter().map(|customer| Some(*blake3::hash(&customer.to_le_bytes()).as_bytes())).collect()
}

/// Rows with one kind of key; cells and terms follow from the customer's number.
fn rows(customers: impl IntoIterator<Item = u32>, cells: u32, terms: &[u64]) -> Rows {
    let customers: Vec<u32> = customers.into_iter().collect();
    let mixed =
        |customer: u32, salt: u64| (u64::from(customer) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ salt);
    let term = |(place, most): (u64, &u64)| {
        let value = |customer: &u32| (mixed(*customer, place << 7) >> 3) % (2 * most + 1);
        customers.iter().map(|customer| value(customer).cast_signed() - most.cast_signed()).collect()
    };
    Rows {
        keys: vec![keys(customers.iter().copied())],
        cells: customers.iter().map(|customer| (mixed(*customer, 99) >> 7) as u8 % cells as u8).collect(),
        terms: (0..).zip(terms).map(term).collect(),
    }
}

/// More kinds of key: of each the same customers in another order, one in five without.
fn add_keys(rows: &mut Rows, customers: &BTreeSet<u32>, kinds: u32, factor: u32) {
    for kind in 1..kinds {
        // Odd and no multiple of 5, so a permutation of the numbers below 80.
        let number = |customer: &u32| (customer * factor + kind) % 80;
        let mut column = keys(customers.iter().map(number));
        let without = column.iter_mut().zip(customers).filter(|(_, customer)| (**customer + kind) % 5 == 0);
        without.for_each(|(key, _)| *key = None);
        rows.keys.push(column);
    }
}

fn own_rows(shape: &Shape, customers: impl IntoIterator<Item = u32>) -> Rows {
    rows(customers, shape.seeker_cells(), shape.seeker_terms())
}

fn their_rows(shape: &Shape, customers: impl IntoIterator<Item = u32>) -> Rows {
    rows(customers, shape.holder_cells(), shape.holder_terms())
}

fn copy(rows: &Rows) -> Rows {
    Rows { keys: rows.keys.clone(), cells: rows.cells.clone(), terms: rows.terms.clone() }
}

/// What a test joins, and how.
struct Case {
    shape: Shape,
    learns: Learns,
    keys: u32,
    slab: u32,
    padding: (u32, u32),
}

impl Case {
    fn new(shape: Shape) -> Self {
        Self { shape, learns: Learns::Seeker, keys: 1, slab: 50, padding: (0, 0) }
    }

    fn params(&self) -> Params {
        let agreed = Agreed {
            learns: self.learns,
            noise: vec![1000; self.shape.figures_of_a_cell()],
            max_seeker: 5000,
            max_holder: 5000,
            ..agreed(self.shape.clone(), self.keys)
        };
        Params::new(agreed).unwrap().with_slab_bins(self.slab).unwrap()
    }

    /// Noise of this end that is `value` in every figure.
    fn noise(&self, needed: bool, value: i64) -> Option<Vec<i64>> {
        needed.then(|| vec![value; self.shape.figures()])
    }

    fn seeker(&self, rows: &Rows, noise: i64) -> Result<Seeker, Abort> {
        let noise = self.noise(self.learns != Learns::Seeker, noise);
        let padded = rows.len() as u32 + self.padding.0;
        Seeker::start(self.params(), copy(rows), padded, noise, Secret::new([5; 32]))
    }

    fn holder(&self, rows: &Rows, noise: i64) -> Result<Holder, Abort> {
        let noise = self.noise(self.learns != Learns::Holder, noise);
        let padded = rows.len() as u32 + self.padding.1;
        Holder::start(self.params(), copy(rows), padded, noise, Secret::new([6; 32]))
    }

    /// The seeker is the initiator.
    fn pair(&self, own: &Rows, theirs: &Rows) -> Pair<Seeker, Holder> {
        Pair::new(self.seeker(own, 0).unwrap(), self.holder(theirs, 0).unwrap(), self.params().limits())
    }

    fn run(&self, own: &Rows, theirs: &Rows) -> Ended<Joined, Joined> {
        self.pair(own, theirs).run()
    }

    /// Runs and compares with the model.
    #[track_caller]
    fn check(&self, own: &Rows, theirs: &Rows) {
        self.check_ended(own, theirs, self.run(own, theirs));
    }

    #[track_caller]
    fn check_ended(&self, own: &Rows, theirs: &Rows, ended: Ended<Joined, Joined>) {
        let (seeker, holder) = (ended.initiator.unwrap(), ended.responder.unwrap());
        let truth = model::join(&self.shape, own, theirs);
        let figures = |joined: &Joined| joined.figures.as_ref().map(|figures| figures.as_slice().to_vec());
        let due = |role| (self.learns == Learns::Both || self.learns == role).then(|| truth.clone());
        assert_eq!(figures(&seeker), due(Learns::Seeker));
        assert_eq!(figures(&holder), due(Learns::Holder));
        assert_eq!(seeker.transcript, holder.transcript);
        let counts = (own.len() as u32 + self.padding.0, theirs.len() as u32 + self.padding.1);
        assert_eq!((seeker.seeker_count, seeker.holder_count), counts);
        assert_eq!((holder.seeker_count, holder.holder_count), counts);
    }
}

fn shape(cells: (u32, u32), own: &[u64], theirs: &[u64], products: &[(usize, usize)]) -> Shape {
    let products = products.iter().map(|&(seeker, holder)| Product { seeker, holder }).collect();
    Shape::new(cells, own.to_vec(), theirs.to_vec(), products).unwrap()
}

/// One of every kind.
fn shapes() -> Vec<Shape> {
    vec![
        Shape::count(),
        shape((3, 1), &[], &[], &[]),
        shape((1, 3), &[], &[], &[]),
        shape((2, 2), &[], &[], &[]),
        shape((1, 1), &[9], &[], &[]),
        shape((1, 1), &[], &[9], &[]),
        shape((1, 1), &[9, 1 << 20], &[700], &[]),
        shape((1, 4), &[], &[9, 1 << 30], &[]),
        shape((4, 1), &[], &[9], &[]),
        shape((4, 1), &[9], &[], &[]),
        shape((1, 4), &[9], &[], &[]),
        shape((3, 2), &[7], &[1 << 33], &[]),
        shape((1, 1), &[1 << 12], &[1 << 20], &[(0, 0)]),
        shape((2, 1), &[100, 3], &[5], &[(1, 0)]),
        shape((1, 2), &[100, 3], &[5, 6], &[(1, 0), (1, 1), (0, 1)]),
        shape((3, 3), &[100, 3], &[5, 6], &[(0, 1), (1, 0)]),
        shape((8, 8), &[1], &[1], &[(0, 0)]),
        // Not everything that is summed is opened.
        shape((3, 2), &[7], &[1 << 33], &[]).opening(&[Figure::Holder(0)]).unwrap(),
        shape((2, 2), &[100, 3], &[5], &[(1, 0)]).opening(&[Figure::Product(0), Figure::Seeker(0)]).unwrap(),
    ]
}

/// What the ends agree on, but for noise and sizes.
fn agreed(shape: Shape, keys: u32) -> Agreed {
    Agreed {
        session: SessionId::new([1; 32]),
        contract: ContractId::new([2; 32]),
        question: [3; 32],
        learns: Learns::Seeker,
        keys,
        noise: vec![0; shape.figures_of_a_cell()],
        max_seeker: 1000,
        max_holder: 1000,
        shape,
    }
}
