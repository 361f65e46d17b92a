//! What is asked for: a reveal, or an aggregate.

use std::collections::BTreeSet;

use crate::engine::sqlparser::ast::{self, SelectItem};

use super::{
    After, Aggregate, ColumnName, Job, QueryError, Scoring,
    after::Clauses,
    figure::aggregate,
    name::quoted,
    scope::{CUSTOMER, Named, Scope},
};

/// The kind of question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Which of the asker's own customers are at the partner too.
    Reveal(Reveal),
    /// Noisy figures over one partner's table.
    Aggregate(Aggregates),
    /// Noisy figures over the overlap.
    Join(Aggregates),
    /// A model.
    Train(Box<Job>),
    /// What a model says of customers.
    Score(Box<Scoring>),
}

/// The columns of a reveal's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reveal {
    /// In the order asked; `customer` is among them.
    pub outputs: Vec<Output>,
}

/// One column of a reveal's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The column; `None` is the asker's own name for the customer.
    pub column: Option<ColumnName>,
    /// What it is called in the answer.
    pub label: String,
}

/// The figures of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregates {
    /// The columns it is grouped by.
    pub groups: Vec<ColumnName>,
    /// In the order asked.
    pub figures: Vec<(Aggregate, String)>,
    /// What the asker does with the released figures.
    pub after: After,
}

/// What stands behind a figure's name in the answer: its interval, and why it is not there.
pub const BESIDE: [&str; 3] = ["low95", "high95", "suppressed"];

/// What a question does with a column. A contract lists these per column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Usage {
    /// A condition looks at it.
    Filter,
    /// The answer has a row per value.
    Group,
    /// It is summed.
    Measure,
    /// Its values stand in the answer of a reveal.
    Show,
    /// A model learns from it.
    Feature,
    /// A model learns to predict it.
    Target,
}

impl Aggregates {
    /// The figures that the partner computes: each once, in one order, without the asker's names for them. The
    /// values of groups are not figures.
    pub fn computed(&self) -> BTreeSet<&Aggregate> {
        let figures = self.figures.iter().map(|(figure, _)| figure);
        figures.filter(|figure| !matches!(figure, Aggregate::Group(_))).collect()
    }

    /// The SELECT list without the asker's names, its groups first: a partner that gets the answer reads them there.
    /// Figures of two partners' columns of one name are numbered, so that the list can be read again.
    fn for_readers(&self) -> Vec<String> {
        let groups: BTreeSet<&ColumnName> = self.groups.iter().collect();
        let groups = groups.into_iter().map(|column| Aggregate::Group(column.clone()));
        let figures: Vec<Aggregate> = groups.chain(self.computed().into_iter().cloned()).collect();
        let labelled: Vec<_> = figures.iter().map(|figure| (figure.clone(), figure.own_label())).collect();
        if unambiguous(&labelled).is_ok() {
            return figures.iter().map(Aggregate::sql).collect();
        }
        figures.iter().zip(1..).map(|(figure, number)| format!("{} AS f{number}", figure.sql())).collect()
    }
}

impl Ask {
    /// The columns outside the conditions, with what is done with them.
    pub(super) fn uses(&self) -> BTreeSet<(ColumnName, Usage)> {
        match self {
            Self::Reveal(reveal) => {
                reveal.outputs.iter().filter_map(|o| Some((o.column.clone()?, Usage::Show))).collect()
            }
            Self::Aggregate(aggregates) | Self::Join(aggregates) => aggregates
                .groups
                .iter()
                .map(|column| (column.clone(), Usage::Group))
                .chain(
                    aggregates
                        .figures
                        .iter()
                        .flat_map(|(figure, _)| figure.measures())
                        .map(|column| (column.clone(), Usage::Measure)),
                )
                .collect(),
            Self::Train(job) => job.uses(),
            Self::Score(scoring) => {
                let columns = scoring.features().into_values().flatten();
                columns.map(|column| (column, Usage::Feature)).collect()
            }
        }
    }

