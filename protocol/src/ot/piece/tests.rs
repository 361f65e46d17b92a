//! Both codes, and the definition, give the same rows.

use super::*;
use crate::ot::{
    block::Engine,
    model,
    vole::{Batch, Symbols},
};

fn seeds(groups: usize) -> Vec<[u8; 16]> {
    (0..groups * COLUMNS * LEAVES).map(|number| model::aes([1; 16], (number as u128).to_le_bytes())).collect()
}

fn rows(piece: &Piece) -> Vec<(u128, u128)> {
    (0..PIECE).map(|at| (piece.u(at), piece.v(at))).collect()
}

#[test]
fn ot_11_both_codes_make_the_rows_of_the_definition() {
    fn check<const P: usize>(symbols: Symbols) {
        let seeds = seeds(2);
        let batch = Batch { stage: 11, slab: 77 };
        let number = 3;
        let counter = batch.counter(symbols) + number * 4 * P as u128;
        let made = [Engine::detect(), Engine::portable()].map(|engine| {
            let streams = Streams::new(engine, &seeds);
            let mut piece = Piece::EMPTY;
            // What stood there before must not matter.
            piece.make::<4>(&streams, 0, 0);
            piece.make::<P>(&streams, 1, counter);
            rows(&piece)
        });
        assert_eq!(made[0], made[1]);
        let group = &seeds.as_chunks::<LEAVES>().0.as_chunks::<COLUMNS>().0[1];
        for at in [0, 1, 2, 5, 127, 128, 300, 511] {
            let defined = model::uv(group, batch, P as u64, 512 * number as u64 + at as u64);
            assert_eq!(made[0][at], defined, "row {at}");
        }
    }
    check::<4>(Symbols::Nibbles);
    check::<1>(Symbols::Bits);
}

#[test]
fn a_turned_matrix_has_rows_for_columns() {
    let mut matrix = [Lane::default(); 128];
    for (at, lane) in matrix.iter_mut().enumerate() {
        let block = |half: u8| model::aes([half; 16], (at as u128).to_le_bytes());
        let words = [0, 1, 2, 3].map(block);
        for (word, bytes) in lane.0.iter_mut().zip(words.as_flattened().as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
    }
    let mut turned = matrix;
    turn(&mut turned);
    for (i, l, k) in (0..128).flat_map(|i| (0..4).flat_map(move |l| (0..128).map(move |k| (i, l, k)))) {
        assert_eq!(turned[k].block(l) >> i & 1, matrix[i].block(l) >> k & 1);
    }
    turn(&mut turned);
    assert_eq!(turned, matrix);
}
