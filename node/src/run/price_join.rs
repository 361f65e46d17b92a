//! What figures over an overlap will cost, how exact they will be and what travels for them, before anybody is asked.
//!
//! All of it follows from the question, the contract, the own ledger and two sizes, which are assumed where they have
//! not been announced; nothing of it from the partner's data.

use serde_json::{Value, json};
use tacit_protocol::{
    join::Cost,
    log::{Account, Amount},
};

use super::price::{budget, shown};
use crate::{
    config::units::show_size,
    exchange::Calibration,
    policy::{Decimal, JoinPlan, Party, Permitted, Sizes},
    release::{self, Expected},
    report::Report,
};

/// How large a group the examples are for, where the noise of a figure depends on that.
const EXAMPLE: u64 = 1_000;

/// The cost of a question, for people and for programs. `used` is what an account has spent and reserved, as far as
/// this node's ledger knows; `sizes` is how many customers each side is taken to bring.
///
/// # Errors
/// There is no sampler for such noise.
pub(super) fn cost(
    permitted: &Permitted,
    plan: &JoinPlan,
    sizes: Sizes,
    used: &dyn Fn(&Account) -> Amount,
    calibration: &Calibration,
) -> Result<(String, Value), Report> {
    let price = plan.price();
    let (epsilon, delta) = (Decimal::of_micro(price.epsilon_micro()), Decimal::of_femto(price.delta_femto()));
    let rho = Decimal::of_units(i128::from(price.amount().nano_rho) * 1_000_000);
    let figures = plan.figures().shares();
    let mut text = "\nWhat it costs\n".to_owned();
    let mut line = |name: &str, what: String| text.push_str(&format!("  {name:<20} {what}\n"));
    for party in Party::BOTH {
        let whose = format!("data of {}", permitted.name_of(party));
        line(
            &whose,
            match plan.adds_noise(party) {
                true => format!(
                    "epsilon {epsilon}, delta {delta}: rho {rho}, divided among {figures} noisy figures; {} pays",
                    permitted.name_of(party.other())
                ),
                false => format!("nothing: {} learns no figure", permitted.name_of(party.other())),
            },
        );
    }
    line(
        "numbers of both",
        "padded at epsilon 0.02, delta 0.000000001: rho 0.0002 more on each side".to_owned(),
    );
    // What each may learn of the other's customers is a budget of its own: figures, or the padded number alone.
    let budgets: Vec<(&str, (String, Value))> = Party::BOTH
        .into_iter()
        .zip(permitted.charges())
        .map(|(learner, (account, price))| {
            (permitted.name_of(learner), budget(permitted, price, Some(used(&account))))
        })
        .collect();
    for (learner, (text, _)) in &budgets {
        line(&format!("budget of {learner}"), text.clone());
    }
    let roles = plan.roles(sizes);
    let (seeker, holder) = (permitted.name_of(roles.seeker), permitted.name_of(roles.holder()));
    let me = permitted.party();
    let partner = permitted.name_of(me.other());
    line("looks up", format!("{seeker} in {holder}'s table, because {}", roles.reason));
    line(
        "",
        format!("assuming that {partner} brings as many customers as we have rows; it says so when asked"),
    );
    for (many, than) in
        [(sizes_of(me, sizes, FAR), "times as many"), (sizes_of(me.other(), sizes, FAR), "times fewer")]
    {
        let other = plan.roles(many);
        if other.seeker != roles.seeker {
            let (seeker, holder) = (permitted.name_of(other.seeker), permitted.name_of(other.holder()));
            line("", format!("with {FAR} {than} at {partner}, {seeker} in {holder}'s"));
        }
    }
    let mut document = release::priced(plan.figures());
    // More customers than the protocol carries: it is refused when they are announced.
    let course = plan.course(&roles, sizes).ok();
    if let Some(course) = &course {
        let costs = course.costs();
        let bytes: u64 = costs.iter().map(|cost| cost.bytes).sum();
        line(
            "rows",
            format!(
                "{} of {seeker}'s in {} bins, {} of {holder}'s, if the sizes are such",
                sizes.of(roles.seeker),
                course.bins(),
                sizes.of(roles.holder())
            ),
        );
        line("traffic", format!("about {}", show_size(bytes)));
        let seconds = calibration.join_seconds(bytes);
        line("seconds", format!("about {seconds:.1} of arithmetic, with a core like this one's at each end"));
        document["seconds"] = json!(seconds);
        let largest = costs.iter().max_by_key(|cost| cost.bytes);
        if let Some(Cost { stage, bytes, .. }) = largest {
            line("", format!("most of it {}: {}", stage_name(*stage), show_size(*bytes)));
        }
        document["bins"] = json!(course.bins());
        document["bytes"] = json!(bytes);
        document["stages"] = costs
            .iter()
            .map(|cost| json!({ "name": stage_name(cost.stage), "messages": cost.messages, "bytes": cost.bytes }))
            .collect();
    }
    let expected = release::expected_of_join(plan, &roles, permitted.parsed().joined(), EXAMPLE)?;
    text.push_str("\nHow exact it will be (95 %)\n");
    for Expected { label, half_width, of_group } in &expected {
        let group = if *of_group { format!(", for a group of {EXAMPLE}") } else { String::new() };
        text.push_str(&format!("  {label:<20} ±{}{group}\n", shown(*half_width)));
    }
    let half = release::count_half_width(plan, &roles)?;
    let least = u64::from(plan.figures().min_group());
    let groups = plan.figures().cells();
    text.push_str(&format!(
        "\nWhat may be missing\n  {groups} groups, all in the answer. One of fewer than {least} customers, with noise, is \
         suppressed:\n  one of {} or more hardly ever, one of {} or fewer nearly always\n",
        least + half,
        least.saturating_sub(half)
    ));
    text.push_str(
        "  a customer with several identifiers of one kind takes part with one of them: `tacit id lint` counts them\n",
    );
    for label in release::labels(plan.figures()) {
        text.push_str(&format!("  {label}\n"));
    }
    let columns: Vec<Value> = expected
        .iter()
        .map(|e| json!({ "name": e.label, "half_width95": e.half_width, "for_group_of": e.of_group.then_some(EXAMPLE) }))
        .collect();
    document["charges"] = permitted
        .charges()
        .iter()
        .map(|(account, amount)| json!({ "account": account, "amount": amount }))
        .collect();
    document["seeker"] = json!({ "partner": seeker, "because": roles.reason });
    document["rows"] = json!({ "asker": sizes.asker, "answerer": sizes.answerer });
    document["columns"] = json!(columns);
    document["groups"] = json!(groups);
    document["suppressed_below"] = json!(least);
    document["count_half_width95"] = json!(half);
    document["budgets"] = budgets
        .into_iter()
        .map(|(learner, (_, mut budget))| {
            budget["learner"] = json!(learner);
            budget
        })
        .collect();
    Ok((text, document))
}

