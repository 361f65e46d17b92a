//! From what a protocol opens to the figures of an overlap.

use sha2::{Digest, Sha256};
use tacit_protocol::{
    aggregate::Figures,
    join::Figure,
    noise::{DiscreteGaussian, Variance},
    secret::Secret,
};

use super::{
    estimate::{Estimate, Estimator, Widths},
    joined::noise_of,
    *,
};
use crate::{
    policy::{
        JoinPlan, Moment, Party, Quantity, pair_steps, product_steps,
        tests::joins::{JOIN, plan, plan_of_both, plan_of_one_key, seeking},
    },
    query::{Aggregate, Aggregates, NoColumns, parse},
};

const BALANCE: &str = "bank.accounts.balance";
const SPEND: &str = "brand.customers.spend";

fn seeds(plan: &JoinPlan, run: u64, party: Party) -> Vec<Secret<[u8; 32]>> {
    let seed = |place: u64| {
        let bytes = [run.to_le_bytes(), place.to_le_bytes(), (party as u64).to_le_bytes()].concat();
        Secret::new(Sha256::digest(bytes).into())
    };
    (0..plan.opened_of_a_group() as u64).map(seed).collect()
}

fn asked(sql: &str) -> Aggregates {
    parse(sql, &NoColumns).unwrap().joined().unwrap().clone()
}

fn question(list: &str) -> String {
    format!("SELECT {list} {JOIN}")
}

/// What the protocol opens of one group, from each match's (balance, spend) in steps: the sums of the terms.
fn exact(plan: &JoinPlan, roles: &Roles, matches: &[(i64, i64)]) -> Vec<i64> {
    let value = |party: Party, term: usize, of: &(i64, i64)| {
        let side = plan.side(party);
        let steps = if party == Party::Answerer { of.0 } else { of.1 };
        side.terms[term].value(&side.measures, |_| Some(steps))
    };
    let shape = plan.shape(roles).unwrap();
    let (seeker, holder) = (roles.seeker, roles.holder());
    let of = |figure: &Figure, m: &(i64, i64)| match *figure {
        Figure::Count => 1,
        Figure::Seeker(term) => value(seeker, term, m),
        Figure::Holder(term) => value(holder, term, m),
        Figure::Product(place) => {
            let product = shape.products()[place];
            value(seeker, product.seeker, m) * value(holder, product.holder, m)
        }
    };
    shape.opened().iter().map(|figure| matches.iter().map(|m| of(figure, m)).sum()).collect()
}

/// The noise of each who adds some.
type Noises = Vec<(Party, Vec<DiscreteGaussian>)>;

fn noises(plan: &JoinPlan, roles: &Roles) -> Noises {
    let adding = Party::BOTH.into_iter().filter(|party| plan.adds_noise(*party));
    adding.map(|party| (party, plan.noises(party, roles).unwrap())).collect()
}

/// The figures with the noise of a run.
fn noisy(plan: &JoinPlan, roles: &Roles, noises: &Noises, exact: &[i64], run: u64) -> Figures {
    let mut all = exact.to_vec();
    for (party, noises) in noises {
        let noise = noise_of(plan, noises, &seeds(plan, run, *party));
        all.iter_mut().zip(noise.expose()).for_each(|(integer, noise)| *integer += noise);
    }
    opened(plan, roles, &all).unwrap()
}

fn matches() -> Vec<(i64, i64)> {
    // Balances in cents, spends in ones, each evenly between its bounds, and together somewhat.
    (0..4_000_i64).map(|n| (n * 1_250, (n / 8 + (n * 7_919 % 1_001) / 2).min(1_000))).collect()
}

