//! Training jobs: what is permitted, who pays for learning of whom, what a contract would have to say.

use tacit_protocol::{learn::vertical::Variable, log::Amount};

use super::{super::*, *};
use crate::{
    query::{Job, Parsed},
    report::Refusal,
};

const HEAD: &str = r#"
name     = "models"
partners = ["brand", "bank", "insurer"]
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
"#;

const VERTICAL: &str = r#"
[[dataset]]
owner   = "bank"
name    = "accounts"
consent = "withdrawal-list"
[dataset.columns]
balance = { use = ["feature"], bounds = [0, 50000] }
income  = { use = ["target"], bounds = [0, 1] }
tel     = { use = ["match"] }

[[dataset]]
owner   = "brand"
name    = "customers"
consent = "withdrawal-list"
[dataset.columns]
category = { use = ["feature"], values = ["home", "maternal"] }
spend    = { use = ["filter"] }
mobile   = { use = ["match"] }

[allow]
train = { models = ["logistic"], approval = ["bank"], align = "revealed", weights = "bank", without_noise = true }
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

fn horizontal() -> String {
    let dataset = |owner: &str| {
        format!(
            "[[dataset]]\nowner = \"{owner}\"\nname = \"customers\"\nconsent = \"withdrawal-list\"\n[dataset.columns]\n\
             category = {{ use = [\"feature\"], values = [\"home\", \"maternal\"] }}\n\
             spend = {{ use = [\"target\"], bounds = [0, 1000] }}\nmobile = {{ use = [\"match\"] }}\n"
        )
    };
    let datasets: String = ["brand", "bank", "insurer"].map(dataset).concat();
    format!("{HEAD}{datasets}[allow]\ntrain = {{ models = [\"linear\"], approval = [] }}\n")
}

const OVER_ALL: &str = r#"
name     = "spend"
kind     = "linear"
target   = "spend"
datasets = ["brand.customers", "bank.customers", "insurer.customers"]
columns  = ["category"]
tolerated = 0
[privacy]
epsilon = 1.0
delta   = 1e-6
"#;

fn ask(toml: &str, job: &str, me: &'static str, role: Role) -> Result<Permitted, PolicyError> {
    ask_among(toml, job, &["brand", "bank", "insurer"], me, role)
}

