//! Yes, or exactly why not.
//!
//! Both nodes walk through this with the same question and the same contract: the asker's, so that it does
//! not ask what would be refused; the answerer's, because it does not believe the asker. What comes out is the
//! only thing that the rooms behind accept, and only [`permit`] can make it.

mod choose;
mod rules;
mod score;
mod train;

use jiff::{civil::Date, tz::TimeZone};
use tacit_protocol::{
    identity::KeyKind,
    ids::{ContractId, PartnerId},
    log::{
        Account, Amount,
        book::{Cycle, Wish},
    },
};

use choose::choose;
use rules::Rules;
pub use train::{permit_training, role_between};

use super::{
    AggregatePlan, Consent, Contract, Datasets, Document, JoinPlan, Partner, Party, PolicyError, Receiver,
    ScorePlan, Terms, TrainPlan, lifetime, within,
};
use crate::query::{Filter, Parsed, TableName};

/// On which side of the question this node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It asks.
    Asker,
    /// It is asked.
    Answerer {
        /// By whom, as the link has proven.
        from: PartnerId,
    },
}

/// The circumstances of a question.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// This node.
    pub me: PartnerId,
    /// Its side.
    pub role: Role,
    /// The contract, by name or start of its id; an answerer is told the whole id by the asker.
    pub contract: Option<&'a str>,
    /// What the answer is for; the contract's purpose when left out.
    pub purpose: Option<&'a str>,
    /// The identity profile that the other node says it uses for this question.
    pub peer_profile: Option<&'a str>,
    /// Today (UTC), see [`day`](super::day).
    pub today: Date,
}

/// A question that the contract, both partners and this node's data say yes to. Nothing but [`permit`] makes one, and
/// nothing changes it:
///
/// ```
/// # use tacit_node::{policy::Permitted, query::Parsed};
/// fn read(permitted: &Permitted) -> &Parsed {
///     permitted.parsed()
/// }
/// ```
/// ```compile_fail,E0451
/// # use tacit_node::{policy::Permitted, query::Parsed};
/// fn swap(permitted: Permitted, parsed: Parsed) -> Permitted {
///     Permitted { parsed, ..permitted }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Permitted {
    parsed: Parsed,
    document: Document,
    role: Role,
    me: String,
    partner: Partner,
    own: Option<OwnSide>,
    theirs: Option<TableName>,
    plan: Option<AggregatePlan>,
    join: Option<JoinPlan>,
    train: Option<TrainPlan>,
    score: Option<ScorePlan>,
    approvals: Vec<String>,
    tells: Vec<String>,
}

/// This node's half of the question.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnSide {
    /// The own table.
    pub table: TableName,
    /// The condition on its rows.
    pub filter: Option<Filter>,
    /// Which of its rows take part.
    pub consent: Consent,
    /// The match keys with their columns, strongest first.
    pub keys: Vec<(KeyKind, String)>,
    /// What the answer calls the customer.
    pub customer: String,
    /// The own columns that go into the answer beside the customer: column and label.
    pub shown: Vec<(String, String)>,
}

impl Permitted {
    /// The question.
    pub const fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// The contract's id.
    pub const fn contract_id(&self) -> ContractId {
        self.document.contract().id()
    }

    /// The contract's terms.
    pub const fn terms(&self) -> &Terms {
        self.document.contract().terms()
    }

    /// The contract.
    pub const fn contract(&self) -> &Contract {
        self.document.contract()
    }

    /// On which side this node stands.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// This node's name in the contract.
    pub fn me(&self) -> &str {
        &self.me
    }

    /// The other partner: its name in the contract and its key.
    pub const fn partner(&self) -> &Partner {
        &self.partner
    }

    /// The asker's name in the contract.
    pub fn asker(&self) -> &str {
        match self.role {
            Role::Asker => &self.me,
            Role::Answerer { .. } => &self.partner.name,
        }
    }

    /// This node's half; `None` only where the question is about the partner's table alone.
    pub const fn own(&self) -> Option<&OwnSide> {
        self.own.as_ref()
    }

    /// The partner's table, if the question has one.
    pub const fn theirs(&self) -> Option<&TableName> {
        self.theirs.as_ref()
    }

    /// What the answer is for.
    pub fn purpose(&self) -> &str {
        &self.terms().purpose
    }

    /// What figures over one table are made of, and their price; `None` for other questions.
    pub const fn plan(&self) -> Option<&AggregatePlan> {
        self.plan.as_ref()
    }

    /// What figures over the overlap are made of, and their price; `None` for other questions.
    pub const fn join(&self) -> Option<&JoinPlan> {
        self.join.as_ref()
    }

    /// What a training job is made of, and its price; `None` for other questions.
    pub const fn train(&self) -> Option<&TrainPlan> {
        self.train.as_ref()
    }

    /// What a scoring is made of; `None` for other questions.
    pub const fn score(&self) -> Option<&ScorePlan> {
        self.score.as_ref()
    }

    /// A party's name in the contract.
    pub fn name_of(&self, party: Party) -> &str {
        match party {
            Party::Asker => self.asker(),
            Party::Answerer => self.answerer(),
        }
    }

