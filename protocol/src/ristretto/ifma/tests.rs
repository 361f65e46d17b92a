//! The field at its bounds, against plain arithmetic on four 64-bit words, and what stands on it.

use curve25519_dalek::Scalar;
use curve25519_dalek::constants::{RISTRETTO_BASEPOINT_COMPRESSED, RISTRETTO_BASEPOINT_POINT};
use proptest::prelude::*;

use super::Ifma;
use super::codec::{CONSTANTS, decode, encode, encode_doubles};
use super::field::{ALL, Fe, Lanes, Wide, load, store};
use super::point::{Completed, D, D2};
use super::recode::Recoded;
use super::roots::{SQRT_M1, inverse, sqrt_ratio};

/// Runs a test that needs the instructions, where they are.
fn run(test: unsafe fn()) {
    match Ifma::detect() {
        // SAFETY: the processor was just asked.
        Some(_) => unsafe { test() },
        None => eprintln!("skipped: no AVX-512 IFMA here"),
    }
}

/// A number below 2²⁵⁶, lowest word first; plain arithmetic modulo p.
type Number = [u64; 4];

const P: Number = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];

/// The sum of words at their places, modulo p: place k stands for 2^(64k).
fn reduced(words: &[u128]) -> Number {
    let mut sums = words.to_vec();
    loop {
        // Carry to 64 bits a word, then bring what is above 2²⁵⁵ back 19 times.
        let mut carried = vec![];
        let mut carry = 0;
        for sum in &sums {
            let (low, over) = sum.overflowing_add(carry);
            carried.push(u128::from(low as u64));
            carry = (low >> 64) + (u128::from(over) << 64);
        }
        while carry > 0 {
            carried.push(u128::from(carry as u64));
            carry >>= 64;
        }
        carried.resize(carried.len().max(4), 0);
        let top = (carried[3] >> 63) * 19;
        carried[3] &= u128::from(u64::MAX >> 1);
        let high: Vec<u128> = carried.drain(4..).collect();
        let done = high.iter().all(|word| *word == 0) && top == 0;
        carried[0] += top;
        for (k, word) in high.iter().enumerate() {
            if carried.len() <= k {
                carried.push(0);
            }
            carried[k] += word * 38;
        }
        sums = carried;
        if done {
            break;
        }
    }
    let number = [sums[0] as u64, sums[1] as u64, sums[2] as u64, sums[3] as u64];
    if number[3] == P[3] && number[2] == P[2] && number[1] == P[1] && number[0] >= P[0] {
        return [number[0] - P[0], 0, 0, 0];
    }
    number
}

fn times(x: &Number, y: &Number) -> Number {
    let mut sums = vec![0u128; 9];
    for i in 0..4 {
        for j in 0..4 {
            let product = u128::from(x[i]) * u128::from(y[j]);
            sums[i + j] += u128::from(product as u64);
            sums[i + j + 1] += product >> 64;
        }
    }
    reduced(&sums)
}

fn plus(x: &Number, y: &Number) -> Number {
    reduced(&[0, 1, 2, 3].map(|k| u128::from(x[k]) + u128::from(y[k])))
}

fn negative(x: &Number) -> Number {
    // p − 1 times it.
    times(x, &[P[0] - 1, P[1], P[2], P[3]])
}

/// Σ limb · 2^(51k) modulo p.
fn number(limbs: &[u64; 5]) -> Number {
    let mut sums = vec![0u128; 6];
    for (k, limb) in limbs.iter().enumerate() {
        let shifted = u128::from(*limb) << (51 * k % 64);
        sums[51 * k / 64] += u128::from(shifted as u64);
        sums[51 * k / 64 + 1] += shifted >> 64;
    }
    reduced(&sums)
}

