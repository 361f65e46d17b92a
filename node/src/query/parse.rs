//! The typed question, which only [`parse`] can build.

use std::collections::BTreeSet;

use tacit_protocol::transcript::Transcript;

use crate::policy::Decimal;

use super::{
    Aggregates, Ask, ColumnName, Columns, Filter, Job, QueryError, Scoring, TableName, Usage, Wish, convert,
    job::{TRAIN, of_text},
    lex::{Options, Tokens, lex},
    scope::Scope,
    score::{SCORE, of_sent},
    select, statement,
};

/// A question that has been understood. Whether it may be asked is for `policy::permit` to say.
#[derive(Debug, Clone)]
pub struct Parsed {
    ask: Ask,
    tables: Vec<(TableName, Option<Filter>)>,
    options: Options,
    wish: Wish,
}

/// Reads a question.
///
/// `known` completes names that come without their table; for a question that a partner sends, use
/// [`NoColumns`](super::NoColumns).
///
/// # Errors
///
/// Everything that [`QueryError`] names. The text can be hostile: it is bounded before it is parsed.
pub fn parse(sql: &str, known: &(dyn Columns + Sync)) -> Result<Parsed, QueryError> {
    if let Some(job) = sql.trim_start().strip_prefix(TRAIN) {
        return Ok(Parsed::of_job(of_text(job).map_err(QueryError::Job)?));
    }
    if let Some(scoring) = sql.trim_start().strip_prefix(SCORE) {
        return Ok(Parsed::of_scoring(of_sent(scoring).map_err(QueryError::Job)?));
    }
    let tokens = lex(sql)?;
    // The parser has corners that recurse once per word, past its own limit. `lex` closes those we know; this
    // stack has room for the others: 16 KiB for each word that `lex` lets through. Untouched, it costs nothing.
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || read(tokens, known))
            .map_err(|_| QueryError::NoThread)?
            .join()
            .unwrap_or(Err(QueryError::ReaderFailed))
    })
}

const STACK: usize = 16 << 10 << 12;

fn read(tokens: Tokens, known: &dyn Columns) -> Result<Parsed, QueryError> {
    let (private, options) = (tokens.private, tokens.options);
    let shape = statement::shape(tokens)?;
    let scope = Scope::new(shape.tables, known);
    let ask = select::ask(&shape.items, &shape.groups, shape.distinct, &shape.after, &scope)?;
    if private && matches!(ask, Ask::Reveal(_)) {
        return Err(QueryError::unsupported(
            "a reveal WITH DIFFERENTIAL_PRIVACY: it names customers, and no noise hides a name",
            "leave the clause out if a reveal is meant, or SELECT COUNT(*)",
        ));
    }
    let sides = match &shape.conditions {
        Some(clause) => convert::conditions(clause, &scope)?,
        None => vec![Vec::new(); scope.tables().len()],
    };
    let mut tables: Vec<_> = scope.tables().into_iter().zip(sides.into_iter().map(Filter::new)).collect();
    // An inner join is the same from either side, so there is one order: the alphabet's.
    tables.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(Parsed { ask, tables, options, wish: Wish::default() })
}

impl Parsed {
    /// The question that a training job is.
    pub fn of_job(job: Job) -> Self {
        let tables = job.tables().into_iter().map(|table| (table.clone(), None)).collect();
        let options = Options {
            epsilon: job.noise.map(|noise| noise.epsilon_micro),
            delta: job.noise.map(|noise| noise.delta_femto),
        };
        Self { ask: Ask::Train(Box::new(job)), tables, options, wish: Wish::default() }
    }

    /// The question that a scoring is.
    pub fn of_scoring(scoring: Scoring) -> Self {
        let tables = scoring.tables().into_iter().map(|table| (table, None)).collect();
        let options = Options { epsilon: None, delta: None };
        Self { ask: Ask::Score(Box::new(scoring)), tables, options, wish: Wish::default() }
    }

    /// What is asked for.
    pub const fn ask(&self) -> &Ask {
        &self.ask
    }

