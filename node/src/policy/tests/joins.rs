//! Questions for noisy figures over an overlap: who brings what, noise, price, refusals.

use super::{super::*, *};
use crate::{
    query::{NoColumns, Parsed, Wish, parse},
    report::{Refusal, Report},
};

pub(crate) const TOML: &str = r#"
name     = "overlap"
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
per_query_epsilon = 1.0
min_group         = 50
receiver          = "asker"

[[dataset]]
owner   = "bank"
name    = "accounts"
consent = "withdrawal-list"
[dataset.columns]
credit_tier = { use = ["filter", "group"], values = ["A", "B", "C"] }
region      = { use = ["filter", "group"], values = ["north", "south"] }
balance     = { use = ["measure", "filter"], bounds = [0, 50000] }
income      = { use = ["measure"], bounds = [-1000, 1000], step = 1 }
tel         = { use = ["match"] }
mail        = { use = ["match"] }

[[dataset]]
owner   = "brand"
name    = "customers"
consent = "withdrawal-list"
[dataset.columns]
category = { use = ["group", "filter"], values = ["home", "maternal"] }
region   = { use = ["filter"], values = "public" }
spend    = { use = ["measure"], bounds = [0, 1000], step = 1 }
mobile   = { use = ["match"] }

[allow]
join = true
"#;

pub(crate) const JOIN: &str = "FROM brand.customers JOIN bank.accounts USING (customer)";

fn ask(toml: &str, parsed: Parsed, role: Role) -> Result<Permitted, PolicyError> {
    let me = if role == Role::Asker { "brand" } else { "bank" };
    let circumstances = Circumstances {
        me: Keys::of(me).id(),
        role,
        contract: None,
        purpose: None,
        peer_profile: None,
        today: day(at(NOW)),
    };
    permit(parsed, &circumstances, &[signed(toml, &["brand", "bank"])], &registered())
}

fn under(toml: &str, sql: &str, wish: Wish) -> Result<Permitted, PolicyError> {
    ask(toml, parse(sql, &NoColumns).unwrap().wishing(wish).unwrap(), Role::Asker)
}

fn permitted(toml: &str, sql: &str) -> Permitted {
    under(toml, sql, Wish::default()).unwrap_or_else(|error| panic!("{sql}: {}", Report::from(error)))
}

/// What the bank makes of what the brand sends.
fn answered(toml: &str, asked: &Permitted) -> Permitted {
    let sent = parse(&asked.question_for_partner(), &NoColumns).unwrap();
    ask(toml, sent, Role::Answerer { from: Keys::of("brand").id() }).unwrap()
}

/// A question that the contract of these tests permits, as the brand's node has it.
pub(crate) fn permitted_question(sql: &str) -> Permitted {
    permitted(TOML, sql)
}

/// The plan of a question that the contract of these tests permits.
pub(crate) fn plan(sql: &str) -> JoinPlan {
    permitted(TOML, sql).join().unwrap().clone()
}

/// The same with one kind of match key.
pub(crate) fn plan_of_one_key(sql: &str) -> JoinPlan {
    permitted(&one_key(), sql).join().unwrap().clone()
}

fn one_key() -> String {
    TOML.replace("[\"phone\", \"email\"]", "[\"phone\"]")
}

/// The same where both get the answer.
pub(crate) fn plan_of_both(sql: &str) -> JoinPlan {
    permitted(&both(), sql).join().unwrap().clone()
}

fn both() -> String {
    TOML.replace("\"asker\"", "\"both\"")
        .replace("region   = { use = [\"filter\"]", "region   = { use = [\"filter\", \"group\"]")
}

pub(crate) fn seeking(seeker: Party) -> Roles {
    Roles { seeker, reason: "a test wants it".to_owned() }
}

fn joined(list: &str) -> String {
    format!("SELECT {list} {JOIN}")
}

fn code(sql: &str) -> &'static str {
    match parse(sql, &NoColumns) {
        Err(error) => error.code(),
        Ok(parsed) => ask(TOML, parsed, Role::Asker).err().map_or("permitted", |error| error.code()),
    }
}

