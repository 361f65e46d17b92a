//! The field of 2²⁵⁵ − 19, eight elements at a time.
//!
//! An element is five limbs in radix 2⁵¹, limb `k` of all eight in one vector. The multiplier takes 52 bits
//! of each operand and gives the low or the high 52 bits of the product, so a limb must stay below 2⁵²: one
//! bit of room, which a single sum of two can use up. So there are two types. [`Fe`] is carried and may be
//! multiplied; [`Wide`] is what a multiplication gives before its carries, with room for sums and
//! differences, and has to be [`carried`](Wide::carry) before it is multiplied again.
//!
//! **The bounds** (all of them on limbs, in every lane):
//!
//! | what | bound | why |
//! |---|---|---|
//! | `Fe` | < 2⁵¹ + 2¹⁶ | [`Wide::carry`] |
//! | product or square | < 2⁵⁹ | the sum below |
//! | `Wide` | < 2⁶² | whoever adds products counts them, at the place |
//! | what [`Wide::minus`] takes away | < 2⁶⁰ − 2¹⁴ | so that no limb goes below zero |
//!
//! A column of a product of two `Fe`s holds low halves, each < U = 2⁵², and high halves, each
//! < (2⁵¹ + 2¹⁶)² / 2⁵² < U/4 · (1 + 2⁻³³), which stand for 2⁵² and so count twice in the next column of
//! radix 2⁵¹. Columns 5 to 9 come back to 0 to 4 times 19. Column 0 is the fullest: 1 low half of its own,
//! and from column 5, 19 times (4 low halves and 5 high ones twice) = 1 + 19 · (4 + 2.5) = 124.5 U, where
//! the rest of the high halves' bound is lost in the rounding to 128 U = 2⁵⁹. Columns 1 to 4 hold 97.5,
//! 70.5, 43.5 and 16.5 U.

use std::arch::x86_64::*;

/// Eight 64-bit words, one a lane.
pub(super) type Lanes = [u64; 8];

/// One bit a lane.
pub(super) type Mask = __mmask8;

/// The mask of all lanes.
pub(super) const ALL: Mask = 0xff;

const LIMB: i64 = (1 << 51) - 1;

/// 2⁹ · p, limb by limb: what [`Wide::minus`] adds so that limbs stay above zero.
const BIAS: [i64; 5] = [((1 << 51) - 19) << 9, LIMB << 9, LIMB << 9, LIMB << 9, LIMB << 9];

/// Eight field elements, carried: limbs < 2⁵¹ + 2¹⁶. Not unique; [`Fe::frozen`] is.
#[derive(Clone, Copy)]
pub(super) struct Fe(pub(super) [__m512i; 5]);

/// Eight field elements, not carried: limbs < 2⁶².
#[derive(Clone, Copy)]
pub(super) struct Wide(pub(super) [__m512i; 5]);

/// Eight words from memory.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn load(lanes: &Lanes) -> __m512i {
    // SAFETY: the reference is to 64 bytes that may be read, and this load needs no alignment.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

/// Eight words to memory.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn store(vector: __m512i) -> Lanes {
    let mut lanes = [0; 8];
    // SAFETY: the reference is to 64 bytes that may be written, and this store needs no alignment.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), vector) };
    lanes
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn twice(x: __m512i) -> __m512i {
    _mm512_add_epi64(x, x)
}

/// Brings the columns of a product together: high halves go twice into the next column, columns from 5 on
/// come back 19 times.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn fold(low: &[__m512i; 9], high: &[__m512i; 9]) -> Wide {
    let mut column = [low[0]; 10];
    for k in 1..9 {
        column[k] = _mm512_add_epi64(low[k], twice(high[k - 1]));
    }
    column[9] = twice(high[8]);
    let nineteen = _mm512_set1_epi64(19);
    let mut out = [column[0]; 5];
    for k in 0..5 {
        out[k] = _mm512_add_epi64(column[k], _mm512_mullo_epi64(column[k + 5], nineteen));
    }
    Wide(out)
}

