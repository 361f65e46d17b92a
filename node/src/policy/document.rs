//! A contract with what its partners have said about it, as it is stored, carried and merged.
//!
//! The attack this stops is a forged or withheld signature: every statement is signed over the contract's id,
//! its kind, its time and its reason, by a key that stands in the contract itself or that hand-overs lead to from there
//! (LOG-18). Documents merge by union, so
//! whoever carries one around can leave statements out but not make any up; and one that says *no* outweighs
//! all that say *yes*.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};
use tacit_protocol::{
    ids::PartnerId,
    log::{Handover, Lineage},
    transcript::Transcript,
};

use super::{
    Contract, ContractError, Signer,
    contract::{LARGEST, unhex},
};
use crate::{config::verify, data::hex};

const FORM: &str = "tacit-contract/1";

/// What a partner says about a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// Here it is, and I have signed it.
    Propose,
    /// Signed.
    Accept,
    /// No.
    Refuse,
    /// It was in force; from now on it is not.
    End,
}

impl Says {
    const ALL: [Self; 4] = [Self::Propose, Self::Accept, Self::Refuse, Self::End];

    /// As documents spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Accept => "accept",
            Self::Refuse => "refuse",
            Self::End => "end",
        }
    }

    const fn needs_reason(self) -> bool {
        matches!(self, Self::Refuse | Self::End)
    }
}

/// One signed statement; its signature has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What is said.
    pub says: Says,
    /// By whom.
    pub by: PartnerId,
    /// When, by its own clock; whole seconds.
    pub at: Timestamp,
    /// Why, for a no.
    pub reason: Option<String>,
    /// The partner's signing keys, up to the one that signed.
    pub line: Lineage,
    signature: [u8; 64],
}

/// How a contract stands on a given day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not everybody has signed.
    Proposed {
        /// Who has.
        signed: Vec<String>,
        /// Who has not.
        missing: Vec<String>,
    },
    /// Somebody said no before everybody had signed.
    Refused(No),
    /// Signed by all; its first day is still to come.
    Upcoming,
    /// Questions may be asked under it.
    InForce,
    /// Its last day has passed.
    Expired,
    /// A partner ended it.
    Ended(No),
}

/// Who said no, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct No {
    /// The partner's name in the contract.
    pub by: String,
    /// When, by that partner's clock.
    pub at: Timestamp,
    /// Its reason.
    pub reason: String,
}

impl State {
    /// One or two words.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::Refused(_) => "refused",
            Self::Upcoming => "signed, not started",
            Self::InForce => "in force",
            Self::Expired => "expired",
            Self::Ended(_) => "ended",
        }
    }
}

/// A contract and its statements.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    contract: Contract,
    /// At most one per partner and kind, in the order of their times.
    statements: Vec<Statement>,
}

impl Document {
    /// A contract about which nobody has said anything yet.
    pub(super) const fn new(contract: Contract) -> Self {
        Self { contract, statements: Vec::new() }
    }

    /// The contract.
    pub const fn contract(&self) -> &Contract {
        &self.contract
    }

    /// What was said, oldest first.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The names of those who have signed, in the order of the contract.
    pub fn signed_by(&self) -> Vec<String> {
        self.split().0
    }

    fn split(&self) -> (Vec<String>, Vec<String>) {
        let signed = |id: PartnerId| {
            let signs = |says| matches!(says, Says::Propose | Says::Accept);
            self.statements.iter().any(|statement| statement.by == id && signs(statement.says))
        };
        let (yes, no): (Vec<_>, Vec<_>) =
            self.contract.partners().iter().partition(|partner| signed(partner.id()));
        let names = |partners: Vec<&super::Partner>| partners.iter().map(|p| p.name.clone()).collect();
        (names(yes), names(no))
    }

