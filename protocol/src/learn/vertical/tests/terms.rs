//! What is refused before anything is said, and what of the terms shows in the outcome.

use super::*;
use crate::session::PeerMisbehaved;

fn noise(rounds: u16, columns: (usize, usize)) -> Noise {
    noise_of(1_000_000, Linkage::Logistic, rounds, columns)
}

fn agreed(case: &Case) -> Agreed {
    case.params().agreed().clone()
}

#[test]
fn learnv_02_jobs_that_cannot_be_are_refused_when_planned() {
    let good = agreed(&Case::new(Linkage::Linear, 10, (0, 1), 1));
    assert!(Params::new(good.clone()).is_ok());
    let bad = [
        Agreed { rows: 0, ..good.clone() },
        Agreed { rows: MOST_ROWS + 1, ..good.clone() },
        Agreed { rows: u32::MAX, l2_micro: 1, ..good.clone() },
        Agreed { feature_columns: 0, ..good.clone() },
        Agreed { feature_columns: u32::MAX, ..good.clone() },
        Agreed { label_columns: MOST_COLUMNS, ..good.clone() },
        Agreed { rounds: 0, ..good.clone() },
        Agreed { rounds: LARGEST_ROUNDS + 1, ..good.clone() },
        Agreed { noise: Some(noise(1, (0, 2))), ..good.clone() },
        Agreed { noise: Some(noise(2, (0, 1))), ..good.clone() },
        Agreed { l2_micro: u64::MAX, ..good },
    ];
    assert!(bad.into_iter().all(|agreed| Params::new(agreed).err() == Some(Abort::LearnShape)));
}

#[test]
fn learnv_01_ends_with_other_terms_do_not_begin() {
    let case = Case::new(Linkage::Logistic, 40, (1, 1), 1);
    let others = [
        Case { rounds: 2, ..case.clone() },
        Case { l2_micro: 1, ..case.clone() },
        Case { opens: Opens::Own, ..case.clone() },
        Case { noise: Some(noise(1, (1, 1))), ..case.clone() },
    ];
    let inputs = centred(case.input());
    for other in others {
        let label = case.start(Party::Label, &inputs.0, &Kept::default()).unwrap();
        let features = other.start(Party::Features, &inputs.1, &Kept::default()).unwrap();
        let ended = Pair::new(label, features, case.params().limits()).run();
        let refused = Some(Abort::Peer(PeerMisbehaved::TranscriptDiffers));
        assert!(ended.initiator.err() == refused || ended.responder.err() == refused);
        assert!(ended.said.iter().all(|said| said.kind == "Announce"));
    }
}

#[test]
fn learnv_05_columns_that_are_no_numbers_are_refused() {
    let case = Case::new(Linkage::Logistic, 40, (2, 1), 1);
    let (label, features) = case.input();
    let start = |input: &Input| case.start(Party::Label, input, &Kept::default()).err();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5, -2.0, 1e300] {
        let mut bad = label.clone();
        bad.columns[1][7] = value;
        assert_eq!(start(&bad), Some(Abort::OwnColumns));
        let mut bad = label.clone();
        bad.target.as_mut().unwrap()[3] = value;
        assert_eq!(start(&bad), Some(Abort::OwnColumns));
    }
    let mut half = label.clone();
    half.target.as_mut().unwrap()[3] = 0.5;
    assert_eq!(start(&half), Some(Abort::OwnColumns));
    let mut short = label.clone();
    short.columns[0].pop();
    assert_eq!(start(&short), Some(Abort::OwnColumns));
    assert_eq!(start(&features), Some(Abort::OwnColumns));
    assert_eq!(format!("{label:?}"), "Input(2 columns)");
}

#[test]
fn learnv_04_the_penalty_is_that_of_the_central_fit() {
    let case = Case { l2_micro: 20_000_000, ..Case::new(Linkage::Linear, 400, (2, 2), 16) };
    let inputs = case.input();
    let found = runs::joined(&case.run(&inputs).initiator.unwrap());
    let fit = runs::central(&inputs, case.linkage, 20.0);
    assert!(fit.iter().zip(&found).all(|(x, y)| (x - y).abs() < 0.01), "{fit:?} {found:?}");
    let case = Case { l2_micro: 8_000_000, ..Case::new(Linkage::Logistic, 8000, (2, 2), 16) };
    let inputs = case.input();
    let found = runs::joined(&case.run(&inputs).initiator.unwrap());
    let fit = runs::central(&inputs, case.linkage, 8.0);
    assert!(fit.iter().zip(&found).all(|(x, y)| (x - y).abs() < 0.06), "{fit:?} {found:?}");
}

#[test]
fn learnv_06_a_logistic_score_has_room_and_a_constant_column_no_weight() {
    // A column that says everything: the fit runs away, ten rounds of it do not wrap.
    let case = Case::new(Linkage::Logistic, 300, (1, 2), 10);
    let (mut label, mut features) = case.input();
    features.columns[0] = label.target.clone().unwrap();
    features.columns[1] = vec![0.25; 300];
    label.columns[0].fill(0.0);
    let inputs = (label, features);
    let found = runs::joined(&case.run(&inputs).initiator.unwrap());
    assert!(found[2] > 3.0 && found[1].abs() < 0.01 && found[3].abs() < 0.01, "{found:?}");
    assert!(runs::scores(&inputs, &found).iter().all(|z| z.abs() < 32.0));
}
