//! The rules LEARNV-60 to LEARNV-63, with both ends in memory.

use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use super::{
    super::{
        half::tests::Numbers,
        params::{Linkage, Opens},
        tests::{Case, runs},
        trainer::Trained,
    },
    *,
};
use crate::{
    learn::evaluate,
    noise::DiscreteGaussian,
    testing::{Ended, Meddler, Pair, Said, Tampering},
    wire::{Role, Wire},
};

type Disk = Arc<Mutex<Option<Tallied>>>;

/// A trained model and rows to evaluate it on.
struct Model {
    case: Case,
    ends: [Trained; 2],
    columns: [Vec<Vec<f64>>; 2],
    rows: [Vec<Row>; 2],
    scores: Vec<f64>,
}

impl Model {
    /// The rows it learns from are those it is evaluated on; which are called held out, what their groups are and who has
    /// them is drawn.
    fn new(rows: u32, figures: &Figures, seed: u64) -> Self {
        let case =
            Case { l2_micro: 100_000, opens: Opens::Both, ..Case::new(Linkage::Logistic, rows, (2, 2), 3) };
        let inputs = case.input();
        let ended = case.run(&inputs);
        let ends = [ended.initiator.unwrap(), ended.responder.unwrap()];
        let scores = runs::scores(&inputs, &runs::joined(&ends[0]));
        let mut numbers = Numbers::new(seed);
        let mut rows = [Vec::new(), Vec::new()];
        for target in inputs.0.target.as_ref().unwrap() {
            let held_out = numbers.next().is_multiple_of(3);
            for (end, groups) in [figures.label_groups, figures.feature_groups].into_iter().enumerate() {
                rows[end].push(Row {
                    held_out,
                    group: (numbers.next() % u64::from(groups)) as u8,
                    label: end == 0 && *target > 0.5,
                    present: !figures.hidden || !numbers.next().is_multiple_of(4),
                });
            }
        }
        let columns = [inputs.0.columns.clone(), inputs.1.columns.clone()];
        Self { case, ends, columns, rows, scores }
    }

    fn start(&self, party: Party, figures: &Figures, session: u8, disk: &Disk) -> Result<Evaluator, Abort> {
        let end = party as usize;
        let params = Case { session, ..self.case.clone() }.params();
        let Trained { basis, state, .. } = &self.ends[end];
        let held = Held { columns: &self.columns[end], basis, state };
        let seed = Secret::new([10 * session + party as u8; 32]);
        let (kept, disk) = (disk.lock().unwrap().clone(), disk.clone());
        let keep: KeepTally = Box::new(move |tallied| {
            *disk.lock().unwrap() = Some(tallied.clone());
            Ok(())
        });
        Evaluator::start(
            params,
            party,
            (figures.clone(), &[5; 32]),
            (held, &self.rows[end]),
            seed,
            (kept, keep),
        )
    }

    fn pair(&self, figures: &Figures, session: u8, disks: &[Disk; 2]) -> Pair<Evaluator, Evaluator> {
        let label = self.start(Party::Label, figures, session, &disks[0]).unwrap();
        let features = self.start(Party::Features, figures, session, &disks[1]).unwrap();
        Pair::new(label, features, Evaluator::limits(&self.case.params(), figures).unwrap())
    }

    fn run(&self, figures: &Figures) -> Ended<Evaluated, Evaluated> {
        self.pair(figures, 7, &Default::default()).run()
    }

    /// Rows by feature group, label group and label of those held out, or by label of the others, that both have.
    fn of(&self, wanted: impl Fn(&Row, &Row) -> bool) -> Vec<f64> {
        let rows = self.rows[0].iter().zip(&self.rows[1]).zip(&self.scores);
        let both = rows.filter(|((one, two), _)| one.present && two.present && wanted(one, two));
        both.map(|(_, score)| *score).collect()
    }
}

fn figures(label_groups: u32, feature_groups: u32) -> Figures {
    Figures { bins: 16, label_groups, feature_groups, learns: Learns::Both, hidden: false, noise: None }
}

