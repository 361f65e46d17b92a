use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    join::{
        cuckoo::{Layout, Simple, Table as Cuckoo},
        oprf::tests::ends,
    },
    ot::Batch,
};

fn words(count: usize, seed: u64) -> Vec<u64> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|_| rng.next_u64()).collect()
}

fn items(count: usize, seed: u64) -> Vec<[u8; 16]> {
    words(2 * count, seed)
        .chunks(2)
        .map(|pair| (u128::from(pair[0]) << 64 | u128::from(pair[1])).to_le_bytes())
        .collect()
}

/// A function that hides nothing: what the real one is compared with.
struct Bare;

impl OprfSeeker for Bare {
    type Asked = usize;

    fn ask(&self, _: Batch, points: &[Point]) -> (Vec<u8>, usize) {
        (Vec::new(), points.len())
    }

    fn values(&self, asked: &usize, words: usize) -> Vec<u64> {
        vec![0; asked * words]
    }
}

impl OprfHolder for Bare {
    type Keys = ();

    fn keys(&self, _: Batch, _: usize, _: &[u8]) -> Result<(), PeerMisbehaved> {
        Ok(())
    }

    fn values(&self, (): &(), at: &[(u16, Point)], words: usize, out: &mut Vec<u64>) {
        out.extend(std::iter::repeat_n(0, at.len() * words));
    }
}

/// A whole run in memory, all slabs: for each bin whether the tags are equal, and what the shares add to.
struct Ran {
    layout: Layout,
    table: Cuckoo,
    matched: Vec<bool>,
    sums: Vec<Vec<u64>>,
    read: Vec<Read>,
    messages: Vec<Vec<u8>>,
    targets: Vec<Vec<u64>>,
}

fn run(
    seeker: &impl OprfSeeker,
    holder: &impl OprfHolder,
    own: &[[u8; 16]],
    theirs: &[[u8; 16]],
    width: usize,
) -> Ran {
    let layout = Layout::new(own.len() as u32, theirs.len() as u32, 64, 1).unwrap();
    let table = Cuckoo::place(own, &layout, [1; 16]).unwrap();
    let simple = Simple::spread(theirs, &layout, [1; 16]).unwrap();
    let opprf = Opprf::new(layout.shape(), width).unwrap();
    let payload = payload(theirs.len(), width);
    let bins = layout.slab_bins() as usize;
    let mut rng = StdRng::seed_from_u64(2);
    let mut ran = Ran {
        layout,
        table,
        matched: Vec::new(),
        sums: Vec::new(),
        read: Vec::new(),
        messages: Vec::new(),
        targets: Vec::new(),
    };
    for slab in 0..layout.slabs() {
        let batch = Batch { stage: 0, slab };
        let points = ran.table.points(layout.range(slab), own, &mut rng);
        let (question, asked) = seeker.ask(batch, &points);
        let keys = holder.keys(batch, bins, &question).unwrap();
        let (targets, masks) =
            (words(bins, 100 + u64::from(slab)), words(bins * width, 900 + u64::from(slab)));
        let brought = Brought { items: theirs, payload: &payload };
        let drawn = Drawn { targets: &targets, masks: &masks };
        let message = opprf.encode(holder, &keys, simple.slab(slab), brought, drawn, &mut rng).unwrap();
        assert_eq!(message.len(), opprf.bytes());
        let read = opprf.decode(seeker, &asked, &points, &message).unwrap();
        for bin in 0..bins {
            ran.matched.push(read.tags[bin] == targets[bin]);
            let shares = read.shares[bin * width..][..width].iter().zip(&masks[bin * width..]);
            ran.sums.push(shares.map(|(share, mask)| share.wrapping_add(*mask)).collect());
        }
        ran.read.push(read);
        ran.messages.push(message);
        ran.targets.push(targets);
    }
    ran
}

fn payload(count: usize, width: usize) -> Vec<u64> {
    words(count * width, 77)
}

#[test]
fn join_32_where_items_are_equal_tags_are_and_shares_add_to_the_payload() {
    for (own, theirs, shared, width) in
        [(200, 300, 90, 2), (100, 1, 1, 0), (1, 100, 0, 1), (50, 50, 50, 17), (3, 0, 0, 1)]
    {
        let (mut seeking, holding) = (items(own, 1), items(theirs, 2));
        seeking[..shared].copy_from_slice(&holding[..shared]);
        let (seeker, holder) = ends(b"opprf");
        let ran = run(&seeker, &holder, &seeking, &holding, width);
        let payload = payload(theirs, width);
        for bin in 0..ran.layout.bins() {
            let item = ran.table.at(bin).map(|(item, _)| item as usize).filter(|item| *item < shared);
            assert_eq!(ran.matched[bin as usize], item.is_some(), "bin {bin}");
            if let Some(item) = item {
                assert_eq!(ran.sums[bin as usize], payload[item * width..][..width]);
            }
        }
    }
}

