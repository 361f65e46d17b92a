//! The shape of a question: one SELECT over one table or one join on the customer.

use crate::engine::sqlparser::{
    ast::{
        self, Distinct, GroupByExpr, Ident, JoinConstraint, JoinOperator, Query, Select, SelectFlavor,
        SetExpr, Statement, TableFactor, TableWithJoins,
    },
    dialect::GenericDialect,
    parser::{Parser, ParserError},
};

use super::{QueryError, TableName, after::Clauses, lex::Tokens, scope::CUSTOMER};

/// How deep the parser may recurse before it gives up.
const RECURSION: usize = 64;

/// The parts of a SELECT that are left when everything else has been refused.
pub(super) struct Shape {
    /// One table, or two that are joined on the customer; each with its alias.
    pub tables: Vec<(TableName, Option<String>)>,
    pub items: Vec<ast::SelectItem>,
    pub distinct: bool,
    pub conditions: Option<ast::Expr>,
    pub groups: Vec<ast::Expr>,
    /// What is done with the figures afterwards.
    pub after: Clauses,
}

/// Parses the tokens and takes the statement apart.
pub(super) fn shape(tokens: Tokens) -> Result<Shape, QueryError> {
    let mut statements = Parser::new(&GenericDialect {})
        .with_recursion_limit(RECURSION)
        .with_tokens_with_locations(tokens.tokens)
        .parse_statements()
        .map_err(|error| syntax(&error))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => select(*query),
        (None, _) => {
            Err(QueryError::Syntax { expected: "a SELECT was expected".to_owned(), line: 0, column: 0 })
        }
        (Some(_), false) => {
            Err(QueryError::unsupported("several statements at once", "one SELECT at a time"))
        }
        (Some(_), true) => Err(QueryError::unsupported(
            "a statement that is not a SELECT",
            "SELECT …: a question never changes anything",
        )),
    }
}

/// The parser's message without what it found there: that may be a literal.
fn syntax(error: &ParserError) -> QueryError {
    let message = match error {
        ParserError::RecursionLimitExceeded => return QueryError::TooDeep { limit: RECURSION },
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let place = message.rsplit_once(" at Line: ").and_then(|(_, place)| place.split_once(", Column: "));
    let (line, column) =
        place.and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?))).unwrap_or((0, 0));
    let expected = message
        .strip_prefix("Expected: ")
        .and_then(|rest| rest.split_once(", found: "))
        .map(|(expected, _)| expected)
        .filter(|expected| {
            expected.bytes().all(|byte| byte.is_ascii_alphabetic() || b" ,_()".contains(&byte))
        });
    let expected = match expected {
        Some(expected) => format!("{expected} was expected"),
        None => "something else was expected".to_owned(),
    };
    QueryError::Syntax { expected, line, column }
}

fn select(query: Query) -> Result<Shape, QueryError> {
    // Every field by name: a clause that a later parser adds must be looked at before this compiles.
    let Query {
        with,
        body,
        order_by,
        limit_clause,
        fetch,
        locks,
        for_clause,
        settings,
        format_clause,
        pipe_operators,
    } = query;
    if with.is_some() {
        return Err(QueryError::unsupported("WITH (a named subquery)", "one SELECT over one join"));
    }
    if !locks.is_empty()
        || for_clause.is_some()
        || settings.is_some()
        || format_clause.is_some()
        || !pipe_operators.is_empty()
    {
        return Err(QueryError::unsupported("a clause after the question", "leave it out"));
    }
    let select = match *body {
        SetExpr::Select(select) => *select,
        _ => return Err(QueryError::unsupported("a statement of this form", "SELECT … FROM … JOIN …")),
    };
    let ordered = order_by.is_some() || limit_clause.is_some() || fetch.is_some();
    let mut shape = take_apart(select)?;
    if ordered && shape.groups.is_empty() && !shape.items.iter().any(is_call) {
        return Err(QueryError::unsupported(
            "ORDER BY and LIMIT: a reveal tells all matches at once, whatever is shown",
            "sort or cut the file of the answer",
        ));
    }
    shape.after.cut(order_by, limit_clause, fetch)?;
    Ok(shape)
}

fn is_call(item: &ast::SelectItem) -> bool {
    use ast::SelectItem::{ExprWithAlias, UnnamedExpr};
    matches!(item, UnnamedExpr(ast::Expr::Function(_)) | ExprWithAlias { expr: ast::Expr::Function(_), .. })
}

