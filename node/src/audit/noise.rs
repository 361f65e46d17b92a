//! Whether every price bought the noise that its record tells of.
//!
//! The attack it stops: a log whose sums are right, and whose answers had less noise than they were charged for. What
//! a record says of ε, δ, ρ, Δ and σ hangs together by formulas that need no data, so they are computed again. That the
//! node really drew such noise, no log can show.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tacit_protocol::{
    log::{Amount, Entry, Kind},
    noise::ATTO_DELTA_OF_A_SAMPLE,
};

use super::Check;
use crate::{
    ledger::Noise,
    policy::{Decimal, ceiling},
};

/// Different pairs of ε and δ that are converted anew: a file made to waste an auditor's time has no more.
const MOST_PRICES: usize = 4_096;

/// Computes prices and noise again, and remembers the first that do not fit.
#[derive(Debug, Default)]
pub struct Prices {
    told: u64,
    untold: u64,
    /// ρ by ε and δ.
    rho: BTreeMap<(u64, u64), u64>,
    fault: Option<(u64, String)>,
}

impl Prices {
    /// Looks at the next record.
    pub fn take(&mut self, entry: &Entry) {
        if entry.kind != Kind::Reserve || entry.body.get("charge").is_none() {
            return;
        }
        match entry.body.get("noise") {
            None => self.untold += 1,
            Some(noise) => {
                self.told += 1;
                if let Err(problem) = self.hold(noise, &entry.body)
                    && self.fault.is_none()
                {
                    self.fault = Some((entry.seq, problem));
                }
            }
        }
    }

    fn hold(&mut self, noise: &Value, body: &Value) -> Result<(), String> {
        let read = |problem: &str| format!("its {problem} does not read");
        let noise: Vec<Noise> = serde_json::from_value(noise.clone()).map_err(|_| read("noise"))?;
        let price: Amount =
            serde_json::from_value(body["charge"]["price"].clone()).map_err(|_| read("price"))?;
        if let Some(false_one) = noise.iter().find(|noise| !noise.holds()) {
            return Err(format!("ρ {}e-9 does not buy {false_one}", false_one.nano_rho));
        }
        // Of a join whose sizes were not known: what holds whoever looks up, and what holds for either part.
        let named: BTreeSet<&str> = noise.iter().filter_map(|noise| noise.part.as_deref()).collect();
        let parts = if named.is_empty() { vec![None] } else { named.into_iter().map(Some).collect() };
        parts.into_iter().try_for_each(|part| {
            let here = |noise: &&Noise| noise.part.is_none() || noise.part.as_deref() == part;
            self.pays(noise.iter().filter(here), price, body)
        })
    }

