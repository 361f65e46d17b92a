//! Rules that look at several fields at once.

use std::collections::BTreeSet;

use crate::{
    config::check_name,
    policy::{Decimal, aggregate::FixedPoint},
};

use super::{
    ColumnTerms, ColumnUse, ContractError, DatasetTerms, Metrics, Terms, Values, Weights, fields::shown,
};

/// The most edges of a grid: 256 buckets.
const EDGES: usize = 257;

/// Checks that the terms go together.
pub(super) fn check(terms: &Terms) -> Result<(), ContractError> {
    partners(terms)?;
    if terms.ends < terms.starts {
        return Err(ContractError::DatesReversed { starts: terms.starts, ends: terms.ends });
    }
    let mut keys = BTreeSet::new();
    if let Some(twice) = terms.identity.keys.iter().find(|key| !keys.insert(*key)) {
        return Err(ContractError::Twice { field: "identity.keys".to_owned(), name: twice.to_string() });
    }
    datasets(terms)?;
    allow(terms)
}

fn partners(terms: &Terms) -> Result<(), ContractError> {
    if !(2..=16).contains(&terms.partners.len()) {
        return Err(ContractError::OutOfRange {
            field: "partners".to_owned(),
            found: format!("a list of {}", terms.partners.len()),
            allowed: "2 to 16 partners, as in [\"brand\", \"bank\"]",
        });
    }
    let mut seen = BTreeSet::new();
    for (at, name) in terms.partners.iter().enumerate() {
        check_name(name).map_err(|(_, mend)| ContractError::NotAChoice {
            field: format!("partners[{at}]"),
            found: format!("{:?}", shown(name)),
            choices: mend,
        })?;
        if !seen.insert(name) {
            return Err(ContractError::Twice { field: "partners".to_owned(), name: name.clone() });
        }
    }
    Ok(())
}

fn is_partner(terms: &Terms, field: String, name: &str) -> Result<(), ContractError> {
    if terms.partners.iter().any(|partner| partner == name) {
        return Ok(());
    }
    Err(ContractError::NotAPartner { field, name: shown(name), partners: super::list(&terms.partners) })
}

fn datasets(terms: &Terms) -> Result<(), ContractError> {
    if !(1..=64).contains(&terms.datasets.len()) {
        return Err(ContractError::OutOfRange {
            field: "dataset".to_owned(),
            found: format!("a list of {}", terms.datasets.len()),
            allowed: "1 to 64 sections [[dataset]], with owner, name, consent and columns",
        });
    }
    for (at, dataset) in terms.datasets.iter().enumerate() {
        is_partner(terms, format!("owner of dataset {}", dataset.name), &dataset.owner)?;
        if at > 0 && terms.datasets[at - 1].full_name() == dataset.full_name() {
            return Err(ContractError::Twice { field: "dataset".to_owned(), name: dataset.full_name() });
        }
        if dataset.columns.len() > 1000 {
            return Err(ContractError::OutOfRange {
                field: format!("dataset {}.columns", dataset.full_name()),
                found: format!("a table of {}", dataset.columns.len()),
                allowed: "at most 1000 columns",
            });
        }
        dataset.columns.iter().try_for_each(|(name, column)| self::column(dataset, name, column))?;
    }
    Ok(())
}