/// A carry that is lost moves a score by less than a step of 1/4 to either side; so of the rows of a cell as many are
/// below each bin's edge as are surely below it, and at most as many as may be.
fn agrees(counts: &[i64], scores: &[f64], bins: u32) -> bool {
    let width = (4.0 - -6.0) / f64::from(bins);
    let below = |edge: f64| scores.iter().filter(|score| **score < edge).count() as i64;
    let mut sum = 0;
    let each = counts.iter().enumerate().all(|(bin, count)| {
        sum += count;
        let edge = -6.0 + width * (bin + 1) as f64;
        bin + 1 == counts.len() || (below(edge - 0.3)..=below(edge + 0.3)).contains(&sum)
    });
    each && sum == scores.len() as i64
}

fn check(model: &Model, figures: &Figures, counts: &Counts) {
    let bins = figures.bins as usize;
    let cell = |histogram: &evaluate::Histogram, group: usize, label: usize| -> Vec<i64> {
        let counts = histogram.counts();
        (0..bins).map(|bin| counts[(group * bins + bin) * 2 + label]).collect()
    };
    for label in [false, true] {
        for (theirs, ours) in (0..figures.feature_groups)
            .flat_map(|theirs| (0..figures.label_groups).map(move |ours| (theirs, ours)))
        {
            let held = model.of(|one, two| {
                one.held_out
                    && one.label == label
                    && (u32::from(one.group), u32::from(two.group)) == (ours, theirs)
            });
            let group = (theirs * figures.label_groups + ours) as usize;
            let found = cell(&counts.held_out, group, usize::from(label));
            assert!(agrees(&found, &held, figures.bins), "{found:?} {held:?}");
        }
        let learned = model.of(|one, _| !one.held_out && one.label == label);
        assert!(agrees(&cell(&counts.learned_from, 0, usize::from(label)), &learned, figures.bins));
    }
}

#[test]
fn learnv_61_the_counts_are_those_of_the_plain_scores() {
    for (rows, hidden, groups, bins) in
        [(9000, false, (1, 1), 32), (400, false, (3, 2), 16), (400, true, (1, 1), 5), (500, true, (2, 4), 1)]
    {
        let figures = Figures { bins, hidden, ..figures(groups.0, groups.1) };
        let model = Model::new(rows, &figures, u64::from(rows));
        let ended = model.run(&figures);
        let (label, features) = (ended.initiator.unwrap(), ended.responder.unwrap());
        assert_eq!(label, features);
        check(&model, &figures, &label.counts.unwrap());
    }
}

/// What the comparison above is worth: rows of one group that are counted in another's, or a step off, do not agree.
#[test]
fn learnv_61_the_comparison_finds_counts_that_are_off() {
    let scores: Vec<f64> = (0..200).map(|i| f64::from(i) / 40.0 - 3.0).collect();
    let count = |off: f64| -> Vec<i64> {
        let mut counts = vec![0; 16];
        scores.iter().for_each(|z| counts[((z + off + 6.0) / 0.625).clamp(0.0, 15.0) as usize] += 1);
        counts
    };
    assert!(agrees(&count(0.0), &scores, 16) && agrees(&count(0.2), &scores, 16));
    assert!(!agrees(&count(0.6), &scores, 16) && !agrees(&count(-0.6), &scores, 16));
    assert!(!agrees(&count(0.0), &scores[1..], 16));
}

/// The AUC of the counts is that of the scores.
#[test]
fn learnv_61_the_figures_are_those_of_the_scores() {
    let figures = Figures { bins: 32, ..figures(1, 1) };
    let model = Model::new(4000, &figures, 3);
    let counts = model.run(&figures).initiator.unwrap().counts.unwrap();
    let found = evaluate::Evaluation::of(&counts.held_out, None, 0.5).auc.unwrap().value;
    let rows = || model.rows[0].iter().zip(&model.scores).filter(|(row, _)| row.held_out);
    let scores: Vec<f64> = rows().map(|(_, score)| *score).collect();
    let target: Vec<f64> = rows().map(|(row, _)| f64::from(row.label)).collect();
    let expected = runs::auc(&scores, &target);
    assert!((found - expected).abs() < 0.01, "{found} {expected}");
    let drift = evaluate::drift(&counts.learned_from, &counts.held_out, [None, None]).unwrap().unwrap();
    assert!(drift.value < 0.1, "{drift:?}");
}

