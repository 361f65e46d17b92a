use proptest::prelude::*;

use super::{
    super::{contract::tests::TOML, *},
    *,
};
use crate::{
    query::{NoColumns, parse},
    report::{Refusal, Report},
};

const JOIN: &str = "FROM brand.customers JOIN bank.accounts USING (customer)";

fn reveal(condition: &str) -> String {
    format!("SELECT customer {JOIN} WHERE {condition}")
}

struct Scene {
    contracts: Vec<Document>,
    datasets: Registered,
    me: &'static str,
    role: Role,
    contract: Option<&'static str>,
    purpose: Option<&'static str>,
    peer_profile: Option<&'static str>,
    now: &'static str,
}

/// The brand asks, at Christmas, under one contract that both have signed.
fn scene() -> Scene {
    Scene {
        contracts: vec![signed(TOML, &["brand", "bank"])],
        datasets: registered(),
        me: "brand",
        role: Role::Asker,
        contract: None,
        purpose: None,
        peer_profile: None,
        now: NOW,
    }
}

impl Scene {
    /// The same under a contract that is changed in one place.
    fn with(mut self, was: &str, is: &str) -> Self {
        let toml = TOML.replace(was, is);
        assert_ne!(toml, TOML, "{was}");
        self.contracts = vec![signed(&toml, &["brand", "bank"])];
        self
    }

    fn ask(&self, sql: &str) -> Result<Permitted, PolicyError> {
        let me = Keys::of(self.me).id();
        let circumstances = Circumstances {
            me,
            role: self.role,
            contract: self.contract,
            purpose: self.purpose,
            peer_profile: self.peer_profile,
            today: day(at(self.now)),
        };
        let known = KnownColumns { me, contracts: &self.contracts, datasets: &self.datasets };
        permit(parse(sql, &known).unwrap(), &circumstances, &self.contracts, &self.datasets)
    }

    /// The bank's answer to what the brand would send.
    fn answer(mut self, sql: &str) -> Result<Permitted, PolicyError> {
        self.me = "bank";
        self.role = Role::Answerer { from: Keys::of("brand").id() };
        self.ask(sql)
    }

    fn code(&self, sql: &str) -> &'static str {
        self.ask(sql).err().map_or("permitted", |error| error.code())
    }
}

/// The report with the contract's id, which changes with every term, written as `id`.
fn shown(scene: &Scene, sql: &str) -> String {
    let report = Report::from(scene.ask(sql).expect_err("permitted")).to_string();
    scene
        .contracts
        .iter()
        .fold(report, |text, contract| text.replace(&contract.contract().id().short(), "id"))
}

const QUESTION: &str = "brand.customers.category = 'maternal' AND bank.accounts.credit_tier = 'A'";

#[test]
fn a_question_within_the_contract_is_permitted_on_both_sides() {
    let asked = scene().ask(&reveal(QUESTION)).unwrap();
    assert_eq!(asked.partner().name, "bank");
    assert_eq!(asked.approvals(), ["bank"]);
    assert!(!asked.needs_own_approval());
    assert_eq!(asked.tells(), ["A filter on credit_tier tells brand the credit_tier of every match."]);
    let own = asked.own().unwrap();
    assert_eq!(own.filter.as_ref().unwrap().sql(), "\"category\" = 'maternal'");
    assert_eq!(own.consent, Consent::WithdrawalList);
    assert_eq!(own.keys, [("phone".parse().unwrap(), "mobile".to_owned())]);

    let sent = asked.question_for_partner();
    assert!(!sent.contains("maternal"));
    let parsed = parse(&sent, &NoColumns).unwrap();
    let scene = scene();
    let circumstances = Circumstances {
        me: Keys::of("bank").id(),
        role: Role::Answerer { from: Keys::of("brand").id() },
        contract: Some(&asked.contract_id().to_string()),
        purpose: Some("joint-marketing"),
        peer_profile: Some("google-dm/2"),
        today: day(at(NOW)),
    };
    let answered = permit(parsed, &circumstances, &scene.contracts, &scene.datasets).unwrap();
    assert!(answered.needs_own_approval());
    assert_eq!(answered.asker(), "brand");
    assert_eq!(answered.tells(), asked.tells());
    let own = answered.own().unwrap();
    assert_eq!(own.filter.as_ref().unwrap().sql(), "\"credit_tier\" = 'A'");
    assert_eq!(own.consent, Consent::Column("marketing_ok".to_owned()));
    assert_eq!(own.keys, [("phone".parse().unwrap(), "tel".to_owned())], "mail is not listed for match");
}

