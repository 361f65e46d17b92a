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
    let all = shares.moments + shares.rounds.iter().sum::<u64>() + plan.figures_rho();
    assert_eq!(paid.iter().map(|paid| paid.nano_rho).collect::<Vec<_>>(), [all, all]);
    // Ten rounds of three columns and the intercept; a number's mean and square, or the means of a choice of two; and of
    // each of 32 bins of scores two outcomes held back and two learned from.
    let mut samples: Vec<u64> = paid.iter().map(|paid| paid.atto_delta).collect();
    samples.sort_unstable();
    assert_eq!(samples, [42 + 128, 42 + 128]);
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

/// A logistic model of three, with groups.
fn logistic(train: &str, evaluate: &str) -> (String, String) {
    let toml = horizontal()
        .replace("values = [\"home\", \"maternal\"] }", "values = [\"home\", \"maternal\"] }\nregion = { use = [\"group\"], values = [\"a\", \"b\", \"c\"] }")
        .replace("bounds = [0, 1000]", "bounds = [0, 1]")
        .replace("models = [\"linear\"]", "models = [\"logistic\"]")
        .replace("approval = [] }", &format!("approval = []{train} }}"));
    let job = OVER_ALL.replace("\"linear\"", "\"logistic\"");
    (toml, format!("{job}[evaluate]\ngroups = [\"region\"]\n{evaluate}\n"))
}

#[test]
fn learnh_25_the_evaluation_is_paid_for_out_of_the_jobs_price() {
    for (evaluate, parts) in [("", 50_000_u128), ("leave_one_out = true", 150_000), ("share = 0.3", 300_000)]
    {
        let (toml, job) = logistic(", leave_one_out = true", evaluate);
        let brand = ask(&toml, &job, "brand", Role::Asker).unwrap();
        let train = brand.train().unwrap();
        let charged = train.charged("bank").unwrap();
        let plan = crate::learn::planned(train).unwrap();
        let review = crate::learn::reviewed(train, &plan).unwrap().unwrap();
        let (learned, looked) = (plan.price(), review.price());
        assert!(u128::from(looked.nano_rho) <= u128::from(charged.nano_rho) * parts / 1_000_000);
        assert!(learned.nano_rho + looked.nano_rho <= charged.nano_rho, "{learned:?} {looked:?} {charged:?}");
        assert!(learned.atto_delta + looked.atto_delta <= charged.atto_delta);
        assert_eq!(review.asked().groups, [3]);
    }
    let (toml, job) = logistic("", "share = 0.0");
    let brand = ask(&toml, &job, "brand", Role::Asker).unwrap();
    let train = brand.train().unwrap();
    let plan = crate::learn::planned(train).unwrap();
    assert_eq!(crate::learn::reviewed(train, &plan).unwrap(), None);
    let whole = plan.price().nano_rho;
    assert!(whole > train.charged("bank").unwrap().nano_rho - 40, "the training has all of it");
}

#[test]
fn learnh_24_what_each_partner_adds_is_in_the_contract_or_refused() {
    let (toml, job) = logistic("", "leave_one_out = true");
    let error = ask(&toml, &job, "brand", Role::Asker).unwrap_err();
    assert_eq!(error.code(), "E-POLICY-TRAIN-LEAVE-OUT");
    let details: Vec<String> = error.details().into_iter().map(|detail| detail.text).collect();
    assert!(details.iter().any(|text| text.contains("allow.train.leave_one_out = true")), "{details:?}");
    let (toml, job) = logistic(", leave_one_out = true", "leave_one_out = true");
    assert!(ask(&toml, &job, "brand", Role::Asker).is_ok());
    let agreed = |toml: &str| {
        let contract = Contract::bind(Terms::of_toml(toml).unwrap(), &|name| Everybody.key_of(name)).unwrap();
        what_you_agree_to(&contract, &Keys::of("bank").id()).join("\n")
    };
    assert!(agreed(&toml).contains("what each one adds to it"), "{}", agreed(&toml));
    assert!(!agreed(&horizontal()).contains("what each one adds to it"));
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
    refused(&vertical, &nothing, "E-POLICY-EPSILON-SMALL", "");
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

/// Counting together is for two outcomes over different columns; who learns is what the contract says, and it is a
/// tenth of the price.
#[test]
fn who_learns_how_good_a_model_is_and_what_it_costs() {
    let with = |metrics: &str| {
        let toml = format!("{HEAD}{VERTICAL}").replace("train = { ", &format!("train = {{ {metrics}"));
        let asked = ask(&toml, JOB, "brand", Role::Asker).unwrap();
        let plan = asked.train().unwrap().clone();
        (plan.learns_figures("brand"), plan.learns_figures("bank"), plan.figures_rho())
    };
    assert_eq!(with("metrics = \"both\", "), (true, true, 0));
    assert_eq!(with("metrics = \"brand\", "), (true, false, 0));
    let nobody = format!("{HEAD}{VERTICAL}").replace("train = { ", "train = { metrics = \"nobody\", ");
    assert!(Terms::of_toml(&nobody).is_err());
}
