//! What went wrong.

use jiff::Timestamp;
use tacit_protocol::log::{Entry, Kind};

use super::{Group, Indicator, Measure as M, Why, indicator as i, log::days, words as w};
use crate::audit::{
    facts::{Facts, most},
    history::{Ending, moment},
};

pub const GROUP: Group = Group {
    title: w("Incidents", "事件"),
    law: w(
        "GDPR Art. 32, 33(5); PIPL Art. 51(5), 57; Cybersecurity Law Art. 25",
        "GDPR 第32、33(5)条；个人信息保护法 第51条第5项、第57条；网络安全法 第25条",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "I01",
        w("Questions aborted", "中止的查询"),
        w("Permitted questions that came to no answer.", "获准但未得到答复的查询数。"),
        "count(abort)",
        |f| M::Count(f.history.count(Kind::Abort)),
    ),
    i(
        "I02",
        w("Share aborted", "中止率"),
        w("Aborted questions, of those permitted.", "中止查询占获准查询的比例。"),
        "count(runs with abort) / Q01",
        |f| M::share(f.runs_that(|run| run.abort.is_some()), f.runs().len() as u64),
    ),
    i(
        "I03",
        w("Ended by a crash", "因崩溃结束"),
        w("Questions that were open when the node's process died.", "节点进程崩溃时未结束的查询数。"),
        "count(abort E-CRASHED)",
        |f| M::Count(f.aborted(&["E-CRASHED"])),
    ),
    i(
        "I04",
        w("Partner broke the protocol", "对方违反协议"),
        w(
            "Questions ended because the partner's node sent what it must not send.",
            "因对方节点违反协议而结束的查询数。",
        ),
        "count(abort E-PEER, E-WIRE)",
        |f| M::Count(f.aborted(&["E-PEER-", "E-WIRE-"])),
    ),
    i(
        "I05",
        w("Conversations differed", "会话不一致"),
        w("Questions in which the two nodes had heard different things.", "双方会话内容不一致的查询数。"),
        "count(abort E-PEER-TRANSCRIPT-DIFFERS)",
        |f| M::Count(f.aborted(&["E-PEER-TRANSCRIPT-DIFFERS"])),
    ),
    i(
        "I06",
        w("Connection lost", "连接中断"),
        w("Questions that ended with the connection.", "因连接中断而结束的查询数。"),
        "count(abort E-LINK)",
        |f| M::Count(f.aborted(&["E-LINK"])),
    ),
    i(
        "I07",
        w("Out of time", "超时"),
        w("Questions that took longer than they may.", "超出时限的查询数。"),
        "count(abort E-LIMIT-TIME)",
        |f| M::Count(f.aborted(&["E-LIMIT-TIME"])),
    ),
    i(
        "I08",
        w("Given up by the asker", "查询方放弃"),
        w("Questions that their asker gave up.", "查询方主动放弃的查询数。"),
        "count(abort E-INTERRUPTED, E-ASKER-LEFT)",
        |f| M::Count(f.aborted(&["E-INTERRUPTED", "E-ASKER-LEFT"])),
    ),
    i(
        "I09",
        w("Own data could not be read", "本方数据读取失败"),
        w(
            "Questions that ended because the node's own data was not as registered.",
            "因本方数据异常而结束的查询数。",
        ),
        "count(abort E-DATA, E-DATASET)",
        |f| M::Count(f.aborted(&["E-DATA"])),
    ),
    i(
        "I10",
        w("Failed at the partner", "对方失败"),
        w(
            "Questions that failed at the partner, which tells no reason.",
            "在对方失败（不告知原因）的查询数。",
        ),
        "count(abort E-PARTNER-FAILED)",
        |f| M::Count(f.aborted(&["E-PARTNER-FAILED"])),
    ),
    i(
        "I11",
        w("Record not durable", "记录未能持久化"),
        w("Questions that ended because a record could not be written.", "因记录无法写入而结束的查询数。"),
        "count(abort, refusal E-LEDGER)",
        |f| M::Count(f.aborted(&["E-LEDGER"]) + f.refused(&["E-LEDGER"])),
    ),
    i(
        "I12",
        w("Different reasons", "不同中止原因"),
        w("Different codes among aborts.", "中止代码的种类数。"),
        "count(distinct what of abort)",
        |f| M::Count(f.different(Kind::Abort, |e| Some(e.what.as_str())).len() as u64),
    ),
    i(
        "I13",
        w("Most frequent reason", "最常见中止原因"),
        w("The code that stands in most aborts.", "出现最多的中止代码。"),
        "mode(what of abort)",
        |f| {
            M::or(
                most(f.history.of(Kind::Abort).map(|e| e.what.as_str())),
                |(code, count)| M::names([format!("{code} ({count})")]),
                Why::NoCase,
            )
        },
    ),
    i(
        "I14",
        w("Possibly revealed without an answer", "可能已泄露但无答复"),
        w(
            "Questions aborted after data-dependent bytes had left; the asker may have learned what it paid for.",
            "数据流出后中止的查询数，查询方可能已获知相应信息。",
        ),
        "count(runs with spend and abort)",
        |f| M::Count(f.ended(Ending::Revealed)),
    ),
    i(
        "I15",
        w("Recoveries", "恢复操作"),
        w(
            "Times at which a damaged or restored ledger was brought back, its lost span counted as spent.",
            "账本损坏或回滚后的恢复次数（丢失区段按已花费计）。",
        ),
        "count(recovery)",
        |f| M::Count(f.history.count(Kind::Recovery)),
    ),
    i(
        "I16",
        w("Rewritten or forked logs", "日志改写或分叉"),
        w(
            "Records that say that a partner's log, or this one, was found rewritten, forked or rolled back.",
            "发现本方或对方日志被改写、分叉或回滚的记录数。",
        ),
        "count(what contains FORK, ROLLBACK, ROLLED-BACK, STALE)",
        |f| {
            let told = |e: &&&Entry| {
                ["FORK", "ROLLBACK", "ROLLED-BACK", "STALE"].iter().any(|word| e.what.contains(word))
            };
            M::Count(f.history.entries.iter().filter(told).count() as u64)
        },
    ),
    i(
        "I17",
        w("Floods", "请求洪泛"),
        w(
            "Times at which a partner sent more than is written one by one.",
            "合作方请求过多而合并记录的次数。",
        ),
        "count(dropped)",
        |f| M::Count(f.history.count(Kind::Dropped)),
    ),
    i(
        "I18",
        w("Messages sent twice", "重发消息"),
        w("Messages that a broken connection made the node send again.", "因连接中断而重发的消息数。"),
        "Σ answer.body.outcome.resent_messages",
        |f| {
            M::Count(
                f.history
                    .of(Kind::Answer)
                    .filter_map(|e| e.body["outcome"]["resent_messages"].as_u64())
                    .sum(),
            )
        },
    ),
    i(
        "I19",
        w("Partner with most aborts", "中止最多的合作方"),
        w("The partner with whom most questions were aborted.", "中止查询最多的合作方。"),
        "mode(partner of abort)",
        |f| {
            M::or(
                most(f.history.of(Kind::Abort).filter_map(|e| e.partner.as_deref())),
                |(name, count)| M::names([format!("{name} ({count})")]),
                Why::NoCase,
            )
        },
    ),
    i(
        "I20",
        w("Newest incident", "最近事件"),
        w("When the newest abort, recovery or flood was recorded.", "最近一次中止、恢复或洪泛的时间。"),
        "max(time of abort, recovery, dropped)",
        |f| M::or(newest(f), M::Time, Why::NoCase),
    ),
    i(
        "I21",
        w("Days since the newest incident", "距最近事件天数"),
        w("Days from the newest incident to the last record.", "最近事件至末条记录的天数。"),
        "max(time) − I20",
        |f| {
            M::or(
                newest(f).zip(f.history.span()),
                |(newest, (_, last))| M::Days(days(last.duration_since(newest))),
                Why::NoCase,
            )
        },
    ),
    i(
        "I22",
        w("Longest wait for an abort", "最久的中止"),
        w("The longest time between a reservation and its abort.", "预留至中止的最长时间。"),
        "max(abort.time − reserve.time)",
        |f| {
            M::or(
                f.runs()
                    .iter()
                    .filter(|run| run.abort.is_some())
                    .filter_map(|run| run.seconds())
                    .reduce(f64::max),
                M::Seconds,
                Why::NoCase,
            )
        },
    ),
    i(
        "I23",
        w("Refunds after a release", "释放后退还"),
        w(
            "Aborts that gave a price back although bytes had left. Must be 0.",
            "数据已流出仍退还费用的中止数，应为 0。",
        ),
        "count(runs with spend and abort, body.refunded = true)",
        |f| {
            M::Count(f.runs_that(|run| {
                run.spend.is_some() && run.abort.is_some_and(|abort| abort.body["refunded"] == true)
            }))
        },
    ),
];

fn newest(f: &Facts) -> Option<Timestamp> {
    let incident = |entry: &&&Entry| Facts::is_incident(entry);
    f.history.entries.iter().filter(incident).filter_map(|entry| moment(entry)).max()
}