const QUESTION: &str = "SELECT bank.accounts.region AS r, brand.customers.category, COUNT(*) AS customers, \
    SUM(bank.accounts.balance) AS balance, AVG(brand.customers.spend) AS spend \
    FROM brand.customers JOIN bank.accounts USING (customer) \
    WHERE brand.customers.region = 'coast' AND bank.accounts.credit_tier = 'A' \
    GROUP BY brand.customers.category, bank.accounts.region HAVING customers > 9 ORDER BY balance";

#[test]
fn both_sides_compute_the_same_plan_charges_and_hash() {
    for toml in [TOML.to_owned(), both(), one_key()] {
        let asked = permitted(&toml, QUESTION);
        let answered = answered(&toml, &asked);
        assert_eq!(asked.join(), answered.join());
        assert!(asked.join_hash().is_some());
        assert_eq!(asked.join_hash(), answered.join_hash());
        assert_eq!(asked.charges(), answered.charges());
        assert_eq!((asked.plan(), asked.figures_hash()), (None, None), "it is no question over one table");
        let own = |permitted: &Permitted| permitted.own().unwrap().filter.as_ref().unwrap().sql();
        assert_eq!(own(&asked), "\"region\" = 'coast'");
        assert_eq!(own(&answered), "\"credit_tier\" = 'A'");
        assert!(asked.approvals().is_empty());
    }
}

#[test]
fn each_sides_conditions_stay_at_home_unless_both_receive() {
    let sent = permitted(TOML, QUESTION).question_for_partner();
    assert!(!sent.contains("coast") && sent.contains("'A'") && !sent.contains("HAVING"), "{sent}");
    let sent = permitted(&both(), QUESTION).question_for_partner();
    assert!(sent.contains("coast") && !sent.contains("HAVING") && !sent.contains("AS"), "{sent}");
    // Two questions that differ at home alone are one text, and one hash, to the partner.
    let other = permitted(TOML, &QUESTION.replace("coast", "hills"));
    assert_eq!(other.join_hash(), permitted(TOML, QUESTION).join_hash());
    assert_ne!(
        permitted(&both(), &QUESTION.replace("coast", "hills")).join_hash(),
        permitted(&both(), QUESTION).join_hash()
    );
}

#[test]
fn columns_of_one_name_on_both_sides_are_told_apart() {
    let sql = "SELECT brand.customers.region AS ours, bank.accounts.region AS theirs, COUNT(*) AS n \
        FROM brand.customers JOIN bank.accounts USING (customer) \
        WHERE brand.customers.region IN ('coast', 'hills', 'lake') \
        GROUP BY brand.customers.region, bank.accounts.region";
    let asked = permitted(&both(), sql);
    assert_eq!(asked.join(), answered(&both(), &asked).join());
    let figures = asked.join().unwrap().figures();
    let cells: Vec<String> = (0..figures.cells()).map(|cell| figures.cell(cell).join("/")).collect();
    assert_eq!(
        cells,
        ["coast/north", "coast/south", "hills/north", "hills/south", "lake/north", "lake/south"],
        "the asker's group first; the question lists public values"
    );
    // Where the condition stays at home, it cannot list values for the other side.
    let error = under(&both().replace("\"both\"", "\"asker\""), sql, Wish::default()).unwrap_err();
    assert_eq!(error.code(), "E-POLICY-GROUP-VALUES");
    let would_do: Vec<String> =
        error.details().into_iter().filter(|d| d.label == "would do").map(|d| d.text).collect();
    assert_eq!(would_do, ["columns.region.values = [\"…\", \"…\"]   (brand must sign)"]);
}

