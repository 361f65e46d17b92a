//! Figures over an overlap against whole DataFusion: what the rooms before and after the protocol make of random tables
//! must be, with no noise, what SQL says of the join that nobody can make in life. The protocol in the middle is the
//! model that it is held to itself.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use datafusion::{
    arrow::array::AsArray,
    prelude::{CsvReadOptions, SessionConfig, SessionContext},
};
use jiff::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair};
use tacit_node::{
    config::partner_id,
    policy::{
        Circumstances, Contracts, DatasetFacts, Datasets, Directory, JoinPlan, Moment, Party, Permitted,
        Quantity, Role, Roles, Signer, consent::Withdrawn, day, permit,
    },
    query::{Kind, NoColumns, parse},
    release,
    scan::{self, CollectPlan, JoinInput, NewDataset, Registration, collect_join},
};
use tacit_protocol::{
    identity::{KeyKind, Profile},
    ids::PartnerId,
    join::model,
};
use tacit_tests::pair::overlap;

fn contract() -> String {
    overlap(
        &["member", "card"],
        "epsilon = 4.0\nper_query_epsilon = 1.0\nmin_group = 1",
        "category = { use = [\"filter\", \"group\"], values = [\"home\", \"maternal\"] }\n\
         x = { use = [\"measure\", \"filter\"], bounds = [0, 1000], step = 1 }",
        "tier = { use = [\"filter\", \"group\"], values = [\"A\", \"B\", \"C\"] }\n\
         y = { use = [\"measure\", \"filter\"], bounds = [-500, 500], step = 1 }",
    )
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    /// A random part of the numbers below this, in random order.
    fn some_of(&mut self, most: usize) -> Vec<Option<usize>> {
        let mut all: Vec<Option<usize>> = (0..most).map(Some).collect();
        for at in (1..most).rev() {
            all.swap(at, self.below(at as u64 + 1) as usize);
        }
        all.iter_mut().for_each(|one| {
            if self.below(4) == 0 {
                *one = None;
            }
        });
        all
    }
}

/// A table of customers with one row each: keys that are unique in it, a group and a measure, all of them maybe missing.
fn table(dice: &mut Dice, rows: usize, column: (&str, &[&str]), measure: (&str, i64, i64)) -> String {
    let mut text = format!("member,card,{},{}\n", column.0, measure.0);
    let (members, cards) = (dice.some_of(rows), dice.some_of(rows));
    for (member, card) in members.into_iter().zip(cards) {
        let key = |name: &str, key: Option<usize>| key.map_or_else(String::new, |key| format!("{name}{key}"));
        let group = column.1[dice.below(column.1.len() as u64) as usize];
        let value = match dice.below(8) {
            0 => String::new(),
            // Beyond the bounds, now and then.
            _ => (measure.1 + dice.below((measure.2 - measure.1) as u64) as i64).to_string(),
        };
        writeln!(text, "{},{},{group},{value}", key("m", member), key("c", card)).unwrap();
    }
    text
}