#[test]
fn learnv_60_other_figures_end_the_run_before_a_key_is_used() {
    let agreed = figures(2, 1);
    let model = Model::new(30, &agreed, 1);
    let noise = DiscreteGaussian::of_price(1_000_000, 1).unwrap();
    for other in [
        Figures { bins: 17, ..agreed.clone() },
        Figures { label_groups: 3, ..agreed.clone() },
        Figures { feature_groups: 2, ..agreed.clone() },
        Figures { learns: Learns::One(Party::Label), ..agreed.clone() },
        Figures { hidden: true, ..agreed.clone() },
        Figures { noise: Some(noise), ..agreed.clone() },
    ] {
        let label = model.start(Party::Label, &agreed, 7, &Disk::default()).unwrap();
        let features = model.start(Party::Features, &other, 7, &Disk::default()).unwrap();
        let ended =
            Pair::new(label, features, Evaluator::limits(&model.case.params(), &agreed).unwrap()).run();
        assert_eq!(ended.initiator.err(), Some(Abort::Peer(PeerMisbehaved::TranscriptDiffers)), "{other:?}");
        assert!(ended.said.iter().all(|said| said.kind == "Announce"));
    }
    for other in [
        Figures { bins: 0, ..agreed.clone() },
        Figures { bins: 33, ..agreed.clone() },
        Figures { label_groups: 0, ..agreed.clone() },
        Figures { feature_groups: MOST_GROUPS + 1, ..agreed.clone() },
    ] {
        assert_eq!(model.start(Party::Label, &other, 7, &Disk::default()).err(), Some(Abort::LearnShape));
    }
    let linear = Case::new(Linkage::Linear, 30, (2, 2), 1).params();
    assert_eq!(Evaluator::limits(&linear, &agreed).err(), Some(Abort::LearnShape));
    // A group that was not announced, and a row that an end does not have where all do.
    let absent = |change: fn(&mut Row)| {
        let mut model = Model::new(30, &agreed, 1);
        model.rows[0].iter_mut().for_each(change);
        model.start(Party::Label, &agreed, 7, &Disk::default()).err()
    };
    assert_eq!(absent(|row| (row.held_out, row.group) = (true, 2)), Some(Abort::OwnColumns));
    assert_eq!(absent(|row| row.present = false), Some(Abort::OwnColumns));
}

#[test]
fn who_learns_the_counts_is_who_was_agreed() {
    for learns in [Learns::One(Party::Label), Learns::One(Party::Features), Learns::Both] {
        let figures = Figures { learns, ..figures(1, 2) };
        let ended = Model::new(60, &figures, 4).run(&figures);
        let (label, features) = (ended.initiator.unwrap(), ended.responder.unwrap());
        assert_eq!(label.counts.is_some(), learns.is(Party::Label));
        assert_eq!(features.counts.is_some(), learns.is(Party::Features));
        assert_eq!(label.conversation, features.conversation);
        let opened = ended.said.iter().filter(|said| said.kind == "Open").count();
        assert_eq!(opened, if learns == Learns::Both { 2 } else { 1 });
    }
}

/// How far the mean square of `counts` is from `variance`, in standard errors (√(2/n) of it, for normal numbers).
fn off(counts: &[i64], variance: f64) -> f64 {
    let n = counts.len() as f64;
    let mean = counts.iter().map(|count| (*count as f64).powi(2)).sum::<f64>() / n;
    (mean / variance - 1.0) / (2.0 / n).sqrt()
}

/// In cells of groups that no row is in there is noise alone. A mean square of 1,216 of them that is six standard
/// errors off is a false alarm once in 10⁸; that a share is missing, or one too many, is twelve and more.
#[test]
fn learnv_62_each_end_whose_peer_learns_adds_a_full_share() {
    let noise = DiscreteGaussian::of_price(5_000_000, 1).unwrap();
    let variance = 100.0;
    for (learns, shares) in
        [(Learns::Both, 2.0), (Learns::One(Party::Label), 1.0), (Learns::One(Party::Features), 1.0)]
    {
        let figures = Figures { bins: 32, learns, noise: Some(noise.clone()), ..figures(4, 5) };
        let mut model = Model::new(40, &figures, 8);
        model.rows.iter_mut().flatten().for_each(|row| row.group = 0);
        let ended = model.run(&figures);
        let learned = [ended.initiator.unwrap().counts, ended.responder.unwrap().counts];
        let counts = learned.into_iter().flatten().next().unwrap();
        let empty = &counts.held_out.counts()[64..];
        assert_eq!(empty.len(), 1216);
        let found = off(empty, shares * variance);
        assert!(found.abs() < 6.0, "{learns:?} {found}");
        // Planted: a claim of one share more or less is found.
        assert!(off(empty, (3.0 - shares) * variance).abs() > 6.0, "{learns:?}");
        let mean = empty.iter().sum::<i64>() as f64 / 1216.0;
        assert!(mean.abs() < 6.0 * (shares * variance / 1216.0).sqrt(), "{mean}");
    }
}

