//! Models that were trained together: what is kept of one, and what it says of itself.
//!
//! The attacks it stops: a model whose story is lost (which data, which contract, which noise, at what price), so
//! that nobody can say later what it may be used for; a model file that was changed or half written, so that people
//! are judged by damaged numbers; and a card that a partner's words turn into something else.
//!
//! ```text
//!   job ─► walk ─┬─► horizontal (coordinator, trainer)   the long-running siblings of `run`
//!                └─► run ─► vertical                     two nodes: the hallway's own walk, with another middle
//!          own (rows, what is held back) · fit · state (what survives a killed node) · finish (the model)
//!   a finished run ─► model ─► registry   home/models/<id>/model.json, on every side what that side may see
//!                                 ├─► card      the same for people: lines, one JSON document, one page
//!                                 ├─► score     what it says of our own customers, at home
//!                                 └─► halves    what is kept to make scores with the partner (`run::vertical::score`)
//! ```

mod alone;
mod card;
mod error;
mod explain;
mod finish;
mod fit;
mod halves;
mod horizontal;
mod metrics;
mod model;
mod own;
mod registry;
mod score;
mod seconds;
pub(crate) mod state;
mod story;
mod walk;

pub use alone::{alone, measured};
pub use card::{document, page, text};
pub use error::TrainFault;
pub use explain::explain;
pub(crate) use finish::Ended;
pub(crate) use fit::plan as planned;
pub(crate) use fit::review as reviewed;
pub(crate) use fit::told as round_line;
pub use halves::MOST_SCORINGS;
pub(crate) use halves::{Halves, Scorable};
pub(crate) use horizontal::tell;
pub use metrics::{drift, metrics};
pub use model::{
    Coefficient, Data, Encoding, Exact, Held, Input, JobText, Lineage, Metric, Model, ModelKind, Noise,
    OfContract, Paid, Part, Round, Rows, Shape,
};
pub(crate) use own::{Own, is_held_out};
pub use registry::{Listed, ModelError, Registry, Scores};
pub use score::{ScoreError, Scored, features, of_training, scored, top};
pub(crate) use story::Story;
pub use walk::{TrainRequest, train};
pub(crate) use walk::{again, begin, may_go_on, run_of, shown};
