//! A second road to the same answer: slow, simple, and with nothing in common with the private join but its rows.
//!
//! Private set intersection cardinality by Diffie and Hellman (Meadows 1986; Agrawal, Evfimievski and Srikant 2003) on
//! ristretto255: each end raises the hashes of its keys to its own secret, sends them in random order, and raises
//! what it got; keys that both have come out equal. Whose rows these are is then opened, for each kind of key in
//! turn, and the figures are summed in the clear. Nobody would run this: it shows who matched.

use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use rayon::prelude::*;
use sha2::{Digest, Sha512};

use crate::{
    ids::{ContractId, SessionId},
    join::{Agreed, Figure, Holder, Learns, Params, Product, Rows, Seeker, Shape, model},
    secret::Secret,
    testing::Pair,
};

/// One end's secret, and the order in which it sends.
struct End {
    secret: Scalar,
    order: StdRng,
}

impl End {
    fn new(seed: u64) -> Self {
        let mut order = StdRng::seed_from_u64(seed);
        let mut wide = [0; 64];
        order.fill_bytes(&mut wide);
        Self { secret: Scalar::from_bytes_mod_order_wide(&wide), order }
    }

    /// The keys of a column that this end sends, hidden, and which row each is of, which it keeps.
    fn hide(&mut self, column: usize, keys: &[Option<[u8; 32]>]) -> (Vec<RistrettoPoint>, Vec<usize>) {
        let mut rows: Vec<usize> = (0..keys.len()).filter(|row| keys[*row].is_some()).collect();
        rows.shuffle(&mut self.order);
        let hash = |key: [u8; 32]| {
            let text = Sha512::new().chain_update((column as u64).to_le_bytes()).chain_update(key);
            RistrettoPoint::from_uniform_bytes(&text.finalize().into()) * self.secret
        };
        (rows.iter().filter_map(|row| keys[*row]).map(hash).collect(), rows)
    }

    fn again(&self, points: &[RistrettoPoint]) -> Vec<CompressedRistretto> {
        points.iter().map(|point| (point * self.secret).compress()).collect()
    }
}

/// The exact figures, in the order of [`Shape::place`].
pub(super) fn join(shape: &Shape, seeker: &Rows, holder: &Rows, seed: u64) -> Vec<i64> {
    let (mut one, mut other) = (End::new(seed), End::new(!seed));
    let mut partner: Vec<Option<usize>> = vec![None; seeker.len()];
    for (column, (own, theirs)) in seeker.keys.iter().zip(&holder.keys).enumerate() {
        let (own, own_rows) = one.hide(column, own);
        let (theirs, their_rows) = other.hide(column, theirs);
        let (own, theirs) = (other.again(&own), one.again(&theirs));
        for (point, row) in own.iter().zip(own_rows) {
            let found = theirs.iter().position(|their| their == point).map(|at| their_rows[at]);
            // The first kind of key by which a row matches is the one that counts.
            partner[row] = partner[row].or(found);
        }
    }
    let mut figures = vec![0; shape.figures()];
    for (row, other) in partner.iter().enumerate().filter_map(|(row, other)| other.map(|other| (row, other)))
    {
        for figure in shape.opened() {
            let value = match figure {
                Figure::Count => 1,
                Figure::Seeker(term) => seeker.terms[term][row],
                Figure::Holder(term) => holder.terms[term][other],
                Figure::Product(number) => {
                    let Product { seeker: own, holder: theirs } = shape.products()[number];
                    seeker.terms[own][row] * holder.terms[theirs][other]
                }
            };
            let place = shape.place(seeker.cells[row].into(), holder.cells[other].into(), figure);
            figures[place.expect("a place of the shape")] += value;
        }
    }
    figures
}

/// Anything that can be asked: a shape, and two tables whose keys are drawn from so few that many are shared.
pub(super) struct Case {
    pub(super) shape: Shape,
    pub(super) keys: u32,
    pub(super) seeker: Rows,
    pub(super) holder: Rows,
}

impl Case {
    /// With at most so many rows at either end, and so many kinds of key.
    pub(super) fn random(rng: &mut StdRng, most_rows: usize, keys: u32) -> Self {
        let cells = [(1, 1), (1, 3), (2, 1), (3, 4), (8, 8)][rng.random_range(0..5)];
        let terms = |rng: &mut StdRng| -> Vec<u64> {
            let count = rng.random_range(0..3);
            (0..count).map(|_| [1, 2, 255, 100_000][rng.random_range(0..4)]).collect()
        };
        let (own, theirs) = (terms(rng), terms(rng));
        let pairs =
            (0..own.len()).flat_map(|seeker| (0..theirs.len()).map(move |holder| Product { seeker, holder }));
        let products = pairs.filter(|_| rng.random()).collect();
        let shape = Shape::new(cells, own, theirs, products).expect("a shape within its limits");
        let (seeker, holder) = (rng.random_range(0..=most_rows), rng.random_range(0..=most_rows));
        // Between hardly any and nearly all are shared.
        let known = seeker.max(holder) * rng.random_range(1..8) + 1;
        let side = |rng: &mut StdRng, rows, cells, terms: &[u64]| {
            let column = |rng: &mut StdRng| {
                let mut keys: Vec<u32> = (0..known as u32).collect();
                keys.shuffle(rng);
                let sparse = rng.random_range(0..3) == 0;
                let mut key = |key: u32| {
                    let there = !sparse || rng.random();
                    there.then(|| *blake3::hash(&key.to_le_bytes()).as_bytes())
                };
                keys[..rows].iter().map(|number| key(*number)).collect()
            };
            let term = |rng: &mut StdRng, most: u64| {
                let most = i64::try_from(most).expect("small");
                (0..rows).map(|_| rng.random_range(-most..=most)).collect()
            };
            Rows {
                keys: (0..keys).map(|_| column(rng)).collect(),
                cells: (0..rows).map(|_| rng.random_range(0..cells) as u8).collect(),
                terms: terms.iter().map(|most| term(rng, *most)).collect(),
            }
        };
        let own = side(rng, seeker, cells.0, shape.seeker_terms());
        let theirs = side(rng, holder, cells.1, shape.holder_terms());
        Self { keys, seeker: own, holder: theirs, shape }
    }
}

