//! Questions for noisy figures over one table: groups, integers, noise, price.

use tacit_protocol::log::Amount;

use super::{super::*, *};
use crate::{
    query::{NoColumns, Parsed, Wish, parse},
    report::{Refusal, Report},
};

pub(crate) const TOML: &str = r#"
name     = "figures"
partners = ["brand", "bank"]
purpose  = "joint-planning"
starts   = 2026-12-01
ends     = 2027-05-31

[identity]
profile = "google-dm/2"
keys    = ["phone"]

[privacy]
unit              = "customer"
epsilon           = 8.0
delta             = 1e-6
per_query_epsilon = 1.0
period            = "30d"
period_epsilon    = 4.0
min_group         = 50

[[dataset]]
owner   = "bank"
name    = "accounts"
consent = "withdrawal-list"
[dataset.columns]
credit_tier = { use = ["filter", "group"], values = ["A", "B", "C"] }
region      = { use = ["filter", "group"], values = "public" }
secret      = { use = ["group"] }
balance     = { use = ["measure", "filter"], bounds = [0, 50000], grid = [0, 100, 1000, 10000, 50000] }
income      = { use = ["measure"], bounds = [-1000, 1000], step = 1 }
tel         = { use = ["match"] }

[allow]
aggregate = true
"#;

fn under(toml: &str, sql: &str, wish: Wish) -> Result<Permitted, PolicyError> {
    let contracts = [signed(toml, &["brand", "bank"])];
    ask(&contracts, parse(sql, &NoColumns).unwrap().wishing(wish).unwrap(), Role::Asker)
}

fn ask(contracts: &[Document], parsed: Parsed, role: Role) -> Result<Permitted, PolicyError> {
    let me = if role == Role::Asker { "brand" } else { "bank" };
    let circumstances = Circumstances {
        me: Keys::of(me).id(),
        role,
        contract: None,
        purpose: None,
        peer_profile: None,
        today: day(at(NOW)),
    };
    permit(parsed, &circumstances, contracts, &registered())
}

fn permitted(sql: &str) -> Permitted {
    under(TOML, sql, Wish::default()).unwrap_or_else(|error| panic!("{sql}: {}", Report::from(error)))
}

/// The plan of a question that the contract of these tests permits.
pub(crate) fn plan(sql: &str) -> AggregatePlan {
    permitted(sql).plan().unwrap().clone()
}

fn refused(sql: &str, wish: Wish) -> Report {
    let report = Report::from(under(TOML, sql, wish).expect_err("permitted"));
    let id = signed(TOML, &[]).contract().id().short();
    Report { message: report.message.replace(&id, "id"), ..report }
}

fn from(rest: &str) -> String {
    format!("SELECT {rest} FROM bank.accounts")
}

#[test]
fn both_sides_compute_the_same_plan_account_and_hash() {
    let sql = "SELECT credit_tier, AVG(balance) AS mean, COUNT(*) AS n FROM bank.accounts WHERE region = 'north' \
               GROUP BY credit_tier HAVING n > 5 ORDER BY mean";
    let asked = permitted(sql);
    let contracts = [signed(TOML, &["brand", "bank"])];
    let sent = parse(&asked.question_for_partner(), &NoColumns).unwrap();
    let answered = ask(&contracts, sent, Role::Answerer { from: Keys::of("brand").id() }).unwrap();
    assert_eq!(asked.plan(), answered.plan());
    assert_eq!(asked.figures_hash(), answered.figures_hash());
    assert!(asked.figures_hash().is_some());
    let account = asked.account().unwrap();
    assert_eq!(Some(&account), answered.account().as_ref());
    assert_eq!((account.owner, account.asker), (Keys::of("bank").id(), Keys::of("brand").id()));
    assert_eq!((account.population.as_str(), account.unit.as_str()), ("customers", "customer"));
    assert!(asked.question_for_partner().contains("epsilon = 1"), "the contract's default is said");
    assert!(asked.own().is_none() && answered.own().is_some());
    assert!(!asked.needs_own_approval() && asked.approvals().is_empty());
}

