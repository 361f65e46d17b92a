//! What signing means, in plain sentences.
//!
//! The attack this stops needs no code: a contract whose consequences nobody has read. A filter in a reveal
//! looks like any other filter, and tells a fact about named people.

use tacit_protocol::ids::PartnerId;

use crate::policy::{Decimal, PADDING_EPSILON_MICRO};

use super::{Align, ColumnUse, Consent, Contract, DatasetTerms, Metrics, Receiver, Terms, Weights, list};

/// The sentence that goes with every filter on a partner's column in a reveal.
pub(in crate::policy) fn filter_tells(column: &str, receiver: &str) -> String {
    format!("A filter on {column} tells {receiver} the {column} of every match.")
}

/// Everything that the partner `me` agrees to by signing, a sentence a line.
pub fn what_you_agree_to(contract: &Contract, me: &PartnerId) -> Vec<String> {
    let terms = contract.terms();
    let Some(me) = contract.partner(me).map(|partner| partner.name.as_str()) else {
        return vec!["This node is not a partner in this contract.".to_owned()];
    };
    let others: Vec<&str> = terms.partners.iter().map(String::as_str).filter(|name| *name != me).collect();
    let others = list(&others);
    let mut sentences = vec![format!(
        "From {} to {}, {others} may put questions to your node for the purpose {}, and you to theirs.",
        terms.starts, terms.ends, terms.purpose
    )];
    for dataset in terms.datasets.iter().filter(|dataset| dataset.owner == me) {
        own_dataset(&mut sentences, dataset, terms, &others);
    }
    reveal(&mut sentences, terms, me);
    if terms.allow.aggregate || terms.allow.join || terms.allow.train.is_some() {
        sentences.push(format!(
            "Noisy figures cost privacy budget: each partner that asks may spend ε {} in all and ε {} for one \
             question (δ {}), and groups below {} are suppressed.",
            Decimal::of_micro(terms.privacy.epsilon_micro),
            Decimal::of_micro(terms.privacy.per_query_epsilon_micro),
            Decimal::of_femto(terms.privacy.delta_femto),
            terms.privacy.min_group
        ));
        if let Some(period) = terms.privacy.period {
            sentences.push(format!(
                "Of that, no more than ε {} within {} days.",
                Decimal::of_micro(period.epsilon_micro),
                period.days
            ));
        }
    }
    if terms.allow.join {
        overlap(&mut sentences, terms, &others);
    }
    train(&mut sentences, terms, me);
    if terms.allow.quality {
        sentences.push(format!("{others} may see figures about the quality of your data."));
    }
    if terms.allow.cross_region {
        sentences.push("Rows of datasets of different regions may meet.".to_owned());
    }
    sentences.push(
        "Any partner can end this contract on any day; what was learned before then stays learned."
            .to_owned(),
    );
    sentences
}

/// Who gets figures over the overlap, and whose budget pays.
fn overlap(sentences: &mut Vec<String>, terms: &Terms, others: &str) {
    sentences.push(match terms.privacy.receiver {
        Receiver::Asker => "Figures over customers that both sides have go to the one who asks, and that one's budget pays for \
                            them; its own condition and columns stay at home."
            .to_owned(),
        Receiver::Both => format!(
            "Figures over customers that both sides have go to both, and each side's budget pays the whole price, \
             whoever asks: {others} can spend yours over their customers by asking. The conditions of both are told \
             to both."
        ),
    });
    let padding = Decimal::of_micro(PADDING_EPSILON_MICRO);
    sentences.push(format!(
        "With each such question either side hears how many customers the other brings, padded at ε {padding}, and pays \
         for that from its budget, whoever asks."
    ));
}