#[test]
fn noise_that_is_none_gives_the_figures_of_the_matches() {
    let list = format!(
        "COUNT(*) AS n, SUM({BALANCE}) AS b, AVG({SPEND}) AS m, STDDEV({BALANCE}) AS s, SUM({BALANCE} * {SPEND}) AS p, \
         CORR({SPEND}, {BALANCE}) AS r"
    );
    let (plan, asked) = (plan(&question(&list)), asked(&question(&list)));
    let matches = matches();
    let real: Vec<(f64, f64)> = matches.iter().map(|(b, s)| (*b as f64 / 100.0, *s as f64)).collect();
    let n = real.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| real.iter().map(of).sum::<f64>() / n;
    let (b, s) = (mean(&|m| m.0), mean(&|m| m.1));
    let (bb, ss) = (mean(&|m| (m.0 - b).powi(2)), mean(&|m| (m.1 - s).powi(2)));
    let bs = mean(&|m| (m.0 - b) * (m.1 - s));
    let truth = [n, b * n, s, (bb * n / (n - 1.0)).sqrt(), mean(&|m| m.0 * m.1) * n, bs / (bb * ss).sqrt()];
    for seeker in Party::BOTH {
        let roles = seeking(seeker);
        let figures = opened(&plan, &roles, &exact(&plan, &roles, &matches)).unwrap();
        let estimator = Estimator::new(plan.figures(), Widths::of_join(&plan, &roles).unwrap());
        for ((figure, label), truth) in asked.figures.iter().zip(truth) {
            let found = estimator.figure(figure, figures.as_slice()).unwrap();
            assert!((found.value - truth).abs() <= truth.abs() * 1e-3, "{label}: {found:?}, not {truth}");
        }
    }
}

#[test]
fn t29_over_an_overlap_too_intervals_cover_what_they_are_of() {
    let list = format!("COUNT(*), SUM({BALANCE}), SUM({BALANCE} * {SPEND}), AVG({SPEND}), STDDEV({BALANCE})");
    let with = format!("{list}, CORR({SPEND}, {BALANCE})");
    let matches = matches();
    for (sql, plan_of, seeker) in [
        (question(&list), plan as fn(&str) -> JoinPlan, Party::Asker),
        (question(&list), plan_of_one_key, Party::Answerer),
        (question(&list), plan_of_both, Party::Asker),
        (question(&with), plan, Party::Answerer),
        (question(&format!("CORR({SPEND}, {BALANCE})")), plan, Party::Asker),
    ] {
        let (plan, asked, roles) = (plan_of(&sql), asked(&sql), seeking(seeker));
        let exact = exact(&plan, &roles, &matches);
        let truths = opened(&plan, &roles, &exact).unwrap();
        let estimator = Estimator::new(plan.figures(), Widths::of_join(&plan, &roles).unwrap());
        let (runs, noises) = (400, noises(&plan, &roles));
        let mut covered = vec![0; asked.figures.len()];
        for run in 0..runs {
            let figures = noisy(&plan, &roles, &noises, &exact, run);
            for (covered, (figure, _)) in covered.iter_mut().zip(&asked.figures) {
                let truth = estimator.figure(figure, truths.as_slice()).unwrap().value;
                let Estimate { value, low, high } = estimator.figure(figure, figures.as_slice()).unwrap();
                assert!(low <= value && value <= high, "{figure:?}");
                *covered += u64::from(low <= truth && truth <= high);
            }
        }
        // 95 % less three deviations of 400 runs.
        assert!(covered.iter().all(|covered| *covered >= runs * 917 / 1_000), "{sql}: {covered:?}");
    }
}

#[test]
fn a_correlation_says_something_where_there_are_enough_and_nothing_where_there_are_few() {
    let sql = question(&format!("CORR({SPEND}, {BALANCE})"));
    let (plan, roles) = (plan_of_one_key(&sql), seeking(Party::Answerer));
    let figure = asked(&sql).figures[0].0.clone();
    let estimator = Estimator::new(plan.figures(), Widths::of_join(&plan, &roles).unwrap());
    let of = |matches: &[(i64, i64)]| {
        let figures = opened(&plan, &roles, &exact(&plan, &roles, matches)).unwrap();
        estimator.figure(&figure, figures.as_slice()).unwrap()
    };
    let many = of(&matches());
    assert!(many.high - many.low < 0.5 && many.low > 0.0, "{many:?}");
    let few = of(&matches()[..60]);
    assert_eq!((few.low, few.high), (-1.0, 1.0));
    let turned: Vec<(i64, i64)> = matches().into_iter().map(|(b, s)| (b, 1_000 - s)).collect();
    assert!((of(&turned).value + many.value).abs() < 1e-2);
}

