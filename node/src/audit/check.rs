//! Whether a log is whole, signed, cosigned, and never overspent: what `tacit audit verify` tells.
//!
//! The attack this stops is any change after the fact, by whomever: of a record, of its place, of the head, of a
//! balance. The work is [`verify`](tacit_protocol::log::verify)'s, which needs no node; here its findings become
//! checks that people can read, one failure beside another, each naming the first bad record where there is
//! one. The budget is booked again with the rules that the node itself uses ([`Book`]), so a log in which more
//! was spent than a contract allows does not pass, whoever signed it.

use tacit_protocol::{
    ids::PartnerId,
    log::{
        Book, Entry,
        book::BookFault,
        checkpoint::{Cosigned, Keys, origin},
        export::{CHECKPOINT, LOG, MANIFEST, TABLE},
        verify::{Fault, Finding, Verdict},
    },
};

use super::Check;

impl Check {
    /// A check with its result.
    pub fn new(name: &'static str, ok: impl Into<Option<bool>>, found: impl Into<String>) -> Self {
        Self { name, ok: ok.into(), found: found.into(), record: None }
    }

    /// The same, naming a record.
    #[must_use]
    pub fn at(self, record: impl Into<Option<u64>>) -> Self {
        Self { record: record.into(), ..self }
    }
}

/// Books records again, and remembers the first that the rules do not allow.
#[derive(Debug, Default)]
pub struct Booking {
    book: Book,
    fault: Option<(u64, BookFault)>,
}

impl Booking {
    /// Books the next record.
    pub fn take(&mut self, entry: &Entry) {
        if self.fault.is_none()
            && let Err(fault) = self.book.apply(entry)
        {
            self.fault = Some((self.book.size() + 1, fault));
        }
    }

