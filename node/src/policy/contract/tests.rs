use proptest::prelude::*;

use super::*;
use crate::report::{Refusal, Report};

/// The contract of the interface, with the brand's dataset filled in.
pub(crate) const TOML: &str = r#"
name     = "maternal-offers"
partners = ["brand", "bank"]
purpose  = "joint-marketing"          # checked against each row's consent
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
consent = "marketing_ok"
[dataset.columns]
credit_tier = { use = ["filter", "group", "reveal-filter"], values = ["A", "B", "C"] }
region      = { use = ["group"], values = "public" }
income      = { use = ["filter"], class = "important" }
balance     = { use = ["measure"], bounds = [0, 50000] }
tel         = { use = ["match"], class = "core" }

[[dataset]]
owner   = "brand"
name    = "customers"
consent = "withdrawal-list"
[dataset.columns]
category = { use = ["group"] }
mobile   = { use = ["match"] }

[allow]
aggregate = true
join      = true
reveal    = { to = "brand", columns = [], approval = ["bank"] }
train     = { models = ["logistic"], approval = [] }
"#;

pub(crate) fn keys(name: &str) -> Option<[u8; 32]> {
    let at = ["brand", "bank", "insurer"].iter().position(|known| *known == name)?;
    Some([at as u8 + 1; 32])
}

fn bound(toml: &str) -> Contract {
    Contract::bind(Terms::of_toml(toml).unwrap(), &keys).unwrap()
}

fn refused(toml: &str) -> Report {
    let error = match Terms::of_toml(toml) {
        Err(error) => error,
        Ok(terms) => Contract::bind(terms, &keys).expect_err("accepted"),
    };
    Report::from(error)
}

#[test]
fn the_contract_of_the_interface_is_read() {
    let terms = Terms::of_toml(TOML).unwrap();
    assert_eq!(terms.partners, ["brand", "bank"]);
    assert_eq!(terms.privacy.epsilon_micro, 8_000_000);
    assert_eq!(terms.privacy.delta_femto, 1_000_000_000);
    assert_eq!(terms.privacy.per_query_epsilon_micro, 1_000_000);
    let accounts = terms.dataset("bank", "accounts").unwrap();
    assert_eq!(accounts.columns["balance"].bounds.unwrap().1.to_string(), "50000");
    assert_eq!(accounts.columns["region"].values, Values::Public);
    assert_eq!(accounts.columns["tel"].class, ColumnClass::Core);
    assert_eq!(terms.allow.reveal.unwrap().approval, BTreeSet::from(["bank".to_owned()]));
}

#[test]
fn the_canonical_form_is_pinned() {
    // If this changes, every contract in the world changes its id: then it is another form, with another name.
    let contract = bound(TOML);
    let expected = concat!(
        r#"{"allow":{"aggregate":true,"cross_region":false,"join":true,"quality":false,"#,
        r#""reveal":{"approval":["bank"],"columns":[],"to":"brand"},"train":{"approval":[],"models":["logistic"]}},"#,
        r#""dataset":[{"columns":{"balance":{"bounds":["0","50000"],"class":"general","use":["measure"]},"#,
        r#""credit_tier":{"class":"general","use":["filter","group","reveal-filter"],"values":["A","B","C"]},"#,
        r#""income":{"class":"important","use":["filter"]},"#,
        r#""region":{"class":"general","use":["group"],"values":"public"},"tel":{"class":"core","use":["match"]}},"#,
        r#""consent":"marketing_ok","name":"accounts","owner":"bank"},"#,
        r#"{"columns":{"category":{"class":"general","use":["group"]},"mobile":{"class":"general","use":["match"]}},"#,
        r#""consent":"withdrawal-list","name":"customers","owner":"brand"}],"ends":"2027-05-31","#,
        r#""identity":{"keys":["phone","email"],"profile":"google-dm/2"},"name":"maternal-offers","#,
        r#""partners":[{"key":"0101010101010101010101010101010101010101010101010101010101010101","name":"brand"},"#,
        r#"{"key":"0202020202020202020202020202020202020202020202020202020202020202","name":"bank"}],"#,
        r#""privacy":{"delta":"0.000001","epsilon":"8","min_group":"50","per_query_epsilon":"1","receiver":"asker","#,
        r#""unit":"customer"},"purpose":"joint-marketing","starts":"2026-12-01"}"#,
    );
    assert_eq!(contract.canonical(), expected);
    assert_eq!(contract.id().to_string(), "ac6e2f370d6f4e4b971e3fe5ef89f418c094e5a6038734cd6b2225fa25b0c8b8");
}