impl Fe {
    /// One element in all lanes. `limbs` < 2⁵¹ each.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn splat(limbs: &[i64; 5]) -> Self {
        let [a, b, c, d, e] = *limbs;
        Self([
            _mm512_set1_epi64(a),
            _mm512_set1_epi64(b),
            _mm512_set1_epi64(c),
            _mm512_set1_epi64(d),
            _mm512_set1_epi64(e),
        ])
    }

    /// Zero in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn zero() -> Self {
        Self([_mm512_setzero_si512(); 5])
    }

    /// One in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn one() -> Self {
        Self::splat(&[1, 0, 0, 0, 0])
    }

    /// Eight numbers of four little-endian words each, without their highest bit: limbs < 2⁵¹.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn from_words(words: &[Lanes; 4]) -> Self {
        let [a, b, c, d] = [load(&words[0]), load(&words[1]), load(&words[2]), load(&words[3])];
        let limb = _mm512_set1_epi64(LIMB);
        Self([
            _mm512_and_si512(a, limb),
            _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<51>(a), _mm512_slli_epi64::<13>(b)), limb),
            _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<38>(b), _mm512_slli_epi64::<26>(c)), limb),
            _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<25>(c), _mm512_slli_epi64::<39>(d)), limb),
            _mm512_and_si512(_mm512_srli_epi64::<12>(d), limb),
        ])
    }

    /// The eight numbers below p, as four little-endian words each.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn words(&self) -> [Lanes; 4] {
        let [a, b, c, d, e] = self.frozen().0;
        [
            store(_mm512_or_si512(a, _mm512_slli_epi64::<51>(b))),
            store(_mm512_or_si512(_mm512_srli_epi64::<13>(b), _mm512_slli_epi64::<38>(c))),
            store(_mm512_or_si512(_mm512_srli_epi64::<26>(c), _mm512_slli_epi64::<25>(d))),
            store(_mm512_or_si512(_mm512_srli_epi64::<39>(d), _mm512_slli_epi64::<12>(e))),
        ]
    }

    /// As a summand.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn wide(&self) -> Wide {
        Wide(self.0)
    }

    /// The product, limbs < 2⁵⁹.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn product(&self, other: &Self) -> Wide {
        let mut low = [_mm512_setzero_si512(); 9];
        let mut high = low;
        for i in 0..5 {
            for j in 0..5 {
                low[i + j] = _mm512_madd52lo_epu64(low[i + j], self.0[i], other.0[j]);
                high[i + j] = _mm512_madd52hi_epu64(high[i + j], self.0[i], other.0[j]);
            }
        }
        fold(&low, &high)
    }

    /// The square, limbs < 2⁵⁹: the same columns as [`product`](Self::product), each pair of different
    /// limbs multiplied once and counted twice.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn squared(&self) -> Wide {
        let mut low = [_mm512_setzero_si512(); 9];
        let mut high = low;
        for i in 0..5 {
            for j in i + 1..5 {
                low[i + j] = _mm512_madd52lo_epu64(low[i + j], self.0[i], self.0[j]);
                high[i + j] = _mm512_madd52hi_epu64(high[i + j], self.0[i], self.0[j]);
            }
        }
        for k in 1..8 {
            low[k] = twice(low[k]);
            high[k] = twice(high[k]);
        }
        for i in 0..5 {
            low[2 * i] = _mm512_madd52lo_epu64(low[2 * i], self.0[i], self.0[i]);
            high[2 * i] = _mm512_madd52hi_epu64(high[2 * i], self.0[i], self.0[i]);
        }
        fold(&low, &high)
    }

    /// The product, carried.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn times(&self, other: &Self) -> Self {
        self.product(other).carry()
    }

    /// The square, carried.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn square(&self) -> Self {
        self.squared().carry()
    }

    /// The sum, carried.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn plus(&self, other: &Self) -> Self {
        self.wide().plus(&other.wide()).carry()
    }

    /// The difference, carried.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn minus(&self, other: &Self) -> Self {
        self.wide().minus(&other.wide()).carry()
    }

    /// In the lanes of `mask` the other, elsewhere itself.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn or(&self, mask: Mask, other: &Self) -> Self {
        let mut out = self.0;
        for k in 0..5 {
            out[k] = _mm512_mask_mov_epi64(self.0[k], mask, other.0[k]);
        }
        Self(out)
    }

    /// In the lanes of `mask` its negative, elsewhere itself.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn negated_in(&self, mask: Mask) -> Self {
        self.or(mask, &Self::zero().minus(self))
    }

    /// The one of the element and its negative that is even below p (RFC 9496, section 4.1: `CT_ABS`).
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn absolute(&self) -> Self {
        self.negated_in(self.negative())
    }

    /// Limbs < 2⁵¹ of the number below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn frozen(&self) -> Self {
        let limb = _mm512_set1_epi64(LIMB);
        let nineteen = _mm512_set1_epi64(19);
        // The limbs' bound makes the number less than 2p. So it is at least p, and p has to go, just when
        // 19 more reach 2²⁵⁵.
        let mut carry = _mm512_srli_epi64::<51>(_mm512_add_epi64(self.0[0], nineteen));
        for k in 1..5 {
            carry = _mm512_srli_epi64::<51>(_mm512_add_epi64(self.0[k], carry));
        }
        // Less p is 19 more, less 2²⁵⁵: the last limb's carry is dropped.
        carry = _mm512_mullo_epi64(carry, nineteen);
        let mut out = self.0;
        for k in 0..5 {
            let sum = _mm512_add_epi64(out[k], carry);
            out[k] = _mm512_and_si512(sum, limb);
            carry = _mm512_srli_epi64::<51>(sum);
        }
        Self(out)
    }

    /// Lanes whose number below p is odd, which RFC 9496 calls negative.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn negative(&self) -> Mask {
        _mm512_test_epi64_mask(self.frozen().0[0], _mm512_set1_epi64(1))
    }

    /// Lanes whose number below p is, bit for bit, the one it was read from.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn same_words(&self, words: &[Lanes; 4]) -> Mask {
        let own = self.words();
        let mut same = ALL;
        for w in 0..4 {
            same &= _mm512_cmpeq_epi64_mask(load(&own[w]), load(&words[w]));
        }
        same
    }

    /// Lanes that are zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn is_zero(&self) -> Mask {
        let [a, b, c, d, e] = self.frozen().0;
        let any = _mm512_or_si512(_mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d)), e);
        _mm512_testn_epi64_mask(any, any)
    }

    /// Lanes where both are the same.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn equals(&self, other: &Self) -> Mask {
        self.minus(other).is_zero()
    }
}

