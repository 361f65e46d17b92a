//! Who, under which contracts, and what the two laws ask to be written down.

use tacit_protocol::log::Kind;

use super::{Column, Section, column as c, story};
use crate::{
    audit::{
        facts::{Facts, text},
        words::{Language, of_code, words as w},
    },
    data::Value,
    policy::{ColumnClass, ColumnTerms, DatasetTerms, Document, Terms},
};

/// Whose log this is.
pub fn node(f: &Facts) -> Section {
    const COLUMNS: [Column; 3] =
        [c("field", "Field", "项目"), c("value", "Value", "内容"), c("source", "Source", "来源")];
    let open = f.history.all.iter().find(|entry| entry.kind == Kind::Open);
    let told = |field: &str| open.and_then(|open| text(&open.body, field)).map(str::to_owned);
    let missing = "to be filled in by the controller";
    let row = |field: &str, value: Option<String>, source: &str| {
        let value = value.unwrap_or_else(|| "not recorded".to_owned());
        vec![Value::from(field), Value::from(value), Value::from(source)]
    };
    let time = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
    let span = f.history.span();
    Section::new(
        "node",
        w("The node and the reported time", "节点与报告期"),
        w(
            "GDPR Art. 30(1)(a) asks for the controller's name and contact and for its data protection officer; \
             PIPL Art. 52 for the person in charge. A log does not hold them.",
            "GDPR 第30(1)(a)条要求控制者及数据保护官信息，个人信息保护法第52条要求个人信息保护负责人信息；日志不包含这些内容，需由控制者填写。",
        ),
        &COLUMNS,
    )
    .filled([
        row("node", f.own_name(), "contract"),
        row("node id", f.history.me.map(|id| id.to_string()), "open"),
        row("log origin", told("origin"), "open"),
        row("controller, contact, representative", None, missing),
        row("data protection officer / person in charge", None, missing),
        row("from", time(f.window.from.or(span.map(|(first, _)| first))), "option or first record"),
        row("to", time(f.window.to.or(span.map(|(_, last)| last))), "option or last record"),
        row("records", Some(f.history.entries.len().to_string()), "log"),
        row("made", Some(f.now.to_string()), "clock of the machine that made it"),
        row("made by", Some(format!("tacit {}", env!("CARGO_PKG_VERSION"))), "program"),
    ])
}

/// What was checked about the chain.
pub fn verification(f: &Facts) -> Section {
    const COLUMNS: [Column; 4] = [
        c("check", "Check", "检查项"),
        c("result", "Result", "结果"),
        c("found", "Found", "说明"),
        c("record", "First bad record", "首条异常记录"),
    ];
    let rows = f.checks.iter().map(|check| {
        let result = match check.ok {
            Some(true) => "ok",
            Some(false) => "FAILS",
            None => "not checked",
        };
        vec![
            Value::from(check.name),
            Value::from(result),
            Value::from(check.found.as_str()),
            Value::from(check.record),
        ]
    });
    Section::new(
        "verification",
        w("Verification of the record", "日志验证"),
        w(
            "The record is a Merkle log (RFC 6962) whose head is signed by the node and cosigned by its partners. \
             Anybody can repeat these checks on an export: tacit audit verify EXPORT.",
            "日志为 Merkle 日志（RFC 6962），其日志头由本节点签名并由合作方会签。任何人均可在导出件上重复检查：tacit audit verify EXPORT。",
        ),
        &COLUMNS,
    )
    .filled(rows)
}

