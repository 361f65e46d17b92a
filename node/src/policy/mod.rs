//! What has been agreed, and whether a question keeps to it.
//!
//! The attack this stops is a partner that asks for more than was agreed, an analyst at one's own side who
//! does, and a contract that somebody has changed since it was signed. A question that passes becomes a
//! [`Permitted`], which nothing but [`permit`] can build; one that does not is refused with the rule, the
//! contract, and the smallest change that would allow it.
//!
//! ```text
//!   TOML ─► contract (terms, rules, canonical form, id) ─► document (signatures) ─► contracts (the store)
//!                                                                                     │
//!   Parsed ─────────────────────────────────────────────────► permit ◄── own (registrations)
//!                                                                │
//!                                                                ├─► aggregate  groups, integers, noise, price
//!                                                                ├─► join       the same over an overlap; who brings what
//!                                                                ├─► train    how columns become numbers, who gets weights, price
//!                                                                ├─► explain    what it will do and tell
//!                                                                └─► approvals  a person says yes, for one run
//!
//!   consent   customers who take no part, whatever is permitted
//! ```

mod aggregate;
mod approvals;
pub mod consent;
mod contract;
mod contracts;
mod decimal;
mod document;
mod error;
mod explain;
mod join;
mod own;
mod permit;
mod signer;
#[cfg(test)]
pub(crate) mod tests;
mod train;

pub use aggregate::{
    AggregateError, AggregatePlan, Axis, FixedPoint, Measure, Moment, NoisyColumn, Price, Quantity, ceiling,
    lifetime, within,
};
pub use approvals::{Approval, ApprovalError, ApprovalRequest, ApprovalState, Approvals};
pub(crate) use contract::list;
pub use contract::{
    Align, Allow, ColumnClass, ColumnTerms, ColumnUse, Consent, Contract, ContractError, DatasetTerms,
    IdentityTerms, Metrics, POPULATION, Partner, PeriodTerms, PrivacyTerms, Receiver, RevealTerms, Terms,
    TrainTerms, Values, Weights, what_you_agree_to,
};
pub use contracts::{Contracts, day};
pub use decimal::Decimal;
pub use document::{Document, No, Says, State, Statement};
pub use error::{PolicyError, Under};
pub use explain::Plan;
pub use join::{
    JoinPlan, JoinSide, MOST_CELLS, MOST_KEYS, MOST_TERMS, PADDING, PADDING_EPSILON_MICRO, Party, Roles,
    Sizes, Term, TermKind, padding, pair_steps, product_steps,
};
pub use own::{DatasetFacts, Datasets, KnownColumns, before_signing};
pub use permit::{
    Circumstances, OwnSide, Permitted, Role, Would, permit, permit_training, role_between, would_permit,
};
pub use signer::{Directory, Signer};
pub use train::{Encoding, Feature, ScorePlan, TrainError, TrainPlan, TrainSide};