#[test]
fn t27_each_side_that_is_learned_of_adds_a_whole_noise() {
    let sql = question("COUNT(*)");
    for (plan, expected) in [(plan_of_both(&sql), 2), (plan(&sql), 1)] {
        let roles = seeking(Party::Answerer);
        let own: Vec<bool> =
            Party::BOTH.map(|party| join_noise(&plan, party, &roles).unwrap().is_some()).to_vec();
        assert_eq!(own.iter().filter(|adds| **adds).count(), expected);
        assert!(own[Party::Answerer as usize], "whose customers the asker learns of");
        // What is left when a receiver takes its own noise away is as wide as its price says: no half shares.
        for (party, noises) in noises(&plan, &roles) {
            let noise = plan.noise(0, party, &roles).unwrap();
            let sigma = (noise.variance().num() as f64 / noise.variance().den() as f64).sqrt();
            let multiple = if party == roles.seeker { 1.0 } else { 2.0 };
            let share = plan.price().share() as f64 / 1e9;
            assert!((sigma - multiple / (2.0 * share).sqrt()).abs() < 1e-6 * sigma, "{party:?}: {sigma}");
            assert!(is_whole(&plan, &noises, party, sigma));
            // A build in which each party adds half a noise, so that the two together are one, is found out.
            let half = |noise: &DiscreteGaussian| {
                let whole = noise.variance();
                let half = Variance::new(whole.num(), 2 * whole.den()).unwrap();
                DiscreteGaussian::new(half).unwrap()
            };
            let halves: Vec<DiscreteGaussian> = noises.iter().map(half).collect();
            assert!(!is_whole(&plan, &halves, party, sigma), "half a share passes for a whole one");
        }
    }
}

/// Whether what a receiver cannot take away is as wide as it should be. 4,000 samples tell σ to 1.1 %, so 8 % are seven
/// standard errors off: one run in 10¹¹ is a false alarm, and half a variance is 29 % off.
fn is_whole(plan: &JoinPlan, noises: &[DiscreteGaussian], party: Party, sigma: f64) -> bool {
    let runs = 4_000;
    let square = |run| {
        let sample = noise_of(plan, noises, &seeds(plan, run, party));
        (sample.expose()[0] as f64).powi(2)
    };
    let found = ((0..runs).map(square).sum::<f64>() / runs as f64).sqrt();
    (found / sigma - 1.0).abs() < 0.08
}

#[test]
fn t08_over_an_overlap_too_figures_with_their_noise_stay_in_range() {
    let list = format!("COUNT(*), SUM({BALANCE}), STDDEV({BALANCE}) AS s, SUM({BALANCE} * {SPEND}) AS p");
    // The most customers that a side may bring, each found by each of two keys.
    let customers = 2 * (1_i128 << 26);
    for plan in [plan(&question(&list)), plan_of_both(&question(&list))] {
        for seeker in Party::BOTH {
            let roles = seeking(seeker);
            let shape = plan.shape(&roles).unwrap();
            let most = most_noise(&plan, &roles).unwrap();
            assert_eq!(most.len(), shape.opened().len());
            for (figure, noise) in shape.opened().iter().zip(most) {
                let reach = match *figure {
                    Figure::Count => 1,
                    Figure::Seeker(term) => shape.seeker_terms()[term],
                    Figure::Holder(term) => shape.holder_terms()[term],
                    Figure::Product(place) => {
                        let product = shape.products()[place];
                        shape.seeker_terms()[product.seeker] * shape.holder_terms()[product.holder]
                    }
                };
                let largest = i128::from(reach) * customers + 2 * i128::from(noise);
                assert!(largest < 1 << 62, "{figure:?} can be {largest}");
            }
        }
    }
}

