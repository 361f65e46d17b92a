//! What proves that a price is set aside, and that an answer is on record.
//!
//! The attack they stop is a short cut through the house: what wants one of them cannot be had without.

use sha2::{Digest, Sha256};
use tacit_protocol::{ids::QueryId, log::Charge};

use crate::policy::Permitted;

/// A question whose price is durably set aside. Only [`Ledger::reserve`](super::Ledger::reserve) makes one.
///
/// It can be read, but not made by hand, and not used a second time as a copy:
///
/// ```
/// use tacit_node::{ledger::Reserved, policy::Permitted};
/// use tacit_protocol::{ids::QueryId, log::Charge};
///
/// fn read(reserved: &Reserved) -> (&Permitted, QueryId, u64, Option<&Charge>) {
///     (reserved.permitted(), reserved.query(), reserved.seq(), reserved.charge())
/// }
/// ```
/// ```compile_fail,E0451
/// use tacit_node::{ledger::Reserved, policy::Permitted};
/// use tacit_protocol::{ids::QueryId, log::Charge};
///
/// fn make(permitted: Permitted, query: QueryId, seq: u64, charge: Option<Charge>) -> Reserved {
///     Reserved { permitted, query, seq, charge, resumes: false, back: None }
/// }
/// ```
/// ```compile_fail,E0599
/// fn twice(reserved: tacit_node::ledger::Reserved) -> [tacit_node::ledger::Reserved; 2] {
///     [reserved.clone(), reserved]
/// }
/// ```
///
/// Every way into `exchange` and `release` takes one; what is only permitted does not get in:
///
/// ```
/// # use tacit_node::{config::Home, exchange::{Answering, Asking, Joint, Question, Rules, Watch}};
/// # use tacit_node::{ledger::Reserved, link::Link, release::{self, Collected}};
/// # use tacit_protocol::aggregate::Figures;
/// async fn open(link: &Link, question: &Question, paid: &Reserved) {
///     let _ = Asking::open(link, paid, question).await;
/// }
/// async fn ask(asking: &mut Asking, items: Vec<[u8; 32]>, rules: &Rules, watch: Watch, paid: &Reserved) {
///     let _ = asking.run(paid, items, rules, watch).await;
/// }
/// async fn serve(end: &mut Answering, items: Vec<[u8; 32]>, rules: &Rules, watch: Watch, paid: &Reserved) {
///     let _ = end.run(paid, items, rules, watch).await;
/// }
/// async fn take(asking: &mut Asking, watch: Watch, paid: &Reserved) {
///     let _ = asking.figures(paid, watch).await;
/// }
/// async fn tell(answering: &mut Answering, figures: &Figures, watch: Watch, paid: &Reserved) {
///     let _ = answering.tell(paid, figures, watch).await;
/// }
/// async fn finish(joint: Joint, collected: Collected, home: &Home, paid: &Reserved) {
///     let _ = release::finish(joint, collected, paid, home).await;
/// }
/// async fn answered(figures: Figures, seen: &tacit_node::exchange::Served, home: &Home, paid: &Reserved) {
///     let _ = release::answered(figures, seen, paid, home).await;
/// }
/// ```
/// ```compile_fail,E0308
/// # use tacit_node::{exchange::{Asking, Question}, policy::Permitted, link::Link};
/// async fn open(link: &Link, question: &Question, paid: &Permitted) {
///     let _ = Asking::open(link, paid, question).await;
/// }
/// ```
/// ```compile_fail,E0308
/// # use tacit_node::{exchange::{Asking, Rules, Watch}, policy::Permitted};
/// async fn ask(asking: &mut Asking, items: Vec<[u8; 32]>, rules: &Rules, watch: Watch, paid: &Permitted) {
///     let _ = asking.run(paid, items, rules, watch).await;
/// }
/// ```
/// ```compile_fail,E0308
/// # use tacit_node::{exchange::{Answering, Rules, Watch}, policy::Permitted};
/// async fn serve(end: &mut Answering, items: Vec<[u8; 32]>, rules: &Rules, watch: Watch, paid: &Permitted) {
///     let _ = end.run(paid, items, rules, watch).await;
/// }
/// ```
/// ```compile_fail,E0308
/// # use tacit_node::{exchange::{Asking, Watch}, policy::Permitted};
/// async fn take(asking: &mut Asking, watch: Watch, paid: &Permitted) {
///     let _ = asking.figures(paid, watch).await;
/// }
/// ```
/// ```compile_fail,E0308
/// # use tacit_node::{exchange::{Answering, Watch}, policy::Permitted};
/// # use tacit_protocol::aggregate::Figures;
/// async fn tell(answering: &mut Answering, figures: &Figures, watch: Watch, paid: &Permitted) {
///     let _ = answering.tell(paid, figures, watch).await;
/// }
/// ```
/// ```compile_fail,E0308
/// # use tacit_node::{config::Home, exchange::Joint, policy::Permitted, release::{self, Collected}};
/// async fn finish(joint: Joint, collected: Collected, home: &Home, paid: &Permitted) {
///     let _ = release::finish(joint, collected, paid, home).await;
/// }
/// ```
/// ```compile_fail,E0308
/// # use tacit_node::{config::Home, policy::Permitted, release};
/// # use tacit_protocol::aggregate::Figures;
/// async fn answered(figures: Figures, seen: &tacit_node::exchange::Served, home: &Home, paid: &Permitted) {
///     let _ = release::answered(figures, seen, paid, home).await;
/// }
/// ```
#[derive(Debug)]
#[must_use = "a reservation that goes nowhere was spent for nothing"]
pub struct Reserved {
    pub(super) permitted: Permitted,
    pub(super) query: QueryId,
    pub(super) seq: u64,
    pub(super) charge: Option<Charge>,
    /// Whether it takes up an earlier one that paid for it.
    pub(super) resumes: bool,
    /// Where both learn: the record that set the answerer's share aside.
    pub(super) back: Option<u64>,
}

