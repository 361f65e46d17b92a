//! From fields to terms: every field has its kind and its range here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{policy::Decimal, query::ModelKind, scan::Registration};

use super::{
    Align, Allow, ColumnTerms, ColumnUse, Consent, ContractError, DatasetTerms, IdentityTerms, Metrics,
    Partner, PeriodTerms, PrivacyTerms, Receiver, RevealTerms, Terms, TrainTerms, Values, Weights,
    fields::{Fields, Node, number, shown, wrong_kind},
};

/// Where the fields come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A person: partners are names.
    Toml,
    /// A node: partners are names with keys.
    Json,
}

const WITHDRAWAL_LIST: &str = "withdrawal-list";

/// Reads a whole contract. The partners come with keys only in [`Form::Json`].
pub(super) fn read(node: Node, form: Form) -> Result<(Terms, Vec<Partner>), ContractError> {
    let mut root = Fields::root(node)?;
    let name = token(&mut root, "name", "name = \"maternal-offers\"")?;
    let (names, keyed) = match form {
        Form::Toml => (partner_names(&mut root)?, Vec::new()),
        Form::Json => keyed_partners(&mut root)?,
    };
    let purpose = token(&mut root, "purpose", "purpose = \"joint-marketing\"")?;
    let legal_basis = root.text("legal_basis")?;
    if let Some(basis) = &legal_basis
        && (basis.trim().is_empty() || basis.chars().count() > 500 || basis.chars().any(char::is_control))
    {
        return Err(ContractError::OutOfRange {
            field: root.path("legal_basis"),
            found: shown(basis),
            allowed: "one line of at most 500 characters",
        });
    }
    let starts = root.date("starts", "starts = 2026-12-01")?;
    let ends = root.date("ends", "ends = 2027-05-31")?;
    let identity =
        root.needed_table("identity", "[identity] with profile = \"google-dm/2\" and keys = [\"phone\"]")?;
    let privacy =
        root.needed_table("privacy", "[privacy] with unit, epsilon, delta, per_query_epsilon, min_group")?;
    let datasets = root.tables("dataset")?;
    let allow = root.needed_table("allow", "[allow] with what may be asked")?;
    root.finish()?;
    let mut datasets = datasets.into_iter().map(dataset).collect::<Result<Vec<_>, _>>()?;
    datasets.sort_by(|a, b| (&a.owner, &a.name).cmp(&(&b.owner, &b.name)));
    let terms = Terms {
        name,
        partners: names,
        purpose,
        legal_basis,
        starts,
        ends,
        identity: self::identity(identity)?,
        privacy: self::privacy(privacy)?,
        datasets,
        allow: self::allow(allow)?,
    };
    Ok((terms, keyed))
}

fn partner_names(root: &mut Fields) -> Result<Vec<String>, ContractError> {
    root.optional_texts("partners")?.ok_or_else(|| ContractError::Missing {
        field: "partners".to_owned(),
        example: "partners = [\"brand\", \"bank\"]",
    })
}

fn keyed_partners(root: &mut Fields) -> Result<(Vec<String>, Vec<Partner>), ContractError> {
    let mut partners = Vec::new();
    for mut fields in root.tables("partners")? {
        let name = fields.needed_text("name", "\"name\": \"brand\"")?;
        let key = fields.needed_text("key", "\"key\": 64 hex digits")?;
        fields.finish()?;
        let key = super::canonical::unhex::<32>(&key)
            .ok_or(ContractError::NotGenuine { problem: "a partner's key is not 64 hex digits" })?;
        partners.push(Partner { name, key });
    }
    Ok((partners.iter().map(|partner| partner.name.clone()).collect(), partners))
}

/// A short name of lower-case letters, digits, `-`, `_` and `.`, that reads well in logs.
fn token(fields: &mut Fields, name: &'static str, example: &'static str) -> Result<String, ContractError> {
    let text = fields.needed_text(name, example)?;
    let first = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c));
    if first && rest && text.len() <= 64 {
        Ok(text)
    } else {
        Err(ContractError::OutOfRange {
            field: fields.path(name),
            found: format!("{:?}", shown(&text)),
            allowed: "up to 64 lower-case letters, digits, -, _ and ., a letter or digit first",
        })
    }
}

