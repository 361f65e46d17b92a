//! The slabs that are on their way at one end.

use std::collections::VecDeque;

use super::run::NOT_ASKED;
use crate::session::Abort;

/// What is kept of each slab between its first message and its last, numbered as the run numbers slabs. The stages keep it
/// from being longer than [`WINDOW`](super::stage::WINDOW) (JOIN-43).
pub(super) struct Window<S> {
    first: u32,
    slabs: VecDeque<S>,
}

impl<S> Window<S> {
    pub(super) const fn new() -> Self {
        Self { first: 0, slabs: VecDeque::new() }
    }

    /// The next slab sets out.
    pub(super) fn push(&mut self, slab: S) {
        self.slabs.push_back(slab);
    }

    /// A slab that is on its way.
    pub(super) fn at(&mut self, slab: u32) -> Result<&mut S, Abort> {
        let place = slab.checked_sub(self.first).ok_or(NOT_ASKED)?;
        self.slabs.get_mut(place as usize).ok_or(NOT_ASKED)
    }

    /// All slabs before this one are through.
    pub(super) fn release(&mut self, finished: u32) {
        while self.first < finished {
            self.slabs.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_43_a_slab_that_is_through_is_forgotten() {
        let mut window = Window::new();
        (0..5).for_each(|slab| window.push(slab));
        window.release(3);
        assert_eq!(window.at(2), Err(NOT_ASKED));
        assert_eq!(window.at(3), Ok(&mut 3));
        assert_eq!(window.at(5), Err(NOT_ASKED));
        window.push(5);
        assert_eq!(window.at(5), Ok(&mut 5));
        assert_eq!(window.slabs.len(), 3);
    }
}