/// How far some bytes are from uniform, in standard deviations of χ².
fn distance(bytes: impl Iterator<Item = u8>) -> f64 {
    let mut seen = [0f64; 256];
    bytes.for_each(|byte| seen[usize::from(byte)] += 1.0);
    let expected = seen.iter().sum::<f64>() / 256.0;
    (seen.iter().map(|count| (count - expected).powi(2) / expected).sum::<f64>() - 255.0) / 510f64.sqrt()
}

/// Tags, shares and tables are uniform to the byte whatever the sets have in common; and the seeker's share
/// alone says nothing of the payload even where the payload is the same for everybody.
#[test]
fn join_33_what_an_end_sees_is_uniform_whatever_the_sets_have_in_common() {
    let holding = items(900, 4);
    for shared in [0, 450, 900] {
        let mut seeking = items(900, 5);
        seeking[..shared].copy_from_slice(&holding[..shared]);
        let (seeker, holder) = ends(b"uniform");
        let ran = run(&seeker, &holder, &seeking, &holding, 2);
        let bytes = |words: fn(&Read) -> &Vec<u64>| {
            ran.read.iter().flat_map(words).flat_map(|word| word.to_le_bytes())
        };
        let apart = [
            distance(bytes(|read| &read.tags)),
            distance(bytes(|read| &read.shares)),
            distance(ran.messages.iter().flatten().copied()),
        ];
        assert!(apart.iter().all(|apart| *apart < 7.0), "{shared} shared: {apart:?}");
        assert!(ran.messages.iter().all(|message| message.len() == ran.messages[0].len()));
    }
}

/// A seeker that reads the table at an item it has not asked for finds neither target nor payload there, though
/// the holder has that item. The planted twin, a function that hides nothing, is found out the same way.
#[test]
fn join_33_a_guessed_item_opens_nothing() {
    fn opened(seeker: &impl OprfSeeker, holder: &impl OprfHolder) -> usize {
        let holding = items(200, 6);
        let layout = Layout::new(200, 200, 4096, 1).unwrap();
        let simple = Simple::spread(&holding, &layout, [1; 16]).unwrap();
        let opprf = Opprf::new(layout.shape(), 0).unwrap();
        let bins = layout.slab_bins() as usize;
        let mut rng = StdRng::seed_from_u64(7);
        let batch = Batch { stage: 0, slab: 0 };
        let asking: Vec<Point> = (0..bins).map(|_| Point::dummy(&mut rng)).collect();
        let (question, asked) = seeker.ask(batch, &asking);
        let keys = holder.keys(batch, bins, &question).unwrap();
        let targets = words(bins, 8);
        let (brought, drawn) =
            (Brought { items: &holding, payload: &[] }, Drawn { targets: &targets, masks: &[] });
        let message = opprf.encode(holder, &keys, simple.slab(0), brought, drawn, &mut rng).unwrap();
        // Guessing right: one of the holder's points in each bin that has one.
        let mut guesses = asking.clone();
        for entry in simple.slab(0) {
            guesses[usize::from(entry.bin)] =
                Point { item: holding[entry.item as usize], index: entry.index };
        }
        let read = opprf.decode(seeker, &asked, &guesses, &message).unwrap();
        read.tags.iter().zip(&targets).filter(|(tag, target)| tag == target).count()
    }
    let (seeker, holder) = ends(b"guess");
    assert_eq!(opened(&seeker, &holder), 0);
    assert!(opened(&Bare, &Bare) > 100);
}

/// JOIN-30: the same item by two functions in one bin, and in two bins, are entries of their own.
#[test]
fn join_30_entries_are_told_apart_by_bin_index_and_item() {
    let item = items(1, 9)[0];
    let (seeker, holder) = ends(b"entries");
    let batch = Batch { stage: 0, slab: 0 };
    let points: Vec<Point> = [0, 1, 2, 0].map(|index| Point { item, index }).into();
    let (question, asked) = seeker.ask(batch, &points);
    let keys = holder.keys(batch, 4, &question).unwrap();
    let opprf = Opprf::new(Shape::new(20, 40).unwrap(), 1).unwrap();
    let (targets, masks) = (words(4, 1), words(4, 2));
    let entries = [(0, 0), (0, 1), (1, 1), (2, 2), (3, 1)];
    let entries = entries.map(|(bin, index)| Entry { bin, index, item: 0 });
    let brought = Brought { items: &[item], payload: &[5] };
    let drawn = Drawn { targets: &targets, masks: &masks };
    let mut rng = StdRng::seed_from_u64(3);
    let message = opprf.encode(&holder, &keys, entries.into_iter(), brought, drawn, &mut rng).unwrap();
    let read = opprf.decode(&seeker, &asked, &points, &message).unwrap();
    let equal: Vec<bool> = read.tags.iter().zip(&targets).map(|(tag, target)| tag == target).collect();
    assert_eq!(
        equal,
        [true, true, true, false],
        "in the last bin the holder has the item by another function"
    );
    let sums: Vec<u64> =
        read.shares.iter().zip(&masks).map(|(share, mask)| share.wrapping_add(*mask)).collect();
    assert_eq!(sums[..3], [5, 5, 5]);
    assert_ne!(sums[3], 5);
}

