//! What a model goes by, from its coefficients and public ranges alone.
//!
//! Permuting a column to see what it is worth needs rows, and shows what the answers to one row are. A linear model says
//! the same itself: a column can move the linear predictor by its coefficient times its range, which the contract has
//! made public (EVAL-06).

/// One input of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The contract's column; a column of several values has several terms.
    pub column: String,
    /// The coefficient.
    pub coefficient: f64,
    /// The least that the input can be, by the contract.
    pub low: f64,
    /// The most.
    pub high: f64,
    /// Whether the column's terms are one-hot: at most one of them is `high`, the others `low`.
    pub one_hot: bool,
}

/// A column's weight in a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// The contract's column.
    pub column: String,
    /// How far the column alone can move the linear predictor.
    pub reach: f64,
    /// Of all columns' reach.
    pub share: f64,
}

/// Every column's weight, the largest first; equal ones by name.
///
/// For a number that is |coefficient| × (high − low). For a one-hot column it is the distance between the value that
/// gives most and the one that gives least, the base value, which has no term, giving 0.
pub fn importance(terms: &[Term]) -> Vec<Importance> {
    let mut columns: Vec<(&str, f64, f64, f64)> = Vec::new();
    for term in terms {
        let moved = term.coefficient * (term.high - term.low);
        let at = columns.iter().position(|(column, ..)| *column == term.column).unwrap_or_else(|| {
            columns.push((&term.column, 0.0, 0.0, 0.0));
            columns.len() - 1
        });
        let (_, least, most, added) = &mut columns[at];
        if term.one_hot {
            (*least, *most) = (least.min(moved), most.max(moved));
        } else {
            *added += moved.abs();
        }
    }
    let reach = |(_, least, most, added): &(&str, f64, f64, f64)| most - least + added;
    let all: f64 = columns.iter().map(reach).sum();
    let of = |column: &(&str, f64, f64, f64)| {
        let reach = reach(column);
        Importance { column: column.0.to_owned(), reach, share: if all > 0.0 { reach / all } else { 0.0 } }
    };
    let mut found: Vec<Importance> = columns.iter().map(of).collect();
    found.sort_by(|one, two| two.reach.total_cmp(&one.reach).then_with(|| one.column.cmp(&two.column)));
    found
}