fn column(dataset: &DatasetTerms, name: &str, terms: &ColumnTerms) -> Result<(), ContractError> {
    let column = format!("{}.{name}", dataset.full_name());
    if let Some(&usage) = terms.uses.iter().find(|&&usage| !terms.class.permits(usage)) {
        return Err(ContractError::ClassForbids { column, class: terms.class, usage });
    }
    let needs = |usage, needs, mend: &str| ContractError::UseNeeds {
        column: column.clone(),
        usage,
        needs,
        mend: mend.to_owned(),
    };
    if !terms.uses.contains(&ColumnUse::Measure) && (terms.step.is_some() || !terms.grid.is_empty()) {
        let field = if terms.step.is_some() { "step" } else { "grid" };
        return Err(ContractError::OutOfRange {
            field: format!("{column}.{field}"),
            found: "a column that is not measured".to_owned(),
            allowed: "use = [\"measure\"] with bounds, or no step and no grid",
        });
    }
    if terms.uses.contains(&ColumnUse::RevealFilter) && !terms.uses.contains(&ColumnUse::Filter) {
        return Err(needs(ColumnUse::RevealFilter, "filter", "use = [\"filter\", \"reveal-filter\"]"));
    }
    if terms.uses.contains(&ColumnUse::Measure) && terms.bounds.is_none() {
        return Err(needs(
            ColumnUse::Measure,
            "bounds",
            "bounds = [0, 50000]; values beyond them are clamped, so that no single customer shows",
        ));
    }
    let learned =
        [ColumnUse::Feature, ColumnUse::Target].into_iter().find(|usage| terms.uses.contains(usage));
    if let Some(usage) = learned
        && terms.bounds.is_none()
        && !matches!(terms.values, Values::Listed(_))
    {
        return Err(needs(
            usage,
            "bounds or values",
            "bounds = [0, 100] for a number, values = [\"A\", \"B\"] for the rest (values = [false, true] for yes and no)",
        ));
    }
    if let Some((low, high)) = terms.bounds {
        measure(&column, low, high, terms)?;
    }
    Ok(())
}

/// A step that leaves room for every sum, and a grid that covers the bounds in order.
fn measure(column: &str, low: Decimal, high: Decimal, terms: &ColumnTerms) -> Result<(), ContractError> {
    if let Some(step) = terms.step
        && FixedPoint::new(low, high, Some(step)).is_none()
    {
        return Err(ContractError::OutOfRange {
            field: format!("{column}.step"),
            found: step.to_string(),
            allowed: "more than 0, at most the distance of the bounds, at least a thousand-millionth of the larger",
        });
    }
    let grid = &terms.grid;
    let rising = grid.windows(2).all(|pair| pair[0] < pair[1]);
    let inside =
        grid.first().is_none_or(|first| *first >= low) && grid.last().is_none_or(|last| *last <= high);
    if grid.is_empty() || (rising && inside && (2..=EDGES).contains(&grid.len())) {
        return Ok(());
    }
    Err(ContractError::OutOfRange {
        field: format!("{column}.grid"),
        found: format!("a list of {}", grid.len()),
        allowed: "2 to 257 rising edges within the bounds, as in grid = [0, 1000, 5000, 50000]",
    })
}

fn allow(terms: &Terms) -> Result<(), ContractError> {
    let allow = &terms.allow;
    if let Some(reveal) = &allow.reveal {
        is_partner(terms, "allow.reveal.to".to_owned(), &reveal.to)?;
        for name in &reveal.approval {
            is_partner(terms, "allow.reveal.approval".to_owned(), name)?;
        }
    }
    if let Some(train) = &allow.train {
        for name in &train.approval {
            is_partner(terms, "allow.train.approval".to_owned(), name)?;
        }
        if let Weights::To(name) = &train.weights {
            is_partner(terms, "allow.train.weights".to_owned(), name)?;
        }
        if let Some(name) = &train.score {
            is_partner(terms, "allow.train.score".to_owned(), name)?;
        }
        if let Metrics::To(name) = &train.metrics {
            is_partner(terms, "allow.train.metrics".to_owned(), name)?;
        }
    }
    let meet = allow.join || allow.reveal.is_some() || allow.train.is_some();
    if !allow.aggregate && !meet {
        return Err(ContractError::AllowsNothing);
    }
    if meet { together(terms) } else { Ok(()) }
}

/// What must hold when rows of different owners meet.
fn together(terms: &Terms) -> Result<(), ContractError> {
    for dataset in &terms.datasets {
        if !dataset.columns.values().any(|column| column.uses.contains(&ColumnUse::Match)) {
            return Err(ContractError::NothingToMatch { dataset: dataset.full_name() });
        }
    }
    let shown = |dataset: &DatasetTerms| {
        format!("{} ({})", dataset.full_name(), dataset.region.as_deref().unwrap_or("no region"))
    };
    for (at, left) in terms.datasets.iter().enumerate() {
        for right in &terms.datasets[at + 1..] {
            if left.owner != right.owner && left.region != right.region && !terms.allow.cross_region {
                return Err(ContractError::RegionsMeet { left: shown(left), right: shown(right) });
            }
        }
    }
    Ok(())
}
