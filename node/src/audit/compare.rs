//! Two partners' logs, held against each other.
//!
//! The attack this stops is two true-looking logs that tell two stories: an answer that one side forgot, a
//! price that one side wrote smaller, a conversation that each heard differently. Each log alone can be
//! checked by `verify`; only both together show this.

use std::collections::BTreeMap;

use tacit_protocol::{
    ids::{PartnerId, QueryId},
    log::{
        Amount,
        checkpoint::WitnessKey,
        merkle::{TreeHash, leaf_hash, root},
    },
};

use super::{
    AuditError, Log, Window, amount,
    history::{Ending, History, Run, Side},
};

/// One question, or one head, on which the two logs do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The question; none where it is about the logs as a whole.
    pub query: Option<QueryId>,
    /// What differs: a stable word.
    pub what: &'static str,
    /// As our log has it.
    pub ours: String,
    /// As their log has it.
    pub theirs: String,
    /// The records: ours and theirs.
    pub records: (Option<u64>, Option<u64>),
    /// Whether honest nodes can differ so: one of them ended early, or has not written yet.
    pub harmless: bool,
}

/// What became of holding two logs against each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Questions that both logs know.
    pub both: u64,
    /// Of those, the ones that both tell alike.
    pub alike: u64,
    /// What they do not tell alike.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Whether nothing stands against the two logs.
    pub fn is_clean(&self) -> bool {
        self.differences.iter().all(|difference| difference.harmless)
    }
}

/// Compares two logs. Questions with third partners are left out: `us` and `them` are whose logs these are.
pub fn compare(ours: &History, theirs: &History) -> Comparison {
    let mut found = Comparison::default();
    if let (Some(us), Some(them)) = (ours.me, theirs.me)
        && us == them
    {
        found.differences.push(whole("same-node", us.to_string(), them.to_string()));
        return found;
    }
    let mine = between(ours, theirs.me);
    let yours = between(theirs, ours.me);
    for (query, run) in &mine {
        match yours.get(query) {
            Some(other) => {
                found.both += 1;
                let before = found.differences.len();
                hold(*query, run, other, &mut found.differences);
                found.alike += u64::from(found.differences.len() == before);
            }
            None => found.differences.push(alone(*query, run, true)),
        }
    }
    for (query, run) in &yours {
        if !mine.contains_key(query) {
            found.differences.push(alone(*query, run, false));
        }
    }
    found
}

/// Compares two logs with their heads: besides the questions, whether either has shown two histories, and
/// whether each has seen the other.
///
/// # Errors
/// [`AuditError`], where a file cannot be read.
pub fn logs(ours: &Log, theirs: &Log) -> Result<Comparison, AuditError> {
    let (us, them) = (ours.history(Window::default()), theirs.history(Window::default()));
    let mut found = match us.me.is_some() && us.me == them.me {
        true => one_log(&ours.source.lines()?, &theirs.source.lines()?),
        false => {
            let mut found = compare(&us, &them);
            found.differences.extend(witnessed(ours, us.me, theirs, true)?);
            found.differences.extend(witnessed(theirs, them.me, ours, false)?);
            found
        }
    };
    let told = |log: &Log| log.sound().err().map_or_else(|| "verifies".to_owned(), |error| error.to_string());
    if ours.sound().is_err() || theirs.sound().is_err() {
        found.differences.push(whole("log-bad", told(ours), told(theirs)));
    }
    Ok(found)
}

/// Two exports of one node: the smaller has to be the beginning of the larger.
fn one_log(ours: &[Vec<u8>], theirs: &[Vec<u8>]) -> Comparison {
    let shared = ours.len().min(theirs.len()) as u64;
    let mut found = Comparison { both: shared, alike: shared, ..Comparison::default() };
    if let Some(at) = ours.iter().zip(theirs).position(|(one, other)| one != other) {
        found.alike = at as u64;
        let seq = Some(found.alike + 1);
        let shown = |lines: &[Vec<u8>]| format!("{} records", lines.len());
        found
            .differences
            .push(Difference { records: (seq, seq), ..whole("fork", shown(ours), shown(theirs)) });
    }
    found
}

