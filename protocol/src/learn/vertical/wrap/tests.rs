//! The rules of `docs/protocols/learn-sigmoid.md` on cuts, with both ends in memory.

use super::{
    super::half::tests::{BATCH, Numbers, Ran, ends, seed, talk},
    *,
};

fn run(session: &str, cut: Cut, shares: &[Vec<u64>; 2]) -> Ran {
    let [one, two] = ends(session);
    let asker = Asker::start(&one, BATCH, cut, &shares[0], &seed(3));
    talk(asker, Teller::start(&two, BATCH, cut, &shares[1], &seed(4)))
}

/// Nothing cut off: the lift alone, for every pair of shares of six bits and each number of nibbles up to fifteen.
#[test]
fn sigmoid_08_a_lift_knows_every_wrap() {
    let pairs = || (0..64u64).flat_map(|a| (0..64u64).map(move |b| (a, b)));
    let cut = Cut { fraction: 2, reach: 3, keep: 2 };
    let ran = run("pairs", cut, &[pairs().map(|(a, _)| a).collect(), pairs().map(|(_, b)| b).collect()]);
    assert_eq!(ran.bytes(), cut.bytes() * 64 * 64);
    for ((a, b), sum) in pairs().zip(ran.sums()) {
        let z = ((a + b) as i64 + 32).rem_euclid(64) - 32;
        assert_eq!(sum, z, "{a} + {b}");
    }
    for bits in 1..=60 {
        let cut = Cut { fraction: 0, reach: bits - 1, keep: 0 };
        let half = 1i64 << (bits - 1);
        let extremes = [-half, 1 - half, -1, 0, half - 1, half / 2, half / 3, -half / 5];
        let mut zs = extremes.repeat(8);
        let shares = Numbers::new(bits.into()).split(&zs);
        let ran = run("widths", cut, &shares);
        zs.iter_mut().for_each(|z| *z = (*z << (64 - bits)) >> (64 - bits));
        assert_eq!(ran.sums(), zs, "{bits} bits");
        assert_eq!(ran.bytes(), cut.bytes() * 64);
    }
}

/// Shares at the extremes, where a carry goes through all nibbles or through none.
#[test]
fn sigmoid_08_a_carry_goes_through_all_nibbles() {
    let cut = Cut { fraction: 12, reach: 7, keep: 12 };
    let whole = (1u64 << 20) - 1;
    let edges: Vec<u64> =
        (0..20).flat_map(|bit| [1 << bit, (1 << bit) - 1, whole - (1 << bit), whole]).collect();
    let pairs = || edges.iter().flat_map(|a| edges.iter().map(move |b| (*a, *b)));
    let ran = run("edges", cut, &[pairs().map(|(a, _)| a).collect(), pairs().map(|(_, b)| b).collect()]);
    for ((a, b), sum) in pairs().zip(ran.sums()) {
        assert_eq!(sum, ((a + b) as i64 + (1 << 19)).rem_euclid(1 << 20) - (1 << 19), "{a} + {b}");
    }
}

/// Every value is rounded to a neighbour. The mean of 20,000 is off by 5.2 standard deviations once in 5·10⁶; a value
/// that is off by a tenth of what is kept is found.
#[test]
fn sigmoid_02_a_cut_rounds_to_a_neighbour_and_is_right_on_average() {
    let cut = Cut { fraction: 48, reach: 3, keep: 10 };
    let unit = 1i64 << 38;
    for (number, z) in [(0, -7.9), (1, -0.0003), (2, 0.0), (3, 1.0 / 3.0), (4, 5.0), (5, 7.99)] {
        let value = (z * (1u64 << 48) as f64) as i64;
        let shares = Numbers::new(number).split(&vec![value; 20_000]);
        let sums = run("statistics", cut, &shares).sums();
        let (below, part) = (value.div_euclid(unit), value.rem_euclid(unit) as f64 / unit as f64);
        assert!(sums.iter().all(|sum| *sum == below || *sum == below + 1));
        let mean = sums.iter().map(|sum| (sum - below) as f64).sum::<f64>() / 20_000.0;
        let deviation = (part * (1.0 - part) / 20_000.0).sqrt();
        assert!((mean - part).abs() <= 5.2 * deviation, "{z}: {mean} for {part}");
        assert!((mean - part - 0.1).abs() > 5.2 * deviation);
    }
}

#[test]
fn no_rows_are_no_bytes_at_any_width() {
    for reach in 0..59 {
        let cut = Cut { fraction: 1, reach, keep: 1 };
        assert_eq!(run("none", cut, &[Vec::new(), Vec::new()]).bytes(), 0);
    }
}

#[test]
fn sigmoid_04_a_cut_beyond_the_reach_wraps() {
    let cut = Cut { fraction: 4, reach: 3, keep: 4 };
    let shares = Numbers::new(1).split(&[127, 128, -128, -129, 1000]);
    assert_eq!(run("reach", cut, &shares).sums(), [127, -128, -128, 127, 1000 - 1024]);
}

#[test]
fn sigmoid_05_a_cuts_message_of_another_length_is_refused() {
    let cut = Cut { fraction: 20, reach: 3, keep: 8 };
    let shares = Numbers::new(2).split(&[5, 6]);
    let [one, two] = ends("short");
    let (asker, first) = Asker::start(&one, BATCH, cut, &shares[0], &seed(3));
    let teller = || Teller::start(&two, BATCH, cut, &shares[1], &seed(4));
    assert_eq!(first.len(), 2 * 3 * 16);
    for bytes in [0, 95, 97] {
        let refused = teller().hear(&vec![0; bytes]).err();
        assert_eq!(refused, Some(PeerMisbehaved::CountDiffers { expected: 96, got: bytes }));
    }
    let refused = asker.hear(&[0; 23]).err();
    assert_eq!(refused, Some(PeerMisbehaved::CountDiffers { expected: 24, got: 23 }));
}

#[test]
fn sigmoid_06_another_session_gives_the_same_cut() {
    let cut = Cut { fraction: 40, reach: 3, keep: 12 };
    let shares = Numbers::new(3).split(&[-7 << 40, 1 << 39, 0, 12_345_678_901, -1]);
    let (one, two) = (run("one", cut, &shares), run("two", cut, &shares));
    assert_eq!((one.asker, one.teller), (two.asker, two.teller));
}

/// 20,000 rows of one value: each bit of either end's shares is set as often as not but for five standard deviations.
#[test]
fn sigmoid_03_lifted_shares_are_uniform() {
    let cut = Cut { fraction: 30, reach: 3, keep: 12 };
    let shares = Numbers::new(4).split(&vec![3 << 30; 20_000]);
    let ran = run("uniform", cut, &shares);
    for share in [&ran.asker, &ran.teller] {
        for bit in 0..64 {
            let set = share.iter().filter(|share| *share >> bit & 1 == 1).count();
            assert!(set.abs_diff(10_000) < 354, "{bit}: {set}");
        }
    }
}