fn ask_among(
    toml: &str,
    job: &str,
    partners: &[&'static str],
    me: &'static str,
    role: Role,
) -> Result<Permitted, PolicyError> {
    let (job, _) = Job::of_toml(job).unwrap();
    let circumstances = Circumstances {
        me: Keys::of(me).id(),
        role,
        contract: None,
        purpose: None,
        peer_profile: None,
        today: day(at(NOW)),
    };
    let contracts = [signed(toml, partners)];
    permit(Parsed::of_job(job), &circumstances, &contracts, &registered())
}

#[test]
fn both_nodes_make_one_plan_of_a_job() {
    let toml = format!("{HEAD}{VERTICAL}");
    let asked = ask(&toml, JOB, "brand", Role::Asker).unwrap();
    let answered = ask(&toml, JOB, "bank", Role::Answerer { from: Keys::of("brand").id() }).unwrap();
    assert_eq!(asked.train(), answered.train());
    assert_eq!(asked.parsed().hash(), answered.parsed().hash());
    assert_eq!((asked.partner().name.as_str(), answered.partner().name.as_str()), ("bank", "brand"));
    let plan = asked.train().unwrap();
    assert_eq!(
        plan.side("brand").unwrap().labels(),
        ["brand.customers.category=home", "brand.customers.category=maternal"]
    );
    assert_eq!((plan.receives("bank"), plan.receives("brand")), (true, false));
    // Without noise there is no price in ε, and it says so.
    assert!(
        asked.charges().is_empty() && asked.tells().iter().any(|tells| tells.contains("no noise in them"))
    );
    assert!(answered.needs_own_approval() && !asked.needs_own_approval());
}

#[test]
fn every_partner_is_charged_for_learning_of_every_other() {
    let toml = horizontal();
    let brand = ask(&toml, OVER_ALL, "brand", Role::Asker).unwrap();
    let charges = brand.charges();
    assert_eq!(charges.len(), 2, "what we learn of them, and they of us");
    let rho: Vec<u64> = charges.iter().map(|(_, Amount { nano_rho, .. })| *nano_rho).collect();
    assert!(rho[0] > 0 && rho[0] == rho[1]);
    let (one, other) = (&charges[0].0, &charges[1].0);
    assert_eq!((one.owner, one.asker), (other.asker, other.owner));
    // Between two that do not ask each other as well, and both say the same of it.
    let at = |me: &'static str, other: &'static str| {
        let (job, _) = Job::of_toml(OVER_ALL).unwrap();
        let (me, other) = (Keys::of(me).id(), Keys::of(other).id());
        let role = role_between(me, other);
        let circumstances = Circumstances {
            me,
            role,
            contract: None,
            purpose: None,
            peer_profile: None,
            today: day(at(NOW)),
        };
        let contracts = [signed(&horizontal(), &["brand", "bank", "insurer"])];
        permit_training(Parsed::of_job(job), other, &circumstances, &contracts, &registered())
            .unwrap()
            .charges()
    };
    assert_eq!(at("bank", "insurer"), at("insurer", "bank"));
}

#[test]
fn learnv_43_noise_over_different_columns_is_paid_for_by_both_whoever_gets_all_weights() {
    // No word of the contract is needed for noise; `weights = "bank"` gives the brand those of its own columns.
    let toml = format!("{HEAD}{VERTICAL}").replace(", without_noise = true", "");
    let noisy = JOB.replace("mechanism = \"none\"", "epsilon = 1.0\ndelta = 1e-6");
    let asked = ask(&toml, &noisy, "brand", Role::Asker).unwrap();
    let plan = asked.train().unwrap();
    let charges = asked.charges();
    let paid: Vec<Amount> = charges.iter().map(|(_, amount)| *amount).collect();
    assert_eq!(paid.len(), 2, "what the brand learns of the bank's customers, and the bank of the brand's");
    let shares = plan.shares().unwrap();
    let all = shares.moments + shares.rounds.iter().sum::<u64>();
    assert_eq!(paid.iter().map(|paid| paid.nano_rho).collect::<Vec<_>>(), [all, all]);
    // Ten rounds of three columns and the intercept; a number's mean and square, or the means of a choice of two.
    let mut samples: Vec<u64> = paid.iter().map(|paid| paid.atto_delta).collect();
    samples.sort_unstable();
    assert_eq!(samples, [42, 42]);
    assert!(plan.deviation() > 0.0);
    assert!(asked.tells().iter().all(|tells| !tells.contains("no noise in them")));
    // Both see the same, and the noise is what both compute of it.
    let answered = ask(&toml, &noisy, "bank", Role::Answerer { from: Keys::of("brand").id() }).unwrap();
    assert_eq!(answered.train(), asked.train());
    assert_eq!(
        plan.variables(),
        [vec![Variable::Number], vec![Variable::Choice(2)]],
        "the target's owner first"
    );
}

#[test]
fn every_trainers_sampler_is_in_the_price() {
    let brand = ask(&horizontal(), OVER_ALL, "brand", Role::Asker).unwrap();
    let train = brand.train().unwrap();
    let plan = crate::learn::planned(train).unwrap();
    let charged = train.charged("bank").unwrap();
    assert!(plan.price().nano_rho <= charged.nano_rho, "no round opens more than was set aside");
    assert!(plan.price().atto_delta <= charged.atto_delta);
}

#[test]
fn b10_without_noise_nobody_is_left_out() {
    let noiseless = OVER_ALL.replace("epsilon = 1.0\ndelta   = 1e-6", "mechanism = \"none\"");
    let allowed = |toml: &str| toml.replace("approval = [] }", "approval = [], without_noise = true }");
    assert!(ask(&allowed(&horizontal()), &noiseless, "brand", Role::Asker).is_ok());
    let fourth = horizontal().replace("\"insurer\"]", "\"insurer\", \"garage\"]").replace(
        "[allow]",
        "[[dataset]]\nowner = \"garage\"\nname = \"customers\"\nconsent = \"withdrawal-list\"\n\
                 [dataset.columns]\nmobile = { use = [\"match\"] }\n[allow]",
    );
    let ask = |toml: &str, job: &str| {
        ask_among(toml, job, &["brand", "bank", "insurer", "garage"], "brand", Role::Asker)
    };
    assert!(ask(&fourth, OVER_ALL).is_ok(), "noise hides who is in the sum");
    let error = ask(&allowed(&fourth), &noiseless).unwrap_err();
    assert_eq!(error.code(), "E-POLICY-TRAIN-COHORT", "{error}");
}

#[test]
fn a_job_that_was_not_agreed_is_refused_with_what_would_allow_it() {
    let vertical = format!("{HEAD}{VERTICAL}");
    let refused = |toml: &str, job: &str, code: &str, mend: &str| {
        let error = ask(toml, job, "brand", Role::Asker).unwrap_err();
        let details: Vec<String> = error.details().into_iter().map(|detail| detail.text).collect();
        assert_eq!(error.code(), code, "{error}");
        assert!(details.iter().any(|text| text.contains(mend)), "{details:?}");
    };
    let without = |part: &str| vertical.replace(part, "");
    refused(&without(", without_noise = true"), JOB, "E-POLICY-TRAIN-NOISE", "without_noise = true");
    let scored = vertical.replace("align = \"revealed\"", "align = \"hidden\", score = \"bank\"");
    refused(&scored, JOB, "E-POLICY-TRAIN-ALIGN", "align = \"revealed\"");
    refused(
        &vertical.replace("weights = \"bank\"", "rounds = 5"),
        JOB,
        "E-POLICY-TRAIN-ROUNDS",
        "rounds = 10",
    );
    refused(&vertical, &JOB.replace("logistic", "linear"), "E-POLICY-TRAIN-MODEL", "\"linear\"");
    refused(&vertical, &JOB.replace("category", "spend"), "E-POLICY-COLUMN-USE", "feature");
    refused(&vertical, &JOB.replace("category", "diagnosis"), "E-POLICY-COLUMN", "feature");
    let dear = JOB.replace("mechanism = \"none\"", "epsilon = 3.0\ndelta = 1e-6");
    refused(&vertical, &dear, "E-POLICY-EPSILON", "");
    let nothing = JOB.replace("mechanism = \"none\"", "epsilon = 0.00001\ndelta = 1e-6");
    refused(&vertical, &nothing, "E-POLICY-EPSILON", "");
    let dear = OVER_ALL.replace("epsilon = 1.0", "epsilon = 3.0");
    refused(&horizontal(), &dear, "E-POLICY-EPSILON", "");
    let four = horizontal().replace("approval = [] }", "approval = [], cohort = 4 }");
    refused(&four, OVER_ALL, "E-POLICY-TRAIN-COHORT", "cohort = 3");
}

/// Two padded numbers of the other's customers are all that either hears of them, and each pays for both.
#[test]
fn where_the_overlap_is_hidden_each_pays_for_two_padded_numbers() {
    let toml = format!("{HEAD}{VERTICAL}").replace("align = \"revealed\"", "align = \"hidden\"");
    let asked = ask(&toml, JOB, "brand", Role::Asker).unwrap();
    let answered = ask(&toml, JOB, "bank", Role::Answerer { from: Keys::of("brand").id() }).unwrap();
    assert!(asked.train().unwrap().hides_overlap());
    let charges = asked.charges();
    let twice = Amount { nano_rho: 2 * PADDING.nano_rho, atto_delta: 2 * PADDING.atto_delta };
    assert_eq!(charges.iter().map(|(_, price)| *price).collect::<Vec<_>>(), [twice, twice]);
    assert_eq!(charges, answered.charges());
    assert!(asked.tells().iter().any(|told| told.contains("nobody learns who")), "{:?}", asked.tells());
    assert!(!asked.tells().iter().any(|told| told.contains("no noise hides this")));
    let revealed = ask(&format!("{HEAD}{VERTICAL}"), JOB, "brand", Role::Asker).unwrap();
    assert!(!revealed.train().unwrap().hides_overlap() && revealed.charges().is_empty());
}

#[test]
fn contracts_from_before_training_was_there_keep_their_form() {
    let contract = |train: &str| {
        let toml = format!(
            "{HEAD}{}",
            VERTICAL.replace("align = \"revealed\", weights = \"bank\", without_noise = true", train)
        );
        let toml = toml.replace("approval = [\"bank\"], }", "approval = [\"bank\"] }");
        Contract::bind(Terms::of_toml(&toml).unwrap(), &|name| Everybody.key_of(name)).unwrap()
    };
    let plain = contract("");
    assert!(plain.canonical().contains(r#""train":{"approval":["bank"],"models":["logistic"]}"#));
    let written =
        contract("align = \"hidden\", weights = \"both\", cohort = 3, rounds = 30, without_noise = false");
    assert_eq!(plain.id(), written.id(), "what is the default is not written");
    assert_ne!(plain.id(), contract("rounds = 31").id());
    let me = Keys::of("bank").id();
    let agreed = what_you_agree_to(&contract("without_noise = true"), &me).join("\n");
    assert!(agreed.contains("may add no noise") && agreed.contains("let models learn from it"), "{agreed}");
}
