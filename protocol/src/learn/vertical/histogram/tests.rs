//! The rules of `docs/protocols/learn-sigmoid.md` on histograms, with both ends in memory.

use super::{
    super::half::tests::{BATCH, Numbers, Ran, ends, seed, talk},
    *,
};

const SCALE: Scale = Scale { fraction: 48, reach: 4 };

fn run(cells: &Cells, scores: &[Vec<u64>; 2], groups: &[u8], labels: &[u8]) -> Ran {
    let [one, two] = ends("histogram");
    let asker = Asker::start(&one, BATCH, SCALE, cells, &scores[0], groups).unwrap();
    let teller = Teller::start(&two, BATCH, SCALE, cells, &scores[1], labels, &seed(4)).unwrap();
    talk(asker, teller)
}

/// The same in the plain: each row's step is what its two bytes add up to.
fn plain(cells: &Cells, scores: &[Vec<u64>; 2], groups: &[u8], labels: &[u8]) -> Vec<i64> {
    let mut counts = vec![0; cells.counts()];
    let [ours, theirs] = [0, 1].map(|end| SCALE.bytes(&scores[end]));
    for row in 0..ours.len() {
        let bin = cells.bin_of(ours[row].wrapping_add(theirs[row]) ^ 128);
        let place = (usize::from(groups[row]) * cells.bins() + usize::from(bin)) * cells.teller;
        counts[place + usize::from(labels[row])] += 1;
    }
    counts
}

#[test]
fn sigmoid_09_the_counts_are_those_of_the_plain_histogram() {
    let mut numbers = Numbers::new(1);
    for (rows, bins, asker, teller) in
        [(1, 1, 1, 1), (700, 32, 1, 2), (400, 32, 4, 2), (300, 10, 3, 5), (0, 5, 2, 2)]
    {
        let cells = Cells::even(SCALE, -4.0, 4.0, bins, asker, teller).unwrap();
        let zs: Vec<i64> = (0..rows).map(|_| (numbers.normal() * 3.0 * (1u64 << 48) as f64) as i64).collect();
        let scores = numbers.split(&zs);
        let classes = |numbers: &mut Numbers, of: usize| -> Vec<u8> {
            (0..rows).map(|_| (numbers.next() % of as u64) as u8).collect()
        };
        let (groups, labels) = (classes(&mut numbers, asker), classes(&mut numbers, teller));
        let ran = run(&cells, &scores, &groups, &labels);
        assert_eq!(ran.bytes(), cells.bytes_of_a_row() * rows);
        let expected = plain(&cells, &scores, &groups, &labels);
        assert_eq!(cells.open(&ran.asker, &ran.teller).unwrap(), expected);
        // Noise goes in before anything is opened, at both ends, negative numbers too.
        let noise: Vec<i64> = (0..cells.counts()).map(|at| at as i64 % 7 - 3).collect();
        let packed = cells.pack(&noise);
        let add = |shares: &[u64]| -> Vec<u64> {
            shares.iter().zip(&packed).map(|(share, noise)| share.wrapping_add(*noise)).collect()
        };
        let noisy: Vec<i64> = expected.iter().zip(&noise).map(|(count, noise)| count + 2 * noise).collect();
        assert_eq!(cells.open(&add(&ran.asker), &add(&ran.teller)).unwrap(), noisy);
    }
}

#[test]
fn sigmoid_09_a_step_is_in_the_bin_of_its_middle() {
    let cells = Cells::even(SCALE, -4.0, 4.0, 32, 1, 2).unwrap();
    for step in 0..=255u8 {
        let middle = SCALE.middle(step.into());
        let bin = ((middle + 4.0) / 0.25).floor().clamp(0.0, 31.0) as u8;
        assert_eq!(cells.bin_of(step), bin, "{middle}");
    }
    assert_eq!((SCALE.middle(127), SCALE.middle(128)), (0.0, 0.125));
}

#[test]
fn sigmoid_09_a_class_that_was_not_announced_is_refused() {
    let cells = Cells::even(SCALE, -4.0, 4.0, 32, 2, 3).unwrap();
    let [one, _] = ends("classes");
    let asker = |classes: &[u8]| Asker::start(&one, BATCH, SCALE, &cells, &[0, 0], classes).err();
    assert_eq!(asker(&[0, 2]), Some(CellsError::ClassOutOfRange));
    assert_eq!(asker(&[0]), Some(CellsError::RowsDiffer { rows: 2, classes: 1 }));
    let teller = Teller::start(&one, BATCH, SCALE, &cells, &[0, 0], &[3, 0], &seed(1)).err();
    assert_eq!(teller, Some(CellsError::ClassOutOfRange));
    let too_many = |bins, asker, teller| Cells::even(SCALE, -1.0, 1.0, bins, asker, teller).err();
    assert_eq!(too_many(33, 1, 1), Some(CellsError::BinOutOfRange));
    assert_eq!(too_many(0, 1, 1), Some(CellsError::BinOutOfRange));
    assert_eq!(too_many(32, 65, 1), Some(CellsError::ClassesOutOfRange));
    assert_eq!(too_many(32, 1, 0), Some(CellsError::ClassesOutOfRange));
    assert_eq!(Cells::even(SCALE, f64::NAN, 1.0, 4, 1, 1).err(), Some(CellsError::BinOutOfRange));
    assert_eq!(Cells::new([3; 256], 3, 1, 1).err(), Some(CellsError::BinOutOfRange));
}

#[test]
fn sigmoid_05_a_histograms_message_of_another_length_is_refused() {
    let cells = Cells::even(SCALE, -4.0, 4.0, 32, 2, 2).unwrap();
    let [one, two] = ends("short");
    let (asker, first) = Asker::start(&one, BATCH, SCALE, &cells, &[0], &[1]).unwrap();
    let teller = Teller::start(&two, BATCH, SCALE, &cells, &[0], &[1], &seed(4)).unwrap();
    let refused = asker.hear(&[0; 1023]).err();
    assert_eq!(refused, Some(PeerMisbehaved::CountDiffers { expected: 1024, got: 1023 }));
    let Heard::Say(teller, _) = teller.hear(&first).unwrap() else { panic!("not done yet") };
    let refused = teller.hear(&[0; 129]).err();
    assert_eq!(refused, Some(PeerMisbehaved::CountDiffers { expected: 128, got: 129 }));
    let refused = cells.open(&vec![0; cells.words()], &[0; 3]).err();
    assert_eq!(refused, Some(PeerMisbehaved::FigureCount { expected: 64, got: 3 }));
}

/// Of the 4,096 bits of an end half are set but for five standard deviations (once in 10⁶): what it holds tells it
/// nothing.
#[test]
fn sigmoid_03_totals_are_uniform_to_each_end() {
    let cells = Cells::even(SCALE, -4.0, 4.0, 32, 2, 2).unwrap();
    let shares = Numbers::new(2).split(&vec![1 << 48; 50]);
    let ran = run(&cells, &shares, &[1; 50], &[1; 50]);
    for share in [&ran.asker, &ran.teller] {
        let set: u32 = share.iter().map(|word| word.count_ones()).sum();
        assert!(set.abs_diff(64 * 32) < 160, "{set}");
    }
}