fn take_apart(select: Select) -> Result<Shape, QueryError> {
    let Select {
        select_token: _,
        optimizer_hints,
        distinct,
        select_modifiers,
        top,
        top_before_distinct: _,
        projection,
        exclude,
        into,
        from,
        lateral_views,
        prewhere,
        selection,
        connect_by,
        group_by,
        cluster_by,
        distribute_by,
        sort_by,
        having,
        named_window,
        qualify,
        window_before_qualify: _,
        value_table_mode,
        flavor,
    } = select;
    if !optimizer_hints.is_empty()
        || select_modifiers.is_some()
        || top.is_some()
        || exclude.is_some()
        || into.is_some()
        || !lateral_views.is_empty()
        || prewhere.is_some()
        || !connect_by.is_empty()
        || !cluster_by.is_empty()
        || !distribute_by.is_empty()
        || !sort_by.is_empty()
        || !named_window.is_empty()
        || qualify.is_some()
        || value_table_mode.is_some()
        || flavor != SelectFlavor::Standard
    {
        return Err(QueryError::unsupported(
            "a clause of another SQL dialect",
            "SELECT … FROM … JOIN … USING (customer) WHERE … GROUP BY …",
        ));
    }
    let distinct = match distinct {
        None | Some(Distinct::All) => false,
        Some(Distinct::Distinct) => true,
        Some(Distinct::On(_)) => return Err(QueryError::unsupported("DISTINCT ON", "SELECT customer")),
    };
    let groups = match group_by {
        GroupByExpr::Expressions(groups, modifiers) if modifiers.is_empty() => groups,
        _ => return Err(QueryError::unsupported("GROUP BY in this form", "GROUP BY column, column")),
    };
    let after = Clauses::having(having);
    Ok(Shape { tables: tables(from)?, items: projection, distinct, conditions: selection, groups, after })
}

const JOIN: &str = "FROM us.ours JOIN them.theirs USING (customer)";

fn tables(mut from: Vec<TableWithJoins>) -> Result<Vec<(TableName, Option<String>)>, QueryError> {
    let Some(TableWithJoins { relation, joins }) = from.pop() else {
        return Err(QueryError::unsupported("a SELECT without FROM", JOIN));
    };
    if !from.is_empty() {
        return Err(QueryError::unsupported("tables joined by a comma", JOIN));
    }
    let mut tables = vec![table(relation)?];
    for join in joins {
        let constraint = match join.join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) if !join.global => constraint,
            _ => {
                return Err(QueryError::unsupported(
                    "a join other than the inner one: it would tell who does not match",
                    JOIN,
                ));
            }
        };
        let JoinConstraint::Using(columns) = constraint else {
            return Err(QueryError::unsupported(
                "a join on a condition: partners match on the contract's keys",
                JOIN,
            ));
        };
        let customer = |name: &ast::ObjectName| matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|name| name.value.eq_ignore_ascii_case(CUSTOMER)));
        if columns.len() != 1 || !columns.iter().all(customer) {
            return Err(QueryError::unsupported(
                "a join on columns: partners match on the contract's keys, which customer stands for",
                JOIN,
            ));
        }
        tables.push(table(join.relation)?);
    }
    if tables.len() > 2 {
        return Err(QueryError::NotInThisVersion {
            what: "joins of more than two tables",
            instead: "one question for each pair",
        });
    }
    let names: Vec<&str> =
        tables.iter().map(|(name, alias)| alias.as_deref().unwrap_or(&name.dataset)).collect();
    let same_alias = tables.iter().filter(|(_, alias)| alias.is_some()).count() > 0
        && matches!(names.as_slice(), [one, other] if one == other);
    if same_alias {
        return Err(QueryError::unsupported("one name for two tables", "another alias for one of them"));
    }
    if matches!(tables.as_slice(), [(one, _), (other, _)] if one.owner == other.owner) {
        return Err(QueryError::unsupported(
            "a join of two datasets of one owner",
            "FROM us.ours JOIN them.theirs; its owner joins its own data at home",
        ));
    }
    Ok(tables)
}

fn table(factor: TableFactor) -> Result<(TableName, Option<String>), QueryError> {
    let TableFactor::Table {
        name: full,
        alias,
        args: None,
        with_hints,
        version: None,
        with_ordinality: false,
        partitions,
        json_path: None,
        sample: None,
        index_hints,
    } = factor
    else {
        return Err(QueryError::unsupported("a table of this form", "owner.dataset"));
    };
    let parts: Vec<&Ident> = full.0.iter().filter_map(|part| part.as_ident()).collect();
    let [owner, dataset] = parts[..] else {
        return Err(QueryError::unsupported(
            "a table without its owner",
            "owner.dataset, as in bank.accounts",
        ));
    };
    let alias = match alias {
        None => None,
        Some(alias) if alias.columns.is_empty() && alias.at.is_none() => Some(name(&alias.name)?),
        Some(_) => return Err(QueryError::unsupported("new names for columns", "the columns' own names")),
    };
    if full.0.len() != 2 || !with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty() {
        return Err(QueryError::unsupported("a table of this form", "owner.dataset"));
    }
    Ok((TableName::new(name(owner)?, name(dataset)?), alias))
}

/// A name as written. A string in single quotes is a value: where SQL lets it stand for a name, we do not.
pub(super) fn name(ident: &Ident) -> Result<String, QueryError> {
    let quoted = ident.quote_style;
    let fits =
        !ident.value.is_empty() && ident.value.len() <= 128 && !ident.value.chars().any(char::is_control);
    if fits && matches!(quoted, None | Some('"' | '`')) {
        Ok(ident.value.clone())
    } else {
        Err(QueryError::unsupported("a name in this form", "a plain name, or one in \"double quotes\""))
    }
}
