//! People's decisions, withdrawals, data, changes and incidents.

use std::collections::HashMap;

use tacit_protocol::log::{Entry, Kind};

use super::{Column, Section, column as c};
use crate::{
    audit::{
        facts::{Facts, text},
        history::{Ending, Run, Side},
        words::words as w,
    },
    data::Value,
};

const RECORD: Column = c("record", "Record", "记录");
const TIME: Column = c("time", "Time", "时间");
const SUBJECT: Column = c("subject", "Subject", "对象");
const PARTNER: Column = c("partner", "Partner", "合作方");
const CONTRACT: Column = c("contract", "Contract", "合同");

/// A row about a record: its position, its time, and what the section says of it.
fn row<const N: usize>(entry: &Entry, said: [Value; N]) -> Vec<Value> {
    let place = [Value::from(entry.seq), Value::from(entry.time.as_str())];
    place.into_iter().chain(said).collect()
}

/// What people decided.
pub fn approvals(f: &Facts) -> Section {
    const COLUMNS: [Column; 8] = [
        RECORD,
        TIME,
        c("decision", "Decision", "决定"),
        c("by", "By", "审批人"),
        PARTNER,
        CONTRACT,
        c("reason", "Reason", "理由"),
        c("question", "Hash of the question", "查询哈希"),
    ];
    let rows = f.history.of(Kind::Approval).map(|entry| {
        row(
            entry,
            [
                Value::from(entry.what.as_str()),
                Value::from(text(&entry.body, "by")),
                Value::from(entry.partner.clone()),
                Value::from(entry.contract.map(|id| f.contract_name(id))),
                Value::from(text(&entry.body, "reason")),
                Value::from(text(&entry.body, "question")),
            ],
        )
    });
    Section::new(
        "approvals",
        w("Approvals by people", "人工审批"),
        w("Each decision holds for one run.", "每项决定仅对一次运行有效。"),
        &COLUMNS,
    )
    .filled(rows)
}

/// Withdrawals of consent, and what followed.
pub fn withdrawals(f: &Facts) -> Section {
    const COLUMNS: [Column; 8] = [
        RECORD,
        c("time", "In force from", "生效时间"),
        c("batch", "Batch", "批次"),
        c("dataset", "Dataset", "数据集"),
        c("identifiers", "Identifiers removed", "移除的标识"),
        c("malformed", "Not understood", "无法识别"),
        c("answers_after", "Answers from own data since", "此后基于本方数据的答复"),
        c("confirmed", "of which confirm the list", "其中确认使用该名单"),
    ];
    let all = f.history.earlier.iter().chain(f.runs());
    let answered: Vec<&Run> = all.filter(|run| run.side == Side::Owner && run.answer.is_some()).collect();
    let rows = f.history.of(Kind::Withdrawal).map(|entry| {
        let number = entry.body["batch"].as_u64();
        let since = answered.iter().filter(|run| run.reserve.seq > entry.seq);
        let confirmed = since.clone().filter(|run| {
            let honoured = run.reserve.body["withdrawals"].as_u64();
            honoured.zip(number).is_some_and(|(honoured, number)| honoured >= number)
        });
        row(
            entry,
            [
                Value::from(number),
                Value::from(text(&entry.body, "dataset").unwrap_or("all")),
                Value::from(entry.body["identifiers"].as_u64()),
                Value::from(entry.body["malformed"].as_u64()),
                Value::from(since.count() as u64),
                Value::from(confirmed.count() as u64),
            ],
        )
    });
    Section::new(
        "withdrawals",
        w("Withdrawals of consent", "同意的撤回"),
        w(
            "Whoever is on the list takes part in no answer from then on. How many customers of one answer that removed is a figure about customers, and is not in the log.",
            "列入名单者自生效起不再参与任何答复。单个答复因此排除的客户数属于客户数据，不写入日志。",
        ),
        &COLUMNS,
    )
    .filled(rows)
}