    /// The SELECT list. For a `reader`, it lists nothing of the asker's own, not even its labels.
    pub(super) fn list(&self, reader: Option<&str>) -> String {
        let labelled = |sql: String, label: &str| format!("{sql} AS {}", quoted(label));
        let items: Vec<String> = match (self, reader) {
            (Self::Reveal(reveal), Some(reader)) => {
                let theirs = reveal.outputs.iter().filter_map(|output| output.column.as_ref());
                let theirs = theirs.filter(|column| column.table.owner == reader).map(ColumnName::sql);
                [CUSTOMER.to_owned()].into_iter().chain(theirs).collect()
            }
            (Self::Reveal(reveal), None) => reveal
                .outputs
                .iter()
                .map(|output| {
                    let sql = output.column.as_ref().map_or(CUSTOMER.to_owned(), ColumnName::sql);
                    labelled(sql, &output.label)
                })
                .collect(),
            (Self::Aggregate(aggregates), Some(_)) => {
                aggregates.computed().into_iter().map(Aggregate::sql).collect()
            }
            (Self::Join(aggregates), Some(_)) => aggregates.for_readers(),
            (Self::Aggregate(aggregates) | Self::Join(aggregates), None) => {
                aggregates.figures.iter().map(|(figure, label)| labelled(figure.sql(), label)).collect()
            }
            // A job is printed as a whole, and so is a scoring.
            (Self::Train(_) | Self::Score(_), _) => Vec::new(),
        };
        items.join(", ")
    }
}

/// Reads the SELECT list and the GROUP BY.
pub(super) fn ask(
    items: &[SelectItem],
    group_by: &[ast::Expr],
    distinct: bool,
    clauses: &Clauses,
    scope: &Scope,
) -> Result<Ask, QueryError> {
    let groups = group_by.iter().map(|group| grouped(group, scope)).collect::<Result<Vec<_>, _>>()?;
    let items = items.iter().map(|item| figure(item, scope)).collect::<Result<Vec<_>, _>>()?;
    let joined = scope.tables().len() > 1;
    let aggregated = |item: &Item| matches!(item, Item::Figure(..));
    if groups.is_empty() && !items.iter().any(aggregated) {
        if clauses.having.is_some() {
            return Err(QueryError::unsupported("HAVING without a figure", "WHERE, for conditions on rows"));
        }
        return reveal(items, joined);
    }
    if distinct {
        return Err(QueryError::unsupported(
            "SELECT DISTINCT with aggregates",
            "GROUP BY, which already does it",
        ));
    }
    let mut figures = Vec::new();
    for item in items {
        figures.push(match item {
            Item::Figure(figure, label) => (figure, label),
            Item::Column(column, label) if groups.contains(&column) => (Aggregate::Group(column), label),
            Item::Column(column, _) => return Err(QueryError::NotGrouped { column }),
            Item::Customer(_) => {
                return Err(QueryError::unsupported(
                    "customer beside an aggregate",
                    "COUNT(DISTINCT customer), or SELECT customer alone",
                ));
            }
        });
    }
    unambiguous(&figures)?;
    let after = After::read(clauses, scope, &figures)?;
    let aggregates = Aggregates { groups, figures, after };
    if aggregates.computed().is_empty() {
        return Err(QueryError::unsupported(
            "GROUP BY without a figure",
            "SELECT column, COUNT(*) … GROUP BY column",
        ));
    }
    if !joined {
        return Ok(Ask::Aggregate(aggregates));
    }
    if aggregates.computed().into_iter().any(|figure| matches!(figure, Aggregate::Quantile(..))) {
        return Err(QueryError::NotInThisVersion {
            what: "quantiles over the overlap",
            instead: "AVG and STDDEV over the overlap, or QUANTILE over one table: FROM them.theirs",
        });
    }
    Ok(Ask::Join(aggregates))
}

