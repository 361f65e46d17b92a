//! Operations on a small private join.

use crate::{
    ids::{ContractId, SessionId},
    join::{Agreed, Holder, Learns, Params, Rows, Seeker, Shape, model},
    secret::Secret,
    testing::{Meddler, Pair, Tampering},
    wire::Role,
};

/// Reads `operations` as a small run, how its ends take turns, and one thing that is done to one message. However it
/// goes, an end that has figures has the right ones, and nobody panics.
///
/// # Panics
/// When the figures are wrong.
pub fn join_operations(operations: &[u8]) {
    let mut operations = operations.iter().copied();
    let mut next = || operations.next().unwrap_or(0);
    let Some(shape) = shape(next()) else { return };
    let (own, theirs) = (rows(next() % 8, 0, &shape, true), rows(next() % 8, next() % 8, &shape, false));
    let Some(params) = params(shape) else { return };
    let (room, schedule) = (1 + usize::from(next() % 4), next().into());
    let by = if next() % 2 == 0 { Role::Initiator } else { Role::Responder };
    let number = usize::from(next() % 32);
    let tampering = match next() % 6 {
        0 => Tampering::Drop,
        1 => Tampering::Repeat,
        2 => Tampering::Swap,
        3 => Tampering::Cut(usize::from(next()) * 256 + usize::from(next())),
        4 => Tampering::Extend,
        _ => Tampering::Flip { byte: usize::from(next()) * 256 + usize::from(next()), bit: next() % 8 },
    };
    let truth = model::join(params.shape(), &own, &theirs);
    let noise = || Some(vec![0; params.shape().figures()]);
    let seeker = Seeker::start(params.clone(), own, 8, noise(), Secret::new([1; 32]));
    let holder = Holder::start(params.clone(), theirs, 8, noise(), Secret::new([2; 32]));
    let (Ok(seeker), Ok(holder)) = (seeker, holder) else { return };
    let pair = Pair::new(seeker, holder, params.limits()).room(room).schedule(schedule);
    let ended = pair.run_past(&mut Meddler::on_message(by, number, tampering));
    for joined in [ended.initiator, ended.responder].into_iter().flatten() {
        let figures = joined.figures.map(|figures| figures.as_slice().to_vec());
        assert_eq!(figures, Some(truth.clone()), "wrong figures");
    }
}

fn shape(byte: u8) -> Option<Shape> {
    let terms = |there: bool| if there { vec![9] } else { Vec::new() };
    let cells = (1 + u32::from(byte & 1), 1 + u32::from(byte >> 1 & 1));
    let all = Shape::new(cells, terms(byte & 4 != 0), terms(byte & 8 != 0), Vec::new()).ok()?;
    let last = all.opened().pop()?;
    // Everything that is summed, or one figure of it.
    if byte & 16 == 0 { Some(all) } else { all.opening(&[last]).ok() }
}

fn params(shape: Shape) -> Option<Params> {
    let agreed = Agreed {
        session: SessionId::new([1; 32]),
        contract: ContractId::new([2; 32]),
        question: [3; 32],
        noise: vec![0; shape.figures_of_a_cell()],
        shape,
        learns: Learns::Both,
        keys: 1,
        max_seeker: 8,
        max_holder: 8,
    };
    Params::new(agreed).ok()
}

fn rows(count: u8, first: u8, shape: &Shape, seeker: bool) -> Rows {
    let (cells, terms) = match seeker {
        true => (shape.seeker_cells(), shape.seeker_terms().len()),
        false => (shape.holder_cells(), shape.holder_terms().len()),
    };
    Rows {
        keys: vec![(first..first + count).map(|number| Some([number; 32])).collect()],
        cells: (0..count).map(|row| row % cells as u8).collect(),
        terms: vec![(0..count).map(|row| i64::from(row) - 3).collect(); terms],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        join::{Message, Stage},
        testing::fuzz::decode_everything,
        wire::{Wire, codec::Bulk},
    };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a12_no_meddling_with_a_join_gives_other_figures(operations in prop::collection::vec(any::<u8>(), 16)) {
            join_operations(&operations);
        }
    }

    proptest! {
        #[test]
        fn a11_whatever_is_near_a_join_message_has_one_encoding(
            stage in prop::sample::select(&Stage::ALL[..]), slab in any::<u32>(), length in 0usize..9,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = Message::Slab { stage, slab, bytes: Bulk(vec![7; length]) }.encode();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            decode_everything(&bytes);
        }
    }
}