/// Data and its quality.
pub fn datasets(f: &Facts) -> Section {
    const COLUMNS: [Column; 9] = [
        RECORD,
        TIME,
        c("dataset", "Dataset", "数据集"),
        c("what", "What", "事项"),
        c("snapshot", "Content (hash)", "内容哈希"),
        c("complete", "Least complete column", "最低完整率"),
        c("valid", "Least valid column", "最低有效率"),
        c("keys_valid", "Least valid match key", "匹配键最低有效率"),
        c("warnings", "Warnings", "警告数"),
    ];
    let rows = f.history.of(Kind::Dataset).map(|entry| {
        let quality = &entry.body["quality"];
        row(
            entry,
            [
                Value::from(text(&entry.body, "dataset")),
                Value::from(entry.what.as_str()),
                Value::from(text(&entry.body, "snapshot")),
                Value::from(quality["complete"].as_f64()),
                Value::from(quality["valid"].as_f64()),
                Value::from(quality["keys_valid"].as_f64()),
                Value::from(quality["warnings"].as_u64()),
            ],
        )
    });
    Section::new(
        "datasets",
        w("Data and its quality", "数据与数据质量"),
        w(
            "Shares are in tenths and rounded down: exact shares are figures about customers and are not in the log.",
            "比例按十分位向下取整；精确比例属于客户数据，不写入日志。",
        ),
        &COLUMNS,
    )
    .filled(rows)
}

/// Contracts, partners, keys, settings, exports, periods.
pub fn changes(f: &Facts) -> Section {
    const COLUMNS: [Column; 7] = [
        RECORD,
        TIME,
        SUBJECT,
        c("what", "What", "事项"),
        PARTNER,
        CONTRACT,
        c("details", "Details", "详情"),
    ];
    let changes = f.history.entries.iter().filter(|entry| {
        use Kind::{Config, Contract, Export, Key, Open, Partner, Refresh};
        let changes = matches!(entry.kind, Open | Contract | Partner | Key | Config | Export | Refresh);
        changes && !Facts::is_incident(entry)
    });
    let rows = changes.map(|entry| {
        row(
            entry,
            [
                Value::from(entry.kind.name()),
                Value::from(entry.what.as_str()),
                Value::from(entry.partner.clone()),
                Value::from(entry.contract.map(|id| f.contract_name(id))),
                Value::from(entry.body.to_string()),
            ],
        )
    });
    Section::new(
        "changes",
        w("Changes", "变更"),
        w(
            "Contracts, partners, keys, settings, periods and exports.",
            "合同、合作方、密钥、配置、预算周期与导出。",
        ),
        &COLUMNS,
    )
    .filled(rows)
}

/// What went wrong.
pub fn incidents(f: &Facts) -> Section {
    const COLUMNS: [Column; 7] = [
        RECORD,
        TIME,
        SUBJECT,
        c("code", "Code", "代码"),
        PARTNER,
        c("outcome", "Outcome", "结果"),
        c("query", "Question id", "查询编号"),
    ];
    let wrong = |entry: &&&Entry| Facts::is_incident(entry);
    let runs = f.history.earlier.iter().chain(f.runs());
    let endings: HashMap<u64, Ending> = runs.filter_map(|run| Some((run.abort?.seq, run.ending()))).collect();
    let rows = f.history.entries.iter().filter(wrong).map(|entry| {
        row(
            entry,
            [
                Value::from(entry.kind.name()),
                Value::from(entry.what.as_str()),
                Value::from(entry.partner.clone()),
                Value::from(endings.get(&entry.seq).map(|ending| ending.name())),
                Value::from(entry.query.map(|id| id.to_string())),
            ],
        )
    });
    Section::new(
        "incidents",
        w("Incidents", "事件"),
        w(
            "Questions that ended early, spans given up, floods, false heads of partners.",
            "提前结束的查询、放弃的区段、请求洪泛与合作方的虚假日志头。",
        ),
        &COLUMNS,
    )
    .filled(rows)
}
