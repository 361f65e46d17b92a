//! From a finished training to the model that is kept of it.

use jiff::Timestamp;
use tacit_protocol::{
    ids::{QueryId, SnapshotHash},
    learn::glm,
    log::Amount,
};

use super::{
    Coefficient, Data, Encoding, Exact, Held, Input, JobText, Lineage, Metric, Model, ModelKind, Noise,
    OfContract, Paid, Part, Round, Rows, Shape, state::RoundLine,
};
use crate::{
    data::hex,
    policy::{self, PADDING_EPSILON_MICRO, Permitted, TrainPlan, TrainSide},
    query::{self, JobShape},
};

/// What a run came to at one side.
pub struct Ended<'a> {
    /// The run.
    pub run: QueryId,
    /// Between this side and (one of) the others.
    pub permitted: &'a Permitted,
    /// The plan of the job.
    pub plan: &'a TrainPlan,
    /// What this side did.
    pub part: Part,
    /// The content of our own table.
    pub snapshot: SnapshotHash,
    /// How many customers.
    pub rows: Rows,
    /// Who can see the weights.
    pub held: Held,
    /// The intercept, and the weights of each side's numbers in the plan's order; none where they are not ours to see.
    /// Where everybody has the same columns, of one side.
    pub weights: (Option<f64>, Vec<Option<f64>>),
    /// Every round.
    pub lines: Vec<RoundLine>,
    /// How good it is.
    pub metrics: Vec<Metric>,
    /// σ of what was opened.
    pub sigma: f64,
    /// How often it was cut and went on.
    pub resumed: u32,
    /// The hash of what was said.
    pub transcript: [u8; 32],
}

impl Ended<'_> {
    /// The model.
    pub fn model(self) -> Model {
        let (permitted, plan) = (self.permitted, self.plan);
        let job = plan.job();
        let contract = permitted.contract();
        let horizontal = job.shape == JobShape::Horizontal;
        // Where everybody has the same columns, they are nobody's.
        let sides: Vec<&TrainSide> = plan.sides().iter().take(if horizontal { 1 } else { 2 }).collect();
        let inputs: Vec<Input> =
            sides.iter().flat_map(|side| side.features.iter().map(|f| input(f, horizontal))).collect();
        let named = |input: &Input| {
            input.names().into_iter().map(|name| (input.owner.clone(), name)).collect::<Vec<_>>()
        };
        let names: Vec<(String, String)> = inputs.iter().flat_map(named).collect();
        let (intercept, weights) = self.weights;
        let coefficient = |owner: String, name: String, value: Option<f64>| Coefficient {
            owner,
            name,
            value: value.map(Exact),
            low95: None,
            high95: None,
        };
        let first = coefficient(String::new(), "(intercept)".to_owned(), intercept);
        let rest =
            names.into_iter().zip(weights).map(|((owner, name), value)| coefficient(owner, name, value));
        let us = permitted.me().to_owned();
        let own = |side: &TrainSide| (side.table.owner == us).then(|| self.snapshot.to_string());
        let target = job.target_of(&plan.sides()[0].table.owner).or_else(|| job.targets.first());
        Model {
            id: self.run,
            name: job.name.clone(),
            trained: Timestamp::now(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            contract: OfContract {
                id: contract.id(),
                name: contract.terms().name.clone(),
                purpose: contract.terms().purpose.clone(),
            },
            partners: plan.sides().iter().map(|side| side.table.owner.clone()).collect(),
            job: JobText { hash: hex(permitted.parsed().hash()), toml: job.text() },
            kind: kind(job.kind),
            shape: if horizontal { Shape::Horizontal } else { Shape::Vertical },
            part: self.part,
            target: match (target, horizontal) {
                (Some(target), true) => target.column.clone(),
                (Some(target), false) => target.to_string(),
                (None, _) => String::new(),
            },
            target_bounds: plan.sides().iter().find_map(|side| bounds(side.target.as_ref()?)),
            rows: self.rows,
            data: plan
                .sides()
                .iter()
                .map(|side| Data {
                    owner: side.table.owner.clone(),
                    dataset: side.table.dataset.clone(),
                    snapshot: own(side),
                })
                .collect(),
            inputs,
            // Only where noise has to hide rows are they cut.
            clip: (horizontal && plan.price().is_some()).then(|| Exact(job.clip.real().min(64.0))),
            weights: self.held,
            coefficients: std::iter::once(first).chain(rest).collect(),
            noise: plan.price().map(|price| Noise {
                mechanism: "discrete-gaussian".to_owned(),
                sigma: Exact(self.sigma),
                nano_rho: price.amount().nano_rho,
                epsilon_micro: price.epsilon_micro(),
                delta_femto: price.delta_femto(),
            }),
            rounds: self.lines.iter().map(round).collect(),
            metrics: self.metrics,
            price: paid(plan),
            lineage: Lineage { parent: None, resumed: self.resumed, record: None },
            transcript: hex(self.transcript),
            untold: untold(plan),
            us,
        }
    }
}

