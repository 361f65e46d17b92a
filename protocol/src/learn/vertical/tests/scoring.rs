//! New rows under weights that nobody has.

use super::{runs::central, *};

fn scored(receiver: Party) -> (Ended<Scored, Scored>, Vec<f64>, Vec<f64>) {
    let case = Case { l2_micro: 100_000, ..Case::new(Linkage::Logistic, 600, (2, 2), 6) };
    let inputs = case.input();
    let ended = case.run(&inputs);
    let (label, features) = (ended.initiator.unwrap(), ended.responder.unwrap());
    let weights = runs::joined(&label);
    let rows = Case { rows: 300, session: 7, ..case };
    let new = rows.input();
    let start = |party, columns: &[Vec<f64>], trained: &Trained| {
        let held = Held { columns, basis: &trained.basis, state: &trained.state };
        Scorer::start(rows.params(), party, receiver, &[5; 32], held, Secret::new([party as u8; 32])).unwrap()
    };
    let label = start(Party::Label, &new.0.columns, &label);
    let features = start(Party::Features, &new.1.columns, &features);
    let expected = runs::scores(&new, &weights);
    let fit = runs::scores(&new, &central(&inputs, Linkage::Logistic, 0.0));
    (Pair::new(label, features, rows.params().limits()).run(), expected, fit)
}

#[test]
fn learnv_41_one_end_learns_cut_scores_and_the_other_nothing() {
    for receiver in [Party::Label, Party::Features] {
        let (ended, expected, fit) = scored(receiver);
        let (label, features) = (ended.initiator.unwrap(), ended.responder.unwrap());
        assert_eq!(label.conversation, features.conversation);
        let (told, other) = if receiver == Party::Label { (label, features) } else { (features, label) };
        assert_eq!(other.scores, None);
        let told = told.scores.unwrap();
        assert!(told.iter().all(|score| (score * 1024.0).fract() == 0.0));
        assert!(told.iter().zip(&expected).all(|(x, y)| (x - y).abs() < 0.004));
        assert!(told.iter().zip(&fit).all(|(x, y)| (x - y).abs() < 0.5));
    }
}

#[test]
fn a_basis_and_a_block_fit_together() {
    let case = Case::new(Linkage::Linear, 50, (3, 1), 1);
    let trained = case.run(&case.input()).initiator.unwrap();
    let bytes = trained.basis.to_bytes();
    assert_eq!(Basis::from_bytes(&bytes, 3), Ok(trained.basis.clone()));
    assert_eq!(Basis::from_bytes(&bytes, 4), Err(Abort::OwnState));
    assert_eq!(Basis::from_bytes(&bytes[1..], 3), Err(Abort::OwnState));
    assert_eq!(format!("{trained:?}"), "Trained { state: State(label after round 1), .. }");
}
