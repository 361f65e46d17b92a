//! What the protocol is told: the plan by seeker and holder instead of asker and answerer.

use super::{JoinPlan, Party, Roles, Source, Term};

/// The shape of a join for the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// How many kinds of match key there are.
    pub keys: usize,
    /// What the seeker brings.
    pub seeker: Shape,
    /// What the holder brings.
    pub holder: Shape,
    /// What is multiplied: a term of the seeker's and a term of the holder's.
    pub products: Vec<[usize; 2]>,
    /// The integers of a group, in order.
    pub sums: Vec<Sum>,
}

/// What one side brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// How many groups its columns make.
    pub cells: usize,
    /// Its terms with their bounds.
    pub terms: Vec<Term>,
}

/// What an integer of a group is the sum of, over the customers that both have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// 1.
    Count,
    /// A term of the seeker's.
    Seeker(usize),
    /// A term of the holder's.
    Holder(usize),
    /// A product.
    Product(usize),
}

impl JoinPlan {
    /// The shape for the protocol. The integers stand there group by group: the seeker's groups first, the
    /// holder's fastest.
    pub fn layout(&self, roles: &Roles) -> Layout {
        let shape = |party| {
            let side = self.side(party);
            Shape { cells: side.cells(), terms: side.terms.clone() }
        };
        let sum = |source: &Source| match *source {
            Source::One => Sum::Count,
            Source::Term(party, term) if party == roles.seeker => Sum::Seeker(term),
            Source::Term(_, term) => Sum::Holder(term),
            Source::Product(product) => Sum::Product(product),
        };
        let turned = |[asker, answerer]: &[usize; 2]| match roles.seeker {
            Party::Asker => [*asker, *answerer],
            Party::Answerer => [*answerer, *asker],
        };
        Layout {
            keys: self.keys,
            seeker: shape(roles.seeker),
            holder: shape(roles.holder()),
            products: self.products.iter().map(turned).collect(),
            sums: self.sources.iter().map(sum).collect(),
        }
    }

    /// Where the group of the plan that has this number stands in the protocol.
    fn turned(&self, cell: usize, roles: &Roles) -> usize {
        let (asker, answerer) = (self.side(Party::Asker).cells(), self.side(Party::Answerer).cells());
        match roles.seeker {
            Party::Asker => cell,
            Party::Answerer => (cell % answerer) * asker + cell / answerer,
        }
    }

    /// Integers in the order of the protocol, brought into the order of the plan; none if they are not as many.
    pub fn of_protocol(&self, roles: &Roles, integers: &[i64]) -> Option<Vec<i64>> {
        self.arranged(integers, |cell| self.turned(cell, roles), false)
    }

    /// Integers in the order of the plan, brought into the order of the protocol; none if they are not as many.
    pub fn for_protocol(&self, roles: &Roles, integers: &[i64]) -> Option<Vec<i64>> {
        self.arranged(integers, |cell| self.turned(cell, roles), true)
    }

    fn arranged(&self, integers: &[i64], turned: impl Fn(usize) -> usize, there: bool) -> Option<Vec<i64>> {
        let (cells, width) = (self.figures.cells(), self.sources.len());
        if integers.len() != cells * width {
            return None;
        }
        let mut arranged = vec![0; integers.len()];
        for cell in 0..cells {
            let (from, to) = if there { (cell, turned(cell)) } else { (turned(cell), cell) };
            arranged[to * width..(to + 1) * width].copy_from_slice(&integers[from * width..(from + 1) * width]);
        }
        Some(arranged)
    }
}
