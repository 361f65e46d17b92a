//! Against `protocol/vectors/noise.json`, which `noise.py` beside it wrote with other people's accountants,
//! samplers and arithmetic.

use serde_json::Value;

use super::*;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../vectors/noise.json")).unwrap()
}

fn rows(vectors: &Value, name: &str) -> Vec<Value> {
    let rows = vectors[name].as_array().unwrap().clone();
    assert!(!rows.is_empty());
    rows
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

fn number(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap()
}

#[test]
fn t01_noise_03_conversions_are_those_of_the_formula() {
    for row in rows(&vectors(), "conversions") {
        let found = epsilon_of(number(&row, "nano_rho"), exact(text(&row, "delta"))).unwrap();
        let least = number(&row, "pico_epsilon_up");
        // Never below the exact one, and above by what rounding to 10⁻¹² leaves.
        assert!(found >= least && found - least <= 2, "{row}: {found}");
    }
    assert_eq!(epsilon_of(0, exact("1e-6")), Ok(0));
}

#[test]
fn t02_noise_02_limits_are_the_largest_prices_that_fit() {
    for row in rows(&vectors(), "limits") {
        let (epsilon, delta) = (exact(text(&row, "epsilon")), exact(text(&row, "delta")));
        let found = rho_limit(epsilon, delta).unwrap();
        assert_eq!(found, number(&row, "nano_rho"), "{row}");
        // One billionth more does not fit.
        let fits = |nano| {
            u128::from(epsilon_of(nano, delta).unwrap()) * u128::from(epsilon.den())
                <= u128::from(epsilon.num()) * 1_000_000_000_000 + 2 * u128::from(epsilon.den())
        };
        assert!(fits(found) && !fits(found + 1), "{row}");
    }
}

/// Tight accounting by privacy loss distributions never finds a loss above what the ledger charges.
#[test]
fn t03_the_ledger_charges_no_less_than_privacy_loss_distributions() {
    let rows = rows(&vectors(), "compositions");
    assert!(rows.len() >= 22);
    let mut halved = 0;
    for row in &rows {
        let spent: u64 = row["mechanisms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mechanism| {
                let parameter = exact(text(mechanism, "parameter"));
                let one = match text(mechanism, "kind") {
                    "gaussian" => {
                        let square = |x: u64| u128::from(x).pow(2);
                        Variance::new(square(parameter.num()), square(parameter.den()))
                            .unwrap()
                            .price(1)
                            .unwrap()
                    }
                    _ => DiscreteLaplace::new(parameter, 1).unwrap().price(),
                };
                one * number(mechanism, "count")
            })
            .sum();
        let delta = exact(text(row, "delta"));
        let tight = number(row, "micro_epsilon");
        let charged = epsilon_of(spent, delta).unwrap() / 1_000_000;
        assert!(charged >= tight, "{row}: {charged} µε");
        // And not without bounds; few Laplace figures alone are what zCDP is worst at.
        assert!(charged < tight * 3, "{row}: {charged} µε");
        // Would a ledger that charges half be found?
        halved += usize::from(epsilon_of(spent / 2, delta).unwrap() / 1_000_000 < tight);
    }
    assert!(halved * 4 > rows.len() * 3, "{halved} of {}", rows.len());
    // Of the design, in thousandths to the nearest: tight, and charged.
    let of_design = |row: &Value, spent| {
        let charged = epsilon_of(spent, exact("1e-6")).unwrap() / 1_000_000;
        ((number(row, "micro_epsilon") + 500) / 1_000, (charged + 500) / 1_000)
    };
    assert_eq!(of_design(&rows[0], 100 * 6_641_572), (5_753, 6_136));
    assert_eq!(of_design(&rows[1], 100 * 5_000_000), (4_775, 5_222));
}

/// Every cell of the table has at most its exact share, but for 0, which has the rest; what is moved is what
/// the table says.
#[test]
fn t04_noise_05_the_tables_are_the_formula_to_the_last_bits() {
    for row in rows(&vectors(), "gaussians") {
        let noise = gaussian(number(&row, "num").into(), number(&row, "den").into());
        let shares = noise.shares().unwrap();
        let step = number(&row, "step") as usize;
        let exact = row["magnitudes"].as_array().unwrap();
        for (j, share) in exact.iter().enumerate() {
            let share = u128::from_str_radix(share.as_str().unwrap(), 16).unwrap();
            let ours = shares.get(j * step).copied().unwrap_or_default();
            let (most, least) = if j == 0 {
                (share + noise.error(), share)
            } else {
                (share, share - noise.error().min(share))
            };
            assert!(
                ours <= most && ours >= least,
                "{}/{}, {j}: {ours:x} for {share:x}",
                row["num"],
                row["den"]
            );
        }
        if step == 1 {
            let moved: u128 = exact
                .iter()
                .enumerate()
                .skip(1)
                .map(|(j, share)| {
                    let share = u128::from_str_radix(share.as_str().unwrap(), 16).unwrap();
                    share - shares.get(j).copied().unwrap_or_default()
                })
                .sum();
            assert!(moved <= noise.error(), "{row}");
        }
        assert_eq!(shares.iter().fold(0u128, |sum, share| sum.wrapping_add(*share)), 0);
        assert!(noise.error() < 1 << 22, "2^{}", noise.error().ilog2());
    }
}