/// Of the 8,192 bits of an end half are set but for five standard deviations (once in 10⁶): what it holds tells it
/// nothing.
#[test]
fn shares_are_uniform_to_each_end() {
    let figures = Figures { bins: 32, ..figures(1, 2) };
    let model = Model::new(60, &figures, 2);
    let disks: [Disk; 2] = Default::default();
    model.pair(&figures, 7, &disks).run().initiator.unwrap();
    for disk in &disks {
        let kept = disk.lock().unwrap().clone().unwrap();
        let set: u32 = kept.shares.iter().map(|word| word.count_ones()).sum();
        assert_eq!(kept.shares.len(), 128);
        assert!(set.abs_diff(64 * 64) < 226, "{set}");
        assert_eq!(Tallied::from_bytes(&kept.to_bytes()), Ok(kept.clone()));
        assert!(Tallied::from_bytes(&kept.to_bytes()[1..]).is_err());
        assert_eq!(format!("{kept:?}"), format!("Tallied({})", kept.party.name()));
    }
}

#[test]
fn learnv_30_an_evaluation_has_the_same_shape_whatever_the_data_are() {
    for hidden in [false, true] {
        let figures = Figures { hidden, ..figures(2, 2) };
        let shape = |model: &Model| -> Vec<_> {
            model.run(&figures).said.iter().map(|said| (said.by, said.kind, said.bytes.len())).collect()
        };
        let mut model = Model::new(50, &figures, 1);
        let one = shape(&model);
        for row in model.rows.iter_mut().flatten() {
            *row = Row { held_out: true, group: 1, label: row.label, present: true };
        }
        model.rows[0].iter_mut().for_each(|row| row.label = true);
        model.columns.iter_mut().flatten().for_each(|column| column.fill(1.0));
        assert_eq!(one, shape(&model));
        let limit = Evaluator::limits(&model.case.params(), &figures).unwrap().bytes();
        assert!(one.iter().all(|(_, _, length)| *length <= limit));
    }
}

fn everything(length: usize) -> Vec<Tampering> {
    let mut bytes = vec![0, 4, 12, 40, length / 2, length - 9, length - 1];
    bytes.retain(|byte| *byte < length);
    bytes.sort_unstable();
    bytes.dedup();
    let flips = bytes.into_iter().enumerate().map(|(bit, byte)| Tampering::Flip { byte, bit: bit as u8 });
    let others = [Tampering::Drop, Tampering::Repeat, Tampering::Swap, Tampering::Extend];
    others.into_iter().chain([length / 2, length - 1].map(Tampering::Cut)).chain(flips).collect()
}

fn numbered(said: &[Said]) -> Vec<(usize, &Said)> {
    let mut passed = [0usize; 2];
    let number = |said: &Said, passed: &mut [usize; 2]| {
        passed[said.by as usize] += 1;
        passed[said.by as usize] - 1
    };
    said.iter().map(|said| (number(said, &mut passed), said)).collect()
}

#[test]
fn learnv_31_learnv_33_no_altered_message_gives_other_counts() {
    for learns in [Learns::Both, Learns::One(Party::Features)] {
        let figures = Figures { learns, bins: 3, ..figures(2, 2) };
        let model = Model::new(20, &figures, 6);
        let honest = model.run(&figures);
        let said = honest.said;
        let honest = [honest.initiator.unwrap(), honest.responder.unwrap()];
        let all: Vec<_> = numbered(&said)
            .into_iter()
            .flat_map(|(number, said)| {
                everything(said.bytes.len()).into_iter().map(move |t| (number, said, t))
            })
            .collect();
        all.into_par_iter().for_each(|(number, said, tampering)| {
            let what = format!("{} {number} of {:?}, {tampering:?}", said.kind, said.by);
            let mut meddler = Meddler::on_message(said.by, number, tampering);
            let ended = model.pair(&figures, 7, &Default::default()).run_past(&mut meddler);
            assert!(meddler.happened(), "{what}");
            assert!(ended.initiator.is_err() || ended.responder.is_err(), "nobody aborts: {what}");
            for (end, honest) in [ended.initiator, ended.responder].iter().zip(&honest) {
                assert!(end.as_ref().map_or(true, |end| end.counts == honest.counts), "wrong: {what}");
            }
        });
    }
}