#[test]
fn t12_an_average_costs_two_figures_and_a_standard_deviation_three() {
    for (list, shares) in [
        ("COUNT(*)", 1),
        ("COUNT(*), COUNT(DISTINCT customer) AS n", 1),
        ("AVG(balance)", 2),
        ("STDDEV(balance)", 3),
        ("AVG(balance), STDDEV(balance)", 3),
        // And a count that says which groups are large enough.
        ("SUM(balance)", 2),
        ("SUM(balance), COUNT(*)", 2),
        ("SUM(balance), AVG(balance)", 2),
        ("COUNT(*), AVG(balance)", 3),
        ("AVG(balance), AVG(income)", 4),
        // All buckets of one measure are one figure.
        ("MEDIAN(balance), COUNT(*)", 2),
        ("MEDIAN(balance), QUANTILE(balance, 0.9) AS q, COUNT(*)", 2),
    ] {
        let plan = plan(&from(list));
        assert_eq!(plan.shares(), shares, "{list}");
        let price = plan.price();
        assert_eq!(price.amount().nano_rho, price.share() * u64::from(shares));
        assert_eq!(price.amount().atto_delta, u64::from(shares));
    }
}

#[test]
fn the_price_is_what_the_noise_costs_and_no_more_than_the_epsilon_buys() {
    let plan = plan(&from("AVG(balance), SUM(income), MEDIAN(balance)"));
    let whole = tacit_protocol::noise::rho_limit("1".parse().unwrap(), "5e-7".parse().unwrap()).unwrap();
    assert!(plan.price().amount().nano_rho <= whole);
    assert!(plan.price().amount().nano_rho + u64::from(plan.shares()) > whole);
    for column in plan.columns() {
        let noise = plan.price().noise(column).unwrap();
        assert_eq!(noise.variance().price(column.sensitivity), Ok(plan.price().share()));
    }
    let sensitivity = |quantity| plan.columns()[plan.place(quantity).unwrap()].sensitivity;
    // Steps of a cent, around the middle; steps of one, as they are.
    assert_eq!(sensitivity(Quantity::Centred(0)), 2_500_000);
    assert_eq!(sensitivity(Quantity::Sum(1)), 1_000);
    assert_eq!(sensitivity(Quantity::Bucket(0, 3)), 1);
}

#[test]
fn a_contract_holds_as_much_as_its_epsilon() {
    let permitted = permitted(&from("COUNT(*)"));
    let privacy = &permitted.terms().privacy;
    let rho = |epsilon: &str| {
        tacit_protocol::noise::rho_limit(epsilon.parse().unwrap(), "5e-7".parse().unwrap()).unwrap()
    };
    let limit = Amount { nano_rho: rho("8"), atto_delta: 500_000_000_000 };
    assert_eq!(lifetime(privacy), limit);
    assert_eq!(within(privacy), Some(Amount { nano_rho: rho("4"), ..limit }));
    assert_eq!(privacy.period, Some(PeriodTerms { days: 30, epsilon_micro: 4_000_000 }));
}

#[test]
fn t14_groups_are_all_that_the_contract_or_the_question_lists() {
    let of = |sql: &str| {
        let plan = plan(sql);
        (0..plan.cells()).map(|cell| plan.cell(cell).join("/")).collect::<Vec<_>>()
    };
    let tier = "SELECT credit_tier, COUNT(*) FROM bank.accounts";
    assert_eq!(of(&format!("{tier} GROUP BY credit_tier")), ["A", "B", "C"]);
    assert_eq!(of(&format!("{tier} WHERE credit_tier IN ('C', 'A') GROUP BY credit_tier")), ["A", "C"]);
    assert_eq!(of(&format!("{tier} WHERE credit_tier <> 'A' GROUP BY credit_tier")), ["A", "B", "C"]);
    assert_eq!(
        of(
            "SELECT COUNT(*) FROM bank.accounts WHERE region IN ('n', 's') AND credit_tier = 'B' GROUP BY region, credit_tier"
        ),
        ["B/n", "B/s"]
    );
    assert_eq!(of(&from("COUNT(*)")), [""]);
}