/// What the witness has seen of the other's log, held against that log as it is shown now; and whether the
/// witness has cosigned its head.
fn witnessed(
    witness: &Log,
    witness_id: Option<PartnerId>,
    log: &Log,
    ours_is_witness: bool,
) -> Result<Vec<Difference>, AuditError> {
    let mut found = Vec::new();
    let place = |seen: String, shown: String| if ours_is_witness { (seen, shown) } else { (shown, seen) };
    let (Some(keys), Some(head)) = (&log.keys, &log.head) else { return Ok(found) };
    let lines = log.source.lines()?;
    for seen in witness.source.witnessed()?.iter().filter_map(|note| keys.open(note).ok()) {
        let size = usize::try_from(seen.head().size).unwrap_or(usize::MAX);
        let what = match lines.get(..size) {
            None => "rolled-back",
            Some(lines) => {
                let leaves: Vec<TreeHash> = lines.iter().map(|line| leaf_hash(line)).collect();
                if root(&leaves) == seen.head().root { continue } else { "fork" }
            }
        };
        let (ours, theirs) =
            place(format!("has seen a head of {size} records"), format!("shows {} records", lines.len()));
        found.push(whole(what, ours, theirs));
    }
    let of_witness = |key: &&WitnessKey| witness_id == Some(crate::config::partner_id(key.key.public()));
    let cosigned = keys.cosigned(head).unwrap_or_default();
    if let Some(key) = keys.witnesses.iter().find(of_witness)
        && cosigned.iter().all(|by| by.who != key.who)
    {
        let shown = format!("shows a head of {} records", head.head().size);
        let (ours, theirs) = place("has not cosigned it".to_owned(), shown);
        // The newest head may be younger than the last contact.
        found.push(Difference { harmless: true, ..whole("not-cosigned", ours, theirs) });
    }
    Ok(found)
}

fn whole(what: &'static str, ours: String, theirs: String) -> Difference {
    Difference { query: None, what, ours, theirs, records: (None, None), harmless: false }
}

/// The questions of a log, by id; those with a price name their parties, and a third one's are left out.
fn between<'h, 'a>(history: &'h History<'a>, other: Option<PartnerId>) -> BTreeMap<QueryId, &'h Run<'a>> {
    let runs = history.earlier.iter().chain(&history.runs);
    let with_other = |run: &&Run| match (&run.charge, other) {
        (Some(charge), Some(other)) => charge.account.owner == other || charge.account.asker == other,
        _ => true,
    };
    runs.filter(with_other).filter_map(|run| Some((run.reserve.query?, run))).collect()
}

/// A question that one side alone knows. An asker that never reached its partner is alone in good faith; an
/// owner that served somebody who knows nothing of it is not, and neither is an answer.
fn alone(query: QueryId, run: &Run, ours: bool) -> Difference {
    let (seq, told) = (Some(run.reserve.seq), run.ending().name().to_owned());
    let harmless = matches!(run.ending(), Ending::Refunded | Ending::Kept | Ending::Open)
        || run.side == Side::Asker && run.ending() == Ending::Revealed;
    let nothing = "no record".to_owned();
    let (ours, theirs, records) = match ours {
        true => (told, nothing, (seq, None)),
        false => (nothing, told, (None, seq)),
    };
    Difference { query: Some(query), what: "one-sided", ours, theirs, records, harmless }
}

