//! Bytes to points and points to bytes: RFC 9496, section 4.3, eight at a time.

use super::field::{ALL, Fe, Lanes, Mask};
use super::point::{Completed, D, Extended, Point};
use super::roots::{Pair, SQRT_M1, inverse, sqrt_ratio};

const ONE_MINUS_D_SQ: [i64; 5] =
    [0x4_09c1_945f_c176, 0x7_19ab_c6a1_fc4f, 0x1_c37f_90b2_0684, 0x0_6bcc_ca55_eedf, 0x0_2907_2a8b_2b3e];
const D_MINUS_ONE_SQ: [i64; 5] =
    [0x5_5aaa_44ed_4d20, 0x5_9603_c333_2635, 0x2_6d3b_af4a_7928, 0x1_20a6_6e69_97a9, 0x5_968b_37af_66c2];
const SQRT_AD_MINUS_ONE: [i64; 5] =
    [0x7_f6a0_497b_2e1b, 0x1_836f_0a97_afd2, 0x7_d747_f6be_7638, 0x4_5607_9e7e_6498, 0x3_7693_1bf2_b834];
const INVSQRT_A_MINUS_D: [i64; 5] =
    [0x0_fdaa_805d_40ea, 0x2_eb48_2e57_d339, 0x0_0761_0274_bc58, 0x6_510b_613d_c8ff, 0x7_86c8_905c_faff];

#[cfg(test)]
pub(super) const CONSTANTS: [[i64; 5]; 4] =
    [ONE_MINUS_D_SQ, D_MINUS_ONE_SQ, SQRT_AD_MINUS_ONE, INVSQRT_A_MINUS_D];

/// Eight strings of 32 bytes: word `w` of all eight, by lane.
pub(super) type Words = [Lanes; 4];

/// What decoding found out about eight strings.
#[derive(Clone, Copy)]
pub(super) struct Verdict {
    /// Not the encoding of any point.
    pub(super) invalid: Mask,
    /// Thirty-two zeros.
    pub(super) identity: Mask,
}

/// The points that sixteen strings encode (section 4.3.1). Lanes that the verdict names hold no point.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn decode(words: &[Words; 2]) -> [(Extended, Verdict); 2] {
    let one = Fe::one();
    let s = [Fe::from_words(&words[0]), Fe::from_words(&words[1])];
    let (mut u1, mut u2, mut v, mut vu2) = (s, s, s, s);
    for k in 0..2 {
        let ss = s[k].square();
        u1[k] = one.minus(&ss);
        u2[k] = one.plus(&ss);
        let u2_square = u2[k].square();
        // −d·u1² − u2²
        v[k] = Fe::zero().minus(&u1[k].square().times(&Fe::splat(&D)).plus(&u2_square));
        vu2[k] = v[k].times(&u2_square);
    }
    let (square, root) = sqrt_ratio(&[one; 2], &vu2);
    [0, 1].map(|k| {
        let x_over = root[k].times(&u2[k]);
        let y_over = root[k].times(&x_over).times(&v[k]);
        let x = s[k].plus(&s[k]).times(&x_over).absolute();
        let y = u1[k].times(&y_over);
        let t = x.times(&y);
        let canonical = s[k].same_words(&words[k]);
        let invalid = !canonical | s[k].negative() | !square[k] | t.negative() | y.is_zero();
        let verdict = Verdict { invalid: invalid & ALL, identity: canonical & s[k].is_zero() };
        (Extended { point: Point { x, y, z: one }, t }, verdict)
    })
}

/// The points that eight strings of 64 uniform bytes stand for, given as their halves: the sum of the two
/// halves' maps (section 4.3.4).
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn derive(halves: &[Words; 2]) -> Extended {
    let [a, b] = map(&[Fe::from_words(&halves[0]), Fe::from_words(&halves[1])]);
    a.extended().plus(&b.extended()).extended()
}