    /// Which of the two this node is.
    pub const fn party(&self) -> Party {
        match self.role {
            Role::Asker => Party::Asker,
            Role::Answerer { .. } => Party::Answerer,
        }
    }

    /// The hash of a question for figures over one table as both nodes read it: its figures, groups, condition and
    /// ε, without what the asker calls them and does with them. `None` for other questions.
    pub fn figures_hash(&self) -> Option<[u8; 32]> {
        self.plan.as_ref()?;
        Some(self.parsed.hash_for(&self.parsed.tables().next()?.owner))
    }

    /// The hash of a question for figures over the overlap as both nodes read it; `None` for other questions. Of
    /// an answer for the asker alone, the asker's own condition is not in it: two such questions are not the same
    /// because this is.
    pub fn join_hash(&self) -> Option<[u8; 32]> {
        Some(match self.told_all()? {
            true => self.parsed.hash_for_receivers(),
            false => self.parsed.hash_for(self.answerer()),
        })
    }

    /// Of figures over the overlap: whether the answerer gets the asker's condition as well, because it gets the
    /// answer.
    fn told_all(&self) -> Option<bool> {
        self.join.as_ref().map(|_| self.terms().privacy.receiver == Receiver::Both)
    }

    /// The answerer's name in the contract.
    fn answerer(&self) -> &str {
        match self.role {
            Role::Asker => &self.partner.name,
            Role::Answerer { .. } => &self.me,
        }
    }

    /// The account that a question for figures is charged to; `None` for a reveal. Of a join, the first of two.
    pub fn account(&self) -> Option<Account> {
        self.charges().into_iter().next().map(|(account, _)| account)
    }

    /// What is charged to whom: for what the asker learns of the answerer's customers, and of a join for what the
    /// answerer learns of the asker's: the padded number, and the figures if it gets them as well. Of a training job
    /// likewise, for whoever gets weights. None for a reveal.
    pub fn charges(&self) -> Vec<(Account, Amount)> {
        let (asker, answerer) = (self.asker(), self.answerer());
        let learned_by = |learner| self.train.as_ref().and_then(|train| train.charged(learner));
        let learned: Vec<(&str, &str, Amount)> = match (&self.plan, &self.join) {
            (Some(plan), _) => vec![(answerer, asker, plan.price().amount())],
            (None, Some(join)) => {
                let to = |party| join.charged(party);
                vec![(answerer, asker, to(Party::Asker)), (asker, answerer, to(Party::Answerer))]
            }
            (None, None) => [(answerer, asker), (asker, answerer)]
                .into_iter()
                .filter_map(|(owner, learner)| Some((owner, learner, learned_by(learner)?)))
                .collect(),
        };
        let charge = |(owner, learner, price): (&str, &str, Amount)| {
            let id = |name: &str| Some(self.contract().partners().iter().find(|p| p.name == name)?.id());
            let table = self.parsed.table_of(owner)?;
            let dataset = self.terms().dataset(&table.owner, &table.dataset)?;
            let account = Account {
                owner: id(owner)?,
                population: dataset.population().to_owned(),
                unit: "customer".to_owned(),
                asker: id(learner)?,
            };
            Some((account, price))
        };
        learned.into_iter().filter_map(charge).collect()
    }

    /// What a question for figures asks of the book; `None` for a reveal. `ceiling` is what the owner allows over
    /// all askers, which only its own node knows. Where both receive, the first of two.
    pub fn wish(&self, ceiling: Option<Amount>) -> Option<Wish> {
        let (account, price) = self.charges().into_iter().next()?;
        self.wish_of(account, price, ceiling)
    }

    /// All that a question asks of the book: a wish for each charge. `ceiling` is what this node allows over all
    /// askers of its own customers.
    pub fn wishes(&self, ceiling: Amount) -> Vec<Wish> {
        let me = self.contract().partners().iter().find(|p| p.name == self.me).map(Partner::id);
        let wish = |(account, price): (Account, Amount)| {
            let ceiling = (Some(account.owner) == me).then_some(ceiling);
            self.wish_of(account, price, ceiling)
        };
        self.charges().into_iter().filter_map(wish).collect()
    }

    fn wish_of(&self, account: Account, price: Amount, ceiling: Option<Amount>) -> Option<Wish> {
        let terms = self.terms();
        let starts = terms.starts.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
        let cycle = terms.privacy.period.zip(within(&terms.privacy)).map(|(period, limit)| Cycle {
            // Contracts do not begin before 1970.
            starts: u64::try_from(starts).unwrap_or(0),
            seconds: u64::from(period.days) * 86_400,
            limit,
        });
        Some(Wish { account, price, limit: lifetime(&terms.privacy), cycle, ceiling })
    }

    /// At whose side a person has to approve this run, by their names in the contract.
    pub fn approvals(&self) -> &[String] {
        &self.approvals
    }

    /// Whether a person at this node has to approve this run.
    pub fn needs_own_approval(&self) -> bool {
        self.approvals.contains(&self.me)
    }

    /// What the run tells the asker about each match, a sentence a line.
    pub fn tells(&self) -> &[String] {
        &self.tells
    }