#[test]
fn noise_11_half_widths_are_those_of_the_exact_distribution() {
    let covers = [Cover::Alone, Cover::OfTwo, Cover::OfThree];
    let widths = |row: &Value, name: &str| -> Option<Vec<u64>> {
        Some(row[name].as_array()?.iter().map(|width| width.as_u64().unwrap()).collect())
    };
    for row in rows(&vectors(), "gaussians") {
        let noise = gaussian(number(&row, "num").into(), number(&row, "den").into());
        assert_eq!(
            widths(&row, "half_widths").unwrap(),
            covers.map(|cover| noise.half_width(cover)),
            "{row}"
        );
        let of_two = widths(&row, "half_widths_of_two");
        let found = covers.map(|cover| noise.half_width_of_two(cover)).to_vec();
        assert!(of_two.is_none_or(|of_two| of_two == found), "{row}: {found:?}");
    }
    for row in rows(&vectors(), "laplaces") {
        let noise = laplace(text(&row, "epsilon"), number(&row, "sensitivity"));
        assert_eq!(
            widths(&row, "half_widths").unwrap(),
            covers.map(|cover| noise.half_width(cover)),
            "{row}"
        );
        let found = covers.map(|cover| noise.half_width_of_two(cover));
        assert_eq!(widths(&row, "half_widths_of_two").unwrap(), found, "{row}");
    }
    // Just below and just above where one table becomes several: no jump but the one of rounding.
    let (single, several) = (gaussian(2025, 1), gaussian(2026, 1));
    for cover in covers {
        assert!(several.half_width(cover).abs_diff(single.half_width(cover)) <= 1);
        assert!(several.half_width_of_two(cover).abs_diff(single.half_width_of_two(cover)) <= 1);
    }
}

#[test]
fn noise_11_an_accuracy_has_its_price() {
    for (half_width, sensitivity) in
        [(0, 1), (1, 1), (5, 1), (50, 1), (50, 3), (500_000, 50_000), (7, 1 << 10)]
    {
        for cover in [Cover::Alone, Cover::OfThree] {
            let price = rho_for_half_width(half_width, sensitivity, cover).unwrap();
            let width = |price| DiscreteGaussian::of_price(price, sensitivity).unwrap().half_width(cover);
            assert!(width(price) <= half_width, "±{half_width}, Δ = {sensitivity}");
            assert!(width(price - 1) > half_width, "±{half_width}, Δ = {sensitivity}");
        }
    }
}

/// Samples that OpenDP and prio drew are what our tables say. χ² with a false alarm of 10⁻⁹ each; the same counts
/// against noise that is five in a hundred wider are refused.
#[test]
fn t04_the_samples_of_another_implementation_fit_our_distribution() {
    let prio: Value = serde_json::from_str(include_str!("../../../vectors/noise-prio.json")).unwrap();
    for row in rows(&vectors(), "others_samples").into_iter().chain(rows(&prio, "others_samples")) {
        let counts = row["counts"].as_object().unwrap();
        let samples: Vec<(i64, f64)> =
            counts.iter().map(|(x, count)| (x.parse().unwrap(), count.as_f64().unwrap())).collect();
        let scale = text(&row, "scale");
        let scaled = |percent: u64| -> Box<dyn Fn(i64) -> f64> {
            if text(&row, "kind") == "gaussian" {
                let scale = exact(scale);
                let (num, den) = (u128::from(scale.num() * percent), u128::from(scale.den() * 100));
                let shares = gaussian(num * num, den * den).shares().unwrap();
                Box::new(move |x| {
                    let share = shares.get(x.unsigned_abs() as usize).copied().unwrap_or_default() as f64;
                    share / 2f64.powi(if x == 0 { 128 } else { 129 })
                })
            } else {
                let rate = 100.0 / (scale.parse::<f64>().unwrap() * percent as f64);
                Box::new(laplace_pmf(rate))
            }
        };
        assert!(samples::fits(&samples, scaled(100)), "{} {scale}", row["kind"]);
        assert!(!samples::fits(&samples, scaled(105)), "{} {scale}", row["kind"]);
    }
}