/// `MAP` of section 4.3.4. Its result comes as (w0·w3, w2·w1, w1·w3, w0·w2), which is a completed point.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn map(t: &Pair) -> [Completed; 2] {
    let one = Fe::one();
    let d = Fe::splat(&D);
    let minus_one = Fe::zero().minus(&one);
    let (mut r, mut u, mut v) = (*t, *t, *t);
    for k in 0..2 {
        r[k] = t[k].square().times(&Fe::splat(&SQRT_M1));
        u[k] = r[k].plus(&one).times(&Fe::splat(&ONE_MINUS_D_SQ));
        v[k] = minus_one.minus(&r[k].times(&d)).times(&r[k].plus(&d));
    }
    let (square, root) = sqrt_ratio(&u, &v);
    [0, 1].map(|k| {
        let other = Fe::zero().minus(&root[k].times(&t[k]).absolute());
        let s = other.or(square[k], &root[k]);
        let c = r[k].or(square[k], &minus_one);
        let n = c.times(&r[k].minus(&one)).times(&Fe::splat(&D_MINUS_ONE_SQ)).minus(&v[k]);
        let ss = s.square();
        Completed {
            e: s.plus(&s).times(&v[k]),
            f: one.plus(&ss),
            g: n.times(&Fe::splat(&SQRT_AD_MINUS_ONE)),
            h: one.minus(&ss),
        }
    })
}

/// The encodings of sixteen points (section 4.3.2).
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn encode(points: &[Extended; 2]) -> [Words; 2] {
    let i = Fe::splat(&SQRT_M1);
    let (mut u1, mut u2, mut v) = ([Fe::one(); 2], [Fe::one(); 2], [Fe::one(); 2]);
    for (k, Extended { point: Point { x, y, z }, .. }) in points.iter().enumerate() {
        u1[k] = z.plus(y).times(&z.minus(y));
        u2[k] = x.times(y);
        v[k] = u1[k].times(&u2[k].square());
    }
    let (_, root) = sqrt_ratio(&[Fe::one(); 2], &v);
    [0, 1].map(|k| {
        let Extended { point: Point { x, y, z }, t } = points[k];
        let (den1, den2) = (root[k].times(&u1[k]), root[k].times(&u2[k]));
        let z_inverse = den1.times(&den2).times(&t);
        let rotate = t.times(&z_inverse).negative();
        let (x, y) = (x.or(rotate, &y.times(&i)), y.or(rotate, &x.times(&i)));
        let den = den2.or(rotate, &den1.times(&Fe::splat(&INVSQRT_A_MINUS_D)));
        let y = y.negated_in(x.times(&z_inverse).negative());
        den.times(&z.minus(&y)).absolute().words()
    })
}

/// The encodings of the doubles of up to `N` vectors of points, with one inversion for all.
///
/// Where a point's double is (EF : GH : FG : EH), the square root of section 4.3.2 comes out by itself, for
/// on the curve F² − H² = (a − d)·E² and H² − G² = E²; only 1/(EFGH) is left to find. In the notation of
/// that section, with M = 1/√(a − d):
///
/// - not rotated, x = EF, y = GH: s = |(F ∓ H) · M / E|
/// - rotated, x = i·GH, y = i·EF: s = |(G ∓ i·E) / H|
///
/// and the upper sign holds where x/z is not negative.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn encode_doubles<const N: usize>(halves: &[Completed], out: &mut [Words]) {
    let one = Fe::one();
    let mut doubles = [(one, one, one, one); N];
    let mut before = [one; N];
    let mut nothing = [0; N];
    let mut all = one;
    for (k, half) in halves.iter().enumerate().take(N) {
        let Completed { e, f, g, h } = half.point().double();
        let product = e.times(&h).times(&f.times(&g));
        // A lane that is zero is the identity; one in its place keeps the other vectors' lanes alive.
        nothing[k] = product.is_zero();
        doubles[k] = (e, f, g, h);
        before[k] = all;
        all = all.times(&product.or(nothing[k], &one));
    }
    let mut inverse = inverse(&all);
    let (i, magic) = (Fe::splat(&SQRT_M1), Fe::splat(&INVSQRT_A_MINUS_D));
    for k in (0..halves.len().min(N)).rev() {
        let (e, f, g, h) = doubles[k];
        let (eh, fg) = (e.times(&h), f.times(&g));
        // Zero for the identity, which makes s zero, its encoding.
        let own = inverse.times(&before[k]).or(nothing[k], &Fe::zero());
        inverse = inverse.times(&eh.times(&fg).or(nothing[k], &one));
        let (z_inverse, t_inverse) = (own.times(&eh), own.times(&fg));
        let rotate = eh.times(&z_inverse).negative();
        let x = e.times(&f).or(rotate, &g.times(&h).times(&i));
        let minuend = f.or(rotate, &g);
        let subtrahend = h.or(rotate, &e.times(&i)).negated_in(x.times(&z_inverse).negative());
        let factor = h.times(&magic).or(rotate, &e).times(&t_inverse);
        out[k] = minuend.minus(&subtrahend).times(&factor).absolute().words();
    }
}