fn identity(mut fields: Fields) -> Result<IdentityTerms, ContractError> {
    let profile = fields.needed_text("profile", "profile = \"google-dm/2\"")?;
    let profile = profile.parse().map_err(|error: tacit_protocol::identity::UnknownProfile| {
        ContractError::NotAChoice {
            field: fields.path("profile"),
            found: format!("{:?}", shown(&profile)),
            choices: error.to_string(),
        }
    })?;
    let mut keys = Vec::new();
    for (at, key) in fields.texts("keys")?.into_iter().enumerate() {
        keys.push(key.parse().map_err(|error: tacit_protocol::identity::BadKind| {
            ContractError::NotAChoice {
                field: format!("{}[{at}]", fields.path("keys")),
                found: format!("{:?}", shown(&key)),
                choices: error.to_string(),
            }
        })?);
    }
    if keys.is_empty() {
        return Err(ContractError::Missing {
            field: fields.path("keys"),
            example: "keys = [\"phone\", \"email\"], strongest first",
        });
    }
    let region = fields.text("default_region")?;
    let default_region = match region {
        None => None,
        Some(text) => Some(text.parse().map_err(|error: tacit_protocol::identity::UnknownRegion| {
            ContractError::NotAChoice {
                field: fields.path("default_region"),
                found: format!("{:?}", shown(&text)),
                choices: error.to_string(),
            }
        })?),
    };
    fields.finish()?;
    Ok(IdentityTerms { profile, keys, default_region })
}

fn privacy(mut fields: Fields) -> Result<PrivacyTerms, ContractError> {
    let unit = fields.needed_text("unit", "unit = \"customer\"")?;
    if unit != "customer" {
        return Err(choice(
            &fields,
            "unit",
            &unit,
            "\"customer\": whatever number of rows, one customer is protected",
        ));
    }
    let epsilon = fields.number("epsilon", "epsilon = 8.0")?;
    let delta = fields.number("delta", "delta = 1e-6")?;
    let per_query = fields.number("per_query_epsilon", "per_query_epsilon = 1.0")?;
    let min_group = fields.number("min_group", "min_group = 50")?;
    let period = fields.text("period")?;
    let period_epsilon = fields.optional_number("period_epsilon")?;
    let receiver = match fields.text("receiver")?.as_deref() {
        None | Some("asker") => Receiver::Asker,
        Some("both") => Receiver::Both,
        Some(other) => return Err(choice(&fields, "receiver", other, "\"asker\" or \"both\"")),
    };
    let outside = |name, found: Decimal, allowed| ContractError::OutOfRange {
        field: fields.path(name),
        found: found.to_string(),
        allowed,
    };
    let micro = |name, found: Decimal| {
        found.micro().filter(|micro| (1..=100_000_000).contains(micro)).ok_or_else(|| {
            outside(name, found, "more than 0, at most 100 (more protects nobody), at most six decimals")
        })
    };
    let period = match (period, period_epsilon) {
        (None, None) => None,
        (Some(text), Some(epsilon)) => {
            let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
            let days = days.filter(|days| (1..=3660).contains(days)).ok_or_else(|| {
                choice(&fields, "period", &text, "whole days, as in \"30d\", at most \"3660d\"")
            })?;
            Some((PeriodTerms { days, epsilon_micro: micro("period_epsilon", epsilon)? }, epsilon))
        }
        (None, Some(_)) => {
            return Err(ContractError::Missing { field: fields.path("period"), example: "period = \"30d\"" });
        }
        (Some(_), None) => {
            return Err(ContractError::Missing {
                field: fields.path("period_epsilon"),
                example: "period_epsilon = 2.0",
            });
        }
    };
    let terms = PrivacyTerms {
        epsilon_micro: micro("epsilon", epsilon)?,
        delta_femto: Some(delta)
            .filter(|delta| *delta < Decimal::ONE)
            .and_then(Decimal::femto)
            .filter(|delta| *delta > 0)
            .ok_or_else(|| outside("delta", delta, "more than 0 and less than 1; 1e-6 is usual"))?,
        per_query_epsilon_micro: micro("per_query_epsilon", per_query)?,
        period: period.map(|(period, _)| period),
        min_group: min_group
            .micro()
            .filter(|micro| micro % 1_000_000 == 0)
            .and_then(|micro| u32::try_from(micro / 1_000_000).ok())
            .filter(|group| (1..=1_000_000).contains(group))
            .ok_or_else(|| outside("min_group", min_group, "a whole number from 1 to 1000000"))?,
        receiver,
    };
    if terms.per_query_epsilon_micro > terms.epsilon_micro {
        return Err(outside("per_query_epsilon", per_query, "at most privacy.epsilon"));
    }
    if let Some((period, epsilon)) = period
        && !(terms.per_query_epsilon_micro..=terms.epsilon_micro).contains(&period.epsilon_micro)
    {
        let allowed = "at least privacy.per_query_epsilon and at most privacy.epsilon";
        return Err(outside("period_epsilon", epsilon, allowed));
    }
    fields.finish()?;
    Ok(terms)
}

