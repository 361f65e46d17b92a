//! What the protocol is told: the plan by seeker and holder instead of asker and answerer.
//!
//! The protocol opens every sum that it makes: the count, each term of either side, each product, in each group. What
//! the question does not need of that is opened all the same, under noise that drowns it: a price of a billionth of ρ
//! each, at which σ is more than 22,000 times what one customer changes.

use super::{JoinPlan, Party, Roles, Source, Term};

/// The shape of a join for the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// How many groups the seeker's columns make.
    pub seeker_cells: usize,
    /// How many groups the holder's columns make.
    pub holder_cells: usize,
    /// The seeker's terms, with their bounds.
    pub seeker_terms: Vec<Term>,
    /// The holder's.
    pub holder_terms: Vec<Term>,
    /// What is multiplied: a term of the seeker's and a term of the holder's.
    pub products: Vec<[usize; 2]>,
}

impl JoinPlan {
    /// The shape for the protocol.
    pub fn layout(&self, roles: &Roles) -> Layout {
        let (seeker, holder) = (self.side(roles.seeker), self.side(roles.holder()));
        let turned = |[asker, answerer]: &[usize; 2]| match roles.seeker {
            Party::Asker => [*asker, *answerer],
            Party::Answerer => [*answerer, *asker],
        };
        Layout {
            seeker_cells: seeker.cells(),
            holder_cells: holder.cells(),
            seeker_terms: seeker.terms.clone(),
            holder_terms: holder.terms.clone(),
            products: self.products.iter().map(turned).collect(),
        }
    }

    /// What the protocol opens of a group, in its order: the count, the seeker's terms, the holder's, the products.
    pub(super) fn opened_sources(&self, seeker: Party) -> Vec<Source> {
        let terms = |party| (0..self.side(party).terms.len()).map(move |term| Source::Term(party, term));
        let products = (0..self.products.len()).map(Source::Product);
        std::iter::once(Source::One)
            .chain(terms(seeker))
            .chain(terms(seeker.other()))
            .chain(products)
            .collect()
    }

    /// How many integers of a group the protocol opens that the question does not need.
    pub(super) fn drowned(&self) -> usize {
        let unneeded = |source: &Source| !self.sources.contains(source);
        self.opened_sources(Party::Asker).iter().filter(|source| unneeded(source)).count()
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