#[test]
fn own_columns_are_free_to_the_asker_even_core_ones() {
    let sql = format!("SELECT customer, spend AS amount {JOIN} WHERE diagnosis = 'x' AND spend > 3");
    let permitted = scene().ask(&sql).unwrap();
    assert_eq!(permitted.own().unwrap().shown, [("spend".to_owned(), "amount".to_owned())]);
    assert_eq!(permitted.own().unwrap().customer, "customer");
    assert_eq!(scene().code(&reveal("brand.customers.nothing = 'x'")), "E-QUERY-COLUMN");
    assert_eq!(
        scene().code(&format!("SELECT customer, brand.customers.nothing {JOIN}")),
        "E-POLICY-OWN-COLUMN"
    );
    assert_eq!(scene().code(&reveal("spend = '3'")), "E-QUERY-TYPES");
}

#[test]
fn e_policy_column_use() {
    let sql = format!("SELECT bank.accounts.balance, COUNT(*) {JOIN} GROUP BY bank.accounts.balance");
    assert_eq!(
        shown(&scene(), &sql),
        "error[E-POLICY-COLUMN-USE]: bank.accounts.balance may be measured, not grouped by
  contract  maternal-offers (id…), signed by brand and bank
  allowed   measure, bounds 0–50000
  would do  columns.balance.use = [\"measure\", \"group\"], values = …   (bank must sign)"
    );
    assert_eq!(
        shown(&scene(), &reveal("bank.accounts.region = 'north'")),
        "error[E-POLICY-COLUMN-USE]: bank.accounts.region may be grouped by, not filtered in a reveal
  contract  maternal-offers (id…), signed by brand and bank
  allowed   group, values public
  would do  columns.region.use = [\"group\", \"filter\", \"reveal-filter\"]   (bank must sign)"
    );
    let sum = "SELECT SUM(bank.accounts.credit_tier) FROM bank.accounts";
    assert_eq!(
        shown(&scene(), sum),
        "error[E-POLICY-COLUMN-USE]: bank.accounts.credit_tier may be filtered, grouped by or filtered in a reveal, \
         not measured
  contract  maternal-offers (id…), signed by brand and bank
  allowed   filter, group, reveal-filter, values A, B, C
  would do  columns.credit_tier.use = [\"filter\", \"group\", \"reveal-filter\", \"measure\"], bounds = …   \
         (bank must sign)"
    );
    assert_eq!(scene().code("SELECT COUNT(*) FROM bank.accounts WHERE balance > 3"), "E-POLICY-COLUMN-USE");
    assert_eq!(scene().code("SELECT COUNT(*) FROM bank.accounts WHERE tel = '1'"), "E-POLICY-COLUMN-USE");
    assert_eq!(scene().code(&reveal("bank.accounts.tel = '1'")), "E-POLICY-COLUMN-USE");
}

#[test]
fn a_text_for_a_column_of_numbers_is_refused_at_home() {
    let mut scene = scene();
    let filtered = TOML.replace(
        r#"use = ["measure"], bounds = [0, 50000]"#,
        r#"use = ["measure", "filter", "reveal-filter"], bounds = [0, 50000]"#,
    );
    scene.contracts = vec![signed(&filtered, &["brand", "bank"])];
    assert_eq!(scene.code(&reveal("bank.accounts.balance > 25000")), "permitted");
    assert_eq!(scene.code(&reveal("bank.accounts.balance > '25000'")), "E-QUERY-TYPES");
    assert_eq!(scene.code(&reveal("bank.accounts.balance > 1 AND credit_tier = 'A'")), "permitted");
}

#[test]
fn e_policy_reveal_filter() {
    assert_eq!(
        shown(&scene(), &reveal("bank.accounts.income > 100")),
        "error[E-POLICY-REVEAL-FILTER]: bank.accounts.income may not be filtered in a reveal
  contract  maternal-offers (id…), signed by brand and bank
  rule      A filter on income tells brand the income of every match.
  allowed   filter
  would do  columns.income.use = [\"filter\", \"reveal-filter\"]   (bank must sign)"
    );
    assert_eq!(scene().code("SELECT COUNT(*) FROM bank.accounts WHERE income > 100"), "permitted");
}

#[test]
fn e_policy_column() {
    assert_eq!(
        shown(&scene(), &reveal("bank.accounts.secret = 'x'")),
        "error[E-POLICY-COLUMN]: bank.accounts.secret does not exist in maternal-offers (id…)
  contract  maternal-offers (id…), signed by brand and bank
  rule      a column that the contract does not list does not exist for the partner
  allowed   balance, credit_tier, income, region, tel
  would do  columns.secret.use = [\"filter\", \"reveal-filter\"]   (bank must sign)"
    );
    // The consent column is not listed either.
    assert_eq!(scene().code(&reveal("bank.accounts.marketing_ok")), "E-POLICY-COLUMN");
    assert_eq!(scene().answer(&reveal("bank.accounts.secret = 'x'")).unwrap_err().code(), "E-POLICY-COLUMN");
}

#[test]
fn e_policy_value() {
    let report = shown(&scene(), &reveal("bank.accounts.credit_tier IN ('A', '13800138000')"));
    assert_eq!(
        report,
        "error[E-POLICY-VALUE]: bank.accounts.credit_tier may only be compared, by = <> or IN, with values that \
         maternal-offers (id…) lists
  contract  maternal-offers (id…), signed by brand and bank
  allowed   A, B, C
  would do  columns.credit_tier.values = …   (bank must sign)"
    );
    for (condition, code) in [
        ("NOT (NOT credit_tier = 'D')", "E-POLICY-VALUE"),
        ("'D' <> credit_tier", "E-POLICY-VALUE"),
        ("credit_tier LIKE 'D%'", "E-POLICY-VALUE"),
        ("credit_tier > 'C'", "E-POLICY-VALUE"),
        ("lower(credit_tier) = 'a'", "E-POLICY-VALUE"),
        ("credit_tier = credit_tier", "E-POLICY-VALUE"),
        ("credit_tier BETWEEN 'A' AND 'C'", "E-POLICY-VALUE"),
        ("coalesce(credit_tier, 'D') = 'D'", "E-POLICY-VALUE"),
        ("CASE credit_tier WHEN 'D' THEN TRUE END", "E-POLICY-VALUE"),
        ("CASE credit_tier WHEN credit_tier THEN TRUE END", "E-POLICY-VALUE"),
        ("CASE WHEN credit_tier = 'A' THEN credit_tier ELSE 'x' END = 'x'", "E-POLICY-VALUE"),
        ("credit_tier <> 'B'", "permitted"),
        ("credit_tier NOT IN ('B', 'C')", "permitted"),
        ("credit_tier IS NOT NULL", "permitted"),
        ("CASE credit_tier WHEN 'A' THEN TRUE ELSE FALSE END", "permitted"),
        ("NOT (credit_tier = 'A' OR credit_tier = 'B')", "permitted"),
    ] {
        assert_eq!(scene().code(&reveal(condition)), code, "{condition}");
    }
}

#[test]
fn e_policy_reveal_receiver() {
    let scene = scene().with("to = \"brand\"", "to = \"bank\"");
    assert_eq!(
        shown(&scene, &reveal(QUESTION)),
        "error[E-POLICY-REVEAL-RECEIVER]: maternal-offers (id…) reveals matches to bank, not to brand
  contract  maternal-offers (id…), signed by brand and bank
  allowed   bank asks
  would do  allow.reveal.to = \"brand\"   (brand and bank must sign)"
    );
    assert_eq!(
        scene.answer(&reveal("bank.accounts.credit_tier = 'A'")).unwrap_err().code(),
        "E-POLICY-REVEAL-RECEIVER"
    );
}

#[test]
fn e_policy_reveal_columns() {
    assert_eq!(
        shown(&scene(), &format!("SELECT customer, bank.accounts.credit_tier {JOIN}")),
        "error[E-POLICY-REVEAL-COLUMNS]: bank.accounts.credit_tier may not stand in the answer of a reveal
  contract  maternal-offers (id…), signed by brand and bank
  rule      a reveal tells which of the asker's own customers match, and no column of the partner
  would do  SELECT customer, and columns of your own dataset"
    );
}

#[test]
fn e_policy_not_allowed() {
    let no_reveal = scene().with("reveal    = { to = \"brand\", columns = [], approval = [\"bank\"] }", "");
    assert_eq!(
        shown(&no_reveal, &reveal(QUESTION)),
        "error[E-POLICY-NOT-ALLOWED]: maternal-offers (id…) does not allow a reveal
  contract  maternal-offers (id…), signed by brand and bank
  allowed   noisy figures over one table, noisy figures over the overlap, training together
  would do  allow.reveal = { to = \"brand\", columns = [], approval = […] }, or SELECT COUNT(*)   (brand and bank must \
         sign)"
    );
    let no_join = scene().with("join      = true", "");
    assert_eq!(no_join.code(&format!("SELECT COUNT(*) {JOIN}")), "E-POLICY-NOT-ALLOWED");
    let no_aggregate = scene().with("aggregate = true", "");
    assert_eq!(no_aggregate.code("SELECT COUNT(*) FROM bank.accounts"), "E-POLICY-NOT-ALLOWED");
}

#[test]
fn e_policy_no_contract() {
    let mut none = scene();
    none.contracts.clear();
    assert_eq!(
        shown(&none, &reveal("bank.accounts.credit_tier = 'A' AND brand.customers.spend > 1")),
        "error[E-POLICY-NO-CONTRACT]: no contract covers bank.accounts and brand.customers between these partners
  would do  tacit contract propose, with both datasets   (all partners must sign)"
    );
    let mut near = scene();
    near.contracts.push(signed(&TOML.replace("maternal-offers", "second"), &["brand", "bank"]));
    let report = shown(&near, "SELECT customer FROM brand.customers JOIN bank.loans USING (customer)");
    assert!(report.starts_with("error[E-POLICY-NO-CONTRACT]"), "{report}");
    assert!(report.contains("near      maternal-offers (id…): bank.accounts, brand.customers"), "{report}");
    assert_eq!(
        shown(&scene(), "SELECT customer FROM brand.customers JOIN bank.loans USING (customer)"),
        "error[E-POLICY-DATASET]: bank.loans does not exist in maternal-offers (id…)
  contract  maternal-offers (id…), signed by brand and bank
  allowed   bank.accounts, brand.customers
  would do  [[dataset]] owner = \"bank\", name = \"loans\", …   (bank must sign)"
    );
}

#[test]
fn several_contracts_need_a_name_unless_one_alone_is_in_force() {
    let mut two = scene();
    two.contracts.push(signed(&TOML.replace("maternal-offers", "second"), &["brand", "bank"]));
    let report = shown(&two, &reveal(QUESTION));
    assert!(report.starts_with("error[E-POLICY-SEVERAL-CONTRACTS]"), "{report}");
    assert!(report.ends_with("would do  name one of them with --contract"), "{report}");
    two.contracts.push(signed(&TOML.replace("maternal-offers", "unsigned"), &["brand"]));
    let report = shown(&two, &reveal(QUESTION));
    assert!(report.contains("second") && !report.contains("unsigned"), "{report}");
    two.contract = Some("second");
    assert_eq!(two.ask(&reveal(QUESTION)).unwrap().terms().name, "second");
    two.contract = Some("third");
    assert_eq!(two.code(&reveal(QUESTION)), "E-POLICY-CONTRACT-UNKNOWN");
    let mut one = scene();
    one.contracts.push(signed(&TOML.replace("maternal-offers", "second"), &["brand"]));
    assert_eq!(one.ask(&reveal(QUESTION)).unwrap().terms().name, "maternal-offers");
}

#[test]
fn e_policy_not_signed() {
    let mut scene = scene();
    scene.contracts = vec![signed(TOML, &["brand"])];
    assert_eq!(
        shown(&scene, &reveal(QUESTION)),
        "error[E-POLICY-NOT-SIGNED]: bank has not signed maternal-offers (id…) yet
  contract  maternal-offers (id…), signed by brand
  would do  tacit contract accept   (bank must sign)"
    );
}

#[test]
fn contracts_hold_from_their_first_day_to_their_last() {
    let mut scene = scene();
    for (now, code) in [
        ("2026-11-30T23:59:59Z", "E-POLICY-NOT-STARTED"),
        ("2026-12-01T00:00:00Z", "permitted"),
        ("2027-05-31T23:59:59Z", "permitted"),
        ("2027-06-01T00:00:00Z", "E-POLICY-EXPIRED"),
    ] {
        scene.now = now;
        assert_eq!(scene.code(&reveal(QUESTION)), code, "{now}");
    }
    assert_eq!(
        shown(&scene, &reveal(QUESTION)),
        "error[E-POLICY-EXPIRED]: maternal-offers (id…) ended on 2027-05-31
  contract  maternal-offers (id…), signed by brand and bank
  would do  a new contract with a later end   (brand and bank must sign)"
    );
    scene.now = "2026-11-01T00:00:00Z";
    let report = Report::from(scene.ask(&reveal(QUESTION)).unwrap_err());
    assert!(report.retry_helps, "it starts by itself");
}

#[test]
fn what_a_partner_has_ended_or_refused_is_over() {
    for (says, code) in [(Says::End, "E-POLICY-CONTRACT-ENDED"), (Says::Refuse, "E-POLICY-CONTRACT-REFUSED")]
    {
        let mut scene = scene();
        let reason = Some("the campaign is over");
        scene.contracts[0].state_own(says, reason, &Keys::of("bank"), at("2026-12-20T10:00:00Z")).unwrap();
        let report = shown(&scene, &reveal(QUESTION));
        assert!(report.starts_with(&format!("error[{code}]: bank has ")), "{report}");
        assert!(report.contains("reason    the campaign is over"), "{report}");
    }
}

#[test]
fn e_policy_purpose_and_profile() {
    let mut scene = scene();
    scene.purpose = Some("credit-scoring");
    assert_eq!(
        shown(&scene, &reveal(QUESTION)),
        "error[E-POLICY-PURPOSE]: maternal-offers (id…) is for the purpose joint-marketing, not credit-scoring
  contract  maternal-offers (id…), signed by brand and bank
  allowed   joint-marketing
  would do  a contract with purpose = \"credit-scoring\"   (brand and bank must sign)"
    );
    scene.purpose = Some("joint-marketing");
    scene.peer_profile = Some("uid2/1");
    assert_eq!(scene.code(&reveal(QUESTION)), "E-POLICY-PROFILE");
    scene.peer_profile = Some("google-dm/2");
    assert_eq!(scene.code(&reveal(QUESTION)), "permitted");
}

#[test]
fn the_owners_registration_outweighs_the_contract() {
    // Since the contract was signed, the bank has classed the tier as important.
    let mut scene = scene();
    let accounts = scene.datasets.0.get_mut("accounts").unwrap();
    accounts.classes.insert("credit_tier".to_owned(), ColumnClass::Important);
    let error = scene.answer(&reveal("bank.accounts.credit_tier = 'A'")).unwrap_err();
    let text = Report::from(error).to_string();
    assert!(text.starts_with("error[E-POLICY-CLASS]: bank.accounts.credit_tier is important, and may not be filtered in a reveal"), "{text}");
    assert!(text.contains("important fields are never told about single customers"), "{text}");

    let mut scene = self::scene();
    scene.datasets.0.get_mut("customers").unwrap().region = Some("CN".to_owned());
    assert_eq!(
        shown(&scene, &reveal(QUESTION)),
        "error[E-POLICY-REGION]: brand.customers is registered for CN; maternal-offers (id…) says no region
  contract  maternal-offers (id…), signed by brand and bank
  rule      rows stay in the region that their owner has registered
  would do  region = \"CN\"   (brand and bank must sign)"
    );
    let mut scene = self::scene();
    scene.datasets.0.remove("customers");
    assert_eq!(scene.code(&reveal("bank.accounts.credit_tier = 'A'")), "E-POLICY-DATASET-MISSING");
    let mut scene = self::scene();
    scene.datasets.0.get_mut("customers").unwrap().keys[0].0 = "email".parse().unwrap();
    scene.datasets.0.get_mut("customers").unwrap().keys[0].1 = "region".to_owned();
    assert_eq!(
        shown(&scene, &reveal(QUESTION)),
        "error[E-POLICY-MATCH-KEY]: brand.customers has none of the match keys of maternal-offers (id…)
  contract    maternal-offers (id…), signed by brand and bank
  wanted      phone, email
  registered  email=region
  listed      mobile
  would do    register a key of one of these kinds, whose column the contract lists for match"
    );
    for (kind, code) in [(None, "E-POLICY-OWN-COLUMN"), (Some(Kind::Date), "E-POLICY-CONSENT-COLUMN")] {
        let mut scene = self::scene();
        let columns = &mut scene.datasets.0.get_mut("accounts").unwrap().columns;
        columns.remove("marketing_ok");
        columns.extend(kind.map(|kind| ("marketing_ok".to_owned(), kind)));
        assert_eq!(scene.answer(&reveal("bank.accounts.credit_tier = 'A'")).unwrap_err().code(), code);
    }
}

#[test]
fn a_question_has_one_own_table_and_one_of_the_partner() {
    let three = TOML.replace("[\"brand\", \"bank\"]", "[\"brand\", \"bank\", \"insurer\"]").replace(
        "[allow]",
        "[[dataset]]\nowner = \"insurer\"\nname = \"policies\"\nconsent = \"withdrawal-list\"\ncolumns.tel = { use = \
         [\"match\"] }\n[allow]",
    );
    let mut scene = scene();
    scene.contracts = vec![signed(&three, &["brand", "bank", "insurer"])];
    for sql in [
        "SELECT customer FROM bank.accounts JOIN insurer.policies USING (customer)",
        "SELECT COUNT(*) FROM brand.customers",
    ] {
        assert_eq!(scene.code(sql), "E-POLICY-NOT-OURS", "{sql}");
    }
    // The insurer asks the bank about the brand's customers; the bank asks the bank.
    let insurer = Role::Answerer { from: Keys::of("insurer").id() };
    let mut bank = scene;
    (bank.me, bank.role) = ("bank", insurer);
    assert_eq!(bank.code(&reveal("bank.accounts.credit_tier = 'A'")), "E-POLICY-NOT-OURS");
    bank.role = Role::Answerer { from: Keys::of("bank").id() };
    assert_eq!(bank.code(&reveal("bank.accounts.credit_tier = 'A'")), "E-POLICY-NOT-OURS");
    // A stranger has no contract at all.
    bank.contracts = vec![signed(TOML, &["brand", "bank"])];
    bank.role = insurer;
    assert_eq!(bank.code(&reveal("bank.accounts.credit_tier = 'A'")), "E-POLICY-NO-CONTRACT");
}

proptest! {
    /// Whatever the asker's node permits, the answerer's permits too, and the other way round: a difference
    /// would be a question that is asked in vain, or one that only the asker's good will holds back.
    #[test]
    fn both_sides_judge_alike(
        column in prop::sample::select(vec!["credit_tier", "region", "income", "balance", "tel", "secret", "marketing_ok"]),
        test in prop::sample::select(vec!["= 'A'", "<> 'B'", "IN ('A', 'D')", "IS NULL", "LIKE 'A%'", "> 'A'"]),
        kind in prop::sample::select(vec!["customer", "COUNT(*)", "SUM(balance)", "SUM(income)"]),
        grouped in prop::option::of(prop::sample::select(vec!["bank.accounts.region", "credit_tier", "income"])),
        allowed in prop::collection::vec(any::<bool>(), 3),
    ) {
        prop_assume!(kind != "customer" || grouped.is_none());
        let group = grouped.map(|group| format!(" GROUP BY {group}")).unwrap_or_default();
        let sql = format!("SELECT {kind} {JOIN} WHERE bank.accounts.{column} {test}{group}");
        let mut scene = scene();
        let mut toml = TOML.to_owned();
        for (allowed, (was, is)) in allowed.into_iter().zip([
            ("join      = true", "join = false"),
            ("to = \"brand\"", "to = \"bank\""),
            ("\"filter\", \"group\", \"reveal-filter\"", "\"filter\", \"group\""),
        ]) {
            if !allowed {
                toml = toml.replace(was, is);
            }
        }
        scene.contracts = vec![signed(&toml, &["brand", "bank"])];
        // Kinds are the owner's to know: a text column under every name, but for the one that is measured, keeps them
        // out of this.
        for facts in scene.datasets.0.values_mut() {
            for (name, kind) in &mut facts.columns {
                *kind = if name == "balance" { Kind::Number } else { Kind::Text };
            }
        }
        let parsed = parse(&sql, &KnownColumns {
            me: Keys::of("brand").id(),
            contracts: &scene.contracts,
            datasets: &scene.datasets,
        }).unwrap();
        let asked = scene.ask(&sql);
        let answered = scene.answer(&parsed.for_partner("bank"));
        let code = |result: &Result<Permitted, PolicyError>| result.as_ref().err().map(Refusal::code);
        prop_assert_eq!(code(&asked), code(&answered));
    }
}

#[test]
fn policy_errors_exit_as_policy() {
    let error = scene().ask(&reveal("bank.accounts.secret = 'x'")).unwrap_err();
    assert_eq!(error.class(), crate::report::Class::Policy);
}

#[test]
fn before_signing_names_everything_that_stands_in_the_way() {
    let document = signed(TOML, &["brand"]);
    let bank = Keys::of("bank").id();
    assert_eq!(before_signing(&document, &bank, &registered()), []);
    let mut datasets = registered();
    let accounts = datasets.0.get_mut("accounts").unwrap();
    accounts.columns.remove("income");
    accounts.classes.insert("balance".to_owned(), ColumnClass::Core);
    accounts.classes.insert("credit_tier".to_owned(), ColumnClass::Important);
    let found: Vec<_> =
        before_signing(&document, &bank, &datasets).into_iter().map(|error| error.to_string()).collect();
    assert_eq!(
        found,
        [
            "bank.accounts.balance is core, and may not be measured",
            "bank.accounts.credit_tier is important, and may not be filtered in a reveal",
            "bank.accounts has no column income",
        ]
    );
}

#[test]
fn the_plan_says_what_happens_and_who_learns_what() {
    let plan = Plan::of(&scene().ask(&reveal(QUESTION)).unwrap());
    let lines = |pairs: &[(String, String)]| {
        pairs.iter().map(|(who, what)| format!("{who}: {what}")).collect::<Vec<_>>()
    };
    assert_eq!(
        lines(&plan.stages),
        [
            "brand: read customers, keep rows with \"category\" = 'maternal'; leave out rows without consent",
            "bank: read accounts, keep rows with \"credit_tier\" = 'A'; leave out rows without consent",
            "both: bring phone, then email to one spelling (google-dm/2), hash, drop duplicates",
            "bank: a person approves this run",
            "both: compare the sets blinded (Ristretto255 OPRF); sizes are padded",
            "brand: write the matching customers to a file",
            "both: record the run",
        ]
    );
    assert_eq!(
        lines(&plan.learns),
        [
            "brand: which of its own customers match bank's; no noise hides this",
            "brand: A filter on credit_tier tells brand the credit_tier of every match.",
            "brand: the padded size of bank's set",
            "bank: the padded size of brand's set, and nothing about who is in it",
        ]
    );
    assert!(!plan.sent.contains("maternal"), "{}", plan.sent);
}
