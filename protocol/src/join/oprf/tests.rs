use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    ot::{ChooserSetup, KeeperSetup},
    secret::Secret,
};

pub(in crate::join) type Ends = (RelatedKeys<Chooser<2>>, RelatedKeys<Keeper<2>>);

pub(in crate::join) fn ends(session: &[u8]) -> Ends {
    let (keeper, first) = KeeperSetup::<2>::start(session, &Secret::new([1; 32]));
    let (chooser, second) = ChooserSetup::<2>::respond(session, &Secret::new([2; 32]), &first).unwrap();
    (RelatedKeys::new(chooser, session), RelatedKeys::new(keeper.finish(&second).unwrap(), session))
}

fn points(count: usize, seed: u64) -> Vec<Point> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|at| Point { index: (at % 4) as u8, ..Point::dummy(&mut rng) }).collect()
}

const BATCH: Batch = Batch { stage: 3, slab: 5 };

/// Both ends agree at the seeker's points and, of all the others, nowhere; the index and the bin count as much
/// as the item.
#[test]
fn join_20_the_ends_agree_where_bin_item_and_index_are_the_same() {
    let (seeker, holder) = ends(b"a session");
    let points = points(300, 1);
    let (message, asked) = seeker.ask(BATCH, &points);
    let keys = holder.keys(BATCH, 300, &message).unwrap();
    for words in [1, 3, 4, 5, 8, 9, 18] {
        let own = seeker.values(&asked, words);
        assert_eq!(own.len(), 300 * words);
        let evaluate = |change: &dyn Fn(u16, Point) -> (u16, Point)| {
            let at: Vec<_> = (0..).zip(&points).map(|(bin, point)| change(bin, *point)).collect();
            let mut out = Vec::new();
            holder.values(&keys, &at, words, &mut out);
            out
        };
        assert_eq!(evaluate(&|bin, point| (bin, point)), own);
        let other_index = evaluate(&|bin, point| (bin, Point { index: point.index ^ 1, ..point }));
        let other_bin = evaluate(&|bin, point| ((bin + 1) % 300, point));
        let other_item = evaluate(&|bin, mut point| {
            point.item[15] ^= 1;
            (bin, point)
        });
        for other in [other_index, other_bin, other_item] {
            assert!(other.iter().zip(&own).all(|(other, own)| other != own));
        }
        assert_eq!(evaluate(&|_, point| (300, point)), vec![0; 300 * words], "no such bin");
    }
    assert_eq!(
        seeker.values(&asked, 18)[..4],
        seeker.values(&asked, 4)[..4],
        "more words, the same first ones"
    );
    assert_eq!(format!("{:?}", points[0]), "Point(..)");
}

#[test]
fn join_21_another_session_is_another_function() {
    let (first, holder) = ends(b"a session");
    // The same correlation, but code and hash of another session.
    let (other, _) = ends(b"a session");
    let other = RelatedKeys::new(other.end, b"another session");
    let points = points(20, 2);
    let (message, asked) = first.ask(BATCH, &points);
    let (other_message, other_asked) = other.ask(BATCH, &points);
    assert_ne!(message, other_message);
    // Rows are those of the correlation: what differs is the hash.
    let (own, others) = (first.values(&asked, 2), other.values(&other_asked, 2));
    assert!(own.iter().zip(&others).all(|(own, other)| own != other));
    assert_ne!(holder.codes.0[0].encrypt(0), other.codes.0[0].encrypt(0));
    assert_ne!(holder.codes.0[0].encrypt(0), holder.codes.0[1].encrypt(0));
}

trait Encrypt {
    fn encrypt(&self, block: u8) -> [u8; 16];
}

impl Encrypt for Aes128 {
    fn encrypt(&self, block: u8) -> [u8; 16] {
        let mut block = Block::from([block; 16]);
        self.encrypt_block(&mut block);
        block.into()
    }
}

/// In how many of their 64 symbols two codes agree.
fn agreeing(a: [u128; 2], b: [u128; 2]) -> u32 {
    let agreeing = |a: u128, b: u128| {
        let different = a ^ b;
        let any = different | different >> 64;
        32 - ((any | any >> 32) as u32).count_ones()
    };
    agreeing(a[0], b[0]) + agreeing(a[1], b[1])
}