#[test]
fn the_canonical_form_reads_back_as_the_same_contract() {
    let contract = bound(TOML);
    let value: serde_json::Value = serde_json::from_str(&contract.canonical()).unwrap();
    assert_eq!(Contract::of_json(&value).unwrap(), contract);
}

#[test]
fn spelling_does_not_change_the_id() {
    let id = bound(TOML).id();
    let half = TOML.find("[[dataset]]").unwrap();
    let (second, allow) = (TOML.rfind("[[dataset]]").unwrap(), TOML.find("[allow]").unwrap());
    let swapped = [&TOML[..half], &TOML[second..allow], &TOML[half..second], &TOML[allow..]].concat();
    for same in [
        TOML.replace("8.0", "8").replace("1e-6", "0.000_001").replace("1.0 ", "\"1.000\""),
        TOML.replace("  ", " ").replace(" = ", "="),
        TOML.replace("# checked", "# not checked at all"),
        TOML.replace("[\"A\", \"B\", \"C\"]", "[\n  \"C\", \"A\",\n  \"B\", # three\n]"),
        TOML.replace(
            "[\"filter\", \"group\", \"reveal-filter\"]",
            "[\"reveal-filter\", \"group\", \"filter\"]",
        ),
        TOML.replace("[0, 50000]", "[0.0, 5e4]"),
        TOML.replace("receiver          = \"asker\"", ""),
        TOML.replace(
            "starts   = 2026-12-01\nends     = 2027-05-31",
            "ends = \"2027-05-31\"\nstarts = \"2026-12-01\"",
        ),
        swapped,
    ] {
        assert_eq!(bound(&same).id(), id, "{same}");
    }
}

#[test]
fn every_term_changes_the_id() {
    let id = bound(TOML).id();
    for (was, is) in [
        ("maternal-offers", "maternal-offer"),
        ("[\"brand\", \"bank\"]", "[\"bank\", \"brand\"]"),
        ("[\"brand\", \"bank\"]", "[\"brand\", \"bank\", \"insurer\"]"),
        ("joint-marketing", "research"),
        ("purpose", "legal_basis = \"consent\"\npurpose"),
        ("2026-12-01", "2026-12-02"),
        ("2027-05-31", "2027-06-01"),
        ("google-dm/2", "uid2/1"),
        ("[\"phone\", \"email\"]", "[\"email\", \"phone\"]"),
        ("profile =", "default_region = \"CN\"\nprofile ="),
        ("8.0", "8.000001"),
        ("1e-6", "1e-7"),
        ("per_query_epsilon = 1.0", "per_query_epsilon = 0.9"),
        ("= 50\n", "= 51\n"),
        ("receiver          = \"asker\"", "receiver = \"both\""),
        ("\"accounts\"", "\"account\""),
        ("marketing_ok", "marketing_yes"),
        ("\"filter\", \"group\", \"reveal-filter\"", "\"filter\", \"reveal-filter\""),
        ("\"A\", \"B\", \"C\"", "\"A\", \"B\""),
        ("values = \"public\"", "values = [\"public\"]"),
        ("[0, 50000]", "[0, 50001]"),
        ("class = \"core\"", "class = \"general\""),
        ("category =", "category2 ="),
        ("aggregate = true", "aggregate = false"),
        ("join      = true", "join = false"),
        ("to = \"brand\"", "to = \"bank\""),
        ("approval = [\"bank\"]", "approval = []"),
        ("approval = [] }", "approval = [\"bank\"] }"),
        ("aggregate = true", "aggregate = true\nquality = true"),
        ("aggregate = true", "aggregate = true\ncross_region = true"),
        ("train     = { models = [\"logistic\"], approval = [] }", ""),
        ("consent =", "region = \"CN\"\nconsent ="),
    ] {
        let changed = TOML.replace(was, is);
        assert_ne!(changed, TOML, "{was}");
        assert_ne!(bound(&changed).id(), id, "{was} → {is}");
    }
    let other_key = |name: &str| {
        keys(name).map(|mut key| {
            key[31] ^= u8::from(name == "bank");
            key
        })
    };
    assert_ne!(Contract::bind(Terms::of_toml(TOML).unwrap(), &other_key).unwrap().id(), id);
}