impl Wide {
    /// The sum. Limbs' bounds add up and must stay below 2⁶².
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut out = self.0;
        for k in 0..5 {
            out[k] = _mm512_add_epi64(self.0[k], other.0[k]);
        }
        Self(out)
    }

    /// The difference: `other` has limbs < 2⁶⁰ − 2¹⁴, and the result's bound is this one's and 2⁶⁰, which
    /// must stay below 2⁶².
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut out = self.0;
        for k in 0..5 {
            let lifted = _mm512_add_epi64(self.0[k], _mm512_set1_epi64(BIAS[k]));
            out[k] = _mm512_sub_epi64(lifted, other.0[k]);
        }
        Self(out)
    }

    /// All carries at once: each limb keeps 51 bits and gets the rest of the one below, the lowest 19 times
    /// the rest of the highest. With limbs < 2⁶² that rest is < 2¹¹, so the new limbs are < 2⁵¹ + 19 · 2¹¹,
    /// which is less than 2⁵¹ + 2¹⁶.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn carry(&self) -> Fe {
        let limb = _mm512_set1_epi64(LIMB);
        let mut out = self.0;
        let around = _mm512_srli_epi64::<51>(self.0[4]);
        out[0] = _mm512_madd52lo_epu64(_mm512_and_si512(self.0[0], limb), around, _mm512_set1_epi64(19));
        for k in 1..5 {
            out[k] =
                _mm512_add_epi64(_mm512_and_si512(self.0[k], limb), _mm512_srli_epi64::<51>(self.0[k - 1]));
        }
        Fe(out)
    }
}