/// Eight sets of limbs, one a lane.
type Limbs = [[u64; 5]; 8];

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn vectors(limbs: &Limbs) -> [std::arch::x86_64::__m512i; 5] {
    let mut out = Fe::zero().0;
    for k in 0..5 {
        let mut lanes: Lanes = [0; 8];
        for lane in 0..8 {
            lanes[lane] = limbs[lane][k];
        }
        out[k] = load(&lanes);
    }
    out
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn limbs(vectors: &[std::arch::x86_64::__m512i; 5]) -> Limbs {
    let mut out = [[0; 5]; 8];
    for k in 0..5 {
        let lanes = store(vectors[k]);
        for lane in 0..8 {
            out[lane][k] = lanes[lane];
        }
    }
    out
}

/// Limbs below this may be multiplied.
const FE: u64 = (1 << 51) + (1 << 16);
const WIDE: u64 = 1 << 62;
const PRODUCT: u64 = 1 << 59;
const TAKEN: u64 = (1 << 60) - (1 << 14);

/// Checks all operations on two carried vectors.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn check_carried(a: &Limbs, b: &Limbs) {
    let (x, y) = (Fe(vectors(a)), Fe(vectors(b)));
    let wide = [x.product(&y), x.squared()];
    let fe = [
        x.times(&y),
        x.square(),
        x.plus(&y),
        x.minus(&y),
        x.negated_in(ALL),
        x.frozen(),
        x.negated_in(0b1010_0101),
    ];
    let wide = wide.each_ref().map(|wide| limbs(&wide.0));
    let fe = fe.each_ref().map(|fe| limbs(&fe.0));
    let words = x.words();
    let (odd, zero, same) = (x.negative(), x.is_zero(), x.equals(&y));
    for lane in 0..8 {
        let (p, q) = (number(&a[lane]), number(&b[lane]));
        let expected = [times(&p, &q), times(&p, &p), plus(&p, &q), plus(&p, &negative(&q)), negative(&p), p];
        for (k, wide) in wide.iter().enumerate() {
            assert!(wide[lane].iter().all(|limb| *limb < PRODUCT));
            assert_eq!(number(&wide[lane]), expected[k]);
        }
        for (k, fe) in fe.iter().enumerate().take(6) {
            assert!(fe[lane].iter().all(|limb| *limb < FE));
            assert_eq!(number(&fe[lane]), expected[k], "operation {k}, lane {lane}");
        }
        let negated = (0b1010_0101 >> lane) & 1 == 1;
        assert_eq!(number(&fe[6][lane]), if negated { negative(&p) } else { p });
        assert!(fe[5][lane].iter().all(|limb| *limb < 1 << 51));
        assert_eq!([0, 1, 2, 3].map(|w| words[w][lane]), p);
        assert_eq!((odd >> lane) & 1, (p[0] & 1) as u8);
        assert_eq!((zero >> lane) & 1 == 1, p == [0; 4]);
        assert_eq!((same >> lane) & 1 == 1, p == q);
    }
}

/// Checks carries and differences of what is not carried.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn check_wide(a: &Limbs, taken: &Limbs) {
    let x = Wide(vectors(a));
    let carried = limbs(&x.carry().0);
    // What is left must stay below 2⁶² with the 2⁶⁰ that a difference adds.
    let small = a.map(|limbs| limbs.map(|limb| limb % (3 << 60)));
    let difference = limbs(&Wide(vectors(&small)).minus(&Wide(vectors(taken))).carry().0);
    for lane in 0..8 {
        assert!(carried[lane].iter().all(|limb| *limb < FE));
        assert_eq!(number(&carried[lane]), number(&a[lane]));
        assert!(difference[lane].iter().all(|limb| *limb < FE));
        assert_eq!(number(&difference[lane]), plus(&number(&small[lane]), &negative(&number(&taken[lane]))));
    }
}

#[test]
fn the_reference_knows_its_arithmetic() {
    let minus_one = [P[0] - 1, P[1], P[2], P[3]];
    assert_eq!(times(&minus_one, &minus_one), [1, 0, 0, 0]);
    assert_eq!(plus(&minus_one, &[1, 0, 0, 0]), [0; 4]);
    assert_eq!(reduced(&[0, 0, 0, 0, 1]), [38, 0, 0, 0]);
    assert_eq!(number(&[(1 << 51) - 19, (1 << 51) - 1, (1 << 51) - 1, (1 << 51) - 1, (1 << 51) - 1]), [0; 4]);
}

#[test]
fn the_field_holds_at_its_bounds() {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn test() {
        let top = (1 << 51) - 1;
        let p = [top - 18, top, top, top, top];
        let mut edges = vec![
            [0; 5],
            [1, 0, 0, 0, 0],
            [2, 0, 0, 0, 0],
            [18, 0, 0, 0, 0],
            [19, 0, 0, 0, 0],
            p,
            [top - 19, top, top, top, top],
            [top - 17, top, top, top, top],
            [top; 5],
            [FE - 1; 5],
            [FE - 1, 0, 0, 0, 0],
            [0, 0, 0, 0, FE - 1],
            [top + 1; 5],
            [1 << 51, top, top, top, top],
            // p and 2p with carries waiting.
            [(1 << 51) + top - 18, top - 1, top, top, top].map(|limb| limb.min(FE - 1)),
            [FE - 1, top, top, top, top],
            [top - 19 + (1 << 16), FE - 1, FE - 1, FE - 1, FE - 1],
        ];
        edges.resize(edges.len().next_multiple_of(8), [FE - 1, 1, FE - 1, 1, FE - 1]);
        for a in edges.as_chunks::<8>().0 {
            for b in edges.as_chunks::<8>().0 {
                for turn in 0..8 {
                    let mut turned = *b;
                    turned.rotate_left(turn);
                    check_carried(a, &turned);
                }
            }
        }
        let wide = [
            [WIDE - 1; 5],
            [0, 0, 0, 0, WIDE - 1],
            [WIDE - 1, 0, 0, 0, 0],
            [(3 << 60) - 1; 5],
            [0; 5],
            [top; 5],
            [1 << 51; 5],
            [PRODUCT - 1; 5],
        ];
        check_wide(&wide, &[[TAKEN - 1; 5]; 8]);
        check_wide(&wide, &[[0; 5]; 8]);
    }
    run(test);
}