#[test]
fn e_policy_group_values() {
    let grouped = |column: &str| format!("SELECT COUNT(*) FROM bank.accounts GROUP BY {column}");
    let report = refused(&grouped("region"), Wish::default());
    assert_eq!(
        report.message,
        "bank.accounts.region cannot be grouped by: figures (id…) does not list its values"
    );
    assert_eq!(report.code, "E-POLICY-GROUP-VALUES");
    let would_do: Vec<&str> =
        report.details.iter().filter(|d| d.label == "would do").map(|d| d.text.as_str()).collect();
    assert_eq!(
        would_do,
        ["WHERE region IN ('…', '…')", "columns.region.values = [\"…\", \"…\"]   (bank must sign)"]
    );
    // What is not public cannot be listed by whoever asks.
    let secret = refused(&grouped("secret"), Wish::default());
    assert_eq!(secret.details.iter().filter(|detail| detail.label == "would do").count(), 1);
}

#[test]
fn e_policy_groups() {
    let many: Vec<String> = (0..1400).map(|value| format!("'{value}'")).collect();
    let sql = format!(
        "SELECT COUNT(*) FROM bank.accounts WHERE region IN ({}) GROUP BY region, credit_tier",
        many.join(", ")
    );
    let report = refused(&sql, Wish::default());
    assert_eq!((report.code.as_ref(), report.class), ("E-POLICY-GROUPS", crate::report::Class::Usage));
    assert!(report.message.contains("4200 groups"), "{}", report.message);
}

#[test]
fn e_policy_grid_and_uses() {
    let grid = refused(&from("MEDIAN(income)"), Wish::default());
    assert_eq!(grid.code, "E-POLICY-GRID");
    assert!(
        grid.details
            .iter()
            .any(|d| d.text.contains("columns.income.grid") && d.text.contains("bank must sign"))
    );
    assert_eq!(refused(&from("SUM(credit_tier)"), Wish::default()).code, "E-POLICY-COLUMN-USE");
    assert_eq!(refused(&from("SUM(nothing)"), Wish::default()).code, "E-POLICY-COLUMN");
    let no = under(
        &TOML.replace("aggregate = true", "reveal = { to = \"brand\", columns = [], approval = [] }"),
        &from("COUNT(*)"),
        Wish::default(),
    );
    assert!(
        no.is_err_and(|error| error.code().starts_with("E-POLICY") || error.code().starts_with("E-CONTRACT"))
    );
}

#[test]
fn e_policy_epsilon_and_delta() {
    let options = |options: &str| {
        format!("SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS ({options}) COUNT(*) FROM bank.accounts")
    };
    let above = refused(&options("epsilon = 1.5"), Wish::default());
    assert_eq!(above.message, "epsilon 1.5 is more than figures (id…) allows for one question");
    assert_eq!(above.code, "E-POLICY-EPSILON");
    assert!(
        above
            .details
            .iter()
            .any(|d| d.text == "privacy.per_query_epsilon = 1.5   (brand and bank must sign)")
    );
    assert_eq!(refused(&options("delta = 1e-5"), Wish::default()).code, "E-POLICY-DELTA");
    assert_eq!(refused(&options("epsilon = 0.000001"), Wish::default()).code, "E-POLICY-EPSILON-SMALL");
    assert_eq!(plan(&options("epsilon = 0.5")).price().epsilon_micro(), 500_000);
    assert_eq!(plan(&options("delta = 1e-9")).price().delta_femto(), 1_000_000);
    assert!(
        plan(&options("delta = 1e-9")).price().share() < plan(&options("delta = 1e-6")).price().share(),
        "less δ is more noise"
    );
}

#[test]
fn an_accuracy_finds_the_least_epsilon_that_gives_it() {
    let wish = |accuracy: u64, max: Option<u64>| Wish {
        accuracy: Some(accuracy * 1_000_000),
        max_epsilon: max,
        epsilon: None,
    };
    let sql = from("COUNT(*), AVG(balance)");
    let half = |epsilon: u64| {
        let exact = Wish { epsilon: Some(epsilon), ..Wish::default() };
        let plan = under(TOML, &sql, exact).unwrap().plan().unwrap().clone();
        plan.price().noise(&plan.columns()[plan.threshold()]).unwrap().half_width95()
    };
    let found = under(TOML, &sql, wish(50, None)).unwrap().plan().unwrap().price().epsilon_micro();
    assert!(half(found) <= 50 && half(found - 1_000) > 50, "{found}");
    let reach = under(TOML, &sql, wish(1, None)).unwrap_err();
    assert_eq!(reach.code(), "E-POLICY-ACCURACY");
    let own = under(TOML, &sql, wish(50, Some(found - 1))).unwrap_err();
    assert_eq!((own.code(), own.class()), ("E-QUERY-MAX-EPSILON", crate::report::Class::Usage));
    // Without an accuracy, one's own limit is what is spent where the contract has more.
    let most = Wish { max_epsilon: Some(250_000), ..Wish::default() };
    assert_eq!(under(TOML, &sql, most).unwrap().plan().unwrap().price().epsilon_micro(), 250_000);
}