/// What a fitted model of the same columns says: intercept and weights.
pub fn fitted(fit: &glm::Fit) -> (Option<f64>, Vec<Option<f64>>) {
    let (first, rest) =
        fit.weights().split_first().map_or((None, &[][..]), |(first, rest)| (Some(*first), rest));
    (first, rest.iter().copied().map(Some).collect())
}

const fn kind(kind: query::ModelKind) -> ModelKind {
    match kind {
        query::ModelKind::Logistic => ModelKind::Logistic,
        query::ModelKind::Linear => ModelKind::Linear,
        query::ModelKind::Poisson => ModelKind::Poisson,
    }
}

/// What a predicted number was brought to 0 and 1 with.
fn bounds(target: &policy::Feature) -> Option<[Exact; 2]> {
    match &target.encoding {
        policy::Encoding::Scaled { low, high } => Some([Exact(low.real()), Exact(high.real())]),
        policy::Encoding::Choice(_) | policy::Encoding::Boolean => None,
    }
}

fn input(feature: &policy::Feature, nobodys: bool) -> Input {
    let encoding = match &feature.encoding {
        policy::Encoding::Scaled { low, high } => {
            Encoding::Bounds { low: Exact(low.real()), high: Exact(high.real()) }
        }
        policy::Encoding::Choice(values) => Encoding::Values(values.clone()),
        policy::Encoding::Boolean => Encoding::Boolean,
    };
    let of = |name: &str| if nobodys { String::new() } else { name.to_owned() };
    Input {
        owner: of(&feature.name.table.owner),
        dataset: of(&feature.name.table.dataset),
        column: feature.name.column.clone(),
        encoding,
    }
}

fn round(line: &RoundLine) -> Round {
    let finite = |number: Option<f64>| number.filter(|number| number.is_finite()).map(Exact);
    Round { round: line.round, loss: finite(line.loss.or(line.own_loss)), auc: finite(line.own_auc) }
}

/// Each partner's customers are paid for by those who learn of them.
fn paid(plan: &TrainPlan) -> Vec<Paid> {
    let padded = plan.heard().into_iter().flat_map(|heard| padded(plan, heard));
    let Some(price) = plan.price() else { return padded.collect() };
    let of = |side: &TrainSide| Paid {
        ledger: side.table.owner.clone(),
        nano_rho: price.amount().nano_rho,
        epsilon_micro: price.epsilon_micro(),
        delta_femto: price.delta_femto(),
    };
    plan.sides().iter().map(of).chain(padded).collect()
}

/// Two padded numbers of each side's customers, where nobody learns who is in both.
fn padded(plan: &TrainPlan, heard: Amount) -> Vec<Paid> {
    let of = |side: &TrainSide| Paid {
        ledger: side.table.owner.clone(),
        nano_rho: heard.nano_rho,
        epsilon_micro: 2 * PADDING_EPSILON_MICRO,
        delta_femto: heard.atto_delta / 1000,
    };
    plan.sides().iter().map(of).collect()
}

fn untold(plan: &TrainPlan) -> Vec<String> {
    let mut untold =
        vec!["no row, label, feature or residual of a single customer left its owner".to_owned()];
    untold.push(match plan.job().shape {
        JobShape::Horizontal => {
            "no partner's sums were seen by anybody, the coordinator included: only the sum of all".to_owned()
        }
        JobShape::Vertical => {
            "no gradient was opened to anybody, and no round's weights but the last's".to_owned()
        }
    });
    if plan.job().shape == JobShape::Vertical {
        untold.push(match &plan.terms().score {
            Some(partner) => format!("scores of single customers were opened to nobody but {partner}"),
            None => "no score of a single customer was opened to anybody".to_owned(),
        });
    }
    if plan.hides_overlap() {
        untold.push(
            "which customers both have was learned by nobody; how many is known padded, and so are the numbers of \
             customers here"
                .to_owned(),
        );
    }
    untold
}