    /// Nothing was spent that was not granted, nothing released that was not set aside; numbers and times go up.
    pub fn check(&self) -> Check {
        if let Some((seq, fault)) = &self.fault {
            let mut found = format!("record {seq}: {fault}");
            let mut source = std::error::Error::source(fault);
            while let Some(cause) = source {
                found.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            return Check::new("budget", false, found).at(*seq);
        }
        booked(&self.book)
    }
}

/// What a book is that took all records.
pub fn booked(book: &Book) -> Check {
    let open = match book.open().count() {
        0 => String::new(),
        1 => "; one question has not ended".to_owned(),
        count => format!("; {count} questions have not ended"),
    };
    let accounts = match book.accounts().count() {
        0 => "no account was charged".to_owned(),
        1 => "one account within its limits, booked again record by record".to_owned(),
        count => format!("{count} accounts within their limits, booked again record by record"),
    };
    Check::new("budget", true, format!("{accounts}{open}"))
}

/// What a verdict says, check by check.
pub fn of_verdict(verdict: &Verdict, exported: bool) -> Vec<Check> {
    let failed = |name, is: &dyn Fn(&Finding) -> bool| {
        let found = verdict.findings.iter().filter(|finding| is(finding));
        let first = found.min_by_key(|finding| finding.seq.unwrap_or(u64::MAX))?;
        Some(Check::new(name, false, first.to_string()).at(first.seq))
    };
    let by_key = |finding: &Finding| {
        matches!(
            finding.fault,
            Fault::Handover(_) | Fault::HandoverNotInLog { .. } | Fault::RetiredKey { .. }
        )
    };
    let in_log = |finding: &Finding| finding.file == LOG && !by_key(finding);
    let unreadable = |finding: &Finding| {
        in_log(finding) && matches!(finding.fault, Fault::Malformed | Fault::LineTooLong | Fault::OpenLine)
    };
    let records = match verdict.records {
        1 => "one record".to_owned(),
        count => format!("{count} records"),
    };
    let or =
        |failed: Option<Check>, name, found: String| failed.unwrap_or_else(|| Check::new(name, true, found));
    let mut checks = vec![
        or(failed("records", &unreadable), "records", format!("{records} read")),
        match (&verdict.head, failed("head", &|finding| finding.file == CHECKPOINT && !by_key(finding))) {
            (_, Some(failed)) => failed,
            (Some(head), None) => {
                Check::new("head", true, format!("{} records, signed for {}", head.size, head.origin))
            }
            (None, None) => Check::new("head", None, "no signed head here"),
        },
        or(
            failed("tree", &|finding| in_log(finding) && !unreadable(finding)),
            "tree",
            "the records are those that were signed".to_owned(),
        ),
        or(
            failed("tiles", &|finding| finding.file.starts_with("tile/")),
            "tiles",
            format!("{} tiles are those of the records", verdict.tiles),
        ),
        or(
            failed("earlier heads", &|finding| finding.file.starts_with("checkpoints/")),
            "earlier heads",
            format!("{} heads seen on the way are on it", verdict.heads),
        ),
    ];
    checks.extend(failed(HANDED_OVER, &by_key).or_else(|| handed_over(verdict.handovers)));
    if exported {
        let receipts = failed("receipts", &|finding| finding.file.starts_with("receipts/"));
        checks.push(match receipts {
            None if verdict.receipts == 0 => Check::new("receipts", None, "no receipts here"),
            receipts => or(receipts, "receipts", format!("{} receipts hold", verdict.receipts)),
        });
        let table = failed("table", &|finding| finding.file == TABLE);
        checks.push(or(table, "table", format!("{TABLE} says what the records say")));
        let manifest = failed("manifest", &|finding| finding.file == MANIFEST);
        checks.push(or(manifest, "manifest", format!("{MANIFEST} says what is there")));
    }
    checks
}

const HANDED_OVER: &str = "signing key";

/// The signing key was handed over so many times, each time by the one before and on record.
pub fn handed_over(count: u64) -> Option<Check> {
    let found = match count {
        0 => return None,
        1 => "handed over once, by the key before it and on record".to_owned(),
        count => format!("handed over {count} times, each time by the key before and on record"),
    };
    Some(Check::new(HANDED_OVER, true, found))
}

/// The key belongs to the node that the log says it is of.
pub fn identity(keys: &Keys, told: Option<PartnerId>) -> Check {
    let ids = keys.log.iter().map(|key| crate::config::partner_id(key.public()));
    let named: Vec<PartnerId> = ids.filter(|id| origin(id) == keys.origin).collect();
    match (named.first(), told) {
        (None, _) => Check::new("identity", false, format!("no key here is that of {}", keys.origin)),
        (Some(id), Some(told)) if *id != told => {
            let found = format!(
                "the first record names node {}, and the key is that of {}",
                told.short(),
                id.short()
            );
            Check::new("identity", false, found).at(1)
        }
        (Some(id), _) => {
            Check::new("identity", true, format!("node {id}: hold it against what you know from elsewhere"))
        }
    }
}

/// Partners have seen the head and put their names to it.
pub fn cosignatures(keys: &Keys, verdict: &Verdict) -> Check {
    let name = "cosignatures";
    if keys.witnesses.is_empty() {
        return Check::new(name, None, "no partner's key here");
    }
    match (verdict.cosigned.is_empty(), verdict.cosignatures) {
        (false, _) => cosigned(&verdict.cosigned),
        (true, 0) => Check::new(name, None, "no partner has cosigned a head that is here"),
        (true, count) => Check::new(name, None, format!("{count} on earlier heads, none on the newest")),
    }
}

/// Who has cosigned the newest head, and when.
pub fn cosigned(by: &[Cosigned]) -> Check {
    let told: Vec<String> = by
        .iter()
        .map(|by| {
            let time = i64::try_from(by.time).ok().and_then(|time| jiff::Timestamp::from_second(time).ok());
            time.map_or_else(|| by.who.clone(), |time| format!("{} at {time}", by.who))
        })
        .collect();
    Check::new("cosignatures", true, format!("the newest head is cosigned by {}", told.join(", ")))
}

#[cfg(test)]
pub(super) mod tests;
