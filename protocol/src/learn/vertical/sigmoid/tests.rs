//! The rules of `docs/protocols/learn-sigmoid.md`, with both ends in memory.

use super::{
    super::half::tests::{BATCH, Numbers, Ran, ends, seed, talk},
    *,
};

const SCALE: Scale = Scale { fraction: 48, reach: 5 };

fn sigma(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn run(session: &str, scale: Scale, shares: &[Vec<u64>; 2]) -> Ran {
    let [one, two] = ends(session);
    let asker = Asker::start(&one, BATCH, scale, &shares[0], &seed(3));
    talk(asker, Teller::start(&two, BATCH, scale, &shares[1], &seed(4)))
}

/// The broken line through the staircase's corners, at z.
fn line(reach: u32, z: f64) -> f64 {
    let corners = table::corners(reach);
    let place = (z / (f64::from(1u32 << reach) / 128.0) + 128.0).clamp(0.0, 255.999);
    let step = place.floor();
    corners[step as usize] + (place - step) * (corners[step as usize + 1] - corners[step as usize])
}

fn fixed(z: f64) -> i64 {
    (z * (1u64 << SCALE.fraction) as f64) as i64
}

/// Every pair of bytes the two ends can have: 65,536 rows. Each probability is the entry of its sum, rounded up
/// or down.
#[test]
fn sigmoid_01_every_sum_of_two_bytes_has_its_entry() {
    let pairs = || (0..=255u64).flat_map(|a| (0..=255u64).map(move |b| (a, b)));
    let shares = [pairs().map(|(a, _)| a << 46).collect(), pairs().map(|(_, b)| b << 46).collect()];
    let ran = run("exhaustive", SCALE, &shares);
    assert_eq!(ran.bytes(), BYTES * 65_536);
    let staircase = table::Staircase::new(5);
    let mut seen = [[false; 2]; 256];
    for ((a, b), p) in pairs().zip(ran.sums()) {
        let k = (a + b) as u8;
        let exact = staircase.mean(k) * f64::from(ONE);
        assert!((0..=127).contains(&p) && (p as f64 - exact).abs() < 1.0, "{a} + {b}: {p} for {exact}");
        seen[usize::from(k)][usize::from(p as f64 > exact)] = true;
    }
    // Of 256 rows of a sum some are rounded up and some down, where an end is less than 1/16 of the way off.
    for k in 0..=255u8 {
        let part = (staircase.mean(k) * f64::from(ONE)).fract();
        if (0.1..0.9).contains(&part) {
            assert_eq!(seen[usize::from(k)], [true; 2], "{k}");
        }
    }
}

/// The staircase's corners against e^x of the standard library, and its entries against both neighbours of z.
#[test]
fn sigmoid_02_the_corners_are_the_sigmoids_and_the_line_is_within_a_thousandth() {
    for reach in 2..=8 {
        let step = f64::from(1u32 << reach) / 128.0;
        for (at, corner) in table::corners(reach).iter().enumerate() {
            let z = (at as f64 - 128.0) * step;
            assert!((corner - sigma(z)).abs() < 1e-13, "{reach} {z}");
        }
        let staircase = table::Staircase::new(reach);
        for k in 0..=254u8 {
            let z = (f64::from(k.wrapping_sub(128)) - 127.0) * step;
            assert!((staircase.mean(k) - sigma(z)).abs() < 1e-5, "{reach} {k}");
        }
    }
    let worst = (-1600..1600).map(|z| f64::from(z) / 100.0).map(|z| (line(5, z) - sigma(z)).abs());
    assert!(worst.fold(0.0, f64::max) < 8e-4);
}

/// How far the mean of `rows` probabilities at z is from the line, in standard deviations.
fn deviation(z: f64, rows: usize, offset: i64) -> f64 {
    let mut numbers = Numbers::new(z.to_bits());
    let shares = numbers.split(&vec![fixed(z) + offset; rows]);
    let p = run("statistics", SCALE, &shares).sums();
    let mean = p.iter().sum::<i64>() as f64 / rows as f64 / f64::from(ONE);
    let variance = p.iter().map(|p| (*p as f64 / f64::from(ONE) - mean).powi(2)).sum::<f64>() / rows as f64;
    (mean - line(5, z)) / (variance.max(1e-9) / rows as f64).sqrt()
}

/// 12 values of 20,000 rows. A right one is off by 5.2 standard deviations once in 5·10⁶, so all pass but once
/// in 400,000. The planted twin, whose z is off by a quarter of a step (what cutting with rounding to
/// nearest at one end would give), is found.
#[test]
fn sigmoid_02_the_mean_is_the_broken_line_and_a_biased_rounding_is_found() {
    for z in [-6.3, -3.111, -2.0, -1.26, -0.51, -0.1, 0.0, 0.19, 0.77, 1.3, 2.49, 4.04] {
        let off = deviation(z, 20_000, 0);
        assert!(off.abs() < 5.2, "{z}: {off}");
    }
    for z in [-1.26, -0.51, 0.19, 1.3] {
        let off = deviation(z, 20_000, 1 << 44);
        assert!(off > 5.2, "{z}: {off}");
    }
}

#[test]
fn sigmoid_03_an_entry_is_uniform_to_the_asker_and_its_rounding_exact_on_average() {
    let staircase = table::Staircase::new(5);
    for k in [0usize, 3, 100, 130, 255] {
        let sum: u32 = (0..512).map(|u| u32::from(staircase.rounded(u, 0, 0)[k])).sum();
        assert!((f64::from(sum) / 512.0 - staircase.mean(k as u8) * 127.0).abs() < 1e-9);
        // Over all masks and hidden bits every byte comes as often as any other, whatever the rounding.
        for rounding in [0, 7, 511] {
            let mut seen = [0; 256];
            for (mask, hidden) in (0..128).flat_map(|mask| [(mask, 0), (mask, 1)]) {
                seen[usize::from(staircase.rounded(rounding, mask, hidden)[k])] += 1;
            }
            assert_eq!(seen, [1; 256]);
        }
    }
    // And in a run: 20,000 rows of one z, each bit of the asker's shares is set as often as not but for 5 standard
    // deviations (once in 10⁶ each).
    let shares = Numbers::new(9).split(&vec![fixed(1.0); 20_000]);
    let ran = run("uniform", SCALE, &shares);
    for share in [&ran.asker, &ran.teller] {
        for bit in 0..64 {
            let set = share.iter().filter(|share| *share >> bit & 1 == 1).count();
            assert!(set.abs_diff(10_000) < 354, "{bit}: {set}");
        }
    }
}

#[test]
fn sigmoid_04_beyond_the_reach_it_wraps_and_stays_a_probability() {
    let step = 0.25;
    let zs = [-32.0 + step, -31.0, 31.9, 32.0 + 2.0 * step, 40.0, -33.0, 63.0];
    let shares = Numbers::new(5).split(&zs.map(fixed));
    let p = run("reach", SCALE, &shares).sums();
    assert_eq!(&p[..3], [0, 0, 127]);
    // 32.5 is −31.5, 40 is −24, −33 is 31, 63 is −1 (.269 of 127 is 34.2).
    assert_eq!(&p[3..6], [0, 0, 127]);
    assert!((22..=47).contains(&p[6]), "{}", p[6]);
    // A wider reach has room for all of them.
    let wide = Scale { fraction: 48, reach: 6 };
    assert_eq!(run("wide", wide, &shares).sums(), [0, 0, 127, 127, 127, 0, 127]);
}

#[test]
fn sigmoid_05_a_message_of_another_length_is_refused() {
    let shares = Numbers::new(6).split(&[1, 2, 3]);
    let [one, two] = ends("short");
    let (asker, first) = Asker::start(&one, BATCH, SCALE, &shares[0], &seed(3));
    for bytes in [0, 95, 97, 192] {
        let teller = Teller::start(&two, BATCH, SCALE, &shares[1], &seed(4));
        let refused = teller.hear(&vec![0; bytes]).err();
        assert_eq!(refused, Some(PeerMisbehaved::CountDiffers { expected: 96, got: bytes }));
    }
    let teller = Teller::start(&two, BATCH, SCALE, &shares[1], &seed(4));
    let Heard::Say(teller, told) = teller.hear(&first).unwrap() else { panic!("the teller is not done") };
    assert_eq!(told.len(), 3 * 260);
    let refused = asker.hear(&told[1..]).err();
    assert_eq!(refused, Some(PeerMisbehaved::CountDiffers { expected: 780, got: 779 }));
    let refused = teller.hear(&[0; 47]).err();
    assert_eq!(refused, Some(PeerMisbehaved::CountDiffers { expected: 48, got: 47 }));
}

#[test]
fn sigmoid_06_another_session_gives_the_same_shares() {
    let shares = Numbers::new(7).split(&[-2.0, -0.3, 0.0, 0.4, 5.0].map(fixed));
    let (one, two) = (run("one", SCALE, &shares), run("two", SCALE, &shares));
    assert_eq!((one.asker, one.teller), (two.asker, two.teller));
    assert_ne!(one.messages, two.messages);
}

#[test]
fn a_residual_is_the_label_less_the_probability() {
    let shares = Numbers::new(8).split(&[0, 127, 30]);
    let labels = [true, true, false];
    let (ours, theirs) = (residuals(&shares[0], Some(&labels)), residuals(&shares[1], None));
    let sums: Vec<i64> = ours.iter().zip(&theirs).map(|(a, b)| a.wrapping_add(*b).cast_signed()).collect();
    assert_eq!(sums, [127, 0, -30]);
}

#[test]
fn no_rows_are_no_bytes() {
    assert_eq!(run("none", SCALE, &[Vec::new(), Vec::new()]).bytes(), 0);
}