/// Each row: what to replace, by what, the code, and a piece of the message or the mend.
const BAD: &[(&str, &str, &str, &str)] = &[
    ("epsilon           = 8.0", "epsilon = 0", "E-CONTRACT-VALUE", "privacy.epsilon cannot be 0"),
    ("epsilon           = 8.0", "epsilon = -1", "E-CONTRACT-VALUE", "privacy.epsilon cannot be -1"),
    ("epsilon           = 8.0", "epsilon = nan", "E-CONTRACT-VALUE", "privacy.epsilon cannot be nan"),
    ("epsilon           = 8.0", "epsilon = inf", "E-CONTRACT-VALUE", "privacy.epsilon cannot be inf"),
    ("epsilon           = 8.0", "epsilon = 1e20", "E-CONTRACT-VALUE", "privacy.epsilon cannot be 1e20"),
    ("epsilon           = 8.0", "epsilon = 101", "E-CONTRACT-VALUE", "at most 100"),
    ("epsilon           = 8.0", "epsilon = 0.0000001", "E-CONTRACT-VALUE", "at most six decimals"),
    ("epsilon           = 8.0", "epsilon = true", "E-CONTRACT-VALUE", "privacy.epsilon must be a number"),
    ("epsilon           = 8.0", "epsilon = \"lots\"", "E-CONTRACT-VALUE", "privacy.epsilon cannot be lots"),
    ("epsilon           = 8.0", "epsilonn = 8.0", "E-CONTRACT-MISSING-FIELD", "privacy.epsilon is missing"),
    (
        "epsilon           = 8.0",
        "epsilon = 8.0\nepsilonn = 8.0",
        "E-CONTRACT-UNKNOWN-FIELD",
        "would do  privacy.epsilon",
    ),
    ("epsilon           = 8.0", "epsilon = 8.0\nepsilon = 9.0", "E-CONTRACT-SYNTAX", "line 15"),
    ("delta             = 1e-6", "delta = 0", "E-CONTRACT-VALUE", "privacy.delta cannot be 0"),
    ("delta             = 1e-6", "delta = 1", "E-CONTRACT-VALUE", "privacy.delta cannot be 1"),
    ("delta             = 1e-6", "delta = -1e-6", "E-CONTRACT-VALUE", "more than 0 and less than 1"),
    ("delta             = 1e-6", "delta = 1.5", "E-CONTRACT-VALUE", "privacy.delta cannot be 1.5"),
    ("delta             = 1e-6", "delta = 1e-16", "E-CONTRACT-VALUE", "at most 15 decimals"),
    ("per_query_epsilon = 1.0", "per_query_epsilon = 9.0", "E-CONTRACT-VALUE", "at most privacy.epsilon"),
    ("per_query_epsilon = 1.0", "", "E-CONTRACT-MISSING-FIELD", "privacy.per_query_epsilon is missing"),
    ("min_group         = 50", "min_group = 0", "E-CONTRACT-VALUE", "a whole number from 1"),
    ("min_group         = 50", "min_group = 1.5", "E-CONTRACT-VALUE", "privacy.min_group cannot be 1.5"),
    ("min_group         = 50", "min_group = -3", "E-CONTRACT-VALUE", "privacy.min_group cannot be -3"),
    ("\"customer\"", "\"household\"", "E-CONTRACT-VALUE", "privacy.unit cannot be \"household\""),
    ("\"asker\"", "\"everybody\"", "E-CONTRACT-VALUE", "\"asker\" or \"both\""),
    ("ends     = 2027-05-31", "ends = 2026-11-30", "E-CONTRACT-DATES", "before it starts"),
    ("ends     = 2027-05-31", "ends = 2027-05-31T00:00:00Z", "E-CONTRACT-VALUE", "a day without a time"),
    ("ends     = 2027-05-31", "ends = 2027-02-30", "E-CONTRACT-SYNTAX", "line 6"),
    ("ends     = 2027-05-31", "ends = \"soon\"", "E-CONTRACT-VALUE", "ends cannot be soon"),
    ("ends     = 2027-05-31", "", "E-CONTRACT-MISSING-FIELD", "ends is missing"),
    ("\"google-dm/2\"", "\"google-dm/3\"", "E-CONTRACT-VALUE", "identity.profile cannot be \"google-dm/3\""),
    ("\"google-dm/2\"", "\"liveramp\"", "E-CONTRACT-VALUE", "known are google-dm/2"),
    ("[\"phone\", \"email\"]", "[]", "E-CONTRACT-MISSING-FIELD", "identity.keys is missing"),
    (
        "[\"phone\", \"email\"]",
        "[\"phone\", \"phone\"]",
        "E-CONTRACT-TWICE",
        "identity.keys names phone twice",
    ),
    ("[\"phone\", \"email\"]", "[\"Phone No.\"]", "E-CONTRACT-VALUE", "identity.keys[0]"),
    ("profile =", "default_region = \"ZZ\"\nprofile =", "E-CONTRACT-VALUE", "identity.default_region"),
    ("[0, 50000]", "[50000, 0]", "E-CONTRACT-VALUE", "the lower bound first"),
    (
        "[0, 50000]",
        "[5, 5]",
        "E-CONTRACT-VALUE",
        "dataset bank.accounts.columns.balance.bounds cannot be [5, 5]",
    ),
    ("[0, 50000]", "[0, nan]", "E-CONTRACT-VALUE", "columns.balance.bounds[1] cannot be nan"),
    ("[0, 50000]", "[0]", "E-CONTRACT-VALUE", "two numbers"),
    (
        "[\"measure\"], bounds = [0, 50000]",
        "[\"measure\"]",
        "E-CONTRACT-COLUMN-USE",
        "bank.accounts.balance lists measure without bounds",
    ),
    ("[\"brand\", \"bank\"]", "[\"brand\", \"brand\"]", "E-CONTRACT-TWICE", "partners names brand twice"),
    ("[\"brand\", \"bank\"]", "[\"brand\"]", "E-CONTRACT-VALUE", "2 to 16 partners"),
    ("[\"brand\", \"bank\"]", "[\"Brand\", \"bank\"]", "E-CONTRACT-VALUE", "partners[0] cannot be \"Brand\""),
    (
        "[\"brand\", \"bank\"]",
        "[\"brand\", \"bank\", \"stranger\"]",
        "E-CONTRACT-STRANGER",
        "tacit partner add stranger.card",
    ),
    ("[\"brand\", \"bank\"]", "\"brand and bank\"", "E-CONTRACT-VALUE", "partners must be a list"),
    (
        "owner   = \"bank\"",
        "owner = \"insurer\"",
        "E-CONTRACT-NOT-A-PARTNER",
        "insurer, who is not a partner",
    ),
    ("to = \"brand\"", "to = \"insurer\"", "E-CONTRACT-NOT-A-PARTNER", "allow.reveal.to names insurer"),
    (
        "approval = [\"bank\"]",
        "approval = [\"legal\"]",
        "E-CONTRACT-NOT-A-PARTNER",
        "allow.reveal.approval names legal",
    ),
    (
        "owner   = \"brand\"\nname    = \"customers\"",
        "owner = \"bank\"\nname = \"accounts\"",
        "E-CONTRACT-TWICE",
        "names bank.accounts twice",
    ),
    (
        "\"filter\", \"group\", \"reveal-filter\"",
        "\"reveal-filter\"",
        "E-CONTRACT-COLUMN-USE",
        "lists reveal-filter without filter",
    ),
    (
        "\"filter\", \"group\", \"reveal-filter\"",
        "\"sell\"",
        "E-CONTRACT-VALUE",
        "filter, group, measure, match, reveal-filter",
    ),
    (
        "\"filter\", \"group\", \"reveal-filter\"",
        "\"filter\", \"filter\"",
        "E-CONTRACT-TWICE",
        "use names filter twice",
    ),
    (
        "use = [\"group\"], values = \"public\"",
        "use = []",
        "E-CONTRACT-MISSING-FIELD",
        "columns.region.use is missing",
    ),
    ("values = \"public\"", "values = \"secret\"", "E-CONTRACT-VALUE", "a list, or \"public\""),
    ("values = \"public\"", "values = []", "E-CONTRACT-MISSING-FIELD", "columns.region.values is missing"),
    ("\"A\", \"B\", \"C\"", "\"A\", \"A\"", "E-CONTRACT-TWICE", "values names A twice"),
    (
        "[\"match\"], class = \"core\"",
        "[\"match\", \"filter\"], class = \"core\"",
        "E-CONTRACT-CLASS",
        "bank.accounts.tel is core, and may not be listed for filter",
    ),
    (
        "[\"filter\"], class = \"important\"",
        "[\"filter\", \"reveal-filter\"], class = \"important\"",
        "E-CONTRACT-CLASS",
        "never told about single customers",
    ),
    ("class = \"core\"", "class = \"secret\"", "E-CONTRACT-VALUE", "general, important or core"),
    ("category =", "customer =", "E-CONTRACT-VALUE", "customer stands for the match keys"),
    ("category =", "\"\" =", "E-CONTRACT-VALUE", "the column's name"),
    ("columns = []", "columns = [\"balance\"]", "E-NOT-IN-THIS-VERSION", "allow.reveal.columns"),
    ("[\"logistic\"]", "[\"gpt\"]", "E-CONTRACT-VALUE", "allow.train.models cannot be \"gpt\""),
    ("aggregate = true", "aggregate = \"yes\"", "E-CONTRACT-VALUE", "allow.aggregate must be true or false"),
    ("aggregate = true", "agregate = true", "E-CONTRACT-UNKNOWN-FIELD", "would do  allow.aggregate"),
    (
        "consent = \"marketing_ok\"",
        "",
        "E-CONTRACT-MISSING-FIELD",
        "dataset bank.accounts.consent is missing",
    ),
    (
        "consent = \"marketing_ok\"",
        "consent = \"marketing_ok\"\nregion = \"CN\"",
        "E-CONTRACT-REGION",
        "bank.accounts (CN) and brand.customers (no region)",
    ),
    (
        "consent = \"marketing_ok\"",
        "consent = \"marketing_ok\"\nregion = \"C N\"",
        "E-CONTRACT-VALUE",
        "letters, digits and -",
    ),
    (
        "mobile   = { use = [\"match\"] }",
        "",
        "E-CONTRACT-NOTHING-TO-MATCH",
        "brand.customers lists no column for matching",
    ),
    (
        "name     = \"maternal-offers\"",
        "name = \"Maternal Offers\"",
        "E-CONTRACT-VALUE",
        "lower-case letters",
    ),
    (
        "purpose  = \"joint-marketing\"",
        "purpose = \"joint\\u001b[31m\"",
        "E-CONTRACT-VALUE",
        "purpose cannot be",
    ),
    ("purpose", "legal_basis = \"\"\npurpose", "E-CONTRACT-VALUE", "legal_basis"),
    ("[identity]", "colour = \"red\"\n[identity]", "E-CONTRACT-UNKNOWN-FIELD", "colour is not a field"),
    ("[allow]", "[[allow]]", "E-CONTRACT-VALUE", "allow must be a table"),
    ("[privacy]", "[privacy", "E-CONTRACT-SYNTAX", "line 12"),
];