/// The constants satisfy what RFC 9496, section 4.1 says of them, and are non-negative where it matters.
#[test]
fn the_constants_are_the_rfcs() {
    let [one_minus_d_sq, d_minus_one_sq, sqrt_ad_minus_one, invsqrt_a_minus_d] =
        CONSTANTS.map(|limbs| number(&limbs.map(|limb| limb as u64)));
    let [d, d2, i] = [D, D2, SQRT_M1].map(|limbs| number(&limbs.map(|limb| limb as u64)));
    let one = [1, 0, 0, 0];
    let minus_one = negative(&one);
    // d = −121665/121666
    assert_eq!(times(&d, &[121_666, 0, 0, 0]), negative(&[121_665, 0, 0, 0]));
    assert_eq!(d2, plus(&d, &d));
    assert_eq!(times(&i, &i), minus_one);
    assert_eq!(one_minus_d_sq, plus(&one, &negative(&times(&d, &d))));
    let d_minus_one = plus(&d, &minus_one);
    assert_eq!(d_minus_one_sq, times(&d_minus_one, &d_minus_one));
    // a·d − 1 and a − d with a = −1
    let minus_d_minus_one = plus(&negative(&d), &minus_one);
    assert_eq!(times(&sqrt_ad_minus_one, &sqrt_ad_minus_one), minus_d_minus_one);
    assert_eq!(times(&times(&invsqrt_a_minus_d, &invsqrt_a_minus_d), &minus_d_minus_one), one);
}

/// RFC 9496, Appendix A.4.
#[test]
fn square_roots_of_ratios_are_the_rfcs() {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn test() {
        // u, v, whether u/v is a square, and the root's words: √2i, and ½ as (p + 1)/2 or its even twin.
        let root_2i: Number =
            [0x3b11_e4d8_b5f1_5f3c, 0xd0bc_e7f9_52d0_1b87, 0xd4b2_ff66_c204_2858, 0x547c_db7f_b03e_20f4];
        let half: Number = [u64::MAX - 9, u64::MAX, u64::MAX, u64::MAX >> 2];
        let vectors: [(u64, u64, bool, Number); 6] = [
            (0, 0, true, [0; 4]),
            (0, 1, true, [0; 4]),
            (1, 0, false, [0; 4]),
            (2, 1, false, root_2i),
            (4, 1, true, [2, 0, 0, 0]),
            (1, 4, true, half),
        ];
        let (mut u, mut v) = ([[0; 8]; 4], [[0; 8]; 4]);
        for (lane, (top, bottom, ..)) in vectors.iter().enumerate() {
            u[0][lane] = *top;
            v[0][lane] = *bottom;
        }
        let (u, v) = (Fe::from_words(&u), Fe::from_words(&v));
        let (square, root) = sqrt_ratio(&[u, v], &[v, u]);
        let words = root[0].words();
        for (lane, (_, _, is_square, expected)) in vectors.iter().enumerate() {
            assert_eq!((square[0] >> lane) & 1 == 1, *is_square, "lane {lane}");
            assert_eq!([0, 1, 2, 3].map(|w| words[w][lane]), *expected, "lane {lane}");
        }
        // The other of the pair had them upside down: 1/4 there is 4/1 here.
        let other = root[1].words();
        assert_eq!([0, 1, 2, 3].map(|w| other[w][5]), [2, 0, 0, 0]);
    }
    run(test);
}

#[test]
fn an_inverse_times_its_number_is_one_and_zeros_is_zero() {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn test() {
        let x = Fe::from_words(&[[0, 1, 2, 3, 4, 5, 6, 7], [0, 9, 8, 7, 6, 5, 4, 3], [0; 8], [0; 8]]);
        let product = x.times(&inverse(&x)).words();
        assert_eq!(product, [[0, 1, 1, 1, 1, 1, 1, 1], [0; 8], [0; 8], [0; 8]]);
    }
    run(test);
}