/// How much larger one side has to be for its size alone to decide; the example for people.
const FAR: u64 = 8;

/// The sizes where the side that is not `fewer` brings so many times as many.
const fn sizes_of(fewer: Party, sizes: Sizes, times: u64) -> Sizes {
    match fewer {
        Party::Asker => Sizes { answerer: sizes.answerer.saturating_mul(times), ..sizes },
        Party::Answerer => Sizes { asker: sizes.asker.saturating_mul(times), ..sizes },
    }
}

/// A stage of the protocol for people.
fn stage_name(stage: tacit_protocol::join::Stage) -> String {
    let mut name = String::new();
    for letter in format!("{stage:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push(' ');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::joins::{JOIN, permitted_question};

    fn explained(sql: &str, asker: u64, answerer: u64) -> (String, Value) {
        let permitted = permitted_question(sql);
        let plan = permitted.join().unwrap();
        let calibration =
            Calibration { hash_multiply: 1e-6, decode_multiply: 1e-6, join_byte: 1e-8, join_start: 0.1 };
        cost(&permitted, plan, Sizes { asker, answerer }, &|_| Amount::default(), &calibration).unwrap()
    }

    #[test]
    fn what_is_explained_follows_from_question_contract_and_sizes() {
        let sql = format!(
            "SELECT bank.accounts.region, COUNT(*) AS n, SUM(bank.accounts.balance) AS total {JOIN} \
             GROUP BY bank.accounts.region"
        );
        let (text, document) = explained(&sql, 10_000, 10_000);
        for part in [
            "data of brand        nothing: bank learns no figure",
            "data of bank         epsilon 1, delta 0.000001: rho ",
            "brand pays",
            "looks up             bank in brand's table, because its customers are to be hidden",
            "10000 of bank's in ",
            "budget of brand      epsilon 0 of 8 is used; 1",
            "budget of bank       epsilon 0 of 8 is used; 0.",
            "assuming that bank brings as many customers as we have rows",
            "with 8 times as many at bank, brand in bank's",
            "±",
            "2 groups, all in the answer",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(document["seeker"]["partner"], "bank");
        let bytes = |document: &Value| document["bytes"].as_u64().unwrap();
        let stages = document["stages"].as_array().unwrap();
        assert_eq!(
            stages.iter().map(|stage| stage["bytes"].as_u64().unwrap()).sum::<u64>(),
            bytes(&document)
        );
        // Wider noise where the brand looks up, and less traffic for its few.
        let (_, few) = explained(&sql, 1_000, 10_000);
        assert_eq!(few["seeker"]["partner"], "brand");
        assert!(few["count_half_width95"].as_u64() > document["count_half_width95"].as_u64());
        assert!(bytes(&few) < bytes(&document));
        // The asker for figures and a padded number, the answerer for a padded number.
        assert_eq!(few["charges"].as_array().unwrap().len(), 2);
        assert_eq!(few["nano_rho"], document["nano_rho"]);
    }

    #[test]
    fn more_customers_than_the_protocol_carries_are_explained_without_its_course() {
        let (text, document) = explained(&format!("SELECT COUNT(*) {JOIN}"), 1 << 40, 1 << 40);
        assert!(!text.contains("traffic") && document["bytes"].is_null());
    }
}