#[test]
fn f05_bad_contracts_are_refused_with_the_field_and_the_mend() {
    assert!(BAD.len() >= 50);
    for (was, is, code, piece) in BAD {
        let toml = TOML.replace(was, is);
        assert_ne!(toml, TOML, "{was}");
        let report = refused(&toml);
        let text = report.to_string();
        assert_eq!(report.code, *code, "{is}: {text}");
        assert!(text.contains(piece), "{is}: {text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{is}: {text:?}");
        if report.code != "E-CONTRACT-VALUE" || !text.contains("must be") {
            assert!(!report.details.is_empty(), "no mend: {text}");
        }
    }
}

#[test]
fn a_contract_that_allows_nothing_is_refused() {
    let toml = &TOML[..TOML.find("[allow]").unwrap()];
    assert_eq!(refused(toml).code, "E-CONTRACT-MISSING-FIELD");
    assert_eq!(refused(&format!("{toml}[allow]\n")).code, "E-CONTRACT-ALLOWS-NOTHING");
    assert_eq!(refused(&format!("{toml}{}", "#".repeat(300_000))).code, "E-CONTRACT-TOO-LARGE");
}

#[test]
fn regions_meet_only_when_all_say_so() {
    let one = TOML.replacen("consent =", "region = \"CN\"\nconsent =", 1);
    assert_eq!(
        refused(&one).to_string(),
        "error[E-CONTRACT-REGION]: bank.accounts (CN) and brand.customers (no region) have different regions, and \
         the contract lets them meet\n  \
         rule      rows of a region meet only rows of that region, unless all partners say otherwise\n  \
         would do  allow.cross_region = true, after the lawyers have looked at it"
    );
    assert!(Terms::of_toml(&one.replace("aggregate =", "cross_region = true\naggregate =")).is_ok());
    assert!(Terms::of_toml(&TOML.replace("consent =", "region = \"CN\"\nconsent =")).is_ok());
}