impl Reserved {
    /// What was permitted.
    pub fn permitted(&self) -> &Permitted {
        &self.permitted
    }

    /// The question's id, the same on both nodes.
    pub fn query(&self) -> QueryId {
        self.query
    }

    /// The record that set it aside.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The question as the log has it, and, where both learn, its return: ids and records.
    pub(super) fn questions(&self) -> impl DoubleEndedIterator<Item = (QueryId, u64)> {
        let back = self.back.map(|seq| (in_return(self.query), seq));
        std::iter::once((self.query, self.seq)).chain(back)
    }

    /// Whether it takes up an earlier one, which paid for it and came to nothing.
    pub fn resumes(&self) -> bool {
        self.resumes
    }

    /// What was charged, and the balance before and after; nothing for a revelation or a repeated answer.
    pub fn charge(&self) -> Option<&Charge> {
        self.charge.as_ref()
    }
}

/// Proof that the record of an answer is durable. Only [`Ledger::record`](super::Ledger::record) makes one, and no answer is shown without:
///
/// ```
/// # use tacit_node::{ledger::Receipt, release::Release};
/// fn show(release: Release, receipt: &Receipt) -> u64 {
///     let _ = release.show(receipt);
///     receipt.seq()
/// }
/// ```
/// ```compile_fail,E0308
/// # use tacit_node::{ledger::Reserved, release::Release};
/// fn show(release: Release, receipt: &Reserved) -> u64 {
///     let _ = release.show(receipt);
///     receipt.seq()
/// }
/// ```
/// ```compile_fail,E0451
/// # use tacit_node::ledger::Receipt;
/// fn make(seq: u64) -> Receipt {
///     Receipt { seq }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an answer is shown only with its receipt"]
pub struct Receipt {
    pub(super) seq: u64,
}

impl Receipt {
    /// The record's position.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

/// The id under which both logs have what the answerer learns by a question: as if it had asked the same.
pub(super) fn in_return(query: QueryId) -> QueryId {
    let hash = Sha256::new_with_prefix(b"tacit question in return 1").chain_update(query.as_bytes());
    QueryId::new(hash.finalize().into())
}
