//! The join that nobody can make in life: both parties' sample data in one place, in plain sight.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema},
    },
    prelude::{CsvReadOptions, ParquetReadOptions, SessionConfig, SessionContext},
};
use tacit_protocol::identity::{HashText, KeyKind, Profile, Region, digest};
use tacit_tests::sample;

/// Both tables, pooled, with a normalised column beside each identifier.
pub struct Pooled {
    context: SessionContext,
    /// All rows of the brand: id, then what identifies them.
    brand: Vec<(String, Vec<String>)>,
}

/// One normalised identifier, as the hash that platforms exchange: some cells hold nothing else.
fn clean(kind: &KeyKind, value: Option<&str>) -> Option<String> {
    let region: Region = "US".parse().expect("a region");
    let digest = digest(Profile::GoogleDm2, kind, Some(region), value?).ok()?;
    Some(format!("{} {}", kind.name(), HashText::Hex.write(&digest)))
}

/// All rows of a query, as text.
async fn texts(context: &SessionContext, sql: &str) -> (Vec<String>, Vec<Vec<Option<String>>>) {
    let frame = context.sql(sql).await.expect("plain SQL");
    let names: Vec<String> = frame.schema().fields().iter().map(|field| field.name().clone()).collect();
    let casts: Vec<String> =
        names.iter().map(|name| format!("CAST(\"{name}\" AS VARCHAR) AS \"{name}\"")).collect();
    let frame = context.sql(&format!("SELECT {} FROM ({sql})", casts.join(", "))).await.expect("plain SQL");
    let mut rows = Vec::new();
    for batch in frame.collect().await.expect("rows") {
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .map(|column| datafusion::arrow::compute::cast(column, &DataType::Utf8).expect("text"))
            .collect();
        for row in 0..batch.num_rows() {
            let cell = |column: &ArrayRef| {
                let column = column.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            rows.push(columns.iter().map(cell).collect());
        }
    }
    (names, rows)
}

/// Registers rows again, with `phone` and `mail` normalised.
fn register(
    context: &SessionContext,
    name: &str,
    (names, rows): (Vec<String>, Vec<Vec<Option<String>>>),
    (phone, mail): (&str, &str),
) {
    let place = |wanted: &str| names.iter().position(|name| name == wanted).expect("a column");
    let (phone, mail) = (place(phone), place(mail));
    let column = |at: usize| rows.iter().map(|row| row[at].as_deref()).collect::<StringArray>();
    let clean = |at: usize, kind: &KeyKind| {
        rows.iter().map(|row| clean(kind, row[at].as_deref())).collect::<StringArray>()
    };
    let mut columns: Vec<(String, ArrayRef)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.clone(), std::sync::Arc::new(column(at)) as ArrayRef))
        .collect();
    columns.push(("clean_phone".into(), std::sync::Arc::new(clean(phone, &KeyKind::Phone))));
    columns.push(("clean_mail".into(), std::sync::Arc::new(clean(mail, &KeyKind::Email))));
    let fields: Vec<Field> = columns.iter().map(|(name, _)| Field::new(name, DataType::Utf8, true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    let batch = RecordBatch::try_new(std::sync::Arc::new(Schema::new(fields)), columns).expect("a table");
    context.register_batch(name, batch).expect("a fresh name");
}

impl Pooled {
    /// Reads both files of the example.
    pub async fn sample() -> Self {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let path = |name: &str| sample(name).to_string_lossy().into_owned();
        let customers = path("customers.parquet");
        context.register_parquet("c", customers, ParquetReadOptions::default()).await.expect("customers");
        context.register_csv("a", path("accounts.csv"), CsvReadOptions::new()).await.expect("accounts");
        let customers = texts(&context, "SELECT * FROM c").await;
        register(&context, "brand", customers, ("mobile", "mail"));
        register(&context, "bank", texts(&context, "SELECT * FROM a").await, ("tel", "email"));
        let (_, rows) = texts(&context, "SELECT customer_id, clean_phone, clean_mail FROM brand").await;
        let brand = rows
            .into_iter()
            .map(|row| {
                let mut cells = row.into_iter();
                let id = cells.next().flatten().expect("every row has an id");
                (id, cells.flatten().collect())
            })
            .collect();
        Self { context, brand }
    }

    /// All rows of customers that match by one of `keys` (`phone`, `mail`), consent and filters given: each
    /// customer's rows, the brand's ids, in order.
    ///
    /// The join itself is DataFusion's; that two rows with a shared identifier are one customer is added
    /// here.
    pub async fn matches(&self, keys: &[&str], brand: &str, bank: &str) -> Vec<Vec<String>> {
        let joins: Vec<String> = keys
            .iter()
            .map(|key| {
                format!(
                    "SELECT b.customer_id FROM brand b JOIN bank k ON b.clean_{key} = k.clean_{key} \
                     WHERE b.consent = 'true' AND k.marketing_ok = 'true' AND {brand} AND {bank}"
                )
            })
            .collect();
        let (_, hit) = texts(&self.context, &joins.join(" UNION ")).await;
        let hit: BTreeSet<String> = hit.into_iter().flatten().flatten().collect();
        let taking = format!("SELECT customer_id FROM brand b WHERE b.consent = 'true' AND {brand}");
        let (_, taking) = texts(&self.context, &taking).await;
        let taking: BTreeSet<String> = taking.into_iter().flatten().flatten().collect();
        let mut customers: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (customer, (id, _)) in self.customers(keys).into_iter().zip(&self.brand) {
            if taking.contains(id) {
                customers.entry(customer).or_default().push(id.clone());
            }
        }
        customers.into_values().filter(|rows| rows.iter().any(|id| hit.contains(id))).collect()
    }

    /// How many different identifiers the brand's rows have that fulfil a condition.
    pub async fn identifiers(&self, condition: &str) -> u64 {
        let of = |key: &str| {
            format!("SELECT clean_{key} AS id FROM brand b WHERE {condition} AND clean_{key} IS NOT NULL")
        };
        let (_, rows) = texts(&self.context, &format!("{} UNION {}", of("phone"), of("mail"))).await;
        rows.len() as u64
    }

    /// For each row of the brand a number of its customer: rows are one if they share an identifier.
    fn customers(&self, keys: &[&str]) -> Vec<usize> {
        let wanted = |value: &str| keys.contains(&if value.starts_with("email") { "mail" } else { "phone" });
        let mut of_row: Vec<usize> = (0..self.brand.len()).collect();
        loop {
            let mut of_value: BTreeMap<&str, usize> = BTreeMap::new();
            let before = of_row.clone();
            for (row, (_, values)) in self.brand.iter().enumerate() {
                for value in values.iter().filter(|value| wanted(value)) {
                    let known = of_value.entry(value).or_insert(of_row[row]);
                    of_row[row] = of_row[row].min(*known);
                    *known = of_row[row];
                }
            }
            if before == of_row {
                return of_row;
            }
        }
    }
}
