//! Bit matrices, turned: what the generators give column by column, as rows.

use super::block::Lane;

/// Turns the four 128 × 128 bit matrices that lie beside each other in `matrix`: afterwards bit `i` of
/// block `l` of `matrix[k]` is what bit `k` of block `l` of `matrix[i]` was. So with `matrix[i]` as column
/// `i` of 512 rows, row `4k + l` of 128 bits is block `l` of `matrix[k]`: the rows lie in memory in order.
///
/// Eklundh 1972: exchange the two quarters off the diagonal, then the same within each quarter.
pub(super) fn turn(matrix: &mut [Lane; 128]) {
    let (low, high) = matrix.split_at_mut(64);
    for (low, high) in low.iter_mut().zip(high) {
        for word in [0, 2, 4, 6] {
            std::mem::swap(&mut low.0[word + 1], &mut high.0[word]);
        }
    }
    level::<32>(matrix, 0x0000_0000_ffff_ffff);
    level::<16>(matrix, 0x0000_ffff_0000_ffff);
    level::<8>(matrix, 0x00ff_00ff_00ff_00ff);
    level::<4>(matrix, 0x0f0f_0f0f_0f0f_0f0f);
    level::<2>(matrix, 0x3333_3333_3333_3333);
    level::<1>(matrix, 0x5555_5555_5555_5555);
}

#[inline(always)]
fn level<const HALF: usize>(matrix: &mut [Lane; 128], mask: u64) {
    for pair in matrix.chunks_exact_mut(2 * HALF) {
        let (low, high) = pair.split_at_mut(HALF);
        for (low, high) in low.iter_mut().zip(high) {
            for word in 0..8 {
                let change = ((low.0[word] >> HALF) ^ high.0[word]) & mask;
                high.0[word] ^= change;
                low.0[word] ^= change << HALF;
            }
        }
    }
}
