//! The parts of DataFusion and Arrow that this node runs on: expressions, their simplifier and their kernels,
//! Parquet, and the SQL parser.
//!
//! Taken one by one rather than as the whole engine: execution plans, catalogues and sources, which we do not
//! use, would be half of the first build.

pub use arrow;
pub use datafusion_common as common;
pub use datafusion_expr as logical_expr;
pub use datafusion_functions as functions;
pub use datafusion_optimizer as optimizer;
pub use datafusion_physical_expr as physical_expr;
pub use parquet;
pub use sqlparser;