    /// The question as it is put to the partner.
    pub fn question_for_partner(&self) -> String {
        match self.told_all() {
            Some(true) => self.parsed.for_receivers(),
            _ => self.parsed.for_partner(&self.partner.name),
        }
    }
}

/// Holds a question against the contracts and the own data.
///
/// # Errors
///
/// [`PolicyError`]: the first rule that says no, in the order contract, state, purpose, kind of question,
/// columns, groups and noise, own data.
pub fn permit(
    parsed: Parsed,
    at: &Circumstances,
    contracts: &[Document],
    datasets: &dyn Datasets,
) -> Result<Permitted, PolicyError> {
    if parsed.training().is_some() {
        // Of several partners, which one is meant is not in the question.
        let other = match at.role {
            Role::Answerer { from } => Some(from),
            Role::Asker => the_other(&parsed, at, contracts)?,
        };
        let not_ours = || PolicyError::NotOurs { me: String::new(), tables: named(&parsed) };
        return permit_training(parsed.clone(), other.ok_or_else(not_ours)?, at, contracts, datasets);
    }
    if parsed.scoring().is_some() {
        return score::permit_scoring(parsed, at, contracts, datasets);
    }
    let document = choose(&parsed, at, contracts)?;
    let rules = Rules::new(document, &parsed, at)?;
    rules.in_force(at.today)?;
    rules.purpose(at.purpose)?;
    rules.profile(at.peer_profile)?;
    rules.kind_of_question()?;
    rules.partners_columns(datasets)?;
    let (plan, join) = (rules.plan()?, rules.join()?);
    let own = rules.own_side(datasets)?;
    let (approvals, tells) = rules.people();
    let Rules { me, partner, document, theirs, .. } = rules;
    let (me, partner, theirs, document) = (me.to_owned(), partner.clone(), theirs.cloned(), document.clone());
    let price = plan.as_ref().map(AggregatePlan::price).or_else(|| join.as_ref().map(JoinPlan::price));
    let parsed = match price {
        Some(price) => parsed.settled(price.epsilon_micro()),
        None => parsed,
    };
    let (train, score) = (None, None);
    Ok(Permitted {
        parsed,
        document,
        role: at.role,
        me,
        partner,
        own,
        theirs,
        plan,
        join,
        train,
        score,
        approvals,
        tells,
    })
}

/// The first partner of a training job that is not this node.
fn the_other(
    parsed: &Parsed,
    at: &Circumstances,
    contracts: &[Document],
) -> Result<Option<PartnerId>, PolicyError> {
    let contract = choose(parsed, at, contracts)?.contract();
    let trains = |partner: &&Partner| partner.id() != at.me && parsed.table_of(&partner.name).is_some();
    Ok(contract.partners().iter().find(trains).map(Partner::id))
}

/// What a contract would say to a question, if it were in force.
#[derive(Debug, Clone)]
pub struct Would {
    /// The price of figures; `None` for a reveal.
    pub price: Option<Amount>,
    /// At whose side a person would have to approve.
    pub approvals: Vec<String>,
}

/// Holds a question against a contract that need not be signed: its days and signatures are not asked, nor what
/// the own data is like today.
///
/// # Errors
///
/// As [`permit`].
pub fn would_permit(parsed: &Parsed, at: &Circumstances, contract: &Contract) -> Result<Would, PolicyError> {
    struct Unseen;
    impl Datasets for Unseen {
        fn dataset(&self, _: &str) -> Option<super::DatasetFacts> {
            None
        }
    }
    let document = Document::new(contract.clone());
    if let Some(job) = parsed.training() {
        let under = || super::error::Under::of(&document);
        let plan = super::TrainPlan::of(job, contract.terms(), &under)?;
        let price = plan.price().map(|price| price.amount());
        return Ok(Would { price, approvals: plan.terms().approval.iter().cloned().collect() });
    }
    if let Some(scoring) = parsed.scoring() {
        let under = || super::error::Under::of(&document);
        let asker = asker_of(at, contract);
        let plan = ScorePlan::of(scoring, contract.terms(), asker, &under)?;
        return Ok(Would {
            price: None,
            approvals: plan.trained().terms().approval.iter().cloned().collect(),
        });
    }
    let rules = Rules::new(&document, parsed, at)?;
    rules.purpose(at.purpose)?;
    rules.kind_of_question()?;
    rules.partners_columns(&Unseen)?;
    let of_join = rules.join()?.map(|join| join.charged(Party::Asker));
    let price = rules.plan()?.map(|plan| plan.price().amount()).or(of_join);
    Ok(Would { price, approvals: rules.people().0 })
}

/// Who asks, by its name in this contract.
fn asker_of<'a>(at: &Circumstances, contract: &'a Contract) -> &'a str {
    let asker = match at.role {
        Role::Asker => at.me,
        Role::Answerer { from } => from,
    };
    contract.partner(&asker).map_or("", |partner| &partner.name)
}

/// The tables of a question, for people.
fn named(parsed: &Parsed) -> String {
    parsed.tables().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// A piece of somebody's text on its way into an error.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