#[test]
fn lanes_do_not_mix() {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn test() {
        let generator = super::gather(&[RISTRETTO_BASEPOINT_COMPRESSED.to_bytes(); 8]);
        // One bad lane, in each place, of each of the two vectors.
        for place in 0..16 {
            let mut words = [generator; 2];
            words[place / 8][0][place % 8] = 1;
            let decoded = decode(&words);
            for (k, (_, verdict)) in decoded.iter().enumerate() {
                assert_eq!(verdict.invalid, if k == place / 8 { 1 << (place % 8) } else { 0 });
                assert_eq!(verdict.identity, 0);
            }
            let again = encode(&[decoded[0].0, decoded[1].0]);
            for lane in (0..16).filter(|lane| *lane != place) {
                for w in 0..4 {
                    assert_eq!(again[lane / 8][w][lane % 8], generator[w][lane % 8]);
                }
            }
        }
    }
    run(test);
}

/// The identity, and the points of order 2 and 4 that Ristretto takes for it, encode as zeros and leave the
/// lanes and vectors alone that share their inversion. The padding of a short slice of points leads here.
#[test]
fn identities_encode_as_zeros_among_others() {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn test() {
        let words = [super::gather(&[RISTRETTO_BASEPOINT_COMPRESSED.to_bytes(); 8]); 2];
        let generator = decode(&words)[0].0.point;
        let (one, zero, i) = (Fe::one(), Fe::zero(), Fe::splat(&SQRT_M1));
        let minus_one = zero.minus(&one);
        // (X : Y : Z) as EF, GH, FG with E = X, F = G = Z, H = Y.
        let good = Completed { e: generator.x, f: generator.z, g: generator.z, h: generator.y };
        let mut expected = [[[0; 8]; 4]; 3];
        encode_doubles::<3>(&[good; 3], &mut expected);
        let doubled = (RISTRETTO_BASEPOINT_POINT + RISTRETTO_BASEPOINT_POINT).compress().to_bytes();
        assert_eq!(expected[1], super::gather(&[doubled; 8]));
        for (x, y) in [(zero, one), (zero, minus_one), (i, zero), (zero.minus(&i), zero)] {
            let lane = 5;
            let mut halves = [good; 3];
            halves[1].e = good.e.or(1 << lane, &x);
            halves[1].f = good.f.or(1 << lane, &one);
            halves[1].g = good.g.or(1 << lane, &one);
            halves[1].h = good.h.or(1 << lane, &y);
            let mut out = expected;
            encode_doubles::<3>(&halves, &mut out);
            let mut expected = expected;
            expected[1].iter_mut().for_each(|word| word[lane] = 0);
            assert_eq!(out, expected);
        }
    }
    run(test);
}

/// Σ digit · 16^place, from the masks.
fn value(recoded: &Recoded) -> Scalar {
    recoded.0.iter().rev().fold(Scalar::ZERO, |sum, digit| {
        assert!(digit.is.iter().all(|mask| [0, ALL].contains(mask)));
        assert!(digit.is.iter().filter(|mask| **mask == ALL).count() <= 1);
        let magnitude = digit.is.iter().position(|mask| *mask == ALL).map_or(0, |place| place as u64 + 1);
        let magnitude = Scalar::from(magnitude);
        let digit = if digit.negative == ALL { -magnitude } else { magnitude };
        sum * Scalar::from(16u64) + digit
    })
}

proptest! {
    #[test]
    fn digits_add_up_to_the_scalar(scalar in any::<[u8; 32]>().prop_map(Scalar::from_bytes_mod_order)) {
        for scalar in [scalar, -scalar, Scalar::ZERO, Scalar::ONE, -Scalar::ONE, (-Scalar::ONE).div_by_2()] {
            let mut recoded = Recoded::zero();
            recoded.write(&Scalar::from(8u64));
            recoded.write(&scalar);
            prop_assert_eq!(value(&recoded), scalar);
            prop_assert_eq!(recoded.0[63].negative, 0);
        }
    }

    #[test]
    fn the_field_agrees_with_plain_arithmetic(
        a in any::<Limbs>(),
        b in any::<Limbs>(),
    ) {
        /// Proptest's limbs on their way into code that needs the instructions.
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn test(a: &Limbs, b: &Limbs) {
            check_carried(&a.map(|l| l.map(|x| x % FE)), &b.map(|l| l.map(|x| x % FE)));
            check_wide(&a.map(|l| l.map(|x| x % WIDE)), &b.map(|l| l.map(|x| x % TAKEN)));
        }
        if Ifma::detect().is_some() {
            // SAFETY: the processor was just asked.
            unsafe { test(&a, &b) };
        }
    }
}
