//! `tacit doctor`: what can be wrong here, and between here and a partner.

use jiff::{SignedDuration, Timestamp};

use super::layout::aligned;
use crate::{
    control::Reply,
    data::{Table, Value},
    link::Check,
    report::Report,
    rooms::Rooms,
};

/// A certificate that ends sooner than this is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Checks this node and, if one is named, the way to a partner; all partners otherwise.
pub async fn examine(rooms: &Rooms, partner: Option<String>) -> Result<Reply, Report> {
    let mut table = Table::new(&["partner", "check", "ok", "found", "mend"]);
    let mut wrong = 0;
    let mut text = String::new();
    let mut add = |place: &str, partner: &str, checks: Vec<Check>| {
        let lines = checks.iter().flat_map(|check| {
            let ok = if check.ok { "ok" } else { "WRONG" };
            let found = vec![ok.to_owned(), check.name.clone(), check.found.clone()];
            let mend = check.mend.iter().map(|mend| vec![String::new(), String::new(), format!("→ {mend}")]);
            std::iter::once(found).chain(mend)
        });
        text.push_str(&format!("{place}\n{}", aligned("  ", &lines.collect::<Vec<_>>())));
        for check in checks {
            wrong += u32::from(!check.ok);
            table.push([
                Value::from(partner),
                Value::from(check.name),
                Value::from(check.ok),
                Value::from(check.found),
                Value::from(check.mend.unwrap_or_default()),
            ]);
        }
    };
    let own = own(rooms)?;
    let own_names: Vec<String> = own.iter().map(|check| check.name.clone()).collect();
    add("here", "", own);
    let partners = match partner {
        Some(which) => vec![rooms.partners.find(&which)?],
        None => rooms.partners.list(),
    };
    for partner in partners {
        let name = partner.card().name();
        let mut checks = rooms.link.diagnose(partner.card().id()).await?;
        // What was looked at above is told once.
        checks.retain(|check| !own_names.contains(&check.name));
        checks.extend(super::contracts::checks(rooms, partner.card().id()));
        add(name, name, checks);
    }
    let note = match wrong {
        0 => "nothing is wrong".to_owned(),
        1 => "one thing is wrong".to_owned(),
        _ => format!("{wrong} things are wrong"),
    };
    Ok(Reply { table: Some(table), text: Some(text), notes: vec![note], ..Reply::default() })
}

fn own(rooms: &Rooms) -> Result<Vec<Check>, Report> {
    let card = rooms.card()?;
    let left = card.not_after().duration_since(Timestamp::now());
    let mut checks = vec![Check {
        name: "own certificate".to_owned(),
        ok: left > SOON,
        found: format!("until {}", card.not_after()),
        mend: (left <= SOON).then(|| "tacit certificate rotate".to_owned()),
    }];
    for registration in rooms.datasets.list()? {
        let there = registration.path.exists();
        checks.push(Check {
            name: format!("dataset {}", registration.name),
            ok: there,
            found: if there { "its files are there" } else { "its files are gone" }.to_owned(),
            mend: (!there).then(|| format!("put them back, or tacit dataset remove {}", registration.name)),
        });
    }
    Ok(checks)
}
