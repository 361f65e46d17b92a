//! Which rows take part: the question's condition and the contract's consent column.
//!
//! A condition must say yes or no on every row and fail on none: a failure that depends on one row's cell
//! tells the asker something about that row. The parser has refused what could fail; what the planner puts
//! in by itself (casts between types) is made total here as well. Null is no.

use std::sync::Arc;

use crate::{
    engine::{
        arrow::{
            array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch},
            datatypes::{DataType, Field, Int64Type, Schema},
        },
        common::{
            DFSchema, DataFusionError,
            tree_node::{Transformed, TreeNode},
        },
        logical_expr::{
            Expr, ExprSchemable, TryCast, execution_props::ExecutionProps,
            physical_planning_context::PhysicalPlanningContext,
        },
        optimizer::simplify_expressions::{ExprSimplifier, SimplifyContext},
        physical_expr::{PhysicalExpr, create_physical_expr},
    },
    query::Filter,
    scan::{
        dataset::{Column, ColumnType, Registration},
        error::ScanError,
        terms,
    },
};

/// A condition planned over a dataset's columns.
pub(super) struct Condition {
    dataset: String,
    columns: Vec<Column>,
    expr: Expr,
}

/// A condition planned over the columns of a batch.
pub(super) struct Planned {
    dataset: String,
    expr: Arc<dyn PhysicalExpr>,
}

impl Condition {
    /// Takes a filter over the dataset's columns.
    pub fn new(registration: &Registration, filter: &Filter) -> Result<Self, ScanError> {
        let unusable = || ScanError::FilterUnusable { dataset: registration.name.clone() };
        // First: the file may have changed since the question was found to fit, and the column is named here.
        let columns = filter
            .columns()
            .iter()
            .map(|name| registration.known(name).cloned())
            .collect::<Result<_, _>>()?;
        let schema = schema(&registration.columns).ok_or_else(unusable)?;
        let expr = terms::conjunction(filter);
        if !expr.get_type(&schema).is_ok_and(|kind| kind == DataType::Boolean) {
            return Err(unusable());
        }
        Ok(Self { dataset: registration.name.clone(), columns, expr })
    }

    /// The columns that it looks at.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Fixes it to batches that have these columns.
    pub fn plan(&self, batch: &Schema) -> Result<Planned, ScanError> {
        let unusable = |_| ScanError::FilterUnusable { dataset: self.dataset.clone() };
        let schema = DFSchema::try_from(batch.clone()).map_err(unusable)?;
        let expr = physical(self.expr.clone(), &schema).map_err(unusable)?;
        Ok(Planned { dataset: self.dataset.clone(), expr })
    }
}

/// An expression that says something of every row.
pub(super) fn physical(expr: Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
    let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build();
    let simplifier = ExprSimplifier::new(context);
    // Some functions (`coalesce`) exist only until they are simplified.
    let simple = simplifier.simplify(simplifier.coerce(expr, schema)?)?;
    let total = simple.transform_up(|expr| {
        Ok(match expr {
            Expr::Cast(cast) => {
                Transformed::yes(Expr::TryCast(TryCast::new_from_field(cast.expr, cast.field)))
            }
            other => Transformed::no(other),
        })
    })?;
    create_physical_expr(&total.data, schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
}

impl Planned {
    /// For each row whether it is taken; null is not.
    pub fn holds(&self, batch: &RecordBatch) -> Result<BooleanArray, ScanError> {
        let failed = || ScanError::FilterFailed { dataset: self.dataset.clone() };
        let value = self.expr.evaluate(batch).map_err(|_| failed())?;
        let array = value.into_array(batch.num_rows()).map_err(|_| failed())?;
        array.as_boolean_opt().map(or_false).ok_or_else(failed)
    }
}

fn schema(columns: &[Column]) -> Option<DFSchema> {
    let fields: Vec<Field> = columns
        .iter()
        .filter(|column| column.kind != ColumnType::Other)
        .map(|column| Field::new(&column.name, column.kind.arrow(), true))
        .collect();
    DFSchema::try_from(Schema::new(fields)).ok()
}

fn or_false(truths: &BooleanArray) -> BooleanArray {
    match truths.nulls() {
        None => truths.clone(),
        Some(known) => BooleanArray::new(truths.values() & known.inner(), None),
    }
}

/// What a consent column says of each row: a plain yes; or neither yes nor no.
pub(super) struct Consent {
    pub yes: BooleanArray,
    pub unclear: BooleanArray,
}

/// Reads a consent column. Only a plain yes is a yes: `true`, `yes`, `y`, `t`, `1`, in any case.
pub(super) fn consent(
    registration: &Registration,
    column: &str,
    cells: &ArrayRef,
) -> Result<Consent, ScanError> {
    if let Some(truths) = cells.as_boolean_opt() {
        let unclear = BooleanArray::from(vec![false; truths.len()]);
        return Ok(Consent { yes: or_false(truths), unclear });
    }
    let answers: Vec<Option<bool>> = if let Some(numbers) = cells.as_primitive_opt::<Int64Type>() {
        let read = |number| match number {
            1 => Some(true),
            0 => Some(false),
            _ => None,
        };
        numbers.iter().map(|cell| cell.map_or(Some(false), read)).collect()
    } else if let Some(words) = cells.as_string_opt::<i32>() {
        words.iter().map(|cell| cell.map_or(Some(false), answer)).collect()
    } else {
        let (dataset, column) = (registration.name.clone(), column.to_owned());
        return Err(ScanError::ConsentUnclear { dataset, column });
    };
    let unclear: Vec<bool> = answers.iter().map(Option::is_none).collect();
    let yes: Vec<bool> = answers.into_iter().map(|answer| answer == Some(true)).collect();
    Ok(Consent { yes: BooleanArray::from(yes), unclear: BooleanArray::from(unclear) })
}

fn answer(word: &str) -> Option<bool> {
    let word = word.trim();
    let is_one_of = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is_one_of(&["true", "yes", "y", "t", "1"]) {
        Some(true)
    } else if word.is_empty() || is_one_of(&["false", "no", "n", "f", "0"]) {
        Some(false)
    } else {
        None
    }
}