/// GDPR Art. 30(1), a row a contract.
pub fn processing(f: &Facts, language: Language) -> Section {
    const COLUMNS: [Column; 12] = [
        c("contract", "Contract", "合同"),
        c("state", "State", "状态"),
        c("purpose", "Purpose (30(1)(b))", "处理目的"),
        c("legal_basis", "Legal basis (Art. 6)", "法律依据"),
        c("subjects", "Data subjects (30(1)(c))", "数据主体类别"),
        c("data", "Personal data (30(1)(c))", "个人信息类别"),
        c("recipients", "Recipients (30(1)(d))", "接收方"),
        c("transfers", "Transfers (30(1)(e))", "跨境/跨区域"),
        c("until", "Until (30(1)(f))", "期限"),
        c("safeguards", "Safeguards (30(1)(g))", "保护措施"),
        c("questions", "Questions", "查询数"),
        c("signed_by", "Signed by", "签署方"),
    ];
    let signed = f.states().map(|(document, state)| {
        let terms = document.contract().terms();
        vec![
            Value::from(document.contract().title()),
            Value::from(state.name()),
            Value::from(terms.purpose.as_str()),
            Value::from(terms.legal_basis.clone().unwrap_or_else(|| "not recorded".to_owned())),
            Value::from("customers of the partners named as owners of datasets"),
            Value::from(categories(terms)),
            Value::from(terms.partners.join(", ")),
            Value::from(story::transfers(terms, language)),
            Value::from(terms.ends.to_string()),
            Value::from(story::safeguards(terms, language)),
            Value::from(used(f, document)),
            Value::from(document.signed_by().join(", ")),
        ]
    });
    // Contracts of which only the records are at hand.
    let unseen =
        f.recorded_contracts().into_iter().filter(|(id, _)| f.contract(*id).is_none()).map(|(id, entry)| {
            let mut row = vec![
                Value::from(f.contract_name(id)),
                Value::from(text(&entry.body, "state").unwrap_or(&entry.what)),
            ];
            row.extend((0..8).map(|_| Value::from("the signed contract is not at hand")));
            let runs = f.runs_that(|run| run.reserve.contract == Some(id));
            row.extend([Value::from(runs), Value::Null]);
            row
        });
    Section::new(
        "processing",
        w("Record of processing activities (GDPR Art. 30)", "处理活动记录（GDPR 第30条）"),
        w(
            "One row for each contract, from its signed text; that text's hash is the contract's id in every record.",
            "每份合同一行，取自已签署文本；合同编号即其文本哈希，并出现在每条记录中。",
        ),
        &COLUMNS,
    )
    .filled(signed.chain(unseen))
}

/// PIPL Art. 54 to 56, a row a contract.
pub fn impact(f: &Facts, language: Language) -> Section {
    const COLUMNS: [Column; 8] = [
        c("contract", "Contract", "合同"),
        c("triggers", "Why an assessment is due (Art. 55)", "须开展影响评估的情形（第55条）"),
        c(
            "lawful",
            "Purpose and method lawful, legitimate, necessary (Art. 56(1))",
            "目的、方式合法正当必要（第56条第1项）",
        ),
        c("impact", "Impact on rights and risk (Art. 56(2))", "对个人权益的影响及风险（第56条第2项）"),
        c(
            "measures",
            "Measures lawful, effective, fitting the risk (Art. 56(3))",
            "保护措施合法有效并与风险相适应（第56条第3项）",
        ),
        c("use", "Use in the reported time (Art. 54)", "报告期内使用情况（第54条）"),
        c("kept", "Kept until at least (Art. 56: three years)", "至少保存至（第56条：三年）"),
        c("assessor", "Assessed by, on", "评估人与日期"),
    ];
    let rows = f.states().map(|(document, _)| {
        let terms = document.contract().terms();
        let basis = terms.legal_basis.as_deref().unwrap_or(of_code("not recorded", language));
        let kept =
            terms.ends.checked_add(jiff::Span::new().years(3)).map_or(String::new(), |day| day.to_string());
        vec![
            Value::from(document.contract().title()),
            Value::from(story::triggers(terms, language)),
            Value::from(story::say(
                language,
                w(
                    "purpose {}; basis {}; columns listed one by one with their uses: {}",
                    "目的 {}；法律依据 {}；逐一列明字段及用途：{} 个",
                ),
                &[&terms.purpose, &basis, &terms.datasets.iter().map(|d| d.columns.len()).sum::<usize>()],
            )),
            Value::from(story::risk(terms, language)),
            Value::from(story::safeguards(terms, language)),
            Value::from(story::say(
                language,
                w("{} questions permitted", "获准查询 {} 次"),
                &[&used(f, document)],
            )),
            Value::from(kept),
            Value::from("to be filled in by the controller"),
        ]
    });
    Section::new(
        "impact",
        w(
            "Personal information protection: audit and impact assessment (PIPL Art. 54–56)",
            "个人信息保护合规审计与影响评估（个人信息保护法 第54–56条）",
        ),
        w(
            "What contract and log can say for each heading of the assessment; the judgement is a person's.",
            "合同与日志就各评估项目所能提供的事实；评估结论须由人员作出。",
        ),
        &COLUMNS,
    )
    .filled(rows)
}

fn used(f: &Facts, document: &Document) -> u64 {
    f.runs_that(|run| run.reserve.contract == Some(document.contract().id()))
}

fn categories(terms: &Terms) -> String {
    let column = |(name, column): (&String, &ColumnTerms)| {
        let uses: Vec<&str> = column.uses.iter().map(|usage| usage.name()).collect();
        let class = if column.class == ColumnClass::General { "" } else { column.class.name() };
        format!("{name} ({}{}{class})", uses.join("/"), if class.is_empty() { "" } else { "; " })
    };
    let dataset = |dataset: &DatasetTerms| {
        let columns: Vec<String> = dataset.columns.iter().map(column).collect();
        format!("{}: {}", dataset.full_name(), columns.join(", "))
    };
    terms.datasets.iter().map(dataset).collect::<Vec<_>>().join("; ")
}
