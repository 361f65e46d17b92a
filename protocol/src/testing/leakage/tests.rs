//! An honest toy, and twins of it with one leak each. In the toy the responder tells of 64 bins, with the eight
//! items of each in random order and under masks that leave a number readable, and of a bit for each bin.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::*;

const BINS: usize = 64;
const RUNS: u64 = 80;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Only bins that matter are told of.
    UnpaddedSize,
    /// The items of a bin come as they were put into it: a shared one first.
    UnshuffledBin,
    /// In one bin only.
    OneUnshuffledBin,
    /// The bits are told as they are.
    MissingMask,
    /// One bit in sixteen is told as it is.
    WeakMask,
    /// The masks are those of the last run.
    SameMask,
    /// A shared bin's mask is that of the bin before.
    MaskTwice,
    /// There is one more message if anything is shared.
    OneMoreMessage,
    /// The answer comes before the question.
    Order,
}

fn toy(shared: usize, fault: Fault, seed: u64) -> Vec<Said> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut fixed = StdRng::seed_from_u64(0);
    let header = |kind: u8| [kind].into_iter().chain([0; HEADER - 1]);
    let said = |by, kind, bytes: Vec<u8>| Said { by, kind, bytes };

    let mut question: Vec<u8> = header(1).collect();
    question.resize(HEADER + 8 * BINS, 0);
    rng.fill_bytes(&mut question[HEADER..]);

    let mut slots: Vec<u8> = header(2).collect();
    for bin in 0..BINS {
        let mut items = [0, 1, 2, 3, 4, 5, 6, 7];
        items.shuffle(&mut rng);
        let ordered = match fault {
            Fault::UnshuffledBin => bin < shared,
            Fault::OneUnshuffledBin => bin == 7 && shared > 7,
            _ => false,
        };
        if ordered {
            items.sort_unstable();
        }
        slots.extend(items.map(|item| item | rng.random::<u8>() << 3));
    }

    let mut bits: Vec<u8> = header(3).collect();
    let mut mask = [0; 8];
    for bin in 0..BINS {
        if fault != Fault::MaskTwice || bin >= shared {
            rng.fill_bytes(&mut mask);
        }
        match fault {
            Fault::MissingMask => mask = [0; 8],
            Fault::WeakMask if bin % 16 == 0 => mask = [0; 8],
            Fault::SameMask => fixed.fill_bytes(&mut mask),
            Fault::UnpaddedSize if bin >= shared => continue,
            _ => {}
        }
        bits.extend((u64::from(bin < shared) ^ u64::from_le_bytes(mask)).to_le_bytes());
    }

    let mut run = vec![
        said(Role::Initiator, "Question", question),
        said(Role::Responder, "Slots", slots),
        said(Role::Responder, "Bits", bits),
    ];
    match fault {
        Fault::OneMoreMessage if shared > 0 => run.push(said(Role::Responder, "Done", vec![0; HEADER])),
        Fault::Order if shared == BINS => run.swap(0, 1),
        _ => {}
    }
    run
}

fn found(fault: Fault, first_seed: u64) -> Vec<Leak> {
    let classes = [("none", 0), ("half", BINS / 2), ("all", BINS)].map(|(name, shared)| {
        let runs = (0..RUNS).map(|run| toy(shared, fault, first_seed + run * 1000 + shared as u64)).collect();
        Class { name, runs }
    });
    leaks(&classes)
}

#[test]
fn an_honest_conversation_is_not_accused() {
    for seed in 0..20 {
        assert_eq!(found(Fault::None, seed << 32), []);
    }
}

#[test]
fn a_size_that_is_not_padded_is_caught() {
    let leaks = found(Fault::UnpaddedSize, 1);
    assert!(
        leaks.iter().any(|leak| matches!(leak, Leak::Shape { class: "half", run: 0, at: 2 })),
        "{leaks:?}"
    );
    assert!(matches!(found(Fault::OneMoreMessage, 1)[0], Leak::Shape { class: "half", run: 0, at: 3 }));
    assert!(matches!(found(Fault::Order, 1)[0], Leak::Shape { class: "all", run: 0, at: 0 }));
}

#[test]
fn a_bin_that_is_not_shuffled_is_caught() {
    let leaks = found(Fault::UnshuffledBin, 1);
    assert!(leaks.iter().any(|leak| matches!(leak, Leak::Places { kind: "Slots", .. })), "{leaks:?}");
    // Each byte is there as often as before: only its place tells.
    assert!(!leaks.iter().any(|leak| matches!(leak, Leak::Bytes { .. })), "{leaks:?}");
    let leaks = found(Fault::OneUnshuffledBin, 1);
    let in_bin_7 = |bit: usize| (HEADER + 7 * 8..HEADER + 8 * 8).contains(&(bit / 8));
    let place = |leak: &Leak| matches!(leak, Leak::Place { kind: "Slots", bit, .. } if in_bin_7(*bit));
    assert!(leaks.iter().any(place), "{leaks:?}");
}

#[test]
fn a_mask_that_is_missing_is_caught() {
    for (fault, count) in [(Fault::MissingMask, 3), (Fault::WeakMask, 1), (Fault::SameMask, 1)] {
        let leaks = found(fault, 1);
        assert!(leaks.len() >= count, "{leaks:?}");
        let place = |leak: &Leak| matches!(leak, Leak::Place { kind: "Bits", .. });
        assert!(leaks.iter().any(place), "{leaks:?}");
    }
    assert!(matches!(found(Fault::MaskTwice, 1)[..], [.., Leak::Echo { .. }]));
}

#[test]
fn what_is_not_under_a_fresh_mask_is_not_uniform() {
    let runs = |fault, kind: &'static str| {
        let runs: Vec<_> = (0..RUNS).map(|seed| toy(BINS / 2, fault, seed)).collect();
        uneven(&runs, |said| said.kind == kind, HEADER)
    };
    assert_eq!(runs(Fault::None, "Question"), []);
    assert_eq!(runs(Fault::None, "Bits"), []);
    // The order of a bin's items is random, but no two of them are alike.
    assert_eq!(runs(Fault::None, "Slots"), []);
    for fault in [Fault::MissingMask, Fault::WeakMask, Fault::SameMask] {
        let leaks = runs(fault, "Bits");
        assert!(leaks.iter().any(|leak| matches!(leak, Leak::Place { .. })), "{leaks:?}");
    }
    assert!(matches!(runs(Fault::UnshuffledBin, "Slots")[0], Leak::Places { .. }));
}

/// What is called a false alarm's probability is one: 2,000 draws of χ² at a level where 20 alarms are due at
/// most; more than 60 would be there once in 10¹¹.
#[test]
fn the_bound_is_kept() {
    let mut rng = StdRng::seed_from_u64(5);
    for degrees in [2, 30, 300] {
        let mut above = 0;
        for _ in 0..2000 {
            // Twelve uniform numbers less six: normal enough at this level.
            let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
            let chi: f64 = (0..degrees).map(|_| normal().powi(2)).sum();
            above += u32::from(chi > bound(f64::from(degrees), 0.01));
        }
        assert!(above < 60, "{above} of 2000 with {degrees} degrees");
    }
}