#[test]
fn t12_over_an_overlap_too_an_average_costs_two_a_deviation_three_a_correlation_six() {
    let (balance, spend) = ("bank.accounts.balance", "brand.customers.spend");
    for (list, shares) in [
        ("COUNT(*)".to_owned(), 1),
        ("COUNT(*), COUNT(DISTINCT customer) AS n".to_owned(), 1),
        // And a count that says which groups are large enough.
        (format!("SUM({balance})"), 2),
        (format!("AVG({balance})"), 2),
        (format!("STDDEV({spend})"), 3),
        (format!("AVG({spend}), STDDEV({spend}) AS s"), 3),
        (format!("COUNT(*), SUM({balance}), SUM({spend}) AS s"), 3),
        // The factors of a product are summed as well, and not opened.
        (format!("SUM({balance} * {spend})"), 2),
        (format!("CORR({spend}, {balance})"), 6),
        (format!("CORR({spend}, {balance}), CORR({balance}, {spend}) AS again"), 6),
        // Beside other figures it is over the customers who have both values, which takes sums of its own.
        (format!("CORR({spend}, {balance}), COUNT(*)"), 7),
    ] {
        let plan = plan(&joined(&list));
        let figures = plan.figures();
        assert_eq!((figures.shares(), plan.opened_of_a_group()), (shares, shares as usize), "{list}");
        let price = plan.price().amount();
        assert_eq!(price.nano_rho, plan.price().share() * u64::from(shares), "{list}");
        assert_eq!(price.atto_delta, u64::from(shares), "one group");
        let whole = tacit_protocol::noise::rho_limit("1".parse().unwrap(), "5e-7".parse().unwrap()).unwrap();
        assert!(price.nano_rho <= whole && price.nano_rho + u64::from(shares) > whole, "{list}");
    }
}

#[test]
fn t11_a_holders_customer_who_can_be_found_by_each_key_has_wider_noise() {
    let sql = "SELECT COUNT(*), SUM(bank.accounts.balance) FROM brand.customers JOIN bank.accounts USING (customer) \
               GROUP BY bank.accounts.region";
    let variance = |plan: &JoinPlan, column: usize, seeker: Party| {
        let of = plan.noise(column, Party::Answerer, &seeking(seeker)).unwrap().variance();
        of.num() as f64 / of.den() as f64 / 500_000_000.0 * plan.price().share() as f64
    };
    let (one, two) = (plan_of_one_key(sql), plan(sql));
    let steps = 5_000_000_f64.powi(2);
    for (plan, seeker, factor) in [
        (&one, Party::Answerer, 1.0),
        (&one, Party::Asker, 1.0),
        (&two, Party::Answerer, 1.0),
        // Found by both keys, it leaves a group twice and sends one row to another: 2² + 1².
        (&two, Party::Asker, 5.0),
    ] {
        assert!((variance(plan, 0, seeker) - factor).abs() < 1e-9);
        assert!((variance(plan, 1, seeker) / steps - factor).abs() < 1e-9);
    }
    // It is in up to three groups, before and after, and so in as many samples of each figure; there are two here.
    assert_eq!(one.price().amount().atto_delta, 2);
    assert_eq!(two.price().amount().atto_delta, 4);
}