    /// The one or two tables; of a training job more.
    pub fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.tables.iter().map(|(table, _)| table)
    }

    /// The table of this owner, if it is part of the question.
    pub fn table_of(&self, owner: &str) -> Option<&TableName> {
        self.tables().find(|table| table.owner == owner)
    }

    /// The condition on this owner's rows.
    pub fn filter_of(&self, owner: &str) -> Option<&Filter> {
        self.tables.iter().find(|(table, _)| table.owner == owner).and_then(|(_, filter)| filter.as_ref())
    }

    /// ε in millionths, if the question sets it.
    pub const fn epsilon(&self) -> Option<u64> {
        self.options.epsilon
    }

    /// δ in units of 10⁻¹⁵, if the question sets it.
    pub const fn delta(&self) -> Option<u64> {
        self.options.delta
    }

    /// What the asker said about noise beside the text.
    pub const fn wish(&self) -> Wish {
        self.wish
    }

    /// The question with what its asker said about noise beside the text.
    ///
    /// # Errors
    ///
    /// [`QueryError::TwoWishes`] if ε is set in more than one way; [`QueryError::Epsilon`] if it is none.
    pub fn wishing(mut self, wish: Wish) -> Result<Self, QueryError> {
        let (text, beside) = (self.options.epsilon, wish.epsilon);
        let ways = match (text, beside, wish.accuracy) {
            (Some(text), Some(beside), _) if text != beside => {
                Some("epsilon in OPTIONS and --epsilon differ")
            }
            (Some(_), _, Some(_)) => Some("epsilon in OPTIONS, and --accuracy"),
            (_, Some(_), Some(_)) => Some("--epsilon and --accuracy"),
            _ => None,
        };
        if let Some(ways) = ways {
            return Err(QueryError::TwoWishes { ways });
        }
        if [beside, wish.max_epsilon].into_iter().flatten().any(|micro| !(1..=100_000_000).contains(&micro)) {
            return Err(QueryError::Epsilon);
        }
        self.options.epsilon = text.or(beside);
        self.wish = wish;
        Ok(self)
    }

    /// The question with the ε that was settled for it, so that both nodes read the same one.
    pub(crate) const fn settled(mut self, epsilon_micro: u64) -> Self {
        self.options.epsilon = Some(epsilon_micro);
        self
    }

    /// Every column, with what the question does with it.
    pub fn uses(&self) -> BTreeSet<(ColumnName, Usage)> {
        let mut uses = self.ask.uses();
        for (table, filter) in &self.tables {
            let columns = filter.iter().flat_map(Filter::columns);
            uses.extend(
                columns.map(|c| (ColumnName { table: table.clone(), column: c.clone() }, Usage::Filter)),
            );
        }
        uses
    }

    /// The question in its one canonical form: full quoted names, sorted tables and conditions.
    ///
    /// Parsing it again gives the same question.
    pub fn sql(&self) -> String {
        self.print(Reader::Asker)
    }

    /// SHA-256 over the canonical form.
    pub fn hash(&self) -> [u8; 32] {
        let mut transcript = Transcript::new("tacit query/1");
        transcript.absorb("sql", self.sql().as_bytes());
        transcript.hash()
    }

    /// The question as the partner `owner` gets to see it.
    ///
    /// Of a reveal, the asker's own condition and own columns are gone: they are applied at home, and what an
    /// asker looks for among its own customers is nobody else's business. Of an aggregate, names, order and
    /// what is done with the figures are gone: two questions for the same figures are one text. The partner
    /// parses this text with the same parser and holds it against the contract itself.
    pub fn for_partner(&self, owner: &str) -> String {
        self.print(Reader::Partner(owner))
    }

    /// The question as a partner gets to see it that gets the answer as well: with the conditions of both sides,
    /// or it could not tell what the figures are of.
    pub fn for_receivers(&self) -> String {
        self.print(Reader::Receivers)
    }

    /// SHA-256 over the question as both receivers of its answer get to see it; both nodes compute the same.
    pub fn hash_for_receivers(&self) -> [u8; 32] {
        let mut transcript = Transcript::new("tacit question of both/1");
        transcript.absorb("sql", self.for_receivers().as_bytes());
        transcript.hash()
    }

    /// SHA-256 over the question as the partner `owner` gets to see it; both nodes compute the same.
    pub fn hash_for(&self, owner: &str) -> [u8; 32] {
        let mut transcript = Transcript::new("tacit question/1");
        transcript.absorb("sql", self.for_partner(owner).as_bytes());
        transcript.hash()
    }

    fn print(&self, reader: Reader<'_>) -> String {
        match &self.ask {
            Ask::Train(job) => return job.text(),
            Ask::Score(scoring) => return scoring.text(),
            Ask::Reveal(_) | Ask::Aggregate(_) | Ask::Join(_) => {}
        }
        let shown = |table: &TableName| match reader {
            Reader::Partner(owner) => table.owner == owner,
            Reader::Asker | Reader::Receivers => true,
        };
        let mut sql = "SELECT ".to_owned();
        let epsilon = self.options.epsilon.map(|micro| format!("epsilon = {}", Decimal::of_micro(micro)));
        let delta = self.options.delta.map(|femto| format!("delta = {}", Decimal::of_femto(femto)));
        let options: Vec<String> = epsilon.into_iter().chain(delta).collect();
        if !options.is_empty() {
            sql.push_str(&format!("WITH DIFFERENTIAL_PRIVACY OPTIONS ({}) ", options.join(", ")));
        }
        sql.push_str(&self.ask.list(match reader {
            Reader::Asker => None,
            Reader::Partner(owner) => Some(owner),
            Reader::Receivers => Some(""),
        }));
        let tables: Vec<String> = self.tables().map(TableName::sql).collect();
        sql.push_str(" FROM ");
        sql.push_str(&tables.join(" JOIN "));
        if tables.len() > 1 {
            sql.push_str(" USING (customer)");
        }
        let conditions: Vec<String> = self
            .tables
            .iter()
            .filter(|(table, _)| shown(table))
            .filter_map(|(table, filter)| Some((table, filter.as_ref()?)))
            .flat_map(|(table, filter)| filter.links(Some(table)))
            .collect();
        if !conditions.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&conditions.join(" AND "));
        }
        if let Ask::Aggregate(aggregates) | Ask::Join(aggregates) = &self.ask
            && !aggregates.groups.is_empty()
        {
            // Which column comes first is the asker's affair: it arranges the answer.
            let groups: BTreeSet<String> = aggregates.groups.iter().map(ColumnName::sql).collect();
            sql.push_str(" GROUP BY ");
            sql.push_str(&groups.into_iter().collect::<Vec<_>>().join(", "));
        }
        if let (Ask::Aggregate(aggregates) | Ask::Join(aggregates), Reader::Asker) = (&self.ask, reader) {
            sql.push_str(&aggregates.after.sql());
        }
        sql
    }

    /// The figures over one partner's table, if that is what is asked for.
    pub const fn aggregates(&self) -> Option<&Aggregates> {
        match &self.ask {
            Ask::Aggregate(aggregates) => Some(aggregates),
            Ask::Reveal(_) | Ask::Join(_) | Ask::Train(_) | Ask::Score(_) => None,
        }
    }

    /// The figures over the overlap, if that is what is asked for.
    pub const fn joined(&self) -> Option<&Aggregates> {
        match &self.ask {
            Ask::Join(aggregates) => Some(aggregates),
            Ask::Reveal(_) | Ask::Aggregate(_) | Ask::Train(_) | Ask::Score(_) => None,
        }
    }

    /// The training job, if that is what is asked for.
    pub fn training(&self) -> Option<&Job> {
        match &self.ask {
            Ask::Train(job) => Some(job),
            Ask::Reveal(_) | Ask::Aggregate(_) | Ask::Join(_) | Ask::Score(_) => None,
        }
    }

    /// The scoring, if that is what is asked for.
    pub fn scoring(&self) -> Option<&Scoring> {
        match &self.ask {
            Ask::Score(scoring) => Some(scoring),
            Ask::Reveal(_) | Ask::Aggregate(_) | Ask::Join(_) | Ask::Train(_) => None,
        }
    }
}

/// For whose eyes a question is printed.
#[derive(Clone, Copy)]
enum Reader<'a> {
    /// Who asks it, and may read everything.
    Asker,
    /// The owner of one of its tables.
    Partner(&'a str),
    /// Partners who both get the answer: everything but what the asker calls things and does with them.
    Receivers,
}