fn choice(fields: &Fields, name: &str, found: &str, choices: &str) -> ContractError {
    ContractError::NotAChoice {
        field: fields.path(name),
        found: format!("{:?}", shown(found)),
        choices: choices.to_owned(),
    }
}

/// A dataset's name as registrations have it.
fn dataset_name(field: String, name: String) -> Result<String, ContractError> {
    if Registration::name_is_usable(&name) {
        return Ok(name);
    }
    Err(ContractError::OutOfRange {
        field,
        found: format!("{:?}", shown(&name)),
        allowed: "the name its owner registered: lower-case letters, digits and _, a letter first",
    })
}

fn dataset(mut fields: Fields) -> Result<DatasetTerms, ContractError> {
    let owner = fields.needed_text("owner", "owner = \"bank\"")?;
    let name = fields.needed_text("name", "name = \"accounts\"")?;
    let name = dataset_name(fields.path("name"), name)?;
    // From here on, errors name the dataset as people do.
    fields.rename(format!("dataset {}.{name}", shown(&owner)));
    let consent = match fields.needed_text("consent", "consent = \"marketing_ok\", or \"withdrawal-list\"")? {
        text if text == WITHDRAWAL_LIST => Consent::WithdrawalList,
        column => Consent::Column(column_name(fields.path("consent"), column)?),
    };
    let region = fields.text("region")?;
    if let Some(region) = &region
        && (region.is_empty()
            || region.len() > 32
            || !region.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'))
    {
        return Err(ContractError::OutOfRange {
            field: fields.path("region"),
            found: format!("{:?}", shown(region)),
            allowed: "letters, digits and -, as in \"CN\" or \"EU\"",
        });
    }
    let population = fields.text("population")?;
    if let Some(population) = &population
        && !Registration::name_is_usable(population)
    {
        return Err(ContractError::OutOfRange {
            field: fields.path("population"),
            found: format!("{:?}", shown(population)),
            allowed: "the population its owner registered: lower-case letters, digits and _, a letter first",
        });
    }
    let columns = fields.table("columns")?;
    fields.finish()?;
    let mut read = BTreeMap::new();
    for (name, fields) in columns.map_or(Ok(Vec::new()), Fields::each_table)? {
        let field = fields.path("")[..].trim_end_matches('.').to_owned();
        read.insert(column_name(field, name)?, column(fields)?);
    }
    Ok(DatasetTerms { owner, name, consent, region, population, columns: read })
}

fn column_name(field: String, name: String) -> Result<String, ContractError> {
    let length = name.chars().count();
    if name.eq_ignore_ascii_case("customer") {
        return Err(ContractError::OutOfRange {
            field,
            found: "customer".to_owned(),
            allowed: "another name: in SQL, customer stands for the match keys",
        });
    }
    if (1..=128).contains(&length) && !name.chars().any(char::is_control) && name.trim() == name {
        Ok(name)
    } else {
        Err(ContractError::OutOfRange {
            field,
            found: format!("{:?}", shown(&name)),
            allowed: "the column's name, of at most 128 characters",
        })
    }
}

fn column(mut fields: Fields) -> Result<ColumnTerms, ContractError> {
    let mut uses = BTreeSet::new();
    for (at, name) in fields.texts("use")?.into_iter().enumerate() {
        let field = format!("{}[{at}]", fields.path("use"));
        let usage: ColumnUse = name.parse().map_err(|()| ContractError::NotAChoice {
            field: field.clone(),
            found: format!("{:?}", shown(&name)),
            choices: ColumnUse::ALL.map(ColumnUse::name).join(", "),
        })?;
        if !uses.insert(usage) {
            return Err(ContractError::Twice { field: fields.path("use"), name });
        }
    }
    if uses.is_empty() {
        return Err(ContractError::Missing {
            field: fields.path("use"),
            example: "use = [\"filter\"]; a column that is not listed does not exist for the partner",
        });
    }
    let values = values(&mut fields)?;
    let bounds = bounds(&mut fields)?;
    let step = fields.optional_number("step")?;
    let grid = grid(&mut fields)?;
    let class = match fields.text("class")? {
        None => super::ColumnClass::General,
        Some(text) => {
            text.parse().map_err(|()| choice(&fields, "class", &text, "general, important or core"))?
        }
    };
    fields.finish()?;
    Ok(ColumnTerms { uses, values, bounds, step, grid, class })
}

fn values(fields: &mut Fields) -> Result<Values, ContractError> {
    let items = match fields.any("values") {
        None => return Ok(Values::Unlisted),
        Some(Node::Text(text)) if text == "public" => return Ok(Values::Public),
        Some(Node::List(items)) => items,
        Some(other) => return Err(wrong_kind(fields.path("values"), "a list, or \"public\"", &other)),
    };
    let mut listed = BTreeSet::new();
    for (at, item) in items.into_iter().enumerate() {
        let field = format!("{}[{at}]", fields.path("values"));
        let value = match item {
            Node::Text(text) if text.chars().count() <= 200 && !text.chars().any(char::is_control) => text,
            Node::Number(digits) => number(field, Node::Number(digits))?.to_string(),
            Node::Truth(truth) => truth.to_string(),
            Node::Date(day) => day,
            other => return Err(wrong_kind(field, "a short text, a number, a day, true or false", &other)),
        };
        if !listed.insert(value.clone()) {
            return Err(ContractError::Twice { field: fields.path("values"), name: shown(&value) });
        }
    }
    if listed.is_empty() {
        return Err(ContractError::Missing {
            field: fields.path("values"),
            example: "values = [\"A\", \"B\"], or no values at all",
        });
    }
    Ok(Values::Listed(listed))
}

fn bounds(fields: &mut Fields) -> Result<Option<(Decimal, Decimal)>, ContractError> {
    let Some(items) = fields.list("bounds")? else { return Ok(None) };
    let field = fields.path("bounds");
    let [low, high] = <[Node; 2]>::try_from(items).map_err(|items| ContractError::OutOfRange {
        field: field.clone(),
        found: format!("a list of {}", items.len()),
        allowed: "two numbers, as in bounds = [0, 50000]",
    })?;
    let (low, high) = (number(format!("{field}[0]"), low)?, number(format!("{field}[1]"), high)?);
    if low < high {
        return Ok(Some((low, high)));
    }
    Err(ContractError::OutOfRange {
        field,
        found: format!("[{low}, {high}]"),
        allowed: "the lower bound first, and less than the upper one",
    })
}

fn grid(fields: &mut Fields) -> Result<Vec<Decimal>, ContractError> {
    let edges = fields.list("grid")?.unwrap_or_default();
    let field = fields.path("grid");
    let edges = edges.into_iter().enumerate();
    edges.map(|(at, edge)| number(format!("{field}[{at}]"), edge)).collect()
}

fn allow(mut fields: Fields) -> Result<Allow, ContractError> {
    let (aggregate, join) = (fields.truth("aggregate", false)?, fields.truth("join", false)?);
    let (quality, cross_region) = (fields.truth("quality", false)?, fields.truth("cross_region", false)?);
    let reveal = fields.table("reveal")?.map(reveal).transpose()?;
    let train = fields.table("train")?.map(train).transpose()?;
    fields.finish()?;
    Ok(Allow { aggregate, join, reveal, train, quality, cross_region })
}

fn reveal(mut fields: Fields) -> Result<RevealTerms, ContractError> {
    let to = fields.needed_text("to", "to = \"brand\": who learns which of its own customers match")?;
    let approval = people(&mut fields)?;
    let columns = fields.list("columns")?.unwrap_or_default();
    fields.finish()?;
    if !columns.is_empty() {
        return Err(ContractError::NotOffered {
            field: "allow.reveal.columns",
            what: "revealed columns of the partner",
            mend: "columns = []",
        });
    }
    Ok(RevealTerms { to, approval })
}

fn train(mut fields: Fields) -> Result<TrainTerms, ContractError> {
    let models = set(&mut fields, "models")?;
    if models.is_empty() {
        return Err(ContractError::Missing {
            field: fields.path("models"),
            example: "models = [\"logistic\"]",
        });
    }
    let kinds = ModelKind::ALL.map(ModelKind::name);
    if let Some(unknown) = models.iter().find(|model| !kinds.contains(&model.as_str())) {
        return Err(choice(&fields, "models", unknown, "\"logistic\", \"linear\" or \"poisson\""));
    }
    let approval = people(&mut fields)?;
    let align = match fields.text("align")?.as_deref() {
        None | Some("hidden") => Align::Hidden,
        Some("revealed") => Align::Revealed,
        Some(other) => return Err(choice(&fields, "align", other, "\"hidden\" or \"revealed\"")),
    };
    let weights = match fields.text("weights")? {
        None => Weights::Both,
        Some(text) if text == "both" => Weights::Both,
        Some(text) if text == "shared" => Weights::Shared,
        Some(partner) => Weights::To(partner),
    };
    let score = fields.text("score")?;
    let metrics = match fields.text("metrics")? {
        None => Metrics::Owner,
        Some(text) if text == "both" => Metrics::Both,
        Some(partner) => Metrics::To(partner),
    };
    let cohort = whole(&mut fields, "cohort", TrainTerms::COHORT, 3..=16, "a whole number from 3 to 16")?;
    let rounds = whole(&mut fields, "rounds", TrainTerms::ROUNDS, 1..=1000, "a whole number from 1 to 1000")?;
    let without_noise = fields.truth("without_noise", false)?;
    let leave_one_out = fields.truth("leave_one_out", false)?;
    fields.finish()?;
    Ok(TrainTerms {
        models,
        approval,
        align,
        weights,
        score,
        metrics,
        cohort,
        without_noise,
        leave_one_out,
        rounds,
    })
}

fn whole(
    fields: &mut Fields,
    name: &'static str,
    usual: u32,
    range: std::ops::RangeInclusive<u32>,
    allowed: &'static str,
) -> Result<u32, ContractError> {
    let Some(found) = fields.optional_number(name)? else { return Ok(usual) };
    let outside =
        || ContractError::OutOfRange { field: fields.path(name), found: found.to_string(), allowed };
    let whole = found.micro().filter(|micro| micro % 1_000_000 == 0).map(|micro| micro / 1_000_000);
    whole.and_then(|whole| u32::try_from(whole).ok()).filter(|it| range.contains(it)).ok_or_else(outside)
}

fn people(fields: &mut Fields) -> Result<BTreeSet<String>, ContractError> {
    set(fields, "approval")
}

fn set(fields: &mut Fields, name: &'static str) -> Result<BTreeSet<String>, ContractError> {
    let mut set = BTreeSet::new();
    for item in fields.texts(name)? {
        if !set.insert(item.clone()) {
            return Err(ContractError::Twice { field: fields.path(name), name: shown(&item) });
        }
    }
    Ok(set)
}
