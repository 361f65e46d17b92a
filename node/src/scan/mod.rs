//! Local data: what is registered, what is in it, which customers take part, and the answer's rows.
//!
//! Two attacks are stopped here. One comes with the data: a file that is damaged, huge, or written to while
//! it is read must end in a clear error and never in a wrong overlap, and no size of it may take the node
//! down. The other looks for the data: no message, count or log that leaves this room holds a cell.
//!
//! ```text
//!   datasets ─► survey ─► snapshot          registering: every row is read once
//!       │
//!       └─► read ─► collect ─► LocalInput   one pass: filter, consent, withdrawals, customers
//!             │        └─ filter, customers
//!             ├─► counted                   of each customer the one row that counts
//!             │     ├─► aggregate           exact figures, for noise to be added to
//!             │     └─► join                match keys, group and terms, for the private join
//!             ├─► pick                      a second pass: the rows that matched, into a file
//!             └─► lint, quality             for the owner's eyes
//! ```
//!
//! Files are read by `csv`, `ndjson` and `columnar` (Parquet) as Arrow batches; conditions are DataFusion
//! expressions over them. DataFusion's own file sources are not used: they read CSV by position rather than
//! by name, infer types that eat leading zeros, hold an unclosed quote's field in memory whole, and quote
//! cells in their errors.

mod aggregate;
mod cells;
mod collect;
mod columnar;
mod counted;
mod csv;
mod customers;
mod dataset;
mod datasets;
mod design;
mod error;
mod files;
mod filter;
mod input;
mod join;
mod lint;
mod names;
mod ndjson;
mod pick;
mod quality;
mod read;
mod records;
mod show;
mod sieve;
mod snapshot;
mod survey;
mod terms;
mod whole;

pub use aggregate::{Aggregated, Exact, aggregate};
pub use collect::{CollectPlan, Counts, KeyCounts, collect};
pub use customers::KEYS_A_CUSTOMER;
pub use dataset::{Column, ColumnClass, ColumnType, Format, MatchKey, Registration, Thresholds};
pub use datasets::{Datasets, NewDataset};
pub use design::{DesignInput, design};
pub use error::ScanError;
pub use input::{Customer, Customers, LocalInput, Match};
pub use join::{JoinInput, collect_join};
pub use lint::{Lint, lint, several};
pub use names::names;
pub use pick::pick;
pub use quality::{ColumnQuality, Distinct, Quality, quality};
pub use read::{Batch, Rows, read};
pub use show::datasets_table;
pub use snapshot::Snapshot;

#[cfg(test)]
mod tests;
