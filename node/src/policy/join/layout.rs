//! What the protocol is told: the plan by seeker and holder instead of asker and answerer.
//!
//! The protocol makes a sum of everything: the count, each term of either side, each product, in each group. Only what the
//! question needs of that is opened (JOIN-48); the factors of a product, say, are summed in halves that nobody opens.

use tacit_protocol::{
    ids::{ContractId, SessionId},
    join::{Agreed, Figure, Learns, Params, Plan, Product, Shape},
    session::Abort,
};

use super::{JoinPlan, Party, Roles, Sizes, Source, Term};
use crate::policy::Receiver;

impl JoinPlan {
    /// What the protocol computes.
    ///
    /// # Errors
    /// [`Abort::JoinShape`]; not for a plan that was made, whose limits are the protocol's.
    pub fn shape(&self, roles: &Roles) -> Result<Shape, Abort> {
        let (seeker, holder) = (self.side(roles.seeker), self.side(roles.holder()));
        let most = |terms: &[Term]| -> Vec<u64> {
            terms.iter().map(|term| term.low.unsigned_abs().max(term.high.unsigned_abs())).collect()
        };
        let turned = |[asker, answerer]: &[usize; 2]| match roles.seeker {
            Party::Asker => Product { seeker: *asker, holder: *answerer },
            Party::Answerer => Product { seeker: *answerer, holder: *asker },
        };
        // At most `MOST_CELLS` in all.
        Shape::new(
            (seeker.cells() as u32, holder.cells() as u32),
            most(&seeker.terms),
            most(&holder.terms),
            self.products.iter().map(turned).collect(),
        )?
        .opening(
            &self
                .opened_sources(roles.seeker)
                .iter()
                .map(|source| figure(*source, roles.seeker))
                .collect::<Vec<_>>(),
        )
    }

    /// Which end of the protocol learns the figures.
    pub fn learns(&self, roles: &Roles) -> Learns {
        match (self.receiver, roles.seeker) {
            (Receiver::Both, _) => Learns::Both,
            (Receiver::Asker, Party::Asker) => Learns::Seeker,
            (Receiver::Asker, Party::Answerer) => Learns::Holder,
        }
    }

    /// The course of the protocol for these sizes: bins, slabs, and the bytes of every stage.
    ///
    /// # Errors
    /// [`Abort::JoinShape`] if so many customers are beyond it.
    pub fn course(&self, roles: &Roles, sizes: Sizes) -> Result<Plan, Abort> {
        let size = |party| u32::try_from(sizes.of(party)).map_err(|_| Abort::JoinShape);
        let (seeker, holder) = (size(roles.seeker)?, size(roles.holder())?);
        let shape = self.shape(roles)?;
        // Lengths depend on none of what is 0 here.
        let agreed = Agreed {
            session: SessionId::new([0; 32]),
            contract: ContractId::new([0; 32]),
            question: [0; 32],
            noise: vec![0; shape.figures_of_a_cell()],
            shape,
            learns: self.learns(roles),
            // At most `MOST_KEYS`.
            keys: self.keys as u32,
            max_seeker: seeker,
            max_holder: holder,
        };
        Plan::new(&Params::new(agreed)?, seeker, holder)
    }

    /// What the protocol opens of a group, in its order: the count, the seeker's terms, the holder's, the products, as far
    /// as the question needs them.
    pub(super) fn opened_sources(&self, seeker: Party) -> Vec<Source> {
        let terms = |party| (0..self.side(party).terms.len()).map(move |term| Source::Term(party, term));
        let products = (0..self.products.len()).map(Source::Product);
        std::iter::once(Source::One)
            .chain(terms(seeker))
            .chain(terms(seeker.other()))
            .chain(products)
            .filter(|source| self.sources.contains(source))
            .collect()
    }

    /// How many integers of a group the protocol opens.
    pub fn opened_of_a_group(&self) -> usize {
        self.opened_sources(Party::Asker).len()
    }

    /// Integers as the protocol opens them (the seeker's groups first, the holder's fastest) in the groups and columns
    /// of the plan; none if they are not as many.
    pub fn of_opened(&self, roles: &Roles, opened: &[i64]) -> Option<Vec<i64>> {
        let sources = self.opened_sources(roles.seeker);
        if opened.len() != self.figures.cells() * sources.len() {
            return None;
        }
        let places: Vec<usize> = self
            .sources
            .iter()
            .map(|wanted| sources.iter().position(|source| source == wanted))
            .collect::<Option<_>>()?;
        let group = |cell: usize| {
            let start = self.turned(cell, roles) * sources.len();
            places.iter().map(move |place| opened[start + place])
        };
        Some((0..self.figures.cells()).flat_map(group).collect())
    }

    /// Where the group of the plan that has this number stands in the protocol.
    fn turned(&self, cell: usize, roles: &Roles) -> usize {
        let (asker, answerer) = (self.side(Party::Asker).cells(), self.side(Party::Answerer).cells());
        match roles.seeker {
            Party::Asker => cell,
            Party::Answerer => (cell % answerer) * asker + cell / answerer,
        }
    }
}

/// A source by the parts of the protocol.
fn figure(source: Source, seeker: Party) -> Figure {
    match source {
        Source::One => Figure::Count,
        Source::Term(party, term) if party == seeker => Figure::Seeker(term),
        Source::Term(_, term) => Figure::Holder(term),
        Source::Product(product) => Figure::Product(product),
    }
}
