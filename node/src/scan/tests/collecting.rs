use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tacit_protocol::identity::{HashText, KeyKind, Normaliser, Profile};

use super::*;
use crate::{policy::consent::Withdrawn, report::Refusal};

const KEYS: [KeyKind; 2] = [KeyKind::Phone, KeyKind::Email];

fn nobody() -> Withdrawn {
    Withdrawn::default()
}

fn plan<'a>(registration: &'a Registration, withdrawn: &'a Withdrawn) -> CollectPlan<'a> {
    CollectPlan {
        registration,
        profile: Profile::GoogleDm2,
        keys: &KEYS,
        default_region: Some("CN".parse().unwrap()),
        filter: None,
        consent: None,
        withdrawn,
    }
}

fn go(plan: &CollectPlan<'_>) -> LocalInput {
    collect(plan, &mut |_, _| true).unwrap()
}

fn customers(place: &Place, text: &str) -> Registration {
    let path = place.write("a.csv", text);
    place.add(&path, &[("phone", "tel"), ("email", "mail")]).unwrap()
}

fn rows(input: &LocalInput) -> Vec<u64> {
    input.customers().iter().map(|customer| customer.row).collect()
}

fn taken(registration: &Registration, filter: &str) -> Result<Vec<u64>, ScanError> {
    let nobody = nobody();
    collect(
        &CollectPlan { filter: Some(&Filter::of(filter).unwrap()), ..plan(registration, &nobody) },
        &mut |_, _| true,
    )
    .map(|input| rows(&input))
}

#[test]
fn spellings_of_one_number_and_chains_of_rows_are_one_customer() {
    let place = Place::new();
    let registration = customers(
        &place,
        "tel,mail\n138 1234 5678,\n+8613812345678,a@x.de\n,A@x.de\n13912345678,\n,b@x.de\n,\nhello,b@\n",
    );
    let input = go(&plan(&registration, &nobody()));
    assert_eq!(rows(&input), [1, 4, 5]);
    let items: Vec<usize> = input.customers().iter().map(|customer| customer.items.len()).collect();
    assert_eq!(items, [2, 1, 1]);
    let counts = input.counts();
    assert_eq!((counts.rows, counts.customers, counts.items, counts.without_key), (7, 3, 4, 2));
    assert_eq!((counts.keys[0].missing, counts.keys[0].malformed), (3, 1));
    assert_eq!((counts.keys[1].missing, counts.keys[1].malformed), (3, 1));
    let phone = Normaliser::new(Profile::GoogleDm2, KeyKind::Phone, None).item("+8613812345678").unwrap();
    let email = Normaliser::new(Profile::GoogleDm2, KeyKind::Email, None).item("a@x.de").unwrap();
    assert_eq!(input.items()[..2], [phone, email], "in the contract's order");
    let others: Vec<Vec<u64>> = input.matched(&[true; 4]).into_iter().map(|found| found.others).collect();
    assert_eq!(others, [vec![2, 3], vec![], vec![]]);
    assert_eq!(input.matched(&[false, false, true, true])[0].others, [0; 0], "those of a customer skipped");
}