#[test]
fn join_48_what_nobody_asked_for_is_not_opened() {
    let sql = question(&format!("SUM({BALANCE} * {SPEND})"));
    let (plan, roles) = (plan(&sql), seeking(Party::Asker));
    let shape = plan.shape(&roles).unwrap();
    assert_eq!((shape.seeker_terms().len(), shape.holder_terms().len()), (1, 1), "the factors");
    assert_eq!(shape.opened(), [Figure::Count, Figure::Product(0)]);
    let noises = plan.noises(Party::Answerer, &roles).unwrap();
    assert_eq!(noises.len(), 2);
    let most = most_noise(&plan, &roles).unwrap();
    assert!(most.iter().zip(&noises).all(|(most, noise)| *most == noise.bound() && *most < 1 << 55));
}

#[test]
fn t14_over_an_overlap_small_groups_are_hidden_and_all_are_there() {
    let sql = format!(
        "SELECT credit_tier, COUNT(*) AS n, AVG({BALANCE}) AS mean {JOIN} GROUP BY bank.accounts.credit_tier"
    )
    .replace("SELECT credit_tier", "SELECT bank.accounts.credit_tier");
    let (plan, asked, roles) = (plan_of_one_key(&sql), asked(&sql), seeking(Party::Asker));
    let width = plan.opened_of_a_group();
    let mut all = vec![0; 3 * width];
    all[0] = 500;
    all[1] = 500;
    all[2 * width] = 49;
    all[2 * width + 1] = 49;
    let figures = opened(&plan, &roles, &all).unwrap();
    let answer = Answered::of_join(&plan, &roles, &asked, &figures, None).unwrap();
    assert_eq!((answer.rows(), answer.suppressed), (3, 2));
    assert!(opened(&plan, &roles, &all[1..]).is_err());
    // What the asker's own condition leaves out is empty, and not suppressed.
    let left = [true, false, true];
    let answer = Answered::of_join(&plan, &roles, &asked, &figures, Some(&left)).unwrap();
    assert_eq!((answer.rows(), answer.groups, answer.suppressed), (2, 2, 1));
}

#[test]
fn what_is_expected_is_what_comes() {
    let list = format!("COUNT(*) AS n, SUM({BALANCE} * {SPEND}) AS p, CORR({SPEND}, {BALANCE}) AS r");
    let (plan, asked, roles) = (plan(&question(&list)), asked(&question(&list)), seeking(Party::Asker));
    let expected = expected_of_join(&plan, &roles, Some(&asked), 4_000).unwrap();
    let width = |label: &str| expected.iter().find(|e| e.label == label).unwrap();
    assert_eq!(width("n").half_width as u64, count_half_width(&plan, &roles).unwrap());
    assert!(!width("p").of_group && width("r").of_group);
    assert!(width("r").half_width < 1.0 && width("r").half_width > 0.01, "{:?}", width("r"));
    let figures = exact(&plan, &roles, &matches());
    let figures = opened(&plan, &roles, &figures).unwrap();
    let estimator = Estimator::new(plan.figures(), Widths::of_join(&plan, &roles).unwrap());
    let found = estimator.figure(&asked.figures[1].0, figures.as_slice()).unwrap();
    assert!((found.high - found.value - width("p").half_width).abs() < 1e-3 * width("p").half_width);
    // The roundings of products and correlations are told.
    let told = labels(plan.figures()).join("\n");
    assert!(told.contains("bank.accounts.balance is clamped to 0–50000"), "{told}");
    let [one, other] = [&plan.figures().measures()[0], &plan.figures().measures()[1]];
    assert_eq!(product_steps(one, other), (1, 5));
    assert!(told.contains("for the product, values are rounded: bank.accounts.balance to 0.05"), "{told}");
    assert!(pair_steps(other) > 1 && told.contains("for the correlation, values are rounded"), "{told}");
    let place = |moment| plan.figures().place(Quantity::Pair(0, 1, moment));
    assert!(place(Moment::Count).is_some() && matches!(asked.figures[2].0, Aggregate::Correlation(..)));
}
