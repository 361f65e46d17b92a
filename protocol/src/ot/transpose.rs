//! Bit matrices, turned: what the generators give column by column, as rows.

use super::block::Lane;

/// Rows that are made together: one 512-bit vector of each column.
pub(super) const PIECE: usize = 512;

/// Turns the four 128 × 128 bit matrices that lie beside each other in `matrix`: afterwards bit `i` of
/// block `l` of `matrix[k]` is what bit `k` of block `l` of `matrix[i]` was. So with `matrix[i]` as column
/// `i` of 512 rows, row `4k + l` of 128 bits is block `l` of `matrix[k]`: the rows lie in memory in order.
pub(super) fn transpose(matrix: &mut [Lane; 128]) {
    turn(matrix);
}

/// Eklundh 1972: exchange the off-diagonal quarters, then the same within each quarter.
#[inline(always)]
fn turn(matrix: &mut [Lane; 128]) {
    const MASKS: [u128; 7] = [
        0x0000_0000_0000_0000_ffff_ffff_ffff_ffff,
        0x0000_0000_ffff_ffff_0000_0000_ffff_ffff,
        0x0000_ffff_0000_ffff_0000_ffff_0000_ffff,
        0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff,
        0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f,
        0x3333_3333_3333_3333_3333_3333_3333_3333,
        0x5555_5555_5555_5555_5555_5555_5555_5555,
    ];
    for (level, mask) in MASKS.into_iter().enumerate() {
        let half = 64 >> level;
        for pair in matrix.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                for (a, b) in low.0.iter_mut().zip(&mut high.0) {
                    let change = ((*a >> half) ^ *b) & mask;
                    *b ^= change;
                    *a ^= change << half;
                }
            }
        }
    }
}