#[test]
fn join_32_lists_of_bits_are_shared_under_xor_and_other_words_under_addition() {
    let items = items(1, 10);
    let (seeker, holder) = ends(b"lists");
    let batch = Batch { stage: 0, slab: 0 };
    let points = [Point { item: items[0], index: 2 }];
    let (question, asked) = seeker.ask(batch, &points);
    let keys = holder.keys(batch, 1, &question).unwrap();
    let opprf = Opprf::new(Shape::new(3, 40).unwrap(), 3).unwrap().with_lists(2);
    let payload = [0xf0f0, u64::MAX, 5];
    let (targets, masks) = (words(1, 1), words(3, 2));
    let brought = Brought { items: &items, payload: &payload };
    let drawn = Drawn { targets: &targets, masks: &masks };
    let entries = std::iter::once(Entry { bin: 0, index: 2, item: 0 });
    let mut rng = StdRng::seed_from_u64(3);
    let message = opprf.encode(&holder, &keys, entries, brought, drawn, &mut rng).unwrap();
    let read = opprf.decode(&seeker, &asked, &points, &message).unwrap();
    assert_eq!(read.tags, targets);
    let both = [read.shares[0] ^ masks[0], read.shares[1] ^ masks[1], read.shares[2].wrapping_add(masks[2])];
    assert_eq!(both, payload);
}

#[test]
fn join_31_a_table_of_another_length_is_refused() {
    let (seeker, _) = ends(b"lengths");
    let points: Vec<Point> = vec![Point { item: [1; 16], index: 0 }; 3];
    let (_, asked) = seeker.ask(Batch { stage: 0, slab: 0 }, &points);
    let opprf = Opprf::new(Shape::new(20, 40).unwrap(), 2).unwrap();
    for length in [0, 16, opprf.bytes() - 1, opprf.bytes() + 1] {
        let refused = opprf.decode(&seeker, &asked, &points, &vec![0; length]).err();
        assert_eq!(refused, Some(PeerMisbehaved::CountDiffers { expected: opprf.bytes(), got: length }));
    }
    let read = opprf.decode(&seeker, &asked, &points, &vec![0xff; opprf.bytes()]);
    assert!(read.is_ok_and(|read| read.tags.len() == 3 && read.shares.len() == 6));
    assert_eq!(Opprf::new(Shape::new(20, 40).unwrap(), MOST_WORDS + 1), Err(OpprfError::TooManyWords));
}

#[test]
fn join_34_what_does_not_fit_together_gives_no_table() {
    let opprf = Opprf::new(Shape::new(20, 40).unwrap(), 1).unwrap();
    let entry = |bin, item| Entry { bin, index: 0, item };
    let encode =
        |entries: Vec<Entry>, items: &[[u8; 16]], payload: &[u64], targets: &[u64], masks: &[u64]| {
            let (brought, drawn) = (Brought { items, payload }, Drawn { targets, masks });
            opprf.encode(&Bare, &(), entries.into_iter(), brought, drawn, &mut StdRng::seed_from_u64(1)).err()
        };
    let two = items(2, 1);
    assert_eq!(encode(vec![entry(0, 0), entry(1, 1)], &two, &[1, 2], &[3, 4], &[5, 6]), None);
    assert_eq!(encode(vec![], &two, &[1], &[3, 4], &[5, 6]), Some(OpprfError::Lengths));
    assert_eq!(encode(vec![], &two, &[1, 2], &[3, 4], &[5]), Some(OpprfError::Lengths));
    assert_eq!(encode(vec![entry(2, 0)], &two, &[1, 2], &[3, 4], &[5, 6]), Some(OpprfError::Lengths));
    assert_eq!(encode(vec![entry(0, 2)], &two, &[1, 2], &[3, 4], &[5, 6]), Some(OpprfError::Lengths));
    // An item that stands twice has one place and two values.
    let same = [two[0], two[0]];
    let unsolvable = Some(OpprfError::Okvs(OkvsError::Unsolvable));
    assert_eq!(encode(vec![entry(0, 0), entry(0, 1)], &same, &[1, 2], &[3, 4], &[5, 6]), unsolvable);
    let many = (0..21).map(|bin| entry(bin % 2, u32::from(bin % 2))).collect();
    let full = Some(OpprfError::Okvs(OkvsError::TooManyKeys { room: 20, got: 21 }));
    assert_eq!(encode(many, &two, &[1, 2], &[3, 4], &[5, 6]), full);
}
