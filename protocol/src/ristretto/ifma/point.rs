//! Points of the twisted Edwards curve −x² + y² = 1 + d·x²·y², eight at a time, and their multiplication by
//! one scalar.
//!
//! The formulas are those of Hisil, Wong, Carter and Dawson (2008) for a = −1, which hold for every pair of
//! points: there is no special case to branch on.

use super::field::{Fe, Mask};
use super::recode::{DIGITS, Digit};

/// The curve's d.
pub(super) const D: [i64; 5] =
    [0x3_4dca_1359_78a3, 0x1_a828_3b15_6ebd, 0x5_e7a2_6001_c029, 0x7_39c6_63a0_3cbb, 0x5_2036_cee2_b6ff];

/// 2d.
pub(super) const D2: [i64; 5] =
    [0x6_9b94_26b2_f159, 0x3_5050_762a_dd7a, 0x3_cf44_c003_8052, 0x6_738c_c740_7977, 0x2_406d_9dc5_6dff];

/// x = X/Z, y = Y/Z.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) x: Fe,
    pub(super) y: Fe,
    pub(super) z: Fe,
}

/// A point with T = XY/Z, which an addition needs and a doubling does not.
#[derive(Clone, Copy)]
pub(super) struct Extended {
    pub(super) point: Point,
    pub(super) t: Fe,
}

/// What an addition or doubling ends with: X = EF, Y = GH, Z = FG, T = EH, not yet multiplied out.
#[derive(Clone, Copy)]
pub(super) struct Completed {
    pub(super) e: Fe,
    pub(super) f: Fe,
    pub(super) g: Fe,
    pub(super) h: Fe,
}

/// A summand made ready: Y + X, Y − X, 2Z, 2dT.
#[derive(Clone, Copy)]
struct Cached {
    plus: Fe,
    minus: Fe,
    z2: Fe,
    dt2: Fe,
}

impl Completed {
    /// Without T: three multiplications.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn point(&self) -> Point {
        let y = self.g.times(&self.h);
        let z = self.f.times(&self.g);
        let x = self.e.times(&self.f);
        Point { x, y, z }
    }

    /// With T: four.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn extended(&self) -> Extended {
        Extended { point: self.point(), t: self.e.times(&self.h) }
    }
}

impl Point {
    /// Twice the point: E = 2XY, G = Y² − X², F = 2Z² − G, H = Y² + X².
    ///
    /// Bounds: a product is < 2⁵⁹, so E and H are < 2⁶⁰, G < 2⁵⁹ + 2⁶⁰, and F, summed as
    /// 2Z² + X² − Y², is < 2⁶⁰ + 2⁵⁹ + 2⁶⁰ < 2⁶².
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn double(&self) -> Completed {
        let yy = self.y.squared();
        let zz = self.z.squared();
        let xx = self.x.squared();
        let xy = self.x.product(&self.y);
        let h = yy.plus(&xx).carry();
        let g = yy.minus(&xx).carry();
        let f = zz.plus(&zz).plus(&xx).minus(&yy).carry();
        let e = xy.plus(&xy).carry();
        Completed { e, f, g, h }
    }
}

impl Extended {
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn cached(&self) -> Cached {
        Cached {
            plus: self.point.y.plus(&self.point.x),
            minus: self.point.y.minus(&self.point.x),
            z2: self.point.z.plus(&self.point.z),
            dt2: self.t.times(&Fe::splat(&D2)),
        }
    }

    /// The sum with `other`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn plus(&self, other: &Self) -> Completed {
        self.plus_cached(&other.cached(), 0)
    }

    /// The sum with `other`, or in the lanes of `negative` the difference.
    ///
    /// Bounds: all of E, F, G, H are a product plus or minus another, < 2⁵⁹ + 2⁶⁰.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn plus_cached(&self, other: &Cached, negative: Mask) -> Completed {
        // −(x, y) is (−x, y): Y + X and Y − X change places, and T its sign, so F and G change places too.
        let a = self.point.y.minus(&self.point.x).product(&other.minus.or(negative, &other.plus));
        let b = self.point.y.plus(&self.point.x).product(&other.plus.or(negative, &other.minus));
        let c = self.t.product(&other.dt2);
        let d = self.point.z.product(&other.z2);
        let (less, more) = (d.minus(&c).carry(), d.plus(&c).carry());
        Completed {
            e: b.minus(&a).carry(),
            f: less.or(negative, &more),
            g: more.or(negative, &less),
            h: b.plus(&a).carry(),
        }
    }

    /// `scalar` times the point, the scalar written in 64 digits of radix 16 from −8 to 8.
    ///
    /// Every digit costs four doublings, a walk over the whole table and an addition, whatever it is.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(super) fn multiply(&self, scalar: &[Digit; DIGITS]) -> Completed {
        let table = self.multiples();
        let [low @ .., high] = scalar;
        // The highest digit is never negative, and its multiple needs no addition: (Y+X) − (Y−X) = 2X and
        // so on, over 2Z.
        let first = choose(&table, high);
        let (x, y) = (first.plus.minus(&first.minus), first.plus.plus(&first.minus));
        // (XZ, YZ, Z²) is the same point as (X, Y, Z).
        let mut sum = Completed { e: x, f: first.z2, g: first.z2, h: y };
        for digit in low.iter().rev() {
            for _ in 0..4 {
                sum = sum.point().double();
            }
            sum = sum.extended().plus_cached(&choose(&table, digit), digit.negative);
        }
        sum
    }

    /// One to eight times the point.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn multiples(&self) -> [Cached; 8] {
        let mut table = [self.cached(); 8];
        let mut multiple = *self;
        for k in 1..8 {
            multiple = multiple.plus_cached(&table[0], 0).extended();
            table[k] = multiple.cached();
        }
        table
    }
}

/// The multiple that a digit's magnitude names, or the identity for zero: every entry is read and masked.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn choose(table: &[Cached; 8], digit: &Digit) -> Cached {
    let one = Fe::one();
    let mut chosen = Cached { plus: one, minus: one, z2: Fe::splat(&[2, 0, 0, 0, 0]), dt2: Fe::zero() };
    for k in 0..8 {
        let (entry, mask) = (&table[k], digit.is[k]);
        chosen.plus = chosen.plus.or(mask, &entry.plus);
        chosen.minus = chosen.minus.or(mask, &entry.minus);
        chosen.z2 = chosen.z2.or(mask, &entry.z2);
        chosen.dt2 = chosen.dt2.or(mask, &entry.dt2);
    }
    chosen
}