/// A partner's name and keys.
struct Keys(&'static str, Ed25519KeyPair);

impl Keys {
    fn id(&self) -> PartnerId {
        partner_id(&self.signing_key())
    }
}

impl Signer for Keys {
    fn signing_key(&self) -> [u8; 32] {
        self.1.public_key().as_ref().try_into().unwrap()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.1.sign(message).as_ref().try_into().unwrap()
    }
}

struct Both([Keys; 2]);

impl Directory for Both {
    fn key_of(&self, name: &str) -> Option<[u8; 32]> {
        self.0.iter().find(|keys| keys.0 == name).map(Keys::signing_key)
    }

    fn name_of(&self, id: &PartnerId) -> Option<String> {
        self.0.iter().find(|keys| keys.id() == *id).map(|keys| keys.0.to_owned())
    }
}

struct Registered;

impl Datasets for Registered {
    fn dataset(&self, name: &str) -> Option<DatasetFacts> {
        let (group, measure) = if name == "accounts" { ("tier", "y") } else { ("category", "x") };
        let kinds =
            [(group, Kind::Text), (measure, Kind::Number), ("member", Kind::Text), ("card", Kind::Text)];
        Some(DatasetFacts {
            columns: BTreeMap::from(kinds.map(|(name, kind)| (name.to_owned(), kind))),
            keys: ["member", "card"].map(|key| (key.parse().unwrap(), key.to_owned())).to_vec(),
            ..DatasetFacts::default()
        })
    }
}

/// The question as the brand's node permits it.
fn permitted(contracts: &Contracts, brand: PartnerId, sql: &str) -> Permitted {
    let circumstances = Circumstances {
        me: brand,
        role: Role::Asker,
        contract: None,
        purpose: None,
        peer_profile: None,
        today: day(Timestamp::now()),
    };
    permit(parse(sql, &NoColumns).unwrap(), &circumstances, &contracts.list(), &Registered).unwrap()
}

fn registered(folder: &Path, name: &str, text: String) -> Registration {
    let file = folder.join(format!("{name}.csv"));
    fs::write(&file, text).unwrap();
    let new = NewDataset::new(name, &file).id("member", "member").unwrap().id("card", "card").unwrap();
    let datasets = scan::Datasets::new(folder.join("datasets"));
    datasets.add(new, Timestamp::now(), &mut |_| true).unwrap()
}

fn bring(registration: &Registration, permitted: &Permitted, party: Party, plan: &JoinPlan) -> JoinInput {
    let keys: Vec<KeyKind> = permitted.terms().identity.keys.clone();
    let withdrawn = Withdrawn::default();
    let owner = if party == Party::Asker { "brand" } else { "bank" };
    let collect = CollectPlan {
        registration,
        profile: Profile::Raw1,
        keys: &keys,
        default_region: None,
        filter: permitted.parsed().filter_of(owner),
        consent: None,
        withdrawn: &withdrawn,
    };
    collect_join(&collect, &keys, plan.side(party), &mut |_, _| true).unwrap()
}

/// What the rooms make of it, group by group, as the plan has them.
fn figures(plan: &JoinPlan, roles: &Roles, seeker: &JoinInput, holder: &JoinInput) -> Vec<Vec<i64>> {
    let shape = plan.shape(roles).unwrap();
    let opened = model::join(&shape, seeker.rows(), holder.rows());
    let figures = release::opened(plan, roles, &opened).unwrap();
    // What is hidden stands for nobody: groups of fewer than one.
    let integers: Vec<i64> = figures.as_slice().iter().map(|figure| figure.unwrap_or(0)).collect();
    integers.chunks(plan.figures().columns().len()).map(<[i64]>::to_vec).collect()
}

/// An integer of the plan as SQL over the join's rows; `x` and `y` are clamped there.
fn sql_of(plan: &JoinPlan, quantity: Quantity) -> String {
    let name = |of: usize| plan.figures().measures()[of].name.column.clone();
    let centre = |of: usize| plan.figures().measures()[of].fixed.centre();
    let apart = |of: usize| format!("({} - {})", name(of), centre(of));
    let sum = match quantity {
        Quantity::Customers => "SUM(1)".to_owned(),
        Quantity::Values(of) => format!("COUNT({})", name(of)),
        Quantity::Sum(of) => format!("SUM({})", name(of)),
        Quantity::Centred(of) => format!("SUM({})", apart(of)),
        Quantity::Squares(of) => format!("SUM({0} * {0})", apart(of)),
        Quantity::Bucket(..) => panic!("no buckets over an overlap"),
        Quantity::Product(one, other) => format!("SUM({} * {})", name(one), name(other)),
        Quantity::Pair(one, other, moment) => {
            let (u, v) = (apart(one), apart(other));
            let of = match moment {
                Moment::Count => "1".to_owned(),
                Moment::First => u.clone(),
                Moment::Second => v.clone(),
                Moment::FirstSquare => format!("{u} * {u}"),
                Moment::SecondSquare => format!("{v} * {v}"),
                Moment::Product => format!("{u} * {v}"),
            };
            format!("SUM(CASE WHEN {u} * {v} IS NOT NULL THEN {of} END)")
        }
    };
    format!("CAST(COALESCE({sum}, 0) AS BIGINT)")
}

const CLAMPED: &str = "CASE WHEN {c} < {low} THEN {low} WHEN {c} > {high} THEN {high} ELSE {c} END AS {c}";

fn clamped(column: &str, low: &str, high: &str) -> String {
    CLAMPED.replace("{c}", column).replace("{low}", low).replace("{high}", high)
}

/// The same by DataFusion: the first key by which a row of the seeker's finds somebody.
async fn truth(
    folder: &Path,
    plan: &JoinPlan,
    seeker: Party,
    [brand, bank]: [&str; 2],
) -> BTreeMap<Vec<String>, Vec<i64>> {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    for name in ["customers", "accounts"] {
        let path = folder.join(format!("{name}.csv")).to_string_lossy().into_owned();
        context.register_csv(name, path, CsvReadOptions::new()).await.unwrap();
    }
    let complete = plan.side(Party::Asker).complete;
    let needed = |column: &str| if complete { format!(" AND {column} IS NOT NULL") } else { String::new() };
    // Who is in no group of those that are asked for takes no part.
    let listed = |column: &str, values: &str| {
        let grouped = plan.figures().axes().iter().any(|axis| axis.name.column == column);
        if grouped { format!(" AND {column} IN ({values})") } else { String::new() }
    };
    let brand = format!(
        "SELECT member, card, category, {} FROM customers WHERE {brand}{}{}",
        clamped("x", "0", "1000"),
        listed("category", "'home', 'maternal'"),
        needed("x")
    );
    let bank = format!(
        "SELECT member, card, tier, {} FROM accounts WHERE {bank}{}{}",
        clamped("y", "-500", "500"),
        listed("tier", "'A', 'B', 'C'"),
        needed("y")
    );
    let (s, h, [group, value], [other, theirs]) = match seeker {
        Party::Asker => (brand, bank, ["category", "x"], ["tier", "y"]),
        Party::Answerer => (bank, brand, ["tier", "y"], ["category", "x"]),
    };
    let first = |column: &str| {
        format!("CASE WHEN h1.member IS NOT NULL THEN h1.{column} ELSE h2.{column} END AS {column}")
    };
    let joined = format!(
        "SELECT s.{group}, s.{value}, {}, {} FROM ({s}) s LEFT JOIN ({h}) h1 ON s.member = h1.member \
         LEFT JOIN ({h}) h2 ON s.card = h2.card WHERE h1.member IS NOT NULL OR h2.card IS NOT NULL",
        first(other),
        first(theirs)
    );
    let axes: Vec<String> = plan.figures().axes().iter().map(|axis| axis.name.column.clone()).collect();
    let sums: Vec<String> =
        plan.figures().columns().iter().map(|column| sql_of(plan, column.quantity)).collect();
    let grouped = if axes.is_empty() { String::new() } else { format!(" GROUP BY {}", axes.join(", ")) };
    let items = axes.iter().cloned().chain(sums).collect::<Vec<_>>();
    let named: Vec<String> = items.iter().zip(0..).map(|(item, n)| format!("{item} AS f{n}")).collect();
    let sql = format!("SELECT {} FROM ({joined}){grouped}", named.join(", "));
    let mut rows = BTreeMap::new();
    for batch in context.sql(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e}")).collect().await.unwrap() {
        let text = datafusion::arrow::datatypes::DataType::Utf8;
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| datafusion::arrow::compute::cast(column, &text).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cell = |at: usize| columns[at].as_string::<i32>().value(row).to_owned();
            let key = (0..axes.len()).map(cell).collect();
            rows.insert(key, (axes.len()..items.len()).map(|at| cell(at).parse().unwrap()).collect());
        }
    }
    rows
}