/// The distance of random codes: the bound that the document gives, computed, and a million pairs of codes.
///
/// What the pairs show is that the code's symbols agree as often as random ones (four of 64 on average, the
/// number at 15 and more as the binomial tail says); that 33 never do cannot be seen, it is computed.
#[test]
fn join_22_codes_are_far_apart() {
    // C(64,33)·16⁻³³ < 2⁻⁷¹, and the union over 3·2²⁶ comparisons of eight tables stays below 2⁻⁴⁰.
    let choose = (1..=31u128).fold(1u128, |product, k| product * (64 - k + 1) / k);
    assert_eq!(choose, 1_777_090_076_065_542_336, "C(64,33) = C(64,31)");
    let pairs = 3 * (1u128 << 26) * 8;
    assert!(choose * pairs < 1 << (132 - 40), "choose · 2⁻¹³² · pairs < 2⁻⁴⁰");

    let codes = Codes([[1; 16], [2; 16]].map(|key| Aes128::new(&key.into())));
    let mut made = vec![[0; 2]; 1_500];
    for (codes_out, points) in made.chunks_mut(64).zip(points(1_500, 3).chunks(64)) {
        codes.of(points.iter().copied(), codes_out);
    }
    let mut counts = [0u64; 65];
    for (at, a) in made.iter().enumerate() {
        made[..at].iter().for_each(|b| counts[agreeing(*a, *b) as usize] += 1);
    }
    let pairs: u64 = counts.iter().sum();
    let mean = (0..).zip(counts).map(|(agree, count)| agree * count).sum::<u64>() as f64 / pairs as f64;
    assert!((mean - 4.0).abs() < 0.02, "{mean}");
    // Pr[≥ 15] = 8.3·10⁻⁶ for random symbols: 9 of 1.1 million pairs.
    assert!(
        counts[15..].iter().sum::<u64>() < 40 && counts[22..].iter().all(|count| *count == 0),
        "{counts:?}"
    );
}

/// H is BLAKE3 keyed by the session, of row, batch and bin, written out here once more.
#[test]
fn join_23_the_hash_is_keyed_blake3_of_row_batch_and_bin() {
    let (seeker, _) = ends(b"a session");
    let (_, asked) = seeker.ask(BATCH, &points(3, 4));
    let values = seeker.values(&asked, 20);
    for (bin, row) in (0u16..).zip(asked.rows.iter()) {
        let mut hasher = blake3::Hasher::new_keyed(&seeker.key);
        hasher.update(&row[0].to_le_bytes()).update(&row[1].to_le_bytes());
        hasher.update(&bin.to_le_bytes());
        hasher.update(&BATCH.slab.to_le_bytes());
        hasher.update(&BATCH.stage.to_le_bytes());
        let mut expected = [0; 160];
        hasher.finalize_xof().fill(&mut expected);
        let expected: Vec<u64> =
            expected.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        assert_eq!(values[usize::from(bin) * 20..][..20], expected);
    }
}

#[test]
fn join_24_a_question_has_32_bytes_a_bin_and_hides_what_is_asked() {
    let (seeker, holder) = ends(b"a session");
    let (message, _) = seeker.ask(BATCH, &points(700, 5));
    assert_eq!(message.len(), 700 * 32);
    for length in [0, 31, 699 * 32, 700 * 32 - 1, 700 * 32 + 1, 701 * 32] {
        let refused = holder.keys(BATCH, 700, &vec![0; length]).err();
        assert_eq!(refused, Some(PeerMisbehaved::CountDiffers { expected: 700 * 32, got: length }));
    }
    assert!(holder.keys(BATCH, 700, &vec![0xff; 700 * 32]).is_ok());
    // The same point in every bin: a code without its pad would repeat.
    let (seeker, _) = ends(b"another");
    let same = vec![points(1, 6)[0]; 2_000];
    let (message, _) = seeker.ask(BATCH, &same);
    let chi = |bytes: &[u8]| {
        let expected = bytes.len() as f64 / 256.0;
        let mut seen = [0f64; 256];
        bytes.iter().for_each(|byte| seen[usize::from(*byte)] += 1.0);
        (seen.iter().map(|count| (count - expected).powi(2) / expected).sum::<f64>() - 255.0) / 510f64.sqrt()
    };
    assert!(chi(&message) < 7.0, "{}", chi(&message));
    let mut unmasked = [[0; 2]; 1];
    seeker.codes.of(same.iter().copied(), &mut unmasked);
    let twin: Vec<u8> =
        unmasked[0].iter().flat_map(|word| word.to_le_bytes()).cycle().take(message.len()).collect();
    assert!(chi(&twin) > 50.0, "the planted twin, a code without its pad, is found");
}