    /// How it stands on this day.
    pub fn state(&self, today: Date) -> State {
        let (signed, missing) = self.split();
        let no = |says| {
            let statement = self.statements.iter().find(|statement| statement.says == says)?;
            Some(No {
                by: self.name_of(&statement.by),
                at: statement.at,
                reason: statement.reason.clone().unwrap_or_default(),
            })
        };
        if let Some(no) = no(Says::End) {
            return State::Ended(no);
        }
        if let Some(no) = no(Says::Refuse) {
            return State::Refused(no);
        }
        let terms = self.contract.terms();
        if today > terms.ends {
            State::Expired
        } else if !missing.is_empty() {
            State::Proposed { signed, missing }
        } else if today < terms.starts {
            State::Upcoming
        } else {
            State::InForce
        }
    }

    fn name_of(&self, id: &PartnerId) -> String {
        self.contract.partner(id).map_or_else(|| id.short(), |partner| partner.name.clone())
    }

    /// Adds a statement of this node, signed.
    pub(super) fn state_own(
        &mut self,
        says: Says,
        reason: Option<&str>,
        me: &dyn Signer,
        now: Timestamp,
    ) -> Result<(), ContractError> {
        let line = me.lineage();
        let by = line.node();
        if self.contract.partner(&by).is_none() {
            return Err(ContractError::NotOurs { contract: self.contract.title() });
        }
        let reason = reason.map(str::trim).map(str::to_owned);
        if !reason_fits(says, reason.as_deref()) {
            return Err(ContractError::BadReason);
        }
        let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let message = self.message(says, by, at, reason.as_deref());
        let signature = me.sign(&message);
        self.add(Statement { says, by, at, reason, line, signature });
        Ok(())
    }

    /// What is signed: a hash over everything the statement says and is about.
    fn message(&self, says: Says, by: PartnerId, at: Timestamp, reason: Option<&str>) -> [u8; 32] {
        let mut transcript = Transcript::new("tacit contract statement/1");
        transcript.absorb("contract", self.contract.id().as_bytes());
        transcript.absorb("says", says.name().as_bytes());
        transcript.absorb("by", by.as_bytes());
        transcript.absorb("at", at.to_string().as_bytes());
        transcript.absorb("reason", reason.unwrap_or_default().as_bytes());
        transcript.hash()
    }

    /// Whether the partner's very statement is here.
    pub fn holds(&self, statement: &Statement) -> bool {
        self.statements.contains(statement)
    }

    /// Takes a checked statement in, unless the partner has said the same before.
    fn add(&mut self, statement: Statement) -> bool {
        let same = |known: &Statement| known.by == statement.by && known.says == statement.says;
        if self.statements.iter().any(same) {
            return false;
        }
        self.statements.push(statement);
        self.statements.sort_by_key(|statement| (statement.at, statement.by, statement.says));
        true
    }

    /// Takes over what another document of the same contract knows; whether there was anything new.
    pub(super) fn merge(&mut self, other: Self) -> bool {
        let mut news = false;
        for statement in other.statements {
            news |= self.add(statement);
        }
        news
    }

    /// The document as JSON, one field a line where people may read it.
    pub fn to_json(&self) -> String {
        let statements: Vec<Value> = self
            .statements
            .iter()
            .map(|statement| {
                let mut object = json!({
                    "says": statement.says.name(),
                    "by": statement.by.to_string(),
                    "at": statement.at.to_string(),
                    "signature": hex(statement.signature),
                });
                if let Some(reason) = &statement.reason {
                    object["reason"] = json!(reason);
                }
                if !statement.line.handovers().is_empty() {
                    object["handovers"] = json!(statement.line.handovers());
                }
                object
            })
            .collect();
        let document = json!({
            "form": FORM,
            "id": self.contract.id().to_string(),
            "contract": self.contract.json(),
            "statements": statements,
        });
        format!("{document:#}\n")
    }

