//! Scorings: who may have scores, of which datasets, and what both nodes make of the question.

use tacit_protocol::ids::QueryId;

use super::{super::*, *};
use crate::{
    query::{Job, Parsed, Scoring},
    report::Refusal,
};

const CONTRACT: &str = r#"
name     = "models"
partners = ["brand", "bank"]
purpose  = "joint-planning"
starts   = 2026-12-01
ends     = 2027-05-31

[identity]
profile = "google-dm/2"
keys    = ["phone", "email"]

[privacy]
unit              = "customer"
epsilon           = 8.0
delta             = 1e-6
per_query_epsilon = 2.0
min_group         = 50

[[dataset]]
owner   = "bank"
name    = "accounts"
consent = "withdrawal-list"
[dataset.columns]
balance = { use = ["feature"], bounds = [0, 50000] }
income  = { use = ["target"], bounds = [0, 1] }
tel     = { use = ["match"] }

[[dataset]]
owner   = "bank"
name    = "prospects"
consent = "withdrawal-list"
[dataset.columns]
balance = { use = ["feature"], bounds = [0, 50000] }
tel     = { use = ["match"] }

[[dataset]]
owner   = "brand"
name    = "customers"
consent = "withdrawal-list"
[dataset.columns]
category = { use = ["feature"], values = ["home", "maternal"] }
mobile   = { use = ["match"] }

[allow]
train = { models = ["logistic"], approval = ["brand"], align = "revealed", weights = "shared", score = "bank", without_noise = true }
"#;

const JOB: &str = r#"
name     = "tier"
kind     = "logistic"
target   = "bank.accounts.income"
[features]
brand = ["customers.category"]
bank  = ["accounts.balance"]
[privacy]
mechanism = "none"
"#;

fn with_prospects() -> Registered {
    let Registered(mut datasets) = registered();
    let accounts = datasets["accounts"].clone();
    datasets.insert("prospects", accounts);
    Registered(datasets)
}

fn ask(
    toml: &str,
    dataset: &str,
    me: &'static str,
    role: Role,
    purpose: Option<&str>,
) -> Result<Permitted, PolicyError> {
    let (job, _) = Job::of_toml(JOB).unwrap();
    let scoring = Scoring::of(QueryId::new([7; 32]), job, "bank", dataset);
    let at = Circumstances {
        me: Keys::of(me).id(),
        role,
        contract: None,
        purpose,
        peer_profile: None,
        today: day(at(NOW)),
    };
    let contracts = [signed(toml, &["brand", "bank"])];
    permit(Parsed::of_scoring(scoring), &at, &contracts, &with_prospects())
}

#[test]
fn both_nodes_make_one_plan_of_a_scoring_and_nothing_is_charged() {
    let asked = ask(CONTRACT, "prospects", "bank", Role::Asker, Some("joint-planning")).unwrap();
    let from = Keys::of("bank").id();
    let answered = ask(CONTRACT, "prospects", "brand", Role::Answerer { from }, None).unwrap();
    assert_eq!(asked.score(), answered.score());
    assert_eq!(asked.question_for_partner(), answered.parsed().sql());
    assert!(asked.train().is_none() && asked.charges().is_empty() && answered.charges().is_empty());
    assert!(answered.needs_own_approval() && !asked.needs_own_approval());
    let plan = asked.score().unwrap();
    assert_eq!(plan.side("bank").unwrap().labels(), ["bank.prospects.balance"]);
    assert!(
        plan.side("bank").unwrap().target.is_none() && plan.trained().side("bank").unwrap().target.is_some()
    );
    assert_eq!(asked.own().unwrap().table.dataset, "prospects");
    assert!(asked.tells().iter().any(|tells| tells.contains("bank learns the score")));
}

#[test]
fn a_partner_does_not_believe_an_asker_that_scores_are_for_it() {
    let refused = |toml: &str, me: &'static str, role: Role, code: &str, mend: &str| {
        let error = ask(toml, "prospects", me, role, None).unwrap_err();
        let details: Vec<String> = error.details().into_iter().map(|detail| detail.text).collect();
        assert_eq!(error.code(), code, "{error}");
        assert!(details.iter().any(|text| text.contains(mend)), "{details:?}");
    };
    let code = "E-POLICY-TRAIN-SCORE";
    let from = |name| Role::Answerer { from: Keys::of(name).id() };
    refused(CONTRACT, "brand", Role::Asker, code, "allow.train.score = \"brand\"");
    refused(CONTRACT, "bank", from("brand"), code, "allow.train.score = \"brand\"");
    let nobody = CONTRACT.replace("score = \"bank\", ", "");
    refused(&nobody, "bank", Role::Asker, code, "allow.train.score = \"bank\"");
    refused(&nobody, "brand", from("bank"), code, "allow.train.score = \"bank\"");
    let none = CONTRACT.replace("train = {", "aggregate = true\n# train = {");
    refused(&none, "brand", from("bank"), "E-POLICY-TRAIN", "allow.train");
    let hidden = CONTRACT.replace("align = \"revealed\", ", "");
    refused(&hidden, "brand", from("bank"), "E-POLICY-TRAIN-ALIGN", "align = \"revealed\"");
}

#[test]
fn a_dataset_is_scored_as_the_contract_lists_it_and_as_the_model_was_trained() {
    let code = |toml: &str, dataset: &str, purpose: Option<&str>| {
        ask(toml, dataset, "bank", Role::Asker, purpose).unwrap_err().code()
    };
    assert_eq!(code(CONTRACT, "prospects", Some("fun")), "E-POLICY-PURPOSE");
    assert_eq!(code(CONTRACT, "others", None), "E-POLICY-DATASET");
    let last = |old: &str, new: &str| {
        let at = CONTRACT.rfind(old).unwrap();
        format!("{}{new}{}", &CONTRACT[..at], &CONTRACT[at + old.len()..])
    };
    let bounds = "bounds = [0, 50000]";
    assert_eq!(code(&last(bounds, "bounds = [0, 9]"), "prospects", None), "E-POLICY-TRAIN-DIFFER");
    let unused = format!("use = [\"feature\"], {bounds}");
    let filter = format!("use = [\"filter\"], {bounds}");
    assert_eq!(code(&last(&unused, &filter), "prospects", None), "E-POLICY-COLUMN-USE");
    assert_eq!(code(&last("balance = ", "income = "), "prospects", None), "E-POLICY-COLUMN");
}