#[test]
fn one_key_under_two_names_is_refused() {
    let error = Contract::bind(Terms::of_toml(TOML).unwrap(), &|_| Some([7; 32])).unwrap_err();
    assert_eq!(error.code(), "E-CONTRACT-TWICE");
}

#[test]
fn the_owner_is_told_what_a_reveal_filter_tells() {
    let contract = bound(TOML);
    let bank = what_you_agree_to(&contract, &contract.partners()[1].id());
    assert_eq!(
        bank,
        [
            "From 2026-12-01 to 2027-05-31, brand may put questions to your node for the purpose joint-marketing, \
             and you to theirs.",
            "Your dataset accounts takes part with the rows in which marketing_ok is true and whose customer is not \
             on your withdrawal list.",
            "accounts.balance: brand may have it summed, clamped to 0–50000.",
            "accounts.credit_tier: brand may set conditions on it, see figures for each of its values and set \
             conditions on it in a reveal.",
            "accounts.income: brand may set conditions on it.",
            "accounts.region: brand may see figures for each of its values.",
            "accounts.tel: brand may match customers by it.",
            "Every other column of accounts does not exist for brand.",
            "A filter on credit_tier tells brand the credit_tier of every match.",
            "brand learns which of its own customers are in your data. No noise hides this.",
            "Somebody at your side approves each such run, or it does not happen.",
            "Noisy figures cost privacy budget: each partner that asks may spend ε 8 in all and ε 1 for one question \
             (δ 0.000001), and groups below 50 are suppressed.",
            "Figures over customers that both sides have go to the one who asks, and that one's budget pays for them; its \
             own condition and columns stay at home.",
            "With each such question either side hears how many customers the other brings, padded at ε 0.02, and pays \
             for that from its budget, whoever asks.",
            "Models may be trained on the joined data: logistic.",
            "Everybody who trains gets a model's weights.",
            "Noise hides single customers in everything that a job opens, and costs privacy budget.",
            "Two partners that train on different columns do not learn which customers both have. Each hears how many the \
             other brings and about how many both have, either padded at ε 0.02, and pays for both. \
             That holds for nodes that follow the protocol: one that runs another program can find common customers one \
             by one.",
            "The partner who has the target may learn how good a model over different columns is: counts of customers by \
             score, outcome and group.",
            "A job has at most 30 rounds, and adds up the rows of at least 3 partners with the same columns.",
            "Nobody at your side is asked before a job.",
            "Any partner can end this contract on any day; what was learned before then stays learned.",
        ]
    );
    let brand = what_you_agree_to(&contract, &contract.partners()[0].id());
    assert!(brand.iter().any(|line| line.starts_with("You learn which of your own customers match")));
    assert!(
        !brand.iter().any(|line| line.starts_with("A filter on")),
        "the brand's own columns are not revealed"
    );
    assert!(brand.contains(&"Nobody at your side is asked before such a run.".to_owned()));
}