fn position(said: &[Said], by: Role, kind: &str) -> usize {
    said.iter().filter(|said| said.by == by).position(|said| said.kind == kind).unwrap()
}

#[test]
fn learnv_33_other_counts_than_were_committed_to_are_refused() {
    let figures = figures(1, 1);
    let model = Model::new(20, &figures, 6);
    let said = model.run(&figures).said;
    let number = position(&said, Role::Responder, "Open");
    let open = said.iter().find(|said| said.by == Role::Responder && said.kind == "Open").unwrap();
    let limits = Evaluator::limits(&model.case.params(), &figures).unwrap();
    let Message::Open { party, nonce, mut halves } = Message::decode(&open.bytes, &limits).unwrap() else {
        panic!("no opening")
    };
    halves.0[0] ^= 1;
    let other = Tampering::Replace(Message::Open { party, nonce, halves }.encode());
    let mut meddler = Meddler::on_message(Role::Responder, number, other);
    let ended = model.pair(&figures, 7, &Default::default()).run_past(&mut meddler);
    assert_eq!(ended.initiator.err(), Some(Abort::Peer(PeerMisbehaved::OpeningDiffers)));
}

/// Cut at any message, taken up again: whatever was opened to anybody is what is opened in the end.
#[test]
fn learnv_63_after_a_cut_the_same_counts_are_opened_or_none_were() {
    let noise = Some(DiscreteGaussian::of_price(5_000_000, 1).unwrap());
    let figures = Figures { bins: 4, noise, ..figures(1, 2) };
    let model = Model::new(20, &figures, 6);
    let said = model.run(&figures).said;
    let mut again_opened = 0;
    for (number, said) in numbered(&said) {
        let disks: [Disk; 2] = Default::default();
        let mut meddler = Meddler::on_frame(said.by, number, Tampering::Drop);
        let cut = model.pair(&figures, 7, &disks).run_past(&mut meddler);
        let before = [cut.initiator, cut.responder].into_iter().find_map(Result::ok);
        let ended = model.pair(&figures, 9, &disks).run();
        let [one, two] = [ended.initiator.unwrap(), ended.responder.unwrap()];
        assert_eq!(one.counts, two.counts, "{} {number}", said.kind);
        if let Some(before) = before {
            again_opened += 1;
            assert_eq!(before.counts, one.counts, "{} {number}", said.kind);
            assert!(!ended.said.iter().any(|said| said.kind == "Setup"));
        }
    }
    assert!(again_opened > 0);
}

/// The attack: a peer has learned the counts, and says that it lost everything.
#[test]
fn learnv_63_what_was_opened_is_not_counted_again() {
    let figures = figures(1, 1);
    let model = Model::new(20, &figures, 6);
    let disks: [Disk; 2] = Default::default();
    model.pair(&figures, 7, &disks).run().initiator.unwrap();
    let lost = [disks[0].clone(), Disk::default()];
    let ended = model.pair(&figures, 9, &lost).run();
    assert_eq!(ended.initiator.err(), Some(Abort::Peer(PeerMisbehaved::RoundDiffers)));
    assert!(ended.said.iter().all(|said| said.by == Role::Responder || said.kind == "Announce"));
    // What was counted and not opened may be counted anew, under noise of its own.
    let kept = disks[0].lock().unwrap().clone().map(|kept| Tallied { opened: false, ..kept });
    let counted = [Arc::new(Mutex::new(kept)), Disk::default()];
    assert!(model.pair(&figures, 9, &counted).run().initiator.is_ok());
    // And of another job nothing is taken.
    let other = Figures { bins: 15, ..figures.clone() };
    assert_eq!(model.start(Party::Label, &other, 9, &disks[0]).err(), Some(Abort::OwnState));
}