fn hold(query: QueryId, ours: &Run, theirs: &Run, found: &mut Vec<Difference>) {
    let records = (Some(ours.reserve.seq), Some(theirs.reserve.seq));
    let mut differ = |what, one: Option<String>, other: Option<String>, harmless| {
        if one != other {
            let shown = |text: Option<String>| text.unwrap_or_else(|| "not told".to_owned());
            let (ours, theirs) = (shown(one), shown(other));
            found.push(Difference { query: Some(query), what, ours, theirs, records, harmless });
        }
    };
    let contract = |run: &Run| run.reserve.contract.map(|id| id.to_string());
    differ("contract", contract(ours), contract(theirs), false);
    let purpose = |run: &Run| run.reserve.body["purpose"].as_str().map(str::to_owned);
    differ("purpose", purpose(ours), purpose(theirs), false);
    let account = |run: &Run| run.charge.as_ref().map(|charge| format!("{:?}", charge.account));
    differ("account", account(ours), account(theirs), false);
    let price = |run: &Run| run.charge.as_ref().map(|charge| shown(charge.price));
    differ("price", price(ours), price(theirs), false);
    // A side that lost its answer takes up what the other one repeats.
    let free = |run: &Run| run.is_free().then(|| "free".to_owned());
    differ("replay", free(ours), free(theirs), false);
    if ours.side == theirs.side {
        differ("side", Some("the same side".to_owned()), Some("of one question".to_owned()), false);
    }
    if let (Some(_), Some(_)) = (ours.answer, theirs.answer) {
        differ("transcript", told(ours, "transcript"), told(theirs, "transcript"), false);
        differ("answer", told(ours, "commitment"), told(theirs, "commitment"), false);
        // Each tells its own size and the other's: crosswise they are the same.
        differ("sizes", told(ours, "own_size"), told(theirs, "partner_size"), false);
        differ("sizes", told(ours, "partner_size"), told(theirs, "own_size"), false);
    } else {
        // One side heard the end, the other lost the line: neither lies.
        let (asker, owner) = if ours.side == Side::Asker { (ours, theirs) } else { (theirs, ours) };
        let unserved = asker.answer.is_some() && owner.spend.is_none();
        differ("ending", Some(ours.ending().name().into()), Some(theirs.ending().name().into()), !unserved);
    }
}

fn told(run: &Run, field: &str) -> Option<String> {
    match &run.answer?.body["outcome"][field] {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn shown(price: Amount) -> String {
    format!("ρ {}, δ {}", amount::rho(price.nano_rho), amount::delta(price.atto_delta))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::history::tests::{ASKER, Log, price};

    /// The asker's log of the same day.
    fn mirror(log: &Log) -> Log {
        let mut mirror = Log::new();
        mirror.entries.clone_from(&log.entries);
        mirror.entries[0].body = json!({ "node": ASKER, "name": "brand" });
        mirror
    }

    fn held(ours: &Log, theirs: &Log) -> Comparison {
        let (ours, theirs) = (
            History::new(&ours.entries, Window::default()),
            History::new(&theirs.entries, Window::default()),
        );
        compare(&ours, &theirs)
    }

    fn answered() -> Log {
        let mut log = Log::new();
        let one = log.reserve(1, price(10));
        log.spend(1, one);
        log.answer(1, one);
        log
    }

    #[test]
    fn two_logs_of_one_day_agree() {
        let log = Log::full();
        let found = held(&log, &mirror(&log));
        assert_eq!((found.both, found.alike, found.differences), (3, 3, Vec::new()));
    }

    #[test]
    fn a_smaller_price_and_another_conversation_are_named() {
        let log = answered();
        let mut other = mirror(&log);
        other.entries[1].body["charge"]["price"]["nano_rho"] = json!(1);
        other.entries[3].body["outcome"]["transcript"] = json!("00");
        let found = held(&log, &other);
        let what: Vec<&str> = found.differences.iter().map(|difference| difference.what).collect();
        assert_eq!(what, ["price", "transcript"]);
        assert_eq!(found.differences[0].ours, "ρ 0.00000001, δ 0");
        assert!(!found.is_clean());
    }

    #[test]
    fn an_answer_that_one_side_forgot_is_named_and_a_lost_line_is_not_held_against_anybody() {
        let log = answered();
        let mut forgetful = mirror(&log);
        forgetful.entries.truncate(1);
        assert!(!held(&log, &forgetful).is_clean());
        let mut cut = mirror(&log);
        cut.entries.pop();
        let reserve = cut.entries[1].seq;
        cut.abort(1, reserve, false);
        let found = held(&log, &cut);
        assert_eq!((found.differences.len(), found.is_clean()), (1, true));
        let mut refused = Log::new();
        refused.entries[0].body = json!({ "node": ASKER });
        let mut lonely = Log::new();
        let seq = lonely.reserve(9, price(1));
        lonely.abort(9, seq, true);
        assert!(held(&lonely, &refused).is_clean());
    }

    #[test]
    fn a_log_is_not_its_own_partner() {
        let log = answered();
        assert_eq!(held(&log, &log).differences[0].what, "same-node");
    }
}