proptest! {
    #[test]
    fn any_sound_contract_survives_the_canonical_form(
        epsilon in 1u64..=100_000_000,
        delta in 1u64..1_000_000_000_000_000,
        low in -1_000_000i64..1_000_000,
        width in 1i64..1_000_000,
        group in 1u32..=1_000_000,
        values in prop::collection::btree_set("[\\PC&&[^\"\\\\]]{1,12}", 1..5),
        column in "[a-zA-Z_\u{4e00}-\u{4fff}][a-z0-9 _.\u{4e00}-\u{4fff}]{0,10}[a-z]",
        basis in prop::option::of("[ -~&&[^\"\\\\]]{0,30}[a-z]"),
    ) {
        prop_assume!(!column.eq_ignore_ascii_case("customer"));
        let values: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
        let mut toml = TOML
            .replace("epsilon           = 8.0", &format!("epsilon = {}", Decimal::of_micro(epsilon)))
            .replace("per_query_epsilon = 1.0", &format!("per_query_epsilon = {}", Decimal::of_micro(epsilon)))
            .replace("delta             = 1e-6", &format!("delta = {}", Decimal::of_femto(delta)))
            .replace("[0, 50000]", &format!("[{low}.5, {}]", low + width))
            .replace("= 50\n", &format!("= {group}\n"))
            .replace("[\"A\", \"B\", \"C\"]", &format!("[{}]", values.join(", ")))
            .replace("category =", &format!("\"{column}\" ="));
        if let Some(basis) = basis {
            toml = toml.replace("purpose", &format!("legal_basis = \"{basis}\"\npurpose"));
        }
        let contract = Contract::bind(Terms::of_toml(&toml).unwrap(), &keys).unwrap();
        prop_assert_eq!(contract.terms().privacy.epsilon_micro, epsilon);
        prop_assert_eq!(contract.terms().privacy.delta_femto, delta);
        let value: serde_json::Value = serde_json::from_str(&contract.canonical()).unwrap();
        let again = Contract::of_json(&value).unwrap();
        prop_assert_eq!(again.canonical(), contract.canonical());
        prop_assert_eq!(again.id(), contract.id());
        prop_assert_eq!(again, contract);
    }

    #[test]
    fn arbitrary_text_is_refused_without_a_panic(text in "\\PC{0,200}", cut in 0usize..2000, noise in "\\PC{0,3}") {
        let _ = Terms::of_toml(&text);
        let cut = (0..=cut.min(TOML.len())).rev().find(|at| TOML.is_char_boundary(*at)).unwrap();
        let _ = Terms::of_toml(&[&TOML[..cut], &noise, &TOML[cut..]].concat());
        let _ = Terms::of_toml(&TOML[..cut]);
    }
}