#[test]
fn who_learns_pays_and_who_is_learned_of_adds_noise() {
    let sql = joined("COUNT(*)");
    let (brand, bank) = (Keys::of("brand").id(), Keys::of("bank").id());
    let asked = permitted(TOML, &sql);
    let accounts = |permitted: &Permitted| {
        permitted.charges().into_iter().map(|(account, _)| (account.owner, account.asker)).collect::<Vec<_>>()
    };
    assert_eq!(accounts(&asked), [(bank, brand), (brand, bank)]);
    let plan = asked.join().unwrap();
    // Both hear a padded number, and one hears figures.
    let prices: Vec<_> = asked.charges().into_iter().map(|(_, price)| price).collect();
    assert_eq!(prices, [plan.price().amount().plus_at_most(PADDING), PADDING]);
    assert_eq!(Party::BOTH.map(|party| plan.adds_noise(party)), [false, true]);
    assert_eq!(Party::BOTH.map(|party| plan.receives(party)), [true, false]);
    let asked = permitted(&both(), &sql);
    assert_eq!(accounts(&asked), [(bank, brand), (brand, bank)]);
    let plan = asked.join().unwrap();
    assert_eq!(Party::BOTH.map(|party| plan.adds_noise(party) && plan.receives(party)), [true, true]);
    // Only for its own customers does a node know what all askers together may learn.
    let most = ceiling(1_000_000, 1_000_000_000);
    let ceilings = |permitted: &Permitted| {
        permitted.wishes(most).into_iter().map(|wish| wish.ceiling.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(ceilings(&asked), [false, true]);
    assert_eq!(ceilings(&answered(&both(), &asked)), [true, false]);
}

#[test]
fn roles_follow_from_what_is_public() {
    let grouped = |column: &str| format!("SELECT COUNT(*) {JOIN} GROUP BY {column}");
    let sizes = |asker, answerer| Sizes { asker, answerer };
    let seeker = |plan: &JoinPlan, asker, answerer| plan.roles(sizes(asker, answerer)).seeker;
    let theirs = grouped("bank.accounts.region");
    let ours = grouped("brand.customers.category");
    // A thousandth hashes, whatever it costs besides.
    assert_eq!(seeker(&plan(&theirs), 1_000, 1_000_000), Party::Asker);
    assert_eq!(seeker(&plan(&ours), 1_000_000, 1_000), Party::Answerer);
    assert_eq!(seeker(&plan(&theirs), 0, 1_000), Party::Asker);
    // With several keys, those who are to be hidden; with one, those who have the groups.
    assert_eq!(seeker(&plan(&ours), 900, 1_000), Party::Answerer);
    assert_eq!(seeker(&plan_of_one_key(&ours), 900, 1_000), Party::Asker);
    assert_eq!(seeker(&plan_of_one_key(&ours), 1_000, 900), Party::Asker);
    assert_eq!(seeker(&plan_of_one_key(&theirs), 900, 1_000), Party::Answerer);
    let count = plan_of_one_key(&joined("COUNT(*)"));
    assert_eq!((seeker(&count, 900, 1_000), seeker(&count, 1_000, 900)), (Party::Asker, Party::Answerer));
    assert_eq!(seeker(&count, 1_000, 1_000), seeker(&count, 0, 0), "and one of them where nothing tells");
    let roles = plan(&theirs).roles(sizes(1_000, 1_000_000));
    assert_eq!(roles.reason, "it brings 1000 customers, the other side 1000000");
}

#[test]
fn what_is_opened_is_found_again_whoever_looks_up() {
    let plan = plan(QUESTION);
    let (cells, width) = (plan.figures().cells(), plan.opened_of_a_group());
    assert_eq!((plan.side(Party::Asker).cells(), plan.side(Party::Answerer).cells(), cells), (2, 2, 4));
    for seeker in Party::BOTH {
        let roles = seeking(seeker);
        let shape = plan.shape(&roles).unwrap();
        assert_eq!((width, cells * width), (shape.figures_of_a_cell(), shape.figures()));
        let inner_cells = shape.holder_cells() as usize;
        // Each integer says where it stands: the group of the asker's, of the answerer's, the place in the group.
        let opened: Vec<i64> = (0..cells * width)
            .map(|place| {
                let (outer, inner) = (place / width / inner_cells, place / width % inner_cells);
                let (asker, answerer) = if seeker == Party::Asker { (outer, inner) } else { (inner, outer) };
                (asker * 100 + answerer * 10 + place % width) as i64
            })
            .collect();
        let found = plan.of_opened(&roles, &opened).unwrap();
        let columns = plan.figures().columns().len();
        for (place, integer) in found.iter().enumerate() {
            let cell = place / columns;
            assert_eq!(integer / 10, (cell / 2 * 10 + cell % 2) as i64);
        }
        // COUNT is the first that is opened; the asker's term before the bank's if the asker looks up.
        assert_eq!(found[0], 0);
        assert_eq!(plan.of_opened(&roles, &opened[1..]), None);
    }
}

#[test]
fn terms_are_within_their_bounds_and_products_have_room() {
    for list in [
        "CORR(brand.customers.spend, bank.accounts.balance), COUNT(*)",
        "SUM(brand.customers.spend * bank.accounts.balance), STDDEV(bank.accounts.income)",
        "CORR(brand.customers.spend, bank.accounts.income)",
    ] {
        let plan = plan(&joined(list));
        for side in Party::BOTH.map(|party| plan.side(party)) {
            for term in &side.terms {
                assert!(term.low <= 0 && term.high > 0, "{term:?}");
                let fixed = &side.measures[term.kind.measure()].fixed;
                for steps in [fixed.low(), fixed.low() + 1, fixed.centre(), fixed.high() - 1, fixed.high()] {
                    let value = term.value(&side.measures, |_| Some(steps));
                    assert!((term.low..=term.high).contains(&value), "{term:?} {value}");
                }
                assert_eq!(term.value(&side.measures, |_| None), 0);
            }
        }
        assert!(plan.figures().columns().iter().all(|column| column.sensitivity <= 1 << 30), "{list}");
    }
    // 0–1000 in ones fits 2¹⁰; 0–50,000 in cents has 20 bits left of 23.
    let of = plan(&joined("SUM(brand.customers.spend * bank.accounts.balance)"));
    let kinds = Party::BOTH.map(|party| of.side(party).terms[0].kind);
    assert_eq!(kinds, [TermKind::Coarse(0, 1), TermKind::Coarse(0, 5)]);
    assert_eq!(of.side(Party::Asker).terms[0].bits(), 10);
    let signed = Term { kind: TermKind::Sum(0), low: -8, high: 7 };
    assert_eq!(
        (signed.bits(), Term { high: 8, ..signed }.bits(), Term { low: -9, ..signed }.bits()),
        (4, 5, 5)
    );
}

#[test]
fn refusals_of_questions_over_an_overlap() {
    let balance = "bank.accounts.balance";
    for (sql, expected) in [
        (joined(&format!("MEDIAN({balance})")), "E-NOT-IN-THIS-VERSION"),
        (joined("SUM(bank.accounts.balance * bank.accounts.income)"), "E-QUERY-UNSUPPORTED"),
        (joined("CORR(bank.accounts.balance, bank.accounts.income)"), "E-QUERY-UNSUPPORTED"),
        (joined("CORR(bank.accounts.balance)"), "E-QUERY-UNSUPPORTED"),
        (joined("SUM(customer * bank.accounts.balance)"), "E-QUERY-UNSUPPORTED"),
        (joined("AVG(brand.customers.spend * bank.accounts.balance)"), "E-QUERY-UNSUPPORTED"),
        ("SELECT SUM(x * y) FROM bank.accounts".to_owned(), "E-QUERY-UNSUPPORTED"),
        (
            format!("SELECT COUNT(*) {JOIN} WHERE brand.customers.region = bank.accounts.region"),
            "E-QUERY-BOTH-SIDES",
        ),
        (
            format!(
                "SELECT COUNT(*) {JOIN} WHERE brand.customers.spend > 5 OR bank.accounts.credit_tier = 'A'"
            ),
            "E-QUERY-BOTH-SIDES",
        ),
        (joined("SUM(bank.accounts.tel)"), "E-POLICY-COLUMN-USE"),
        (joined("SUM(bank.accounts.nothing)"), "E-POLICY-COLUMN"),
        // Its own columns an asker may look at as it likes, but one customer must have bounds there too.
        (joined("SUM(brand.customers.mobile)"), "E-POLICY-BOUNDS"),
        (joined("SUM(brand.customers.nothing)"), "E-POLICY-BOUNDS"),
        (format!("SELECT COUNT(*) {JOIN} GROUP BY brand.customers.diagnosis"), "E-POLICY-GROUP-VALUES"),
        (format!("SELECT COUNT(*) {JOIN} WHERE brand.customers.diagnosis = 'x'"), "permitted"),
        (format!("SELECT COUNT(*) {JOIN} WHERE bank.accounts.region = 'east'"), "E-POLICY-VALUE"),
        (
            format!("SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 1.5) COUNT(*) {JOIN}"),
            "E-POLICY-EPSILON",
        ),
        (
            format!("SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.000001) COUNT(*) {JOIN}"),
            "E-POLICY-EPSILON-SMALL",
        ),
    ] {
        assert_eq!(code(&sql), expected, "{sql}");
    }
    let no_join = TOML.replace("join = true", "aggregate = true");
    let error = under(&no_join, &joined("COUNT(*)"), Wish::default()).unwrap_err();
    assert_eq!(error.code(), "E-POLICY-NOT-ALLOWED");
    // The answer tells both: then the asker's columns are the other's to be told of, and the contract says which.
    let spend = both().replace(
        "spend    = { use = [\"measure\"], bounds = [0, 1000], step = 1 }",
        "spend    = { use = [\"filter\"], bounds = [0, 1000] }",
    );
    let question = joined("SUM(brand.customers.spend)");
    assert_eq!(under(&spend, &question, Wish::default()).unwrap_err().code(), "E-POLICY-COLUMN-USE");
    let hidden = format!("SELECT COUNT(*) {JOIN} WHERE brand.customers.diagnosis = 'x'");
    assert_eq!(under(&both(), &hidden, Wish::default()).unwrap_err().code(), "E-POLICY-COLUMN");
}

#[test]
fn e_policy_groups_over_an_overlap() {
    let values: Vec<String> = (0..40).map(|value| format!("\"{value}\"")).collect();
    let many = TOML.replace("[\"A\", \"B\", \"C\"]", &format!("[{}]", values.join(", ")));
    let sql = format!("SELECT COUNT(*) {JOIN} GROUP BY bank.accounts.credit_tier, brand.customers.category");
    let error = under(&many, &sql, Wish::default()).unwrap_err();
    assert_eq!(error.code(), "E-POLICY-GROUPS");
    assert!(error.to_string().contains("80 groups") && error.to_string().contains("at most 64"), "{error}");
    let narrower = format!(
        "SELECT COUNT(*) {JOIN} WHERE bank.accounts.credit_tier IN ('1', '2') \
         GROUP BY bank.accounts.credit_tier, brand.customers.category"
    );
    assert_eq!(permitted(&many, &narrower).join().unwrap().figures().cells(), 4);
}

#[test]
fn e_policy_figures_over_an_overlap() {
    let columns: Vec<String> =
        (0..9).map(|n| format!("m{n} = {{ use = [\"measure\"], bounds = [0, 9] }}")).collect();
    let toml = TOML.replace("balance     =", &format!("{}\nbalance     =", columns.join("\n")));
    let list: Vec<String> = (0..9).map(|n| format!("SUM(bank.accounts.m{n})")).collect();
    let error = under(&toml, &joined(&list.join(", ")), Wish::default()).unwrap_err();
    assert_eq!(error.code(), "E-POLICY-FIGURES");
    assert!(under(&toml, &joined(&list[1..].join(", ")), Wish::default()).is_ok());
}

#[test]
fn e_policy_keys() {
    let kinds: Vec<String> = (0..8).map(|n| format!("\"k{n}\"")).collect();
    let many = TOML.replace("[\"phone\", \"email\"]", &format!("[\"phone\", {}]", kinds.join(", ")));
    assert_eq!(under(&many, &joined("COUNT(*)"), Wish::default()).unwrap_err().code(), "E-POLICY-KEYS");
}

#[test]
fn an_accuracy_holds_whoever_looks_up() {
    let wish = Wish { accuracy: Some(60_000_000), ..Wish::default() };
    let plan = under(TOML, &joined("COUNT(*)"), wish).unwrap().join().unwrap().clone();
    let half = |seeker: Party| plan.noise(0, Party::Answerer, &seeking(seeker)).unwrap().half_width95();
    assert!(half(Party::Asker) <= 60 && half(Party::Answerer) < half(Party::Asker));
    assert!(plan.price().epsilon_micro() < 1_000_000);
}

#[test]
fn the_story_says_who_learns_what() {
    let told = |toml: &str| Plan::of(&permitted(toml, QUESTION));
    let lines = |plan: &Plan, who: &str| {
        let own = plan.learns.iter().filter(|(name, _)| name == who);
        own.map(|(_, what)| what.as_str()).collect::<Vec<_>>().join("; ")
    };
    let plan = told(TOML);
    assert!(lines(&plan, "brand").contains("noisy figures of 4 groups"), "{plan:?}");
    assert!(lines(&plan, "bank").starts_with("the question"), "{plan:?}");
    assert!(!plan.sent.contains("coast"));
    let noisy = |plan: &Plan| {
        plan.stages
            .iter()
            .filter(|(_, what)| what.contains("noise for its own"))
            .map(|(w, _)| w.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(noisy(&plan), ["bank"]);
    assert_eq!(noisy(&told(&both())), ["brand", "bank"]);
}

#[test]
fn signing_says_whose_budget_a_join_spends() {
    let agreed = |toml: &str| {
        let document = signed(toml, &["brand", "bank"]);
        what_you_agree_to(document.contract(), &Keys::of("bank").id()).join("\n")
    };
    let asker = agreed(TOML);
    assert!(asker.contains("go to the one who asks, and that one's budget pays for them"), "{asker}");
    assert!(asker.contains("padded at ε 0.02, and pays for that from its budget, whoever asks"), "{asker}");
    let both = agreed(&both());
    assert!(both.contains("brand can spend yours over their customers by asking"), "{both}");
    let none = agreed(&TOML.replace("join = true", "aggregate = true"));
    assert!(!none.contains("both sides have"), "{none}");
}

#[test]
fn groups_that_the_askers_condition_leaves_out_are_known_to_the_asker_alone() {
    let sql = format!(
        "SELECT brand.customers.category, bank.accounts.region, COUNT(*) AS n {JOIN} \
         WHERE brand.customers.category = 'maternal' GROUP BY brand.customers.category, bank.accounts.region"
    );
    let asked = permitted(TOML, &sql);
    let plan = asked.join().unwrap();
    assert_eq!(plan.figures().cells(), 4, "the bank does not know the condition");
    let filter = asked.own().unwrap().filter.clone().unwrap();
    let left = plan.left_by(Party::Asker, &filter);
    let groups: Vec<_> = (0..4).filter(|cell| left[*cell]).map(|cell| plan.figures().cell(cell)).collect();
    assert_eq!(groups.len(), 2);
    assert!(groups.iter().all(|group| group.contains(&"maternal")), "{groups:?}");
    // A condition on a column that is not grouped by leaves all.
    let other = permitted(TOML, &sql.replace("category = 'maternal' GROUP", "region = 'coast' GROUP"));
    let filter = other.own().unwrap().filter.clone().unwrap();
    assert!(plan.left_by(Party::Asker, &filter).iter().all(|left| *left));
}

#[test]
fn t13_over_an_overlap_there_are_no_groups_but_those_that_the_contract_or_the_question_lists() {
    let unlisted = TOML.replace("values = [\"north\", \"south\"]", "values = \"public\"");
    let sql = format!("SELECT bank.accounts.region, COUNT(*) AS n {JOIN} GROUP BY bank.accounts.region");
    let refused = under(&unlisted, &sql, Wish::default()).unwrap_err();
    assert_eq!(refused.code(), "E-POLICY-GROUP-VALUES");
    let listed = sql.replace("GROUP BY", "WHERE bank.accounts.region IN ('north', 'moon') GROUP BY");
    let plan = permitted(&unlisted, &listed).join().unwrap().clone();
    assert_eq!(plan.figures().cells(), 2, "both are in the answer, whoever is in them");
}

#[test]
fn t18_over_an_overlap_what_can_fail_on_a_row_is_refused_when_planned() {
    for list in [
        "SUM(1 / bank.accounts.balance)",
        "SUM(1 / (bank.accounts.balance - 7))",
        "SUM(CAST(bank.accounts.region AS BIGINT))",
        "SUM(SQRT(brand.customers.spend))",
        "SUM(bank.accounts.balance / brand.customers.spend)",
        "COUNT(*), EXP(SUM(bank.accounts.balance))",
    ] {
        assert_ne!(code(&joined(list)), "permitted", "{list}");
    }
    for condition in [
        "1 / bank.accounts.balance > 0",
        "CAST(bank.accounts.region AS BIGINT) = 7",
        "bank.accounts.balance / 0 = 1",
        "1 / (CASE WHEN bank.accounts.balance = 7 THEN 0 ELSE 1 END) = 1",
    ] {
        assert_ne!(code(&format!("{} WHERE {condition}", joined("COUNT(*)"))), "permitted", "{condition}");
    }
}