    /// Whether a price is that of all these together.
    fn pays<'n>(
        &mut self,
        noise: impl Iterator<Item = &'n Noise> + Clone,
        price: Amount,
        body: &Value,
    ) -> Result<(), String> {
        let read = |problem: &str| format!("its {problem} does not read");
        let rho = |noise: &dyn Fn(&&Noise) -> bool, all: &mut dyn Iterator<Item = &'n Noise>| {
            all.filter(noise).try_fold(0_u64, |sum, noise| sum.checked_add(noise.cost()?))
        };
        let sum = rho(&|_| true, &mut noise.clone());
        // The rounds of a training divide one price unevenly, and what is left over is paid all the same.
        let trains = noise.clone().any(|noise| noise.is_training());
        let fits = |sum: u64| if trains { sum <= price.nano_rho } else { sum == price.nano_rho };
        if !sum.is_some_and(fits) {
            return Err("its price is not the sum of what its figures cost".to_owned());
        }
        let counts = noise.clone().filter(|noise| !noise.is_padding()).map(Noise::count);
        let figures = counts.fold(0, u64::saturating_add);
        if price.atto_delta < figures.saturating_mul(ATTO_DELTA_OF_A_SAMPLE) {
            return Err("its price leaves the samplers' errors out".to_owned());
        }
        let paid = rho(&|noise| !noise.is_padding(), &mut noise.clone());
        let padded = rho(&|noise| noise.is_padding(), &mut noise.clone()).unwrap_or(u64::MAX);
        // A padded number alone: its price follows from its own ε.
        if figures == 0 && noise.clone().next().is_some() {
            return Ok(());
        }
        let number = |name: &str| body["price"][name].as_str().and_then(|text| text.parse::<Decimal>().ok());
        let epsilon = number("epsilon").and_then(Decimal::micro).ok_or_else(|| read("ε"))?;
        let delta = number("delta").and_then(Decimal::femto).ok_or_else(|| read("δ"))?;
        match self.rho_of(epsilon, delta) {
            Some(rho) if trains && rho.checked_add(padded) == Some(price.nano_rho) => Ok(()),
            Some(rho) if Some(rho / figures.max(1) * figures) != paid => {
                Err(format!("ε {} is ρ {rho}e-9 for {figures} figures", Decimal::of_micro(epsilon)))
            }
            _ => Ok(()),
        }
    }

    fn rho_of(&mut self, epsilon: u64, delta: u64) -> Option<u64> {
        let key = (epsilon, delta);
        if self.rho.len() >= MOST_PRICES && !self.rho.contains_key(&key) {
            return None;
        }
        Some(*self.rho.entry(key).or_insert_with(|| ceiling(epsilon, delta).nano_rho))
    }

    /// What was found.
    pub fn check(&self) -> Check {
        let name = "noise";
        if let Some((seq, problem)) = &self.fault {
            return Check::new(name, false, format!("record {seq}: {problem}")).at(*seq);
        }
        let told = match self.told {
            1 => "one price buys the noise that is told".to_owned(),
            told => format!("{told} prices buy the noise that is told"),
        };
        match (self.told, self.untold) {
            (0, 0) => Check::new(name, None, "no price was charged"),
            (0, untold) => Check::new(name, None, format!("{untold} records of a price tell no noise")),
            (_, 0) => Check::new(name, true, told),
            (_, untold) => Check::new(name, true, format!("{told}; {untold} tell none")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::history::tests::{Log, price};
    use crate::ledger::{GRADIENT, MOMENTS};

    /// A log with one question for an average at ε 1 and δ 10⁻⁶, changed in some way.
    fn checked(change: impl Fn(&mut Value)) -> Check {
        let share = ceiling(1_000_000, 1_000_000_000).nano_rho / 2;
        let mut day = Log::new();
        let seq = day.reserve(1, price(2 * share));
        let body = &mut day.entries[seq as usize - 1].body;
        let noise = [
            Noise::gaussian("values", Some("balance"), "1".to_owned(), 1, share).unwrap(),
            Noise::gaussian("centred-sum", Some("balance"), "0.01".to_owned(), 500, share).unwrap(),
        ];
        body["noise"] = json!(noise);
        body["charge"]["price"]["atto_delta"] = json!(2);
        body["price"] = json!({ "epsilon": "1", "delta": "0.000001" });
        change(body);
        let mut prices = Prices::default();
        day.entries.iter().for_each(|entry| prices.take(entry));
        prices.check()
    }

    #[test]
    fn what_a_record_says_of_its_noise_hangs_together() {
        let sound = checked(|_| ());
        assert_eq!(sound.ok, Some(true), "{}", sound.found);
        assert_eq!(checked(|body| drop(body.as_object_mut().unwrap().remove("noise"))).ok, None);
        let half = |value: &mut Value| *value = json!(value.as_u64().unwrap() / 2);
        for (wrong, change) in [
            ("σ", &(|body: &mut Value| body["noise"][0]["sigma"] = json!("1.0000")) as &dyn Fn(&mut Value)),
            ("Δ", &|body: &mut Value| body["noise"][1]["sensitivity"] = json!(5_000)),
            ("mechanism", &|body: &mut Value| body["noise"][0]["mechanism"] = json!("none")),
            ("the sum", &|body: &mut Value| half(&mut body["charge"]["price"]["nano_rho"])),
            ("a figure left out", &|body: &mut Value| drop(body["noise"].as_array_mut().unwrap().pop())),
            ("δ of the samplers", &|body: &mut Value| body["charge"]["price"]["atto_delta"] = json!(1)),
            ("ε", &|body: &mut Value| body["price"]["epsilon"] = json!("0.5")),
            ("δ", &|body: &mut Value| body["price"]["delta"] = json!("0.1")),
            ("no noise at all", &|body: &mut Value| body["noise"] = json!([])),
            ("another form", &|body: &mut Value| body["noise"] = json!("none")),
        ] {
            let check = checked(change);
            assert_eq!((check.ok, check.record), (Some(false), Some(2)), "{wrong}: {}", check.found);
        }
    }

    /// The same of a training: moments once, and a gradient a round, the last one for half as much again.
    fn checked_training(change: impl Fn(&mut Value)) -> Check {
        checked(|body| {
            let rho = ceiling(1_000_000, 1_000_000_000).nano_rho;
            let noise = |figure: &str, squared: u128, nano_rho: u64| {
                Noise::wide(figure, None, "2^-24".to_owned(), squared, nano_rho).unwrap()
            };
            body["noise"] = json!([
                noise(MOMENTS, 25 << 52, rho / 10 * 3),
                Noise { times: Some(8), ..noise(GRADIENT, 1 << 26, rho / 100 * 7) },
                noise(GRADIENT, 1 << 26, rho / 200 * 21),
            ]);
            body["charge"]["price"]["nano_rho"] = json!(rho);
            body["charge"]["price"]["atto_delta"] = json!(10_000);
            change(body);
        })
    }

    #[test]
    fn what_a_record_of_a_training_says_of_its_noise_hangs_together() {
        let sound = checked_training(|_| ());
        assert_eq!(sound.ok, Some(true), "{}", sound.found);
        for (wrong, change) in [
            (
                "σ of a round",
                &(|body: &mut Value| body["noise"][1]["sigma"] = json!("1.0")) as &dyn Fn(&mut Value),
            ),
            ("Δ of the moments", &|body: &mut Value| body["noise"][0]["sensitivity"] = json!(1)),
            ("more rounds than are paid for", &|body: &mut Value| body["noise"][1]["times"] = json!(18)),
            ("more rounds than can be", &|body: &mut Value| body["noise"][1]["times"] = json!(u32::MAX)),
            ("a smaller price", &|body: &mut Value| body["charge"]["price"]["nano_rho"] = json!(1)),
            ("ε", &|body: &mut Value| body["price"]["epsilon"] = json!("0.5")),
            ("δ of the samplers", &|body: &mut Value| body["charge"]["price"]["atto_delta"] = json!(9)),
        ] {
            let check = checked_training(change);
            assert_eq!((check.ok, check.record), (Some(false), Some(2)), "{wrong}: {}", check.found);
        }
    }

    /// The same over an overlap with two match keys: a padded number besides, and noise for either part.
    fn checked_join(change: impl Fn(&mut Value)) -> Check {
        checked(|body| {
            let share = body["noise"][0]["nano_rho"].as_u64().unwrap();
            let part = |part: &str, squared: u128| {
                let count = Noise::wide("customers", None, "1".to_owned(), squared, share).unwrap();
                let sum =
                    Noise::wide("sum", Some("balance"), "0.01".to_owned(), squared * 100, share).unwrap();
                [count, sum].map(|noise| Noise { part: Some(part.to_owned()), ..noise })
            };
            let all = [part("looks-up", 1).to_vec(), part("is-looked-up", 5).to_vec()].concat();
            body["noise"] = json!([vec![Noise::padding(20_000)], all].concat());
            body["charge"]["price"]["nano_rho"] = json!(2 * share + 200_000);
            change(body);
        })
    }

    #[test]
    fn what_a_record_of_a_join_says_of_its_noise_hangs_together_whoever_looks_up() {
        let sound = checked_join(|_| ());
        assert_eq!(sound.ok, Some(true), "{}", sound.found);
        let remove =
            |body: &mut Value, place: usize| drop(body["noise"].as_array_mut().unwrap().remove(place));
        for (wrong, change) in [
            ("no padding", &(|body: &mut Value| remove(body, 0)) as &dyn Fn(&mut Value)),
            ("one part lacks a figure", &|body: &mut Value| remove(body, 4)),
            ("σ of the other part", &|body: &mut Value| {
                body["noise"][3]["sigma"] = body["noise"][1]["sigma"].clone();
            }),
            ("a padding without ε", &|body: &mut Value| body["noise"][0]["sigma"] = json!("")),
            ("ε", &|body: &mut Value| body["price"]["epsilon"] = json!("0.5")),
        ] {
            let check = checked_join(change);
            assert_eq!((check.ok, check.record), (Some(false), Some(2)), "{wrong}: {}", check.found);
        }
        let alone = checked(|body| {
            body["noise"] = json!([Noise::padding(20_000)]);
            body["charge"]["price"]["nano_rho"] = json!(200_000);
        });
        assert_eq!(alone.ok, Some(true), "{}", alone.found);
    }
}
