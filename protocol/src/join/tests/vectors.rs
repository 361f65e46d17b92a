//! The vectors in `protocol/vectors/join.json`: whole runs, from rows and seeds to figures, with every message by its hash.
//!
//! To write them anew after a change of the protocol (which must come with a new version of it):
//! `TACIT_WRITE_VECTORS=1 cargo test -p tacit-protocol join_vectors`.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::*;
use crate::wire::{Role as End, Wire};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    runs: Vec<Whole>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Whole {
    session: String,
    contract: String,
    question: String,
    cells: (u32, u32),
    seeker_terms: Vec<u64>,
    holder_terms: Vec<u64>,
    /// The seeker's term and the holder's.
    products: Vec<(usize, usize)>,
    /// The places in a cell of what is opened: count, seeker's sums, holder's sums, products.
    opened: Vec<usize>,
    learns: String,
    noise_bound: u64,
    slab_bins: u32,
    seeker: Side,
    holder: Side,
    said: Vec<One>,
    figures: Vec<i64>,
    transcript: String,
}

/// What an end brings.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Side {
    seed: String,
    padded: u32,
    /// A column for each kind of key.
    keys: Vec<Vec<Option<String>>>,
    row_cells: Vec<u8>,
    row_terms: Vec<Vec<i64>>,
    noise: Option<Vec<i64>>,
}

/// A message: who says it, what it is, how long its encoding is.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct One {
    by: String,
    what: String,
    bytes: usize,
    sha256: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Side {
    fn new(rows: &Rows, padded: u32, noise: Option<Vec<i64>>, seed: u8) -> Self {
        let column = |column: &Vec<Option<[u8; 32]>>| {
            column.iter().map(|key| key.map(|key| hex(&key))).collect::<Vec<_>>()
        };
        Self {
            seed: hex(&[seed; 32]),
            padded,
            keys: rows.keys.iter().map(column).collect(),
            row_cells: rows.cells.clone(),
            row_terms: rows.terms.clone(),
            noise,
        }
    }
}

fn one(case: &Case, by: End, bytes: &[u8]) -> One {
    let what = match Message::decode(bytes, &case.params().limits()).unwrap() {
        Message::Slab { stage, slab, .. } => format!("{} {slab}", stage.name()),
        Message::Setup { step, .. } => format!("Setup {step}"),
        other => other.kind().to_owned(),
    };
    let by = match by {
        End::Initiator => Role::Seeker,
        End::Responder => Role::Holder,
    };
    One { by: by.name().to_owned(), what, bytes: bytes.len(), sha256: hex(&Sha256::digest(bytes)) }
}

/// A run in which all noise of the seeker's is −4 and all of the holder's 3.
fn whole(case: &Case, own: &Rows, theirs: &Rows) -> Whole {
    let Case { shape, learns, slab, padding, .. } = case;
    let (seeker_noise, holder_noise) =
        (case.noise(*learns != Learns::Seeker, -4), case.noise(*learns != Learns::Holder, 3));
    let ended =
        Pair::new(case.seeker(own, -4).unwrap(), case.holder(theirs, 3).unwrap(), case.params().limits())
            .run();
    let (seeker, holder) = (ended.initiator.unwrap(), ended.responder.unwrap());
    assert_eq!(seeker.transcript, holder.transcript);
    let figures = seeker.figures.or(holder.figures).unwrap().as_slice().to_vec();
    let noise = seeker_noise.as_ref().map_or(0, |_| -4) + holder_noise.as_ref().map_or(0, |_| 3);
    let expected: Vec<i64> =
        model::join(shape, own, theirs).into_iter().map(|figure| figure + noise).collect();
    assert_eq!(figures, expected, "the run is right before it is recorded");
    let all = shape.clone().opening(&all_of(shape)).unwrap();
    let place = |figure| all.place(0, 0, figure).unwrap();
    Whole {
        session: hex(&[1; 32]),
        contract: hex(&[2; 32]),
        question: hex(&[3; 32]),
        cells: (shape.seeker_cells(), shape.holder_cells()),
        seeker_terms: shape.seeker_terms().to_vec(),
        holder_terms: shape.holder_terms().to_vec(),
        products: shape.products().iter().map(|product| (product.seeker, product.holder)).collect(),
        opened: shape.opened().into_iter().map(place).collect(),
        learns: format!("{learns:?}"),
        noise_bound: 1000,
        slab_bins: *slab,
        seeker: Side::new(own, own.len() as u32 + padding.0, seeker_noise, 5),
        holder: Side::new(theirs, theirs.len() as u32 + padding.1, holder_noise, 6),
        said: ended.said.iter().map(|said| one(case, said.by, &said.bytes)).collect(),
        figures,
        transcript: hex(&seeker.transcript),
    }
}

/// Every sum that a cell has.
fn all_of(shape: &Shape) -> Vec<Figure> {
    let seeker = (0..shape.seeker_terms().len()).map(Figure::Seeker);
    let holder = (0..shape.holder_terms().len()).map(Figure::Holder);
    let products = (0..shape.products().len()).map(Figure::Product);
    std::iter::once(Figure::Count).chain(seeker).chain(holder).chain(products).collect()
}

fn runs() -> Vec<Whole> {
    // A count that the seeker learns.
    let count = Case { padding: (1, 2), slab: 70, ..Case::new(Shape::count()) };
    let few = whole(&count, &rows(0..5, 1, &[]), &rows(3..9, 1, &[]));
    // A holder's term by its cells, of which the count is not opened.
    let some = shape((2, 3), &[7], &[1 << 33], &[]).opening(&[Figure::Holder(0)]).unwrap();
    let case = Case { learns: Learns::Holder, slab: 130, ..Case::new(some.clone()) };
    let cells = whole(&case, &own_rows(&some, 0..6), &their_rows(&some, 2..8));
    // Every stage: two kinds of key, cells and terms of both, a product; both learn.
    let all = shape((2, 2), &[100, 3], &[5], &[(1, 0)]);
    let case = Case { learns: Learns::Both, keys: 2, slab: 70, padding: (2, 0), ..Case::new(all.clone()) };
    let (customers, others) = ((0..6).collect(), (3..10).collect());
    let (mut own, mut theirs) = (own_rows(&all, 0..6), their_rows(&all, 3..10));
    add_keys(&mut own, &customers, 2, 7);
    add_keys(&mut theirs, &others, 2, 3);
    let every = whole(&case, &own, &theirs);
    for stage in Stage::ALL {
        assert!(every.said.iter().any(|one| one.what.starts_with(stage.name())), "{}", stage.name());
    }
    vec![few, cells, every]
}

#[test]
fn join_vectors_replay() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/join.json");
    let about = "Whole private joins, docs/protocols/join.md. Ids, keys, seeds and hashes in hex. said: every message in \
                 the order in which this run says them, by the SHA-256 of its encoding; the transcript is of each \
                 end's messages in that order.";
    let generated = Vectors { about: about.to_owned(), runs: runs() };
    if std::env::var_os("TACIT_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string(&generated).unwrap();
        // A line a message.
        fs::write(&path, text.replace("},{", "},\n{").replace("[{", "[\n{") + "\n").unwrap();
    }
    let recorded: Vectors = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(recorded.runs.len(), generated.runs.len());
    for (recorded, generated) in recorded.runs.iter().zip(&generated.runs) {
        let both = recorded.said.iter().zip(&generated.said);
        both.for_each(|(recorded, generated)| assert_eq!(recorded, generated));
    }
    assert_eq!(recorded, generated);
}
