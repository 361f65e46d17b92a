//! The one form of a contract that is hashed and signed.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tacit_protocol::ids::ContractId;

use crate::{data::hex, policy::Decimal};

use super::{Align, Allow, ColumnTerms, Consent, DatasetTerms, Partner, Terms, TrainTerms, Values, Weights};

/// The contract as JSON values, ready to be written by [`text`].
pub(super) fn json(terms: &Terms, partners: &[Partner]) -> Value {
    let partners: Vec<Value> =
        partners.iter().map(|partner| json!({ "name": partner.name, "key": hex(partner.key) })).collect();
    let mut root = json!({
        "name": terms.name,
        "partners": partners,
        "purpose": terms.purpose,
        "starts": terms.starts.to_string(),
        "ends": terms.ends.to_string(),
        "identity": { "profile": terms.identity.profile, "keys": terms.identity.keys },
        "privacy": {
            "unit": "customer",
            "epsilon": Decimal::of_micro(terms.privacy.epsilon_micro).to_string(),
            "delta": Decimal::of_femto(terms.privacy.delta_femto).to_string(),
            "per_query_epsilon": Decimal::of_micro(terms.privacy.per_query_epsilon_micro).to_string(),
            "min_group": terms.privacy.min_group.to_string(),
            "receiver": terms.privacy.receiver.name(),
        },
        "dataset": terms.datasets.iter().map(dataset).collect::<Vec<_>>(),
        "allow": allow(&terms.allow),
    });
    if let Some(period) = terms.privacy.period {
        let epsilon = Decimal::of_micro(period.epsilon_micro);
        set(&mut root["privacy"], "period", Some(format!("{}d", period.days)));
        set(&mut root["privacy"], "period_epsilon", Some(epsilon.to_string()));
    }
    set(&mut root, "legal_basis", terms.legal_basis.clone());
    set(
        &mut root["identity"],
        "default_region",
        terms.identity.default_region.map(|region| region.to_string()),
    );
    root
}

/// Sets an optional field; one that is not set is left out.
fn set(object: &mut Value, name: &str, value: Option<String>) {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(name.to_owned(), Value::String(value));
    }
}

fn dataset(dataset: &DatasetTerms) -> Value {
    let consent = match &dataset.consent {
        Consent::Column(column) => column,
        Consent::WithdrawalList => "withdrawal-list",
    };
    let columns: Map<String, Value> =
        dataset.columns.iter().map(|(name, terms)| (name.clone(), column(terms))).collect();
    let mut object =
        json!({ "owner": dataset.owner, "name": dataset.name, "consent": consent, "columns": columns });
    set(&mut object, "region", dataset.region.clone());
    set(&mut object, "population", dataset.population.clone());
    object
}

fn column(terms: &ColumnTerms) -> Value {
    // The names, not the enum's order, are sorted: a later version may add uses anywhere.
    let mut uses: Vec<&str> = terms.uses.iter().map(|usage| usage.name()).collect();
    uses.sort_unstable();
    let mut object = json!({ "use": uses, "class": terms.class.name() });
    match &terms.values {
        Values::Unlisted => {}
        Values::Public => object["values"] = json!("public"),
        Values::Listed(values) => object["values"] = json!(values),
    }
    if let Some((low, high)) = terms.bounds {
        object["bounds"] = json!([low.to_string(), high.to_string()]);
    }
    set(&mut object, "step", terms.step.map(|step| step.to_string()));
    if !terms.grid.is_empty() {
        object["grid"] = terms.grid.iter().map(ToString::to_string).collect();
    }
    object
}

fn allow(allow: &Allow) -> Value {
    let mut object = json!({
        "aggregate": allow.aggregate,
        "join": allow.join,
        "quality": allow.quality,
        "cross_region": allow.cross_region,
    });
    if let Some(reveal) = &allow.reveal {
        object["reveal"] = json!({ "to": reveal.to, "columns": [], "approval": reveal.approval });
    }
    if let Some(train) = &allow.train {
        object["train"] = self::train(train);
    }
    object
}

/// What later versions added is written where it is not the default, so that older contracts keep their ids.
fn train(train: &TrainTerms) -> Value {
    let mut object = json!({ "models": train.models, "approval": train.approval });
    let beside = |is_default: bool, text: &str| (!is_default).then(|| text.to_owned());
    set(&mut object, "align", beside(train.align == Align::default(), train.align.name()));
    set(&mut object, "weights", beside(train.weights == Weights::default(), train.weights.name()));
    set(&mut object, "score", train.score.clone());
    set(&mut object, "metrics", train.metrics.name().map(str::to_owned));
    let number = |number: u32, usual: u32| beside(number == usual, &number.to_string());
    set(&mut object, "cohort", number(train.cohort, TrainTerms::COHORT));
    set(&mut object, "rounds", number(train.rounds, TrainTerms::ROUNDS));
    if train.without_noise {
        object["without_noise"] = json!(true);
    }
    if train.leave_one_out {
        object["leave_one_out"] = json!(true);
    }
    object
}

/// Writes JSON without white space and with sorted keys, whatever order the map of the JSON crate keeps.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), text(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        scalar => scalar.to_string(),
    }
}

/// SHA-256 over the domain, a line feed and the canonical form.
pub(super) fn id(value: &Value) -> ContractId {
    let mut hash = Sha256::new();
    hash.update(b"tacit contract/1\n");
    hash.update(text(value));
    ContractId::new(hash.finalize().into())
}

/// Reads exactly `N` bytes of lower-case hex.
pub(in crate::policy) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