    /// Reads a document and checks everything in it: the terms, the id, every signature.
    ///
    /// # Errors
    ///
    /// [`ContractError::NotGenuine`] for whatever does not fit; the terms' own errors for a contract that was
    /// never sound.
    pub fn of_json(text: &str) -> Result<Self, ContractError> {
        let forged = |problem| ContractError::NotGenuine { problem };
        if text.len() > 2 * LARGEST {
            return Err(ContractError::TooLarge { limit: 2 * LARGEST });
        }
        let value: Value = serde_json::from_str(text).map_err(|_| forged("it is not JSON"))?;
        let Value::Object(mut fields) = value else { return Err(forged("it is not an object")) };
        match fields.remove("form") {
            Some(Value::String(form)) if form == FORM => {}
            Some(Value::String(form)) if form.starts_with("tacit-contract/") => {
                return Err(ContractError::UnknownForm { found: form.chars().take(40).collect() });
            }
            _ => return Err(forged("it does not say that it is a contract of Tacit")),
        }
        let (id, contract, statements) = match (
            fields.remove("id"),
            fields.remove("contract"),
            fields.remove("statements"),
            fields.is_empty(),
        ) {
            (Some(Value::String(id)), Some(contract), Some(Value::Array(statements)), true) => {
                (id, contract, statements)
            }
            _ => return Err(forged("it has other fields than id, contract and statements")),
        };
        let contract = Contract::of_json(&contract)?;
        if id != contract.id().to_string() {
            return Err(forged("its id is not the hash of its terms; a term was changed"));
        }
        if statements.len() > 4 * contract.partners().len() {
            return Err(forged("it has more statements than its partners can have made"));
        }
        let mut document = Self::new(contract);
        for statement in &statements {
            let statement = document.statement(statement)?;
            if !document.add(statement) {
                return Err(forged("a partner says the same thing twice"));
            }
        }
        Ok(document)
    }

    fn statement(&self, value: &Value) -> Result<Statement, ContractError> {
        let forged = |problem| ContractError::NotGenuine { problem };
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let fields = value.as_object().map_or(0, serde_json::Map::len);
        let handovers: Vec<Handover> = match value.get("handovers") {
            None => Vec::new(),
            Some(told) => serde_json::from_value(told.clone())
                .ok()
                .filter(|told: &Vec<Handover>| !told.is_empty())
                .ok_or(forged("a statement's hand-overs do not read"))?,
        };
        let optional = usize::from(!handovers.is_empty());
        let reason = text("reason").map(str::to_owned);
        let (Some(says), Some(by), Some(at), Some(signature)) =
            (text("says"), text("by"), text("at"), text("signature"))
        else {
            return Err(forged("a statement lacks a field"));
        };
        let says = Says::ALL
            .into_iter()
            .find(|known| known.name() == says)
            .ok_or(forged("a statement says something unknown"))?;
        let by: PartnerId = by.parse().map_err(|_| forged("a statement is by nobody"))?;
        let moment: Timestamp = at.parse().map_err(|_| forged("a statement has no time"))?;
        let signature = unhex::<64>(signature).ok_or(forged("a signature is not 128 hex digits"))?;
        let partner = self.contract.partner(&by).ok_or(forged("a statement is by a stranger"))?;
        if fields != 4 + usize::from(reason.is_some()) + optional || moment.to_string() != at {
            return Err(forged("a statement has another form than nodes give it"));
        }
        if !reason_fits(says, reason.as_deref()) {
            return Err(forged("a statement has a reason where none belongs, or none where one does"));
        }
        let line = Lineage::new(partner.key, handovers);
        let line =
            line.map_err(|_| forged("hand-overs do not lead from a partner's key to the one that signed"))?;
        if !verify(line.current(), &self.message(says, by, moment, reason.as_deref()), &signature) {
            return Err(forged("a signature does not fit its partner's key"));
        }
        Ok(Statement { says, by, at: moment, reason, line, signature })
    }
}

/// A no has a reason, a yes has none. One line: it is shown in tables and logs (hostile.md, D17).
fn reason_fits(says: Says, reason: Option<&str>) -> bool {
    match reason {
        None => !says.needs_reason(),
        Some(reason) => {
            says.needs_reason()
                && !reason.trim().is_empty()
                && reason.trim() == reason
                && reason.chars().count() <= 500
                && !reason.chars().any(char::is_control)
        }
    }
}
