//! What figures over one table will cost and how exact they will be, before anybody is asked.
//!
//! All of it follows from the question, the contract and the own ledger; nothing of it from data.

use serde_json::{Value, json};
use tacit_protocol::{
    log::Amount,
    noise::{Rational, epsilon_of},
};

use crate::{
    config::units::show_size,
    policy::{AggregatePlan, Decimal, Permitted, lifetime},
    release::{self, Expected},
    report::Report,
};

/// How large a group the examples are for, where the noise of a figure depends on that.
const EXAMPLE: u64 = 1_000;

/// Bytes of a figure on the wire, and of everything beside the figures.
const BYTES_A_FIGURE: u64 = 9;
const BYTES_BESIDE: u64 = 1_000;

/// The cost of a question, for people and for programs. `used` is what its account has spent and reserved, as far
/// as this node's ledger knows.
///
/// # Errors
/// There is no sampler for such noise.
pub(super) fn cost(
    permitted: &Permitted,
    plan: &AggregatePlan,
    used: Option<Amount>,
) -> Result<(String, Value), Report> {
    let price = plan.price();
    let (epsilon, delta) = (Decimal::of_micro(price.epsilon_micro()), Decimal::of_femto(price.delta_femto()));
    let rho = Decimal::of_units(i128::from(price.amount().nano_rho) * 1_000_000);
    let table = permitted.parsed().tables().next().map(ToString::to_string).unwrap_or_default();
    let asker = permitted.asker();
    let figures = plan.shares();
    let mut text = format!(
        "\nWhat it costs\n  {table:<20} epsilon {epsilon}, delta {delta}: rho {rho}, divided among {figures} noisy figures\n  \
         {:<20} nothing: none of its rows take part\n",
        format!("data of {asker}")
    );
    let bytes = (plan.cells() * plan.columns().len()) as u64 * BYTES_A_FIGURE + BYTES_BESIDE;
    text.push_str(&format!(
        "  {:<20} about {}, and the time that {} takes to read its table once\n",
        "traffic",
        show_size(bytes),
        permitted.partner().name
    ));
    let budget = budget(permitted, price.amount(), used);
    text.push_str(&format!("  {:<20} {}\n", "budget", budget.0));
    let expected = release::expected(plan, permitted.parsed().aggregates(), EXAMPLE)?;
    text.push_str("\nHow exact it will be (95 %)\n");
    for Expected { label, half_width, of_group } in &expected {
        let group = if *of_group { format!(", for a group of {EXAMPLE}") } else { String::new() };
        text.push_str(&format!("  {label:<20} ±{}{group}\n", shown(*half_width)));
    }
    let count = &plan.columns()[plan.threshold()];
    let half = price.noise(count).map_err(release::ReleaseError::Noise)?.half_width95();
    let least = u64::from(plan.min_group());
    text.push_str(&format!(
        "\nWhat may be missing\n  {} groups, all in the answer. One of fewer than {least} customers, with noise, is \
         suppressed:\n  one of {} or more hardly ever, one of {} or fewer nearly always\n",
        plan.cells(),
        least + half,
        least.saturating_sub(half)
    ));
    for label in release::labels(plan) {
        text.push_str(&format!("  {label}\n"));
    }
    let columns: Vec<Value> = expected
        .iter()
        .map(|e| json!({ "name": e.label, "half_width95": e.half_width, "for_group_of": e.of_group.then_some(EXAMPLE) }))
        .collect();
    let mut cost = release::priced(plan);
    cost["account"] = json!(permitted.account());
    cost["columns"] = json!(columns);
    cost["bytes"] = json!(bytes);
    cost["groups"] = json!(plan.cells());
    cost["suppressed_below"] = json!(least);
    cost["count_half_width95"] = json!(half);
    cost["budget"] = budget.1;
    Ok((text, cost))
}

/// What the account has before and after.
pub(crate) fn budget(permitted: &Permitted, price: Amount, used: Option<Amount>) -> (String, Value) {
    let privacy = &permitted.terms().privacy;
    let limit = lifetime(privacy);
    let Some(used) = used else {
        return (format!("epsilon {} in all", Decimal::of_micro(privacy.epsilon_micro)), Value::Null);
    };
    let after = used.nano_rho.saturating_add(price.nano_rho);
    let delta = Rational::new(privacy.delta_femto, 2_000_000_000_000_000).ok();
    // In billionths of ε; for people.
    let epsilon = |nano_rho: u64| {
        let pico = delta.and_then(|delta| epsilon_of(nano_rho, delta).ok())?;
        Some(Decimal::of_units(i128::from(pico.div_ceil(1_000_000_000)) * 1_000_000_000_000))
    };
    let spent = |nano_rho| epsilon(nano_rho).map_or_else(|| "?".to_owned(), |epsilon| epsilon.to_string());
    let all = Decimal::of_micro(privacy.epsilon_micro);
    let enough = after <= limit.nano_rho;
    let text = format!(
        "epsilon {} of {all} is used; {} after this{}",
        spent(used.nano_rho),
        spent(after),
        if enough { "" } else { ", which is more than there is: it will be refused" }
    );
    let value = json!({
        "limit": limit,
        "used": used,
        "after_nano_rho": after,
        "epsilon_limit": all.to_string(),
        "epsilon_used": epsilon(used.nano_rho).map(|epsilon| epsilon.to_string()),
        "epsilon_after": epsilon(after).map(|epsilon| epsilon.to_string()),
        "enough": enough,
    });
    (text, value)
}

/// Three digits are as much as noise deserves.
pub(super) fn shown(number: f64) -> String {
    let digits = if number >= 100.0 {
        0
    } else if number >= 1.0 {
        1
    } else {
        3
    };
    format!("{number:.digits$}")
}
