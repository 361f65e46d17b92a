//! Bit × words, where bit and words are each split between the two ends.
//!
//! A bit f = f_S ⊕ f_H times a word x that one end knows in full, or times that end's own half of a split word, is
//! f·x = f_own·x + f_other·(1 − 2·f_own)·x: the first part is the end's own, the second is one correlated transfer in
//! which the other end chooses by its half of f. The attack that this stops is reading a half as a bit: both
//! messages of the transfer are uniform to who receives them (`docs/protocols/ot.md`), and no branch and no
//! index here depends on a half.

/// All ones for 1, zero for 0.
pub(super) const fn mask(bit: u8) -> u64 {
    (bit as u64 & 1).wrapping_neg()
}

/// The words to be chosen from: (1 − 2f)·x, for `width` words a bit.
pub(super) fn signed(bits: &[u8], words: &[u64], width: usize) -> Vec<u64> {
    let mut out = words.to_vec();
    for (bit, words) in bits.iter().zip(out.chunks_exact_mut(width.max(1))) {
        let mask = mask(*bit);
        words.iter_mut().for_each(|word| *word = (*word ^ mask).wrapping_sub(mask));
    }
    out
}

/// Adds f·x to `shares`, for `width` words a bit.
pub(super) fn add_chosen(shares: &mut [u64], bits: &[u8], words: &[u64], width: usize) {
    let width = width.max(1);
    for ((bit, words), shares) in
        bits.iter().zip(words.chunks_exact(width)).zip(shares.chunks_exact_mut(width))
    {
        let mask = mask(*bit);
        shares.iter_mut().zip(words).for_each(|(share, word)| *share = share.wrapping_add(word & mask));
    }
}

/// Adds one list to another.
pub(super) fn add(shares: &mut [u64], others: &[u64]) {
    shares.iter_mut().zip(others).for_each(|(share, other)| *share = share.wrapping_add(*other));
}

/// The first `cells` bits of each word, one a byte.
pub(super) fn split(words: &[u64], cells: usize) -> Vec<u8> {
    words.iter().flat_map(|word| (0..cells).map(move |cell| (word >> cell & 1) as u8)).collect()
}

/// Rows of `width` words cut in two after `first` of them.
pub(super) fn cut(words: &[u64], width: usize, first: usize) -> (Vec<u64>, Vec<u64>) {
    let rows = || words.chunks_exact(width.max(1)).map(|row| row.split_at(first));
    (
        rows().flat_map(|(left, _)| left).copied().collect(),
        rows().flat_map(|(_, right)| right).copied().collect(),
    )
}