/// Every column of the answer has a name of its own, those beside the figures included.
fn unambiguous(figures: &[(Aggregate, String)]) -> Result<(), QueryError> {
    let mut names = BTreeSet::new();
    let mut free = |name: String| names.insert(name);
    let all_free = figures.iter().all(|(figure, label)| {
        let beside: &[&str] = if matches!(figure, Aggregate::Group(_)) { &[] } else { &BESIDE };
        free(label.clone()) && beside.iter().all(|beside| free(format!("{label}_{beside}")))
    });
    if all_free {
        return Ok(());
    }
    Err(QueryError::unsupported("two columns of one name in the answer", "SUM(column) AS another_name"))
}

fn reveal(items: Vec<Item>, joined: bool) -> Result<Ask, QueryError> {
    let mut outputs: Vec<Output> = Vec::new();
    for item in items {
        let output = match item {
            Item::Customer(label) => Output { column: None, label },
            Item::Column(column, label) => Output { column: Some(column), label },
            // A figure makes the question an aggregate; `ask` has sorted that out.
            Item::Figure(..) => continue,
        };
        if outputs.iter().any(|other| other.label == output.label) {
            return Err(QueryError::unsupported(
                "two columns of one name in the answer",
                "column AS another_name",
            ));
        }
        outputs.push(output);
    }
    if !joined {
        return Err(QueryError::unsupported(
            "the rows of one table",
            "SELECT customer FROM us.ours JOIN them.theirs USING (customer): which of our customers they know",
        ));
    }
    if !outputs.iter().any(|output| output.column.is_none()) {
        return Err(QueryError::unsupported(
            "columns without customer",
            "SELECT customer, and then columns of your own dataset",
        ));
    }
    Ok(Ask::Reveal(Reveal { outputs }))
}

/// One item of the SELECT list with its label.
enum Item {
    Customer(String),
    Column(ColumnName, String),
    Figure(Aggregate, String),
}

fn figure(item: &SelectItem, scope: &Scope) -> Result<Item, QueryError> {
    let (expr, alias) = match item {
        SelectItem::UnnamedExpr(expr) => (expr, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(super::statement::name(alias)?)),
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
            return Err(QueryError::unsupported(
                "every column (*)",
                "customer, and the columns of your own dataset by name",
            ));
        }
        SelectItem::ExprWithAliases { .. } => {
            return Err(QueryError::unsupported("several names for one column", "column AS name"));
        }
    };
    let label = |own: &str| alias.clone().unwrap_or_else(|| own.to_owned());
    match expr {
        ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) => Ok(match named(expr, scope)? {
            Named::Customer => Item::Customer(label(CUSTOMER)),
            Named::Column(at, column) => Item::Column(scope.column(at, column.clone()), label(&column)),
        }),
        ast::Expr::Function(call) => {
            let figure = aggregate(call, scope)?;
            let own = figure.own_label();
            Ok(Item::Figure(figure, label(&own)))
        }
        _ => Err(QueryError::unsupported(
            "an expression in the SELECT list",
            "customer, columns, COUNT(*), SUM(column), AVG(column), STDDEV(column), QUANTILE(column, 0.9)",
        )),
    }
}

fn grouped(group: &ast::Expr, scope: &Scope) -> Result<ColumnName, QueryError> {
    match named(group, scope)? {
        Named::Column(at, column) => Ok(scope.column(at, column)),
        Named::Customer => Err(QueryError::unsupported(
            "GROUP BY customer: a group of one person is no aggregate",
            "SELECT customer without aggregates, if the contract allows a reveal",
        )),
    }
}

pub(super) fn named(expr: &ast::Expr, scope: &Scope) -> Result<Named, QueryError> {
    match expr {
        ast::Expr::Identifier(name) => scope.resolve(std::slice::from_ref(name)),
        ast::Expr::CompoundIdentifier(parts) => scope.resolve(parts),
        _ => Err(QueryError::unsupported(
            "an expression in this place",
            "a column by its name; give the dataset a column that holds what you need",
        )),
    }
}