#[tokio::test]
async fn without_noise_figures_over_an_overlap_are_those_of_sql() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::now();
    let keys = |name, seed| Keys(name, Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap());
    let people = Both([keys("brand", 1), keys("bank", 2)]);
    let contracts = Contracts::open(folder.path().join("contracts")).unwrap();
    contracts.propose(&contract(), &people.0[0], &people, now).unwrap();
    contracts.accept("overlap", &people.0[1], now).unwrap();
    let join = "FROM brand.customers JOIN bank.accounts USING (customer)";
    let (x, y) = ("brand.customers.x", "bank.accounts.y");
    let by_both = "GROUP BY brand.customers.category, bank.accounts.tier";
    let questions = [
        (format!("SELECT COUNT(*) {join}"), ["TRUE", "TRUE"]),
        (
            format!(
                "SELECT COUNT(*), SUM({y}), AVG({x}), STDDEV({y}) {join} \
                 WHERE {x} > 200 AND bank.accounts.tier IN ('A', 'C') {by_both}"
            ),
            ["x > 200", "tier IN ('A', 'C')"],
        ),
        (
            format!(
                "SELECT COUNT(*), SUM({x} * {y}), CORR({x}, {y}), SUM({x}) {join} GROUP BY bank.accounts.tier"
            ),
            ["TRUE", "TRUE"],
        ),
        (
            format!("SELECT CORR({y}, {x}) {join} WHERE {y} <= 300 GROUP BY brand.customers.category"),
            ["TRUE", "y <= 300"],
        ),
    ];
    let mut matched = 0;
    for case in 0..12 {
        let place = folder.path().join(format!("case{case}"));
        fs::create_dir(&place).unwrap();
        let mut dice = Dice(case * 7 + 1);
        let rows = 20 + dice.below(60) as usize;
        let brand = table(&mut dice, rows, ("category", &["home", "maternal", "other"]), ("x", -100, 1_200));
        let rows = 20 + dice.below(60) as usize;
        let bank = table(&mut dice, rows, ("tier", &["A", "B", "C", "D"]), ("y", -600, 600));
        let brand = registered(&place, "customers", brand);
        let bank = registered(&place, "accounts", bank);
        for (sql, filters) in &questions {
            let permitted = permitted(&contracts, people.0[0].id(), sql);
            let plan = permitted.join().unwrap();
            let inputs = [
                bring(&brand, &permitted, Party::Asker, plan),
                bring(&bank, &permitted, Party::Answerer, plan),
            ];
            for seeker in Party::BOTH {
                let roles = Roles { seeker, reason: String::new() };
                let (s, h) = (&inputs[seeker as usize], &inputs[roles.holder() as usize]);
                let found = figures(plan, &roles, s, h);
                let truth = truth(&place, plan, seeker, *filters).await;
                for (cell, integers) in found.iter().enumerate() {
                    let group: Vec<String> =
                        plan.figures().cell(cell).into_iter().map(str::to_owned).collect();
                    let nobody = vec![0; integers.len()];
                    let expected = truth.get(&group).unwrap_or(&nobody);
                    assert_eq!(integers, expected, "{sql}, case {case}, {seeker:?}, {group:?}");
                    matched += integers[0];
                }
                let all: usize = truth.keys().filter(|key| !key.is_empty()).count();
                assert!(all <= found.len(), "{sql}: a group that the plan does not have");
            }
        }
    }
    assert!(matched > 1_000, "{matched}: too few to tell");
}
