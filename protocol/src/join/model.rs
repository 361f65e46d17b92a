//! The join in the clear: what a run must come to without noise. For tests of this and other packages.

use std::collections::HashMap;

use super::{
    rows::Rows,
    shape::{Figure, Shape},
};

/// The exact figures of two tables, in the order of [`Shape::place`]. Each row of the seeker's matches at most one of the
/// holder's: that of the first kind of key by which there is one.
///
/// # Panics
/// When the rows are not of the shape.
pub fn join(shape: &Shape, seeker: &Rows, holder: &Rows) -> Vec<i64> {
    let index = |column: &Vec<Option<[u8; 32]>>| -> HashMap<[u8; 32], usize> {
        column.iter().enumerate().filter_map(|(row, key)| key.map(|key| (key, row))).collect()
    };
    let there: Vec<_> = holder.keys.iter().map(index).collect();
    let mut figures = vec![0; shape.figures()];
    for row in 0..seeker.len() {
        let found =
            seeker.keys.iter().zip(&there).find_map(|(column, there)| there.get(&column[row]?).copied());
        let Some(other) = found else { continue };
        for figure in shape.opened() {
            let value = match figure {
                Figure::Count => 1,
                Figure::Seeker(term) => seeker.terms[term][row],
                Figure::Holder(term) => holder.terms[term][other],
                Figure::Product(number) => {
                    let product = shape.products()[number];
                    seeker.terms[product.seeker][row] * holder.terms[product.holder][other]
                }
            };
            let place = shape.place(seeker.cells[row].into(), holder.cells[other].into(), figure);
            // Invariant: the rows are of the shape; a test that brings others is to stop here.
            figures[place.expect("rows of the shape")] += value;
        }
    }
    figures
}
