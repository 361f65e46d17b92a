//! The order in which the equations can be solved one after another.
//!
//! A slot that only one of the remaining rows has is that row's own: whatever the other rows come to, this
//! slot can make its equation true. The row is taken away, which may leave other slots to a single row.
//! Where no slot is left to a single row, one that the fewest rows share is given to one of them, and the
//! others become *gaps*: their equations are left to the dense slots (RR22, section 2). No recursion: how
//! deep it would go depends on the keys.

/// What peeling comes to.
pub(super) struct Peeled {
    /// (row, its own slot): a later row has none of the slots of the earlier ones.
    pub order: Vec<(u16, u16)>,
    /// Rows without a slot of their own.
    pub gaps: Vec<u16>,
}

/// Of the remaining rows that have a slot: how many, and the XOR of their numbers, which is the number of
/// the one that is left.
#[derive(Clone, Copy, Default)]
struct Column {
    count: u16,
    rows: u16,
}

/// `None` when more than `most` gaps would be left. At most 2¹⁶ − 1 rows.
pub(super) fn peel(rows: &[[u16; 3]], slots: usize, most: usize) -> Option<Peeled> {
    let mut columns = vec![Column::default(); slots];
    for (row, slots) in (0u16..).zip(rows) {
        for slot in slots {
            let column = &mut columns[usize::from(*slot)];
            column.count += 1;
            column.rows ^= row;
        }
    }
    let mut alone: Vec<u16> =
        (0..=u16::MAX).zip(&columns).filter(|(_, column)| column.count == 1).map(|(slot, _)| slot).collect();
    let mut peeled = Peeled { order: Vec::with_capacity(rows.len()), gaps: Vec::new() };

    loop {
        while let Some(slot) = alone.pop() {
            let Column { count: 1, rows: row } = columns[usize::from(slot)] else { continue };
            peeled.order.push((row, slot));
            remove(&mut columns, row, &rows[usize::from(row)], &mut alone);
        }
        if peeled.order.len() + peeled.gaps.len() == rows.len() {
            return Some(peeled);
        }
        let (slot, _) = (0..=u16::MAX)
            .zip(&columns)
            .filter(|(_, column)| column.count > 0)
            .min_by_key(|(_, column)| column.count)?;
        // At most ĝ times, so a walk over all rows costs nothing.
        let mut taken = vec![false; rows.len()];
        peeled
            .order
            .iter()
            .map(|(row, _)| row)
            .chain(&peeled.gaps)
            .for_each(|row| taken[usize::from(*row)] = true);
        let mut sharing =
            (0..).zip(rows).filter(|(row, slots)| !taken[usize::from(*row)] && slots.contains(&slot));
        let (own, slots) = sharing.next()?;
        peeled.order.push((own, slot));
        remove(&mut columns, own, slots, &mut alone);
        for (gap, slots) in sharing {
            if peeled.gaps.len() == most {
                return None;
            }
            peeled.gaps.push(gap);
            remove(&mut columns, gap, slots, &mut alone);
        }
    }
}

#[inline(always)]
fn remove(columns: &mut [Column], row: u16, slots: &[u16; 3], alone: &mut Vec<u16>) {
    for slot in slots {
        let column = &mut columns[usize::from(*slot)];
        column.count -= 1;
        column.rows ^= row;
        if column.count == 1 {
            alone.push(*slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A later row has none of the slots of the earlier ones, and each row stands once.
    fn check(rows: &[[u16; 3]], peeled: &Peeled) {
        let mut owned = std::collections::BTreeMap::new();
        for (at, (row, slot)) in peeled.order.iter().enumerate() {
            let slots = &rows[usize::from(*row)];
            assert!(slots.contains(slot));
            assert!(slots.iter().all(|slot| !owned.contains_key(slot)), "an earlier row's slot");
            owned.insert(*slot, at);
        }
        let mut all: Vec<u16> = peeled.order.iter().map(|(row, _)| *row).chain(peeled.gaps.clone()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..rows.len() as u16).collect::<Vec<_>>());
    }

    proptest! {
        /// Dense enough that gaps are common.
        #[test]
        fn okvs_03_every_row_has_a_slot_or_is_a_gap(
            rows in prop::collection::vec(prop::sample::subsequence((0u16..12).collect::<Vec<_>>(), 3), 0..12),
        ) {
            let rows: Vec<[u16; 3]> = rows.iter().map(|row| [row[0], row[1], row[2]]).collect();
            let peeled = peel(&rows, 12, rows.len()).unwrap();
            check(&rows, &peeled);
            if let Some(fewer) = peeled.gaps.len().checked_sub(1) {
                prop_assert!(peel(&rows, 12, fewer).is_none());
            }
        }
    }

    #[test]
    fn okvs_03_rows_with_the_same_slots_leave_gaps() {
        let rows = [[0, 1, 2], [0, 1, 2], [2, 3, 4], [0, 1, 2]];
        let peeled = peel(&rows, 5, 2).unwrap();
        assert_eq!(peeled.gaps.len(), 2);
        check(&rows, &peeled);
        assert!(peel(&rows, 5, 1).is_none());
    }
}