fn own_dataset(sentences: &mut Vec<String>, dataset: &DatasetTerms, terms: &Terms, others: &str) {
    let name = &dataset.name;
    sentences.push(match &dataset.consent {
        Consent::Column(column) => format!(
            "Your dataset {name} takes part with the rows in which {column} is true and whose customer is not on \
             your withdrawal list."
        ),
        Consent::WithdrawalList => format!(
            "Your dataset {name} takes part with all rows whose customer is not on your withdrawal list."
        ),
    });
    for (column, terms) in &dataset.columns {
        let mut may: Vec<String> = Vec::new();
        for usage in &terms.uses {
            may.push(match usage {
                ColumnUse::Filter => "set conditions on it".to_owned(),
                ColumnUse::Group => "see figures for each of its values".to_owned(),
                ColumnUse::Measure => {
                    let clamped = terms.bounds.map(|(low, high)| format!(", clamped to {low}–{high}"));
                    let quantiles = if terms.grid.is_empty() { "" } else { ", and its quantiles read" };
                    format!("have it summed{}{quantiles}", clamped.unwrap_or_default())
                }
                ColumnUse::Match => "match customers by it".to_owned(),
                ColumnUse::RevealFilter => "set conditions on it in a reveal".to_owned(),
                ColumnUse::Feature => "let models learn from it".to_owned(),
                ColumnUse::Target => "let models learn to predict it".to_owned(),
            });
        }
        sentences.push(format!("{name}.{column}: {others} may {}.", list(&may)));
    }
    sentences.push(format!("Every other column of {name} does not exist for {others}."));
    if let Some(reveal) = &terms.allow.reveal
        && reveal.to != dataset.owner
    {
        let revealing =
            dataset.columns.iter().filter(|(_, terms)| terms.uses.contains(&ColumnUse::RevealFilter));
        sentences.extend(revealing.map(|(column, _)| filter_tells(column, &reveal.to)));
    }
}

fn train(sentences: &mut Vec<String>, terms: &Terms, me: &str) {
    let Some(train) = &terms.allow.train else { return };
    let models: Vec<&String> = train.models.iter().collect();
    sentences.push(format!("Models may be trained on the joined data: {}.", list(&models)));
    sentences.push(match &train.weights {
        Weights::Both => "Everybody who trains gets a model's weights.".to_owned(),
        Weights::Shared => "Nobody gets a model's weights: they stay in shares.".to_owned(),
        Weights::To(partner) if partner == me => "You get a model's weights.".to_owned(),
        Weights::To(partner) => format!("{partner} gets a model's weights, and nobody else does."),
    });
    sentences.push(if train.without_noise {
        "A job may add no noise: a model's weights can then tell of single customers.".to_owned()
    } else {
        "Noise hides single customers in everything that a job opens, and costs privacy budget.".to_owned()
    });
    if train.leave_one_out {
        sentences.push(
            "Partners with the same columns may see, under noise, how a model does on each one's customers, and what \
             each one adds to it. Noise hides single customers, not what is true of all of a partner's."
                .to_owned(),
        );
    }
    if train.align == Align::Hidden {
        let padding = Decimal::of_micro(PADDING_EPSILON_MICRO);
        sentences.push(format!(
            "Two partners that train on different columns do not learn which customers both have. Each hears how many \
             the other brings and about how many both have, either padded at ε {padding}, and pays for both. That holds \
             for nodes that follow the protocol: one that runs another program can find common customers one by one."
        ));
    } else {
        sentences.push(
            "Two partners that train on different columns both learn which of their own customers the other has, one by \
             one. No noise hides this, and no privacy budget is charged for it: whoever has trained once knows it."
                .to_owned(),
        );
    }
    if let Some(partner) = &train.score {
        sentences.push(format!("{partner} may get a model's scores of single customers."));
    }
    let who = match &train.metrics {
        Metrics::Owner => "The partner who has the target",
        Metrics::Both => "Both who train",
        Metrics::To(partner) => partner,
    };
    sentences.push(format!(
        "{who} may learn how good a model over different columns is: counts of customers by score, outcome and group."
    ));
    sentences.push(format!(
        "A job has at most {} rounds, and adds up the rows of at least {} partners with the same columns.",
        train.rounds, train.cohort
    ));
    sentences.push(if train.approval.contains(me) {
        "Somebody at your side approves each job, or it does not happen.".to_owned()
    } else {
        "Nobody at your side is asked before a job.".to_owned()
    });
}

fn reveal(sentences: &mut Vec<String>, terms: &Terms, me: &str) {
    let Some(reveal) = &terms.allow.reveal else {
        sentences.push("Nobody learns which single customers match.".to_owned());
        return;
    };
    if reveal.to == me {
        sentences.push(
            "You learn which of your own customers match; the other side learns no more than padded sizes."
                .to_owned(),
        );
    } else {
        sentences.push(format!(
            "{} learns which of its own customers are in your data. No noise hides this.",
            reveal.to
        ));
    }
    sentences.push(if reveal.approval.contains(me) {
        "Somebody at your side approves each such run, or it does not happen.".to_owned()
    } else {
        "Nobody at your side is asked before such a run.".to_owned()
    });
}