#[test]
fn a_customer_matches_by_the_first_kind_in_the_contracts_order() {
    let place = Place::new();
    let registration = customers(&place, "tel,mail\n13812345678,a@x.de\n13912345678,b@x.de\n,c@x.de\n");
    let input = go(&plan(&registration, &nobody()));
    let found = |bits: [bool; 5]| {
        let found = input.matched(&bits).into_iter();
        found.map(|found| (found.row, found.kind.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(found([true, true, false, true, false]), [(1, "phone".to_owned()), (2, "email".to_owned())]);
    assert_eq!(found([false; 5]), []);
    assert_eq!(found([false, false, false, false, true]), [(3, "email".to_owned())]);
    let nobody = nobody();
    let reversed = CollectPlan { keys: &[KeyKind::Email, KeyKind::Phone], ..plan(&registration, &nobody) };
    assert_eq!(go(&reversed).matched(&[true; 5])[0].kind, KeyKind::Email);
}

#[test]
fn several_columns_of_one_kind_are_all_keys() {
    let place = Place::new();
    let path = place.write("a.csv", "home,mobile\n13812345678,13912345678\n,13812345678\n");
    let registration = place.add(&path, &[("phone", "mobile"), ("phone", "home")]).unwrap();
    let nobody = nobody();
    let input = go(&CollectPlan { keys: &[KeyKind::Phone], ..plan(&registration, &nobody) });
    assert_eq!((rows(&input), input.items().len()), (vec![1], 2));
}

#[test]
fn a_kind_of_key_without_a_column_is_refused() {
    let place = Place::new();
    let path = place.write("a.csv", "tel\n1\n");
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    let error = collect(&plan(&registration, &nobody()), &mut |_, _| true).unwrap_err();
    assert_eq!(error.code(), "E-DATA-KEY");
    assert!(shown(error).contains("--id email=COLUMN"));
}

#[test]
fn only_a_plain_yes_is_consent() {
    let place = Place::new();
    let cases = [
        ("true\nfalse\n\nTRUE\n", &[1, 4][..], 0),
        ("yes\nno\nmaybe\nY\n", &[1, 4], 1),
        ("1\n0\n\n1\n", &[1, 4], 0),
        ("1\n2\n0\n1\n", &[1, 4], 1),
        ("t\nn\n \nx\n", &[1], 1),
    ];
    for (cells, expected, unclear) in cases {
        let lines = cells.split_terminator('\n').enumerate();
        let text: String = lines.map(|(at, cell)| format!("1381234567{at},,{cell}\n")).collect();
        let registration = customers(&place, &format!("tel,mail,ok\n{text}"));
        let nobody = nobody();
        let input = go(&CollectPlan { consent: Some("ok"), ..plan(&registration, &nobody) });
        assert_eq!(rows(&input), expected, "{cells:?}");
        assert_eq!(input.counts().without_consent, 4 - expected.len() as u64);
        assert_eq!(input.counts().consent_unclear, unclear, "{cells:?}");
        place.datasets.remove("d").unwrap();
    }
}

#[test]
fn json_and_parquet_booleans_are_consent_and_null_is_not() {
    let place = Place::new();
    let json = "{\"tel\":13812345670,\"ok\":true}\n{\"tel\":13812345671,\"ok\":false}\n\
                {\"tel\":13812345672,\"ok\":null}\n{\"tel\":13812345673}\n";
    let path = place.write("a.ndjson", json);
    let nobody = nobody();
    let ok = |registration: &Registration| {
        rows(&go(&CollectPlan { keys: &KEYS[..1], consent: Some("ok"), ..plan(registration, &nobody) }))
    };
    assert_eq!(ok(&place.add(&path, &[("phone", "tel")]).unwrap()), [1]);
    place.datasets.remove("d").unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "tel",
            Arc::new(crate::engine::arrow::array::Int64Array::from_iter_values(
                13_812_345_670..13_812_345_673,
            )),
        ),
        (
            "ok",
            Arc::new(crate::engine::arrow::array::BooleanArray::from(vec![None, Some(true), Some(false)])),
        ),
    ];
    let path = parquet(&place.path("a.parquet"), columns);
    assert_eq!(ok(&place.add(&path, &[("phone", "tel")]).unwrap()), [2]);
}

#[test]
fn a_consent_column_that_is_none_is_refused() {
    let place = Place::new();
    let registration = customers(&place, "tel,mail,ok,since\n13812345678,,perhaps,2024-01-01\n");
    let nobody = nobody();
    for column in ["ok", "since"] {
        let plan = CollectPlan { consent: Some(column), ..plan(&registration, &nobody) };
        assert_eq!(collect(&plan, &mut |_, _| true).unwrap_err().code(), "E-DATA-CONSENT");
    }
    let plan = CollectPlan { consent: Some("gone"), ..plan(&registration, &nobody) };
    assert_eq!(collect(&plan, &mut |_, _| true).unwrap_err().code(), "E-DATA-COLUMN");
}

#[test]
fn rows_left_out_by_filter_or_consent_give_no_identifiers() {
    let place = Place::new();
    let registration = customers(
        &place,
        "tel,mail,ok,cat\n13812345670,a@x.de,yes,x\n13812345671,a@x.de,yes,y\n13812345672,a@x.de,no,y\n",
    );
    let nobody = nobody();
    let filter = Filter::of("\"cat\" = 'y'").unwrap();
    let plan = CollectPlan { consent: Some("ok"), filter: Some(&filter), ..plan(&registration, &nobody) };
    let input = go(&plan);
    assert_eq!((rows(&input), input.items().len()), (vec![2], 2));
    assert_eq!((input.counts().filtered_out, input.counts().without_consent), (1, 1));
}

#[test]
fn a_withdrawn_identifier_takes_the_customer_out_whatever_the_contract_matches_by() {
    let place = Place::new();
    let registration = customers(
        &place,
        "tel,mail\n13812345670,a@x.de\n,a@x.de\n13812345671,b@x.de\n13812345672,c@x.de\n,d@x.de\n",
    );
    let mut list = Withdrawn::open(&place.path("consent")).unwrap();
    list.add("+86 138 1234 5670\nB@x.de\n", None, None, &[], Timestamp::now()).unwrap();
    for profile in [Profile::GoogleDm2, Profile::Uid21, Profile::MetaCapi1, Profile::CnMobile1, Profile::Raw1]
    {
        let plan = CollectPlan { profile, ..plan(&registration, &list) };
        let input = go(&plan);
        assert_eq!((rows(&input), input.counts().withdrawn), (vec![4, 5], 2), "{profile}");
        // The contract matches mails only; the withdrawal came by phone.
        let input = go(&CollectPlan { keys: &[KeyKind::Email], ..plan });
        assert_eq!(rows(&input), [4, 5], "{profile}");
    }
    list.add("d@x.de", None, Some("other"), &[], Timestamp::now()).unwrap();
    assert_eq!(rows(&go(&plan(&registration, &list))), [4, 5], "another dataset's withdrawal");
    // A hash, made by rules other than the contract's.
    let digest = Normaliser::new(Profile::MetaCapi1, KeyKind::Phone, None).digest("+8613812345672").unwrap();
    list.add(&HashText::Base64.write(&digest), None, None, &[], Timestamp::now()).unwrap();
    assert_eq!(rows(&go(&plan(&registration, &list))), [5]);
}

#[test]
fn a_filter_takes_only_what_it_is_true_for() {
    let place = Place::new();
    let registration = customers(
        &place,
        "tel,mail,Age,cat,day,rich\n\
         13812345671,,30,a,2024-01-01,true\n\
         13812345672,,,b,2024-06-01,false\n\
         13812345673,,n/a,,2025-01-01,\n\
         13812345674,,40,\"it's\",,true\n\
         13812345675,,50,A,2023-01-01,true\n\
         13812345676,,1,c,2023-01-01,true\n\
         13812345677,,2,c,2023-01-01,true\n\
         13812345678,,3,c,2023-01-01,true\n\
         13812345679,,4,c,2023-01-01,true\n\
         13812345680,,5,c,2023-01-01,true\n\
         13812345681,,6,c,2023-01-01,true\n\
         13812345682,,7,c,2023-01-01,true\n\
         13812345683,,8,c,2023-01-01,true\n\
         13812345684,,9,c,2023-01-01,true\n\
         13812345685,,9,c,2023-01-01,true\n\
         13812345686,,9,c,2023-01-01,true\n\
         13812345687,,9,c,2023-01-01,true\n\
         13812345688,,9,c,2023-01-01,true\n\
         13812345689,,9,c,2023-01-01,true\n\
         13812345690,,9,c,2023-01-01,true\n\
         13812345691,,9,c,2023-01-01,true\n",
    );
    assert_eq!(registration.column("Age").unwrap().kind, ColumnType::Integer);
    for (sql, expected) in [
        ("\"Age\" >= 30", &[1, 4, 5][..]),
        ("Age >= 30", &[1, 4, 5]),
        ("\"Age\" > 29.5 AND \"Age\" < 41", &[1, 4]),
        ("NOT (\"Age\" < 30)", &[1, 4, 5]),
        ("\"Age\" IS NULL", &[2, 3]),
        ("\"cat\" = 'a'", &[1]),
        ("\"cat\" <> 'c'", &[1, 2, 4, 5]),
        ("\"cat\" = 'it''s'", &[4]),
        ("\"cat\" IN ('a', 'b')", &[1, 2]),
        ("lower(\"cat\") = 'a'", &[1, 5]),
        ("\"cat\" LIKE '_'  AND \"Age\" > 20", &[1, 5]),
        ("\"day\" > DATE '2024-01-01'", &[2, 3]),
        ("\"rich\" AND \"Age\" > 20", &[1, 4, 5]),
        ("\"rich\" IS NOT TRUE", &[2, 3]),
        ("CASE WHEN \"rich\" THEN FALSE ELSE TRUE END", &[2, 3]),
        ("\"tel\" = '13812345674'", &[4]),
        ("coalesce(\"cat\", 'none') = 'none'", &[3]),
    ] {
        assert_eq!(taken(&registration, sql).expect(sql), expected, "{sql}");
    }
}

#[test]
fn a_filter_fails_on_no_row_for_its_cell() {
    let place = Place::new();
    let registration = customers(&place, "tel,mail,cat,n\n13812345671,,secret,1\n13812345672,,7,0\n");
    // The planner would cast the column to a number, and fail on the first row only.
    assert_eq!(taken(&registration, "\"cat\" = 7").unwrap(), [2]);
}

#[test]
fn a_filter_that_does_not_fit_the_columns_is_refused_without_being_repeated() {
    let place = Place::new();
    let registration = customers(&place, "tel,mail,n\n13812345671,,1\n");
    let cases = [
        ("\"gone\" = 'secret'", "E-DATA-COLUMN"),
        ("\"n\"", "E-DATA-FILTER"),
        ("\"n\" || 'secret'", "E-DATA-FILTER"),
    ];
    for (sql, code) in cases {
        let error = taken(&registration, sql).unwrap_err();
        assert_eq!(error.code(), code, "{sql}");
        assert!(!shown(error).contains("secret"));
    }
}

#[test]
fn nothing_that_is_printed_for_debugging_holds_an_item() {
    let place = Place::new();
    let registration = customers(&place, "tel,mail\n13812345671,a@x.de\n");
    let input = go(&plan(&registration, &nobody()));
    let first = format!("{:?}", &input.items()[0][..4]);
    let shown =
        format!("{input:?} {:?} {:?}", input.customers(), read(&registration, &["tel"]).unwrap().next());
    assert!(!shown.contains(first.trim_matches(['[', ']'])) && !shown.contains("13812345671"), "{shown}");
    assert!(shown.contains("Customers(1)") && shown.contains("Batch(1 rows from 1)"));
}

#[test]
fn progress_is_told_and_can_stop_it() {
    let place = Place::new();
    let registration = customers(&place, "tel,mail\n13812345671,\n13812345672,\n");
    let nobody = nobody();
    let mut told = Vec::new();
    collect(&plan(&registration, &nobody), &mut |done, total| {
        told.push((done, total));
        true
    })
    .unwrap();
    assert_eq!(told, [(2, 2)]);
    let error = collect(&plan(&registration, &nobody), &mut |_, _| false).unwrap_err();
    assert_eq!(error.code(), "E-DATA-STOPPED");
}

/// A row of the naive reference.
#[derive(Debug, Clone)]
struct Row {
    phone: Option<u8>,
    email: Option<u8>,
    wanted: Option<bool>,
    consent: Option<bool>,
}

fn any_row() -> impl Strategy<Value = Row> {
    let key = || prop_oneof![2 => Just(None), 5 => (0..12u8).prop_map(Some)];
    let truth = || prop_oneof![1 => Just(None), 6 => Just(Some(true)), 2 => Just(Some(false))];
    (key(), key(), truth(), truth()).prop_map(|(phone, email, wanted, consent)| Row {
        phone,
        email,
        wanted,
        consent,
    })
}

/// What collecting means, by repeated merging of sets.
fn reference(rows: &[Row], withdrawn: &BTreeSet<String>) -> (Vec<(u64, Vec<String>)>, u64) {
    let phone = |n: &u8| format!("+861381234{n:04}");
    let email = |n: &u8| format!("m{n}@x.de");
    let keys = |row: &Row| -> Vec<String> {
        row.phone.iter().map(phone).chain(row.email.iter().map(email)).collect()
    };
    let mut groups: Vec<BTreeSet<String>> = rows
        .iter()
        .map(|row| keys(row).into_iter().collect())
        .filter(|set: &BTreeSet<String>| !set.is_empty())
        .collect();
    loop {
        let mut merged = None;
        'search: for left in 0..groups.len() {
            for right in left + 1..groups.len() {
                if !groups[left].is_disjoint(&groups[right]) {
                    merged = Some((left, right));
                    break 'search;
                }
            }
        }
        let Some((left, right)) = merged else { break };
        let other = groups.remove(right);
        groups[left].extend(other);
    }
    let (mut customers, mut out) = (Vec::new(), 0);
    for group in groups {
        let mut first: BTreeMap<String, u64> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            if row.wanted == Some(true) && row.consent == Some(true) {
                for key in keys(row).into_iter().filter(|key| group.contains(key)) {
                    first.entry(key).or_insert(at as u64 + 1);
                }
            }
        }
        let Some(&row) = first.values().min() else { continue };
        if !group.is_disjoint(withdrawn) {
            out += 1;
            continue;
        }
        customers.push((row, first.into_keys().collect()));
    }
    customers.sort();
    (customers, out)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn collecting_is_what_merging_sets_by_hand_gives(
        rows in prop::collection::vec(any_row(), 0..40),
        gone in prop::collection::btree_set((any::<bool>(), 0..12u8), 0..3),
    ) {
        let place = Place::new();
        let mut text = "tel,mail,wanted,ok\n".to_owned();
        for (at, row) in rows.iter().enumerate() {
            // Two spellings of each.
            let phone = row.phone.map(|n| if at % 2 == 0 { format!("1381234{n:04}") } else { format!("+86 138-1234-{n:04}") });
            let email = row.email.map(|n| if at % 3 == 0 { format!("M{n}@X.de") } else { format!("m{n}@x.de") });
            let truth = |truth: Option<bool>| truth.map(|truth| truth.to_string()).unwrap_or_default();
            let cells = [phone.unwrap_or_default(), email.unwrap_or_default(), truth(row.wanted), truth(row.consent)];
            text.push_str(&(cells.join(",") + "\n"));
        }
        // At least one cell of each truth, so that the columns are boolean whatever the rows are.
        text.push_str(",,true,true\n");
        let registration = customers(&place, &text);
        let gone: BTreeSet<String> = gone
            .into_iter()
            .map(|(phone, n)| if phone { format!("+861381234{n:04}") } else { format!("m{n}@x.de") })
            .collect();
        let mut list = nobody();
        if !gone.is_empty() {
            list = Withdrawn::open(&place.path("consent")).unwrap();
            let lines: Vec<&str> = gone.iter().map(String::as_str).collect();
            list.add(&lines.join("\n"), None, None, &[], Timestamp::now()).unwrap();
        }
        let wanted = Filter::of("\"wanted\"").unwrap();
        let plan = CollectPlan { filter: Some(&wanted), consent: Some("ok"), ..plan(&registration, &list) };
        let input = go(&plan);
        let (expected, out) = reference(&rows, &gone);
        let item = |text: &String| {
            let kind = if text.contains('@') { KeyKind::Email } else { KeyKind::Phone };
            Normaliser::new(Profile::GoogleDm2, kind, None).item(text).unwrap()
        };
        // Of a customer with more than the padding hides: telephone numbers before addresses, the lowest first.
        let mut surplus = 0;
        let expected: Vec<(u64, BTreeSet<[u8; 32]>)> = expected
            .iter()
            .map(|(row, keys)| {
                let mut keys: Vec<(bool, [u8; 32])> =
                    keys.iter().map(|key| (key.contains('@'), item(key))).collect();
                keys.sort_unstable();
                surplus += keys.len().saturating_sub(KEYS_A_CUSTOMER as usize) as u64;
                (*row, keys.into_iter().take(KEYS_A_CUSTOMER as usize).map(|(_, item)| item).collect())
            })
            .collect();
        let found: Vec<(u64, BTreeSet<[u8; 32]>)> = input
            .customers()
            .iter()
            .map(|customer| (customer.row, input.items()[customer.items].iter().copied().collect()))
            .collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(input.counts().withdrawn, out);
        let distinct: BTreeSet<&[u8; 32]> = input.items().iter().collect();
        prop_assert_eq!(distinct.len(), input.items().len());
        let counts = input.counts();
        prop_assert_eq!(counts.surplus_items, surplus);
        prop_assert_eq!(counts.rows, rows.len() as u64 + 1);
    }
}