#[test]
fn e_policy_population() {
    let other = TOML
        .replace("consent = \"withdrawal-list\"", "consent = \"withdrawal-list\"\npopulation = \"staff\"");
    let contracts = [signed(&other, &["brand", "bank"])];
    let parsed = || parse(&from("COUNT(*)"), &NoColumns).unwrap();
    assert_eq!(ask(&contracts, parsed(), Role::Asker).unwrap().account().unwrap().population, "staff");
    let answerer = Role::Answerer { from: Keys::of("brand").id() };
    let error = ask(&contracts, parsed(), answerer).unwrap_err();
    assert_eq!(error.code(), "E-POLICY-POPULATION");
    assert!(error.details().iter().any(|d| d.text == "population = \"customers\"   (bank must sign)"));
}

#[test]
fn an_owner_groups_and_measures_what_it_has() {
    let answer = |toml: &str, sql: &str| {
        let contracts = [signed(toml, &["brand", "bank"])];
        ask(&contracts, parse(sql, &NoColumns).unwrap(), Role::Answerer { from: Keys::of("brand").id() })
    };
    let gone = TOML.replace("income ", "incoming ");
    assert_eq!(answer(&gone, &from("SUM(incoming)")).unwrap_err().code(), "E-POLICY-OWN-COLUMN");
    let text = TOML
        .replace("secret      = { use = [\"group\"] }", "mail = { use = [\"measure\"], bounds = [0, 1] }");
    assert_eq!(answer(&text, &from("SUM(mail)")).unwrap_err().code(), "E-QUERY-TYPES");
    assert!(answer(TOML, &from("SUM(income)")).is_ok());
}

#[test]
fn contracts_say_what_a_measure_and_a_period_need() {
    for (was, is, code) in [
        ("step = 1 ", "step = 0 ", "E-CONTRACT-VALUE"),
        ("step = 1 ", "step = 0.0000001 ", "E-CONTRACT-VALUE"),
        ("grid = [0, 100,", "grid = [0, 0,", "E-CONTRACT-VALUE"),
        ("grid = [0, 100,", "grid = [-1, 100,", "E-CONTRACT-VALUE"),
        ("10000, 50000]", "10000, 50001]", "E-CONTRACT-VALUE"),
        ("grid = [0, 100, 1000, 10000, 50000]", "grid = [0]", "E-CONTRACT-VALUE"),
        ("period            = \"30d\"", "period = \"1 month\"", "E-CONTRACT-VALUE"),
        ("period            = \"30d\"", "", "E-CONTRACT-MISSING-FIELD"),
        ("period_epsilon    = 4.0", "", "E-CONTRACT-MISSING-FIELD"),
        ("period_epsilon    = 4.0", "period_epsilon = 9", "E-CONTRACT-VALUE"),
        ("period_epsilon    = 4.0", "period_epsilon = 0.5", "E-CONTRACT-VALUE"),
        (
            "secret      = { use = [\"group\"] }",
            "secret = { use = [\"group\"], grid = [0, 1] }",
            "E-CONTRACT-VALUE",
        ),
    ] {
        let toml = TOML.replace(was, is);
        assert_ne!(toml, TOML, "{was}");
        let error = Terms::of_toml(&toml).expect_err(is);
        assert_eq!(error.code(), code, "{is}: {error}");
    }
    let contract = signed(TOML, &[]).contract().clone();
    let text = contract.canonical();
    for part in [
        r#""bounds":["-1000","1000"],"class":"general","step":"1""#,
        r#""grid":["0","100","1000","10000","50000"]"#,
        r#""period":"30d","period_epsilon":"4""#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let read = Contract::of_json(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(read, contract);
    let agreed = what_you_agree_to(&contract, &Keys::of("bank").id()).join("\n");
    assert!(agreed.contains("no more than ε 4 within 30 days"), "{agreed}");
    assert!(agreed.contains("clamped to 0–50000, and its quantiles read"), "{agreed}");
}