/// The figures of the private join without noise, with padding and slabs as the case number has it.
fn private(case: Case, number: u64) -> Vec<i64> {
    let mut rng = StdRng::seed_from_u64(number);
    let agreed = Agreed {
        session: SessionId::new([1; 32]),
        contract: ContractId::new([2; 32]),
        question: [3; 32],
        learns: Learns::Both,
        keys: case.keys,
        noise: vec![0; case.shape.figures_of_a_cell()],
        shape: case.shape,
        max_seeker: 1000,
        max_holder: 1000,
    };
    let params = Params::new(agreed).unwrap().with_slab_bins(rng.random_range(1..100)).unwrap();
    let noise = || Some(vec![0; params.shape().figures()]);
    let mut size = |rows: &Rows| rows.len() as u32 + rng.random_range(0..5);
    let sizes = (size(&case.seeker), size(&case.holder));
    let [one, other] = std::array::from_fn(|_| Secret::new(rng.random()));
    let seeker = Seeker::start(params.clone(), case.seeker, sizes.0, noise(), one).unwrap();
    let holder = Holder::start(params.clone(), case.holder, sizes.1, noise(), other).unwrap();
    let ended = Pair::new(seeker, holder, params.limits()).schedule(number).run();
    let (ours, theirs) = (ended.initiator.unwrap(), ended.responder.unwrap());
    assert_eq!(ours.figures, theirs.figures, "case {number}");
    ours.figures.unwrap().as_slice().to_vec()
}

/// How many cases, if the environment does not ask for more: `TACIT_JOIN_CASES`.
fn cases(otherwise: u64) -> std::ops::Range<u64> {
    0..std::env::var("TACIT_JOIN_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn join_53_three_roads_lead_to_the_same_figures() {
    cases(100).into_par_iter().for_each(|number| {
        let mut rng = StdRng::seed_from_u64(number);
        let keys = [1, 1, 2, 3][rng.random_range(0..4)];
        let case = Case::random(&mut rng, 20, keys);
        let model = model::join(&case.shape, &case.seeker, &case.holder);
        assert_eq!(join(&case.shape, &case.seeker, &case.holder, number), model, "case {number}");
        assert_eq!(private(case, number), model, "case {number}");
    });
}

#[test]
fn two_roads_lead_to_the_same_figures() {
    cases(1000).into_par_iter().for_each(|number| {
        let mut rng = StdRng::seed_from_u64(number);
        let keys = rng.random_range(1..5);
        let case = Case::random(&mut rng, 12, keys);
        let model = model::join(&case.shape, &case.seeker, &case.holder);
        assert_eq!(join(&case.shape, &case.seeker, &case.holder, number), model, "case {number}");
    });
}

/// The cases are of every sort: nothing shared, all shared, and in between.
#[test]
fn the_cases_are_of_every_sort() {
    let shared = |number: u64| {
        let case = Case::random(&mut StdRng::seed_from_u64(number), 20, 1);
        let count = |cell: (u32, u32)| case.shape.place(cell.0, cell.1, Figure::Count);
        let figures = model::join(&case.shape, &case.seeker, &case.holder);
        let cells = (0..case.shape.seeker_cells())
            .flat_map(|one| (0..case.shape.holder_cells()).map(move |other| (one, other)));
        let shared: i64 = cells.filter_map(count).map(|place| figures[place]).sum();
        let fewer = case.seeker.len().min(case.holder.len()) as i64;
        (
            shared == 0,
            shared == fewer,
            fewer > 0 && shared > 0 && shared < fewer,
            case.shape.products().is_empty(),
        )
    };
    let sorts: Vec<_> = (0..100).map(shared).collect();
    let each = [
        sorts.iter().filter(|sort| sort.0).count(),
        sorts.iter().filter(|sort| sort.1).count(),
        sorts.iter().filter(|sort| sort.2).count(),
        sorts.iter().filter(|sort| !sort.3).count(),
    ];
    assert!(each.iter().all(|count| *count >= 5), "{each:?}");
}

/// By hand: two kinds of key, and a row that matches another row by each.
#[test]
fn the_first_key_that_matches_counts() {
    let key = |number: u8| Some([number; 32]);
    let products = vec![Product { seeker: 0, holder: 0 }];
    let shape = Shape::new((2, 1), vec![9], vec![99], products).unwrap();
    let seeker = Rows {
        keys: vec![vec![key(1), key(2), None, key(4)], vec![key(11), key(12), key(13), None]],
        cells: vec![0, 0, 1, 1],
        terms: vec![vec![1, 2, 3, 4]],
    };
    let holder = Rows {
        // The first row has the seeker's first by the first key and the second by the second; the second kind of
        // key never meets the first.
        keys: vec![vec![key(1), key(13), None], vec![key(12), key(11), key(13)]],
        cells: vec![0; 3],
        terms: vec![vec![10, 20, 30]],
    };
    // Row 0 with row 0 (not row 1), row 1 with row 0, row 2 with row 2, row 3 with none.
    assert_eq!(join(&shape, &seeker, &holder, 1), [2, 3, 20, 30, 1, 3, 30, 90]);
    assert_eq!(join(&shape, &seeker, &holder, 1), join(&shape, &seeker, &holder, 2));
}
